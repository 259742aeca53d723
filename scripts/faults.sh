#!/usr/bin/env bash
# Break a fleet in every way that tests/faults/ knows, and see each fault judged and healed. Prints the table and
# leaves it in .cache/faults.json. Then, so that it does not disturb the times in the table, an outage of the broker
# for ten minutes.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

rm -f .cache/faults.json
status=0
export TASKFLEET_WHOLE=1
scripts/test.sh scenario/heal || status=$?
scripts/test.sh scenario/sentinel || status=$?
[ -f .cache/faults.json ] || die "No round was played to its end: see .cache/logs/heal/molecule.log"

.venv/bin/python - .cache/faults.json <<'PYTHON'
import json
import sys
from pathlib import Path

result = json.loads(Path(sys.argv[1]).read_text())
print("%-24s %-34s %-8s %8s %6s %6s" % ("incident", "verdict", "action", "healed", "lost", "others"))
for row in result["incidents"]:
    right = "" if row["verdict"] == row["expected"] else "   expected " + row["expected"]
    healed = "%d s" % row["seconds"] if row["seconds"] is not None else "-"
    others = len(row["healthy_touched"])
    print(
        "%-24s %-34s %-8s %8s %6d %6d%s"
        % (row["incident"], row["verdict"], row["action"], healed, row["tasks_lost"], others, right)
    )
if result["median_seconds"] is not None:
    print("from the fault until healed: median %d s, worst %d s" % (result["median_seconds"], result["worst_seconds"]))
PYTHON
exit "$status"
