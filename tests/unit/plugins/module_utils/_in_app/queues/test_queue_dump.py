# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues import dump as _dump
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import Refusal

RAW = [b'{"body": "1"}', b"\xff\x00", "é\n".encode()]


def seal(*messages):
    sealed = _dump.Seal()
    for message in messages:
        sealed.add(*message)
    return sealed.hexdigest()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "dump.jsonl")


@pytest.fixture
def written(path):
    writer = _dump.Writer(path, {"kind": "redis", "broker": "redis://h", "queues": ["a", "b"]})
    for number, (queue, raws) in enumerate((("a", RAW), ("b", RAW[:1]))):
        for raw in raws:
            writer.line(dict({"segment": number, "queue": queue, "priority": 0}, **_dump.packed("raw", raw)))
    writer.finish(
        [
            {"id": "one", "queue": "a", "priority": 0, "messages": 3, "sha256": seal(*((raw,) for raw in RAW))},
            {"id": "two", "queue": "b", "priority": 0, "messages": 1, "sha256": seal((RAW[0],))},
        ]
    )
    return path


def test_dump_reads_back_byte_for_byte(written):
    dump = _dump.Dump(written)
    read = [(segment["id"], [_dump.payload(one)[0] for one in records]) for segment, records in dump.messages()]
    assert read == [("one", RAW), ("two", RAW[:1])]
    assert (dump.counts(), dump.deleted) == ({"a": 3, "b": 1}, False)
    assert dump.counts({"one": 2, "two": 1}) == {"a": 1, "b": 0}


def test_only_the_owner_may_read_it(written):
    assert os.stat(written).st_mode & 0o777 == 0o600
    assert os.listdir(os.path.dirname(written)) == ["dump.jsonl"]


def test_it_has_no_name_until_it_is_complete(path):
    writer = _dump.Writer(path, {})
    assert not os.path.exists(path)
    writer.abandon()
    assert os.listdir(os.path.dirname(path)) == []


def test_it_is_never_written_over(written):
    writer = _dump.Writer(written, {})
    with pytest.raises(Refusal, match="never written over"):
        writer.finish([])
    assert _dump.Dump(written).counts() == {"a": 3, "b": 1}


def test_two_do_not_write_one_file(path):
    writer = _dump.Writer(path, {})
    with pytest.raises(Refusal, match="another purge writes to it"):
        _dump.Writer(path, {})
    writer.abandon()


def test_dump_left_by_a_crash_is_written_anew(path):
    with open(path + ".partial", "w", encoding="utf-8") as stream:
        stream.write("half a li")
    os.chmod(path + ".partial", 0o644)
    _dump.Writer(path, {}).finish([])
    assert _dump.Dump(path).segments == []
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_link_is_not_followed(path, tmp_path):
    os.symlink(str(tmp_path / "elsewhere"), path + ".partial")
    with pytest.raises(Refusal):
        _dump.Writer(path, {})
    assert not (tmp_path / "elsewhere").exists()


def test_directory_that_is_missing_is_named(tmp_path):
    with pytest.raises(Refusal, match="directory does not exist"):
        _dump.Writer(str(tmp_path / "no" / "dump"), {})


def test_deletion_is_noted_once(written):
    dump = _dump.Dump(written)
    dump.confirm()
    dump.confirm()
    with open(written, encoding="utf-8") as stream:
        assert stream.read().count("deleted") == 1
    assert _dump.Dump(written).deleted


def test_note_that_was_cut_off_is_written_again(written):
    with open(written, "a", encoding="utf-8") as stream:
        stream.write('{"dele')
    dump = _dump.Dump(written)
    assert not dump.deleted
    dump.confirm()
    assert _dump.Dump(written).deleted


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text.replace("body", "boby", 1), "damaged"),
        (lambda text: text[: text.index('{"end"')], "its end is missing"),
        (lambda text: text.replace('"taskfleet_dump": 1', '"taskfleet_dump": 2'), "is no dump"),
        (lambda text: "", "its end is missing"),
        (lambda text: "hello\n", "its end is missing"),
        (lambda text: "\n".join(line for line in text.split("\n") if "raw_base64" not in line), "damaged"),
    ],
)
def test_file_that_is_not_whole_is_refused(written, spoil, words):
    with open(written, encoding="utf-8") as stream:
        text = stream.read()
    with open(written, "w", encoding="utf-8") as stream:
        stream.write(spoil(text))
    with pytest.raises(Refusal, match=words):
        _dump.Dump(written)


def test_missing_file_is_no_dump(path):
    assert _dump.find(path) is None


def test_batches():
    assert list(_dump.batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(_dump.batches([], 2)) == []
