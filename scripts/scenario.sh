#!/usr/bin/env bash
# Runs one Molecule scenario: deploys into containers with systemd, and looks at the outcome.
# What its tests write, and what is kept of a failure, is in .cache/logs/SCENARIO/.
#
# usage: scripts/scenario.sh SCENARIO
set -euo pipefail
. "$(dirname "$0")/lib.sh"

scenario=${1:?usage: scripts/scenario.sh SCENARIO}
kept=.cache/logs/$scenario
export PATH=$PWD/.venv/bin:$PATH MOLECULE_GLOB="molecule/*/molecule.yml" NO_COLOR=1 PY_COLORS=0 ANSIBLE_NOCOLOR=1

configs=(-c .config/molecule/config.yml)
[ -n "${TASKFLEET_WHOLE:-}" ] || configs+=(-c .config/molecule/quick.yml)

# What the first try left is what tells why there is a second one.
if [ "${TASKFLEET_TRY:-1}" != 1 ]; then
    rm -rf "$kept.first-try"
    mv "$kept" "$kept.first-try"
fi
rm -rf "$kept"
mkdir -p "$kept" .cache/molecule

# Nobody uses the hosts of a run that was broken off.
trap 'hosts_of "$scenario" | xargs --no-run-if-empty docker rm --force >/dev/null; exit 130' INT TERM
status=0
molecule "${configs[@]}" test --scenario-name "$scenario" 2>&1 | tee "$kept/molecule.log" || status=$?
if [ "$status" -ne 0 ]; then
    cat "$kept/last-lines.txt" || echo "$kept holds nothing of the hosts: there were none."
    # The runner names the tests that failed; where none did, a stage before them broke off.
    grep -E 'fatal: \[|CRITICAL' "$kept/molecule.log" | tail -n 1 | sed 's/^/FAILED a stage before the tests: /' || true
fi
exit "$status"
