# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action taskfleet.celery.celery_service: renders the files of services on the controller, and runs the module."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.taskfleet.celery.plugins.module_utils._service.text import env_file

# Of a service, what the module takes.
KEYS = ("name", "environment_name", "state", "start_wait", "stop_timeout", "heartbeat")


class ActionModule(ActionBase):
    """Render the templates, and declare the services."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module with the text of each unit, environment file and further file."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        template = arguments.pop("unit_template", None)
        services = arguments.get("services") or []
        if template:
            arguments["services"] = [self._service(template, service, task_vars) for service in services]
            arguments["environments"] = {one["name"]: _environment(one) for one in services}
        templates = arguments.pop("file_templates", None) or []
        arguments["files"] = [*(arguments.get("files") or []), *(self._file(file, task_vars) for file in templates)]
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
        return result

    def _service(self, template: str, service: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        values = {key: service[key] for key in KEYS if key in service}
        return dict(values, log_file=service["created_log"], unit=self._render(template, task_vars, service=service))

    def _file(self, file: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        content = self._render(file["src"], task_vars)
        return {"path": file["dest"], "content": content, "mode": file.get("mode", "0644")}

    def _render(self, template: str, task_vars: Any, **variables: Any) -> str:
        """Return the text of a template of the role, with further variables."""
        path = self._find_needle("templates", template)
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        (text,) = lookup.run([path], variables=task_vars, template_vars=variables)
        return text


def _environment(service: dict[str, Any]) -> str:
    """Return the text of the environment file of a service."""
    try:
        return env_file(service.get("environment") or {})
    except ValueError as error:
        raise AnsibleActionFail(f"{service['name']}: {error}") from error
