"""The parts of the test system: what each runs, what it needs, and which run has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# The long ones first, so that none of them runs alone at the end.
GATES = (
    "sanity",
    "ansible-lint",
    "antsibull",
    "yamllint",
    "shellcheck",
    "ruff-check",
    "ruff-format",
    "vermin",
    "role-docs",
    "artifact",
)
QUICK_SCENARIOS = ("options", "heal", "customify")
CORES = ("2.19", "2.20", "2.21", "2.22")
CORE_CHECKS = ("sanity", "units", "live")

# What the lines say with which a tool begins a stage of its work.
MOLECULE_STAGE = r"\[[\w-]+ > (\w+)\] Executing"
SANITY_STAGE = r'^Running sanity test "([\w-]+)"'
MINUTE = 60


class Unknown(Exception):
    """A name that no part and no group has."""


@dataclass(frozen=True)
class Part:
    """One command, whose exit code, or whose JUnit reports, are outcomes that count."""

    name: str  # GROUP/NAME
    argv: tuple
    needs: tuple = ()  # names of parts without which it cannot begin
    is_test: bool = True  # else it only prepares, and does not count
    gets_second_try: bool = False
    junit: str = ""  # a pattern below the checkout
    stage: str = ""  # a pattern of lines that begin a stage; its group is the stage's name
    slots: int = 2  # how many of the places for parts that run side by side it takes
    alone: bool = False  # nothing may run beside it
    timeout: int = 40 * MINUTE  # seconds; only to end what hangs
    not_here: int = -1  # the exit code that says: cannot be run on this machine

    @property
    def group(self):
        """Return the part of the name before the slash."""
        return self.name.partition("/")[0]


def prepare(name, *argv, needs=(), slots=2):
    """Make a part that only prepares."""
    return Part(f"prepare/{name}", argv, needs, is_test=False, slots=slots)


PREPARATION = (
    prepare("docker", "scripts/docker.sh"),
    prepare("environment", "scripts/venv.sh", "dev"),
    # Both suites at once.
    prepare("images", "scripts/images.sh", needs=("prepare/docker",), slots=4),
    prepare("wheelhouse", "scripts/wheelhouse.sh", needs=("prepare/images",), slots=4),
    prepare("packages", "scripts/packages.sh"),
)
NEEDS_TOOLS = ("prepare/environment", "prepare/packages")


def scenario(name, whole):
    """Make the part of a Molecule scenario."""
    return Part(
        f"scenario/{name}",
        ("scripts/scenario.sh", name),
        ("prepare/environment", "prepare/wheelhouse"),
        gets_second_try=True,
        junit=f".cache/molecule/{name}.xml",
        stage=MOLECULE_STAGE,
        timeout=(150 if whole else 40) * MINUTE,
    )


def gate(name):
    """Make the part of a linter."""
    return Part(f"gate/{name}", ("scripts/gate.sh", name), NEEDS_TOOLS, stage=SANITY_STAGE if name == "sanity" else "")


def integration(name):
    """Make the part of an integration target. It waits for brokers and workers most of the time."""
    return Part(f"integration/{name}", ("scripts/integration.sh", name), NEEDS_TOOLS, gets_second_try=True, slots=1)


def unit_reports(stream=""):
    """Return the pattern of the JUnit reports that scripts/ansible-test.sh leaves."""
    return f".cache/tree-units{stream}/ansible_collections/taskfleet/celery/tests/output/junit/*.xml"


UNITS = Part("units/units", ("scripts/units.sh",), NEEDS_TOOLS, junit=unit_reports(), slots=4)


def core(version, check):
    """Make the part of a check on a line of ansible-core."""
    return Part(
        f"core/{version}-{check}",
        ("scripts/ansible-core.sh", version, check),
        NEEDS_TOOLS,
        stage=SANITY_STAGE if check == "sanity" else "",
        junit=unit_reports(f"-core-{version}") if check == "units" else "",
        slots=4 if check == "units" else 2,
        not_here=3,
    )


def bench(name):
    """Make the part of a benchmark: it fails where one of its own checks does. Nothing else may run beside it."""
    return Part(
        f"bench/{name}",
        ("scripts/bench.sh", name),
        (*NEEDS_TOOLS, "prepare/wheelhouse"),
        alone=True,
        timeout=90 * MINUTE,
    )


def table(root, whole):
    """Return all parts, in the order in which they are begun."""
    names = sorted(path.parent.name for path in Path(root).glob("molecule/*/molecule.yml"))
    long = [name for name in ("options", "heal", "fleet", "breathecode", "sentinel") if name in names]
    scenarios = [scenario(name, whole) for name in long + [name for name in names if name not in long]]
    targets = [path.parent.name for path in sorted(Path(root).glob("tests/integration/targets/*/aliases"))]
    # It takes as long as all others together.
    targets.sort(key=lambda name: name != "sentinel")
    benches = sorted(path.stem for path in Path(root).glob("tests/bench/*.py"))
    return [
        *PREPARATION,
        gate("sanity"),
        *scenarios,
        *(gate(name) for name in GATES[1:]),
        UNITS,
        *(integration(name) for name in targets),
        gate("importer"),
        Part("versions/versions", ("scripts/versions.sh",), NEEDS_TOOLS, slots=4, timeout=90 * MINUTE),
        *(core(version, check) for version in CORES for check in CORE_CHECKS),
        *(bench(name) for name in benches),
    ]


def is_quick(part):
    """Whether `make test` has it."""
    if part.group == "scenario":
        return part.name.partition("/")[2] in QUICK_SCENARIOS
    return part.group in ("units", "integration") or (part.group == "gate" and part.name != "gate/importer")


def choose(words, known):
    """Return the parts that these words ask for, in the order of the table."""
    wanted = set()
    for word in words:
        found = {part.name for part in known if is_meant(part, word)}
        if not found:
            raise Unknown(f"No part is named '{word}'. Expected one of: {', '.join(part.name for part in known)}")
        wanted |= found
    return [part for part in known if part.name in wanted]


def is_meant(part, word):
    """Whether a word of the command line asks for a part."""
    if word == "all":
        return part.is_test
    if word == "quick":
        return is_quick(part)
    return word in (part.name, part.group)


def with_needs(chosen, known):
    """Return these parts and all that they need, in the order of the table."""
    by_name = {part.name: part for part in known}
    wanted, more = set(), [part.name for part in chosen]
    while more:
        name = more.pop()
        if name not in wanted:
            wanted.add(name)
            more += by_name[name].needs
    return [part for part in known if part.name in wanted]
