"""usage: scripts/test.sh quick | all | times | GROUP | GROUP/NAME...

quick   what `make test` is, and every change has to pass
all     what `make test-all` is: everything. What has passed for the same tree is kept and not run again
times   where the time of the last run went
GROUP   all parts of a group; GROUP/NAME is one part

TASKFLEET_WHOLE=1 runs a part as `all` does: with all faults and incidents, and on every release of Celery.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from testrun import parts, record, report
from testrun.outcome import FAILED, KEPT, OK, Outcome
from testrun.runner import Runner

ROOT = Path(__file__).resolve().parents[1]


def main(words):
    """Return the exit code."""
    times = record.Times(ROOT)
    if words == ["times"]:
        print(report.times(times.last()))
        return 0
    is_all = words == ["all"]
    whole = is_all or bool(os.environ.get("TASKFLEET_WHOLE"))
    known = parts.table(ROOT, whole)
    try:
        chosen = parts.choose(words or ["quick"], known)
    except parts.Unknown as problem:
        print(f"{problem}\n\n{__doc__}", file=sys.stderr)
        return 2
    passes = record.Passes(ROOT) if is_all else None
    kept = [kept_outcome(part, passes.rows[part.name]) for part in chosen if passes and part.name in passes.rows]
    names = {outcome.part.name for outcome in kept}

    def ended(outcome):
        times.add(outcome)
        if passes and outcome.word == OK:
            passes.add(outcome)

    outcomes = Runner(ROOT, whole, ended).run(
        parts.with_needs([part for part in chosen if part.name not in names], known)
    )
    outcomes += kept
    if is_all:
        print(report.table(outcomes))
    text, failed = report.conclusion(outcomes)
    print(text)
    return 1 if failed else 0


def kept_outcome(part, row):
    """Return what was kept of a part that passed before, with its second try, if it had one."""
    first = Outcome(part, FAILED, reasons=row["first"]) if row["first"] is not None else None
    return Outcome(part, KEPT, row["passed"], seconds=row["seconds"], first=first)


def interrupted(*_signal):
    """End as with Ctrl-C, and so end what was started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    sys.exit(main(sys.argv[1:]))
