#!/usr/bin/env bash
# Compiles main.cpp if need be and becomes the result. Where that is not possible it says why and
# exits with 69 (EX_UNAVAILABLE), which config.yaml lists as expected: EXITED, no endless retries.
set -euo pipefail
# shellcheck source=scripts/nap.sh
. "$(dirname "$0")/nap.sh"

cd "$(dirname "$0")"
trap 'exit 0' INT TERM

unavailable() {
    echo "$1" >&2
    exit 69
}

find_compiler() {
    local name
    for name in "${CXX:-c++}" g++ clang++; do
        if command -v "$name"; then return; fi
    done
    unavailable "no C++ compiler found: install g++ or clang++, then type 'start service'"
}

compile() {
    local compiler
    compiler=$(find_compiler)
    # Built beside its place and moved there when it is whole: an interrupted build never runs.
    fresh=$(mktemp main.XXXXXX) || unavailable "cannot write to $PWD"
    trap 'end_background_jobs; rm -f "$fresh"' EXIT
    echo "compiling main.cpp with $compiler"
    "$compiler" -std=c++17 -O2 -o "$fresh" main.cpp &
    wait "$!" || unavailable "main.cpp cannot be compiled with $compiler"
    mv "$fresh" main
}

if [[ ! -x main || main.cpp -nt main ]]; then
    compile
fi
exec ./main
