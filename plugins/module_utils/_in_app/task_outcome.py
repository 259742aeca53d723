# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges where a task got stuck. Pure. Private to the collection."""

from __future__ import annotations

NOT_ENQUEUED, NOT_TAKEN = "not_enqueued", "not_taken"
NOT_FINISHED, UNREADABLE = "not_finished", "result_unreadable"


def found(seen, replies, task_id):
    """Return where a task was seen, out of the workers' replies by node; one that has gone from there has ended."""
    for node, answers in replies.items():
        reply = answers.get("query_task")
        if isinstance(reply, dict) and task_id in reply:
            state, info = reply[task_id]
            return {"node": node, "state": state, "time_start": info.get("time_start")}
    if seen and seen["node"] in replies:
        return dict(seen, state="ended")
    return seen


def classify(state, sent, seen=None, problem="", waiting=None, readable=True):
    """Return state, reason and message, from what the result backend says, the workers and the queue."""
    outcome = {"state": state, "reason": "", "message": "", "seen": seen}
    if not sent:
        return dict(outcome, reason=NOT_ENQUEUED)
    if state not in ("PENDING", "UNKNOWN"):
        return outcome
    if problem:
        return dict(outcome, reason=UNREADABLE, message=problem)
    if seen and seen["state"] != "ended":
        reason, text = NOT_FINISHED, "{node} has it, {state}".format(**seen)
    elif seen:
        reason, text = UNREADABLE, "{node} had it, and has it no longer".format(**seen)
    elif waiting:
        reason, text = NOT_TAKEN, "{0} messages wait in its queue, and no worker that answers has it".format(waiting)
    elif waiting is None:
        reason, text = NOT_TAKEN, "no worker that answers has it"
    else:
        reason = UNREADABLE
        text = "its queue is empty and no worker that answers has it: it has ended, or a worker has it that does not answer"
    if reason == UNREADABLE:
        text += (
            "; its result is not in the result backend: does the task ignore its result, or do the workers use another one?"
            if readable
            else "; without a result backend that can be read its outcome cannot be known"
        )
    return dict(outcome, reason=reason, message=text)
