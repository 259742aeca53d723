#!/usr/bin/env bash
# Runs the unit tests as ansible-test does. For one of them, plain pytest does as well.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_programs git rsync
scripts/venv.sh dev

status=0
scripts/ansible-test.sh units --local --python default "$@" || status=1

# A test that was skipped proves nothing, so it counts as failed.
read -r passed failed < <(.venv/bin/python - .cache/tree-units/ansible_collections/taskfleet/celery/tests/output/junit/*.xml <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

cases = [case for report in sys.argv[1:] for case in tree.parse(report).iter("testcase")]
bad = sum(any(case.find(tag) is not None for tag in ("failure", "error", "skipped")) for case in cases)
print(len(cases) - bad, bad)
PYTHON
)
echo "$passed $failed" >.cache/units.count
[ "$status" -eq 0 ] && [ "$failed" -eq 0 ]
