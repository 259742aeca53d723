"""Runs parts side by side, and once more, alone, those that failed and may."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import pairwise
from pathlib import Path

from testrun.outcome import FAILED, Outcome, counted

# More than there are processors: a part that deploys or waits for a broker leaves them idle half of the time.
PLACES = 2 * ((os.cpu_count() or 2) + 2)
SHOWN_LINES = 60  # of a part that failed
GRACE = 20  # seconds from TERM to KILL


class Runner:
    """What is to be run, what is under way, and what has ended."""

    def __init__(self, root, whole, ended):
        self.root = root
        self.logs = root / ".cache/logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if whole:
            self.environment["TASKFLEET_WHOLE"] = "1"
        self.ended = ended  # called with each outcome
        self.outcomes = {}
        self.processes = set()

    def run(self, parts):
        """Run the parts; return their outcomes in the order of the parts."""
        try:
            self._side_by_side(parts)
            for part in parts:
                if part.gets_second_try and self.outcomes[part.name].failed:
                    self._try_again(part)
        except BaseException:
            self._end_all()
            raise
        return [self.outcomes[part.name] for part in parts]

    def _side_by_side(self, parts):
        todo, running = list(parts), {}
        with ThreadPoolExecutor(max_workers=len(parts) or 1) as pool:
            try:
                while todo or running:
                    for part in list(todo):
                        missing = [name for name in part.needs if name in self.outcomes and self.outcomes[name].failed]
                        if missing:
                            self._done(Outcome(part, FAILED, failed=1, reasons=[f"not run: {missing[0]} failed"]))
                        elif self._may_begin(part, running.values()):
                            running[pool.submit(self._try, part)] = part
                        else:
                            continue
                        todo.remove(part)
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        del running[future]
                        self._done(future.result())
            except BaseException:
                self._end_all()
                raise

    def _may_begin(self, part, running):
        if any(name not in self.outcomes for name in part.needs):
            return False
        if any(other.alone for other in running) or (part.alone and running):
            return False
        # What others wait for does not wait for a place itself, and is not held up by too many of those that can run.
        return not part.is_test or sum(other.slots for other in running) + part.slots <= PLACES

    def _done(self, outcome):
        self.outcomes[outcome.part.name] = outcome
        self.ended(outcome)
        if outcome.part.is_test or outcome.failed:
            self._show(outcome)

    def _try_again(self, part):
        first = self.outcomes[part.name]
        print(f"second try of {part.name}, alone", flush=True)
        second = self._try(part, ".second-try")
        second.first = first
        self._done(second)

    def _try(self, part, suffix=""):
        """Run a part to its end; return its outcome."""
        for report in self.root.glob(part.junit) if part.junit else ():
            report.unlink()
        begun = time.monotonic()
        log = self.logs / f"{part.name.replace('/', '-')}{suffix}.log"
        with contextlib.suppress(FileNotFoundError):
            log.unlink()
        environment = {**self.environment, "TASKFLEET_TRY": "2" if suffix else "1"}
        process = subprocess.Popen(
            part.argv,
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.processes.add(process)
        timer = threading.Timer(part.timeout, end, [process])
        timer.daemon = True
        timer.start()
        try:
            stages = follow(process, log, part.stage)
            code = process.wait()
        finally:
            timer.cancel()
            self.processes.discard(process)
        seconds = time.monotonic() - begun
        if seconds >= part.timeout:
            # A shell that waits for what was ended before it ends well.
            code = code or -signal.SIGTERM
            with log.open("a") as file:
                file.write(f"FAILED {part.name}: ended after {part.timeout} s, which is more than it may ever take\n")
        return counted(part, code, seconds, stages, log, self.root)

    def _show(self, outcome):
        print(outcome.line(), flush=True)
        if outcome.word == FAILED:
            lines = outcome.log.read_text(errors="replace").splitlines() if outcome.log else []
            for line in lines[-SHOWN_LINES:]:
                print(f"    {outcome.part.name}: {line}", flush=True)
            for reason in outcome.reasons:
                print(f"FAILED {outcome.part.name}: {reason}", flush=True)

    def _end_all(self):
        for process in list(self.processes):
            end(process)


def follow(process, log, pattern):
    """Write what a process prints into its log, until it prints no more; return the stages, (name, seconds)."""
    begun = []
    with log.open("a", encoding="utf-8") as file:
        for line in process.stdout:
            file.write(line)
            file.flush()
            found = re.search(pattern, line) if pattern else None
            if found:
                begun.append((found[1], time.monotonic()))
    return [(name, later - moment) for (name, moment), (_next, later) in pairwise([*begun, ("", time.monotonic())])]


def groups_of(session):
    """Return the process groups of a session. timeout(1) makes one of its own for what it runs."""
    groups = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _state, _parent, group, of_session = path.read_text().rpartition(")")[2].split()[:4]
            if int(of_session) == session:
                groups.add(int(group))
    return groups


def end(process):
    """End a process and all of its session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups_of(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GRACE)
            return
