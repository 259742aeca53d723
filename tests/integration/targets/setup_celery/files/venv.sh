#!/bin/sh
# usage: venv.sh DIRECTORY PYTHON [NAME PACKAGES]...  makes virtual environments of just these packages, each once.
# PYTHON has pip, which is quicker than to give each environment its own. PACKAGES is one word, with spaces.
# Targets that run side by side share the environments, so only one makes each.
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
    /usr/bin/python3 -m venv --without-pip "$directory"
    "$python" -m pip --python "$directory/bin/python" install --quiet --disable-pip-version-check --no-compile \
        packaging 'setuptools<81' "$@"
    # What a worker, its application and the modules load; nobody else may write compiled modules here.
    "$directory/bin/python" -m compileall -q -j 0 -x '/tests?/|/testing/' "$directory/lib" >/dev/null
    echo "$*" >"$made_of"
    echo made
)

cache=$1
python=$2
shift 2
mkdir -p "$cache"
while [ $# -gt 0 ]; do
    # shellcheck disable=SC2086  # several words
    make "$cache/$1" $2
    shift 2
done
