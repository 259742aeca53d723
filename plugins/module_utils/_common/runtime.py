# Copyright (c) 2026, the taskfleet.celery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a helper inside the application's own Python, as the application's user, for a limited time.

The helper is a file of _in_app. Its source travels on standard input, after that of what it imports of the
collection, together with its arguments, and it answers on a file descriptor of its own: an application may print at import what it likes. This is the only file
that starts the application's Python. Private to the collection.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import json
import os
import pwd
import re
import selectors
import signal
import subprocess
import sys
import time
from collections import namedtuple

from ansible_collections.taskfleet.celery.plugins.module_utils._common.secrets import mask, secrets_in

TAIL_BYTES = 4096
# From the end of the answer's pipe to the end of the process.
CLOSED_GRACE = 1.0

# Refusals: nothing of the application ran, the caller has to fix an argument or the host.
REFUSALS = ("interpreter_missing", "not_permitted", "user_unknown", "directory_missing")

# What one file of the collection imports of another, in the form that all have.
_IMPORTED = re.compile(
    r"^from (ansible_collections\.taskfleet\.celery\.plugins\.module_utils[\w.]+) import", re.MULTILINE
)

Outcome = namedtuple("Outcome", "result error message tail elapsed")
Outcome.__doc__ = """What came of a run.

result: what the helper told on its way and returned in the end; with an error what it had told until then, or None.
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

def tell(**told):
    send("told", told)

# What is large, and grows, is told piece by piece.
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
):
    """Run main(arguments, tell) of the helper, a module, in the interpreter, and return the Outcome.

    tell(name=value) keeps a value until the next one of the name, tell.more(name=piece) adds a piece to a list. The
    environment holds what the process gets beyond a minimal one.
    """
    started = time.monotonic()
    environment = {name: str(value) for name, value in (environment or {}).items()}
    secrets = secrets_in(environment)

    def outcome(result=None, error=None, message="", tail=""):
        return Outcome(result, error, mask(message, secrets), mask(tail, secrets), time.monotonic() - started)

    try:
        become, account = _account(user, group, python)
    except KeyError as unknown:
        return outcome(error="user_unknown", message=unknown.args[0])
    except PermissionError as refused:
        return outcome(error="not_permitted", message=str(refused))

    reader, writer = os.pipe()
    try:
        # AnsibleModule.run_command, which is asked for instead, knows no limit of time and no pipe for the answer.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            [python, "-u", "-c", _BOOTSTRAP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
            cwd="/",
            env=_environment(python, account, pythonpath, environment),
            bufsize=0,
            start_new_session=True,
            preexec_fn=become,
        )
    except (OSError, subprocess.SubprocessError) as failed:
        os.close(reader)
        kind, message = _refusal(failed, python, account.pw_name)
        return outcome(error=kind, message=message)
    finally:
        os.close(writer)

    task = {
        "fd": writer,
        # Outlives the limit below; only a helper whose parent has gone ever meets it.
        "alarm": int(timeout) + 10,
        "directory": directory,
        "modules": list(_sources(helper).items()),
        "arguments": arguments,
    }
    try:
        lines, tail, ended = _talk(process, reader, json.dumps(task).encode("utf-8"), started + timeout)
    finally:
        os.close(reader)
        code = _end(process)
    told = {}
    for line in lines:
        kind, value = _message(line)
        if kind == "told":
            told.update(value)
        elif kind == "more":
            for name, piece in value.items():
                told.setdefault(name, []).append(piece)
        elif kind == "result":
            return outcome(result=dict(told, **value), tail=tail)
        elif kind == "crashed":
            return outcome(told or None, "crashed", "the helper ended with {0}".format(value), tail)
        elif kind == "refused":
            number, path = value
            error = "not_permitted" if number == errno.EACCES else "directory_missing"
            message = "the user {0} cannot enter the directory {1}: {2}; create it, or let the user in"
            return outcome(error=error, message=message.format(account.pw_name, path, os.strerror(number)), tail=tail)
    if ended == "timed_out":
        return outcome(told or None, ended, "no answer within {0:g} s".format(timeout), tail)
    if ended == "closed":
        return outcome(told or None, "no_result", "the application closed the way for the result", tail)
    if code < 0:
        message = "the process was ended by {0}".format(signal.Signals(-code).name)
        return outcome(told or None, "killed", message, tail)
    message = "the process ended with exit code {0} and without a result".format(code)
    return outcome(told or None, "no_result", message, tail)


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


def _owner(python):
    """Return the uid to work as where none is named: root works as the owner of the environment, never as itself."""
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        return os.stat(os.path.dirname(python)).st_uid
    except OSError:
        return 0


def _account(user, group, python):
    """Return what the child has to do to become the user, or None, and the account."""
    try:
        account = pwd.getpwnam(user) if user else pwd.getpwuid(_owner(python))
    except KeyError as unknown:
        who = user or unknown.args[0]
        raise KeyError("there is no user {0!r} on this host; create it, or correct user".format(who)) from None
    try:
        gid = grp.getgrnam(group).gr_gid if group else account.pw_gid
    except KeyError:
        raise KeyError("there is no group {0!r} on this host; create it, or correct group".format(group)) from None
    if account.pw_uid == os.geteuid() and (not group or gid == os.getegid()):
        return None, account
    if os.geteuid() != 0:
        current = pwd.getpwuid(os.geteuid()).pw_name
        text = "running as {0}, which may not become {1}; use become, or leave user and group out"
        raise PermissionError(text.format(current, account.pw_name))

    def become():
        os.setgid(gid)
        os.initgroups(account.pw_name, gid)
        os.setuid(account.pw_uid)

    return become, account


def _environment(python, account, pythonpath, environment):
    """Return the environment a service would have: nothing of the login that started this run."""
    directories = [os.path.dirname(python), "/usr/local/bin", "/usr/bin", "/bin"]
    result = {
        "PATH": os.pathsep.join(directories),
        "LANG": "C.UTF-8",
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
    }
    result.update(environment)
    paths = [*pythonpath, *filter(None, [environment.get("PYTHONPATH")])]
    if paths:
        result["PYTHONPATH"] = os.pathsep.join(paths)
    # A look leaves nothing behind, least of all files of another owner.
    result["PYTHONDONTWRITEBYTECODE"] = "1"
    return result


def _refusal(failed, python, user):
    number = getattr(failed, "errno", None)
    if number in (errno.ENOENT, errno.ENOTDIR):
        text = "there is no interpreter {0}; create the virtual environment, or correct celery_python"
        return "interpreter_missing", text.format(python)
    text = "the user {0} may not run {1}: {2}; give it read and execute permission on the path"
    return "not_permitted", text.format(user, python, os.strerror(number) if number else failed)


def _talk(process, reader, task, deadline):
    """Feed the task, collect the answer and the last output.

    Returns the lines of the answer, the tail, and how it ended: answered, exited, closed, timed_out.
    """
    answer, printed = bytearray(), bytearray()
    outbox = memoryview(task)
    for stream in (process.stdin, process.stdout):
        os.set_blocking(stream.fileno(), False)
    os.set_blocking(reader, False)
    ended = "answered"
    closed = False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(reader, selectors.EVENT_READ)
        while not _complete(answer):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                ended = "closed" if closed else "timed_out"
                break
            # A child of the application may keep the pipes open after the application's end.
            if _has_ended(process) and not selector.select(0):
                ended = "exited"
                break
            for key, _events in selector.select(min(remaining, 0.2)):
                if key.fileobj is process.stdin:
                    outbox = _feed(process.stdin, outbox)
                    if not outbox:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif key.fileobj is process.stdout:
                    _read(process.stdout.fileno(), printed, selector, process.stdout)
                    del printed[:-TAIL_BYTES]
                elif not _read(reader, answer, selector, reader):
                    closed = True
                    deadline = min(deadline, time.monotonic() + CLOSED_GRACE)
        _read(process.stdout.fileno(), printed)
    return bytes(answer).splitlines(), bytes(printed[-TAIL_BYTES:]).decode("utf-8", "replace"), ended


def _feed(stream, outbox):
    try:
        return outbox[os.write(stream.fileno(), outbox) :]
    except BlockingIOError:
        return outbox
    except BrokenPipeError:
        return outbox[len(outbox) :]


def _read(descriptor, buffer, selector=None, registered=None):
    """Append what is there to read; on its end take the descriptor off the selector and return False."""
    try:
        data = os.read(descriptor, 65536)
    except BlockingIOError:
        return True
    buffer += data
    if not data and selector:
        selector.unregister(registered)
    return bool(data)


def _has_ended(process):
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _complete(answer):
    """Tell whether the last complete line ends the conversation."""
    if not answer.endswith(b"\n"):
        return False
    return not answer[answer.rfind(b"\n", 0, -1) + 1 :].startswith((b'{"told"', b'{"more"'))


def _message(line):
    try:
        ((kind, value),) = json.loads(line.decode("utf-8")).items()
    except (ValueError, AttributeError):
        return None, None
    return kind, value


def _end(process):
    """End the process group, for whatever the application started at import goes with it; return the exit code."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        process.stdout.close()
        process.stdin.close()
