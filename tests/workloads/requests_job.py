# SPDX-License-Identifier: Apache-2.0
"""A client of a loopback web server. Usage: requests_job.py --learn|--other|--new DIR PORT"""

import os
import subprocess
import sys

import libguard
import requests
from requests.adapters import HTTPAdapter
from shelf import Shelf


def learn(folder, base):
    with requests.Session() as session:
        assert session.get(base + "/plain").text == "plain"
        assert session.post(base + "/echo", json={"a": 1}).json() == {"a": 1}
        assert session.get(base.replace("127.0.0.1", "localhost") + "/plain").text == "plain"
        with open(os.path.join(folder, "plain"), "w", encoding="utf-8") as file:
            file.write(session.get(base + "/plain").text)
        keep_answers(Shelf(folder).put, session, [base + "/plain"])
        send_parts(Shelf(folder).put, session, base, [5])


def keep_answers(keep, session, addresses):
    """Every answer is kept the moment that it comes: requests calls the hook."""
    kept = []

    def keep_one(answer, **settings):
        kept.append(keep(f"answer-{len(kept)}", answer.content))

    for address in addresses:
        session.get(address, hooks={"response": keep_one}, timeout=20)
    assert len(kept) >= len(addresses)


def send_parts(keep, session, base, sizes):
    """A streamed upload: urllib3 asks for part after part, each kept by the application."""
    def parts():
        for number, size in enumerate(sizes):
            keep(f"part-{number}", b"x" * size)
            yield b"x" * size

    assert session.put(base + "/chunked", data=parts(), timeout=20).text == str(sum(sizes))


def other(folder, base):
    assert requests.get(base + "/redirect", timeout=10).text == "plain"
    assert requests.get(base + "/missing", timeout=10).status_code == 404
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=2, pool_connections=3))
    session.cookies.set("colour", "blue")
    answer = session.get(base + "/large", stream=True, timeout=10)
    os.mkdir(os.path.join(folder, "loaded"))
    part = os.path.join(folder, "loaded", "part")
    with open(part, "wb") as file:
        for chunk in answer.iter_content(65536):
            file.write(chunk)
    os.truncate(part, 1_000_000)
    os.rename(part, os.path.join(folder, "loaded", "whole"))
    with open(os.path.join(folder, "loaded", "whole"), "rb") as file:
        assert session.post(base + "/echo", files={"file": file}, timeout=20).ok
    ranged = session.get(base + "/large", headers={"Range": "bytes=10-19"}, timeout=10)
    assert (ranged.status_code, len(ranged.content)) == (206, 10)
    assert session.get(base.replace("127.0.0.1", "localhost") + "/plain", auth=("user", "word"), timeout=10).ok
    try:
        requests.get(base + "/slow", timeout=0.2)
    except requests.Timeout:
        os.unlink(os.path.join(folder, "loaded", "whole"))
    try:
        session.get("http://127.0.0.1:1/", timeout=2)
    except requests.ConnectionError:
        os.rmdir(os.path.join(folder, "loaded"))
    assert not os.path.exists(os.path.join(folder, "loaded"))
    send_parts(Shelf(folder).turn_over, session, base, [10, 70_000, 3])
    keep_answers(Shelf(folder).turn_over, session, [base + "/plain", base + "/redirect", base + "/large"])


class Recorder(HTTPAdapter):
    """An adapter that starts a program for each answer and leaves a link: rights that learning never saw."""

    def send(self, request, **settings):
        answer = super().send(request, **settings)
        for act in (lambda: subprocess.run(["/bin/true"], check=True), lambda: os.symlink("a", request.headers["X-Folder"] + "/b")):
            try:
                act()
            except OSError as error:
                print(f"refused: {error}")
        return answer


def new(folder, base):
    session = requests.Session()
    session.mount("http://", Recorder())
    assert session.get(base + "/plain", headers={"X-Folder": folder}, timeout=10).text == "plain"


if __name__ == "__main__":
    libguard.serving()
    {"--learn": learn, "--other": other, "--new": new}[sys.argv[1]](sys.argv[2], f"http://127.0.0.1:{sys.argv[3]}")
    print("done")
