# SPDX-License-Identifier: Apache-2.0
"""The same program recorded by the kernel's programs and by the supervisor: the same profile.

Usage: bpf_parity.py [--seconds N] [WORKLOAD ...]. Needs root; `plain` needs no environment of distributions. For each
workload: record it with --backend=notify and with --backend=bpf; the cells (library, right, role, phase, program) must be
the same. Programs are not quite the same from run to run: while something differs, both record again, and the unions of
what each saw are compared. A cell that one side alone saw so often that chance does not explain it is a difference.
"""

import argparse
import collections
import json
import math
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import nothing_broken  # noqa: E402

PYTHON = "/usr/bin/python3.11"
PLAIN = os.path.join(harness.ROOT, "tests", "workloads", "plain_job.py")
WORKLOADS = ["plain", "demo", "requests", "multiprocessing", "lxml", "pytest"]
ROUNDS, ENOUGH_ROUNDS = 40, 8  # what is not decided with fewer counts as different
CHANCE = 0.001


class Plain:
    """Stands for nothing_broken.Setting where nothing can be installed."""

    def __init__(self, account):
        self.account = account
        self.work = os.path.join(harness.WORK, "bpf-parity")
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(os.path.join(self.work, "application"))
        shutil.copy(PLAIN, os.path.join(self.work, "application"))

    def application(self, _):
        return os.path.join(self.work, "application")

    def run(self, name, which, before=()):
        data = os.path.join(self.work, f"{name}-{which}-data")
        shutil.rmtree(data, ignore_errors=True)
        os.makedirs(data)
        code, out, err = harness.run([*before, PYTHON, os.path.join(self.application(name), "plain_job.py"), data],
                                     self.account, data, timeout=240)
        return "" if code == 0 else f"code {code}: {(out + err).strip()[-400:]}"


def cells_of(profile):
    with open(profile, encoding="utf-8") as file:
        observations = json.load(file)["observations"]
    cells = set()
    for seen in observations:
        roles = [("caller", [seen["caller"]]), ("stack", seen["libraries"]), ("spawned", seen.get("spawners", []))]
        for role, libraries in roles:
            cells |= {(library, seen["right"], role, seen["phase"], os.path.basename(seen.get("program", "unknown")))
                      for library in libraries}
    return cells


def record(setting, name, backend):
    """(cells, counters of the run, what went wrong)."""
    profile, summary = (os.path.join(setting.work, f"{name}-{backend}.{kind}") for kind in ("json", "summary"))
    wrong = setting.run(name, "learn", [harness.libguard_binary(), "record", "--backend", backend, "-o", profile, "--summary",
                                        summary, "--app", setting.application(name), "--"])
    if wrong or not os.path.exists(profile):
        return set(), {}, f"record --backend={backend}: {wrong or 'no profile'}"
    with open(summary, encoding="utf-8") as file:
        return cells_of(profile), json.load(file)["counters"], ""


def is_difference(times, rounds):
    """A cell seen in `times` of `rounds` runs of one side, in none of the other: too unlikely if both sides were alike?"""
    return math.comb(rounds, times) / math.comb(2 * rounds, times) < CHANCE


def one_sided(seen):
    """{(side, cell): how many of its runs saw it} of what the other side never saw."""
    return {(side, cell): times for side, other in (("notify", "bpf"), ("bpf", "notify"))
            for cell, times in seen[side].items() if cell not in seen[other]}


def test_workload(setting, name, seconds):
    """What is wrong; '' if both backends saw the same."""
    wrong = setting.run(name, "learn")  # writes its bytecode, which later runs will not
    if wrong:
        return "unguarded: " + wrong
    seen = {"notify": collections.Counter(), "bpf": collections.Counter()}
    end = time.monotonic() + seconds
    for rounds in range(1, ROUNDS + 1):
        for backend, cells in seen.items():
            more, counters, wrong = record(setting, name, backend)
            if wrong:
                return wrong
            cells.update(more)
            if backend == "bpf" and not counters.get("kernel_walks"):
                return "the kernel walked no stack"
        alone = one_sided(seen)
        differences = [key for key, times in alone.items() if is_difference(times, rounds)]
        late = time.monotonic() > end
        if late and rounds < ENOUGH_ROUNDS:
            differences = list(alone)
        if late or len(differences) == len(alone):
            break
    print(f"  {name}: {len(seen['notify'])} cells by notify, {len(seen['bpf'])} by bpf in {rounds} runs, "
          f"{seconds - end + time.monotonic():.0f} s; calls seen: notify {counters['calls']}, kernel walks "
          f"{counters['kernel_walks']}", flush=True)
    for (side, cell), times in sorted(alone.items()):
        print(f"    only {side}, {times} of {rounds} times{'' if (side, cell) in differences else ', rare'}: {cell}", flush=True)
    return f"{len(differences)} differences" if differences else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=120, help="for one workload, unless nothing differs before")
    parser.add_argument("workloads", nargs="*", default=WORKLOADS)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    account, setting, failed = harness.Account(as_user=False), None, 0
    for name in arguments.workloads:
        if name != "plain" and not setting:
            setting = nothing_broken.Setting(account, "")
        wrong = test_workload(Plain(account) if name == "plain" else setting, name, arguments.seconds)
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok'}  {name}  {wrong}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
