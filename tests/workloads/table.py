# SPDX-License-Identifier: Apache-2.0
"""The workloads: what is run to learn from, what other work is run, and what is new to the policy.

A server has clients that drive it; a script is a command of its own for each kind of work. In words, {data} is a fresh
folder of the run (with an older wirelog in target/), {port} a free port, {pages} the port of a web server.
"""

import dataclasses
from typing import Callable, Optional

import drive
import driver

INSTALL = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", "{data}/target"]
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "{data}", "--basetemp", "{data}/tmp", "-c",
          "{application}/suite/pytest.ini", "{application}/suite"]
# Of dulwich's suite what needs no data beside its wheel.
OWN_SUITES = ["toolz", *(f"dulwich.tests.test_{name}" for name in (
    "archive", "config", "diff_tree", "file", "ignore", "line_ending", "missing_obj_finder", "walk"))]


@dataclasses.dataclass(frozen=True)
class Workload:
    learn: list
    other: list
    new: list
    client: Optional[Callable] = None  # of a server: (which, port, listener_port)
    told: bool = False                 # its phase is told from outside, by `libguard phase`
    stops: bool = False                # its new work fails as a whole when it is refused


def demo_client(which, port, listener_port):
    work = {"learn": driver.benign_to_learn, "other": driver.benign_other, "new": driver.benign_new}[which]
    client = work(port, listener_port)
    assert client.asked == client.answered, "; ".join(client.wrong[:3])


def server(client, *argv, told=False):
    return Workload(list(argv), list(argv), list(argv), client, told)


def job(file, *more):
    return Workload(*([f"{{application}}/{file}", f"--{which}", "{data}", *more] for which in ("learn", "other", "new")))


WORKLOADS = {
    "demo": server(demo_client, "{demo}/service.py", "--port", "{port}", "--data", "{data}", told=True),
    # A worker that is told to end before it can hear it (gunicorn loses the signal then) is ended by the master, soon.
    "gunicorn": server(drive.gunicorn_client, "-m", "gunicorn", "--workers", "4", "--threads", "4", "--graceful-timeout", "5",
                       "--bind", "127.0.0.1:{port}", "--chdir", "{application}", "wsgi_app:app"),
    "uvicorn": server(drive.uvicorn_client, "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--app-dir",
                      "{application}", "asgi_app:app"),
    "multiprocessing": job("multiprocessing_job.py"),
    "pip": Workload([*INSTALL, "--no-cache-dir", "--no-index", "{wheels}/fetcher-0.4.2-py3-none-any.whl"],
                    [*INSTALL, "--cache-dir", "{data}/cache", "--index-url", "http://127.0.0.1:{pages}/simple", "--upgrade",
                     "--no-compile", "--report", "{data}/report.json", "--log", "{data}/log", "wirelog", "deploytool"],
                    [*INSTALL, "--no-cache-dir", "--no-index", "--no-build-isolation", "{projects}/large"], stops=True),
    "numpy": job("numpy_job.py"),
    "lxml": job("lxml_job.py"),
    "requests": job("requests_job.py", "{pages}"),
    "pytest": Workload([*PYTEST, "-k", "not (rearrange or new_)", "--pyargs", "toolz.tests.test_itertoolz",
                        "toolz.tests.test_curried_doctests", "dulwich.tests.test_object_store", "dulwich.tests.test_reflog"],
                       [*PYTEST, "-k", "not new_", "--junitxml", "{data}/report.xml", "--pyargs", *OWN_SUITES],
                       [*PYTEST, "-k", "new_"]),
}
