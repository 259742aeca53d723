# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts a dump back into its queues, once. Runs inside the application's Python. Private to the collection."""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.broker import with_queues
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.base import Refusal
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.dump import find
from ansible_collections.taskfleet.celery.plugins.module_utils._in_app.queues.store import store_of


def main(arguments, tell):
    """Return restored, and of how many messages."""

    def work(queues, _names, clock):
        return restore(store_of(queues), arguments["dump_from"], arguments["check"], clock)

    return with_queues(arguments, tell, work)


def restore(store, path, check, clock):
    """Put back what is not in place yet."""
    dump = find(path)
    if dump is None:
        raise Refusal("there is no file {0} on this host; correct dump_from".format(path))
    if dump.header["kind"] != store.kind:
        text = "{0} is a dump of {1}, and this broker is {2}: their messages differ"
        raise Refusal(text.format(path, dump.header["kind"], store.kind))
    if not dump.deleted:
        text = (
            "the purge that wrote {0} was interrupted, and the messages may be on the broker still; run it again first"
        )
        raise Refusal(text.format(path))
    store.check(dump)
    restored = dump.counts(store.restored(dump)) if check else store.restore(dump, clock)
    return {"restored": restored, "messages": dump.counts()}
