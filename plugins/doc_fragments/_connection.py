# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note: this file is private to the collection. It can change without notice.

from __future__ import annotations


class ModuleDocFragment:
    # The options of module_utils/_common/args.py.
    DOCUMENTATION = r"""
options:
  celery_python:
    description:
      - Path of the Python interpreter of the application's virtual environment.
      - What needs the application runs in a process of this interpreter. The module itself needs neither Celery nor
        the application.
    type: path
    required: true
  celery_command:
    description:
      - What starts Celery where the application has a command of its own for that, which sets it up and hands its arguments to
        Celery, like C(nautobot-server celery). O(app) is imported below it.
      - The default is O(celery_python) alone.
    type: list
    elements: str
    default: []
  app:
    description:
      - The application, as C(celery -A) gets it, for example V(shop.celery), V(shop.celery:app) or V(shop).
    type: str
  chdir:
    description:
      - The directory from which the application is imported, as with C(celery --workdir).
    type: path
  pythonpath:
    description:
      - Directories that come first on the interpreter's path.
    type: list
    elements: path
    default: []
  environment_file:
    description:
      - A file of C(KEY="value") lines on the host, which the process gets as its environment. It is read before the
        process becomes O(user).
    type: path
  environment:
    description:
      - Further environment variables. They win over those of O(environment_file).
      - The process gets no other variables than these, a few like E(HOME) and E(PATH), and those of the file. It is
        the environment that a service would have.
    type: dict
    default: {}
  user:
    description:
      - The user that the process runs as. Needs root, unless it is the user that the task runs as already.
      - The default is the user that the task runs as. An application is code, so for root it is the owner of the
        directory of O(celery_python), which in a virtual environment of the application is its user.
    type: str
  group:
    description:
      - The group that the process runs as. The default is the user's own.
    type: str
"""
