#!/usr/bin/env bash
# Fails after a few seconds, to show what a restart looks like.
set -euo pipefail
# shellcheck source=scripts/nap.sh
. "$(dirname "$0")/nap.sh"

trap 'exit 0' INT TERM

lifetime=$((3 + RANDOM % 6))
echo "pid $$ is going to fail in $lifetime seconds"
nap "$lifetime"
echo "pid $$ fails now, as planned" >&2
exit 7
