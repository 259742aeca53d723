# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers, booleans and lists that may arrive as text: from a survey, from ``-e``, from a vault. Private to the collection."""

from __future__ import annotations

import re

# As Ansible's own filter `bool` reads them.
TRUE = ("y", "yes", "on", "1", "true", "t")
FALSE = ("n", "no", "off", "0", "false", "f")

# A boolean is an integer to Python, too. Ansible's own types of tagged values are subclasses of these.
TYPES = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    (dict, "a dict"),
    ((list, tuple), "a list"),
)


def integer(value):
    """Return value as an integer, or None: 30, '30', not 30.5 and not true."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and re.match(r"[+-]?\d+\Z", value.strip()):
        return int(value)
    return None


def number(value):
    """Return value as a number, or None: 30, 2.5, '2.5', not 'soon' and not true."""
    if isinstance(value, float):
        return value
    if isinstance(value, str) and re.match(r"[+-]?\d*\.\d+\Z", value.strip()):
        return float(value)
    return integer(value)


def words(value):
    """Return value as a list of text, or None: [a, b], 'a, b', not 5."""
    if isinstance(value, str):
        return [word.strip() for word in value.split(",") if word.strip()]
    return list(value) if isinstance(value, (list, tuple)) else None


def boolean(value):
    """Return value as true or false, or None: true, 'yes', 1, not 'perhaps'."""
    word = str(value).strip().lower()
    if word in TRUE:
        return True
    return False if word in FALSE else None


def type_in_words(value):
    """Return what a value is to who writes an inventory: "a text", "a list"; for what may be secret."""
    return next((words for kind, words in TYPES if isinstance(value, kind)), "nothing")


def value_in_words(value):
    """Return a value for a message: "'w1', a text". Of a list or a dict, what it is only."""
    words = type_in_words(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "{0!r}, {1}".format(value, words) if isinstance(value, (int, float, str)) else words


def listing(values):
    """Return values as text: a, b and c."""
    texts = [str(value) for value in values]
    if len(texts) < 2:
        return "".join(texts) or "nothing"
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
