# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

from __future__ import annotations


class ModuleDocFragment:
    # The options of module_utils/_common/queue_args.py.
    DOCUMENTATION = r"""
options:
  app:
    description:
      - The application, as C(celery -A) gets it. One of O(app) and O(broker_url) is needed.
      - Needed when the application uses a key prefix or priority steps of its own that O(transport_options) does not
        tell, or TLS certificates.
    type: str
  broker_url:
    description:
      - The broker's URL. It wins over that of the application. Without O(app) nothing of the application is imported.
      - Redis, Redis behind Sentinel and RabbitMQ can be looked into.
    type: str
  transport_options:
    description:
      - What C(broker_transport_options) of the application says, for example C(global_keyprefix), C(priority_steps) and
        C(sep). They win over those of the application.
    type: dict
    default: {}
"""
