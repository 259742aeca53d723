# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers of which too little is known, built where no recording shows the same.

Each function returns a fleet; FLEETS has the reason to be found for w1@web1.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.tests.unit.plugins.module_utils.fleets import ExampleFleet


def broker_read_only():
    return ExampleFleet().broker_refuses("READONLY You can't write against a read only replica.")


def broker_alarm():
    fleet = ExampleFleet(kind="rabbitmq").deaf()
    fleet.facts["alarms"] = ["memory"]
    return fleet


def broker_mute():
    """The broker answers the probe, and no worker does: the most common cause is the broker, or the way to it."""
    return ExampleFleet(sentinel=False).deaf()


def only_the_workers_host_is_cut_off():
    return (
        ExampleFleet()
        .silent()
        .beat_says(state="broker_down", broker={"connected": False, "reachable": False, "waiting": None})
    )


def host_gone_pong_only():
    return ExampleFleet().host_lost()


def probe_broken():
    fleet = ExampleFleet(sentinel=False)
    for sample in fleet.control:
        sample["result"].update(nodes={}, silent=[], probe={"ok": False, "error": "the application does not import"})
    return fleet


def nothing_known():
    fleet = ExampleFleet()
    fleet.control, fleet.broker, fleet.hosts = [], [], {}
    return fleet


def pong_alone():
    fleet = ExampleFleet()
    for sample in fleet.control:
        sample["result"]["nodes"] = {"w1@web1": {"ping": "pong"}}
    fleet.broker, fleet.hosts = [], {}
    return fleet


def silence_alone():
    fleet = ExampleFleet().silent()
    fleet.hosts = {}
    return fleet


FLEETS = [
    (broker_read_only, "broker_refusing"),
    (broker_alarm, "broker_refusing"),
    (broker_mute, "broker_unreachable"),
    (only_the_workers_host_is_cut_off, "broker_unreachable"),
    (host_gone_pong_only, "host_unreachable"),
    (probe_broken, "probe_failed"),
    (nothing_known, "insufficient_evidence"),
    (pong_alone, "insufficient_evidence"),
    (silence_alone, "insufficient_evidence"),
]
