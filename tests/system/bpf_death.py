# SPDX-License-Identifier: Apache-2.0
"""The supervisor is killed: what the kernel refused it goes on refusing, and what notify refused is not open.

Usage: bpf_death.py [--expect MECHANISM]. Needs root. The guarded program waits, the supervisor gets SIGKILL, then the
program tries denied calls in itself, in a thread and in a child. Pins must be there while it lives and go with the next
guard. With --expect `status` must name what the kernel judges; another supervisor takes over, is killed too, and a third;
`status` must tell it, events must come of each, and `end` must leave nothing. A guard whose supervisor lives is ended as
well.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

PYTHON = "/usr/bin/python3.11"
PINS = "/sys/fs/bpf/libguard"
PROGRAM = '''
import errno, json, os, socket, sys, time

def attempt(work):
    try:
        work()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

result = open(sys.argv[1], "w")
supervisor = os.getppid()
before = attempt(lambda: socket.socket(socket.AF_UNIX).close())
unpinned = attempt(lambda: os.unlink(f"/sys/fs/bpf/libguard/{supervisor}/processes"))
print("waiting", flush=True)
while os.getppid() == supervisor:
    time.sleep(0.05)
time.sleep(0.2)
after = [attempt(lambda: socket.socket(socket.AF_UNIX).close()) for _ in range(100)]
notified = attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, 1))
json.dump({"before": before, "unpinned": unpinned, "after": sorted(set(after)), "notified": notified}, result)
result.close()
time.sleep(0.5)
'''
# Tries for ever; a line for each second answer, so that somebody can see that nothing changes.
RESTLESS = '''
import errno, socket, sys, time

while True:
    try:
        socket.socket(socket.AF_UNIX).close()
        answer = "done"
    except OSError as error:
        answer = errno.errorcode[error.errno]
    print(answer, flush=True)
    time.sleep(0.02)
'''
POLICY = """
version: 1
mode: enforce
libraries:
  application: { grant: ["@file-write"], deny: ["socket:unix", "setpriority"] }
"""


def run(work, result):
    """Starts the program under a guard, kills the supervisor; what the program told."""
    argv = [harness.libguard_binary(), "run", "--policy", os.path.join(work, "policy.yaml"), "--app",
            os.path.join(work, "application"), "--quiet", "--", PYTHON, os.path.join(work, "application", "main.py"), result]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as supervisor:
        line = supervisor.stdout.readline()
        pinned = os.path.isdir(os.path.join(PINS, str(supervisor.pid)))
        supervisor.send_signal(signal.SIGKILL)
        if line.strip() != "waiting":
            raise harness.Broken(f"the program did not start: {line!r}")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if os.path.exists(result) and os.path.getsize(result):
            with open(result, encoding="utf-8") as file:
                return json.load(file), pinned
        time.sleep(0.1)
    raise harness.Broken("the program told nothing after its supervisor's end")


LOADS_PROGRAMS = 1 << 21 | 1 << 38 | 1 << 39 | 1 << 16  # CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF, CAP_SYS_MODULE
READS_PROCESSES = 1 << 19  # CAP_SYS_PTRACE


def capabilities(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))


class Restless:
    """A guarded program that tries a denied call again and again, and who supervises it."""

    def __init__(self, work):
        self.events = os.path.join(work, "restless.jsonl")
        application = os.path.join(work, "application")
        argv = [harness.libguard_binary(), "run", "--policy", os.path.join(work, "policy.yaml"), "--app", application, "--quiet",
                "--events", self.events, "--", PYTHON, os.path.join(application, "restless.py")]
        self.run = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.supervisor = self.run
        self.answers()
        self.program = self.status()["program"]

    def answers(self, count=20):
        """The next answers."""
        return {self.run.stdout.readline().strip() for _ in range(count)}

    def status(self):
        out = subprocess.run([harness.libguard_binary(), "status", "--json"], capture_output=True, text=True, check=True).stdout
        mine = [guard for guard in json.loads(out) if guard["events"] == self.events]
        if len(mine) != 1:
            raise harness.Broken(f"status tells of {len(mine)} guards: {out}")
        return mine[0]

    def adopt(self):
        """A new supervisor; once it has announced itself."""
        self.supervisor = subprocess.Popen([harness.libguard_binary(), "adopt", "--quiet", str(self.program)])
        end = time.monotonic() + 60
        while time.monotonic() < end and self.supervisor.poll() is None:
            if os.path.exists(f"/run/libguard/{self.supervisor.pid}.json"):
                return
            time.sleep(0.1)
        raise harness.Broken(f"nobody took over: {self.supervisor.poll()}")

    def kill(self):
        self.supervisor.send_signal(signal.SIGKILL)
        self.supervisor.wait()

    def told(self):
        """Events that came since the last time; waits for one."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if os.path.exists(self.events) and os.path.getsize(self.events):
                events = harness.read_events(self.events)
                open(self.events, "w", encoding="utf-8").close()
                return {event["right"]["name"] for event in events if "right" in event}
            time.sleep(0.1)
        return set()

    def end(self):
        """`libguard end`: its exit status, and what is left of program and supervisor."""
        ended = subprocess.run([harness.libguard_binary(), "end", str(self.program)], check=False).returncode
        deadline = time.monotonic() + 20
        while os.path.exists(f"/proc/{self.program}") and time.monotonic() < deadline:
            time.sleep(0.1)
        return ended, os.path.exists(f"/proc/{self.program}"), self.supervisor.wait(timeout=20)


def check_lifetime(work, expected):
    """Lines that say what is wrong."""
    if expected:
        restless = Restless(work)
        in_kernel = restless.status()["in_kernel"]
        print(f"  in the kernel: {len(in_kernel)} rights")
        if "socket:unix" not in in_kernel or "socket:inet" in in_kernel:
            yield f"status tells of {in_kernel}"
        for turn in range(2):
            restless.told()
            restless.kill()
            answers, status = restless.answers(), restless.status()
            print(f"  {turn}: supervisor killed: {answers}, abandoned {status['abandoned']}")
            if answers != {"EPERM"} or not status["abandoned"]:
                yield f"turn {turn}: {answers}, status {status}"
            restless.told()
            restless.adopt()
            told, status = restless.told(), restless.status()
            if told != {"socket:unix"} or status["abandoned"] or status["supervisor"] != restless.supervisor.pid:
                yield f"turn {turn}: adopted: told {told}, status {status}"
        if restless.answers() != {"EPERM"}:
            yield "refused no more after two supervisors"
        outcome = restless.end()
        print(f"  end of the adopted guard: {outcome}")
        if outcome != (0, False, 0):
            yield f"end of an adopted guard: {outcome}"
        restless = Restless(work)
        restless.kill()
        outcome = restless.end()
        print(f"  end of the abandoned guard: {outcome}")
        if outcome[:2] != (0, False):
            yield f"end of an abandoned guard: {outcome}"
    restless = Restless(work)
    left, kept = capabilities(restless.run.pid), capabilities(restless.program)
    print(f"  capabilities of the supervisor {left:x}, of the program {kept:x}")
    if left & LOADS_PROGRAMS or not left & READS_PROCESSES or kept != capabilities(os.getpid()):
        yield f"capabilities: supervisor {left:x}, program {kept:x}"
    outcome = restless.end()
    print(f"  end of a supervised guard: {outcome}")
    if outcome != (0, False, 128 + signal.SIGKILL):
        yield f"end of a supervised guard: {outcome}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--expect", choices=["lsm", "override", "fmod_ret"])
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    work = os.path.join(harness.WORK, "bpf-death")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "application"))
    for name, text in (("application/main.py", PROGRAM), ("application/restless.py", RESTLESS), ("policy.yaml", POLICY)):
        with open(os.path.join(work, name), "w", encoding="utf-8") as file:
            file.write(text)
    told, pinned = run(work, os.path.join(work, "result.json"))
    print(f"  before {told['before']}, after the supervisor's end {told['after']}, notified {told['notified']}, pinned {pinned}, unlink of a pin {told['unpinned']}")
    wrong = told["before"] != "EPERM" or "done" in told["after"] or told["notified"] == "done"
    wrong |= told["unpinned"] != ("EPERM" if arguments.expect else "ENOENT")
    wrong |= bool(arguments.expect) and (not pinned or told["after"] != ["EPERM"])
    time.sleep(1.5)
    harness.run([harness.libguard_binary(), "run", "--policy", os.path.join(work, "policy.yaml"), "--app",
                 os.path.join(work, "application"), "--", "/bin/true"], harness.Account(as_user=False), work)
    lines = [*check_lifetime(work, arguments.expect)]
    for line in lines:
        print("FAIL  " + line)
    wrong |= bool(lines)
    left = os.listdir(PINS) if os.path.isdir(PINS) else []
    print(f"  left below {PINS} after the next guard: {left}")
    print("bpf_death: " + ("failed" if wrong or left else "closed"))
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
