"""How a part went: what it counts, and why what failed did."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

OK, FAILED, KEPT, NOT_HERE = "ok", "FAILED", "kept", "not here"
LONGEST_REASON = 600  # characters


@dataclass
class Outcome:
    """The outcome of one part."""

    part: object
    word: str  # OK; FAILED; KEPT: passed before, for the same tree; NOT_HERE: this machine lacks what it needs
    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    reasons: list = field(default_factory=list)
    stages: list = field(default_factory=list)  # (name, seconds)
    log: object = None  # the path of what it printed
    first: object = None  # the outcome of the first try, where this is of the second

    def line(self):
        """Return it in one line."""
        counts = f"{self.passed} passed, {self.failed} failed" if self.part.is_test else ""
        return f"{self.word:<8} {self.seconds:7.1f} s  {self.part.name:<34} {counts}".rstrip()


def counted(part, code, seconds, stages, log, root):
    """Return the outcome of a part that ended with an exit code.

    Its JUnit reports count where it has any, else the part itself. What broke off before it counted is no empty
    success, and a test that was skipped proves nothing.
    """
    if code == part.not_here:
        return Outcome(part, NOT_HERE, seconds=seconds, log=log)
    passed, reasons = 0, []
    if part.junit:
        for report in sorted(root.glob(part.junit)):
            good, bad = cases(ElementTree.parse(report))
            passed += good
            reasons += bad
    elif code == 0:
        passed = 1
    failed = len(reasons)
    if not failed and (code != 0 or (part.is_test and not passed)):
        failed, reasons = 1, said(log) or [f"ended with exit code {code}"]
    word = FAILED if failed else OK
    return Outcome(part, word, passed, failed, seconds, reasons, stages, log)


def cases(report):
    """Return how many test cases passed, and a reason for each other one."""
    passed, reasons = 0, []
    for case in report.iter("testcase"):
        bad = [outcome for tag in ("failure", "error", "skipped") for outcome in case.findall(tag)]
        if bad:
            reasons.append(short(f"{case.get('name')}: {bad[0].get('message') or bad[0].tag}"))
        else:
            passed += 1
    return passed, reasons


def said(log):
    """Return the reasons that a part itself gave, in lines that begin with FAILED."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [short(re.sub(r"^FAILED\s*", "", line)) for line in lines if line.startswith("FAILED")]


def short(text):
    """Return a text in one line that is not too long."""
    return " ".join(text.split())[:LONGEST_REASON]
