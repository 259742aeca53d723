# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._declare.preflight.system import check_system, os_release

BOOKWORM = """
# A comment
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
HOME_URL="https://www.debian.org/"
"""


def judge(text="", error=""):
    return check_system({"os_release": text, "error": error})


def of(name, identity, version):
    return judge(f"PRETTY_NAME='{name}'\nID={identity}\nVERSION_ID=\"{version}\"\n")


def test_names_and_values():
    assert os_release(BOOKWORM) == {
        "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)",
        "NAME": "Debian GNU/Linux",
        "VERSION_ID": "12",
        "ID": "debian",
        "HOME_URL": "https://www.debian.org/",
    }
    assert os_release('A="b\nnothing') == {"A": '"b'}


def test_tested_systems():
    assert judge(BOOKWORM) == []
    assert of("Debian GNU/Linux 13 (trixie)", "debian", "13") == []


@pytest.mark.parametrize("version", ["22.04", "24.04"])
def test_untested_systems(version):
    (problem,) = of(f"Ubuntu {version} LTS", "ubuntu", version)
    assert problem.level == "warn"
    assert problem.actual == f"Ubuntu {version} LTS, which is not tested"


@pytest.mark.parametrize(
    ("name", "identity", "version"),
    [
        ("Debian GNU/Linux 11 (bullseye)", "debian", "11"),
        ("Debian GNU/Linux forky/sid", "debian", ""),
        ("Ubuntu 20.04.6 LTS", "ubuntu", "20.04"),
        ("Red Hat Enterprise Linux 9.4", "rhel", "9.4"),
        ("Alpine Linux v3.20", "alpine", "3.20.1"),
        ("Linux Mint 12", "linuxmint", "12"),
    ],
)
def test_other_systems(name, identity, version):
    (problem,) = of(name, identity, version)
    assert problem.level == "refuse"
    assert problem.actual == name
    assert "Debian 12 or 13" in problem.expected


def test_system_that_cannot_be_read():
    (problem,) = judge(error="file not found: /etc/os-release")
    assert problem.level == "refuse"
    assert "file not found" in problem.actual
    (problem,) = judge("something else")
    assert problem.level == "refuse"
