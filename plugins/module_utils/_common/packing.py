# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries the replies of a fleet, of which most say the same, with each body once. Pure. Private to the collection.

A reply is [method, node, body]. Runs inside the application's Python, which packs, and beside it, where they are unpacked.
"""

from __future__ import annotations

import json
from functools import lru_cache


# The workers of a fleet have a few kinds of bodies; those that differ, such as stats, shall not push them out.
@lru_cache(maxsize=1024)
def _parsed(text):
    return json.loads(text)


def read(text):
    """Return {node: body} from its JSON. Bodies of one text are one object, which nobody may change."""
    end = text.find('": ', 2)
    if end > 0 and text.startswith('{"') and text.endswith("}") and "\\" not in text[:end]:
        try:
            return {text[2:end]: _parsed(text[end + 3 : -1])}
        except ValueError:
            # More than one key, or none.
            pass
    return json.loads(text)


def pack(replies):
    """Return replies and bodies: in the replies, in place of the body, its number among the bodies."""
    numbers, bodies, packed = {}, [], []
    for method, node, body in replies:
        if id(body) not in numbers:
            numbers[id(body)] = len(bodies)
            bodies.append(body)
        packed.append([method, node, numbers[id(body)]])
    return {"replies": packed, "bodies": bodies}


def unpack(packed):
    """Return the replies of what pack made."""
    return [[method, node, packed["bodies"][number]] for method, node, number in packed.get("replies", ())]


def each_once(call):
    """Return a function of method and body that calls for each body once; they must stay alive meanwhile."""
    known = {}

    def answer(method, body):
        key = method, id(body)
        if key not in known:
            known[key] = call(method, body)
        return known[key]

    return answer
