# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A boolean or a number that arrives as text, as from a survey or from ``-e``, is taken by the type it is declared with.

A test for true of the text "false" is true, or an error; so is arithmetic with "60". What a module takes as a whole
argument has its type by the module's own specification.
"""

from __future__ import annotations

import functools
import pathlib

import jinja2
import jinja2.nodes as ast
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
CONDITIONS = ("when", "until", "that", "failed_when", "changed_when")
ARITHMETIC = (ast.Add, ast.Sub, ast.Mul, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.Neg, ast.Compare)
OF_LISTS = ("max", "min", "sum", "sort")
NUMBERS = {"int": ("int",), "float": ("float", "int")}
# Filters that take numbers of any form themselves: by _common/values.py.
READERS = ("taskfleet.celery.celery_instances",)


@functools.lru_cache(maxsize=None)
def declared():
    """By name the type of each variable, and of each key of a dict, that is a boolean or a number."""
    found = {}
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            for name, option in (entry.get("options") or {}).items():
                keys = (option.get("options") or {}) if option["type"] == "dict" else {}
                found.update({name: option["type"]}, **{f"{name}.{key}": one["type"] for key, one in keys.items()})
    return {name: kind for name, kind in found.items() if kind in ("bool", "int", "float")}


def files():
    folders = [
        ROOT / "roles" / role.name / folder
        for role in sorted((ROOT / "roles").iterdir())
        for folder in ("defaults", "handlers", "tasks", "templates", "vars")
    ]
    paths = [path for folder in [*folders, ROOT / "playbooks"] for path in sorted(folder.rglob("*"))]
    return [path for path in paths if path.suffix in (".yml", ".j2")]


def templates(path):
    """Every template of a file: its text, and whether it is the argument of a module."""
    if path.suffix == ".j2":
        return [(path.read_text(), False)]
    return list(_templates(yaml.safe_load(path.read_text()), condition=False, argument=False))


def _templates(value, condition, argument):
    if isinstance(value, dict):
        for key, inner in value.items():
            is_argument = argument or str(key).count(".") == 2
            yield from _templates(inner, key in CONDITIONS, is_argument and key != "vars")
    elif isinstance(value, list):
        for inner in value:
            yield from _templates(inner, condition, argument)
    elif isinstance(value, str):
        yield ("{{ %s }}" % value if condition and "{{" not in value else value), argument and not condition


def untyped(text, is_argument, kinds):
    """The variables of a template that are used without their type; a private one of the same name is laid over its defaults."""
    tree = jinja2.Environment(extensions=["jinja2.ext.do"]).parse(text)
    parents = {id(child): node for node in [tree, *tree.find_all(ast.Node)] for child in node.iter_child_nodes()}
    problems = []
    for node in tree.find_all((ast.Name, ast.Getattr, ast.Getitem)):
        kind = kinds.get(dotted(node).lstrip("_"))
        above = ancestors(node, parents)
        if kind == "bool" and not (is_bool(above) or (is_argument and is_whole(above))):
            problems.append(dotted(node))
        if kind in NUMBERS and not is_number(node, above, NUMBERS[kind]):
            problems.append(dotted(node))
    return problems


def dotted(node):
    if isinstance(node, ast.Getattr):
        return f"{dotted(node.node)}.{node.attr}"
    if isinstance(node, ast.Getitem) and isinstance(node.arg, ast.Const):
        return f"{dotted(node.node)}.{node.arg.value}"
    return node.name if isinstance(node, ast.Name) else ""


def ancestors(node, parents):
    """What a value is part of, from the inside, without its own default."""
    found = []
    while id(node) in parents:
        node = parents[id(node)]
        found.append(node)
    while found and isinstance(found[0], ast.Filter) and found[0].name == "default":
        found.pop(0)
    return found


def is_bool(above):
    return isinstance(above[0], ast.Filter) and above[0].name == "bool"


def is_whole(above):
    return [type(node) for node in above] == [ast.Output, ast.Template] and len(above[0].nodes) == 1


def is_number(node, above, filters):
    """Whether nothing is computed with it, or it is made a number first."""
    for outer in above:
        if isinstance(outer, ast.Filter) and outer.name in filters:
            return True
        if isinstance(outer, (ast.Filter, ast.Call)) and outer.node is not node:
            return isinstance(outer, ast.Filter) and outer.name in (*READERS, "default")
        if isinstance(outer, ast.Filter) and outer.name in OF_LISTS:
            return False
        if isinstance(outer, ARITHMETIC):
            return False
        if isinstance(outer, (ast.Concat, ast.Dict)):
            return True
        node = outer
    return True


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_booleans_and_numbers_are_taken_by_their_type(path):
    kinds = declared()
    problems = [(name, text) for text, argument in templates(path) for name in untyped(text, argument, kinds)]
    assert problems == []


@pytest.mark.parametrize(
    "text",
    [
        "{{ switch | bool }}",
        "{{ switch | default(false) | bool }}",
        "{{ a and not switch | bool }}",
        "{{ switch | bool | ternary(1, 2) }}",
        "{{ number }}",
        "{{ number | int + 10 }}",
        "{{ [number | int // 2, 1] | max }}",
        "{{ 'in ' ~ number ~ ' s' }}",
        "{{ number | default(5) | int > 0 }}",
        "{{ {'a': number} | combine({}) }}",
        "{{ ['--seconds=' ~ number] + others }}",
    ],
)
def test_types_that_are_taken_pass(text):
    assert untyped(text, False, {"switch": "bool", "number": "int"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "{{ switch }}",
        "{{ a and switch }}",
        "{{ switch | ternary(1, 2) }}",
        "{{ 1 if switch | default(false) else 2 }}",
        "{{ number + 10 }}",
        "{{ [number // 2, 1] | max }}",
        "{{ [number, 1] | max }}",
        "{{ number > 0 }}",
        "{{ a | default(0) < number }}",
        "{{ range(number) }}",
        "{{ services | some.filter(number) }}",
        "{{ services | some.filter(least=number) }}",
        "{{ a | ternary(number, '') }}",
        "{% if switch %}x{% endif %}",
    ],
)
def test_types_that_are_not_taken_fail(text):
    assert len(untyped(text, False, {"switch": "bool", "number": "int"})) == 1


def test_argument_of_a_module_has_the_type_of_the_module():
    text = "- {a.b.module: {enabled: '{{ switch }}', word: '{{ switch }} {{ a }}'}, when: switch, vars: {x: '{{ switch }}'}}"
    found = list(_templates(yaml.safe_load(text), condition=False, argument=False))
    assert [len(untyped(one, argument, {"switch": "bool"})) for one, argument in found] == [0, 1, 1, 1]
