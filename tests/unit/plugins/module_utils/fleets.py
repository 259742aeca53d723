# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy fleet in the words of the modules, and what tests of judging lay over it.

It is for what no recording can show: see _judge/recordings.
"""

from __future__ import annotations

import copy

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.evidence import gather
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.report import report
from ansible_collections.taskfleet.celery.plugins.module_utils._judge.verdict import judge

T0 = 1_790_000_000.0
INTERVAL = 5
HOUR = 3600


def task(name="shop.add", number=1, started=None, pid=None):
    return {
        "id": f"id-{number}",
        "name": name,
        "hostname": "",
        "time_start": started,
        "acknowledged": started is not None,
        "worker_pid": pid,
        "delivery_info": {"exchange": "", "routing_key": "default", "priority": 0, "redelivered": False},
    }


class ExampleFleet:
    """Workers on hosts of two, each with two samples; each idle, on an empty queue, with a sentinel."""

    def __init__(self, count=3, samples=2, kind="redis", sentinel=True, pool="prefork", interval=INTERVAL):
        self.count = count
        self.times = [T0 + interval * number for number in range(samples)]
        self.transport = "redis" if kind == "redis" else "amqp"
        self.nodes = [f"w{number}@web{(number + 1) // 2}" for number in range(1, count + 1)]
        self.expected = {
            "app": "shop",
            "nodes": [self._declared(node, pool) for node in self.nodes],
            "beat": None,
            "flower": None,
        }
        self.control = [{"at": at, "result": self._control(pool)} for at in self.times]
        self.broker = [{"at": at, "result": self._broker()} for at in self.times]
        self.hosts = {
            host: [{"at": at, "result": self._host(host, at, sentinel, pool)} for at in self.times]
            for host in sorted({node.partition("@")[2] for node in self.nodes})
        }
        self.schedule = None
        self.facts = {"uptime": HOUR, "eviction_policy": "noeviction", "alarms": [], "orphan_reply_keys": 0}

    # -- A healthy fleet

    def main_pid(self, node):
        return 1000 + 10 * self.nodes.index(node)

    def child_pids(self, node):
        return [self.main_pid(node) + 1, self.main_pid(node) + 2]

    def _declared(self, node, pool):
        name, _at, host = node.partition("@")
        return {
            "node": node,
            "host": host,
            "instance": name,
            "queues": ["default"],
            "tasks": ["shop.add"],
            "concurrency": 2,
            "pool": pool,
            "state": "started",
            "limits": {"soft": 180, "hard": 240, "stop": 300},
        }

    def _peer(self):
        return {"url": "x://broker", "transport": self.transport, "reachable": True, "layer": "ok", "error": ""}

    def _control(self, pool):
        nodes = {}
        for node in self.nodes:
            children = self.child_pids(node) if pool == "prefork" else []
            nodes[node] = {
                "ping": "pong",
                "stats": {
                    "pid": self.main_pid(node),
                    "prefetch_count": 8,
                    "pool": {
                        "implementation": f"celery.concurrency.{pool}:TaskPool",
                        "max_concurrency": 2,
                        "processes": children,
                    },
                    "total": {"shop.add": 100},
                },
                "active": [],
                "reserved": [],
                "scheduled": [],
                "active_queues": [{"name": "default"}],
                "registered": ["shop.add"],
                "rate_limits": {},
            }
        return {
            "nodes": nodes,
            "silent": [],
            "duplicates": [],
            "unanswered": {},
            "broker": self._peer(),
            "probe": {"ok": True, "error": ""},
        }

    def _broker(self):
        queue = {
            "exists": True,
            "ready": 0,
            "unacked": 0,
            "consumers": None if self.transport == "redis" else self.count,
            "by_priority": {"0": 0},
            "oldest_age": None,
            "oldest_age_of": None,
            "held": 0,
            "error": "",
            "unknown": {},
        }
        clients = [
            {"name": node, "address": f"10.0.0.1:{self.main_pid(node)}", "idle": 0, "blocked": True}
            for node in self.nodes
        ]
        return {
            "queues": {"default": queue},
            "clients": clients if self.transport == "redis" else None,
            "broker": self._peer(),
            "probe": {"ok": True, "error": ""},
        }

    def service(self, name, pid):
        return {
            "name": name,
            "manager": "systemd",
            "known": True,
            "enabled": True,
            "state": "active",
            "substate": "running",
            "result": "success",
            "restarts": 0,
            "since": "2026-09-21T12:00:00Z",
            "since_seconds": HOUR,
            "main_pid": pid,
            "exit_code": None,
            "exit_signal": None,
            "memory_limit_bytes": None,
            "status_text": "",
        }

    @staticmethod
    def process(pid, ppid, role, **more):
        process = {
            "pid": pid,
            "ppid": ppid,
            "role": role,
            "name": "celery",
            "state": "S",
            "age": float(HOUR),
            "cpu_seconds": 0.0,
            "cpu_total": 10.0,
            "switches": 3 if role == "main" else 0,
            "threads": 1,
            "wchan": "ep_poll" if role == "main" else "pipe_read",
            "rss_bytes": 50_000_000,
            "new": False,
        }
        return dict(process, **more)

    def heartbeat(self, node, at, pool="prefork"):
        return {
            "schema": 1,
            "kind": "worker",
            "node": node,
            "pid": self.main_pid(node),
            "state": "ready",
            "problem": "",
            "detail": "",
            "written_at": at - 0.5,
            "loop_age": 0.4,
            "ready_at": at - HOUR,
            "pool": pool,
            "concurrency": 2,
            "children": [],
            "active_count": 0,
            "active": [],
            "reserved": 0,
            "limited": 0,
            "received_total": 100,
            "completed_total": 100,
            "queues": ["default"],
            "last_received": at - 600,
            "broker": {"connected": True, "reconnects": 0, "last_proof": at - 20, "reachable": True, "waiting": 0},
            "rss": 60_000_000,
        }

    def entry(self, kind, instance, pid, **more):
        entry = {
            "kind": kind,
            "instance": instance,
            "service": self.service(f"shop-{kind}@{instance}", pid),
            "processes": [self.process(pid, 1, "main")],
            "ended": [],
            "sample_seconds": 1.0,
            "memory": None,
            "sockets": [],
            "log": {"source": "journal", "modified_at": None, "size": None, "lines": ["celery ready."]},
            "heartbeat": None,
            "missing": {},
        }
        return dict(entry, **more)

    def _worker(self, node, at, sentinel, pool):
        pid = self.main_pid(node)
        entry = self.entry("worker", node.partition("@")[0], pid)
        if pool == "prefork":
            entry["processes"] += [self.process(child, pid, "child") for child in self.child_pids(node)]
        entry["sockets"] = [
            {
                "to": "broker",
                "local": f"10.0.0.1:{pid}",
                "remote": "10.0.0.9:6379",
                "state": "ESTABLISHED",
                "send_queue": 0,
                "receive_queue": 0,
                "pids": [pid],
            }
        ]
        if sentinel:
            entry["heartbeat"] = self.heartbeat(node, at, pool)
        else:
            entry["missing"]["heartbeat"] = "no heartbeat is declared"
        return entry

    def _host(self, host, at, sentinel, pool):
        mine = [node for node in self.nodes if node.endswith("@" + host)]
        return {
            "instances": {node.partition("@")[0]: self._worker(node, at, sentinel, pool) for node in mine},
            "beat": None,
            "flower": None,
            "strays": [],
            "disks": [
                {"path": "/var/log/shop", "free_bytes": 50, "total_bytes": 100, "free_inodes": 50, "total_inodes": 100}
            ],
            "clock": {"began_at": at - 1, "ended_at": at, "offset": 0.01, "uncertainty": 0.1},
            "missing": {},
        }

    # -- Changes: a tuple has a value for each sample

    def declared(self, node="w1@web1"):
        return next(entry for entry in self.expected["nodes"] if entry["node"] == node)

    def looks(self, node="w1@web1"):
        """The entries of celery_host_info on a node."""
        name, _at, host = node.partition("@")
        return [sample["result"]["instances"][name] for sample in self.hosts[host]]

    def replies(self, node="w1@web1"):
        answers = [sample["result"]["nodes"] for sample in self.control]
        return [nodes[node] for nodes in answers if node in nodes]

    def set_reply(self, method, values, node="w1@web1"):
        for reply, value in zip(self.replies(node), values, strict=False):
            reply[method] = value
        return self

    def total(self, *values, node="w1@web1"):
        for reply, value in zip(self.replies(node), values, strict=False):
            reply["stats"]["total"] = {"shop.add": value}
        for look, value in zip(self.looks(node), values, strict=False):
            if look["heartbeat"]:
                look["heartbeat"].update(received_total=value, completed_total=value)
        return self

    def silent(self, *nodes):
        """The nodes answer nothing."""
        for node in nodes or ["w1@web1"]:
            for sample in self.control:
                sample["result"]["nodes"].pop(node, None)
                sample["result"]["silent"].append(node)
        return self

    def deaf(self):
        """No node answers."""
        return self.silent(*self.nodes)

    def beat_says(self, node="w1@web1", **values):
        for number, look in enumerate(self.looks(node)):
            if look["heartbeat"]:
                for key, value in values.items():
                    look["heartbeat"][key] = value[number] if isinstance(value, tuple) else value
        return self

    def service_says(self, node="w1@web1", **values):
        for number, look in enumerate(self.looks(node)):
            for key, value in values.items():
                look["service"][key] = value[number] if isinstance(value, tuple) else value
        return self

    def main_says(self, node="w1@web1", **values):
        return self.process_says(self.main_pid(node), node, **values)

    def process_says(self, pid, node="w1@web1", **values):
        for number, look in enumerate(self.looks(node)):
            for process in look["processes"]:
                if process["pid"] == pid:
                    process.update({key: v[number] if isinstance(v, tuple) else v for key, v in values.items()})
        return self

    def queue_says(self, name="default", **values):
        for number, sample in enumerate(self.broker):
            queue = sample["result"]["queues"].setdefault(name, copy.deepcopy(sample["result"]["queues"]["default"]))
            for key, value in values.items():
                queue[key] = value[number] if isinstance(value, tuple) else value
        return self

    def work_waits(self, *values):
        self.queue_says(ready=values or tuple(3 + number for number in range(len(self.broker))))
        for host in self.hosts.values():
            for sample in host:
                for look in (sample.get("result") or {"instances": {}})["instances"].values():
                    if look["heartbeat"]:
                        look["heartbeat"]["broker"]["waiting"] = 3
        return self

    def not_listed(self, node="w1@web1"):
        """The broker has no client of the node that waits for work."""
        for sample in self.broker:
            sample["result"]["clients"] = [one for one in sample["result"]["clients"] if one["name"] != node]
        return self

    def gone(self, node="w1@web1", **service):
        """No process is left."""
        self.silent(node)
        for look in self.looks(node):
            look.update(processes=[], heartbeat=None, sockets=None)
            look["service"].update(dict({"state": "inactive", "substate": "dead", "main_pid": 0}, **service))
        return self

    def broker_down(self, layer="tcp", error="connection refused"):
        for sample in self.control + self.broker:
            sample["result"]["broker"].update(reachable=False, layer=layer, error=error)
        for sample in self.control:
            sample["result"].update(nodes={}, silent=[])
        for sample in self.broker:
            sample["result"].update(queues={}, clients=None)
        return self

    def broker_refuses(self, error="OOM command not allowed when used memory > 'maxmemory'"):
        for sample in self.control + self.broker:
            sample["result"]["broker"].update(error=error)
        for sample in self.control:
            sample["result"].update(nodes={}, silent=list(self.nodes))
        return self

    def host_lost(self, host="web1", why="ssh: connect: no route to host"):
        self.hosts[host] = [{"at": at, "unreachable": why} for at in self.times]
        return self

    def with_service(self, kind, **more):
        """Beat or Flower runs on web1."""
        self.expected[kind] = {"host": "web1"}
        for sample in self.hosts["web1"]:
            sample["result"][kind] = self.entry(kind, "", 700, **more)
        return self

    # -- Outcome

    def evidence(self):
        return gather(self.expected, self.control, self.broker, self.hosts, self.facts, schedule=self.schedule)

    def judge(self, **policy):
        return judge(self.expected, self.evidence(), policy)

    def verdicts(self, **policy):
        return {verdict["node"]: verdict for verdict in self.judge(**policy)["nodes"]}

    def verdict(self, node="w1@web1", **policy):
        return self.verdicts(**policy)[node]


def report_of(fleet, **values):
    """Return the report on a fleet, with these values of the policy."""
    evidence = fleet.evidence()
    return report(judge(fleet.expected, evidence, values), evidence, values)
