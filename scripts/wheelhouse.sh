#!/usr/bin/env bash
# Fill .cache/wheelhouse/<suite> with the wheels that the scenarios install.
# Resolved inside the test host's image: only there are its Python's version
# and platform known exactly. Does nothing while the requirements are the same.
#
# usage: scripts/wheelhouse.sh [SUITE...]     (default: bookworm trixie)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
requirements=$root/molecule/images/requirements-wheelhouse.txt
logs=$root/.cache/logs
wanted=$(sha256sum <"$requirements" | cut -c1-16)

fill() {
    local suite=$1 wheels=$root/.cache/wheelhouse/$1
    rm -rf "$wheels"
    mkdir -p "$wheels"
    docker run --rm --interactive --volume "$wheels:/wheelhouse" \
        --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt --env DEBIAN_FRONTEND=noninteractive \
        "taskfleet-celery-host:$suite" sh -euc '
            apt-get -q install -y --no-install-recommends python3-venv
            python3 -m venv /tmp/venv
            /tmp/venv/bin/pip wheel --no-cache-dir --wheel-dir /wheelhouse --requirement /dev/stdin
        ' <"$requirements"
    echo "$wanted" >"$wheels/.stamp"
}

[ $# -gt 0 ] || set -- bookworm trixie
mkdir -p "$logs"
declare -A jobs=()
for suite in "$@"; do
    [ "$(cat "$root/.cache/wheelhouse/$suite/.stamp" 2>/dev/null)" = "$wanted" ] && continue
    echo "wheelhouse: resolving for $suite (output in .cache/logs/wheelhouse-$suite.log)"
    (fill "$suite") >"$logs/wheelhouse-$suite.log" 2>&1 &
    jobs[$suite]=$!
done
failed=0
for suite in "${!jobs[@]}"; do
    wait "${jobs[$suite]}" && continue
    failed=1
    echo "wheelhouse: resolving for $suite failed:" >&2
    tail -n 15 "$logs/wheelhouse-$suite.log" >&2
done
exit "$failed"
