# SPDX-License-Identifier: Apache-2.0
"""A server that may start programs only while it starts. Usage: server.py PORT [--ready] [--workers N] [--busy SECONDS].

GET /exec answers with what came of starting a program, GET /pid with the answering process. With workers, the master
only listens and each worker accepts. --ready says READY=1 two seconds after it began to listen.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import threading
import time


def started():
    """What came of starting a program."""
    try:
        return "started %d" % subprocess.run(["/bin/true"], check=False).returncode
    except OSError as error:
        return "refused %s" % error.errno


def answer(connection):
    with connection:
        path = connection.recv(4096).split()[1].decode()
        text = started() if path == "/exec" else str(os.getpid())
        connection.sendall(("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)).encode())


def serve(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,)).start()


def say_ready():
    time.sleep(2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
        manager.sendall(b"READY=1\nSTATUS=serving")


def end_all(number, frame):
    signal.signal(number, signal.SIG_DFL)
    os.killpg(0, number)


def work(listener, workers):
    """A master that starts workers and replaces those that end."""
    living = set()
    signal.signal(signal.SIGTERM, end_all)
    while True:
        while len(living) < workers:
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                print("worker before serving:", started(), flush=True)
                serve(listener)
            living.add(child)
        living.discard(os.wait()[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--ready", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--busy", type=float, default=0)
    options = parser.parse_args()
    print("before serving:", started(), flush=True)
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        if options.ready:
            threading.Thread(target=say_ready).start()
        end = time.monotonic() + options.busy
        while time.monotonic() < end:
            pass
        if options.workers:
            os.setpgid(0, 0)
            work(listener, options.workers)
        serve(listener)


if __name__ == "__main__":
    sys.exit(main())
