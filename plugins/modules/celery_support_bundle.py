#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_support_bundle
short_description: Write what was gathered into one archive on the controller
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - Takes passwords out of the results of other modules, and writes them with logs, unit files and a summary into one
    archive that only its owner can read.
  - Runs on the controller and does not connect to the host. The playbook C(taskfleet.celery.diagnose) uses it.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_celery
attributes:
  check_mode:
    support: full
    details: Everything is done but to write the archive.
  diff_mode:
    support: none
    details: The archive is always a new file.
  idempotent:
    support: none
    details: Every call writes a further archive.
options:
  directory:
    description:
      - Directory on the controller, in which the archive is written. It is made, for its owner alone, if it is missing.
    type: path
    required: true
  hosts:
    description:
      - By host, and by the name of the part, the results of modules. C(evidence) is that of
        M(taskfleet.celery.celery_host_info), C(facts) tells whether the host was reached, and C(units) is a loop of
        M(ansible.builtin.slurp).
    type: dict
    required: true
  apps:
    description:
      - By application, and by the name of the part, the results of modules. C(inspect) is that of
        M(taskfleet.celery.celery_inspect_info).
    type: dict
    default: {}
  environments:
    description:
      - Dicts of names and values. The passwords among the values are taken out wherever they occur.
    type: list
    elements: dict
    default: []
seealso:
  - module: taskfleet.celery.celery_host_info
  - module: taskfleet.celery.celery_inspect_info
"""

EXAMPLES = r"""
- name: Write the bundle
  taskfleet.celery.celery_support_bundle:
    directory: /tmp/reports
    hosts:
      worker-1:
        evidence: "{{ evidence }}"
    environments:
      - DB_PASSWORD: "{{ vault_db_password }}"
  register: bundle
"""

RETURN = r"""
archive:
  description: Path of the archive on the controller. Null in check mode.
  returned: success
  type: str
  sample: /tmp/reports/celery-diagnose-20260101T120000Z.tar.gz
files:
  description: The files in it.
  returned: success
  type: list
  elements: str
  sample: ["hosts/worker-1/evidence.json", "summary.txt"]
summary:
  description: The lines of C(summary.txt), which say what was gathered, what was not, and why.
  returned: success
  type: list
  elements: str
  sample: ["host worker-1: gathered", "  worker-w1: active since 2026-01-01T12:00:00Z"]
"""
