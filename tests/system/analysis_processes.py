# SPDX-License-Identifier: Apache-2.0
"""What the workloads of the static analysis share: starting and stopping programs, a web server to talk to."""

import gzip
import http.client
import http.server
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing listens on port {port}")


def stop(process, signals=(signal.SIGTERM, signal.SIGKILL), seconds=30):
    """The traced program is the tracer's child: signals go to it; the tracer follows."""
    for number in signals:
        for pid in children(process.pid) or [process.pid]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def certificate(directory):
    key, cert = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    if not os.path.exists(cert):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                        "-subj", "/CN=localhost"], check=True, **QUIET)
        os.chmod(key, 0o644)  # servers read it again when they are no longer root
    return key, cert


def over_tls(port, payload, seconds=2):
    """Sends it and reads what comes; then what is no TLS, and a client that breaks off."""
    context = ssl._create_unverified_context()
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as client:
            client.settimeout(seconds)
            client.sendall(payload)
            answer = client.recv(65536)
    except OSError:
        pass
    for payload in (b"no TLS at all\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            plain.sendall(payload)
    return answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"hello\n" * 5000
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/")
            body = b""
        else:
            self.send_response(200)
        self.send_header("Set-Cookie", "a=b")
        self.send_header("Cache-Control", "max-age=60")
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # clients of these tests break off on purpose
        pass


def serve(directory, tls=False):
    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        key, cert = certificate(directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def ask_in_turn(port, requests):
    """On one connection, made anew where the server ends it. `requests`: (method, path, body, headers); any answer will do."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for method, path, body, headers in requests:
        try:
            connection.request(method, path, body=body, headers=headers)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
    connection.close()


def ask_oddly(port, local_socket):
    """What is no request, one that is broken off, and one over a local socket if the server has it."""
    for payload in (b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        with socket.create_connection(("127.0.0.1", port), 5) as raw:
            raw.sendall(payload)
    try:
        with socket.socket(socket.AF_UNIX) as local:
            local.connect(local_socket)
            local.sendall(b"GET /big.txt HTTP/1.0\r\n\r\n")
            while local.recv(65536):
                pass
    except OSError:
        pass
