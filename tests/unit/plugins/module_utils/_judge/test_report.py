# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import pathlib
import re
from html.parser import HTMLParser

import jinja2
import jsonschema
import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.policy import policy
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import FINDINGS, REASONS, SUBJECTS
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.report import app_of, lines
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.recorded import NAMES, Recording
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils._judge.rules.stuck_fleets import loop_blocked
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet, report_of
from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.scenes import SCENES

ROOT = pathlib.Path(__file__).resolve().parents[5]
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text(encoding="utf-8"))


TEMPLATE = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
    (ROOT / "roles/celery_health/templates/report.html.j2").read_text(encoding="utf-8")
)


def html(**variables):
    return TEMPLATE.render(variables)


class Balance(HTMLParser):
    """Fails on a tag that is not closed, or closed twice."""

    VOID = ("meta", "br")

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def well_formed(text):
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    return text


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["node"]["properties"]["reason"]["enum"] == list(REASONS)
    assert SCHEMA["$defs"]["finding"]["properties"]["reason"]["enum"] == list(FINDINGS)


@pytest.mark.parametrize("scene", [scene for scene, _reason in SCENES], ids=lambda scene: scene.__name__)
def test_every_report_is_valid_json_of_the_schema_and_a_page(scene):
    fleet = scene()
    fleet.expected["beat"] = {"host": "web1"}
    is_well_formed(report_of(fleet))


@pytest.mark.parametrize("name", NAMES)
def test_report_of_a_recording_is_valid_json_of_the_schema_and_a_page(name):
    is_well_formed(Recording(name).judge()["report"])


def is_well_formed(found):
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)
    well_formed(html(report=found))
    assert all("\n" not in line for line in lines(found))


def test_the_worst_come_first():
    found = report_of(loop_blocked())
    assert [node["verdict"] for node in found["nodes"]] == ["stuck", "healthy", "healthy"]
    assert found["summary"] == {
        "healthy": 2,
        "starting": 0,
        "stuck": 1,
        "down": 0,
        "misconfigured": 0,
        "unknown": 0,
        "nodes": 3,
        "findings": 0,
    }


def test_queues_and_their_trend():
    found = report_of(
        ExampleFleet().queue_says(ready=(3, 9)).queue_says("b", ready=(9, 3)).queue_says("c", ready=(None, 3))
    )
    assert {name: queue["trend"] for name, queue in found["queues"].items()} == {
        "default": "rises",
        "b": "falls",
        "c": None,
    }
    assert found["queues"]["default"]["samples"] == [3, 9]


def test_a_healthy_fleet_of_300_is_one_line():
    assert lines(report_of(ExampleFleet(300))) == ["shop: 300 healthy; broker answers", "Nothing to do."]


def test_one_line_for_each_that_is_not_healthy():
    found = lines(report_of(loop_blocked()))
    assert len(found) == 3
    assert found[0].startswith("w1@web1: stuck/loop_stalled [restart]: Its main loop has not turned for 45 s")
    assert found[0].endswith("(docs/runbooks/loop_stalled.md)")
    assert found[1:] == ["shop: 1 stuck, 2 healthy; broker answers", "To do: run restart_idle, which restarts w1@web1."]


def test_findings_and_services_have_lines():
    fleet = ExampleFleet().queue_says("orphans", ready=5)
    fleet.expected["beat"] = {"host": "web1"}
    found = lines(report_of(fleet))
    assert found[0].startswith("beat on web1: down/not_running [start]:")
    assert found[1].startswith("finding error/uncovered_queue: 5 tasks wait in orphans")
    assert found[2] == "shop: 3 healthy; broker answers; 1 finding"
    assert found[3] == ("To do, for beat: start the service (docs/runbooks/not_running.md); 1 more above.")


def test_many_with_one_cause_share_a_line():
    found = lines(report_of(ExampleFleet(300, sentinel=False).broker_down()))
    assert len(found) == 3
    assert found[0].startswith("300 nodes (w1@web1, w2@web1, ...): unknown/broker_unreachable")
    assert found[1] == "shop: 300 unknown; broker does not answer"
    ten = lines(report_of(ExampleFleet(10, sentinel=False).broker_down()))
    assert len(ten) == 12


@pytest.mark.parametrize(
    ("fleet", "headline"),
    [
        (ExampleFleet(300), "All 300 workers are healthy"),
        (loop_blocked(), "1 of 3 workers needs attention"),
        (ExampleFleet().broker_down(), "The broker does not answer"),
        (ExampleFleet().broker_refuses(), "The broker refuses"),
        (ExampleFleet().queue_says("orphans", ready=5), "All workers work, and there is 1 finding"),
    ],
)
def test_the_headline(fleet, headline):
    assert f"<h1>{headline}</h1>" in well_formed(html(report=report_of(fleet)))


def test_the_page_says_each_thing_in_words():
    page = html(report=report_of(loop_blocked()))
    assert re.search(r"w1@web1.*stuck.*loop_stalled.*has not turned for 45 s.*Save the stacks", page, re.DOTALL)
    assert 'href="https://github.com/taskfleet/celery/blob/main/docs/runbooks/loop_stalled.md"' in page
    assert 'href="/d/docs/runbooks/loop_stalled.md"' in html(report=report_of(loop_blocked()), runbook_base="/d/")


def test_the_page_promises_no_restart_of_beat():
    fleet = ExampleFleet()
    fleet.expected["beat"] = {"host": "web1"}
    page = html(report=report_of(fleet))
    assert "It is declared for this host, and is not deployed there." in page
    assert "restart_idle would" not in page
    assert "restart_idle would restart it." in html(report=report_of(loop_blocked()))


def test_the_page_needs_nothing_from_elsewhere():
    page = html(report=report_of(loop_blocked()))
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import| src=", page)


def test_what_a_worker_says_is_no_markup():
    fleet = ExampleFleet().gone(state="failed", result="exit-code", exit_code=1)
    for look in fleet.looks():
        look["log"]["lines"] = ["<script>alert(1)</script> & 'more'"]
    page = html(report=report_of(fleet))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_what_was_done():
    heal = {
        "planned": ["w1@web1"],
        "restarted": [
            {"node": "w1@web1", "old_pid": 1, "new_pid": 2, "signal": "TERM", "seconds": 3, "verified": True},
            {"node": "w9@web9", "old_pid": 1, "new_pid": None, "signal": "KILL", "seconds": 30, "verified": False},
        ],
        "left_alone": [{"node": "w1@web1", "why": "the cooldown"}, {"node": "w2@web1", "why": "healthy"}],
    }
    page = well_formed(html(report=report_of(loop_blocked()), heal=heal))
    assert "What was done" in page
    assert "✔ works" in page
    assert "not verified" in page
    assert "the cooldown" in page
    assert "What was done" not in html(report=report_of(loop_blocked()))


# -- Runbooks

HEADINGS = ["What you see", "Why", "Confirm by hand", "What the playbook does", "Prevent it", "Upstream"]


def test_table_of_the_runbooks_is_that_of_the_reasons():
    page = (ROOT / "docs/runbooks/README.md").read_text(encoding="utf-8")
    rows = [f"| [{reason}]({reason}.md) | {' | '.join(row)} |" for reason, row in {**REASONS, **FINDINGS}.items()]
    assert [line for line in page.splitlines() if line.startswith("| [")] == rows
    assert f"`[{', '.join(policy()['fail_on'])}]`" in page


def test_there_is_a_runbook_for_each_reason_and_no_other():
    pages = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    assert pages == set(SUBJECTS)


@pytest.mark.parametrize("reason", SUBJECTS)
def test_runbook(reason):
    text = (ROOT / f"docs/runbooks/{reason}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {reason}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    sections = re.split(r"^## .+$", text, flags=re.MULTILINE)
    assert all(section.strip() for section in sections)
    if reason in REASONS:
        verdict, action, _remedy = REASONS[reason]
        assert f"Verdict `{verdict}`" in sections[0]
        assert f"action `{action}`" in sections[0]
    else:
        assert "Finding" in sections[0]


# -- Whose a report directory is


def test_report_says_which_application_it_is_about():
    assert app_of(json.dumps(dict(report_of(ExampleFleet()), app="shop"))) == "shop"


@pytest.mark.parametrize("text", ['{"app": "sh', "", "[]", '{"nodes": []}', '{"app": null}', '{"app": ["shop"]}'])
def test_file_that_does_not_say_is_of_no_application(text):
    assert app_of(text) == ""
