# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.taskfleet.celery.plugins.doc_fragments._connection import ModuleDocFragment
from ansible_collections.taskfleet.celery.plugins.module_utils._common import args
from ansible_collections.taskfleet.celery.plugins.modules import celery_app_info, celery_inspect_info


def test_fragment_tells_the_same_options():
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    in_fragment = {
        name: {key: option[key] for key in ("type", "elements", "required", "default") if key in option}
        for name, option in documented.items()
    }
    specified = {
        name: {key: value for key, value in option.items() if key != "no_log"}
        for name, option in args.connection_arguments().items()
    }
    assert in_fragment == specified


@pytest.mark.parametrize("module", [celery_app_info, celery_inspect_info])
def test_documentation_parses(module):
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert documentation["module"] == module.__name__.rpartition(".")[2]
    assert yaml.safe_load(module.RETURN)
    assert len(yaml.safe_load(module.EXAMPLES)) == 3


class Failed(Exception):
    pass


class Module:
    def __init__(self, **params):
        self.params = dict({"environment_file": None, "environment": {}}, **params)
        self.no_log_values = {"UTC", "1"}

    def fail_json(self, **result):
        raise Failed(result)


def test_dict_wins_over_the_file(tmp_path):
    path = tmp_path / "celery.env"
    path.write_text('A="file"\nB="file"\n')
    module = Module(environment_file=str(path), environment={"B": "dict", "C": 3})
    assert args.read_environment(module) == {"A": "file", "B": "dict", "C": "3"}


def test_environment_of_a_service_wins_over_that_of_the_application(tmp_path):
    path, own = tmp_path / "celery.env", tmp_path / "worker-w1.env"
    path.write_text('A="file"\nB="file"\n')
    own.write_text('B="own"\n')
    module = Module(environment_file=str(path), own_environment_file=str(own))
    assert args.read_environment(module) == {"A": "file", "B": "own"}
    with pytest.raises(Failed, match=r"own_environment_file .*gone"):
        args.read_environment(Module(environment_file=str(path), own_environment_file=str(tmp_path / "gone")))


@pytest.mark.parametrize("text", [None, 'SECRET="hunter22'])
def test_file_that_cannot_be_read(tmp_path, text):
    path = tmp_path / "celery.env"
    if text:
        path.write_text(text)
    with pytest.raises(Failed) as caught:
        args.read_environment(Module(environment_file=str(path)))
    (result,) = caught.value.args
    assert result["kind"] == "environment_file"
    assert str(path) in result["msg"]
    assert "hunter22" not in result["msg"]


def test_only_passwords_are_hidden_from_the_result():
    module = Module(environment={"TZ": "UTC", "N": 1, "DB_PASSWORD": "hunter2222"})
    args.narrow_no_log(module, args.read_environment(module), "redis://:another-one@h/0")
    assert module.no_log_values == {"hunter2222", "another-one"}


def test_refusal_fails_the_task(monkeypatch):
    refused = SimpleNamespace(error="interpreter_missing", message="there is no interpreter")
    monkeypatch.setattr(args, "run", lambda *_arguments, **_options: refused)
    params = dict.fromkeys(
        ["celery_python", "celery_command", "app", "user", "group", "chdir", "pythonpath", "timeout"]
    )
    with pytest.raises(Failed) as caught:
        args.look(Module(**params), [], {}, {})
    assert caught.value.args == ({"msg": "there is no interpreter", "kind": "interpreter_missing"},)


@pytest.mark.parametrize(("app", "command"), [("shop", ["shop-server", "celery"]), (None, ())])
def test_own_command_is_for_who_needs_the_application(monkeypatch, app, command):
    seen = {}
    monkeypatch.setattr(args, "run", lambda *_arguments, **options: seen.update(options))
    params = dict.fromkeys(["celery_python", "user", "group", "chdir", "pythonpath", "timeout"])
    args.try_to_look(Module(app=app, celery_command=["shop-server", "celery"], **params), [], {}, {})
    assert seen["command"] == command
