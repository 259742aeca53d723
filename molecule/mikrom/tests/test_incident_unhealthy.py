"""The worker shows as unhealthy while a long blocking task runs. The document changed the pool and the patience."""

from __future__ import annotations

import contextlib

from helpers import APPS, HOSTS
from lab import Ledger, concluded, pids
from waiting import wait_for

# A host that does not answer, in a range that is nobody's.
NOWHERE = "192.0.2.7"


@contextlib.contextmanager
def unreachable(address):
    """Nobody answers at this address, and nobody says so: the way of a firewall."""
    with contextlib.ExitStack() as stack:
        for host in HOSTS:
            stack.enter_context(host.dropped(f"OUTPUT --destination {address}"))
        yield


def operations(host):
    [app] = APPS
    active = host.inspect("active", *app.nodes)
    return [task["name"] for tasks in active.values() for task in tasks if task["name"] == "create_vm_task"]


def attempts(host, **options):
    return Ledger(host, "create_vm_task", args=[NOWHERE], queues=["mikrom:queue"], **options)


def test_blocking_tasks_do_not_make_a_worker_unhealthy():
    [app] = APPS
    before = pids()
    with unreachable(NOWHERE):
        # One in ten seconds after the first: some always wait, however long it takes to look.
        with attempts(app.host, rate=20, limit=4) as first, attempts(app.host, rate=0.1) as further:
            wait_for(lambda: len(operations(app.host)) >= 4, "four tasks wait for a host that does not answer")
            run = concluded("restart_idle")
            assert (run.unhealthy, run.restarted, run.rc) == ({}, [], 0), run.causes
            assert "busy" in {reason for _verdict, reason in run.verdicts.values()}, run.causes
            for worker in app.workers:
                command = f"{worker.host.facts['bin_dir']}/mikrom-worker-probe {worker.instance}"
                wait_for(
                    lambda worker=worker, command=command: worker.host.on.run(command).rc == 0,
                    f"{worker.name} is healthy",
                )
            # SSH gives up after 30 s, well below the operation's limit: the tasks end, and say so.
            assert further.lost() | first.lost() == {}
        assert set((further.done() + first.done()).values()) == {1}
    assert pids() == before
