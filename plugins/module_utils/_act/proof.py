# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what a worker needs works again: the results of celery_app_info, judged as at a deployment. Pure.

Private to the collection.
"""

from __future__ import annotations

from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.app_proof import check_app_proof
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.registry import REFUSE


def proofs(steps, registered):
    """Return by node why its proof failed, or an empty text where it passed.

    :param list steps: the workers to prove, as ``to_prove`` returns them.
    :param dict registered: by host the registered loop of celery_app_info over the steps of that host.
    """
    results = {
        result["item"]["node"]: result for looped in registered.values() for result in looped.get("results") or ()
    }
    return {step["node"]: _problem(results.get(step["node"]) or {}) for step in steps}


def _problem(result):
    if "app" not in result:
        return "the proof could not be run: {0}".format(result.get("msg") or "its host did not answer")
    facts = {"info": result, "timeouts": {}, "instances": [], "pools": [], "modules": []}
    refused = [problem.as_dict() for problem in check_app_proof(facts) if problem.level == REFUSE]
    return "; ".join("{variable}: {actual}".format(**problem) for problem in refused)
