# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AnsibleModule for options that hold secrets among other values. Private to the collection."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import conceal

# They are not no_log: ansible-core would take each of their values, such as a time zone or a 1, out of the result, and
# since 2.22 out of whatever the run prints after it.
PRIVATE = ("args", "environment", "host_evidence", "kwargs", "transport_options")
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


class Module(AnsibleModule):
    """Shows neither those options nor secrets: not in its result, its invocation or the log of its host."""

    def exit_json(self, **result):
        """End well."""
        self._hide_options()
        # Since 2.22, ansible-core leaves the values of no_log options in the result.
        super().exit_json(**conceal(result, self.no_log_values))

    def fail_json(self, msg, **result):
        """End with a message."""
        self._hide_options()
        super().fail_json(conceal(msg, self.no_log_values), **conceal(result, self.no_log_values))

    def log(self, msg, log_args=None):
        """Say that the module runs, without its options."""
        super().log("Invoked")

    def _hide_options(self):
        secret = [name for name, option in self.argument_spec.items() if name in PRIVATE or option.get("no_log")]
        self.params.update((name, HIDDEN) for name in secret if self.params.get(name))
