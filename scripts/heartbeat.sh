#!/usr/bin/env bash
# Logs one line a second.
set -euo pipefail
# shellcheck source=scripts/nap.sh
. "$(dirname "$0")/nap.sh"

beats=0
trap 'echo "stopped after $beats beats" >&2; exit 0' INT TERM

while true; do
    beats=$((beats + 1))
    printf '%(%Y-%m-%dT%H:%M:%S%z)T beat %d\n' -1 "$beats"
    nap 1
done
