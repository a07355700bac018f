#!/bin/sh
# Makes the Python environments that hold the peers of the benchmark, as bench/requirements*.txt pin them:
# FOLDER/venv, FOLDER/lifetimes (whose numpy is of years ago) and FOLDER/pymc.
# Usage: scripts/bench-python.sh FOLDER        PYTHON names an interpreter to try first
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
folder=$1

# Prints the first interpreter of at least 3.$1 and at most 3.$2.
interpreter() {
    for python in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$python" ] && "$python" -c "import sys; sys.exit(not (3, $1) <= sys.version_info[:2] <= (3, $2))" \
            >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    echo "bench: no Python from 3.$1 to 3.$2: set PYTHON to one" >&2
    exit 1
}

# Fills folder/$1 with an interpreter of at least 3.$2 and at most 3.$3 from the requirements $4.
environment() {
    python=$(interpreter "$2" "$3")
    echo "bench: fetching the peers (bench/$4) into $folder/$1, for $python"
    "$python" -m venv --clear "$folder/$1"
    "$folder/$1/bin/pip" install --quiet --disable-pip-version-check -r "$root/bench/$4"
}

environment venv 12 99 requirements.txt
# Its own requirements ask for a numpy of years ago, without which it works.
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps gbstats==0.8.0
environment lifetimes 11 12 requirements-lifetimes.txt
environment pymc 12 13 requirements-pymc.txt
