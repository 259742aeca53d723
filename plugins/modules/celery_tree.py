#!/usr/bin/python
# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: celery_tree
short_description: Copy a directory tree from the controller by content (internal)
version_added: 0.1.0
author: taskfleet maintainers (@taskfleet)
description:
  - Internal to the collection's roles. Compares a directory on the controller with one on the host by content and
    mode, and sends what differs in one archive. Each file is replaced in one step.
  - A file that an earlier copy put there and that is gone from the controller is removed. What the application
    itself made in its tree stays.
  - Plain files get 0640, programs and directories 0750. Bytecode (C(__pycache__), C(*.pyc)) and version control
    directories are left out. Links are followed.
  - As root, everything below O(dest) is done as O(owner), so a link that the application put there leads nowhere
    that its user cannot write anyway.
extends_documentation_fragment:
  - taskfleet.celery._attributes
  - taskfleet.celery._attributes.actiongroup_celery
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: The diff names the files and shows no content.
  idempotent:
    support: full
options:
  src:
    description: Directory on the controller.
    type: path
    required: true
  dest:
    description: Directory on the host. It is made when its parent exists.
    type: path
    required: true
  owner:
    description: User whom everything belongs to. Left out, the user that the module runs as.
    type: str
  group:
    description: Group that everything belongs to. Left out, the owner's own.
    type: str
  wanted:
    description: Set by the action. Each file's relative path, with a list of its SHA-256 and whether it is a program.
    type: dict
  archive:
    description: Set by the action. Path on the host of the archive that holds what differs.
    type: path
"""

EXAMPLES = r"""
- name: Copy the application's tree
  taskfleet.celery.celery_tree:
    src: /home/deploy/shop
    dest: /opt/shop/src
    owner: shop
    group: shop
"""

RETURN = r"""
written:
  description: Relative paths of the files that differed.
  returned: success
  type: list
  elements: str
  sample: [shop/tasks.py]
removed:
  description: Relative paths of the files that are gone from the controller.
  returned: success
  type: list
  elements: str
  sample: [shop/old.py]
"""

import tarfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.taskfleet.celery.plugins.module_utils._common.tree import TreeError
from ansible_collections.taskfleet.celery.plugins.module_utils._common.tree_copy import copy


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "wanted": {"type": "dict"},
            "archive": {"type": "path"},
        },
        supports_check_mode=True,
    )
    if module.params["wanted"] is None:
        module.fail_json(
            msg="wanted: not set. Expected: the task to run as an action of taskfleet.celery, which sets it."
        )
    try:
        result = copy(module.params, module.check_mode)
    except KeyError as error:
        module.fail_json(msg="owner or group: %s. Expected: one that exists on the host." % error.args[0])
    except (TreeError, OSError, tarfile.TarError) as error:
        module.fail_json(msg="dest %s: %s" % (module.params["dest"], error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
