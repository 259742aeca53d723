# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes passwords out of whatever is about to be shown.

Private to the collection.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

MASK = "***"

# Shorter literals would mask ordinary words.
SHORTEST_LITERAL = 4
# They hold no password, and are most of what a fleet tells.
NUMBERS = (bool, int, float)

_NAME = r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?|(?:api|access|private|signing|encryption)_?key)"
_SECRET_NAME = re.compile(_NAME + r"|(?:^|_)auth(?:_|$)|(?:^|_)pass$", re.IGNORECASE)
# The password of a URL ends at the last @ before the next URL begins.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://)([^\s:/@'\"<>]*):((?:(?!://)[^\s'\"<>])+)@")
# A value in quotes, as Python or JSON writes it, also where it was quoted once more.
_TEXT = r"[bru]{0,2}(?P<quote>\\*['\"])(?:(?!(?P=quote)).)*(?P=quote)"
_ASSIGNED = re.compile(r"(\b\w*" + _NAME + r"\w*=)(?:" + _TEXT + r"|[^\s&;,'\")\]}]+)", re.IGNORECASE)
_QUOTED = re.compile(r"(\\*['\"]\w*" + _NAME + r"\w*\\*['\"]\s*:\s*)" + _TEXT, re.IGNORECASE)
_SAID = re.compile(r"(\b\w*(?:passw(?:or)?d|passphrase|secret|api_?key)\w*: )[^\s'\",;]+", re.IGNORECASE)
_HEADER = re.compile(r"(\bauthorization\W{1,6}(?:basic|bearer|digest|token)\s+)[^\s'\",]+", re.IGNORECASE)


# A fleet's replies have the same names a thousand times.
@lru_cache(maxsize=4096)
def is_secret_name(name):
    """Tell whether a setting or a variable of this name holds a secret."""
    return bool(_SECRET_NAME.search(str(name)))


def mask(value, secrets=()):
    """Return the value without its passwords.

    Takes a URL, a text, a list or a dict. The secrets are literals that are masked in texts, too.
    """
    if isinstance(value, str):
        return _text(value, secrets)
    if isinstance(value, dict):
        return {
            key: item if item is None or isinstance(item, NUMBERS) else _of_name(key, item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [mask(item, secrets) for item in value]
    return value


def conceal(value, literals):
    """Return the value, a text, a list or a dict, with these literals masked and nothing else."""
    return _concealed(value, sorted(set(literals), key=len, reverse=True)) if literals else value


def _concealed(value, literals):
    if isinstance(value, str):
        for literal in literals:
            value = value.replace(literal, MASK)
        return value
    if isinstance(value, dict):
        return {key: _concealed(item, literals) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_concealed(item, literals) for item in value]
    return value


def _of_name(key, item, secrets):
    """Return what stands under a key without its passwords. Nothing is no password."""
    return MASK if isinstance(item, (str, bytes)) and item and is_secret_name(key) else mask(item, secrets)


def _text(value, secrets):
    if secrets:
        value = conceal(value, [secret for secret in secrets if len(secret) >= SHORTEST_LITERAL])
    # Each of the patterns needs one of these; most texts have none.
    if ":" not in value and "=" not in value and "authorization" not in value.lower():
        return value
    value = _URL.sub(r"\1\2:" + MASK + "@", value)
    for pattern in (_ASSIGNED, _QUOTED, _SAID, _HEADER):
        value = pattern.sub(_masked, value)
    return value


def _masked(match):
    quote = match.groupdict().get("quote") or ""
    return match.group(1) + quote + MASK + quote


def secrets_in(environment):
    """Return the secret literals of an environment: named as such, or the password of a URL."""
    found = set()
    for name, value in environment.items():
        text = str(value)
        if is_secret_name(name):
            found.add(text)
            # A list of users with their passwords, as Flower takes it.
            if "auth" in name.lower():
                found.update(user.partition(":")[2] for user in text.split(","))
        for url in _URL.finditer(text):
            found.update((url.group(3), unquote(url.group(3))))
    return sorted(secret for secret in found if len(secret) >= SHORTEST_LITERAL)
