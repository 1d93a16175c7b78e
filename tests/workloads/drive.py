# SPDX-License-Identifier: Apache-2.0
"""Clients of the server workloads (`learn` and `other` requests each), and the web server that clients are tested against."""

import concurrent.futures
import http.server
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request


def ask(port, path, body=None, method=None, headers=()):
    """Text of an answer that must be one."""
    headers = {"Content-Type": "application/json"} if isinstance(body, dict) else dict(headers)
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode(errors="replace")


def ask_many(port, paths, threads=8):
    with concurrent.futures.ThreadPoolExecutor(threads) as executor:
        return list(executor.map(lambda path: ask(port, path), paths))


def send_form(port, path, data):
    """A form with one file, as a browser sends it; the text of the answer."""
    body = b"--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"up\"\r\n\r\n" + data + b"\r\n--part--\r\n"
    return ask(port, path, body, "POST", {"Content-Type": "multipart/form-data; boundary=part"})


def gunicorn_learn(port, listener_port):
    ask_many(port, ["/", "/?count=5"] * 20)
    ask(port, "/entries", {"text": "learned"})
    ask(port, "/source")
    assert ask(port, "/shelf/learned", b"x" * 99, "PUT") == "99"
    ask(port, "/entries")
    kill_a_worker(port)
    ask_many(port, ["/"] * 20)


def gunicorn_other(port, listener_port):
    for number in range(10):
        ask(port, "/entries", {"text": f"entry {number}"})
    for size in (20, 20_000):
        ask(port, "/archive", os.urandom(size), "POST")
    for size in (50, 200_000):
        assert ask(port, "/shelf/turned", os.urandom(size), "POST") == str(size)
    assert send_form(port, "/form", b"y" * 90_000) == "90000"
    assert ask(port, "/form", headers={"Range": "bytes=100-199"}) == "y" * 100
    ask(port, "/log", b"", "POST")
    ask_many(port, [f"/?count={number}" for number in range(80)], threads=16)
    for _ in range(3):
        kill_a_worker(port)
        ask_many(port, ["/", "/entries", "/pid"] * 10)


def kill_a_worker(port):
    """Ends one worker the hard way; the master must start another."""
    worker = int(ask(port, "/pid"))
    os.kill(worker, signal.SIGKILL)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            ask(port, "/")
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("no answer after a worker was killed")


def uvicorn_learn(port, listener_port):
    assert ask(port, "/") == "hello world"
    ask(port, "/upload", b"first", "POST")
    ask(port, "/download")
    assert ask(port, "/shelf/learned", b"x" * 99, "PUT") == "99"
    ask(port, f"/resolve?port={listener_port}")
    ask(port, f"/tell?port={listener_port}")


def uvicorn_other(port, listener_port):
    assert "part 4" in ask(port, "/stream")
    ask_many(port, [f"/?name={number}" for number in range(60)])
    for size in (10, 300_000):
        ask(port, "/upload", os.urandom(size), "POST")
    ask_many(port, ["/download"] * 5)
    ask(port, "/rearrange", b"", "POST")
    for size in (60, 100_000):
        assert ask(port, f"/shelf/turned-{size}", os.urandom(size), "POST") == str(size)
    assert "streamed" in ask(port, "/stream", os.urandom(400_000), "POST")
    ask_many(port, [f"/tell?port={listener_port}"] * 5)
    try:
        ask(port, "/nowhere")
    except urllib.error.HTTPError as error:
        assert error.code == 404


def gunicorn_new(port, listener_port):
    """An upload that does not fit into memory: werkzeug makes a file for it."""
    ask(port, "/")
    send_form(port, "/form", b"y" * 700_000)


def uvicorn_new(port, listener_port):
    """Starts a program for each upload."""
    ask(port, "/")
    ask(port, "/convert", b"text", "POST")


def gunicorn_client(which, port, listener_port):
    {"learn": gunicorn_learn, "other": gunicorn_other, "new": gunicorn_new}[which](port, listener_port)


def uvicorn_client(which, port, listener_port):
    {"learn": uvicorn_learn, "other": uvicorn_other, "new": uvicorn_new}[which](port, listener_port)


class Pages(http.server.BaseHTTPRequestHandler):
    """What the requests workload asks for."""

    protocol_version = "HTTP/1.1"
    wheels = ""  # the folder that is offered as a package index below /simple/

    def _answer(self, status, body, **headers):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/redirect":
            self._answer(302, b"", Location="/plain")
        elif self.path == "/missing":
            self._answer(404, b"missing")
        elif self.path.startswith("/simple/"):
            name = self.path.split("/")[2]
            links = "".join(f"<a href='/wheels/{file}'>{file}</a>" for file in os.listdir(self.wheels) if file.startswith(name))
            self._answer(200, links.encode(), **{"Content-Type": "text/html"})
        elif self.path.startswith("/wheels/"):
            with open(os.path.join(self.wheels, os.path.basename(self.path)), "rb") as file:
                self._answer(200, file.read())
        elif self.path == "/slow":
            self.rfile.read(1)  # never comes: the client gives up
        elif "Range" in self.headers:
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            self._answer(206, b"x" * (last - first + 1))
        else:
            self._answer(200, b"x" * 3_000_000 if self.path == "/large" else b"plain")

    def do_POST(self):
        self._answer(200, self.rfile.read(int(self.headers["Content-Length"])))

    def do_PUT(self):
        """A chunked upload; the answer is its size."""
        total = 0
        while size := int(self.rfile.readline(), 16):
            total += len(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        self._answer(200, str(total).encode())

    def log_message(self, *arguments):
        """Nobody reads it."""


def serve_pages(wheels):
    """A web server for clients, and an index of the wheels, in a thread of this process; its port."""
    Pages.wheels = wheels
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
