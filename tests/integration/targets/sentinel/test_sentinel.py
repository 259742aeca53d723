"""The sentinel in real workers, broken in every way that it says it can tell."""

from __future__ import annotations

import base64
import os
import signal
import time

import pytest
from harness import NODE, Beat, Manager, Probes, Proxy, RabbitMQ, Redis, Worker, pythons, wait_for

POOLS = ["prefork", "solo", "threads", "gevent", "eventlet"]
PYTHONS = pythons()
NEWEST = next(iter(PYTHONS))
SOON = 15  # seconds within which the file must show a fault
PATIENCE = 30  # seconds, where it does not matter how long it takes


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


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_ready_busy_and_drain(start, broker, release, pool):
    worker = start(pool, release, broker.url())
    ready = worker.wait_for(PATIENCE, "ready", state="ready")
    assert (ready["schema"], ready["node"], ready["pid"]) == (1, NODE, worker.process.pid)
    assert ready["pool"] == pool
    assert ready["queues"] == ["default", "reports"]
    assert os.stat(worker.heartbeat).st_mode & 0o777 == 0o644
    assert worker.works(5)
    worker.wait_for(PATIENCE, "five done", completed_total=5, received_total=5, active_count=0)

    proof = wait_for(lambda: worker.file["broker"]["last_proof"], PATIENCE, "its own message came back")
    assert abs(proof - time.time()) < 25

    worker.run("nap.delay(6)")
    busy = worker.wait_for(PATIENCE, "busy", active_count=1)
    [task] = busy["active"]
    assert (task["name"], task["hard"]) == ("watched.nap", 40)
    assert "args" not in task
    if pool == "prefork":
        assert task["id"] in [child["busy_with"] for child in busy["children"]]
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for(PATIENCE, "draining", state="draining")
    assert worker.end() == 0
    assert (
        worker.run("import redis; print(len(redis.Redis.from_url(app.conf.result_backend).keys('celery-task-meta-*')))")
        == "6"
    )
    assert "taskfleet_sentinel:" not in worker.log.read_text()


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_blocked_loop(start, broker, release, pool, tmp_path):
    manager = Manager(tmp_path)
    worker = start(pool, release, broker.url(), NOTIFY_SOCKET=manager.path)
    worker.wait_for(PATIENCE, "ready", state="ready", problem="")
    wait_for(lambda: manager.heard("READY=1"), PATIENCE, "systemd is told")
    worker.control("block", seconds=17)
    begun = time.monotonic()
    worker.wait_for(SOON, "the loop is seen to be blocked", problem="loop_stalled")
    assert manager.heard("WATCHDOG=1", begun + 3) == 0
    worker.wait_for(PATIENCE, "it recovers", problem="")
    wait_for(lambda: manager.heard("WATCHDOG=1", begun + 17), PATIENCE, "it is vouched for again")
    assert worker.works(1)


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_dead_consumer_connection(start, redis, release, pool):
    proxy = Proxy(redis.port)
    worker = start(pool, release, broker=redis.url(port=proxy.port))
    worker.wait_for(PATIENCE, "ready", state="ready")
    wait_for(lambda: worker.file["broker"]["reachable"], PATIENCE, "the observer has asked")
    assert proxy.kill(b"BRPOP") == 1
    found = worker.wait_for(SOON + 3, "the dead connection is seen", problem="connection_lost")
    assert found["broker"]["reachable"] is True


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_dead_consumer_connection_to_rabbitmq(start, rabbitmq, pool):
    worker = start(pool, broker=rabbitmq.url())
    worker.wait_for(PATIENCE, "ready", state="ready")
    wait_for(lambda: worker.file["broker"]["last_proof"], PATIENCE, "the observer has asked")
    # The consumer's is the first that a worker opens.
    rabbitmq.proxy.dead.append(rabbitmq.proxy.pairs[0])
    found = worker.wait_for(SOON + 3, "the dead connection is seen", problem="connection_lost")
    assert found["broker"]["reachable"] is True


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_broker_down_and_back(start, broker, release, pool, tmp_path):
    manager = Manager(tmp_path)
    worker = start(pool, release, broker.url(), NOTIFY_SOCKET=manager.path)
    worker.wait_for(PATIENCE, "ready", state="ready")
    broker.stop()
    worker.wait_for(SOON, "the broker is seen to be down", state="broker_down", problem="")
    gone = time.monotonic()
    wait_for(lambda: manager.heard("WATCHDOG=1", gone + 15), PATIENCE, "it is vouched for while the broker is down")
    assert worker.file["problem"] == ""
    broker.start()
    worker.wait_for(45, "it is back", state="ready", problem="")
    assert worker.works(2)
    assert worker.file["broker"]["reconnects"] >= 1


def test_frozen_broker(start, redis):
    """It accepts connections and answers nothing: no worker is to blame."""
    worker = start()
    worker.wait_for(PATIENCE, "ready", state="ready")
    wait_for(lambda: worker.file["broker"]["last_proof"], PATIENCE, "the observer has asked")
    redis.process.send_signal(signal.SIGSTOP)
    worker.wait_for(SOON + 5, "the broker is seen to be down", state="broker_down")
    for _second in range(10):
        assert worker.file["problem"] == ""
        time.sleep(1)
    redis.process.send_signal(signal.SIGCONT)
    worker.wait_for(60, "it is back", state="ready", problem="")
    assert worker.works(2)


def test_broker_down_at_start(start, redis, tmp_path):
    manager = Manager(tmp_path)
    redis.stop()
    worker = start(NOTIFY_SOCKET=manager.path)
    worker.wait_for(25, "the broker is seen to be down", state="broker_down", ready_at=None)
    wait_for(lambda: manager.heard("EXTEND_TIMEOUT_USEC="), PATIENCE, "systemd is asked to wait")
    assert not manager.heard("READY=1")
    redis.start()
    worker.wait_for(45, "ready", state="ready")
    wait_for(lambda: manager.heard("READY=1"), PATIENCE, "systemd is told")
    assert worker.works(1)


def test_hung_at_start(start, redis, tmp_path):
    """The broker answers everybody else, and this worker's first connection never gets an answer."""
    manager = Manager(tmp_path)
    proxy = Proxy(redis.port, mute_first=True)
    worker = start(broker=redis.url(port=proxy.port), NOTIFY_SOCKET=manager.path, TASKFLEET_START_GRACE="8")
    worker.wait_for(PATIENCE, "it is seen to hang", state="starting", problem="hung_in_startup")
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
    found = worker.wait_for(PATIENCE, "it is seen to hang", state="starting", problem="hung_in_startup")
    assert found["broker"]["reachable"] is True
    assert proxy.dead
    log = worker.log.read_text()
    assert "mingle: searching for neighbors" in log
    assert "mingle: " not in log.partition("mingle: searching for neighbors")[2]
    assert not manager.heard("READY=1")
    proxy.mute_on = None
    worker.wait_for(60, "it comes through once its question is answered", state="ready")
    wait_for(lambda: manager.heard("READY=1"), PATIENCE, "systemd is told")


@pytest.mark.parametrize("release", PYTHONS)
def test_stopped_child(start, release):
    worker = start("prefork", release)
    worker.wait_for(PATIENCE, "ready", state="ready")
    child = worker.file["children"][0]["pid"]
    os.kill(child, signal.SIGSTOP)
    found = worker.wait_for(SOON, "the stopped child is seen", problem="pool_dead")
    assert str(child) in found["detail"]
    assert [one["pid"] for one in found["children"] if one["stopped"]] == [child]
    os.kill(child, signal.SIGCONT)
    worker.wait_for(PATIENCE, "it recovers", problem="")


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_lost_queue(start, release, pool):
    worker = start(pool, release)
    worker.wait_for(PATIENCE, "ready", state="ready")
    worker.run(f"app.control.cancel_consumer('reports', destination=[{NODE!r}])")
    found = worker.wait_for(SOON, "the lost queue is seen", problem="wrong_queues")
    assert "reports" in found["detail"]
    assert found["queues"] == ["default"]
    worker.run(f"app.control.add_consumer('reports', destination=[{NODE!r}])")
    worker.wait_for(PATIENCE, "it recovers", problem="", queues=["default", "reports"])


@pytest.mark.parametrize("release", PYTHONS)
def test_tasks_wait_for_their_rate_limit(start, release):
    """They fill the worker up, and no slot is taken: it looks like a worker that takes no work, and is well."""
    worker = start("prefork", release)
    worker.wait_for(PATIENCE, "ready", state="ready")
    worker.control("rate_limit", task_name="watched.add", rate_limit="1/h")
    worker.run("[add.delay(1, 1) for _number in range(2)]")
    worker.wait_for(PATIENCE, "one has run, and one waits", limited=1, completed_total=1, received_total=2)
    worker.control("rate_limit", task_name="watched.add", rate_limit="100/s")
    worker.run("[add.delay(1, 1) for _number in range(3)]")
    worker.wait_for(PATIENCE, "others run, and that of the old limit waits on", limited=1, completed_total=4)
    worker.control("rate_limit", task_name="watched.add", rate_limit="1/h")
    worker.run("[add.delay(1, 1) for _number in range(10)]")
    worker.wait_for(PATIENCE, "it is full of what waits", limited=2, completed_total=5, received_total=7)
    full = time.monotonic()
    wait_for(lambda: time.monotonic() - full > SOON or worker.file["problem"], PATIENCE, "time goes by")
    assert (worker.file["problem"], worker.file["broker"]["waiting"]) == ("", 8)


@pytest.mark.parametrize(("release", "pool"), combinations())
def test_takes_no_work(start, release, pool):
    worker = start(pool, release)
    worker.wait_for(PATIENCE, "ready", state="ready")
    worker.control("deafen")
    wait_for(lambda: worker.file["broker"]["silent_for"] is None, PATIENCE, "it asks for no more tasks")
    worker.run("add.delay(1, 1); add.delay(1, 1); add.delay(1, 1)")
    found = worker.wait_for(SOON, "work waits and none is taken", problem="not_consuming")
    assert found["broker"]["waiting"] >= 1


def test_solo_is_vouched_for_within_the_limit_of_its_task(start, tmp_path):
    manager = Manager(tmp_path)
    worker = start("solo", NOTIFY_SOCKET=manager.path)
    worker.wait_for(PATIENCE, "ready", state="ready")
    worker.run("nap.apply_async((40,), time_limit=8)")
    begun = time.monotonic()
    found = worker.wait_for(PATIENCE, "busy", active_count=1)
    assert found["active"][0]["hard"] == 8
    wait_for(lambda: manager.heard("WATCHDOG=1", begun + 12), PATIENCE, "the task explains the silence of the loop")
    assert worker.file["problem"] == ""
    worker.wait_for(PATIENCE, "the task is past its limit", problem="loop_stalled")
    late = time.monotonic()
    time.sleep(3)
    assert manager.heard("WATCHDOG=1", late + 1) == 0


def test_stopped_process_lets_the_file_age(start):
    worker = start()
    worker.wait_for(PATIENCE, "ready", state="ready")
    worker.process.send_signal(signal.SIGSTOP)
    try:
        wait_for(lambda: time.time() - worker.file["written_at"] > 5, PATIENCE, "the file is written no more")
    finally:
        worker.process.send_signal(signal.SIGCONT)
    wait_for(lambda: time.time() - worker.file["written_at"] < 2, PATIENCE, "the file is written again")


@pytest.mark.parametrize("pool", ["prefork", "gevent"])
def test_abort_leaves_a_traceback_and_no_child(start, pool):
    worker = start(pool)
    worker.wait_for(PATIENCE, "ready", state="ready")
    children = worker.children()
    assert worker.end(signal.SIGABRT) == -signal.SIGABRT
    log = worker.log.read_text()
    assert "Fatal Python error: Aborted" in log
    assert log.count('File "') > 5
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), PATIENCE, "its children have ended")


@pytest.mark.parametrize(
    ("fault", "options", "complaint"),
    [
        ("unwritable", {"TASKFLEET_HEARTBEAT": "/nonexistent/w1.json"}, "the heartbeat cannot be written"),
        ("no socket", {"NOTIFY_SOCKET": "/nonexistent/notify"}, "systemd cannot be notified"),
    ],
)
def test_stands_aside(start, fault, options, complaint):
    worker = start(**options)
    wait_for(lambda: " ready." in worker.log.read_text(), PATIENCE, "the worker is ready")
    assert worker.works(3)
    wait_for(lambda: complaint in worker.log.read_text(), PATIENCE, "it says so")
    time.sleep(3)
    assert worker.log.read_text().count("taskfleet_sentinel:") == 1
    assert worker.end() == 0


@pytest.mark.parametrize("release", PYTHONS)
def test_stands_aside_in_a_celery_that_it_does_not_know(start, release, tmp_path):
    manager = Manager(tmp_path)
    worker = start("prefork", release, loads=("future", "taskfleet_sentinel"), NOTIFY_SOCKET=manager.path)
    wait_for(lambda: " ready." in worker.log.read_text(), PATIENCE, "the worker is ready")
    assert worker.works(3)
    assert manager.heard("READY=1")
    begun = time.monotonic()
    wait_for(lambda: manager.heard("WATCHDOG=1", begun) >= 2, PATIENCE, "systemd does not restart it")
    assert worker.file["sentinel"] == "this Celery cannot be watched"
    assert worker.log.read_text().count("taskfleet_sentinel:") == 1
    assert worker.end() == 0


def test_the_probes_for_containers(start, redis, tmp_path):
    """The page's probe, and the lines for Docker and Kubernetes, as they stand there."""
    probes = Probes(tmp_path, tmp_path / "w1.json")
    assert probes.results() == {"docker": 1, "startup": 1, "liveness": 1}
    worker = start()
    wait_for(
        lambda: probes.results() == {"docker": 0, "startup": 0, "liveness": 0}, PATIENCE, "all see that it is ready"
    )
    assert worker.file["state"] == "ready"
    redis.stop()
    wait_for(lambda: probes.results()["startup"] == 3, PATIENCE, "the probe cannot tell")
    assert probes.results() == {"docker": 0, "startup": 3, "liveness": 0}
    redis.start()
    worker.wait_for(45, "it is back", state="ready", problem="")
    worker.process.send_signal(signal.SIGSTOP)
    wait_for(
        lambda: probes.results() == {"docker": 1, "startup": 1, "liveness": 1}, PATIENCE, "all see that it is stopped"
    )
    worker.process.send_signal(signal.SIGCONT)
    wait_for(lambda: probes.results()["liveness"] == 0, PATIENCE, "it goes on")


def test_the_probes_for_containers_let_a_worker_be_that_cannot_be_watched(start, tmp_path):
    probes = Probes(tmp_path, tmp_path / "w1.json")
    worker = start(loads=("future", "taskfleet_sentinel"))
    wait_for(lambda: worker.file.get("sentinel"), PATIENCE, "the sentinel stands aside")
    assert probes.results() == {"docker": 0, "startup": 3, "liveness": 0}


def test_connections_are_named_and_the_applications_options_win(start, redis):
    worker = start()
    worker.wait_for(PATIENCE, "ready", state="ready")
    names = [
        line.split(" name=")[1].split(" ")[0] for line in redis.ask_all("CLIENT LIST").splitlines() if "brpop" in line
    ]
    assert names == [NODE]
    assert (
        worker.run(
            "import celery; from types import SimpleNamespace as S; import taskfleet_sentinel as t; t.merge_defaults(app, 'w1@h');"
            "o = app.conf.broker_transport_options; print(o['socket_timeout'], o['socket_keepalive'], o['client_name'])"
        )
        == "29 True w1@h"
    )


def test_leaves_nothing_on_the_broker(start, redis):
    worker = start(TASKFLEET_PROOF_INTERVAL="0")
    worker.wait_for(PATIENCE, "ready", state="ready")
    assert worker.works(1)
    wait_for(lambda: worker.file["broker"]["last_proof"], PATIENCE, "its message came back")
    before = redis.ask("DBSIZE")
    first = worker.file["broker"]["last_proof"]
    wait_for(lambda: worker.file["broker"]["last_proof"] > first + 9, PATIENCE, "two further ones came back")
    assert redis.ask("DBSIZE") == before


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
    one.wait_for(PATIENCE, "ready", state="ready", kind="beat")
    wait_for(lambda: one.file["sent_total"] >= 3, PATIENCE, "it sends")
    assert one.file["last_task"] == "watched.add"
    assert manager.heard("READY=1") == 1
    assert redis.ask("LLEN", "default") in {f":{count}" for count in range(3, 20)}
    redis.stop()
    time.sleep(3)
    assert one.file["problem"] == ""
    assert one.end() == 0


def test_beat_that_waits_for_an_hour_is_well(beat, tmp_path):
    manager = Manager(tmp_path)
    one = beat(NOTIFY_SOCKET=manager.path, EVERY="3600")
    one.wait_for(PATIENCE, "ready", state="ready")
    wait_for(lambda: one.file["next_tick_in"] is not None, PATIENCE, "it has ticked")
    begun = time.monotonic()
    wait_for(lambda: manager.heard("WATCHDOG=1", begun + 35), 45, "it is vouched for beyond the time of a stall")
    assert one.file["problem"] == ""
    assert one.file["next_tick_in"] > 100


def test_beat_that_hangs_in_a_tick_is_seen(beat, tmp_path):
    manager = Manager(tmp_path)
    one = beat(NOTIFY_SOCKET=manager.path, TASKFLEET_BEAT_SCHEDULER="watched:Hanging")
    one.wait_for(PATIENCE, "ready", state="ready")
    one.wait_for(45, "the tick is seen to hang", problem="loop_stalled")
    late = time.monotonic()
    time.sleep(3)
    assert manager.heard("WATCHDOG=1", late + 1) == 0
