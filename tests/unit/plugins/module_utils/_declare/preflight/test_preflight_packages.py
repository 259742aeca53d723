# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.packages import check_packages

# What pip 23.2.1 says, shortened.
CONFLICT = """
  Downloading celery-5.3.0-py3-none-any.whl (420 kB)
:stderr: ERROR: Cannot install celery[redis]==5.3.0, celery[redis]==5.5.2 and redis==4.4.4 because these package versions have conflicting dependencies.

The conflict is caused by:
    The user requested redis==4.4.4
    celery[redis] 5.5.2 depends on redis!=4.5.5, <6.0.0 and >=4.5.2; extra == "redis"
    The user requested redis==4.4.4
    celery[redis] 5.3.0 depends on redis>=4.5.2; extra == "redis"

To fix this you could try to:
1. loosen the range of package versions you've specified

ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/
"""


def only(output):
    (problem,) = check_packages({"output": output, "packages": ["celery[redis]", "gevent"]})
    assert problem.level == "refuse"
    assert problem.actual.startswith("celery[redis] and gevent; ")
    return problem


def test_requirements_that_exclude_each_other_are_named():
    assert only(CONFLICT).actual.endswith(
        "these exclude each other: The user requested redis==4.4.4;"
        ' celery[redis] 5.5.2 depends on redis!=4.5.5, <6.0.0 and >=4.5.2; extra == "redis"'
    )


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "x\nERROR: No matching distribution found for nope==1\nsee there",
            "ERROR: No matching distribution found for nope==1",
        ),
        ("Segmentation fault\n\n", "Segmentation fault"),
        ("", "it says nothing"),
    ],
)
def test_last_error_of_pip_is_named(output, said):
    assert only(output).actual.endswith(f"pip fails: {said}")
