# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules ask about one node, each kind of evidence by itself."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.control import ControlEvidence
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.declaration import Declaration
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.heartbeats import Heartbeats
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.host import HostEvidence
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.pool import Pool
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.node.queues import Queues

STALL_AFTER = 30


def look(heartbeat=None, pid=100, service=None, children=()):
    main = {"pid": pid} if pid else None
    return {"main": main, "service": service, "heartbeat": heartbeat, "children": list(children), "others": []}


def heartbeat(written_at, pid=100, age=1, **more):
    return dict(more, written_at=written_at, pid=pid, age=age, state=more.get("state", "ready"))


def heartbeats(*found, pid=100):
    return Heartbeats([look(one, pid) for one in found], STALL_AFTER)


def answer(**more):
    return dict({"answered": True, "queues": None, "pool": None, "concurrency": None}, **more)


def declaration(**declared):
    return Declaration(declared, {"start_grace": 60})


def test_heartbeat_that_two_looks_found_counts_once():
    assert len(heartbeats(heartbeat(1), heartbeat(1)).fresh) == 1
    assert len(heartbeats(heartbeat(1), heartbeat(2)).fresh) == 2


def test_heartbeat_of_another_process_is_none_of_its_own():
    assert heartbeats(heartbeat(1, pid=7)).fresh == []
    restarted = Heartbeats([look(heartbeat(1, pid=7), 7), look(heartbeat(2, pid=8), 8)], STALL_AFTER)
    assert [one["pid"] for one in restarted.fresh] == [8]


def test_old_heartbeat_is_stale_and_still_names_the_pool():
    old = heartbeats(heartbeat(1, age=STALL_AFTER + 1, pool="solo"))
    assert old.fresh == []
    assert len(old.stale()) == 1
    assert Pool(declaration(pool="prefork"), old, ControlEvidence([])).name() == "solo"


def test_worker_is_confirmed_by_a_sentinel_that_finds_nothing_wrong():
    fine = {"connected": True, "reachable": True}
    assert heartbeats(heartbeat(1, broker=fine)).confirmed()
    assert not heartbeats(heartbeat(1, broker=fine, problem="pool_dead")).confirmed()
    assert not heartbeats(heartbeat(1, broker=dict(fine, reachable=False))).confirmed()
    assert not heartbeats().confirmed()


def test_node_is_silent_only_after_two_questions():
    quiet = {"answered": False}
    assert ControlEvidence([quiet]).silent() is None
    assert ControlEvidence([quiet, quiet]).silent()["readings"] == [False, False]
    assert ControlEvidence([quiet, answer()]).silent() is None
    assert ControlEvidence([{"answered": None}]).answered_all() is None


def test_processes_of_two_mains_say_nothing_over_time():
    assert HostEvidence([look(pid=1), look(pid=2)]).mains == []
    assert len(HostEvidence([look(pid=1), look(pid=1)]).mains) == 2


def test_nothing_is_known_of_the_processes_of_a_host_without_a_look():
    assert HostEvidence([]).running is None
    assert HostEvidence([look(pid=None)]).running is False


def test_queues_of_a_node_are_the_declared_ones_that_it_consumes():
    declared = declaration(queues=["a", "b"])
    silent, quiet = ControlEvidence([]), heartbeats()
    assert Queues(declared, quiet, silent, {}).names() == {"a", "b"}
    assert Queues(declared, quiet, ControlEvidence([answer(queues=["a", "x"])]), {}).names() == {"a"}
    assert Queues(declared, quiet, ControlEvidence([answer(queues=["x"])]), {}).names() == {"x"}


def test_declaration_of_a_node_that_nobody_has_declared():
    nothing = Declaration(None, {"start_grace": 60})
    assert (nothing.exists, nothing.stopped, nothing.queues) == (False, False, set())
    assert (nothing.remote_control, nothing.start_grace, nothing.fewest_processes) == (True, 60, 1)
