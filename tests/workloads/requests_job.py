# SPDX-License-Identifier: Apache-2.0
"""A client of a loopback web server. Usage: requests_job.py --learn|--other|--new DIR PORT"""

import os
import subprocess
import sys

import requests
from requests.adapters import HTTPAdapter


def learn(folder, base):
    with requests.Session() as session:
        assert session.get(base + "/plain").text == "plain"
        assert session.post(base + "/echo", json={"a": 1}).json() == {"a": 1}
        assert session.get(base.replace("127.0.0.1", "localhost") + "/plain").text == "plain"
        with open(os.path.join(folder, "plain"), "w", encoding="utf-8") as file:
            file.write(session.get(base + "/plain").text)


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
    assert session.get(base.replace("127.0.0.1", "localhost") + "/plain", auth=("user", "word"), timeout=10).ok
    try:
        session.get("http://127.0.0.1:1/", timeout=2)
    except requests.ConnectionError:
        os.unlink(os.path.join(folder, "loaded", "whole"))
    os.rmdir(os.path.join(folder, "loaded"))


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
    {"--learn": learn, "--other": other, "--new": new}[sys.argv[1]](sys.argv[2], f"http://127.0.0.1:{sys.argv[3]}")
    print("done")
