# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.taskfleet.celery.plugins.module_utils._common.urls import hosts_of, is_readable, split_urls


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("redis://a/0", ["redis://a/0"]),
        ("redis://a/0; redis://b/0", ["redis://a/0", "redis://b/0"]),
        (["redis://a/0", "redis://b/0"], ["redis://a/0", "redis://b/0"]),
        (None, []),
        ("", []),
    ],
)
def test_split_urls(value, urls):
    assert split_urls(value) == urls


# hunter2 stands for the password, with one sign in it that has a meaning in a URL.
@pytest.mark.parametrize(
    "url",
    [
        "redis://:hun/ter2@h:6379/0",
        "redis://:hun#ter2@h:6379/0",
        "redis://:hun?ter2@h:6379/0",
        "redis://:hun[ter2@h:6379/0",
        "redis://:hun]ter2@h:6379/0",
        "redis://:/hunter2@h:6379/0",
        "redis://:hunter2/@h:6379/0",
        "redis://:12/34@h:6379/0",
        "redis://:12#34@h:6379/0",
        "redis://:12?34@h:6379/0",
        "redis://user:12/34@h:6379/0",
        "redis://user:hun?te=r2@h:6379/0",
        "redis://:hun@ter/2@h:6379/0",
        "redis://:hun\u2100ter2@h:6379/0",
        "redis://us/er:hunter2@h:6379/0",
        "redis://:hunter2",
        "redis://h:63x9/0",
        "redis://h:637999/0",
        "rediss://:hun/ter2@h",
        "sentinel://:hun/ter2@h:26379",
        "amqp://user:hun/ter2@h:5672/shop",
        "amqp://user:12/34@h:5672/shop",
        "amqps://user:hun#ter2@h//",
        "pyamqp://user:hun?ter2@h",
        "db+postgresql://user:hun/ter2@h/shop",
        "mongodb://user:hun#ter2@h:27017/shop",
        "dynamodb://KEY:hun/ter2@eu-central-1/table",
        "https://user:hun/ter2@h:15672/api/",
    ],
)
def test_urls_that_clients_misread(url):
    assert not is_readable(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@h:6379/0",
        "redis://:hun%2Fter%23%3F2@h:6379/0",
        "redis://:hun@ter2@h:6379/0",
        "redis://:hun:ter2@h:6379/0",
        "redis://:hun;ter2@h:6379/0",
        "redis://h",
        "redis://h:6379/0",
        "redis://[::1]:6379/0",
        "redis://h/0?health_check_interval=30&client_name=w1@worker1",
        "rediss://:hunter2@h:6379/0?ssl_ca_certs=/etc/ssl/a@b.pem",
        "redis+socket:///run/redis@shop.sock",
        "amqp://guest:hunter2@h:5672//",
        "amqp://",
        "rpc://",
        "rpc",
        "django-db",
        "",
        "file:///srv/results@shop",
        "db+sqlite:////srv/results@shop.db",
        "db+postgresql://user:hunter2@h/shop",
        "mongodb://user:hunter2@h1:27017,h2:27017/shop?replicaSet=rs0",
        "s3://bucket/results@shop",
        "cache+memcached://h1:11211;h2:11211/",
        "azureblockblob://DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=ab/cd==",
        "https://user:hunter2@h:15672/api/",
    ],
)
def test_urls_that_clients_read(url):
    assert is_readable(url)


@pytest.mark.parametrize(
    ("value", "readable"),
    [
        ("sentinel://:hunter2@h1:26379;sentinel://:hunter2@h2:26379", True),
        ("sentinel://:hunter2@h1:26379;sentinel://:hun/ter2@h2:26379", False),
        ("sentinel://:hunter2@h1:26379;h2:26379", False),
        ("redis://:hun;ter2@h:6379/0", False),
        (["redis://:hunter2@h1/0", "redis://:hunter2@h2/0"], True),
        (["redis://:hunter2@h1/0", "redis://:hun#ter2@h2/0"], False),
        ("redis://:hunter2@h:6379/0", True),
        ("", True),
    ],
)
def test_lists(value, readable):
    assert is_readable(value, is_list=True) is readable


@pytest.mark.parametrize(
    ("value", "hosts"),
    [
        ("redis://:hunter2@broker1:6379/0", ["broker1"]),
        ("sentinel://:hunter2@h1:26379;sentinel://[::1]:26379", ["h1", "::1"]),
        ("redis+socket:///run/redis.sock", [""]),
        ("amqp://", [""]),
        ("", []),
    ],
)
def test_hosts(value, hosts):
    assert hosts_of(value) == hosts
