"""What is printed at the end of a run, and of `make times`."""

from __future__ import annotations

from testrun.outcome import FAILED, NOT_HERE

MOST_SECOND_TRIES = 3  # more of them fail the run: by then it is not the machine


def table(outcomes):
    """Return the parts with their times and outcomes."""
    rows = [outcome.line() for outcome in outcomes if outcome.part.is_test]
    return "\n".join(["", *rows, ""])


def conclusion(outcomes):
    """Return the last lines of a run, and how many failed.

    Reasons are said once more, where whoever sees only the last lines finds them.
    """
    tests = [outcome for outcome in outcomes if outcome.part.is_test]
    passed = sum(outcome.passed for outcome in tests)
    failed = sum(outcome.failed for outcome in tests)
    lines = [f"NOT TESTED {one.part.name}: this machine lacks what it needs" for one in tests if one.word == NOT_HERE]
    lines += [f"FAILED {one.part.name}: {reason}" for one in tests if one.word == FAILED for reason in one.reasons]
    again = [outcome for outcome in tests if outcome.first]
    if len(again) > MOST_SECOND_TRIES:
        failed += 1
        lines.append(f"FAILED second tries: {len(again)} parts needed one. Expected at most {MOST_SECOND_TRIES}.")
    lines.append(f"second tries: {len(again)}")
    for one in again:
        lines.append(f"  {one.part.name}: first FAILED: {'; '.join(one.first.reasons)}; then {one.word}")
    lines.append(f"{passed} passed, {failed} failed")
    return "\n".join(lines), failed


def times(rows):
    """Return where the time of a run went, the longest first, with the stages below their part."""
    if not rows:
        return "No run has kept its times yet. Expected .cache/times.jsonl; run `make test`."
    parts = [row for row in rows if "stage" not in row]
    lines = [f"run of {rows[0]['run']}: {max(row['ended'] for row in parts):.0f} s"]
    for group in dict.fromkeys(row["part"].partition("/")[0] for row in parts):
        mine = [row for row in parts if row["part"].startswith(f"{group}/")]
        lines.append(f"\n{group}: {sum(row['seconds'] for row in mine):.0f} s of parts side by side")
        for row in sorted(mine, key=lambda row: -row["seconds"]):
            again = ", second try" if row["second_try"] else ""
            lines.append(f"  {row['seconds']:7.1f} s  {row['part']}  {row['outcome']}{again}")
            lines += [
                f"      {stage['seconds']:7.1f} s  {stage['stage']}"
                for stage in rows
                if stage["part"] == row["part"] and stage["ended"] == row["ended"] and "stage" in stage
            ]
    return "\n".join(lines)
