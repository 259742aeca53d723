# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a helper inside the application's own Python, as the application's user, for a limited time.

The helper is a file of _in_app. Its source travels on standard input, after that of what it imports of the collection,
together with its arguments, and it answers on a file descriptor of its own: an application may print at import what it
likes. This is the only file that starts the application's Python. run_as.py says as whom it runs, and helper_process.py
talks with it. Private to the collection.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple

from ansible_collections.taskfleet.celery.plugins.module_utils._common.celery_plugin import COMMAND, plugin
from ansible_collections.taskfleet.celery.plugins.module_utils._common.helper_process import HelperProcess
from ansible_collections.taskfleet.celery.plugins.module_utils._common.run_as import (
    account_of,
    service_environment,
)
from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask, secrets_in

# Refusals: nothing of the application ran, the caller has to fix an argument or the host.
REFUSALS = ("interpreter_missing", "not_permitted", "user_unknown", "directory_missing")

# What one file of the collection imports of another, in the form that all have.
_IMPORTED = re.compile(
    r"^from (ansible_collections\.taskfleet\.celery\.plugins\.module_utils[\w.]+) import", re.MULTILINE
)

Outcome = namedtuple("Outcome", "result error message tail elapsed")
Outcome.__doc__ = """What came of a run.

result: what the helper reported on its way and returned in the end; with an error what it had reported until then, or None.
error: None, interpreter_missing, not_permitted, user_unknown, directory_missing, timed_out, killed, crashed, no_result.
message: a sentence about the error. tail: the last lines the application printed. elapsed: seconds.
"""

# The application's directory is taken off the path while the helper imports the standard library.
_BOOTSTRAP = """
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import gc, json, os, signal, traceback, types

# It ends soon, and keeps most of what it makes: the collector would walk through a thousand replies again and again.
gc.disable()

def send(kind, value):
    os_write(json.dumps({kind: value}, default=str, skipkeys=True).encode("utf-8") + b"\\n")

def os_write(data, write=os.write):
    while data:
        data = data[write(fd, data):]

def tell(**values):
    send("progress", values)

# What is large, and grows, is reported piece by piece.
tell.more = lambda **pieces: send("more", pieces)

task = json.loads(sys.stdin.buffer.read().decode("utf-8"))
fd = task["fd"]
os.set_inheritable(fd, False)
signal.alarm(task["alarm"])
try:
    os.chdir(task["directory"])
except OSError as error:
    send("refused", [error.errno, task["directory"]])
    os._exit(0)
try:
    for name, source in task["modules"]:
        helper = types.ModuleType(name)
        sys.modules[name] = helper
        exec(compile(source, "<" + name + ">", "exec"), helper.__dict__)
    send("result", helper.main(task["arguments"], tell))
except BaseException as error:
    traceback.print_exc()
    send("crashed", traceback.format_exception_only(type(error), error)[-1].strip())
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
"""

# After a message of these kinds another one follows.
_ON_THE_WAY = (b'{"progress"', b'{"more"')


class _Refused(Exception):
    """The helper cannot be started: one of REFUSALS, and a sentence."""


def run(
    python,
    helper,
    arguments,
    user=None,
    group=None,
    directory="/",
    pythonpath=(),
    environment=None,
    timeout=30.0,
    command=(),
):
    """Run main(arguments, tell) of the helper, a module, in the interpreter, and return the Outcome.

    tell(name=value) keeps a value until the next one of the name, tell.more(name=piece) adds a piece to a list. The
    environment holds what the process gets beyond a minimal one. The command is what starts Celery where the application has
    one of its own: then main runs below it, once it has set the application up.
    """
    started = time.monotonic()
    environment = {name: str(value) for name, value in (environment or {}).items()}
    tail = ""
    try:
        with plugin(_BOOTSTRAP) if command else contextlib.nullcontext() as plugin_directory:
            argv, place = [python, "-u", "-c", _BOOTSTRAP], "/"
            if command:
                argv, place = [*command, COMMAND], directory
                pythonpath = [plugin_directory, *pythonpath]
            process, account = _start(argv, place, python, user, group, pythonpath, environment)
            ended, code = _talk(process, helper, arguments, directory, timeout, started + timeout)
        tail = process.tail
        result, error, message = _conclude(process.lines, ended, code, timeout, account.pw_name)
        if command and error == "no_result":
            last = (tail.strip().splitlines() or ["nothing"])[-1]
            message += "; expected that {0} hands its arguments to Celery; it printed: {1}".format(
                " ".join(command), last
            )
    except _Refused as refused:
        result, (error, message) = None, refused.args
    secrets = secrets_in(environment)
    return Outcome(result, error, mask(message, secrets), mask(tail, secrets), time.monotonic() - started)


# -- The process


def _start(argv, place, python, user, group, pythonpath, environment):
    """Return the process, started in the directory place, and the account that it runs as."""
    try:
        become, account = account_of(user, group, python)
    except KeyError as unknown:
        raise _Refused("user_unknown", unknown.args[0]) from None
    except PermissionError as refused:
        raise _Refused("not_permitted", str(refused)) from None
    surroundings = service_environment(python, account, pythonpath, environment)
    try:
        return HelperProcess(argv, surroundings, become, place), account
    except (OSError, subprocess.SubprocessError) as failed:
        if getattr(failed, "filename", None) == place != "/":
            raise _Refused(*_closed_directory(account.pw_name, failed.errno, place)) from None
        raise _Refused(*_refusal(failed, argv[0], account.pw_name)) from None


def _refusal(failed, program, user):
    """Return why the process could not be started, as error and message."""
    number = getattr(failed, "errno", None)
    if number in (errno.ENOENT, errno.ENOTDIR):
        text = "there is no interpreter {0}; create the virtual environment, or correct celery_python or celery_command"
        return "interpreter_missing", text.format(program)
    text = "the user {0} may not run {1}: {2}; give it read and execute permission on the path"
    return "not_permitted", text.format(user, program, os.strerror(number) if number else failed)


def _talk(process, helper, arguments, directory, timeout, deadline):
    """Have the process do its task; return how the talk ended, and its exit code."""
    try:
        task = {
            "fd": process.descriptor,
            # Outlives the limit; only a helper whose parent has gone ever meets it.
            "alarm": int(timeout) + 10,
            "directory": directory,
            "modules": list(_sources(helper).items()),
            "arguments": arguments,
        }
        ended = process.talk(json.dumps(task).encode("utf-8"), deadline, _is_last)
    finally:
        code = process.end()
    return ended, code


def _sources(module, found=None):
    """Return by name the sources of a module and of what it imports of the collection, each after what it imports itself."""
    found = {} if found is None else found
    if hasattr(module, "__path__"):
        raise ValueError("a package does not travel: name the file in the import of {0}".format(module.__name__))
    source = _source(module)
    for name in _IMPORTED.findall(source):
        if name not in found:
            _sources(sys.modules[name], found)
    found[module.__name__] = source
    return found


def _source(module):
    # The loader knows the source in a checkout as well as in the archive that a module is sent in.
    source = module.__spec__.loader.get_source(module.__name__)
    return source.decode("utf-8") if isinstance(source, bytes) else source


# -- Its answer


def _is_last(line):
    return not line.startswith(_ON_THE_WAY)


def _conclude(lines, ended, code, timeout, user):
    """Return result, error and message of a process that was talked with."""
    progress, kind, value = _read_messages(lines)
    if kind == "result":
        return dict(progress, **value), None, ""
    if kind == "refused":
        return (None, *_closed_directory(user, *value))
    if kind == "crashed":
        return progress or None, "crashed", "the helper ended with {0}".format(value)
    return (progress or None, *_without_result(ended, code, timeout))


def _read_messages(lines):
    """Return what the helper reported on its way, and the kind and the value of its last message, or None for both."""
    progress = {}
    for kind, value in map(_message, lines):
        if kind == "progress":
            progress.update(value)
        elif kind == "more":
            for name, piece in value.items():
                progress.setdefault(name, []).append(piece)
        elif kind in ("result", "crashed", "refused"):
            return progress, kind, value
    return progress, None, None


def _message(line):
    try:
        ((kind, value),) = json.loads(line.decode("utf-8")).items()
    except (ValueError, AttributeError):
        return None, None
    return kind, value


def _closed_directory(user, number, path):
    """Return error and message of a directory that the helper could not enter."""
    error = "not_permitted" if number == errno.EACCES else "directory_missing"
    text = "the user {0} cannot enter the directory {1}: {2}; create it, or let the user in"
    return error, text.format(user, path, os.strerror(number))


def _without_result(ended, code, timeout):
    """Return error and message of a process that ended before its last message."""
    if ended == "timed_out":
        return ended, "no answer within {0:g} s".format(timeout)
    if ended == "closed":
        return "no_result", "the application closed the way for the result"
    if code < 0:
        return "killed", "the process was ended by {0}".format(signal.Signals(-code).name)
    return "no_result", "the process ended with exit code {0} and without a result".format(code)
