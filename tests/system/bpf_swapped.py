# SPDX-License-Identifier: Apache-2.0
"""A program whose memory is swapped out all the time is judged as any other: the kernel waits for what it cannot read.

Usage: bpf_swapped.py [--expect MECHANISM]. Needs root, and /dev/zram0 to swap to: see tests/vm. While the program asks for sockets
from a deep stack, another process has its pages written out over and over. What is granted must all succeed, what is denied must all be
refused. --expect lsm: the kernel refuses, and calls must have been judged again; override or fmod_ret, which cannot wait: notify refuses.
Under detect nothing waits, but what was written out once must be back soon.
"""

import argparse
import ctypes
import json
import os
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

PYTHON = "/usr/bin/python3.11"
SECONDS = 4
LATE = 40  # calls until what is away is back
SWAP, SWAP_BYTES = "/dev/zram0", 256 << 20
PROCESS_MADVISE, MADV_PAGEOUT = 440, 21
PROGRAM = '''
import json, os, socket, sys, time

def asks(answers):
    try:
        socket.socket(socket.AF_UNIX).close()
        answers["done"] += 1
    except PermissionError:
        answers["refused"] += 1

def deep(depth, answers):  # most of these frames are not touched while the innermost asks
    if depth:
        return deep(depth - 1, answers)
    end = time.monotonic() + float(sys.argv[3])
    while time.monotonic() < end:
        asks(answers)
        time.sleep(0.005)

answers = {"done": 0, "refused": 0}
with open(sys.argv[2] + ".part", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[2] + ".part", sys.argv[2])
deep(150, answers)
json.dump(answers, open(sys.argv[1], "w"))
'''
POLICY = """
version: 1
mode: enforce
libraries:
  application: {{ grant: ["@file-write", "@local-socket"]{deny} }}
"""


class Pager:
    """Writes the memory of a process out to the swap device."""

    def __init__(self, pid):
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        self.syscall = ctypes.CDLL(None, use_errno=True).syscall
        self.written_out = 0

    def ranges(self):
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as maps:
            for line in maps:
                words = line.split()
                low, high = (int(end, 16) for end in words[0].split("-"))
                if words[1].startswith("rw") and (len(words) < 6 or words[5] in ("[heap]", "[stack]")):
                    yield low, high - low

    def write_out(self):
        for at, size in self.ranges():
            vector = ctypes.create_string_buffer(struct.pack("QQ", at, size))
            done = self.syscall(PROCESS_MADVISE, self.pidfd, vector, 1, MADV_PAGEOUT, 0)
            self.written_out += max(done, 0)


def run(argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def swap_on():
    if not os.path.exists(SWAP):
        raise harness.Broken(f"no {SWAP}: run this in a machine of tests/vm")
    with open(f"/sys/block/{os.path.basename(SWAP)}/disksize", "w", encoding="utf-8") as size:
        size.write(str(SWAP_BYTES))
    run(["mkswap", SWAP])
    run(["swapon", SWAP])


def run_guarded(work, name, deny, mode="enforce"):
    """(answers of the program, counters, bytes written out). Under detect it is written out once only."""
    names = {key: os.path.join(work, f"{name}.{key}") for key in ("yaml", "answers", "pid", "summary")}
    with open(names["yaml"], "w", encoding="utf-8") as policy:
        policy.write(POLICY.format(deny=deny))
    argv = [harness.libguard_binary(), "run", "--quiet", "--mode", mode, "--backend", "auto", "--policy", names["yaml"], "--summary", names["summary"],
            "--app", os.path.join(work, "application"), "--", PYTHON, os.path.join(work, "application", "main.py"),
            names["answers"], names["pid"], str(SECONDS)]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as guard:
        end = time.monotonic() + 60
        while not os.path.exists(names["pid"]):
            if guard.poll() is not None or time.monotonic() > end:
                raise harness.Broken(f"{name}: the program did not start")
            time.sleep(0.02)
        with open(names["pid"], encoding="utf-8") as file:
            pager = Pager(int(file.read()))
        while guard.poll() is None and not os.path.exists(names["answers"]):
            try:
                pager.write_out()
            except OSError:  # it ended
                break
            if mode == "detect":
                break
        if guard.wait(60) != 0:
            raise harness.Broken(f"{name}: code {guard.returncode}")
    with open(names["answers"], encoding="utf-8") as answers, open(names["summary"], encoding="utf-8") as summary:
        return json.load(answers), json.load(summary)["counters"], pager.written_out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--expect", choices=["lsm", "override", "fmod_ret"], default="lsm")
    options = parser.parse_args()
    work = os.path.join(harness.WORK, "bpf-swapped")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "application"))
    with open(os.path.join(work, "application", "main.py"), "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    swap_on()
    wrong = []
    for name, deny, right, other in (("granted", "", "done", "refused"), ("denied", ', deny: ["socket:unix"]', "refused", "done")):
        answers, counters, written_out = run_guarded(work, name, deny)
        print(f"  {name}: {answers}, {written_out >> 20} MiB written out, unread {counters.get('kernel_faults', 0)}, "
              f"judged again {counters.get('kernel_second_looks', 0)}, refused by hooks {counters.get('kernel_refused_by_hooks', 0)}")
        if answers[other] or not answers[right]:
            wrong.append(f"{name}: {answers}")
        if (counters.get("kernel_second_looks", 0) > 0) != (options.expect == "lsm"):
            wrong.append(f"{name}: {counters.get('kernel_second_looks', 0)} calls were judged again")
        if options.expect != "lsm" and counters.get("kernel_judged"):
            wrong.append(f"{name}: the kernel judges, and cannot wait")
    answers, counters, written_out = run_guarded(work, "told", "", "detect")
    print(f"  detect: {answers}, {written_out >> 20} MiB written out, unread {counters.get('kernel_faults', 0)}")
    if not 0 < counters.get("kernel_faults", 0) < LATE or answers["done"] < 2 * LATE:
        wrong.append(f"detect: of {answers['done']} calls {counters.get('kernel_faults', 0)} were made while memory was away")
    for line in wrong:
        print("FAIL  " + line)
    print("swapped: " + ("failed" if wrong else "judged as any other"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
