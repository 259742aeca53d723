# Copyright (c) 2026, Taskfleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page "What is checked, and when" is what the rules say."""

from __future__ import annotations

import ast
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts"))

import check_docs


def test_page_is_up_to_date():
    """Where this fails: .venv/bin/python scripts/check_docs.py write."""
    assert check_docs.check() == []


def test_each_topic_is_judged_at_some_moment():
    assert set(check_docs.moments()) == set(check_docs.topics())


def test_rule_is_a_function_that_refuses_or_warns():
    tree = ast.parse(
        'def _one(facts):\n    """A size is a size.\n\n    More.\n    """\n    return [refuse(1)] or [warn(2)]\n'
        "def _two(facts):\n    return [warn(1)]\n"
        'def _three(facts):\n    """Return one."""\n    return _one(facts)\n'
    )
    assert check_docs.rules_of(tree, "sizes") == [
        check_docs.Rule("sizes", "_one", "A size is a size.", "refused or warning"),
        check_docs.Rule("sizes", "_two", "", "warning"),
    ]


def test_rule_without_a_docstring_is_named(monkeypatch):
    monkeypatch.setattr(check_docs, "lines_of", lambda topic: [check_docs.Rule(topic, "_one", "", "refused")])
    assert check_docs.check()[0] == "app.py: _one refuses or warns, and has no docstring that says what"


def test_page_names_rules_of_a_topic_shared_rules_and_playbooks():
    page = check_docs.page()
    assert "| refused | `celery_broker_kind` is `redis` or `rabbitmq`. |" in page
    assert "| refused | The password of a URL is encoded, so that no client misreads it. |" in page
    assert "| `purge` | no list of queues, and celery_confirm that is not true," in page
