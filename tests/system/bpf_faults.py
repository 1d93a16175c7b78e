# SPDX-License-Identifier: Apache-2.0
"""Many threads, many short programs, and storage that cannot be reached: what is denied stays denied, what was lost is told.

Usage: bpf_faults.py GUEST [--expect MECHANISM] [--lossy CHURN]. Needs root. GUEST is tests/victims/native/fault_guest.c, built.
--expect lsm, override, fmod_ret or cgroup: the kernel must have refused by it. --lossy: only that storage cannot be reached, because CHURN
(storage_churn.cc, built) keeps it busy on a kernel that loses look-ups then (Linux 6.1 with preempt=full): some must have been
lost, and told.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

POLICY = """version: 1
mode: enforce
libraries:
  pkg:generic/{guest}:
    grant: ["@process", "@exec", "@local-socket", "@file-write"]
    deny: ["setsockopt"]
    functions: {{ "@process": ["<program>"], "@exec": ["<program>"] }}
"""


def run(work, guest, arguments):
    """(tried, through, failed, counters, losses, stdout, stderr)."""
    summary = os.path.join(work, f"{arguments[0]}.summary")
    code, out, err = harness.run([harness.libguard_binary(), "run", "--backend", "auto", "--policy", os.path.join(work, "policy.yaml"),
                                  "--events", os.path.join(work, "events.jsonl"), "--summary", summary, "--app",
                                  os.path.join(work, "application"), "--", guest, *arguments], harness.Account(as_user=False), work,
                                 timeout=240)
    numbers = re.search(r"tried (\d+) through (\d+) failed (\d+)", out)
    if code != 0 or not numbers:
        raise harness.Broken(f"{arguments}: code {code}: {(out + err).strip()[-400:]}")
    with open(summary, encoding="utf-8") as file:
        told = json.load(file)
    return *map(int, numbers.groups()), told["counters"], told["losses"], out, err


def mechanism():
    code, out, err = harness.run([harness.libguard_binary(), "doctor", "--rights", "--json"], harness.Account(as_user=False), "/")
    if code not in (0, 1):
        raise harness.Broken(f"doctor: code {code}: {err.strip()[-300:]}")
    return {entry["right"]: entry["mechanism"] for entry in json.loads(out)["rights"]}["setsockopt"]


def check(work, guest, arguments, options):
    """Lines that say what is wrong."""
    tried, through, failed, counters, losses, out, err = run(work, guest, arguments)
    by_hooks = counters.get("kernel_refused_by_hooks", 0)
    first = out.splitlines()[0] + ", " if len(out.splitlines()) > 1 else ""
    print(f"  {' '.join(arguments)}: {first}tried {tried}, through {through}, failed {failed}; in the kernel {by_hooks}, lost {losses}", flush=True)
    if through or failed or not tried:
        yield f"{arguments}: {through} of {tried} got through, {failed} failed that nobody denies"
    if "bpf refuses" in options.by and by_hooks < tried:
        yield f"{arguments}: the kernel refused {by_hooks} of {tried}"
    if losses and "not seen or lost" not in err:
        yield f"{arguments}: losses are not told: {err.strip()[-300:]}"
    if options.lossy and arguments[0] == "churn" and not losses.get("kernel_threads_lost"):
        yield f"{arguments}: this kernel lost nothing: {losses}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("guest")
    parser.add_argument("--expect", choices=["lsm", "override", "fmod_ret", "cgroup"])
    parser.add_argument("--lossy", metavar="CHURN")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    guest, work = os.path.realpath(options.guest), os.path.join(harness.WORK, "bpf-faults")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "application"))
    with open(os.path.join(work, "policy.yaml"), "w", encoding="utf-8") as file:
        file.write(POLICY.format(guest=os.path.basename(guest)))
    code, out, err = harness.run([guest, "churn", "0.1"], harness.Account(as_user=False), work)
    if code != 0 or " through 0 " in out:
        raise harness.Broken(f"unguarded, nothing got through: code {code}: {out}{err}")
    wrong = []
    options.by = by = f"bpf refuses by {options.expect}/" if options.lossy else mechanism()
    print(f"  setsockopt: {by}", flush=True)
    if options.expect and f"{options.expect}/" not in by:
        wrong.append(f"doctor does not name {options.expect}: {by}")
    if options.lossy:
        begun = os.path.join(work, "begun")
        waits = 'until [ -e "$0" ]; do sleep 0.1; done; exec "$1"'
        with subprocess.Popen(["sh", "-c", waits, begun, os.path.realpath(options.lossy)]) as busy:
            wrong += check(work, guest, ["churn", "10", begun], options)
            if busy.poll() is not None:
                wrong.append("nobody kept the storage busy")
            busy.kill()
    else:
        for arguments in (["threads", "5000"], ["execs", "500", "4"], ["churn", "2"]):
            wrong += check(work, guest, arguments, options)
    for line in wrong:
        print("FAIL  " + line)
    print("bpf_faults: " + ("failed" if wrong else "nothing got through"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
