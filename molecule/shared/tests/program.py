"""Runs on a test host as root: prints what supervisor says of one program, as it came."""

import socket
import sys

CALL = "<methodCall><methodName>supervisor.getProcessInfo</methodName><params><param><value>%s</value></param></params></methodCall>"

body = (CALL % sys.argv[1]).encode()
with socket.socket(socket.AF_UNIX) as supervisor:
    supervisor.connect("/var/run/supervisor.sock")
    supervisor.sendall(
        b"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    answer = b"".join(iter(lambda: supervisor.recv(65536), b""))
print(answer.partition(b"\r\n\r\n")[2].decode())
