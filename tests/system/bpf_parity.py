# SPDX-License-Identifier: Apache-2.0
"""The same program recorded by the kernel's programs and by the supervisor: the same profile.

Usage: bpf_parity.py [WORKLOAD ...]. Needs root; the workload `plain` needs no environment of distributions. For each workload: record it with --backend=notify and with
--backend=bpf; the cells (library, right, role, phase, program) must be the same. Programs are not quite the same from
run to run: what differs is recorded again, and the unions of what each backend saw are compared, eight times at most.
"""

import argparse
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import nothing_broken  # noqa: E402

PYTHON = "/usr/bin/python3.11"
PLAIN = os.path.join(harness.ROOT, "tests", "workloads", "plain_job.py")
WORKLOADS = ["plain", "demo", "requests", "multiprocessing", "lxml", "pytest"]
ROUNDS = 8


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
            cells |= {(library, seen["right"], role, seen["phase"], os.path.basename(seen["program"])) for library in libraries}
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


def test_workload(setting, name):
    """What is wrong; '' if both backends saw the same."""
    wrong = setting.run(name, "learn")  # writes its bytecode, which later runs will not
    if wrong:
        return "unguarded: " + wrong
    seen = {"notify": set(), "bpf": set()}
    for _ in range(ROUNDS):
        for backend, cells in seen.items():
            more, counters, wrong = record(setting, name, backend)
            if wrong:
                return wrong
            cells |= more
            if backend == "bpf" and not counters.get("kernel_walks"):
                return "the kernel walked no stack"
        if seen["bpf"] == seen["notify"]:
            break
    print(f"  {name}: {len(seen['notify'])} cells by notify, {len(seen['bpf'])} by bpf; calls seen: notify "
          f"{counters['calls']}, kernel walks {counters['kernel_walks']}", flush=True)
    lines = [f"    only {side}: {cell}" for side, other in (("notify", "bpf"), ("bpf", "notify"))
             for cell in sorted(seen[side] - seen[other])]
    return "\n".join(["different:", *lines[:20]]) if lines else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", default=WORKLOADS)
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    account, setting, failed = harness.Account(as_user=False), None, 0
    for name in arguments.workloads:
        if name != "plain" and not setting:
            setting = nothing_broken.Setting(account, "")
        wrong = test_workload(Plain(account) if name == "plain" else setting, name)
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok'}  {name}  {wrong}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
