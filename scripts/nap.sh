# shellcheck shell=bash
# Sourced by the sample programs: a sleep that a signal ends at once.
#
# bash runs a trap only after the command in the foreground has ended, so the sleep goes to the
# background and bash waits for it. There it ignores INT and QUIT, as every background job of a
# script does, so it is ended by hand when the script ends.

nap() {
    sleep "$1" &
    wait "$!" || true
}

end_background_jobs() {
    local job
    for job in $(jobs -p); do
        kill "$job" 2>/dev/null || true
        wait "$job" 2>/dev/null || true
    done
}

trap end_background_jobs EXIT
