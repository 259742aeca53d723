# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a report leads to: whether the run fails, and what a person has to do. Pure. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._judge.reasons import (
    HEALTHY,
    NONE,
    REASONS,
    RESTART,
    SEVERITIES,
    START,
    STARTING,
    SUBJECTS,
    UNKNOWN,
    VERDICTS,
)

NOBODY = "no worker or service could be looked at"

# So many names are written out in a sentence.
NAMED = 3


def refuse_unknown(fail_on):
    """Refuse words that are neither a verdict, a reason nor a severity.

    :raises ValueError: there is such a word.
    """
    unknown = [word for word in fail_on if word not in VERDICTS + SUBJECTS + SEVERITIES]
    if unknown:
        raise ValueError(
            "fail_on has {0}; expected verdicts ({1}), severities ({2}) or reasons ({3})".format(
                ", ".join(unknown), ", ".join(VERDICTS), ", ".join(SEVERITIES), ", ".join(SUBJECTS)
            )
        )


def failed(report, fail_on):
    """Return what makes the run fail, by name: nodes, ``beat``, ``flower``, ``broker``, and ``<reason> <subject>`` of findings.

    It fails also when nothing is known of anybody, whatever ``fail_on`` has.
    """
    names = ["broker"] if _broker_reason(report["broker"]) in fail_on else []
    names += [name for name, verdict in _judged(report) if {verdict["verdict"], verdict["reason"]} & set(fail_on)]
    names += [
        _finding_name(finding)
        for finding in report["findings"]
        if {finding["severity"], finding["reason"]} & set(fail_on)
    ]
    verdicts = {verdict["verdict"] for _name, verdict in _judged(report)}
    return names or ([NOBODY] if verdicts == {UNKNOWN} else [])


def to_do(report):
    """Return in one sentence what a person has to do."""
    reason = _broker_reason(report["broker"])
    if reason:
        return "To do: {0}.".format(_first_sentence(REASONS[reason][2]))
    if report["failed"] == [NOBODY]:
        return "To do: make the hosts reachable for Ansible, or fix the look at them: nothing is known of anybody."
    return _run_restart_idle(report["nodes"]) or _look_at(_wrong(report), report["failed"])


def failure(report):
    """Return why the run fails, or an empty text."""
    return "{0} Failing: {1}".format(report["to_do"], named(report["failed"])) if report["failed"] else ""


def unhealed(report, heal_verdicts):
    """Return the nodes that healing is for, and that are not well."""
    return [node["node"] for node in report["nodes"] if node["verdict"] in heal_verdicts and node["action"] != NONE]


def named(names):
    """Return the first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (" and {0} more".format(more) if more > 0 else "")


def _run_restart_idle(nodes):
    """Return the sentence for nodes that it heals, or an empty text."""
    of_action = [
        (verb, [node["node"] for node in nodes if node["action"] == action])
        for action, verb in ((RESTART, "restarts"), (START, "starts"))
    ]
    parts = ["{0} {1}".format(verb, named(names)) for verb, names in of_action if names]
    return "To do: run restart_idle, which {0}.".format(" and ".join(parts)) if parts else ""


def _look_at(wrong, failing):
    """Return the sentence for what a person has to look at: what makes the run fail comes first."""
    urgent = [(name, what) for name, what in wrong if name in failing]
    if urgent:
        name, what = urgent[0]
        more = "; {0} more above".format(len(urgent) - 1) if len(urgent) > 1 else ""
        return "To do, for {0}: {1} ({2}){3}.".format(name, _first_sentence(what["remedy"]), what["runbook"], more)
    if wrong:
        return "Nothing to do at once; look by day at {0}.".format(named([name for name, _what in wrong]))
    return "Nothing to do."


def _wrong(report):
    """Return name and verdict of all that is not well, and the findings."""
    unwell = [(name, verdict) for name, verdict in _judged(report) if verdict["verdict"] not in (HEALTHY, STARTING)]
    return unwell + [(_finding_name(finding), finding) for finding in report["findings"]]


def _judged(report):
    """Return name and verdict of all nodes, and of beat and Flower."""
    services = [(kind, report[kind]) for kind in ("beat", "flower") if report[kind]]
    return [(node["node"], node) for node in report["nodes"]] + services


def _broker_reason(broker):
    if broker["reachable"] is False:
        return "broker_unreachable"
    return "broker_refusing" if broker["refusing"] else None


def _finding_name(finding):
    return "{0} {1}".format(finding["reason"], finding["subject"])


def _first_sentence(text):
    """Return the first sentence of a remedy as a clause."""
    sentence = text.split(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]
