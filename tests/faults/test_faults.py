"""Every incident is judged as its file says, healed or left alone, with nothing lost and nobody else touched."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest
from incidents import QUICK_ROUND, ROUNDS, LabFleet, all_incidents, play

INCIDENTS = all_incidents()
TABLE = Path(__file__).resolve().parents[2] / ".cache" / "faults.json"
STORIES = {}


def story_of(name):
    """Play a round when the first of its incidents is asked for."""
    if name not in STORIES:
        try:
            STORIES[name] = play([one for one in INCIDENTS if name == one.ROUND], LabFleet())
            write_table()
        except BaseException as error:
            STORIES[name] = error
            raise
    if isinstance(STORIES[name], BaseException):
        raise AssertionError(f"the round {name} was broken off: {STORIES[name]}")
    return STORIES[name]


def marks(name):
    """All rounds but one are left to `make faults`."""
    return [] if name == QUICK_ROUND else [pytest.mark.whole]


@pytest.mark.parametrize("incident", [pytest.param(one, id=one.name, marks=marks(one.ROUND)) for one in INCIDENTS])
def test_incident(incident):
    story = story_of(incident.ROUND)
    assert incident.verdict in incident.expected, incident.found["cause"]
    assert incident.action == incident.ACTION, story.heal.stdout
    exits = incident.exit_code(story.heal.before), incident.exit_code(story.heal.report)
    assert exits == incident.EXITS, (story.heal.before["failed"], story.heal.report["failed"])
    if incident.ACTION != "none":
        assert incident.seconds is not None
    assert incident.do("healed", LabFleet())


@pytest.mark.parametrize("name", [pytest.param(name, id=name, marks=marks(name)) for name in ROUNDS])
def test_round(name):
    story = story_of(name)
    assert story.lost == {}, f"of {story.sent} tasks; taken and not done are {story.held}; {story.heal.heal}"
    assert story.touched == []
    assert story.heal.rc == max(one.EXITS[1] for one in story.incidents), story.heal.stdout[-6000:]


def write_table():
    """For `make faults`, and whoever compares."""
    rows = []
    for story in STORIES.values():
        if isinstance(story, BaseException):
            continue
        rows += [
            {
                "incident": one.name,
                "round": one.ROUND,
                "verdict": "/".join(one.verdict),
                "expected": " or ".join("/".join(right) for right in one.expected),
                "action": one.action,
                "seconds": one.seconds,
                "tasks_sent": story.sent,
                "tasks_lost": len(story.lost),
                "healthy_touched": story.touched,
                "what": (one.module.__doc__ or "").strip().splitlines()[0],
            }
            for one in story.incidents
        ]
    seconds = [row["seconds"] for row in rows if row["seconds"] is not None]
    table = {
        "incidents": rows,
        "median_seconds": statistics.median(seconds) if seconds else None,
        "worst_seconds": max(seconds, default=None),
    }
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
