# SPDX-License-Identifier: Apache-2.0
"""Static analysis against reality: no traced call of a real program is missing from its static set.

Usage: analysis_sound.py [NAME…]. Runs each program below `strace -f` with a broad workload, asks `libguard analyze` for the
calls it can make, prints one line per program and fails if a call is missing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from analysis_workloads import WORKLOADS
from harness import Broken, WORK, libguard_binary

LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
BIRTH = ("clone", "clone3", "fork", "vfork")
# The kernel itself makes a sleeping call again with this number after a stop; no program contains it.
KERNEL_MADE = {"restart_syscall"}


def calls_of(trace, program):
    """Calls made by processes while they ran `program`; from the start of its code on."""
    lines = [match.groups() for match in map(LINE.match, open(trace, encoding="utf-8", errors="replace")) if match]
    parent = {}
    for pid, resumed, name, rest in lines:
        made = re.search(r"= (\d+)$", rest)
        if (resumed or name) in BIRTH and made:
            parent[made.group(1)] = pid
    running, pending, calls, first = {}, {}, set(), True
    for pid, resumed, name, rest in lines:
        if pid not in running:
            running[pid] = running.get(parent.get(pid), "")
        call = resumed or name
        if call == "execve":
            started = re.match(r'"([^"]*)"', rest)
            pending[pid] = os.path.realpath(started.group(1)) if started else pending.get(pid, "")
            if running[pid] == program and not first:
                calls.add(call)
            first = False
            if re.search(r"\) += 0$", rest) or rest.rstrip().endswith("= 0"):
                running[pid] = pending[pid]
            continue
        if running[pid] == program:
            calls.add(call)
    return calls - KERNEL_MADE


def static_calls(program, libraries):
    command = [libguard_binary(), "analyze", program, "--matrix", "--json"]
    for library in libraries:
        command += ["--with", library]
    start = time.monotonic()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.monotonic() - start
    return set(json.loads(done.stdout)["calls"]), seconds, done.stderr.strip()


def check(name):
    program, workload, libraries = WORKLOADS[name]
    program = os.path.realpath(program)
    if not os.path.exists(program):
        raise Broken(f"{program} is not there; run scripts/setup --tests")
    directory = tempfile.mkdtemp(prefix="analysis-", dir=WORK)
    os.chmod(directory, 0o777)
    trace = os.path.join(directory, "trace")
    workload(["strace", "-f", "-qq", "-s", "0", "-A", "-o", trace], directory)
    seen = calls_of(trace, program)
    expected, cold, limits = static_calls(program, libraries())
    _, cached, _ = static_calls(program, libraries())
    missing = sorted(seen - expected)
    print(f"{name}: static {len(expected)}, seen {len(seen)}, missing {len(missing)}, cold {cold:.2f} s, cached {cached:.2f} s")
    for line in limits.splitlines():
        print("   ", line)
    for call in missing:
        print(f"    missing: {call}")
    if len(seen) < 20:
        raise Broken(f"{name}: only {sorted(seen)} were traced; the workload did not run")
    if not missing:
        shutil.rmtree(directory)
    return not missing


def main(names):
    if shutil.which("strace") is None:
        raise Broken("strace is not there; run scripts/setup --tests")
    os.makedirs(WORK, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = cache = tempfile.mkdtemp(prefix="cache-", dir=WORK)
    good = [check(name) for name in names or WORKLOADS]
    shutil.rmtree(cache)
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Broken as error:
        sys.exit(f"analysis_sound: {error}")
