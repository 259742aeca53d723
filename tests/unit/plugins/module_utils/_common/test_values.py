# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.values import (
    boolean,
    integer,
    number,
    type_in_words,
    value_in_words,
    words,
)


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), ("3", 3), (" 3 ", 3), ("-3", -3), (True, None), ("3.5", None), (3.5, None), ("", None), (None, None)],
)
def test_integer(value, number):
    assert integer(value) == number


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (True, True),
        ("Yes", True),
        (1, True),
        (False, False),
        ("off", False),
        ("0", False),
        ("perhaps", None),
        (None, None),
    ],
)
def test_boolean(value, truth):
    assert boolean(value) is truth


@pytest.mark.parametrize(("value", "read"), [(3, 3), (2.5, 2.5), ("2.5", 2.5), ("3", 3), (True, None), ("soon", None)])
def test_number(value, read):
    assert number(value) == read


@pytest.mark.parametrize(
    ("value", "read"), [(["a"], ["a"]), (("a",), ["a"]), ("a, b,", ["a", "b"]), ("", []), (5, None)]
)
def test_words(value, read):
    assert words(value) == read


class Tagged(str):
    """A text as Ansible has it, of a type of its own."""


@pytest.mark.parametrize(
    ("value", "words", "with_value"),
    [
        ("w1", "a text", "'w1', a text"),
        (Tagged("w1"), "a text", "'w1', a text"),
        ("", "a text", "'', a text"),
        (5, "a number", "5, a number"),
        (2.5, "a number", "2.5, a number"),
        (True, "true or false", "true"),
        (None, "nothing", "nothing"),
        (["hunter2"], "a list", "a list"),
        (("hunter2",), "a list", "a list"),
        ({"password": "hunter2"}, "a dict", "a dict"),
    ],
)
def test_values_in_words(value, words, with_value):
    assert (type_in_words(value), value_in_words(value)) == (words, with_value)
