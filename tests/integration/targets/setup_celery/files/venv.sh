#!/bin/sh
# usage: venv.sh DIRECTORY [NAME PACKAGES]...  makes virtual environments of just these packages, each once.
# PACKAGES is one word, with spaces. Targets that run side by side share them, so only one makes each.
# No pattern is meant to match a file: a package's name may have brackets.
set -euf

# make DIRECTORY PACKAGE...
make() (
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
)

cache=$1
shift
mkdir -p "$cache"
while [ $# -gt 0 ]; do
    # shellcheck disable=SC2086  # several words
    make "$cache/$1" $2
    shift 2
done
