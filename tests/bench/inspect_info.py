"""One celery_inspect_info with four methods against four `celery inspect` commands that ask the same, and the verdicts.

celery_fleet_health asks more, and twice: seven methods, and five of them again. The pause between is left out, and so are
the looks at hosts.

For a live fleet, and for a simulated one of 1,000 nodes: one process on one connection answers for all of them, with
the replies of a live worker under their names. Both sides know the nodes, so both return with the last answer.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.fleet_health import arguments, judged
from shared.servers import CELERY_PYTHON, Servers, cpu_of_children
from waiting import PATIENCE

METHODS = ["ping", "stats", "active_queues", "active"]
LIVE = 4
SIMULATED = 1000
REPEATS = 3
GOAL_WALL, GOAL_CPU = 0.5, 0.25

MODULE = """
import json, sys
from ansible.module_utils.testing import patch_module_args
from ansible_collections.taskfleet.celery.plugins.modules import {0}
with patch_module_args(json.load(sys.stdin)):
    {0}.main()
"""


def measure(commands, **options):
    """Run the commands in turn; return wall seconds, CPU seconds and their outputs."""
    before, begun = cpu_of_children(), time.monotonic()
    outputs = []
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        if done.returncode:
            raise SystemExit(f"{command[:6]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        outputs.append(json.loads(done.stdout))
    return time.monotonic() - begun, cpu_of_children() - before, outputs


def run_module(name, arguments):
    """Run a module as it runs on a host, with what it starts there."""
    return measure([[sys.executable, "-c", MODULE.format(name)]], input=json.dumps(arguments))


def judge(url, nodes):
    """Return wall seconds, CPU seconds that the verdicts on the nodes take: the questions, and judging on the controller."""
    declared = [
        {
            "node": node,
            "host": node.partition("@")[2],
            "instance": node.partition("@")[0],
            "queues": ["celery"],
            "pool": "solo",
            "state": "started",
        }
        for node in nodes
    ]
    given = {"celery_python": str(CELERY_PYTHON), "broker_url": url, "expected": declared, "timeout": PATIENCE}
    given["policy"] = {"interval": 0}
    wall, cpu, (asked,) = run_module("celery_fleet_health", given)
    begun = time.process_time()
    params = {**{name: option.get("default") for name, option in arguments().items()}, **given}
    result = judged(params, asked, {}, time.time())
    spent = time.process_time() - begun
    # The other fleet of the benchmark answers as well, and is not declared.
    verdicts = [one["verdict"] for one in result["report"]["nodes"] if one["node"] in nodes]
    if verdicts != ["healthy"] * len(nodes):
        raise SystemExit(f"of {len(nodes)} healthy nodes was said: {set(verdicts)} {result['lines'][-3:]}")
    return wall + spent, cpu + spent


def ask_by_module(url, nodes):
    """Return wall seconds, CPU seconds of celery_inspect_info."""
    arguments = {"celery_python": str(CELERY_PYTHON), "broker_url": url, "methods": METHODS, "destination": nodes}
    arguments["timeout"] = PATIENCE
    wall, cpu, (result,) = run_module("celery_inspect_info", arguments)
    if result["silent"] or result["unanswered"] or len(result["nodes"]) != len(nodes):
        raise SystemExit(
            f"{len(result['silent'])} nodes did not answer the module: {result['broker']} {result['probe']}"
        )
    return wall, cpu


def ask_by_commands(url, nodes):
    """Run `celery inspect` once for each method."""
    celery = [str(CELERY_PYTHON), "-m", "celery", "-b", url, "inspect", "--json", "-t", str(PATIENCE)]
    wall, cpu, answers = measure([[*celery, "-d", ",".join(nodes), method] for method in METHODS])
    if any(len(replies) != len(nodes) for replies in answers):
        raise SystemExit(f"of {len(nodes)} nodes answered the commands: {[len(replies) for replies in answers]}")
    return wall, cpu


def compare(title, url, nodes):
    """Print both, taken by turns, and their ratios; return whether the goals are met."""
    taken = [(ask_by_module(url, nodes), judge(url, nodes), ask_by_commands(url, nodes)) for _repeat in range(REPEATS)]
    module, verdicts, commands = (
        [statistics.median(values) for values in zip(*side, strict=True)] for side in zip(*taken, strict=True)
    )
    wall, cpu = module[0] / commands[0], module[1] / commands[1]
    print(f"{title}, {len(METHODS)} methods, median of {REPEATS}")
    print(f"  celery_inspect_info     {module[0]:6.2f} s   CPU {module[1]:6.2f} s")
    print(f"  4 x celery inspect      {commands[0]:6.2f} s   CPU {commands[1]:6.2f} s")
    print(f"  ratio                   {wall:6.2f} (goal {GOAL_WALL})   CPU {cpu:6.2f} (goal {GOAL_CPU})")
    print(f"  celery_fleet_health     {verdicts[0]:6.2f} s   CPU {verdicts[1]:6.2f} s")
    judging = verdicts[0] / commands[0]
    print(f"  ratio                   {judging:6.2f} (goal {GOAL_WALL})")
    return wall <= GOAL_WALL and cpu <= GOAL_CPU and judging <= GOAL_WALL


def main():
    """Print both comparisons."""
    with tempfile.TemporaryDirectory() as directory:
        servers = Servers(directory)
        try:
            live = [f"w{number}@bench" for number in range(1, LIVE + 1)]
            for node in live:
                servers.worker(node)
            met = [compare(f"live fleet of {LIVE} workers", servers.url, live)]
            simulated = [f"w{number}@simulated" for number in range(1, SIMULATED + 1)]
            servers.mailboxes(live[0], "w{}@simulated", SIMULATED)
            met.append(
                compare(f"SIMULATED fleet of {SIMULATED} nodes (one process answers for all)", servers.url, simulated)
            )
        finally:
            servers.end()
    print("goals met" if all(met) else "GOALS NOT MET")


if __name__ == "__main__":
    main()
