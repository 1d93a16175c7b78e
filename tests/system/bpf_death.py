# SPDX-License-Identifier: Apache-2.0
"""The supervisor is killed: what the kernel refused it goes on refusing, and what notify refused is not open.

Usage: bpf_death.py [--expect MECHANISM]. Needs root. The guarded program waits, the supervisor gets SIGKILL, then the
program tries denied calls in itself, in a thread and in a child. Pins must be there while it lives and go with the next
guard.
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
print("waiting", flush=True)
while os.getppid() == supervisor:
    time.sleep(0.05)
time.sleep(0.2)
after = [attempt(lambda: socket.socket(socket.AF_UNIX).close()) for _ in range(100)]
notified = attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, 1))
json.dump({"before": before, "after": sorted(set(after)), "notified": notified}, result)
result.close()
time.sleep(0.5)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--expect", choices=["lsm", "fmod_ret"])
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    work = os.path.join(harness.WORK, "bpf-death")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "application"))
    for name, text in (("application/main.py", PROGRAM), ("policy.yaml", POLICY)):
        with open(os.path.join(work, name), "w", encoding="utf-8") as file:
            file.write(text)
    told, pinned = run(work, os.path.join(work, "result.json"))
    print(f"  before {told['before']}, after the supervisor's end {told['after']}, notified {told['notified']}, pinned {pinned}")
    wrong = told["before"] != "EPERM" or "done" in told["after"] or told["notified"] == "done"
    wrong |= bool(arguments.expect) and (not pinned or told["after"] != ["EPERM"])
    time.sleep(1.5)
    harness.run([harness.libguard_binary(), "run", "--policy", os.path.join(work, "policy.yaml"), "--app",
                 os.path.join(work, "application"), "--", "/bin/true"], harness.Account(as_user=False), work)
    left = os.listdir(PINS) if os.path.isdir(PINS) else []
    print(f"  left below {PINS} after the next guard: {left}")
    print("bpf_death: " + ("failed" if wrong or left else "closed"))
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
