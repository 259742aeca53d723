#!/usr/bin/env bash
# Runs the unit tests twice: with pytest from the checkout, and as ansible-test runs them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_programs git rsync
scripts/venv.sh dev
mkdir -p .cache

report=.cache/units.xml
rm -f "$report"
status=0
PATH=$PWD/.venv/bin:$PATH python -m pytest tests/unit --junitxml="$report" "$@" || status=1

# A test that was skipped proves nothing, so it counts as failed.
read -r passed failed < <(.venv/bin/python - "$report" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

cases = tree.parse(sys.argv[1]).findall(".//testcase")
bad = sum(any(case.find(tag) is not None for tag in ("failure", "error", "skipped")) for case in cases)
print(len(cases) - bad, bad)
PYTHON
)

if scripts/ansible-test.sh units --local --python default; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
fi
echo "$passed $failed" >.cache/units.count
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
