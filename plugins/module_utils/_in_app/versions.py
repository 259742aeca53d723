# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installed distributions, and whether Celery, kombu and the broker's client library fit each other.

Runs inside the application's Python. Private to the collection.
"""

from __future__ import annotations

import re

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import transport_of
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask

# Of a transport, the extra of kombu that names its client library.
EXTRAS = {"redis": "redis", "sentinel": "redis", "sqs": "sqs", "mongodb": "mongodb"}


def installed():
    """Return by distribution its version, its origin (the text of direct_url.json, PEP 610), and what it needs without extras."""
    from importlib import metadata

    found = {}
    for distribution in metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        # The first on the path is the one that is imported.
        if not name or name in found:
            continue
        wanted = (requirement(text) for text in distribution.requires or ())
        found[name] = {
            "version": distribution.version,
            "origin": distribution.read_text("direct_url.json") or "",
            "needs": {required for required, _constraint, marker in wanted if applies(marker, "")},
        }
    return found


def fit(versions, broker, refused=""):
    """Return whether celery, kombu and the client library fit each other, and what would fix it."""
    from importlib import metadata

    def requirements(name):
        try:
            return metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            return []

    transport = transport_of(broker.partition("://")[0])
    found = list(misfits(versions, {name: requirements(name) for name in ("celery", "kombu")}, transport))
    # What the broker's answer can make up for comes last.
    problem, is_client = min(found, key=lambda one: one[1], default=(refused, False))
    if not problem:
        return {"ok": True, "problem": "", "remedy": "", "only_client": False}
    extra = EXTRAS.get(transport)
    return {"ok": False, "problem": mask(problem), "remedy": remedy(versions, extra), "only_client": is_client}


def misfits(versions, requires, transport):
    """Yield the requirements of celery and kombu that the installed versions do not meet.

    Each with whether it is no more than the range that kombu states for the installed client library of the broker.
    """
    for name in ("celery", "kombu"):
        if name not in versions:
            yield "{0} is not installed in this virtual environment".format(name), False
            return
        for text in requires[name]:
            wanted, constraint, marker = requirement(text)
            if not applies(marker, EXTRAS.get(transport) if name == "kombu" else None):
                continue
            owner = "{0} {1}".format(name, versions[name])
            if wanted not in versions:
                yield "{0} needs {1}{2}, which is not installed".format(owner, wanted, constraint), False
            elif not meets(versions[wanted], constraint):
                problem = "{0} needs {1}{2}, installed is {1} {3}".format(owner, wanted, constraint, versions[wanted])
                yield problem, bool(marker) or wanted == transport == "amqp"


def remedy(versions, extra):
    """Return what to install or to pin."""
    package = "celery[{0}]".format(extra) if extra else "celery"
    if "celery" not in versions:
        return "install {0} into the virtual environment".format(package)
    line = release(versions["celery"])[:2]
    if release(versions.get("kombu", "0"))[:2] == line:
        return "install {0}=={1} again, with all that it needs".format(package, versions["celery"])
    text = "pin kombu to celery's line: {0}=={1} with kombu>={2}.{3},<{2}.{4}"
    return text.format(package, versions["celery"], line[0], line[1], line[1] + 1)


def requirement(text):
    """Return name, constraint and marker of a requirement as distributions declare it."""
    body, _semicolon, marker = text.partition(";")
    name, constraint = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^)]*)\)?", body).groups()
    return name.lower().replace("_", "-"), constraint.replace(" ", ""), marker.strip()


def applies(marker, extra):
    """Return whether a marker is about the extra, or about nothing; markers about platforms are left alone."""
    if not marker:
        return True
    named = re.fullmatch(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
    return bool(named and extra and named.group(1) == extra)


def release(version):
    """Return the numbers of a version."""
    return tuple(int(number) for number in re.findall(r"\d+", re.split(r"[^\d.]", version, maxsplit=1)[0])) or (0,)


def meets(version, constraint):
    """Return whether a version lies within the bounds of a constraint; exact pins are pip's business."""
    have = release(version)
    for operator, bound in re.findall(r"(~=|!=|<=|>=|<|>)([^,]+)", constraint):
        limit = release(bound)
        size = max(len(have), len(limit))
        left, right = (numbers + (0,) * (size - len(numbers)) for numbers in (have, limit))
        if operator == "~=":
            good = left >= right and have[: len(limit) - 1] == limit[:-1]
        elif operator == "!=":
            good = left != right
        else:
            good = {"<=": left <= right, ">=": left >= right, "<": left < right, ">": left > right}[operator]
        if not good:
            return False
    return True
