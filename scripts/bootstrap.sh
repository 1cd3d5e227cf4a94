#!/bin/sh
# Makes uv available: the one on the PATH, else one that pip installs into .fotmate/uv. Nothing else is installed.
set -eu
python=${1:-python3}
home=.fotmate/uv

command -v uv >/dev/null 2>&1 && exit 0
[ -x "$home/bin/uv" ] && exit 0

if ! command -v "$python" >/dev/null 2>&1; then
    echo "There is no $python here: install Python 3.11, 3.12 or 3.13 (Debian: apt-get install python3-venv)." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "$python can make no virtual environment: install its venv package (Debian: apt-get install python3-venv)." >&2
    exit 1
fi
echo "installing uv into $home"
"$python" -m venv "$home"
"$home/bin/python" -m pip install --quiet --disable-pip-version-check uv
