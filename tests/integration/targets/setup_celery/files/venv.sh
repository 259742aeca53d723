#!/bin/sh
# usage: venv.sh DIRECTORY PACKAGE...  makes a virtual environment of just these packages, once.
# Targets that run side by side share it, so only one makes it.
set -eu

directory=$1
shift
made_of=$directory/.made-of

exec 9>"$directory.lock"
flock 9
[ "$(cat "$made_of" 2>/dev/null)" != "$*" ] || exit 0

rm -rf "$directory"
# The system's interpreter: no other user could use an environment made from one in a home directory.
/usr/bin/python3 -m venv "$directory"
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check packaging 'setuptools<81' "$@"
echo "$*" >"$made_of"
echo made
