# SPDX-License-Identifier: Apache-2.0
"""For each entry of the vouching table a program in which that module itself makes a call of the group, for this file.

proofs.py NAME runs one; PROOFS says what each proves: module, groups, and the versions of Python that have it.
IMPORTS stands for the mark of the import machinery. CONTROLS are modules that call and vouch for nobody.
"""

import os
import socket
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
IMPORTS = "(import machinery)"
NOT_IN_HOSTS = "a-name-that-is-in-no-hosts-file.invalid"  # the resolver has to ask the network
ALWAYS = ((3, 9), (3, 99))
PROOFS, CONTROLS = {}, {}


def proof(module, *groups, since=ALWAYS[0], until=ALWAYS[1], into=None):
    """`since` and `until` are the first and the last version in which the module makes the call."""

    def add(function):
        (PROOFS if into is None else into)[function.__name__] = (function, module, groups, since, until)
        return function
    return add


def nothing():
    return 0


def served(address_family=socket.AF_INET):
    """A listener on loopback that takes one connection, sends a line and closes it; its address."""
    listener = socket.socket(address_family)
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def serve():
        connection, _ = listener.accept()
        connection.sendall(b"hello\n")
        connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()


def ask(address, text, kind=socket.SOCK_STREAM):
    """A client in a thread: sends `text`, reads the answer."""
    def run():
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(10)
            client.connect(address)
            client.sendall(text)
            client.recv(4096)

    client = threading.Thread(target=run, daemon=True)
    client.start()
    return client


@proof("asyncio", "@net-out")
def asyncio_connection():
    import asyncio

    async def main():
        _, writer = await asyncio.open_connection(*served())
        writer.close()

    asyncio.run(main())


@proof("asyncio", "@process")
def asyncio_child():
    import asyncio

    async def main():
        if sys.version_info < (3, 12):  # from then on it is the default
            watcher = asyncio.PidfdChildWatcher()
            watcher.attach_loop(asyncio.get_running_loop())
            asyncio.set_child_watcher(watcher)
        await (await asyncio.create_subprocess_exec("/bin/true")).wait()

    asyncio.run(main())


@proof("bdb", "@trace-hook")
def bdb_runcall():
    import bdb

    bdb.Bdb().runcall(nothing)


@proof("cProfile", "@trace-hook", until=(3, 14))
def cprofile_runcall():
    import cProfile

    cProfile.Profile().runcall(nothing)


@proof("ctypes", "@native-load")
def ctypes_load():
    import ctypes

    ctypes.CDLL("libc.so.6")


@proof("doctest", "@trace-hook")
def doctest_example():
    import doctest

    doctest.run_docstring_examples(">>> 1\n1\n", {})


@proof("http", "@exec", "@process", until=(3, 14))
def http_cgi():
    import http.server
    import warnings

    warnings.simplefilter("ignore")
    os.makedirs("cgi-bin", exist_ok=True)
    with open("cgi-bin/answer", "w") as file:
        file.write("#!/bin/sh\necho\necho done\n")
    os.chmod("cgi-bin/answer", 0o755)
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.CGIHTTPRequestHandler) as server:
        client = ask(server.server_address, b"GET /cgi-bin/answer HTTP/1.0\r\n\r\n")
        server.handle_request()
        client.join()


@proof("logging", "@net-out")
def logging_datagram():
    import logging.handlers

    logging.handlers.DatagramHandler("127.0.0.1", 9).handle(logging.makeLogRecord({"msg": "text"}))


@proof("multiprocessing", "@exec", "@process")
def multiprocessing_spawn():
    import multiprocessing

    child = multiprocessing.get_context("spawn").Process(target=nothing)
    child.start()
    child.join()


@proof("multiprocessing", "@net-out")
def multiprocessing_client():
    import multiprocessing.connection

    multiprocessing.connection.Client(served()).close()


@proof("os", "@exec", "@process")
def os_spawn():

    os.spawnvp(os.P_WAIT, "true", ["true"])


@proof("os", "@child-poison")
def os_environment():

    os.environ["LD_LIBRARY_PATH"] = "/nowhere"


@proof("pdb", "@trace-hook", until=(3, 13))
def pdb_debug():
    import io
    import pdb

    debugger = pdb.Pdb(stdin=io.StringIO("debug 1\nc\nc\n"), stdout=io.StringIO(), readrc=False, nosigint=True)
    debugger.runcall(nothing)


@proof("profiling", "@trace-hook", since=(3, 15))
def profiling_runcall():
    import profiling.tracing

    profiling.tracing.Profile().runcall(nothing)


@proof("profile", "@trace-hook")
def profile_runcall():
    import profile

    profile.Profile().runcall(nothing)


@proof("pty", "@process")
def pty_fork():
    import pty

    pid, _ = pty.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@proof("smtplib", "@net-out")
def smtplib_own_name():
    import smtplib

    # On a host whose own name is not in its hosts file, the constructor asks the network for it.
    socket.getfqdn = lambda: "host"
    socket.gethostname = lambda: NOT_IN_HOSTS
    smtplib.SMTP()


@proof("socket", "@net-out")
def socket_connection():
    socket.create_connection(served()).close()


@proof("socketserver", "@process")
def socketserver_fork():
    import socketserver

    with socketserver.ForkingTCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        client = ask(server.server_address, b"text")
        server.handle_request()
        client.join()


@proof("socketserver", "@net-out")
def socketserver_answer():
    import socketserver

    class Echo(socketserver.DatagramRequestHandler):
        def handle(self):
            self.wfile.write(self.rfile.read())

    with socketserver.UDPServer(("127.0.0.1", 0), Echo) as server:
        client = ask(server.server_address, b"text", socket.SOCK_DGRAM)
        server.handle_request()
        client.join()


@proof("ssl", "@net-out")
def ssl_connect():
    import ssl

    with ssl.create_default_context().wrap_socket(socket.socket(), server_hostname="localhost") as client:
        try:
            client.connect(served())
        except OSError:
            pass  # nobody speaks TLS there


@proof("subprocess", "@exec", "@process")
def subprocess_run():
    import subprocess

    subprocess.run(["/bin/true"], check=True)


@proof("threading", "@trace-hook")
def threading_settrace():
    threading.settrace(lambda *event: None)
    thread = threading.Thread(target=nothing)
    thread.start()
    thread.join()


@proof("trace", "@trace-hook")
def trace_runfunc():
    import trace

    trace.Trace(count=1, trace=0).runfunc(nothing)


@proof("urllib", "@net-out")
def urllib_ftp():
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(f"ftp://{NOT_IN_HOSTS}/")
    except urllib.error.URLError:
        pass


@proof("importlib._bootstrap", "@native-load", IMPORTS)
def import_extension():
    import importlib.util
    import shutil

    # The runtime's own extensions are nobody's right; a copy among the application's files is the application's.
    os.makedirs(os.path.join(HERE, "carried"))
    shutil.copy(importlib.util.find_spec("_ctypes").origin, os.path.join(HERE, "carried"))
    import carried._ctypes  # noqa: F401


@proof("_frozen_importlib_external", IMPORTS)
def import_source():
    import colorsys  # noqa: F401


@proof("runpy", IMPORTS)
def run_path():
    import runpy

    with open("plain.py", "w") as file:
        file.write("1\n")
    runpy.run_path(os.path.abspath("plain.py"))


@proof("zipimport", IMPORTS)
def import_archive():
    import zipfile

    with zipfile.ZipFile("archive.zip", "w") as archive:
        archive.writestr("archived.py", "1\n")
    sys.path.insert(0, "archive.zip")
    import archived  # noqa: F401


@proof("threading", "@process", "@exec", into=CONTROLS)
def thread_runs_system():
    """Whoever gives a C function to threading is not vouched for by it."""

    threading.Thread(target=os.system, args=("true",)).run()


if __name__ == "__main__":
    {**PROOFS, **CONTROLS}[sys.argv[1]][0]()
