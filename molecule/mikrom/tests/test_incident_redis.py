"""redis.exceptions.ConnectionError: Redis does not run, its port is another, or its password."""

from __future__ import annotations

import pytest
from helpers import APPS, host_named
from lab import Ledger, playbook, url_is_refused
from waiting import wait_for

pytestmark = pytest.mark.whole

PASSWORD = """
import sys, redis
own, wanted = sys.argv[1:]
client = redis.Redis(host="omega", password=own)
client.config_set("requirepass", wanted)
client.auth(wanted)
client.client_kill_filter(_type="normal", skipme=True)
client.client_kill_filter(_type="pubsub", skipme=True)
"""


def change_password(host, own, wanted):
    host.python(PASSWORD, host.facts["python"], "-", own, wanted)


def everybody_is_unknown(run):
    assert set(run.verdicts.values()) == {("unknown", "broker_unreachable")}, run.causes
    assert run.report["broker"]["reachable"] is False
    assert (run.restarted, run.rc) == ([], 2), run.stdout


def test_redis_does_not_run():
    [app] = APPS
    broker = host_named("omega")
    with Ledger(app.host, "provision_task", args=[0.1], queues=["mikrom:queue"]) as ledger:
        wait_for(lambda: len(ledger.sent) > 10, "tasks are sent")
        with ledger.held():
            broker.check("systemctl stop redis-server")
        try:
            wait_for(lambda: ledger.refused, "the client notices")
            everybody_is_unknown(playbook("restart_idle"))
        finally:
            broker.check("systemctl start redis-server")
        again = len(ledger.sent)
        wait_for(lambda: len(ledger.sent) > again + 10, "tasks are sent again")
        assert ledger.lost() == {}
    wait_for(lambda: playbook("health").unhealthy == {}, "all are well, and nobody was restarted for it")


def test_password_is_another():
    broker = host_named("omega")
    own = broker.secrets["broker"]
    change_password(broker, own, "another")
    try:
        run = playbook("restart_idle")
        everybody_is_unknown(run)
        assert "password" in run.report["broker"]["error"].lower()
        assert own not in run.stdout
    finally:
        change_password(broker, "another", own)
    wait_for(lambda: playbook("health").unhealthy == {}, "all are well, and nobody was restarted for it")


@pytest.mark.parametrize(
    ("url", "layer"), [("redis://:wrong-one@omega:6379/0", "layer auth"), ("redis://omega:6380/0", "layer tcp")]
)
def test_wrong_url_is_refused_before_anything_changes(url, layer):
    url_is_refused(url, "wrong-one", layer, limit="omega")
