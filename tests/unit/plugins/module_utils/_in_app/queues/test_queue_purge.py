# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order in which a purge and a restore go; what brokers do with it is in the integration targets."""

from __future__ import annotations

import os
import types

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.peers import Clock
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import dump as _dump
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import purge as purging
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import restore as restoring
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import Refusal


class Segment:
    priority = 0

    def __init__(self, queue, messages, problem):
        self.queue, self.messages, self.problem = queue, messages, problem
        self.seal = _dump.Seal()

    def records(self):
        for message in self.messages:
            self.seal.add(message)
            yield _dump.packed("raw", message)
        if self.problem:
            raise self.problem

    def summary(self):
        part = {"queue": self.queue, "priority": 0, "messages": self.seal.messages}
        return dict(part, id="id-" + self.queue, sha256=self.seal.hexdigest())


class Store:
    kind = "redis"

    def __init__(self, path, contents, reading=None, deleting=None):
        self.queues = types.SimpleNamespace(url="redis://:hunter22@h/0")
        self.path, self.contents, self.reading, self.deleting = path, contents, reading, deleting
        self.done = []

    def waiting(self, names, _clock):
        return {name: len(self.contents[name]) for name in names}, []

    def take(self, names):
        self.done.append("take")
        return [Segment(name, self.contents[name], self.reading) for name in names]

    def put_back(self, segments):
        self.done.append("put back")

    def delete(self, segments):
        assert not _dump.Dump(self.path).deleted
        self.done.append("delete")
        if self.deleting:
            raise self.deleting

    def finish(self, dump):
        self.done.append("finish")
        return []

    def check(self, dump):
        self.done.append("check")

    def restored(self, dump):
        return {"id-a": 2}

    def restore(self, dump, clock):
        self.done.append("restore")
        return {"a": 0, "b": 1}


CONTENTS = {"a": [b"1", b"2"], "b": [b"3"], "empty": []}
NAMES = ["a", "b", "empty"]
COUNTS = {"a": 2, "b": 1, "empty": 0}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "dump")


def run(store, path, names=None, check=False, seconds=30):
    return purging.purge(store, names or NAMES, path, check, Clock(seconds))


def test_messages_are_deleted_once_they_are_on_the_disk(path):
    store = Store(path, CONTENTS)
    assert run(store, path) == {"purged": COUNTS, "dump_to": path, "warnings": []}
    assert store.done == ["take", "delete"]
    dump = _dump.Dump(path)
    assert (dump.deleted, dump.header["broker"]) == (True, "redis://:***@h/0")


def test_check_mode_touches_nothing(path):
    store = Store(path, CONTENTS)
    assert run(store, path, check=True) == {"purged": COUNTS, "dump_to": path, "warnings": []}
    assert (store.done, os.path.exists(path)) == ([], False)


def test_empty_purge_writes_no_file(path):
    store = Store(path, CONTENTS)
    assert run(store, path, names=["empty"]) == {"purged": {"empty": 0}, "dump_to": None, "warnings": []}
    assert (store.done, os.path.exists(path)) == ([], False)


def test_messages_that_others_have_taken_in_the_meantime_leave_no_file(path):
    store = Store(path, {"a": [b"1"]})
    store.take = lambda names: [Segment("a", [], None)]
    assert run(store, path, names=["a"]) == {"purged": {"a": 0}, "dump_to": None, "warnings": []}
    assert os.listdir(os.path.dirname(path)) == []


@pytest.mark.parametrize(("problem", "seconds"), [(OSError("gone"), 30), (None, 0)])
def test_failure_before_the_file_is_complete_puts_the_messages_back(path, problem, seconds):
    store = Store(path, CONTENTS, reading=problem)
    with pytest.raises((OSError, Refusal)):
        run(store, path, seconds=seconds)
    assert store.done == ["take", "put back"]
    assert os.listdir(os.path.dirname(path)) == []


def test_later_failure_is_finished_by_the_next_run(path):
    store = Store(path, CONTENTS, deleting=OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        run(store, path)
    assert store.done == ["take", "delete"]
    with pytest.raises(Refusal, match="run it again first"):
        restoring.restore(store, path, False, Clock(30))
    again = Store(path, {"a": [], "b": [], "empty": []})
    assert run(again, path, check=True)["purged"] == COUNTS
    assert again.done == []
    result = run(again, path)
    assert (result["purged"], result["dump_to"], again.done) == (COUNTS, path, ["finish"])
    assert _dump.Dump(path).deleted


def test_another_broker_does_not_finish_it(path):
    store = Store(path, CONTENTS, deleting=OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        run(store, path)
    again = Store(path, CONTENTS)
    again.queues.url = "redis://elsewhere/0"
    with pytest.raises(Refusal, match="finish it there"):
        run(again, path)
    assert again.done == []


def test_finished_dump_is_not_written_over(path):
    run(Store(path, CONTENTS), path)
    again = Store(path, CONTENTS)
    with pytest.raises(Refusal, match="never written over"):
        run(again, path)
    assert again.done == []


def test_restore_tells_what_it_put_back(path):
    store = Store(path, CONTENTS)
    run(store, path)
    result = restoring.restore(store, path, True, Clock(30))
    assert result == {"restored": {"a": 0, "b": 1}, "messages": {"a": 2, "b": 1}}
    assert store.done[-1] == "check"
    restoring.restore(store, path, False, Clock(30))
    assert store.done[-1] == "restore"


def test_dump_of_another_kind_is_refused(path):
    store = Store(path, CONTENTS)
    run(store, path)
    store.kind = "amqp"
    with pytest.raises(Refusal, match="is a dump of redis"):
        restoring.restore(store, path, False, Clock(30))
