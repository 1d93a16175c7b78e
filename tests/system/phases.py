# SPDX-License-Identifier: Apache-2.0
"""The switch to the serving phase: by itself, by READY=1, per process of a prefork server, and what cannot be had.

Usage: phases.py [--as-user]. The policy lets the application start programs in init only; what /exec answers shows the phase.
"""

import argparse
import http.client
import os
import shutil
import signal
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402

PYTHON = "/usr/bin/python3.11"
POLICY = """version: 1
mode: enforce
libraries:
  application:
    grant: { init: { caller: ["@exec", "@process"] }, caller: ["@net-out"] }
    functions: { "@process": ["server.work", "server.end_all"] }
%s"""


class Setting:
    def __init__(self, account):
        self.account = account
        self.work = os.path.join(harness.WORK, "phases" + account.suffix)
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(os.path.join(HERE, "phases"), os.path.join(self.work, "application"))
        account.own(self.work)
        self.runs = 0

    def policy(self, phases=""):
        path = os.path.join(self.work, f"policy-{self.runs}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(POLICY % phases)
        return path

    def serve(self, *arguments, phases="", flags=(), environment=()):
        """The server under its policy."""
        self.runs += 1
        self.events = os.path.join(self.work, f"events-{self.runs}.jsonl")
        port = harness.free_port()
        argv = [harness.libguard_binary(), "run", "--policy", self.policy(phases), "--events", self.events, *flags, "--app",
                os.path.join(self.work, "application"), "--", PYTHON, os.path.join(self.work, "application", "server.py"),
                str(port), *arguments]
        return harness.Service(argv, self.account, self.work, os.path.join(self.work, f"log-{self.runs}"), port,
                               {**self.account.environment(self.work), **dict(environment)})


def ask(service, path):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def wait_for_phases(setting, count, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        events = [event for event in harness.read_all_events(setting.events) if event["kind"] == "phase"]
        if len({event["pid"] for event in events}) >= count:
            return events
        time.sleep(0.05)
    raise AssertionError(f"{count} processes should serve after {seconds} s: {harness.read_all_events(setting.events)[-3:]}")


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


def quiescence(setting):
    service = setting.serve(phases="phases: { serving: { starts: quiescence } }")
    try:
        wait_for_phases(setting, 1)
        expect("program while serving", ask(service, "/exec"), "refused 1")
    finally:
        service.stop()
    with open(service.log, encoding="utf-8") as log:
        expect("program before serving", "before serving: started 0" in log.read(), True)


def flag_over_policy(setting):
    service = setting.serve("--busy", "2.5", phases="phases: { serving: { starts: quiescence } }", flags=["--phases", "listen:1"])
    try:
        begun = time.monotonic()
        wait_for_phases(setting, 1)
        expect("switched while it was busy", time.monotonic() - begun < 2.4, True)
    finally:
        service.stop()


def ready(setting):
    name = f"\0libguard-phases-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(15)
        service = setting.serve("--ready", flags=["--phases", "ready"], environment={"NOTIFY_SOCKET": "@" + name[1:]}.items())
        try:
            expect("program before READY=1", ask(service, "/exec"), "started 0")
            expect("what the service manager heard", manager.recv(100), b"READY=1\nSTATUS=serving")
            wait_for_phases(setting, 1)
            expect("program after READY=1", ask(service, "/exec"), "refused 1")
        finally:
            service.stop()


def prefork(setting):
    """The master stays in init, so that the next worker can start as the first ones did."""
    phases = "phases: { init: { masters: [server.py] }, serving: { starts: quiescence } }"
    service = setting.serve("--workers", "3", phases=phases)
    try:
        pids = {event["pid"] for event in wait_for_phases(setting, 3)}
        expect("program in a worker", ask(service, "/exec"), "refused 1")
        first = int(ask(service, "/pid"))
        expect("who answers is a worker", first in pids, True)
        os.kill(first, signal.SIGKILL)
        wait_for_phases(setting, 4)
        for _ in range(8):
            expect("program in any worker", ask(service, "/exec"), "refused 1")
    finally:
        service.stop()
    with open(service.log, encoding="utf-8") as log:
        expect("workers that started in init", log.read().count("worker before serving: started 0"), 4)


def told_only(setting):
    service = setting.serve()
    try:
        time.sleep(1.5)
        expect("program while nobody said anything", ask(service, "/exec"), "started 0")
    finally:
        service.stop()


def refused_at_start(setting):
    for phases, flags, message in (("phases: { serving: { starts: 'function:server+0x' } }", [], "no function is named by 'server+0x'"),
                                   ("", ["--phases", "quiet"], "unknown start of the serving phase 'quiet'")):
        setting.runs += 1
        argv = [harness.libguard_binary(), "run", "--policy", setting.policy(phases), *flags, "--app",
                os.path.join(setting.work, "application"), "--", "/bin/true"]
        code, out, err = harness.run(argv, setting.account, setting.work)
        expect(f"exit status of {message}", code, 125)
        expect("message", message in err and "hint: " in err, True)


CASES = [quiescence, flag_over_policy, ready, prefork, told_only, refused_at_start]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-user", action="store_true", help="if root: run as an ordinary user")
    setting = Setting(harness.Account(parser.parse_args().as_user))
    failed = 0
    for case in CASES:
        try:
            case(setting)
            print(f"ok      {case.__name__}")
        except (AssertionError, OSError, harness.Broken) as error:
            failed += 1
            print(f"FAILED  {case.__name__}: {error}")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
