# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import re
import sys
import textwrap

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common import runtime
from ansible_collections.taskfleet.celery.tests.waiting import PATIENCE, wait_for

run = functools.partial(runtime.run, timeout=PATIENCE)


@pytest.fixture
def helper(tmp_path):
    def make(source, name="helper"):
        path = tmp_path / (name + ".py")
        path.write_text(textwrap.dedent(source))
        spec = importlib.util.spec_from_file_location(name, str(path))
        return importlib.util.module_from_spec(spec)

    return make


def alive(pid):
    try:
        with open("/proc/{0}/stat".format(pid)) as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def run_out_of_time(module):
    """Run a helper that never ends, for longer where it had no time to tell anything; return the time and the outcome."""
    for seconds in (1, 5, 60, PATIENCE):
        outcome = runtime.run(sys.executable, module, {}, timeout=seconds)
        if outcome.result:
            break
    return seconds, outcome


def test_result_arguments_and_pieces(helper):
    module = helper(
        """
        def main(arguments, tell):
            tell(stage="one")
            tell(stage="two", more=1)
            return {"got": arguments}
        """
    )
    outcome = run(sys.executable, module, {"a": [1, "ä"]})
    assert outcome.error is None
    assert outcome.result == {"stage": "two", "more": 1, "got": {"a": [1, "ä"]}}
    assert outcome.elapsed > 0


def test_pieces_are_collected_in_a_list(helper):
    module = helper(
        """
        def main(arguments, tell):
            tell(samples=[], stage="one")
            tell.more(samples={"n": 1}, others="a")
            tell.more(samples={"n": 2})
            return {}
        """
    )
    outcome = run(sys.executable, module, {})
    assert outcome.result == {"samples": [{"n": 1}, {"n": 2}], "others": ["a"], "stage": "one"}


def test_pieces_of_a_helper_that_never_ends_remain(helper):
    module = helper(
        """
        import threading
        def main(arguments, tell):
            tell.more(samples=1)
            threading.Event().wait()
        """
    )
    _seconds, outcome = run_out_of_time(module)
    assert (outcome.error, outcome.result) == ("timed_out", {"samples": [1]})


def test_noise_does_not_spoil_the_result(helper):
    module = helper(
        """
        import os, sys
        print('{"result": {"changed": true}}')
        os.write(1, b'{"noise": 1}\\n' * 5000)
        sys.stderr.write("last words\\n")
        def main(arguments, tell):
            return {"ok": True}
        """
    )
    outcome = run(sys.executable, module, {})
    assert outcome.result == {"ok": True}
    assert outcome.tail.endswith("last words\n")
    assert len(outcome.tail) <= 4096


def test_imports_of_a_helper_from_the_collection_go_along(helper, monkeypatch):
    package = "ansible_collections.taskfleet.celery.plugins.module_utils."
    sources = {
        package + "_first.one": "def answer():\n    return 40\n",
        package + "_second": "from {0}_first.one import (\n    answer,\n)\ndef more():\n    return answer() + 1\n",
    }
    for name, source in sources.items():
        monkeypatch.setitem(sys.modules, name, helper(source.format(package), name))
    last = "from {0}_second import more\nfrom {0}_first.one import answer\n".format(package)
    module = helper(last + "def main(arguments, tell):\n    return {'n': answer() + more()}\n")
    assert run(sys.executable, module, {}).result == {"n": 81}


def test_package_does_not_travel(helper, monkeypatch):
    package = "ansible_collections.taskfleet.celery.plugins.module_utils._first"
    first = helper("", package)
    first.__path__ = []
    monkeypatch.setitem(sys.modules, package, first)
    module = helper("from {0} import one\ndef main(arguments, tell):\n    return {{}}\n".format(package))
    with pytest.raises(ValueError, match="name the file in the import of " + package):
        run(sys.executable, module, {})


def test_environment_is_that_of_a_service(helper, monkeypatch, tmp_path):
    monkeypatch.setenv("FROM_THE_LOGIN", "1")
    module = helper(
        """
        import os, sys
        def main(arguments, tell):
            return {"env": dict(os.environ), "cwd": os.getcwd(), "path": sys.path}
        """
    )
    result = run(
        sys.executable,
        module,
        {},
        directory=str(tmp_path),
        pythonpath=["/first"],
        environment={"PYTHONPATH": "/second", "COUNT": 3},
    ).result
    assert "FROM_THE_LOGIN" not in result["env"]
    assert result["env"]["COUNT"] == "3"
    assert result["env"]["PYTHONPATH"] == "/first:/second"
    assert result["path"][:2] == ["/first", "/second"]
    assert "" not in result["path"]
    assert result["cwd"] == os.path.realpath(str(tmp_path))


def test_too_slow_tells_what_it_knows_and_leaves_nothing(helper):
    module = helper(
        """
        import subprocess, threading
        def main(arguments, tell):
            child = subprocess.Popen(["sleep", "600"])
            tell(stage="import", child=child.pid)
            threading.Event().wait()
        """
    )
    seconds, outcome = run_out_of_time(module)
    assert outcome.error == "timed_out"
    assert outcome.message == f"no answer within {seconds} s"
    assert outcome.result["stage"] == "import"
    wait_for(lambda: not alive(outcome.result["child"]), "what the application started has ended")


def test_answer_ends_what_the_application_started(helper):
    module = helper(
        """
        import subprocess
        child = subprocess.Popen(["sleep", "600"])
        def main(arguments, tell):
            return {"child": child.pid}
        """
    )
    outcome = run(sys.executable, module, {})
    assert outcome.error is None
    assert outcome.elapsed < PATIENCE
    wait_for(lambda: not alive(outcome.result["child"]), "what the application started has ended")


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed", "SIGSEGV"),
        ("import os; os._exit(7)", "no_result", "exit code 7"),
        ("raise SystemExit(3)", "crashed", "SystemExit: 3"),
        ("raise ValueError('redis://:hunter22@h/0')", "crashed", r"ValueError: redis://:\*\*\*@h/0"),
        ("import os; os.closerange(3, 100); import threading; threading.Event().wait()", "no_result", "closed the way"),
    ],
)
def test_how_a_helper_can_end(helper, body, error, message):
    module = helper(body + "\ndef main(arguments, tell):\n    return {}\n")
    outcome = run(sys.executable, module, {})
    assert outcome.error == error
    assert outcome.result is None
    assert re.search(message, outcome.message)


def test_tail_has_no_password_of_the_environment(helper):
    module = helper(
        """
        import os
        print("connecting with", os.environ["DB_PASSWORD"])
        def main(arguments, tell):
            return {}
        """
    )
    outcome = run(sys.executable, module, {}, environment={"DB_PASSWORD": "hunter22"})
    assert outcome.tail == "connecting with ***\n"


def test_missing_interpreter(helper, tmp_path):
    outcome = run(str(tmp_path / "venv/bin/python"), [helper("")], {})
    assert outcome.error == "interpreter_missing"
    assert "venv/bin/python" in outcome.message
    assert "celery_python" in outcome.message


def test_interpreter_that_may_not_be_run(helper, tmp_path):
    path = tmp_path / "python"
    path.write_text("")
    outcome = run(str(path), [helper("")], {})
    assert outcome.error == "not_permitted"


def test_missing_directory(helper, tmp_path):
    outcome = run(sys.executable, helper(""), {}, directory=str(tmp_path / "gone"))
    assert outcome.error == "directory_missing"
    assert str(tmp_path / "gone") in outcome.message


def test_unknown_user_and_group(helper):
    assert run(sys.executable, helper(""), {}, user="no-such-user").error == "user_unknown"
    outcome = run(sys.executable, helper(""), {}, group="no-such-group")
    assert outcome.error == "user_unknown"
    assert "no-such-group" in outcome.message


def test_own_user_needs_no_privilege(helper):
    user = pwd.getpwuid(os.geteuid()).pw_name
    module = helper("import os\ndef main(arguments, tell):\n    return {'uid': os.getuid()}\n")
    assert run(sys.executable, module, {}, user=user).result == {"uid": os.geteuid()}


def test_another_user_is_refused_without_root(helper, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam("daemon").pw_uid)
    outcome = run(sys.executable, helper(""), {}, user="nobody")
    assert outcome.error == "not_permitted"
    assert "running as daemon, which may not become nobody" in outcome.message


def test_loader_that_keeps_bytes(helper):
    module = helper("")
    module.__spec__.loader.get_source = lambda _name: b"def main(arguments, tell):\n    return {'ok': '\xc3\xa4'}\n"
    assert run(sys.executable, module, {}).result == {"ok": "ä"}


# As a command of an application's own: it sets the application up, and hands its arguments to Celery, which looks for further
# commands among the entry points on the path.
OWN_COMMAND = """
import importlib.metadata, os, sys, types
os.environ["SHOP_READY"] = "yes"
sys.argv.remove("celery")
sys.modules["click"] = types.SimpleNamespace(command=lambda name: lambda function: function)
found = importlib.metadata.entry_points()
group = found.select(group="celery.commands") if hasattr(found, "select") else found["celery.commands"]
commands = {entry.name: entry for entry in group}
if sys.argv[1] not in commands:
    sys.exit("No such command " + sys.argv[1])
commands[sys.argv[1]].load()()
"""


@pytest.fixture
def own_command(tmp_path):
    path = tmp_path / "shop-server"
    path.write_text(OWN_COMMAND)
    return [sys.executable, path.name, "celery"]


def test_helper_runs_below_the_applications_own_command(helper, own_command, tmp_path):
    module = helper(
        """
        import os, sys

        def main(arguments, tell):
            tell(ready=os.environ.get("SHOP_READY"))
            return {"got": arguments, "cwd": os.getcwd(), "path": [one for one in sys.path if "taskfleet-" in one]}
        """
    )
    outcome = run(sys.executable, module, {"a": 1}, command=own_command, directory=str(tmp_path))
    assert (outcome.error, outcome.tail) == (None, "")
    assert (outcome.result["ready"], outcome.result["got"], outcome.result["cwd"]) == ("yes", {"a": 1}, str(tmp_path))
    (directory,) = outcome.result["path"]
    assert not os.path.exists(directory)


def test_command_that_hands_nothing_to_celery_is_named(helper, tmp_path):
    path = tmp_path / "deaf"
    path.write_text("raise SystemExit('deaf: error: unrecognized arguments')")
    outcome = run(
        sys.executable, helper(""), {}, command=[sys.executable, str(path), "celery"], directory=str(tmp_path)
    )
    assert outcome.error == "no_result"
    assert "expected that {0} {1} celery hands its arguments to Celery".format(sys.executable, path) in outcome.message
    assert outcome.message.endswith("it printed: deaf: error: unrecognized arguments")


def test_command_or_directory_that_is_not_there(helper, tmp_path):
    outcome = run(sys.executable, helper(""), {}, command=[str(tmp_path / "gone"), "celery"], directory=str(tmp_path))
    assert outcome.error == "interpreter_missing"
    assert str(tmp_path / "gone") in outcome.message
    outcome = run(sys.executable, helper(""), {}, command=[sys.executable], directory=str(tmp_path / "gone"))
    assert outcome.error == "directory_missing"
