"""What outlives a run: where its time went, and what has passed for which tree."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

KEPT_TREES = 20


class Times:
    """The file that each run appends to: a line of JSON for each part and each of its stages."""

    def __init__(self, root):
        self.path = root / ".cache/times.jsonl"
        self.run = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.begun = time.monotonic()

    def add(self, outcome):
        """Append a part."""
        ended = round(time.monotonic() - self.begun, 1)
        line = {"run": self.run, "part": outcome.part.name, "outcome": outcome.word, "ended": ended}
        rows = [{**line, "seconds": round(outcome.seconds, 1), "second_try": outcome.first is not None}]
        rows += [{**line, "stage": name, "seconds": round(seconds, 1)} for name, seconds in outcome.stages]
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def last(self):
        """Return the lines of the last run, or none."""
        if not self.path.exists():
            return []
        rows = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        return [row for row in rows if row["run"] == rows[-1]["run"]]


class Passes:
    """What has passed for the tree as it is now, kept outside the checkout: {part: its line}."""

    def __init__(self, root):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.path = cache / "taskfleet.celery" / "passed" / f"{tree_of(root)}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        self.rows = {row["part"]: row for row in map(json.loads, lines)}
        self._forget_old_trees()

    def add(self, outcome):
        """Keep a part that passed, also at its second try, which is reported again whenever it is kept."""
        row = {
            "part": outcome.part.name,
            "passed": outcome.passed,
            "seconds": round(outcome.seconds, 1),
            "first": outcome.first.reasons if outcome.first else None,
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _forget_old_trees(self):
        known = sorted(self.path.parent.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in known[KEPT_TREES:]:
            path.unlink()


def tree_of(root):
    """Return the hash of all files that git knows or would add, as they are in the working tree."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "GIT_INDEX_FILE": f"{directory}/index"}
        git = ["git", "-c", f"safe.directory={root}", "-C", str(root)]
        subprocess.run([*git, "add", "--all"], env=environment, check=True, capture_output=True)
        done = subprocess.run([*git, "write-tree"], env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()
