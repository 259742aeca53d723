# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of brokers, by the scheme of a URL or by kombu's name of a transport. Private to the collection."""

from __future__ import annotations

import re

# kombu's own aliases, without those that add TLS or a driver to a transport.
TRANSPORTS = {"rediss": "redis", "valkey": "redis", "valkeys": "redis", "amqps": "amqp", "pyamqp": "amqp"}
KINDS = {"redis": "redis", "sentinel": "redis", "amqp": "rabbitmq"}


def transport_of(scheme):
    """Return the transport that a URL's scheme means, without driver and TLS."""
    scheme = re.split(r"[+:]", scheme or "", maxsplit=1)[0].lower()
    return TRANSPORTS.get(scheme, scheme)


def kind_of(scheme):
    """Return redis or rabbitmq, or None for what is neither."""
    return KINDS.get(transport_of(scheme))
