#!/bin/sh
# Makes a Python environment that holds the peers of the benchmark, as bench/requirements.txt pins them.
# Usage: scripts/bench-python.sh FOLDER        PYTHON names the interpreter, 3.12 or later
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

for python in "${PYTHON:-}" python3 python3.14 python3.13 python3.12; do
    if [ -n "$python" ] && is_new_enough "$python"; then
        echo "bench: fetching the peers (bench/requirements.txt) into $1, for $python"
        "$python" -m venv --clear "$1"
        "$1/bin/pip" install --quiet --disable-pip-version-check -r "$root/bench/requirements.txt"
        # Its own requirements ask for a numpy of years ago, without which it works.
        exec "$1/bin/pip" install --quiet --disable-pip-version-check --no-deps gbstats==0.8.0
    fi
done
echo "bench: tea-tasting needs Python 3.12 or later: set PYTHON to one" >&2
exit 1
