# Copyright (c) 2026, Taskfleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test system itself: nothing that failed may pass, and what is tried twice is reported."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest
from ansible_collections.taskfleet.celery.tests.waiting import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

from testrun import outcome, parts, record, report, runner


def part(name, command, **options):
    return parts.Part(f"group/{name}", ("sh", "-c", command), **options)


@pytest.fixture
def run(tmp_path):
    def run(*some):
        return runner.Runner(tmp_path, whole=False, ended=lambda _outcome: None).run(list(some))

    return run


def lines_of(outcomes):
    text, _failed = report.conclusion(outcomes)
    return text.splitlines()


def test_exit_codes_count(run):
    outcomes = run(part("good", "exit 0"), part("bad", "echo 'FAILED for a reason'; exit 3"))
    assert [(one.word, one.passed, one.failed) for one in outcomes] == [("ok", 1, 0), ("FAILED", 0, 1)]
    assert lines_of(outcomes) == ["FAILED group/bad: for a reason", "second tries: 0", "1 passed, 1 failed"]


def test_second_try_that_passes_is_reported_with_the_reason_of_the_first(run):
    flaky = part("flaky", '[ "$TASKFLEET_TRY" = 2 ] || { echo FAILED slow disk; exit 1; }', gets_second_try=True)
    outcomes = run(flaky, part("good", "exit 0"))
    assert lines_of(outcomes) == [
        "second tries: 1",
        "  group/flaky: first FAILED: slow disk; then ok",
        "2 passed, 0 failed",
    ]


def test_second_try_that_fails_fails_the_run(run):
    outcomes = run(part("broken", 'echo "FAILED at try $TASKFLEET_TRY"; exit 1', gets_second_try=True))
    assert lines_of(outcomes) == [
        "FAILED group/broken: at try 2",
        "second tries: 1",
        "  group/broken: first FAILED: at try 1; then FAILED",
        "0 passed, 1 failed",
    ]


def test_second_tries_are_alone(run, tmp_path):
    """Each notes when it begins and ends; only the first tries may overlap."""
    note = f'echo "$TASKFLEET_TRY begin" >>{tmp_path}/notes; sleep 0.2; echo "$TASKFLEET_TRY end" >>{tmp_path}/notes; exit 1'
    run(*(part(f"part{number}", note, gets_second_try=True) for number in range(3)))
    notes = (tmp_path / "notes").read_text().splitlines()
    assert notes[6:] == ["2 begin", "2 end"] * 3


def test_gate_gets_no_second_try(run):
    [gate] = run(part("gate", '[ "$TASKFLEET_TRY" = 2 ]'))
    assert (gate.word, gate.first) == ("FAILED", None)


@pytest.mark.parametrize(("number", "failed"), [(3, 0), (4, 1)])
def test_more_than_three_second_tries_fail_the_run(run, number, failed):
    flaky = [part(f"part{n}", '[ "$TASKFLEET_TRY" = 2 ]', gets_second_try=True) for n in range(number)]
    text, failures = report.conclusion(run(*flaky))
    assert failures == failed
    assert text.endswith(f"{number} passed, {failed} failed")
    assert f"second tries: {number}" in text.splitlines()


def test_part_that_needs_a_failed_preparation_is_not_run(run, tmp_path):
    needed = parts.Part("prepare/images", ("sh", "-c", "exit 1"), is_test=False)
    outcomes = run(needed, part("deploy", f"touch {tmp_path}/ran", needs=("prepare/images",)))
    assert lines_of(outcomes)[0] == "FAILED group/deploy: not run: prepare/images failed"
    assert not (tmp_path / "ran").exists()


def test_part_waits_for_what_it_needs(run, tmp_path):
    needed = parts.Part("prepare/images", ("sh", "-c", f"sleep 0.2; touch {tmp_path}/made"), is_test=False)
    [_needed, deploy] = run(needed, part("deploy", f"test -e {tmp_path}/made", needs=("prepare/images",)))
    assert deploy.word == "ok"


def test_part_that_is_to_be_alone_is_alone(run, tmp_path):
    look = f"test ! -e {tmp_path}/busy && touch {tmp_path}/busy && sleep 0.2 && rm {tmp_path}/busy"
    outcomes = run(part("one", look, alone=True), part("two", look, alone=True), part("three", look, alone=True))
    assert [one.word for one in outcomes] == ["ok"] * 3


# timeout(1) takes what it runs into a process group of its own.
@pytest.mark.parametrize("child", ["sleep 600", "timeout 600 sleep 600"])
def test_part_that_hangs_is_ended_with_its_children(run, tmp_path, child):
    [hung] = run(part("hung", f"{child} & echo $! >{tmp_path}/child; wait", timeout=1))
    assert hung.word == "FAILED"
    assert "ended after 1 s" in hung.reasons[0]
    child = int((tmp_path / "child").read_text())
    state = pathlib.Path(f"/proc/{child}/stat")

    def ended():
        try:
            return state.read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    wait_for(ended, "the killed child ends")


JUNIT = '<testsuites><testsuite><testcase name="a"/><testcase name="b">{}</testcase></testsuite></testsuites>'


@pytest.mark.parametrize(
    ("child", "code", "expected"),
    [
        ("", 0, ("ok", 2, 0)),
        ('<failure message="no  result"/>', 1, ("FAILED", 1, 1)),
        ('<failure message="no  result"/>', 0, ("FAILED", 1, 1)),
        ('<skipped message="no result"/>', 0, ("FAILED", 1, 1)),
        ("", 1, ("FAILED", 2, 1)),
    ],
)
def test_junit_reports_count(run, tmp_path, child, code, expected):
    (tmp_path / "report").write_text(JUNIT.format(child))
    [one] = run(part("tests", f"cp report report.xml; exit {code}", junit="report.xml"))
    assert (one.word, one.passed, one.failed) == expected
    if child:
        assert one.reasons == ["b: no result"]


def test_junit_report_of_an_earlier_run_does_not_count(run, tmp_path):
    (tmp_path / "report.xml").write_text(JUNIT.format(""))
    [one] = run(part("tests", "exit 0", junit="report.xml"))
    assert (one.word, one.passed, one.failed) == ("FAILED", 0, 1)


def test_part_that_cannot_run_here_is_named_and_does_not_pass(run):
    outcomes = run(part("core", "exit 3", not_here=3))
    assert lines_of(outcomes)[0] == "NOT TESTED group/core: this machine lacks what it needs"
    assert lines_of(outcomes)[-1] == "0 passed, 0 failed"


def test_stages_have_their_times(run):
    [one] = run(part("deploy", "echo begin a; echo begin b", stage=r"^begin (\w)"))
    assert [name for name, _seconds in one.stages] == ["a", "b"]
    assert 0 < sum(seconds for _name, seconds in one.stages) <= one.seconds


def test_times_are_kept_and_reported(tmp_path):
    times = record.Times(tmp_path)
    one = part("deploy", "")
    times.add(outcome.Outcome(one, "ok", 1, 0, 12.34, stages=[("converge", 10.0)]))
    text = report.times(times.last())
    assert re.search(r"12\.3 s  group/deploy  ok\n +10\.0 s  converge", text)


def test_times_without_a_run(tmp_path):
    assert "run `make test`" in report.times(record.Times(tmp_path).last())


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "checkout"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet", root], check=True)
    (root / "file").write_text("one")
    return root


def test_passes_are_kept_for_the_same_tree_only(checkout):
    good = part("good", "")
    record.Passes(checkout).add(outcome.Outcome(good, "ok", 1, seconds=2.0))
    assert set(record.Passes(checkout).rows) == {"group/good"}
    (checkout / "file").write_text("two")
    assert record.Passes(checkout).rows == {}
    (checkout / "file").write_text("one")
    assert set(record.Passes(checkout).rows) == {"group/good"}


def test_kept_pass_still_tells_of_its_second_try(checkout):
    first = outcome.Outcome(part("flaky", ""), "FAILED", failed=1, reasons=["slow disk"])
    record.Passes(checkout).add(outcome.Outcome(part("flaky", ""), "ok", 1, first=first))
    assert record.Passes(checkout).rows["group/flaky"]["first"] == ["slow disk"]


ALL = parts.table(ROOT, whole=True)


def names_of(words):
    return {one.name for one in parts.choose(words, ALL)}


def test_quick_run_has_what_it_must():
    quick = names_of(["quick"])
    assert {"scenario/options", "scenario/heal", "gate/sanity", "units/units", "integration/sentinel"} <= quick
    assert {name for name in quick if name.startswith("scenario/")} == {
        f"scenario/{one}" for one in parts.QUICK_SCENARIOS
    }
    assert "gate/importer" not in quick


def test_whole_run_has_every_scenario_target_benchmark_and_gate():
    there = {f"scenario/{path.parent.name}" for path in ROOT.glob("molecule/*/molecule.yml")}
    there |= {f"integration/{path.parent.name}" for path in ROOT.glob("tests/integration/targets/*/aliases")}
    there |= {f"bench/{path.stem}" for path in ROOT.glob("tests/bench/*.py")}
    gates = re.findall(r"^gate_(\w+)\(\)", (ROOT / "scripts/gate.sh").read_text(), re.MULTILINE)
    there |= {f"gate/{name.replace('_', '-')}" for name in gates}
    assert there <= names_of(["all"])
    assert len(gates) == 11


def test_only_scenarios_and_integration_targets_get_a_second_try():
    assert {one.group for one in ALL if one.gets_second_try} == {"scenario", "integration"}


def test_every_need_is_a_part_before_it():
    seen = set()
    for one in ALL:
        assert set(one.needs) <= seen
        seen.add(one.name)


def test_unknown_name_is_refused_with_those_that_there_are():
    with pytest.raises(parts.Unknown, match=r"'scenario/none'.*scenario/heal"):
        parts.choose(["scenario/none"], ALL)
