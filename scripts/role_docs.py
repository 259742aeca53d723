# Copyright (c) 2026, Taskfleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep each role's defaults, argument specification and README table together.

Variables of vars/main.yml without underscores are what a role gives to others: the comment above each says what it is.

`role_docs.py check` names every disagreement and ends with 1 if there is one.
`role_docs.py write` writes the tables between the markers of the READMEs, then checks.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import re
import sys

import yaml

BEGIN, END = "<!-- variables -->", "<!-- /variables -->"
TYPES = {
    "bool": bool,
    "dict": dict,
    "float": (int, float),
    "int": int,
    "list": list,
    "path": str,
    "raw": object,
    "str": str,
}
DEFAULT_WIDTH = 60
MISSING = object()


@dataclasses.dataclass(frozen=True)
class Role:
    """What the files of one role say."""

    name: str
    path: pathlib.Path
    defaults: dict
    without_default: set
    entries: dict
    given: dict
    readme: str

    @classmethod
    def read(cls, path: pathlib.Path) -> Role:
        readme = path / "README.md"
        return cls(
            name=path.name,
            path=path,
            defaults=load(path / "defaults/main.yml"),
            without_default=commented_out(path / "defaults/main.yml"),
            entries=load(path / "meta/argument_specs.yml").get("argument_specs") or {},
            given=given(path / "vars/main.yml"),
            readme=readme.read_text(encoding="utf-8") if readme.is_file() else "",
        )


def load(path: pathlib.Path) -> dict:
    if not path.is_file():
        return {}
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def commented_out(path: pathlib.Path) -> set:
    """Return the variables that the defaults only name: whoever reads one has something for where it is not set."""
    return set(re.findall(r"^# (\w+): ", path.read_text(encoding="utf-8"), re.MULTILINE)) if path.is_file() else set()


def given(path: pathlib.Path) -> dict:
    """Return the variables that a role gives to others, with the comment above each."""
    found, comment = {}, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        match = re.match(r"([a-z]\w*):", line)
        if match:
            found[match[1]] = " ".join(comment)
        # One comment may stand above several variables.
        if line.startswith("#"):
            comment = [*comment, line.lstrip("# ")]
        elif not line:
            comment = []
    return found


def check(role: Role) -> list[str]:
    """Every disagreement within one role, as sentences. A table is made of a sound specification only."""
    return check_specification(role) or check_table(role)


def check_specification(role: Role) -> list[str]:
    problems = []
    if "main" not in role.entries:
        problems.append("meta/argument_specs.yml has no entry point 'main'")
    for entry, spec in role.entries.items():
        if not any((role.path / f"tasks/{entry}{suffix}").is_file() for suffix in (".yml", ".yaml")):
            problems.append(f"entry point '{entry}' has no tasks/{entry}.yml")
        problems += [
            f"entry point '{entry}' has no {key}" for key in ("short_description", "description") if not spec.get(key)
        ]
        for name, option in (spec.get("options") or {}).items():
            problems += check_variable(role, f"{entry}: {name}", name, option)
    problems += [f"{name} of vars/main.yml has no comment" for name, comment in role.given.items() if not comment]
    declared = {name for spec in role.entries.values() for name in spec.get("options") or {}}
    problems += [
        f"{name} is in defaults/main.yml, but in no entry point of meta/argument_specs.yml"
        for name in role.defaults
        if name not in declared
    ]
    problems += [
        f"{name} is declared, but nothing in the role uses it" for name in sorted(declared) if not is_used(role, name)
    ]
    return problems


def check_variable(role: Role, where: str, name: str, option: dict) -> list[str]:
    """A top-level option: what any option needs, and its agreement with the defaults."""
    problems = check_option(where, option)
    if not isinstance(option, dict):
        return problems
    if not name.startswith(f"{role.name}_"):
        problems.append(f"{where} does not begin with '{role.name}_'")
    if option.get("required"):
        if name in role.defaults:
            problems.append(f"{where} is required, but has a value in defaults/main.yml")
        return problems
    if name not in role.defaults:
        if name not in role.without_default:
            problems.append(f"{where} is neither required nor in defaults/main.yml")
        return problems
    value = role.defaults[name]
    if "default" in option and option["default"] != value:
        problems.append(f"{where} has the default {show(option['default'])}, but defaults/main.yml says {show(value)}")
    return problems + check_value(where, option, value)


def check_option(where: str, option: dict) -> list[str]:
    """What an option needs at any depth."""
    if not isinstance(option, dict):
        return [f"{where} is {show(option)}, expected a dictionary with type and description"]
    problems = []
    kind = option.get("type")
    if kind not in TYPES:
        problems.append(f"{where} has the type {show(kind)}, expected one of {', '.join(TYPES)}")
    if not "".join(paragraphs(option)).strip():
        problems.append(f"{where} has no description")
    if kind == "list" and option.get("elements") not in TYPES:
        problems.append(f"{where} is a list, but does not say of which elements")
    if option.get("options") and not (kind == "dict" or option.get("elements") == "dict"):
        problems.append(f"{where} has options, but is neither a dict nor a list of dicts")
    if option.get("required") and "default" in option:
        problems.append(f"{where} is required, but has a default")
    if "default" in option and kind in TYPES:
        problems += check_value(where, option, option["default"])
    for name, inner in (option.get("options") or {}).items():
        problems += check_option(f"{where}.{name}", inner)
    return problems


def check_value(where: str, option: dict, value: object) -> list[str]:
    """A default against the type, the choices and the inner options. A template is not looked into."""
    if value is None or is_template(value):
        return []
    expected = TYPES.get(option.get("type"), object)
    if not isinstance(value, expected) or (isinstance(value, bool) and option["type"] in ("int", "float")):
        return [f"{where} is of type {option['type']}, but its default is {show(value)}"]
    problems = []
    choices = option.get("choices")
    if choices:
        chosen = value if isinstance(value, list) else [value]
        problems += [
            f"{where} has the default {show(item)}, expected one of {show(choices)}"
            for item in chosen
            if item not in choices and not is_template(item)
        ]
    inner = option.get("options")
    if inner:
        items = value if isinstance(value, list) else [value]
        problems += [
            f"{where} has a default with the key '{key}', which is not among its options"
            for item in items
            if isinstance(item, dict)
            for key in item
            if key not in inner
        ]
    return problems


def is_template(value: object) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def is_used(role: Role, name: str) -> bool:
    """Whether a task, a template, a private variable, a default, another role or a playbook names the variable."""
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    if any(word.search(str(value)) for key, value in role.defaults.items() if key != name):
        return True
    readers = [
        path
        for path in sorted(role.path.parent.glob("*/*/*"))
        if path.is_file() and path.parent.name in ("handlers", "tasks", "templates", "vars")
    ]
    readers += sorted(role.path.parents[1].glob("playbooks/*.yml"))
    return any(word.search(path.read_text(encoding="utf-8")) for path in readers)


def check_table(role: Role) -> list[str]:
    if not has_markers(role):
        return [f"README.md has not exactly one pair of the lines {BEGIN} and {END}"]
    if with_table(role) != role.readme:
        return ["the table in README.md is not what scripts/role_docs.py write makes of the argument specification"]
    return []


def has_markers(role: Role) -> bool:
    return role.readme.count(BEGIN) == role.readme.count(END) == 1 and role.readme.index(BEGIN) < role.readme.index(END)


def with_table(role: Role) -> str:
    """The README with a fresh table between its markers."""
    before, rest = role.readme.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{tables(role)}\n{END}{after}"


def tables(role: Role) -> str:
    parts = [table(role, entry, spec) for entry, spec in role.entries.items()]
    return "\n".join([*parts, *given_table(role)])


def given_table(role: Role) -> list[str]:
    if not role.given:
        return []
    lines = ["What the role gives to other roles and to playbooks:", "", "| Variable | Meaning |", "|---|---|"]
    lines += [f"| {code(name)} | {cell(comment)} |" for name, comment in role.given.items()]
    return ["\n".join([*lines, ""])]


def table(role: Role, entry: str, spec: dict) -> str:
    lines = []
    if entry != "main":
        lines += [f"Entry point `{entry}`: {spec.get('short_description', '')}", ""]
    options = spec.get("options") or {}
    if not options:
        return "\n".join([*lines, "No variables.", ""])
    lines += ["| Variable | Type | Default | Meaning |", "|---|---|---|---|"]
    for name, option in options.items():
        lines += rows(name, option, role.defaults.get(name, MISSING))
    return "\n".join([*lines, ""])


def rows(name: str, option: dict, value: object) -> list[str]:
    """One line for the option, and one for each of its inner options."""
    kind = option.get("type", "")
    if kind == "list":
        kind = f"list of {option.get('elements', '')}"
    meaning = " ".join(paragraphs(option))
    if option.get("choices"):
        meaning += " One of " + ", ".join(code(show(choice)) for choice in option["choices"]) + "."
    default = "**required**" if option.get("required") else default_cell(value)
    lines = ["| " + " | ".join([code(name), kind, default, cell(markup(meaning))]) + " |"]
    prefix = f"{name}[]." if option.get("type") == "list" else f"{name}."
    for inner, inner_option in (option.get("options") or {}).items():
        lines += rows(prefix + inner, inner_option, inner_option.get("default", MISSING))
    return lines


def default_cell(value: object) -> str:
    if value is MISSING:
        return ""
    text = show(value)
    if len(text) > DEFAULT_WIDTH:
        return "see [defaults](defaults/main.yml)"
    return cell(code(text))


def paragraphs(option: dict) -> list[str]:
    description = option.get("description") or []
    return [str(text) for text in ([description] if isinstance(description, str) else description)]


def markup(text: str) -> str:
    """Ansible's documentation markup as Markdown."""
    text = re.sub(r"\b[CVOEPM]\(((?:[^()\\]|\\.|\([^()]*\))*)\)", lambda match: code(match[1]), text)
    text = re.sub(r"\bI\(([^()]*)\)", r"*\1*", text)
    text = re.sub(r"\bB\(([^()]*)\)", r"**\1**", text)
    return re.sub(r"\bL\(([^,()]*),\s*([^()]*)\)", r"[\1](\2)", text)


def code(text: str) -> str:
    return f"`{text}`"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def show(value: object) -> str:
    """As one would write it in YAML, on one line."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["check", "write"])
    parser.add_argument("--roles", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[1] / "roles")
    options = parser.parse_args(arguments)
    roles = [Role.read(path) for path in sorted(options.roles.iterdir()) if path.is_dir()]
    if not roles:
        print(f"{options.roles} holds no role. Expected at least one.")
        return 1
    if options.command == "write":
        for role in roles:
            if has_markers(role) and not check_specification(role):
                (role.path / "README.md").write_text(with_table(role), encoding="utf-8")
        roles = [Role.read(role.path) for role in roles]
    problems = [f"roles/{role.name}: {problem}" for role in roles for problem in check(role)]
    print("\n".join(problems) if problems else f"{len(roles)} roles agree with their documentation")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
