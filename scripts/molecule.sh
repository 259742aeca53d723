#!/usr/bin/env bash
# Deploy into containers with systemd and look at the outcome: every scenario,
# or those named. Counts go to .cache/molecule.count as "passed failed".
#
# usage: scripts/molecule.sh [SCENARIO...]
set -euo pipefail
. "$(dirname "$0")/lib.sh"

counts=.cache/molecule.count
results=.cache/molecule
logs=.cache/logs
mkdir -p "$results" "$logs"
rm -f "$counts"

need_programs ssh:openssh-client
scripts/venv.sh dev
scripts/docker.sh
scripts/images.sh
scripts/wheelhouse.sh

export PATH=$PWD/.venv/bin:$PATH MOLECULE_GLOB="molecule/*/molecule.yml" NO_COLOR=1 PY_COLORS=0 ANSIBLE_NOCOLOR=1

# Shows a line for each stage; everything else is in the scenario's log.
run() {
    local scenario=$1
    molecule -c .config/molecule/config.yml test --scenario-name "$scenario" 2>&1 |
        tee "$logs/molecule-$scenario.log" |
        sed -un "s/^.*\[\($scenario > [a-z_]*\)\] Executed: \(Successful\|Failed\).*/molecule: \1: \2/p"
    return "${PIPESTATUS[0]}"
}

if [ $# -eq 0 ]; then
    # The long ones first, so that none of them runs alone at the end.
    long='options|sentinel|fleet|heal'
    names=$(printf '%s\n' molecule/*/molecule.yml | cut -d/ -f2)
    mapfile -t names < <(grep -xE "$long" <<<"$names"; grep -vxE "$long" <<<"$names")
    set -- "${names[@]}"
fi
declare -A jobs=()
for scenario in "$@"; do
    rm -f "$results/$scenario.xml"
    # As many at once as keep the processors busy; more would only starve each other.
    until_fewer_jobs_than "$(($(nproc) + 1))"
    run "$scenario" &
    jobs[$scenario]=$!
done
failed=()
for scenario in "$@"; do
    wait "${jobs[$scenario]}" || failed+=("$scenario")
done

# Each test counts, and each stage that failed without a test to blame.
.venv/bin/python - "$counts" "$results" "$logs" "${failed[@]}" -- "$@" <<'PYTHON'
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SHOWN = 600  # characters of a reason


def failures(cases):
    """The name of each test that did not pass, with the reason."""
    for case in cases:
        for tag in ("failure", "error", "skipped"):
            for outcome in case.findall(tag):
                yield case.get("name"), outcome.get("message") or tag


def broken_task(log):
    """What Ansible said of the last task that failed."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line for line in reversed(lines) if "fatal: [" in line or "CRITICAL" in line), "see its log")


counts, results, logs, *rest = sys.argv[1:]
divider = rest.index("--")
broken, scenarios = rest[:divider], rest[divider + 1 :]
passed = failed = 0
for scenario in scenarios:
    report = Path(results) / f"{scenario}.xml"
    cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    why = list(failures(cases))
    tests, bad = len(cases), len(why)
    if scenario in broken:
        bad = max(bad, 1)
    elif tests == 0:
        bad = 1
    if bad and not why:
        why = [("a stage before the tests", broken_task(Path(logs) / f"molecule-{scenario}.log"))]
    for name, reason in why:
        print(f"FAILED {scenario}: {name}: {' '.join(reason.split())[:SHOWN]}")
    print(f"molecule: {scenario}: {max(tests - bad, 0)} passed, {bad} failed")
    passed += max(tests - bad, 0)
    failed += bad
Path(counts).write_text(f"{passed} {failed}\n")
sys.exit(1 if failed else 0)
PYTHON
