# SPDX-License-Identifier: Apache-2.0
"""Prints requests per second of real servers, guarded over unguarded, and the calls judged for each request.

Usage: servers.py [--only NAME,...] [--rounds N] [--requests N] [--clients N] [--as-user]
Both servers of a pair run at the same time and are asked in turns: one is idle while the other is measured. The policy
is made by `policy new` from a recording of the same requests. Calls per request come from `libguard run --summary`.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import statistics
import sys
import time

import pair
from pair import harness

import nothing_broken  # noqa: E402  (found beside harness)

BODY = b"x" * 200
# Server: (arguments of the interpreter, what is asked for: name -> (method, path, body)).
FLASK_PAGES = {"page": ("GET", "/?count=5", None), "database": ("GET", "/entries", None)}
SERVERS = {
    "flask": (["-m", "flask", "--app", "{application}/wsgi_app.py", "run", "--host", "127.0.0.1", "--port", "{port}"],
              FLASK_PAGES),
    "gunicorn": (["-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}", "--chdir", "{application}", "wsgi_app:app"],
                 FLASK_PAGES),
    "uvicorn": (["-m", "uvicorn", "--log-level", "warning", "--host", "127.0.0.1", "--port", "{port}", "--app-dir",
                 "{application}", "asgi_app:app"],
                {"page": ("GET", "/?name=you", None), "upload": ("POST", "/upload", BODY)}),
}


def send(port, method, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400:
            raise harness.Broken(f"{method} {path}: {answer.status}")
    finally:
        connection.close()


def requests_per_second(port, question, count, clients=2):
    begin = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as executor:
        for _ in executor.map(lambda _: send(port, *question), range(count)):
            pass
    return count / (time.perf_counter() - begin)


class Bench(nothing_broken.Setting):
    """Starts the servers of the workloads' environment."""

    def start(self, name, which, before=()):
        data = os.path.join(self.work, f"bench-{name}-{which}")
        os.makedirs(data, exist_ok=True)
        self.account.own(data)
        port = harness.free_port()
        names = {"application": os.path.join(self.work, "application"), "port": port}
        argv = [*before, os.path.join(self.venv, "bin", "python"), *(word.format(**names) for word in SERVERS[name][0])]
        environment = {**self.account.environment(self.work), "WORKLOAD_DATA": data, "TMPDIR": self.temporary}
        return harness.Service(argv, self.account, self.work, data + ".log", port, environment)

    def file(self, name, key):
        return os.path.join(self.work, f"bench-{name}-{key}")

    def under_policy(self, name, summary):
        return [harness.libguard_binary(), "run", "--quiet", "--policy", self.file(name, "policy.yaml"), "--mode", "enforce",
                "--events", self.file(name, "events.jsonl"), "--summary", summary, "--app",
                os.path.join(self.work, "application"), "--"]

    def learn(self, name):
        tool, profile, policy = harness.libguard_binary(), self.file(name, "profile.json"), self.file(name, "policy.yaml")
        service = self.start(name, "learn", [tool, "record", "--quiet", "-o", profile, "--app",
                                             os.path.join(self.work, "application"), "--"])
        for question in SERVERS[name][1].values():
            for _ in range(5):
                send(service.port, *question)
        service.stop()
        code, out, err = harness.run([tool, "policy", "new", profile, "-o", policy], self.account, self.work)
        if code != 0:
            raise harness.Broken(f"policy new: {(out + err).strip()[-300:]}")

    def counters(self, name, question, count):
        """What one guarded server's life counts for `count` requests."""
        summary = self.file(name, "summary.json")
        service = self.start(name, "count", self.under_policy(name, summary))
        for _ in range(count):
            send(service.port, *question)
        service.stop()
        with open(summary, encoding="utf-8") as file:
            return json.load(file)["counters"]

    def calls_per_request(self, name, question, count):
        """(notified, judged) calls of one request: a long life less a short one."""
        little, much = (self.counters(name, question, n) for n in (5, 5 + count))
        return [(much.get(key, 0) - little.get(key, 0)) / count for key in ("calls", "judged")]

    def compare(self, name, rounds, count, clients):
        """For each question the pairs (unguarded, guarded) of requests per second."""
        plain = self.start(name, "plain")
        guarded = self.start(name, "guarded", self.under_policy(name, self.file(name, "end.json")))
        answers = {}
        try:
            for key, question in SERVERS[name][1].items():
                for service in (plain, guarded):
                    requests_per_second(service.port, question, max(4, count // 4), clients)  # warm
                answers[key] = []
                for turn in range(rounds):
                    order = (plain, guarded) if turn % 2 else (guarded, plain)
                    speeds = {service: requests_per_second(service.port, question, count, clients) for service in order}
                    answers[key].append((speeds[plain], speeds[guarded]))
        finally:
            plain.stop()
            guarded.stop()
        return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="servers, joined by commas")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=150, help="of one round")
    parser.add_argument("--clients", type=int, default=2, help="at a time")
    parser.add_argument("--as-user", action="store_true", help="if root: run everything as an ordinary user")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(SERVERS)
    bench = Bench(harness.Account(options.as_user), None)
    print("| server | request | guarded ÷ unguarded (median of rounds) | quartiles | notified calls per request | judged |")
    print("|---|---|---|---|---|---|")
    for name in names:
        bench.learn(name)
        answers = bench.compare(name, options.rounds, options.requests, options.clients)
        for key, question in SERVERS[name][1].items():
            ratios = sorted(guarded / plain for plain, guarded in answers[key])
            low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
            notified, judged = bench.calls_per_request(name, question, min(100, options.requests))
            print(f"| {name} | {key} | {statistics.median(ratios):.2f} | {low:.2f}–{high:.2f} | {notified:.1f} | "
                  f"{judged:.1f} |", flush=True)
        refused = harness.read_events(bench.file(name, "events.jsonl"))
        if refused:
            raise harness.Broken(f"{name}: refused: {harness.tell_event(refused[0])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
