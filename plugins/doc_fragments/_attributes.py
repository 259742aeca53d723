# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

from __future__ import annotations


class ModuleDocFragment:
    # What every module says about itself.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
      - This assumes that the system controlled or queried by the module has not changed in a relevant way.
"""

    # A module that only looks.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    support: full
    details:
      - This module changes nothing.
"""

    ACTIONGROUP_CELERY = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/taskfleet.celery.celery) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - taskfleet.celery.celery
"""

    ACTIONGROUP_APPLICATION = r"""
options: {}
attributes:
  action_group:
    description: >-
      Use C(group/taskfleet.celery.application) or C(group/taskfleet.celery.celery) in C(module_defaults) to set defaults for this
      module.
    support: full
    membership:
      - taskfleet.celery.application
      - taskfleet.celery.celery
"""

    ACTIONGROUP_SERVICES = r"""
options: {}
attributes:
  action_group:
    description: >-
      Use C(group/taskfleet.celery.services) or C(group/taskfleet.celery.celery) in C(module_defaults) to set defaults for this
      module.
    support: full
    membership:
      - taskfleet.celery.services
      - taskfleet.celery.celery
"""
