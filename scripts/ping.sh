#!/usr/bin/env bash
# Watches whether a host answers, loopback by default, and says so when that changes.
set -euo pipefail
# shellcheck source=scripts/nap.sh
. "$(dirname "$0")/nap.sh"

host=${PING_HOST:-127.0.0.1}
every=${PING_INTERVAL:-5}
trap 'exit 0' INT TERM

by_ping() {
    ping -n -q -c 1 -W 1 "$host" >/dev/null 2>&1 &
    wait "$!"
}

# A refused connection is an answer too: only a host that is there refuses.
by_tcp() {
    local said
    # shellcheck disable=SC2016 # $0 is for the inner bash
    said=$(LC_ALL=C timeout --foreground 1 bash -c ': <>"/dev/tcp/$0/9"' "$host" 2>&1) || [[ $said == *refused* ]]
}

# `ping` may be missing, or be forbidden to us as in many containers. Loopback always answers,
# so it tells whether the program can be trusted.
probe=by_ping
if ! host=127.0.0.1 by_ping; then
    echo "the ping program is missing or not permitted: probing by TCP instead" >&2
    probe=by_tcp
fi

last=unknown
while true; do
    if "$probe"; then now=answers; else now="is silent"; fi
    if [[ $now != "$last" ]]; then
        printf '%(%H:%M:%S)T %s %s\n' -1 "$host" "$now"
        last=$now
    fi
    nap "$every"
done
