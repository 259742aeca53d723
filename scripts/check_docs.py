# Copyright (c) 2026, Taskfleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/checks.md, "What is checked, and when", from the rules of preflight and the headers of the playbooks.

A rule is a function of module_utils/_declare/preflight/ that refuses or warns; the first paragraph of its docstring is its line.
When a topic is judged is read from the roles' tasks.

`check_docs.py check` names every disagreement and ends with 1 if there is one; `check_docs.py write` writes the page.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import pathlib
import re
import sys
from typing import Iterator

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/checks.md"
RULES = ROOT / "plugins/module_utils/_declare/preflight"

# By the file of a role's tasks when it is run, in this order.
MOMENTS = {
    "main": "at the beginning of every playbook, once for all hosts",
    "preflight": "in the playbook `check`, with which `deploy` begins",
    "supported": "in the playbook `check`, by a look at the host",
    "removal": "in the playbook `check`, by a look at the processes of the host",
    "venv": "by `deploy` on the host, with the packages of the system installed and before the code is",
    "code": "by `deploy` on the host, where pip has failed",
    "prove": "by `deploy` on the host, with the code installed and before a service or what it reads is changed",
}

OUTCOMES = {"refuse": "refused", "warn": "warning"}

HEAD = """# What is checked, and when

<!-- Written by scripts/check_docs.py from the rules and the playbooks. -->

| When | What | Where it fails |
|---|---|---|
| every playbook, first task | names of variables and of their keys, on all hosts | nothing was done |
| every playbook and role, first task of it | types and choices of its variables (`ansible-doc -t role`), by Ansible | nothing was done |
| `check`, and the first play of `deploy` | what the inventory declares, for every role on every host; all of it is said at once | nothing was changed |
| `deploy`, on each host | what only the host knows: the application imports, broker and result backend answer | the code is installed; \
services and their environment are as they were |
| the other playbooks, before they look or act | what each of them needs, below | nothing was changed |

A problem names the variable, what it is, what was expected and what to do. A refusal ends the run, a warning does not.
"""


@dataclasses.dataclass(frozen=True)
class Rule:
    """A function that refuses or warns: its file and name, the first paragraph of its docstring, and how it may end."""

    file: str
    name: str
    text: str
    outcome: str


def rules_of(tree: ast.Module, file: str) -> list[Rule]:
    """Return the rules of a file, in its order."""
    found = []
    for node in tree.body:
        called = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} & set(OUTCOMES)
        if isinstance(node, ast.FunctionDef) and node.name not in OUTCOMES and called:
            text = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
            found.append(Rule(file, node.name, text, " or ".join(OUTCOMES[name] for name in sorted(called))))
    return found


def lines_of(topic: str) -> list[Rule]:
    """Return the rules of a topic, then those that it shares with others."""
    tree = parse(topic)
    found = rules_of(tree, topic)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and ".preflight." in str(node.module):
            file = str(node.module).rpartition(".")[2]
            names = {alias.name for alias in node.names}
            found += [rule for rule in rules_of(parse(file), file) if rule.name in names]
    return found


def parse(file: str) -> ast.Module:
    return ast.parse((RULES / f"{file}.py").read_text(encoding="utf-8"))


def topics() -> tuple[str, ...]:
    return next(
        ast.literal_eval(node.value)
        for node in parse("registry").body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "TOPICS"
    )


def title(topic: str) -> str:
    """Return what a topic's file says of itself: Preflight: what it is about."""
    text = ast.get_docstring(parse(topic)) or ""
    said = text.splitlines()[0].partition(": ")[2].rstrip(".")
    return said[:1].upper() + said[1:]


def moments() -> dict[str, list[str]]:
    """Return by topic when it is judged."""
    found: dict[str, set[str]] = {}
    for path in sorted(ROOT.glob("roles/*/tasks/*.yml")):
        for topic in judged(yaml.safe_load(path.read_text(encoding="utf-8"))):
            found.setdefault(topic, set()).add(path.stem)
    # Each role judges its names again, for plays that have no playbook of the collection.
    return {topic: [MOMENTS[stem] for stem in sorted(stems, key=list(MOMENTS).index)] for topic, stems in found.items()}


def judged(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from judged(item)
    elif isinstance(value, dict):
        yield from (value.get("taskfleet.celery.celery_preflight") or {}).get("checks") or {}
        for held in value.values():
            yield from judged(held)


def headers() -> dict[str, str]:
    """Return by playbook what its header says of bad input."""
    found = {}
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        match = re.search(
            r"^# Bad input +(.*?)(?=^# \w|^-)", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
        if match:
            found[path.stem] = " ".join(line.lstrip("# ") for line in match[1].splitlines())
    return found


def page() -> str:
    when = moments()
    parts = [HEAD]
    for topic in sorted(topics(), key=lambda name: (list(MOMENTS.values()).index(when[name][0]), name)):
        times = [moment[:1].upper() + moment[1:] for moment in when[topic]]
        parts += [f"## {title(topic)}\n", f"{'; '.join([times[0], *when[topic][1:]])}.\n"]
        parts += ["| Otherwise | Rule |\n|---|---|"]
        parts += [f"| {rule.outcome} | {rule.text.replace('|', chr(92) + '|')} |" for rule in lines_of(topic)]
        parts += [""]
    parts += [
        "## The playbooks\n",
        "Beside the names and types of all variables.\n",
        "| Playbook | Bad input |\n|---|---|",
    ]
    parts += [f"| `{name}` | {text} |" for name, text in headers().items()]
    return "\n".join(parts) + "\n"


def check() -> list[str]:
    problems = [
        f"{rule.file}.py: {rule.name} refuses or warns, and has no docstring that says what"
        for topic in topics()
        for rule in lines_of(topic)
        if not rule.text
    ]
    if not problems and (not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page()):
        problems.append("docs/checks.md is not what scripts/check_docs.py write makes of the rules and the playbooks")
    return problems


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["check", "write"])
    if parser.parse_args(arguments).command == "write":
        PAGE.write_text(page(), encoding="utf-8")
    problems = check()
    print("\n".join(problems) if problems else "docs/checks.md agrees with the rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
