# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""URLs of brokers and result backends: their list in one text, and whether clients can read them.

Private to the collection.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ansible_collections.taskfleet.celery.plugins.module_utils._common.brokers import kind_of

# It names every sign that may be the reason, so that it tells none of those in the password.
UNREADABLE = (
    "a URL that clients misread: its user name or password has one of / # ? ; [ ] in it as it is,"
    " or what follows the host is no port"
)


def split_urls(value):
    """Return the URLs of a broker setting, which may be a list, or one text with semicolons."""
    urls = value if isinstance(value, (list, tuple)) else str(value or "").split(";")
    return [url.strip() for url in urls if url and url.strip()]


def is_readable(value, is_list=False):
    """Return whether clients find user, password and host of a URL where they were meant.

    They end at the first / ? or # of the URL. Of a password with one of these, clients show a part in their error, or take it
    for the host. With is_list the value may be several URLs with semicolons, as of brokers and of Sentinels.
    """
    first, *others = (split_urls(value) if is_list else [value]) or [""]
    return _is_readable(first) and all("://" in url and _is_readable(url) for url in others)


def hosts_of(value):
    """Return the hosts of a readable URL, or list of them; '' is the host itself, by a client's default or by a socket."""
    urls = [url.partition("://")[2] for url in split_urls(value)]
    return [urlsplit("http://" + rest).hostname or "" for rest in urls]


def _is_readable(url):
    scheme, _separator, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    path, _mark, query = rest[len(authority) :].partition("?")
    # What follows the host may have an @ too: in the value of an option, and in a path or the name of a bucket.
    has_sign = "@" in path or ("@" in query and "=" not in query.partition("@")[0])
    if not authority:
        return True
    if kind_of(scheme) is None and scheme not in ("http", "https"):
        return not has_sign or "@" in authority or ":" not in authority
    try:
        # Read as kombu does: for other schemes, urlsplit has other rules. A bad port is only noticed when it is asked for.
        return not has_sign and urlsplit("http://" + rest).port != 0
    except ValueError:
        return False
