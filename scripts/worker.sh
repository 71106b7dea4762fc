#!/usr/bin/env bash
# Works on one job after another until it is interrupted. USR1 makes it give up with exit code 3.
set -euo pipefail
# shellcheck source=scripts/nap.sh
. "$(dirname "$0")/nap.sh"

id=${WORKER_ID:-?}
jobs_done=0

finish() {
    echo "worker $id: $1 after $jobs_done jobs" >&2
    exit "$2"
}
trap 'finish interrupted 0' INT TERM
trap 'finish "gave up" 3' USR1

echo "worker $id: greeting is '${GREETING:-}', umask is $(umask), pid is $$"
while true; do
    nap $((2 + RANDOM % 4))
    jobs_done=$((jobs_done + 1))
    echo "worker $id: job $jobs_done done"
done
