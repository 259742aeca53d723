# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import (
    conceal,
    is_secret_name,
    mask,
    secrets_in,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://:hunter22@broker:6379/0", "redis://:***@broker:6379/0"),
        ("amqp://shop:hunter22@broker//", "amqp://shop:***@broker//"),
        ("redis://:hun@ter/22@broker/0", "redis://:***@broker/0"),
        ("amqp://a:one1@h1//;amqp://b:two2@h2//", "amqp://a:***@h1//;amqp://b:***@h2//"),
        ("db+postgresql+psycopg2://u:p%40ss@db/x", "db+postgresql+psycopg2://u:***@db/x"),
        ("redis://broker:6379/0", "redis://broker:6379/0"),
        ("redis+socket:///run/redis.sock?password=hunter22&db=1", "redis+socket:///run/redis.sock?password=***&db=1"),
        ("Error at 'redis://:hunter22@h/0', retry", "Error at 'redis://:***@h/0', retry"),
        ("{'password': 'hunter22', 'port': 6379}", "{'password': '***', 'port': 6379}"),
        ('{"api_key": "hunter22"}', '{"api_key": "***"}'),
        ("DB_PASSWORD=hunter22 DEBUG=1", "DB_PASSWORD=*** DEBUG=1"),
        ("login(password='hunter 22', port=1)", "login(password='***', port=1)"),
        ("login(password=b'hunter22')", "login(password='***')"),
        ('login(db_password="it\'s")', 'login(db_password="***")'),
        ("{'token': b'hunter22', 'a': 1}", "{'token': '***', 'a': 1}"),
        ('"{\\"password\\": \\"hunter22\\", \\"a\\": 1}"', '"{\\"password\\": \\"***\\", \\"a\\": 1}"'),
        ("password: hunter22", "password: ***"),
        ("Authorization: Basic aHVudGVyMjI=", "Authorization: Basic ***"),
        ("{'Authorization': 'Bearer hunter22'}", "{'Authorization': 'Bearer ***'}"),
        ("mail to w1@worker-1 at 10:15", "mail to w1@worker-1 at 10:15"),
    ],
)
def test_texts(text, expected):
    assert mask(text) == expected


def test_literals_are_masked_unless_they_are_too_short():
    assert mask("login with hunter22 as abc", ["hunter22", "abc"]) == "login with *** as abc"


def test_longer_literal_goes_first():
    assert mask("hunter22!", ["hunter", "hunter22!"]) == "***"


def test_literals_alone_are_concealed():
    value = {"url": "redis://:opensesame@h/0", "lines": ("hunter22", 22), "n": None}
    assert conceal(value, {"hunter22"}) == {"url": "redis://:opensesame@h/0", "lines": ["***", 22], "n": None}
    assert conceal(value, set()) is value


def test_structures():
    value = {
        "sentinel_kwargs": {"password": "hunter22", "db": 0},
        "urls": ["redis://:hunter22@h/0"],
        "visibility_timeout": 3600,
        "routing_key": "celery",
        "password": "",
    }
    assert mask(value) == {
        "sentinel_kwargs": {"password": "***", "db": 0},
        "urls": ["redis://:***@h/0"],
        "visibility_timeout": 3600,
        "routing_key": "celery",
        "password": "",
    }


@pytest.mark.parametrize("name", ["DB_PASSWORD", "SECRET_KEY", "AWS_ACCESS_KEY_ID", "FLOWER_BASIC_AUTH", "SMTP_PASS"])
def test_names_of_secrets(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["routing_key", "TZ", "AUTHOR", "COMPASS", "CELERY_BROKER_URL"])
def test_other_names(name):
    assert not is_secret_name(name)


def test_secrets_of_an_environment():
    environment = {
        "CELERY_BROKER_URL": "redis://:p%40ssword@h/0",
        "DJANGO_SECRET_KEY": "verysecret",
        "TZ": "UTC",
        "PIN_TOKEN": "1",
        "FLOWER_BASIC_AUTH": "ops:flower22,dev:flower33",
    }
    assert secrets_in(environment) == [
        "flower22",
        "flower33",
        "ops:flower22,dev:flower33",
        "p%40ssword",
        "p@ssword",
        "verysecret",
    ]
