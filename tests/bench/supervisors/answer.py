"""answer.py DIRECTORY PROGRAM PID: stands for a supervisord on each host, which runs one program with that process.

A host is a directory below DIRECTORY; its supervisord answers at run/supervisor.sock there.
"""

from __future__ import annotations

import selectors
import socketserver
import sys
import time
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler


class Handler(SimpleXMLRPCRequestHandler):
    """One question over a socket of the file system."""

    rpc_paths = ("/RPC2",)
    disable_nagle_algorithm = False

    def log_message(self, *_arguments):
        """Keep no log."""


class Supervisord(socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    """What a host asks its supervisord."""

    logRequests = False

    def __init__(self, path, program, pid):
        SimpleXMLRPCDispatcher.__init__(self)
        self.register_function(
            lambda: [process_info(program, pid, path.parents[1] / "log")], "supervisor.getAllProcessInfo"
        )
        socketserver.UnixStreamServer.__init__(self, str(path), Handler)


STARTED_AT = int(time.time())


def process_info(program, pid, log_directory):
    """Return what supervisor says of a program that runs."""
    log = str(log_directory / "worker-w1.log")
    return {
        "name": program,
        "group": program,
        "statename": "RUNNING",
        "start": STARTED_AT,
        "stop": 0,
        "now": int(time.time()),
        "spawnerr": "",
        "exitstatus": 0,
        "logfile": log,
        "stdout_logfile": log,
        "pid": pid,
        "description": f"pid {pid}",
    }


def main():
    """Answer for ever."""
    directory, program, pid = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with selectors.DefaultSelector() as selector:
        for host in directory.iterdir():
            selector.register(Supervisord(host / "run/supervisor.sock", program, pid), selectors.EVENT_READ)
        print("answering", flush=True)
        while True:
            for key, _events in selector.select():
                key.fileobj.handle_request()


if __name__ == "__main__":
    main()
