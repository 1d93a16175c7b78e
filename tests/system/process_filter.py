# SPDX-License-Identifier: Apache-2.0
"""The filter that a process puts on itself when it begins to serve, and named functions as that moment; as an ordinary user.

Usage: process_filter.py [--as-user] [CASE…]. Lists are learned from a run; whatever is not on them kills. What a call answers,
and how the process ends, shows who refused: SIGSYS is the kernel, with or without a supervisor.
"""

import argparse
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402
from phases import expect, wait_for_phases  # noqa: E402

NR = {"getpid": 39, "prctl": 157, "getpriority": 140, "execve": 59, "setuid": 105, "ptrace": 101, "unlink": 87, "sendmsg": 46,
      "seccomp": 317, "fork": 57, "getppid": 110}
ACTIONS = '\nactions: { default: kill, "@exec": deny, "@privilege": deny }\n'
LG_PRCTL, MARKER_PHASE = 0x4c47, 8


class Setting:
    def __init__(self, account):
        self.account = account
        self.work = os.path.join(harness.WORK, "process-filter" + account.suffix)
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        self.server, self.library = os.path.join(self.work, "server"), os.path.join(self.work, "late.so")
        self.static = os.path.join(self.work, "static-server")
        account.own(self.work)
        self.runs, self.policies, self.services = 0, {}, []

    def build(self):
        build = ["cc", "-O2", "-rdynamic", "-o", self.server, os.path.join(HERE, "phases", "native.c"), "-pthread", "-ldl"]
        subprocess.run(build, check=True)
        subprocess.run(["cc", "-O2", "-static", "-DSTATIC", "-o", self.static, os.path.join(HERE, "phases", "native.c"), "-pthread"],
                       check=True)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", self.library, os.path.join(HERE, "phases", "late.c")], check=True)
        self.account.own(self.work)

    def path(self, name):
        return os.path.join(self.work, f"{name}-{self.runs}")

    def service(self, argv, port, environment=()):
        self.events = self.path("events")
        self.services.append(harness.Service(argv, self.account, self.work, self.path("log"), port, {
            **self.account.environment(self.work), "LIBGUARD_EVENTS": self.events, **dict(environment)}))
        return self.services[-1]

    def stop_all(self):
        """What a case that failed has left behind."""
        for service in self.services:
            if service.process.poll() is None:
                service.stop()
        self.services.clear()

    def learned(self, server):
        """The policy of a run that makes some harmless calls."""
        if server not in self.policies:
            self.runs += 1
            port, profile, policy = harness.free_port(), self.path("profile"), self.path("policy")
            service = self.service([harness.libguard_binary(), "record", "--everyday", "--phases", "quiescence", "--backend", "notify",
                                    "--app", self.work, "-o", profile, "--", server, str(port), "rehearse",
                                    self.library], port)
            wait_for_phases(self, 1)
            expect("a call while recording", call(port, "getpid") > 0, True)
            expect("sendmsg while recording", call(port, "sendmsg", -1, 0, 0), -errno.EBADF)
            service.stop()
            self.policies[server] = self.make_policy(profile, policy)
        return self.policies[server]

    def make_policy(self, profile, policy, *flags, actions=ACTIONS):
        code, _, err = harness.run([harness.libguard_binary(), "policy", "new", profile, *(flags or ["--calls"]), "-o", policy],
                                   self.account, self.work)
        if code != 0:
            raise harness.Broken(f"policy new: {err}")
        with open(policy, "a", encoding="utf-8") as file:
            file.write(actions)
        return policy

    def guarded(self, *arguments, starts="quiescence", server=None):
        """The victim under its lists; once it serves."""
        service = self.begun(*arguments, starts=starts, server=server)
        wait_for_phases(self, 1)
        wait_for_filter(self, 1)
        return service

    def begun(self, *arguments, starts, server=None):
        """The same before it serves."""
        server = server or self.server
        if not os.path.exists(self.server):
            self.build()
        policy = self.learned(server)
        self.runs += 1
        port = harness.free_port()
        return self.service([harness.libguard_binary(), "run", "--policy", policy, "--phases", starts, "--app", self.work, "--",
                             server, str(port), *arguments], port)


def facts(setting):
    return [event for event in harness.read_all_events(setting.events) if event["kind"] == "filter"]


def wait_for_filter(setting, count, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if len(facts(setting)) >= count:
            return facts(setting)
        time.sleep(0.05)
    raise AssertionError(f"{count} filters should be told of: {harness.read_all_events(setting.events)[-4:]}")


def call(port, name, *arguments):
    """The result; None if nobody answered: the process was killed."""
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.settimeout(10)
        client.sendall(" ".join([str(NR[name]), *map(str, arguments)]).encode() + b"\n")
        try:
            answer = client.recv(100)
        except ConnectionResetError:
            answer = b""
    return int(answer) if answer.strip() else None


def filters_of(pid):
    """How many filters each thread is under."""
    counts = set()
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status", encoding="ascii", errors="replace") as file:
            counts.add(int(re.search(r"Seccomp_filters:\s*(\d+)", file.read()).group(1)))
    return counts


def own_filters():
    return max(filters_of(os.getpid()))


def serving_pid(setting):
    return [event["pid"] for event in harness.read_all_events(setting.events) if event["kind"] == "phase"][0]


def ends_with(process, wanted):
    expect("exit status", process.wait(15), wanted)


def kernel_kills(setting):
    """All threads are under it; a call that is not on the list ends the process by SIGSYS, and that is told."""
    service = setting.guarded()
    try:
        pid = serving_pid(setting)
        expect("filters of all threads", filters_of(pid), {own_filters() + 2})
        expect("a call on the list", call(service.port, "getpid"), pid)
        expect("sendmsg", call(service.port, "sendmsg", -1, 0, 0), -errno.EBADF)
        expect("execve, which the policy only denies", call(service.port, "execve", "@/bin/true", 0, 0), -errno.EPERM)
        expect("a call of the start", call(service.port, "getpriority", 0, 0), None)
        ends_with(service.process, 128 + signal.SIGSYS)
    finally:
        service.stop()
    expect("what was told", [event["message"] for event in facts(setting)], ["on", "ended the process (SIGSYS)"])
    with open(service.log, encoding="utf-8") as log:
        expect("lines about it", len(re.findall(r"libguard: process \d+ serves: by a filter of its own \d+ calls end it", log.read())), 1)


def static_binary(setting):
    """No client in it: the filter is put on all the same."""
    service = setting.guarded(server=setting.static)
    try:
        pid = serving_pid(setting)
        expect("filters of all threads", filters_of(pid), {own_filters() + 2})
        expect("a call on the list", call(service.port, "getpid"), pid)
        expect("a call of the start", call(service.port, "getpriority", 0, 0), None)
        ends_with(service.process, 128 + signal.SIGSYS)
    finally:
        service.stop()


def without_supervisor(setting):
    """The kernel goes on where the supervisor is dead: kill by the process' own filter, ENOSYS for what was judged."""
    service = setting.guarded()
    pid = serving_pid(setting)
    descriptor = os.pidfd_open(pid)
    try:
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait()
        expect("a call on the list", call(service.port, "getpid"), pid)
        expect("execve", call(service.port, "execve", "@/bin/true", 0, 0), -errno.ENOSYS)
        expect("a call of the start", call(service.port, "getpriority", 0, 0), None)
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            expect("how it ended", int(file.read().split()[-1]) & 0x7f, signal.SIGSYS)
    except FileNotFoundError:
        pass  # somebody has reaped it: that it is gone is what counts
    finally:
        try:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(descriptor)
        service.stop()


def no_way_back(setting):
    """What hostile code in the process tries to get out of it, or to weaken it."""
    service = setting.guarded()
    try:
        pid = serving_pid(setting)
        expect("a marker call: back to init", call(service.port, "prctl", LG_PRCTL, MARKER_PHASE, 0, 0, 0), -errno.EPERM)
        expect("a marker call: forward, from elsewhere", call(service.port, "prctl", LG_PRCTL, MARKER_PHASE, 1, 0, 0), -errno.EPERM)
        expect("still under it", filters_of(pid), {own_filters() + 2})
        expect("setuid", call(service.port, "setuid", 0), -errno.EPERM)
        expect("a filter on top", call(service.port, "seccomp", 1, 0, 0), -errno.EPERM)
        expect("unlink", call(service.port, "unlink", "@/nonexistent"), None)
        ends_with(service.process, 128 + signal.SIGSYS)
    finally:
        service.stop()


def avoided(setting):
    """Processes that cannot be made to put it on: told, and judged by the supervisor as before."""
    for mode, reason in (("thread-filter", "has a seccomp filter of its own"), ("undumpable", "cannot stop a thread|no instruction")):
        if mode == "undumpable" and not setting.account.entry and os.geteuid() == 0:
            continue  # root's supervisor can
        service = setting.guarded(mode, starts="quiescence")
        try:
            pid = serving_pid(setting)
            told = facts(setting)[0]["message"]
            expect(f"{mode}: {told}", bool(re.search(reason, told)) and told.startswith("not on: "), True)
            expect(f"{mode}: execve", call(service.port, "execve", "@/bin/true", 0, 0), -errno.EPERM)
            expect(f"{mode}: a call on the list", call(service.port, "getpid"), pid)
            expect(f"{mode}: a call of the start", call(service.port, "getpriority", 0, 0), None)
            ends_with(service.process, 128 + signal.SIGKILL)
        finally:
            service.stop()


def told(setting):
    """By the program's own word, which needs no language runtime, and from outside."""
    for arguments in (["tells"], []):
        service = setting.begun(*arguments, starts="listen:99999")
        try:
            pid = call(service.port, "getpid")
            if not arguments:
                expect("a call of the start", call(service.port, "getpriority", 0, 0), 20)
                code, _, err = harness.run([harness.libguard_binary(), "phase", str(pid), "serving"], setting.account, setting.work)
                expect(f"libguard phase: {err}", code, 0)
            wait_for_filter(setting, 1)
            expect("who serves", serving_pid(setting), pid)
            expect("filters of all threads", filters_of(pid), {own_filters() + 2})
            expect("a call of the start", call(service.port, "getpriority", 0, 0), None)
            ends_with(service.process, 128 + signal.SIGSYS)
        finally:
            service.stop()


def by_function(setting):
    """The process serves from the first call of a function on, several threads at once; also one that comes by dlopen."""
    address = subprocess.run(["nm", "-D", setting.server], check=True, capture_output=True, text=True).stdout
    offset = next(line.split()[0] for line in address.splitlines() if line.endswith(" begin_to_serve"))
    for arguments, starts in (([], "function:begin_to_serve"), ([], f"function:server+0x{int(offset, 16):x}"),
                              (["late", setting.library], "function:late.so:late_begin")):
        service = setting.guarded(*arguments, starts=starts)
        try:
            pid = serving_pid(setting)
            expect("filters of all threads", filters_of(pid), {own_filters() + 2})
            for _ in range(6):
                expect("an answer", call(service.port, "getpid"), pid)
            expect("a call of the start", call(service.port, "getpriority", 0, 0), None)
            ends_with(service.process, 128 + signal.SIGSYS)
        finally:
            service.stop()


CASES = [kernel_kills, static_binary, without_supervisor, no_way_back, avoided, told, by_function]


def main(all_cases):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-user", action="store_true", help="if root: run as an ordinary user")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    setting = Setting(harness.Account(options.as_user))
    failed, cases = 0, [case for case in all_cases if not options.cases or case.__name__ in options.cases]
    for case in cases:
        try:
            case(setting)
            print(f"ok      {case.__name__}")
        except (AssertionError, OSError, harness.Broken, subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED  {case.__name__}: {error!r}")
        finally:
            setting.stop_all()
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(CASES))
