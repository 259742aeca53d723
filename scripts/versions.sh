#!/usr/bin/env bash
# Runs the sentinel and the modules by every Celery that is supported, each with its own line of kombu, on every Python
# that it supports and this machine has.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Python: the lines of Celery that support it.
matrix=(
    "3.8: 5.3 5.4 5.5"
    "3.9: 5.3 5.4 5.5 5.6"
    "3.10: 5.3 5.4 5.5 5.6 5.7"
    "3.11: 5.3 5.4 5.5 5.6 5.7"
    "3.12: 5.4 5.5 5.6 5.7"
    "3.13: 5.5 5.6 5.7"
)
environments=$PWD/.cache/versions

# make PYTHON ENVIRONMENT CELERY
make() {
    local directory=$2
    [ ! -e "$directory/.made" ] || return 0
    rm -rf "$directory"
    "$1" -m venv "$directory"
    "$directory/bin/python" -m pip install --quiet --quiet --disable-pip-version-check \
        "celery[redis]~=$3.0" "kombu~=$3.0" packaging 'setuptools<81'
    touch "$directory/.made"
}

mkdir -p "$environments"
wanted=()
for row in "${matrix[@]}"; do
    version=${row%%:*}
    if ! python=$(python_of "$version"); then
        printf 'Python %s is not on this machine, so it is NOT tested. Put python%s on the PATH.\n' "$version" "$version"
        continue
    fi
    read -ra lines <<<"${row#*:}"
    for line in "${lines[@]}"; do
        wanted+=("$version-$line")
        until_fewer_jobs_than "$(nproc)"
        make "$python" "$environments/$version-$line" "$line" &
    done
done
wait
# One that could not be made would not be tested, and nobody would miss it.
for name in "${wanted[@]}"; do
    [ -e "$environments/$name/.made" ] || die "The environment $name could not be made; see above."
done
VERSIONS_ENVIRONMENTS=$environments .venv/bin/python -m pytest --color=no -p no:cacheprovider --config-file=/dev/null \
    --rootdir=tests/versions --numprocesses="$(nproc)" -q "$@" tests/versions
