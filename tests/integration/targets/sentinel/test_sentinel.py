"""The sentinel in real workers, broken in every way that it says it can tell."""

from __future__ import annotations

import base64
import os
import signal
import time

import pytest
from harness import HARD_LIMIT, NODE, Beat, Manager, Probes, Proxy, RabbitMQ, Redis, Worker, pythons, wait_for

POOLS = ["prefork", "solo", "threads", "gevent", "eventlet"]
PYTHONS = pythons()
NEWEST = next(iter(PYTHONS))


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def rabbitmq(tmp_path):
    server = RabbitMQ(tmp_path.name)
    yield server
    server.end()


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request):
    """Each of the two, where the outcome must be the same."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def start(tmp_path, redis):
    workers = []

    def started(pool="prefork", release=NEWEST, broker=None, **options):
        options["broker"] = broker or redis.url()
        worker = Worker(tmp_path, PYTHONS[release], pool=pool, results=redis.url(1), **options)
        workers.append(worker)
        return worker

    yield started
    for worker in workers:
        worker.clean_up()


def combinations():
    """Every pool on the newest Celery; those that older ones share with it on those."""
    for release in PYTHONS:
        for pool in POOLS if release == NEWEST else ["prefork", "solo", "gevent"]:
            yield pytest.param(release, pool, id=f"{release}-{pool}")


def assert_vouched_for_no_more(worker, manager):
    """It writes on, and systemd hears nothing of it."""
    # Time for what was said before to be heard.
    worker.live(1)
    heard, vouched_at = manager.heard("WATCHDOG=1"), worker.file["vouched_at"]
    worker.live(3)
    assert (manager.heard("WATCHDOG=1"), worker.file["vouched_at"]) == (heard, vouched_at)


def test_queues_are_named_as_they_are_declared(start, broker):
    """A broadcast is consumed as bcast.<uuid>, and worker_direct adds a queue for this worker alone."""
    worker = start(broker=broker.url(), queues="default,reports,news", BROADCAST="news")
    assert worker.wait_for("ready", state="ready")["queues"] == ["default", "news", "reports"]
    assert worker.works(2)
    worker.wait_for("it is content", state="ready", problem="", completed_total=2)


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_ready_busy_and_drain(start, broker, release, pool, tmp_path):
    began = time.time()
    worker = start(pool, release, broker.url())
    ready = worker.wait_for("ready", state="ready")
    assert (ready["schema"], ready["node"], ready["pid"]) == (1, NODE, worker.process.pid)
    assert ready["pool"] == pool
    assert ready["queues"] == ["default", "reports"]
    assert os.stat(worker.heartbeat).st_mode & 0o777 == 0o644
    assert worker.works(5)
    worker.wait_for("five done", completed_total=5, received_total=5, active_count=0)

    proof = wait_for(lambda: worker.file["broker"]["last_proof"], "its own message came back")
    assert began <= proof <= time.time()

    release_it = tmp_path / "release"
    worker.run(f"hold.delay({str(release_it)!r})")
    busy = worker.wait_for("busy", active_count=1)
    [task] = busy["active"]
    assert (task["name"], task["hard"]) == ("watched.hold", HARD_LIMIT)
    assert "args" not in task
    if pool == "prefork":
        assert task["id"] in [child["busy_with"] for child in busy["children"]]
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for("draining", state="draining")
    release_it.touch()
    assert worker.end() == 0
    assert (
        worker.run("import redis; print(len(redis.Redis.from_url(app.conf.result_backend).keys('celery-task-meta-*')))")
        == "6"
    )
    assert "taskfleet_sentinel:" not in worker.log.read_text()


@pytest.mark.parametrize("release", PYTHONS)
def test_restart_by_sighup_keeps_the_word_with_systemd(start, redis, release, tmp_path):
    """Celery drains the worker, and then starts it anew in the same process: systemd has to hear of it again."""
    manager = Manager(tmp_path)
    worker = start("prefork", release, redis.url(), NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="30000000")
    first = worker.wait_for("ready", state="ready", problem="")
    wait_for(lambda: manager.heard("WATCHDOG=1"), "systemd hears that it works")
    release_it = tmp_path / "release"
    worker.run(f"app.send_task('watched.hold', args=[{str(release_it)!r}], queue='default')")
    worker.wait_for("a task runs", active_count=1)
    worker.process.send_signal(signal.SIGHUP)
    worker.wait_for("it drains", state="draining", problem="")
    assert manager.heard("STOPPING=1") == 0
    release_it.touch()
    wait_for(lambda: manager.heard("WATCHDOG_USEC=0"), "its watchdog is stopped")
    again = worker.wait_for("ready again", state="ready", problem="", completed_total=0)
    assert (again["pid"], again["ready_at"] > first["ready_at"]) == (first["pid"], True)
    wait_for(lambda: manager.heard("READY=1") == 2, "systemd hears that it is ready again")
    assert manager.heard("WATCHDOG_USEC=30000000") == 2
    assert worker.works(2)


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_blocked_loop(start, broker, release, pool, tmp_path):
    manager = Manager(tmp_path)
    worker = start(pool, release, broker.url(), NOTIFY_SOCKET=manager.path)
    worker.wait_for("ready", state="ready", problem="")
    wait_for(lambda: manager.heard("READY=1"), "systemd is notified")
    release_it = tmp_path / "release"
    worker.control("block", file=str(release_it))
    wait_for(release_it.with_suffix(".begun").exists, "the loop is blocked")
    heard = manager.heard("WATCHDOG=1")
    worker.wait_for("the loop is seen to be blocked", problem="loop_stalled")
    # For its last turn, and what was on the way.
    assert manager.heard("WATCHDOG=1") <= heard + 2
    assert_vouched_for_no_more(worker, manager)
    release_it.touch()
    released = time.monotonic()
    worker.wait_for("it recovers", problem="")
    wait_for(lambda: manager.heard("WATCHDOG=1", released), "systemd gets WATCHDOG=1 again")
    assert worker.works(1)


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_dead_consumer_connection(start, redis, release, pool):
    proxy = Proxy(redis.port)
    # So long that nothing but the sentinel notices.
    worker = start(pool, release, broker=redis.url(port=proxy.port), SOCKET_TIMEOUT="600")
    worker.wait_for("ready", state="ready")
    wait_for(lambda: worker.file["broker"]["reachable"], "the observer has asked")
    wait_for(lambda: proxy.kill(b"BRPOP") == 1, "the consumer asks for tasks")
    found = worker.wait_for("the dead connection is seen", problem="connection_lost")
    assert found["broker"]["reachable"] is True


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_dead_consumer_connection_to_rabbitmq(start, rabbitmq, pool):
    worker = start(pool, broker=rabbitmq.url())
    worker.wait_for("ready", state="ready")
    wait_for(lambda: worker.file["broker"]["last_proof"], "the observer has asked")
    # The consumer's is the first that a worker opens.
    rabbitmq.proxy.dead.append(rabbitmq.proxy.pairs[0])
    found = worker.wait_for("the dead connection is seen", problem="connection_lost")
    assert found["broker"]["reachable"] is True


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_broker_down_and_back(start, broker, release, pool, tmp_path):
    manager = Manager(tmp_path)
    worker = start(pool, release, broker.url(), NOTIFY_SOCKET=manager.path)
    worker.wait_for("ready", state="ready")
    broker.stop()
    worker.wait_for("the broker is seen to be down", state="broker_down", problem="")
    gone = time.monotonic()
    wait_for(lambda: manager.heard("WATCHDOG=1", gone + 15), "systemd gets WATCHDOG=1 while the broker is down")
    assert worker.file["problem"] == ""
    broker.start()
    worker.wait_for("it is back", state="ready", problem="")
    assert worker.works(2)
    assert worker.file["broker"]["reconnects"] >= 1


def test_frozen_broker(start, redis):
    """It accepts connections and answers nothing: no worker is to blame."""
    worker = start()
    worker.wait_for("ready", state="ready")
    wait_for(lambda: worker.file["broker"]["last_proof"], "the observer has asked")
    redis.process.send_signal(signal.SIGSTOP)
    worker.wait_for("the broker is seen to be down", state="broker_down")
    assert {one["problem"] for one in worker.live(10)} == {""}
    redis.process.send_signal(signal.SIGCONT)
    worker.wait_for("it is back", state="ready", problem="")
    assert worker.works(2)


def test_broker_down_at_start(start, redis, tmp_path):
    manager = Manager(tmp_path)
    redis.stop()
    worker = start(NOTIFY_SOCKET=manager.path)
    worker.wait_for("the broker is seen to be down", state="broker_down", ready_at=None)
    wait_for(lambda: manager.heard("EXTEND_TIMEOUT_USEC="), "systemd is asked to wait")
    assert not manager.heard("READY=1")
    redis.start()
    worker.wait_for("ready", state="ready")
    wait_for(lambda: manager.heard("READY=1"), "systemd is notified")
    assert worker.works(1)


def test_hung_at_start(start, redis, tmp_path):
    """The broker answers everybody else, and this worker's consumer never gets an answer."""
    manager = Manager(tmp_path)
    proxy = Proxy(redis.port, mute=True)
    worker = start(READ=redis.url(port=proxy.port), NOTIFY_SOCKET=manager.path, TASKFLEET_START_GRACE="8")
    worker.wait_for("it is seen to hang", state="starting", problem="hung_in_startup")
    assert not manager.heard("READY=1")


@pytest.mark.parametrize("release", PYTHONS)
def test_hung_in_mingle(start, redis, release, tmp_path):
    """Its question to the other workers never gets through, on no connection."""
    manager = Manager(tmp_path)
    hello = base64.b64encode(b'{"method": "hello"')
    proxy = Proxy(redis.port, mute_on=hello)
    worker = start(
        "prefork",
        release,
        redis.url(port=proxy.port),
        mingle=True,
        NOTIFY_SOCKET=manager.path,
        TASKFLEET_START_GRACE="8",
    )
    wait_for(lambda: proxy.dead, "its question is held back")
    worker.wait_for("it is seen to hang", state="starting", problem="hung_in_startup")

    def hangs_alone():
        found = worker.file
        return found["problem"] == "hung_in_startup" and found["broker"]["reachable"]

    wait_for(hangs_alone, "it is seen to hang while the broker answers the observer")
    log = worker.log.read_text()
    assert "mingle: searching for neighbors" in log
    assert "mingle: " not in log.partition("mingle: searching for neighbors")[2]
    assert not manager.heard("READY=1")
    proxy.mute_on = None
    worker.wait_for("it comes through once its question is answered", state="ready")
    wait_for(lambda: manager.heard("READY=1"), "systemd is notified")


@pytest.mark.parametrize("release", PYTHONS)
def test_stopped_child(start, release):
    worker = start("prefork", release)
    worker.wait_for("ready", state="ready")
    child = worker.file["children"][0]["pid"]
    os.kill(child, signal.SIGSTOP)
    found = worker.wait_for("the stopped child is seen", problem="pool_dead")
    assert str(child) in found["detail"]
    assert [one["pid"] for one in found["children"] if one["stopped"]] == [child]
    os.kill(child, signal.SIGCONT)
    worker.wait_for("it recovers", problem="")


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_lost_queue(start, release, pool):
    worker = start(pool, release)
    worker.wait_for("ready", state="ready")
    worker.run(f"app.control.cancel_consumer('reports', destination=[{NODE!r}])")
    found = worker.wait_for("the lost queue is seen", problem="wrong_queues")
    assert "reports" in found["detail"]
    assert found["queues"] == ["default"]
    worker.run(f"app.control.add_consumer('reports', destination=[{NODE!r}])")
    worker.wait_for("it recovers", problem="", queues=["default", "reports"])


@pytest.mark.parametrize("release", PYTHONS)
def test_tasks_wait_for_their_rate_limit(start, release):
    """They fill the worker up, and no slot is taken: it looks like a worker that takes no work, and is well."""
    worker = start("prefork", release)
    worker.wait_for("ready", state="ready")
    worker.control("rate_limit", task_name="watched.add", rate_limit="1/h")
    worker.run("[add.delay(1, 1) for _number in range(2)]")
    worker.wait_for("one has run, and one waits", limited=1, completed_total=1, received_total=2)
    worker.control("rate_limit", task_name="watched.add", rate_limit="100/s")
    worker.run("[add.delay(1, 1) for _number in range(3)]")
    worker.wait_for("others run, and that of the old limit waits on", limited=1, completed_total=4)
    worker.control("rate_limit", task_name="watched.add", rate_limit="1/h")
    worker.run("[add.delay(1, 1) for _number in range(10)]")
    worker.wait_for("it is full of what waits", limited=2, completed_total=5, received_total=7)
    # Longer than work may wait where slots are free.
    seen = worker.live(15)
    assert ({one["problem"] for one in seen}, seen[-1]["broker"]["waiting"]) == ({""}, 8)


@pytest.mark.parametrize("release", PYTHONS)
def test_discarded_tasks_are_counted(start, release):
    worker = start("prefork", release)
    worker.wait_for("ready", state="ready", expired_total=0, revoked_total=0)
    worker.run(f"app.control.revoke('unwanted', destination=[{NODE!r}], reply=True, limit=1, timeout=30)")
    worker.run("add.apply_async((1, 1), task_id='unwanted')")
    worker.wait_for("the revoked one is discarded", revoked_total=1, expired_total=0, completed_total=0)
    # It expires before its time has come.
    worker.run("add.apply_async((1, 1), countdown=3, expires=1)")
    worker.wait_for("the expired one is discarded", revoked_total=1, expired_total=1, completed_total=0)


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_takes_no_work(start, release, pool):
    worker = start(pool, release)
    worker.wait_for("ready", state="ready")
    worker.control("deafen")
    wait_for(lambda: worker.file["broker"]["silent_for"] is None, "it asks for no more tasks")
    worker.run("add.delay(1, 1); add.delay(1, 1); add.delay(1, 1)")
    found = worker.wait_for("work waits and none is taken", problem="not_consuming")
    assert found["broker"]["waiting"] >= 1


def test_solo_is_vouched_for_within_the_limit_of_its_task(start, tmp_path):
    manager = Manager(tmp_path)
    worker = start("solo", NOTIFY_SOCKET=manager.path)
    worker.wait_for("ready", state="ready")
    release_it = tmp_path / "release"
    worker.run(f"hold.delay({str(release_it)!r})")
    worker.wait_for("busy", active_count=1)
    begun = time.monotonic()
    wait_for(lambda: manager.heard("WATCHDOG=1", begun + 12), "the task explains the silence of the loop")
    assert worker.file["loop_age"] > 10
    assert worker.file["problem"] == ""
    release_it.touch()
    worker.wait_for("it is done", completed_total=1, active_count=0)
    worker.run(f"hold.apply_async(({str(tmp_path / 'never')!r},), time_limit=8)")
    found = worker.wait_for("the task is past its limit", problem="loop_stalled")
    assert found["active"][0]["hard"] == 8
    assert_vouched_for_no_more(worker, manager)


def test_stopped_process_lets_the_file_age(start):
    worker = start()
    worker.wait_for("ready", state="ready")
    worker.process.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: time.time() - worker.file["written_at"] > 5, "the file is written no more")
    finally:
        worker.process.send_signal(signal.SIGCONT)
    wait_for(lambda: time.time() - worker.file["written_at"] < 2, "the file is written again")


@pytest.mark.parametrize("pool", ["prefork", "gevent"])
def test_abort_leaves_a_traceback_and_no_child(start, pool):
    worker = start(pool)
    worker.wait_for("ready", state="ready")
    children = worker.children()
    assert worker.end(signal.SIGABRT) == -signal.SIGABRT
    log = worker.log.read_text()
    assert "Fatal Python error: Aborted" in log
    assert log.count('File "') > 5
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), "its children have ended")


def assert_stands_aside(worker, complaint, rounds):
    """It works, and complains once of what the sentinel cannot do. The rounds are those that the sentinel has made since."""
    wait_for(lambda: " ready." in worker.log.read_text(), "the worker is ready")
    assert worker.works(3)
    wait_for(lambda: complaint in worker.log.read_text(), "it says so")
    before = rounds()
    wait_for(lambda: rounds() >= before + 3, "the sentinel goes on")
    assert worker.log.read_text().count("taskfleet_sentinel:") == 1
    assert worker.end() == 0


def test_stands_aside_where_the_heartbeat_cannot_be_written(start, tmp_path):
    manager = Manager(tmp_path)
    worker = start(TASKFLEET_HEARTBEAT="/nonexistent/w1.json", NOTIFY_SOCKET=manager.path)
    assert_stands_aside(worker, "the heartbeat cannot be written", lambda: manager.heard("WATCHDOG=1"))


def test_stands_aside_where_systemd_cannot_be_notified(start):
    worker = start(NOTIFY_SOCKET="/nonexistent/notify")
    assert_stands_aside(worker, "systemd cannot be notified", lambda: worker.file["written_at"])


@pytest.mark.parametrize("release", PYTHONS)
def test_stands_aside_in_a_celery_that_it_does_not_know(start, release, tmp_path):
    manager = Manager(tmp_path)
    worker = start("prefork", release, loads=("future", "taskfleet_sentinel"), NOTIFY_SOCKET=manager.path)
    wait_for(lambda: " ready." in worker.log.read_text(), "the worker is ready")
    assert worker.works(3)
    assert manager.heard("READY=1")
    begun = time.monotonic()
    wait_for(lambda: manager.heard("WATCHDOG=1", begun) >= 2, "systemd does not restart it")
    assert worker.file["sentinel"] == "this Celery cannot be watched"
    assert worker.log.read_text().count("taskfleet_sentinel:") == 1
    assert worker.end() == 0


def test_probes_for_containers(start, redis, tmp_path):
    """The page's probe, and the lines for Docker and Kubernetes, as they stand there."""
    probes = Probes(tmp_path, tmp_path / "w1.json")
    assert probes.results() == {"docker": 1, "startup": 1, "liveness": 1}
    worker = start()
    wait_for(lambda: probes.results() == {"docker": 0, "startup": 0, "liveness": 0}, "all see that it is ready")
    assert worker.file["state"] == "ready"
    redis.stop()
    wait_for(lambda: probes.results() == {"docker": 0, "startup": 3, "liveness": 0}, "the probe cannot tell")
    redis.start()
    worker.wait_for("it is back", state="ready", problem="")
    worker.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: probes.results() == {"docker": 1, "startup": 1, "liveness": 1}, "all see that it is stopped")
    worker.process.send_signal(signal.SIGCONT)
    wait_for(lambda: probes.results()["liveness"] == 0, "it goes on")


def test_probes_for_containers_let_a_worker_be_that_cannot_be_watched(start, tmp_path):
    probes = Probes(tmp_path, tmp_path / "w1.json")
    worker = start(loads=("future", "taskfleet_sentinel"))
    wait_for(lambda: worker.file.get("sentinel"), "the sentinel stands aside")
    assert probes.results() == {"docker": 0, "startup": 3, "liveness": 0}


def test_connections_are_named_and_the_applications_options_win(start, redis):
    worker = start()
    worker.wait_for("ready", state="ready")

    def names():
        clients = [line for line in redis.ask_all("CLIENT LIST").splitlines() if "brpop" in line]
        return [line.split(" name=")[1].split(" ")[0] for line in clients]

    wait_for(lambda: names() == [NODE], "its consumer, and nobody else, asks for tasks under its name")
    assert (
        worker.run(
            "import celery; from types import SimpleNamespace as S; import taskfleet_sentinel as t; t.merge_defaults(app, 'w1@h');"
            "o = app.conf.broker_transport_options; print(o['socket_timeout'], o['socket_keepalive'], o['client_name'])"
        )
        == "29 True w1@h"
    )


def test_leaves_nothing_on_the_broker(start, redis):
    worker = start(TASKFLEET_PROOF_INTERVAL="0")
    worker.wait_for("ready", state="ready")
    assert worker.works(1)
    wait_for(lambda: worker.file["broker"]["last_proof"], "its message came back")
    before = redis.count("DBSIZE")
    first = worker.file["broker"]["last_proof"]
    wait_for(lambda: worker.file["broker"]["last_proof"] > first + 9, "two further ones came back")
    wait_for(lambda: redis.count("DBSIZE") <= before, "there are no more keys than before")


@pytest.fixture
def beat(tmp_path, redis):
    beats = []

    def started(release=NEWEST, **environment):
        beats.append(Beat(tmp_path, PYTHONS[release], redis.url(), **environment))
        return beats[-1]

    yield started
    for one in beats:
        one.clean_up()


@pytest.mark.parametrize("release", PYTHONS)
def test_beat_ticks_and_sends(beat, redis, release, tmp_path):
    manager = Manager(tmp_path)
    one = beat(release, NOTIFY_SOCKET=manager.path)
    one.wait_for("ready", state="ready", kind="beat")
    wait_for(lambda: one.file["sent_total"] >= 3, "it sends")
    assert one.file["last_task"] == "watched.add"
    assert manager.heard("READY=1") == 1
    queued = redis.count("LLEN default")
    assert queued >= 3
    wait_for(lambda: one.file["sent_total"] >= queued, "what is in the queue has been counted")
    redis.stop()
    assert {found["problem"] for found in one.live(3)} == {""}
    assert one.end() == 0


def test_beat_that_waits_for_an_hour_is_well(beat, tmp_path):
    manager = Manager(tmp_path)
    one = beat(NOTIFY_SOCKET=manager.path, EVERY="3600")
    one.wait_for("ready", state="ready")
    wait_for(lambda: (one.file["next_tick_in"] or 0) > 100, "it has ticked, and sleeps")
    begun = time.monotonic()
    wait_for(lambda: manager.heard("WATCHDOG=1", begun + 35), "systemd gets WATCHDOG=1 beyond the time of a stall")
    assert one.file["problem"] == ""
    wait_for(lambda: one.file["next_tick_in"] > 100, "it sleeps on")


def test_beat_that_hangs_in_a_tick_is_seen(beat, tmp_path):
    manager = Manager(tmp_path)
    one = beat(NOTIFY_SOCKET=manager.path, TASKFLEET_BEAT_SCHEDULER="watched:Hanging")
    one.wait_for("ready", state="ready")
    one.wait_for("the tick is seen to hang", problem="loop_stalled")
    assert_vouched_for_no_more(one, manager)
