# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Celery worker, or beat, that says whether it works.

``celery worker -I taskfleet_sentinel`` and ``celery beat --scheduler=taskfleet_sentinel:BeatScheduler``, without a
change to the application. It writes a heartbeat file each second (TASKFLEET_HEARTBEAT) and talks to systemd
(NOTIFY_SOCKET); docs/sentinel.md has the fields and the rules.

Three parts. A native thread writes and notifies, so that it sees a loop that is blocked (Worker). The consumer's own loop
leaves the time of its last turn (LoopWatch). An observer asks the broker over a connection of its own, so that the loop
never waits for it (Observer). What the loop leaves for the two others is in LoopNotes.

It must never break a worker. Whatever fails here is written to stderr once and left out; nothing that failed here may
keep systemd from hearing that the worker is up. No lock of the application is taken by the native thread: it must
still report when one of them is held for ever.
"""

from __future__ import annotations

import _socket
import contextlib
import json
import os
import signal
import struct
import sys
import threading
import time

SCHEMA = 1

# Seconds.
STALL_AFTER = 10  # without a turn of the loop, or without an answer on a connection that owes one
TURN_WITHIN = 5  # a healthy loop turns each second, and each three in a greenlet pool
IDLE_AFTER = 8  # with free slots, waiting work, and none taken
START_GRACE = float(os.environ.get("TASKFLEET_START_GRACE", "60"))
RECONNECT_GRACE = 60  # Celery waits up to 30 s between two attempts to connect
OVERRUN_GRACE = 10  # what a hard limit may take to be enforced
OBSERVE_EVERY = 4
OBSERVE_TIMEOUT = 5
PROVE_EVERY = float(os.environ.get("TASKFLEET_PROOF_INTERVAL", "60"))
BEAT_STALL_AFTER = 30

MOST_ACTIVE = 50  # running tasks in the file; a greenlet pool may have thousands
COMMAND = "taskfleet_proof"
REDIS_TIMEOUTS = ("socket_timeout", "socket_connect_timeout")


# What the facts mean. Pure. ---------------------------------------------------------------------------------------


def judge(facts):
    """Return state, problem, detail and confirmed of a worker.

    ``problem`` is '' or one of the reasons in docs/sentinel.md, ``detail`` says it in words. ``confirmed`` is whether
    systemd may hear that all is well: a worker that is not confirmed is restarted.
    """
    if facts["phase"] == "draining":
        return "draining", "", "", True
    if broker_is_down(facts):
        return "broker_down", "", "", True
    if facts["phase"] == "starting":
        if facts["phase_age"] > START_GRACE:
            return "starting", "hung_in_startup", "not ready after %d s" % facts["phase_age"], True
        return "starting", "", "", True
    for rule in RULES:
        problem, detail = rule(facts)
        if problem:
            break
    turned = facts["loop_age"] is not None and facts["loop_age"] <= TURN_WITHIN
    return "ready", problem, detail, turned or bool(facts["explained"])


def broker_is_down(facts):
    """Nothing is concluded while the broker does not answer, nor while Celery may still be on its way back to it."""
    if facts["reachable"] is False:
        return True
    if facts["connected"]:
        return False
    if facts["phase"] == "starting":
        return False
    return facts["reachable"] is None or facts["reachable_for"] < RECONNECT_GRACE


def rule_connection(facts):
    """The broker answers others, and not this consumer."""
    if not facts["connected"]:
        return "connection_lost", "no connection although the broker answers for %d s" % facts["reachable_for"]
    if facts["silence"] is not None and facts["silence"] > STALL_AFTER and facts["heard_since_silence"]:
        return "connection_lost", "the consumer's connection is silent for %d s, the broker is not" % facts["silence"]
    return "", ""


def rule_loop(facts):
    """The consumer loop turns, or a task of the solo pool explains why not."""
    if facts["loop_age"] is None or facts["loop_age"] <= STALL_AFTER or facts["explained"]:
        return "", ""
    return "loop_stalled", "the consumer loop has not turned for %d s" % facts["loop_age"]


def rule_queues(facts):
    """It still consumes what it did when it became ready."""
    if facts["missing"]:
        return "wrong_queues", "does not consume %s any more" % ",".join(facts["missing"])
    return "", ""


def rule_children(facts):
    """Tasks that were given to the pool are begun."""
    if facts["stopped"]:
        return "pool_dead", "stopped pool process %s" % ",".join(str(pid) for pid in facts["stopped"])
    if facts["undelivered"] > STALL_AFTER:
        return "pool_dead", "a task waits for %d s in a pool with a free slot" % facts["undelivered"]
    return "", ""


def rule_work(facts):
    """Work is asked for, and taken when it waits, while slots are free."""
    if facts["unasked"] > IDLE_AFTER:
        return "not_consuming", "it has not asked the broker for work for %d s" % facts["unasked"]
    if facts["waiting"] and facts["idle_waiting"] > IDLE_AFTER:
        return "not_consuming", "%d waiting, slots free, none taken for %d s" % (
            facts["waiting"],
            facts["idle_waiting"],
        )
    return "", ""


# The loop comes first: while it does not turn, nothing is known of what it would do. With the connection
# gone it does not turn either, and that is the better answer.
RULES = (rule_connection, rule_loop, rule_queues, rule_children, rule_work)


def explain_solo(active, now):
    """Return why the loop of a solo pool does not turn, or ''. The solo pool itself enforces no limit."""
    for task in active:
        started = task["started"]
        if started and (not task["hard"] or now - started <= task["hard"] + OVERRUN_GRACE):
            return "runs %s since %d s" % (task["name"], now - started)
    return ""


def judge_beat(facts):
    """Return state, problem, detail and confirmed of a beat. Its sleep between two ticks may be an hour long."""
    if facts["ready_at"] is None:
        return "starting", "", "", True
    if facts["overdue"] <= BEAT_STALL_AFTER:
        return "ready", "", "", True
    if facts["reachable"] is False:
        return "broker_down", "", "", True
    return "ready", "loop_stalled", "its next tick is overdue by %d s" % facts["overdue"], False


def status_line(heartbeat):
    """Return what ``systemctl status`` shows."""
    if heartbeat.get("kind") == "beat":
        words = [heartbeat["state"], "%d ticks" % heartbeat["ticks_total"], "%d sent" % heartbeat["sent_total"]]
    else:
        words = [heartbeat["state"], "%d/%d busy" % (heartbeat["active_count"], heartbeat["concurrency"])]
        words += ["%d done" % heartbeat["completed_total"], "queues %s" % ",".join(heartbeat["queues"])]
    if heartbeat["problem"]:
        words.insert(1, "%s: %s" % (heartbeat["problem"], heartbeat["detail"]))
    return ", ".join(words)


def render(heartbeat):
    """JSON with each top-level field on a line of its own, so that a shell can read it."""
    return "{\n%s\n}\n" % ",\n".join('"%s": %s' % (key, json.dumps(value)) for key, value in heartbeat.items())


def transport_defaults(driver, node, kombu_version):
    """Transport options to be laid under the application's own, and settings with them."""
    if driver not in ("redis", "rediss", "sentinel"):
        return {}, {}
    options = {"socket_keepalive": True, "socket_timeout": 30, "health_check_interval": 25}
    if kombu_version >= (5, 6):
        options["client_name"] = "".join(char if "!" <= char <= "~" else "_" for char in node)
    return options, {"broker_channel_error_retry": True}


def last_received(tcp_info):
    """Milliseconds since a TCP socket received data, of Linux's struct tcp_info (tcpi_last_data_recv)."""
    return struct.unpack_from("=I", tcp_info, 52)[0]


# What it says, and where ------------------------------------------------------------------------------------------


class Complaints:
    """Each is written once, to the descriptor: the log may be what is blocked."""

    def __init__(self):
        self.said = []

    def __call__(self, what, error=None):
        if what in self.said:
            return
        self.said.append(what)
        text = "taskfleet_sentinel: %s%s\n" % (what, ": %r" % (error,) if error is not None else "")
        with contextlib.suppress(OSError):
            os.write(2, text.encode("utf-8", "replace"))


complain = Complaints()


class Notifier:
    """sd_notify(3). Takes the variables out of the environment: no task has any business with them."""

    def __init__(self, environment):
        names = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        self.taken = {name: environment.pop(name) for name in names if name in environment}
        path = self.taken.get("NOTIFY_SOCKET", "")
        self.address = "\0" + path[1:] if path.startswith("@") else path
        self.socket = None

    def __call__(self, *lines):
        if not self.address:
            return
        try:
            if self.socket is None:
                self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
                self.socket.setblocking(False)
            self.socket.sendto("\n".join(lines).encode("utf-8", "replace"), self.address)
        except OSError as error:
            complain("systemd cannot be notified", error)

    def ready(self):
        """What says that the service is ready, and that its watchdog counts, which a restart by SIGHUP has stopped."""
        usec = self.taken.get("WATCHDOG_USEC")
        return ["READY=1", "WATCHDOG_USEC=%s" % usec] if usec else ["READY=1"]

    def hand_over(self, environment):
        """For the program that takes the place of this one: its import may take longer than the watchdog waits."""
        if "WATCHDOG_USEC" in self.taken:
            self("WATCHDOG_USEC=0")
        environment.update(self.taken)


notify = Notifier(os.environ)


class File:
    """The heartbeat, replaced in one step."""

    def __init__(self, path):
        self.path = path
        self.temporary = "%s.%d.new" % (path, os.getpid())

    def write(self, text):
        if not self.path:
            return
        try:
            descriptor = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                os.fchmod(descriptor, 0o644)
                os.write(descriptor, text.encode("utf-8"))
            finally:
                os.close(descriptor)
            os.replace(self.temporary, self.path)
        except OSError as error:
            complain("the heartbeat cannot be written", error)


def native():
    """``start_new_thread`` and ``sleep`` of the system, also where gevent or eventlet have replaced them."""
    try:
        if "gevent.monkey" in sys.modules:
            original = sys.modules["gevent.monkey"].get_original
            return original("_thread", "start_new_thread"), original("time", "sleep")
        if "eventlet.patcher" in sys.modules:
            original = sys.modules["eventlet.patcher"].original
            return original("_thread").start_new_thread, original("time").sleep
    except Exception as error:
        complain("no native thread", error)
    import _thread

    return _thread.start_new_thread, time.sleep


def read_small(path):
    """The bytes of a file of /proc. Each call of the system is a moment at which the loop must yield the interpreter:
    these are three, ``open`` makes seven.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def resident_bytes():
    """Resident memory of this process."""
    return int(read_small("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def process_state(pid):
    """One letter, as in ps(1): T is stopped. '' where there is no such process."""
    try:
        return read_small("/proc/%d/stat" % pid).rpartition(b")")[2].split()[0].decode("ascii")
    except (OSError, IndexError):
        return ""


def guarded(what):
    """Make a function that never raises; what it failed with is said once, and it stands aside."""

    def decorate(function):
        def safe(self, *arguments):
            try:
                return function(self, *arguments)
            except Exception as error:
                self.stand_aside(what, error)
                return None

        return safe

    return decorate


class Reporter:
    """What worker and beat have in common: a native thread that writes the file and notifies systemd."""

    def __init__(self, path, notify):
        self.file = File(path)
        self.notify = notify
        self.blind = ""
        self.confirmed_at = None
        self.status = ""
        self.ready_sent = False
        self.sleep = time.sleep
        self.ended = False

    def begin(self):
        """Start the thread. Where it cannot be started, systemd must not wait for it."""
        try:
            start, self.sleep = native()
            start(self.run, ())
        except Exception as error:
            complain("its thread cannot be started", error)
            self.notify("READY=1", "WATCHDOG_USEC=0")

    def stand_aside(self, what, error):
        """It can no longer judge. The worker is taken as healthy from here on. Any thread may say so."""
        complain(what, error)
        self.blind = self.blind or what

    def run(self):
        pid = os.getpid()
        while not self.ended and os.getpid() == pid:
            try:
                self.report()
            except Exception as error:
                self.stand_aside("no heartbeat", error)
                self.report_blind()
            self.sleep(1.0)

    def report(self):
        if self.blind:
            self.report_blind()
            self.file.write(render({"schema": SCHEMA, "pid": os.getpid(), "sentinel": self.blind}))
            return
        heartbeat, confirmed, extend = self.collect()
        self.notify_manager(heartbeat, confirmed, extend)
        heartbeat["vouched_at"] = self.confirmed_at
        self.file.write(render(heartbeat))

    def notify_manager(self, heartbeat, confirmed, extend):
        lines = []
        status = status_line(heartbeat)
        if heartbeat["ready_at"] is not None and not self.ready_sent:
            self.ready_sent = True
            lines += self.notify.ready()
        if extend:
            lines.append("EXTEND_TIMEOUT_USEC=30000000")
        if status != self.status:
            self.status = status
            lines.append("STATUS=%s" % status)
        if confirmed:
            self.confirmed_at = heartbeat["written_at"]
            lines.append("WATCHDOG=1")
        if lines:
            self.notify(*lines)

    def report_blind(self):
        self.notify("READY=1", "WATCHDOG=1", "STATUS=the sentinel stands aside: %s" % self.blind)

    def collect(self):
        """Return the heartbeat, whether systemd may hear that all is well, and whether a start needs more time."""
        raise NotImplementedError


# The worker -------------------------------------------------------------------------------------------------------


class LoopNotes:
    """What the consumer's loop leaves for the native thread and for the observer. All that crosses is here.

    Only LoopWatch writes it, in the loop's thread, one assignment for each field, and what a field holds is never
    changed in place. So nobody needs a lock, which a loop that is blocked could hold for ever.
    """

    def __init__(self):
        self.phase = "starting"
        self.phase_since = time.monotonic()
        self.ready_at = None  # since the epoch; all other times are monotonic
        self.consumer = None
        self.green = False
        self.remote_control = False
        self.connected = False
        self.connections = 0
        self.lost_at = self.phase_since
        self.turned_at = None
        self.turns = 0
        self.queues = []  # consumed now
        self.declared = ()  # consumed when it became ready
        self.silence = None  # of its connection, while that owes an answer
        self.unasked_since = None  # there is credit, and no request for work is under way

    def copy(self):
        """All fields of one moment: the interpreter copies a dict in one step."""
        copied = LoopNotes.__new__(LoopNotes)
        copied.__dict__.update(self.__dict__)
        return copied

    def loop_age(self, now):
        return now - (self.turned_at or now)


class Observer(threading.Thread):
    """Asks the broker, over a connection of its own: is it there, does work wait, does a message come back?"""

    def __init__(self, app, node, driver, notes):
        super().__init__(name="taskfleet-observer", daemon=True)
        self.app = app
        self.node = node
        self.driver = driver
        self.notes = notes
        self.lock = threading.Lock()  # held while it talks: a fork would copy what it holds
        self.paused = False
        self.stop = threading.Event()
        self.connection = None
        self.channel = None
        self.answered_at = None  # monotonic, all of them
        self.failed_at = None
        self.asking_since = None
        self.reachable_since = None
        self.waiting = None
        self.proof = None  # number and time of the one that is under way
        self.proofs = 0
        self.proved_at = None

    def run(self):
        while not self.stop.wait(OBSERVE_EVERY):
            with self.lock:
                self.observe()
        with self.lock:
            self.close()

    def pause(self):
        """Before a fork: wait until it does not talk, but not for long."""
        self.paused = self.lock.acquire(timeout=0.5)

    def go_on(self):
        if self.paused:
            self.lock.release()

    def forget(self):
        """In the child, which has no observer."""
        self.lock = threading.Lock()

    def observe(self):
        now = self.asking_since = time.monotonic()
        try:
            self.ask(now)
        except Exception:
            # What it failed with is in the file: the broker cannot be reached.
            self.failed_at, self.reachable_since = time.monotonic(), None
            self.close()
        else:
            self.answered_at = time.monotonic()
            self.reachable_since = self.reachable_since or self.answered_at
        finally:
            self.asking_since = None

    def ask(self, now):
        if self.channel is None:
            self.connect()
        queues = self.notes.queues or sorted(self.app.amqp.queues.consume_from)
        if queues:
            self.waiting = sum(self.depth(queue) for queue in queues)
        if self.notes.remote_control and self.proof_is_due(now):
            self.proofs += 1
            self.proof = self.proofs, now
            self.publish({"number": self.proofs, "pid": os.getpid()})

    def proof_is_due(self, now):
        if self.proof is not None:
            return now - self.proof[1] > 60
        if self.proved_at is None or now - self.proved_at > PROVE_EVERY:
            return True
        # On AMQP nothing else is sure to come over an idle connection.
        silence = self.notes.silence
        return self.driver == "amqp" and (silence is None or silence > OBSERVE_EVERY - 1)

    def connect(self):
        names = ("read_timeout", "write_timeout") if self.driver == "amqp" else REDIS_TIMEOUTS
        options = dict.fromkeys(names, OBSERVE_TIMEOUT)
        self.connection = self.app.connection_for_write(
            connect_timeout=OBSERVE_TIMEOUT, heartbeat=0, transport_options=options
        )
        self.connection.connect()
        self.channel = self.connection.channel()

    def depth(self, queue):
        size = getattr(self.channel, "_size", None)
        if size is not None:
            return size(queue)
        return self.channel.queue_declare(queue=queue, passive=True).message_count

    def publish(self, arguments):
        """To the own mailbox only where the broker can: with Redis every node hears a broadcast."""
        from kombu import Producer

        mailbox = self.app.control.mailbox
        body = {"method": COMMAND, "arguments": arguments, "destination": [self.node]}
        direct = self.driver == "amqp"
        Producer(self.channel, auto_declare=False).publish(
            body,
            exchange="" if direct else mailbox.exchange.name,
            routing_key=mailbox.get_queue(self.node).name if direct else "",
            serializer=mailbox.serializer,
            declare=[] if direct else [mailbox.exchange],
            headers={"clock": 0, "expires": 0},
            delivery_mode=1,
            expiration=30,
            retry=False,
        )

    def on_proof(self, arguments):
        """In the loop, which got the message."""
        if arguments.get("pid") != os.getpid():
            return
        if self.proof is not None and self.proof[0] == arguments.get("number"):
            self.proof, self.proved_at = None, time.monotonic()

    def close(self):
        connection, self.connection, self.channel = self.connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it may be broken
                connection.close()

    def reachable(self, now, green):
        """True, False, or None where it has not asked yet."""
        if not green and self.asking_since is not None and now - self.asking_since > OBSERVE_TIMEOUT + 1:
            return False
        if self.answered_at is None:
            return None if self.failed_at is None else False
        return self.failed_at is None or self.answered_at > self.failed_at


class LoopWatch:
    """Sees the consumer's loop turn. All of it runs in the loop's thread, and what others may know goes into the notes."""

    def __init__(self, app, notes, notify, stand_aside):
        self.app = app
        self.driver = ""
        self.notes = notes
        self.notify = notify
        self.stand_aside = stand_aside
        self.timer = None
        self.owes_since = None
        self.is_restarting = False

    @guarded("the loop's turns cannot be seen")
    def on_connected(self, consumer):
        notes = self.notes
        notes.consumer = consumer
        notes.green = bool(getattr(consumer.pool, "is_green", False))
        notes.remote_control = bool(
            self.app.conf.worker_enable_remote_control and consumer.conninfo.supports_exchange_type("fanout")
        )
        self.owes_since = notes.unasked_since = None
        notes.connected = True
        notes.connections += 1

    @guarded("the loop's turns cannot be seen")
    def on_disconnected(self):
        notes = self.notes
        if notes.connected:
            # In this order: with the time of the loss before, this one would look like one that lasts.
            notes.lost_at = time.monotonic()
            notes.connected = False
        notes.silence = self.owes_since = notes.unasked_since = None

    @guarded("the loop's turns cannot be seen")
    def on_loop(self, hub):
        """The hub's timers fire in its loop. What was there before is gone with the earlier connection."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = hub.call_repeatedly(1.0, self.tick)

    @guarded("readiness cannot be observed")
    def on_ready(self):
        notes = self.notes
        notes.queues = self.consumed()
        notes.declared = tuple(notes.queues)
        now = time.monotonic()
        notes.turned_at = now
        notes.phase, notes.phase_since = "ready", now
        notes.ready_at = time.time()
        self.watch_restart()

    def watch_restart(self):
        """On SIGHUP Celery drains the worker, and starts it anew in the same process, without a signal of its own."""
        restart = signal.getsignal(signal.SIGHUP)
        if not callable(restart) or threading.current_thread() is not threading.main_thread():
            return

        def on_restart(number, frame):
            self.is_restarting = True
            self.notes.phase, self.notes.phase_since = "draining", time.monotonic()
            restart(number, frame)

        signal.signal(signal.SIGHUP, on_restart)

    @guarded("draining cannot be observed")
    def on_draining(self):
        self.notes.phase, self.notes.phase_since = "draining", time.monotonic()
        self.notify("STOPPING=1")

    @guarded("the loop's turns cannot be seen")
    def tick(self):
        notes = self.notes
        now = time.monotonic()
        gap = now - (notes.turned_at or 0)
        notes.turned_at = now
        notes.turns += 1
        if notes.connected:
            notes.queues = self.consumed()
            notes.silence = self.measure_silence(now, gap)
            if not self.asks_for_nothing():
                notes.unasked_since = None
            elif notes.unasked_since is None or gap > TURN_WITHIN:
                notes.unasked_since = now

    def consumed(self):
        """Names of the queues that are consumed now, of what the transport itself says where it can."""
        tasks = self.notes.consumer.task_consumer
        tags = getattr(tasks, "_active_tags", None) if tasks is not None else {}
        if tags is None:
            return [queue.name for queue in tasks.queues]
        active = getattr(tasks.channel, "_active_queues", None)
        callbacks = getattr(tasks.channel, "callbacks", None)
        return sorted(
            name
            for name, tag in list(tags.items())
            if (active is None or name in active) and (active is not None or callbacks is None or tag in callbacks)
        )

    def measure_silence(self, now, gap):
        """Seconds since the consumer's socket last brought something, while it owes an answer; None while not."""
        sock = self.owing_socket()
        if sock is None:
            self.owes_since = None
            return None
        if self.owes_since is None or gap > TURN_WITHIN:
            self.owes_since = now
        info = sock.getsockopt(_socket.IPPROTO_TCP, _socket.TCP_INFO, 60)
        return min(last_received(info) / 1000.0, now - self.owes_since)

    def asks_for_nothing(self):
        """Whether no BRPOP is under way although there is credit. The loop asks right before its timers fire."""
        tasks = self.notes.consumer.task_consumer
        if self.driver != "redis" or self.notes.green or tasks is None or not self.notes.queues:
            return False
        return tasks.channel.qos.can_consume() and not getattr(tasks.channel, "_in_poll", True)

    def owing_socket(self):
        """The socket over which messages come, if something must come over it within seconds."""
        tasks = self.notes.consumer.task_consumer
        if tasks is None or not self.notes.queues:
            return None
        if self.driver == "redis":
            # A BRPOP is answered each second.
            client = tasks.channel.__dict__.get("client")
            if client is None or not tasks.channel.qos.can_consume() or self.asks_for_nothing():
                return None
            sock = getattr(client.connection, "_sock", None)
        elif self.driver == "amqp" and not self.notes.green and self.notes.remote_control:
            # A message to the own mailbox comes over the same connection.
            sock = self.notes.consumer.connection.connection.sock
        else:
            return None
        return sock if sock is not None and sock.family != _socket.AF_UNIX else None


class Worker(Reporter):
    """The sentinel of a worker. It judges in the native thread, by the loop's notes and by Celery's own records."""

    def __init__(self, controller, path, notify):
        super().__init__(path, notify)
        self.controller = controller
        self.app = controller.app
        self.node = controller.hostname
        self.notes = LoopNotes()
        self.loop = LoopWatch(self.app, self.notes, notify, self.stand_aside)
        self.observer = None
        self.confirmed_turns = 0
        self.asked_after = None  # how many turns there were when it asked for a further one
        self.asked_at = 0.0
        self.received_total = self.completed_total = 0
        self.expired_total = self.revoked_total = 0
        self.last_received = None
        self.idle_since = None
        self.buckets = 0, []
        self.first_seen = {}
        self.born = {}
        self.stopped = []
        self.looked_at = 0.0

    def collect(self):
        now, wall = time.monotonic(), time.time()
        seen = self.notes.copy()
        self.ask_for_a_turn(seen, now)
        requests = self.requests(seen, wall)
        children = self.children(requests["active"], now, wall)
        facts = self.facts(seen, now, wall, requests)
        state, problem, detail, confirmed = judge(facts)
        if confirmed and state == "ready" and not facts["explained"]:
            # Heard again only after a further turn, so that systemd's time runs from the last one.
            confirmed, self.confirmed_turns = seen.turns != self.confirmed_turns, seen.turns
        observer = self.observer
        heartbeat = {
            "schema": SCHEMA,
            "kind": "worker",
            "node": self.node,
            "pid": os.getpid(),
            "state": state,
            "problem": problem,
            "detail": detail or facts["explained"],
            "written_at": round(wall, 3),
            "vouched_at": None,
            "loop_age": None if facts["loop_age"] is None else round(facts["loop_age"], 1),
            "ready_at": rounded(seen.ready_at),
            "pool": pool_name(self.controller.pool),
            "concurrency": self.concurrency(),
            "children": children,
            "active_count": requests["active_count"],
            "active": requests["active"][:MOST_ACTIVE],
            "reserved": requests["reserved"],
            "limited": requests["limited"],
            "received_total": self.received_total,
            "completed_total": self.completed_total,
            "expired_total": self.expired_total,
            "revoked_total": self.revoked_total,
            "queues": self.declared_names(seen.queues),
            "last_received": rounded(self.last_received),
            "broker": {
                "connected": seen.connected,
                "reconnects": max(seen.connections - 1, 0),
                "last_proof": since_epoch(observer and observer.proved_at, now, wall),
                "reachable": facts["reachable"],
                "waiting": facts["waiting"],
                "silent_for": rounded(seen.silence),
            },
            "rss": resident_bytes(),
        }
        return heartbeat, confirmed, state == "broker_down" and seen.phase == "starting"

    def on_discarded(self, expired=False, terminated=False, **_):
        """In the loop, which has taken a task, and does not run it. One that was terminated has run."""
        if expired:
            self.expired_total += 1
        elif not terminated:
            self.revoked_total += 1

    def ask_for_a_turn(self, seen, now):
        """Where there is no hub, what waits in ``call_soon`` is done on the loop's next turn."""
        if seen.consumer is None or not seen.connected or now - (seen.turned_at or 0) < 0.9:
            return
        if seen.consumer.hub and now - (seen.turned_at or 0) < TURN_WITHIN:
            return  # its timer is on the way
        if self.asked_after != seen.turns or now - self.asked_at > STALL_AFTER:
            self.asked_after, self.asked_at = seen.turns, now
            seen.consumer.call_soon(self.loop.tick)

    def requests(self, seen, wall):
        from celery.worker import state

        running = members(state.active_requests)
        known = set(map(id, running))
        waiting = [request for request in members(state.reserved_requests) if id(request) not in known]
        limited = self.limited(seen)
        accepted = state.all_total_count[0]
        self.completed_total = max(self.completed_total, accepted - len(running))
        scheduled = len(state.scheduled_requests if hasattr(state, "scheduled_requests") else ())
        received = accepted + len(waiting) + limited + scheduled
        if received > self.received_total:
            self.received_total, self.last_received = received, wall
        active = [
            {
                "id": one.id,
                "name": one.name,
                "started": rounded(one.time_start),
                **self.limits(one),
                "pid": one.worker_pid,
            }
            for one in running
        ]
        active.sort(key=lambda task: task["started"] or 0)
        return {
            "active": active,
            "active_count": len(running),
            "reserved": len(waiting),
            "limited": limited,
            "undelivered": self.undelivered(waiting, len(running)),
        }

    def limited(self, seen):
        """Tasks that wait for their rate limit: Celery reserves them only when they may begin.

        A limit that is changed gets a new bucket, and those in the old one wait on in it, until the connection ends.
        """
        connection, buckets = self.buckets
        if connection != seen.connections:
            buckets = []
        current = list(getattr(seen.consumer, "task_buckets", {}).values())
        different = {id(bucket): bucket for bucket in [*buckets, *current] if bucket is not None and bucket.contents}
        self.buckets = seen.connections, list(different.values())
        return sum(len(bucket.contents) for bucket in different.values())

    def limits(self, request):
        hard, soft = request.time_limits
        task = request.task
        controller = self.controller
        return {
            "soft": soft or task.soft_time_limit or getattr(controller, "soft_time_limit", None),
            "hard": hard or task.time_limit or getattr(controller, "time_limit", None),
        }

    def undelivered(self, waiting, busy):
        """Seconds that the oldest task is in the pool and not begun, while a slot is free."""
        now = time.monotonic()
        given = [] if busy >= self.concurrency() else [one.id for one in waiting if one._apply_result is not None]
        self.first_seen = {task: self.first_seen.get(task, now) for task in given}
        return max([now - seen for seen in self.first_seen.values()] or [0])

    def children(self, active, now, wall):
        pool = getattr(self.controller.pool, "_pool", None)
        processes = [
            process.pid for process in list(getattr(pool, "_pool", None) or ()) if getattr(process, "pid", None)
        ]
        if pool_name(self.controller.pool) != "prefork":
            return []
        self.born = {pid: self.born.get(pid, wall) for pid in processes}
        if now - self.looked_at >= 2:
            self.looked_at = now
            self.stopped = [pid for pid in processes if process_state(pid) in ("T", "t")]
        doing = {task["pid"]: task for task in active}
        return [
            {
                "pid": pid,
                "since": rounded(self.born[pid]),
                "busy_with": doing[pid]["id"] if pid in doing else None,
                "busy_since": doing[pid]["started"] if pid in doing else None,
                "stopped": pid in self.stopped,
            }
            for pid in processes
        ]

    def declared_names(self, queues):
        """The queues by the names that one declares: a broadcast has a name of its own in each process."""
        known = [(name, dict.get(self.app.amqp.queues, name)) for name in queues]
        names = {getattr(queue, "alias", None) or name for name, queue in known}
        return sorted(names - {self.node + ".dq2"})

    def concurrency(self):
        """Slots of the pool; 0 before it has started."""
        pool = self.controller.pool
        try:
            slots = getattr(pool, "num_processes", None)
        except TypeError:
            return 0  # the gevent pool measures what it has not made yet
        return int(slots or 0) or 1 if pool is not None else 0

    def facts(self, seen, now, wall, requests):
        observer = self.observer
        reachable = observer.reachable(now, seen.green) if observer is not None else None
        silence = seen.silence
        if silence is not None and silence < OBSERVE_EVERY and seen.turned_at and now - seen.turned_at < TURN_WITHIN:
            reachable = True  # it has just answered the consumer
        explained = ""
        if pool_name(self.controller.pool) == "solo" and seen.loop_age(now) > TURN_WITHIN:
            explained = explain_solo(requests["active"], wall)
        return {
            "phase": seen.phase,
            "phase_age": now - seen.phase_since,
            "connected": seen.connected,
            "reachable": reachable,
            "reachable_for": min(now - (observer.reachable_since or now), now - seen.lost_at) if observer else 0,
            "loop_age": seen.loop_age(now) if seen.turned_at else None,
            "explained": explained,
            "silence": silence,
            "heard_since_silence": bool(
                silence and observer and observer.answered_at and observer.answered_at > now - silence + 3
            ),
            "missing": [queue for queue in seen.declared if queue not in seen.queues],
            "stopped": self.stopped,
            "undelivered": requests["undelivered"],
            "waiting": observer.waiting if observer else None,
            "idle_waiting": self.idle_waiting(seen, now, requests),
            # As long as the loop turns: while a task of the solo pool keeps it, nothing can be asked.
            "unasked": max(seen.turned_at - seen.unasked_since, 0) if seen.turned_at and seen.unasked_since else 0,
        }

    def idle_waiting(self, seen, now, requests):
        """Seconds since which work waits, slots are free, no task was taken, and none waits for its rate limit."""
        observer = self.observer
        totals = (self.received_total, self.completed_total)
        free = requests["active_count"] + requests["reserved"] < self.concurrency()
        if not (observer and observer.waiting and free and seen.connected) or requests["limited"]:
            self.idle_since = None
            return 0
        if self.idle_since is None or self.idle_since[0] != totals:
            self.idle_since = totals, now
        return now - self.idle_since[1]


def members(weak_set):
    """Copy a WeakSet of another thread: its data in one step of the interpreter, then what is still alive."""
    return [item for item in (reference() for reference in list(weak_set.data)) if item is not None]


def rounded(number):
    return None if number is None else round(number, 3)


def since_epoch(moment, now, wall):
    return round(wall - (now - moment), 3) if moment else None


def pool_name(pool):
    """As in ``--pool=``."""
    if pool is None:
        return ""
    name = type(pool).__module__.rpartition(".")[2]
    return {"thread": "threads"}.get(name, name)


def merge_defaults(app, node):
    """Lay the safe transport defaults under the application's own settings, before the first connection."""
    import kombu

    driver = (app.conf.broker_read_url or app.conf.broker_url or "").partition("://")[0].partition("+")[0]
    options, settings = transport_defaults(driver, node, kombu.VERSION[:2])
    if options:
        app.conf.broker_transport_options = dict(options, **(app.conf.broker_transport_options or {}))
    for name, value in settings.items():
        if not set_by_application(app.conf, name):
            setattr(app.conf, name, value)


def set_by_application(conf, name):
    """Settings are a chain of mappings; the last one holds Celery's defaults. A namespace is a prefix of the names."""
    names = (name, name.upper(), (conf.prefix or "") + name.upper())
    return any(key in mapping for mapping in conf.maps[:-1] for key in names)


def make_step(loop):
    """A step of the consumer: it is started and stopped with each connection, after the task consumer."""
    from celery import bootsteps

    class Sentinel(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, c):
            loop.on_connected(c)

        def stop(self, c):
            loop.on_disconnected()

        def register_with_event_loop(self, c, hub):
            loop.on_loop(hub)

    return Sentinel


def attach(worker):
    """Hang the sentinel onto the hooks of Celery. Fails where a future Celery has others."""
    from celery import signals
    from celery.worker.control import Panel

    def proof(state, **arguments):
        if worker.observer is not None:
            worker.observer.on_proof(arguments)

    def on_end(**_):
        if worker.observer is not None:
            worker.observer.stop.set()
        if worker.loop.is_restarting:
            worker.notify.hand_over(os.environ)

    worker.app.steps["consumer"].add(make_step(worker.loop))
    Panel.data[COMMAND] = proof
    # Kept by name: signals hold weak references.
    worker.receivers = [
        (signals.worker_ready, lambda **_: worker.loop.on_ready()),
        (signals.worker_shutting_down, lambda **_: worker.loop.on_draining()),
        (signals.worker_shutdown, on_end),
        (signals.task_revoked, worker.on_discarded),
    ]
    for sent, receiver in worker.receivers:
        sent.connect(receiver, weak=False)
    worker.loop.driver = worker.app.connection_for_read().transport.driver_type


def observe(worker):
    """Start the observer of a broker that it knows, and keep it from being copied by a fork while it talks."""
    driver = worker.loop.driver
    if driver not in ("redis", "amqp"):
        return
    observer = worker.observer = Observer(worker.app, worker.node, driver, worker.notes)
    if hasattr(os, "register_at_fork") and not any(
        name in sys.modules for name in ("gevent.monkey", "eventlet.patcher")
    ):
        os.register_at_fork(before=observer.pause, after_in_parent=observer.go_on, after_in_child=observer.forget)
    observer.start()


def install_worker(controller):
    """A worker is about to be put together: the last moment before its first connection."""
    worker = Worker(controller, os.environ.get("TASKFLEET_HEARTBEAT", ""), notify)
    for what, act in (
        ("no transport defaults", lambda: merge_defaults(worker.app, worker.node)),
        ("no traceback on abort", trace_on_abort),
    ):
        try:
            act()
        except Exception as error:
            complain(what, error)
    try:
        attach(worker)
        observe(worker)
    except Exception as error:
        worker.stand_aside("this Celery cannot be watched", error)
    worker.begin()
    return worker


def trace_on_abort():
    """systemd's watchdog sends SIGABRT: the traceback of every thread goes to the journal first."""
    import faulthandler

    if not faulthandler.is_enabled():
        faulthandler.enable(file=2, all_threads=True)


# Beat -------------------------------------------------------------------------------------------------------------


class Beat(Reporter):
    """The sentinel of beat: it notes each tick and each send of whatever scheduler is configured."""

    def __init__(self, app, scheduler, path, notify):
        super().__init__(path, notify)
        self.app = app
        self.scheduler = scheduler
        self.ready_at = None
        self.began_at = None  # monotonic; a tick is under way
        self.next_at = None  # monotonic; when the next one is due
        self.last_tick = self.last_sent = None
        self.last_task = ""
        self.ticks = self.sent = self.failed = 0
        self.asked_at = 0.0
        self.reachable = None

    def on_set_up(self):
        self.ready_at = time.time()

    def on_tick(self):
        self.began_at = time.monotonic()

    def on_ticked(self, interval):
        now = time.monotonic()
        self.began_at, self.next_at = None, now + max(interval or 0, 0)
        self.last_tick = time.time()
        self.ticks += 1

    def on_sent(self, entry):
        self.sent += 1
        self.last_sent, self.last_task = time.time(), getattr(entry, "task", "")

    def collect(self):
        now, wall = time.monotonic(), time.time()
        due = self.began_at if self.began_at is not None else self.next_at
        overdue = now - due if due is not None else 0
        if overdue > BEAT_STALL_AFTER and now - self.asked_at > OBSERVE_EVERY:
            self.asked_at, self.reachable = now, self.ask_broker()
        facts = {"ready_at": self.ready_at, "overdue": overdue, "reachable": self.reachable}
        state, problem, detail, confirmed = judge_beat(facts)
        heartbeat = {
            "schema": SCHEMA,
            "kind": "beat",
            "pid": os.getpid(),
            "state": state,
            "problem": problem,
            "detail": detail,
            "written_at": round(wall, 3),
            "vouched_at": None,
            "ready_at": rounded(self.ready_at),
            "scheduler": self.scheduler,
            "last_tick": rounded(self.last_tick),
            "next_tick_in": None if self.next_at is None else round(self.next_at - now, 1),
            "ticks_total": self.ticks,
            "last_sent": rounded(self.last_sent),
            "last_task": self.last_task,
            "sent_total": self.sent,
            "failed_total": self.failed,
            "rss": resident_bytes(),
        }
        return heartbeat, confirmed, False

    def ask_broker(self):
        """Does something listen where the broker should? A beat that cannot send is not fixed by a restart."""
        connection = self.app.connection_for_write()
        host, port = connection.hostname, connection.port or connection.transport.default_port
        if "://" in (host or ""):
            return None
        for family, kind, protocol, _name, address in _socket.getaddrinfo(
            host or "127.0.0.1", port, 0, _socket.SOCK_STREAM
        ):
            probe = _socket.socket(family, kind, protocol)
            try:
                probe.settimeout(2)
                probe.connect(address)
                return True
            except OSError:
                continue
            finally:
                probe.close()
        return False


def beat_scheduler(path):
    """The class at ``path``, which notes its ticks and sends."""
    from celery.utils.imports import load_extension_class_names, symbol_by_name

    base = symbol_by_name(path, aliases=dict(load_extension_class_names("celery.beat_schedulers")))
    sentinel = []

    def noted(name, *arguments):
        try:
            getattr(sentinel[0], name)(*arguments)
        except Exception as error:
            complain("beat cannot be watched", error)

    def watch(arguments, options):
        try:
            app = options["app"] if "app" in options else arguments[0]
            trace_on_abort()
            sentinel.append(Beat(app, path, os.environ.get("TASKFLEET_HEARTBEAT", ""), notify))
            sentinel[0].begin()
        except Exception as error:
            complain("beat cannot be watched", error)
            notify("READY=1", "WATCHDOG_USEC=0", "STATUS=the sentinel stands aside")

    class BeatScheduler(base):
        def __init__(self, *arguments, **options):
            # The banner makes a lazy one, too.
            self._watched = not options.get("lazy")
            if self._watched and not sentinel:
                watch(arguments, options)
            super().__init__(*arguments, **options)
            if self._watched:
                noted("on_set_up")

        def tick(self, *arguments, **options):
            if not self._watched:
                return super().tick(*arguments, **options)
            noted("on_tick")
            interval = super().tick(*arguments, **options)
            noted("on_ticked", interval)
            return interval

        def apply_async(self, entry, *arguments, **options):
            try:
                result = super().apply_async(entry, *arguments, **options)
            except Exception:
                if self._watched and sentinel:
                    sentinel[0].failed += 1
                raise
            noted("on_sent", entry)
            return result

    return BeatScheduler


def __getattr__(name):
    """``--scheduler=taskfleet_sentinel:BeatScheduler``: made only when it is asked for."""
    if name == "BeatScheduler":
        return beat_scheduler(os.environ.get("TASKFLEET_BEAT_SCHEDULER") or "celery.beat:PersistentScheduler")
    raise AttributeError("module %r has no attribute %r" % (__name__, name))


def install():
    """On import in a worker's main process: wait for the worker to be put together."""
    try:
        from celery import signals

        signals.worker_init.connect(on_worker_init, weak=False)
    except Exception as error:
        complain("this Celery cannot be watched", error)
        notify("READY=1", "WATCHDOG_USEC=0", "STATUS=the sentinel stands aside")


def on_worker_init(sender=None, **_):
    """Celery's signal; its sender is the worker."""
    try:
        install_worker(sender)
    except Exception as error:
        complain("not installed", error)
        notify("READY=1", "WATCHDOG_USEC=0", "STATUS=the sentinel stands aside")


install()
