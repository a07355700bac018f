#!/bin/sh
# Fills a folder with DuckDB's prebuilt library and its signed extensions:
#
#     FOLDER/lib/libduckdb.so
#     FOLDER/extensions/NAME.duckdb_extension
#
# Usage: scripts/setup.sh [FOLDER]        default: .duckdb in this repository
#
# What is missing is fetched with npm and pip from the packages that carry DuckDB's own builds, and
# each file must have the SHA-256 checksum that scripts/duckdb.sha256 holds for it. Once all is there,
# the script needs neither network nor clients.
#
# With DUCKDB_LIB_DIR set (and no FOLDER), the library in that folder is used as it is, and the
# extensions in the folder `extensions` beside it: for a build of one's own, or for what was taken from
# DuckDB's release page by hand.
set -eu

version=1.5.5
library_package=@duckdb/node-bindings-linux-x64@1.5.5-r.4
root=$(cd "$(dirname "$0")/.." && pwd)
checksums=$root/scripts/duckdb.sha256

say() { echo "setup: $*"; }

fail() {
    echo "setup: $1" >&2
    shift
    for line in "$@"; do echo "       $line" >&2; done
    exit 1
}

need_compiler() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust with rustup, https://rustup.rs"
    command -v cc >/dev/null || fail "cc is missing: Rust needs a linker; install gcc or clang"
}

use_own_library() {
    [ -f "$DUCKDB_LIB_DIR/libduckdb.so" ] || [ -f "$DUCKDB_LIB_DIR/libduckdb.dylib" ] ||
        fail "DUCKDB_LIB_DIR is set, and there is no libduckdb in $DUCKDB_LIB_DIR"
    grep -aqF "v$version" "$DUCKDB_LIB_DIR"/libduckdb.* ||
        fail "the libduckdb in $DUCKDB_LIB_DIR is not DuckDB $version"
    say "using DuckDB $version in $DUCKDB_LIB_DIR (DUCKDB_LIB_DIR), unchecked"
}

need_prebuilt_platform() {
    platform="$(uname -s) $(uname -m)"
    if [ "$platform" = "Linux x86_64" ] && [ ! -e /lib/ld-musl-x86_64.so.1 ]; then return; fi
    fail "there is no prebuilt DuckDB here for $platform (only for Linux x86_64 with glibc). Either" \
        "- build DuckDB from source, which takes long: cargo build --release --features bundled" \
        "- or set DUCKDB_LIB_DIR to the folder of a libduckdb $version that you have"
}

# Whether a file (its path in the folder) is there with the checksum pinned for it.
is_right() {
    [ -f "$1/$2" ] && (cd "$1" && grep -F "  $2" "$checksums" | sha256sum --check --status -)
}

# Unchanged since it was found right: hashing 300 MB takes seconds.
is_known_right() {
    [ -f "$folder/.checked" ] && [ -z "$(find "$folder/" "$checksums" -newer "$folder/.checked")" ]
}

# A file that npm or pip brought, from $download to where it belongs.
keep() {
    is_right "$download" "$1" || fail "$1 from $2 does not have the checksum in scripts/duckdb.sha256"
    mkdir -p "$(dirname "$folder/$1")"
    mv -f "$download/$1" "$folder/$1"
}

fetch_library() {
    command -v npm >/dev/null || fail "npm is missing, which fetches libduckdb. Either" \
        "- install Node.js" \
        "- or set DUCKDB_LIB_DIR to the folder of a libduckdb $version that you have" \
        "- or build DuckDB from source, which takes long: cargo build --release --features bundled"
    say "fetching libduckdb from the npm package $library_package (24 MB)"
    (cd "$download" && npm pack --loglevel error --ignore-scripts "$library_package" >npm.log) ||
        fail "npm could not fetch $library_package"
    mkdir "$download/lib"
    tar -xmzf "$download"/*.tgz -C "$download/lib" --strip-components=1 package/libduckdb.so
    keep lib/libduckdb.so "$library_package"
}

# A Python that has pip: the one at hand, else one in a temporary environment.
find_pip() {
    command -v python3 >/dev/null || fail "python3 is missing, which fetches DuckDB's extensions: install Python 3 with pip"
    python=python3
    if "$python" -m pip --version >/dev/null 2>&1; then return; fi
    python3 -m venv "$download/venv" >/dev/null 2>&1 ||
        fail "pip is missing, which fetches DuckDB's extensions: install it (python3-pip)"
    python=$download/venv/bin/python
}

fetch_extension() {
    package="duckdb-extension-$1==$version"
    say "fetching the extension $1 from the Python package $package"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --dest "$download/$1" "$package" || fail "pip could not fetch $package"
    "$python" -m zipfile -e "$download/$1"/*.whl "$download/$1"
    mkdir -p "$download/extensions"
    mv "$download/$1/duckdb_extension_$1/extensions/v$version/$1.duckdb_extension" "$download/extensions/"
    keep "extensions/$1.duckdb_extension" "$package"
}

fetch_missing() {
    mkdir -p "$folder"
    # In the folder itself, so that a file moves into its place at once or not at all.
    download=$(mktemp -d "$folder/.download.XXXXXX")
    trap 'rm -rf "$download"' EXIT
    trap 'exit 1' HUP INT TERM
    python=
    for file in $(cut -d ' ' -f 3 "$checksums"); do
        if is_right "$folder" "$file"; then continue; fi
        case $file in
        lib/*) fetch_library ;;
        extensions/*)
            [ -n "$python" ] || find_pip
            fetch_extension "$(basename "$file" .duckdb_extension)"
            ;;
        esac
    done
    rm -rf "$download"
    : >"$folder/.checked"
    touch "$folder/.checked" # after the folder, whose time the line above has changed
}

need_compiler
if [ $# -eq 0 ] && [ -n "${DUCKDB_LIB_DIR:-}" ]; then
    use_own_library
    exit
fi
need_prebuilt_platform
folder=${1:-$root/.duckdb}
if ! is_known_right; then fetch_missing; fi
say "DuckDB $version is ready in $folder"
