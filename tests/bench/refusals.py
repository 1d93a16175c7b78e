# SPDX-License-Identifier: Apache-2.0
"""Prints what a refused call costs, by whom it is refused, and what the same call costs a program that nobody guards.

Usage: refusals.py GUEST [--count N]. Needs root. GUEST is tests/victims/native/refused_guest.c, built. In nanoseconds, which are
instructions under tests/vm/boot.py --count.
"""

import argparse
import errno
import json
import os
import shutil
import subprocess
import sys

import pair  # noqa: F401  finds the harness
from pair import harness

POLICY = """version: 1
mode: enforce
libraries:
  pkg:generic/{guest}: {{ grant: ["@local-socket"], deny: ["setsockopt"] }}
"""


def mechanism():
    done = subprocess.run([harness.libguard_binary(), "doctor", "--rights", "--json"], capture_output=True, text=True, check=False)
    return {entry["right"]: entry["mechanism"] for entry in json.loads(done.stdout)["rights"]}["setsockopt"]


def cost(argv, expected):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    words = done.stdout.split()
    if done.returncode != 0 or words[1:] != ["errno", str(expected)]:
        raise harness.Broken(f"{argv}: {done.returncode}: {done.stdout[-200:]}{done.stderr[-300:]}")
    return words[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("guest")
    parser.add_argument("--count", type=int, default=2000)
    options = parser.parse_args()
    guest, folder = os.path.realpath(options.guest), os.path.join(harness.WORK, "refusals")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "application"))
    policy = os.path.join(folder, "policy.yaml")
    with open(policy, "w", encoding="utf-8") as file:
        file.write(POLICY.format(guest=os.path.basename(guest)))

    def guarded(backend, *command):
        return [harness.libguard_binary(), "run", "--quiet", "--backend", backend, "--policy", policy, "--events", "/dev/null",
                "--app", os.path.join(folder, "application"), "--", guest, *command]

    count = str(options.count)
    by = mechanism()
    rows = [("allowed, unguarded", cost([guest, count], 0))]
    rows.append(("refused by notify", cost(guarded("notify", count), errno.EPERM)))
    rows.append((f"refused under auto ({by})", cost(guarded("auto", count), errno.EPERM)))
    with subprocess.Popen(guarded("auto", "wait"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        if other.stdout.readline().strip() != "ready":
            raise harness.Broken("the program to be guarded did not start")
        rows.append(("allowed, unguarded, beside that guard", cost([guest, count], 0)))
        other.stdin.close()
    for what, figure in rows:
        print(f"| {what} | {figure} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
