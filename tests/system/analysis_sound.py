# SPDX-License-Identifier: Apache-2.0
"""Static analysis against reality: no traced call of a real program is missing from its static set.

Usage: analysis_sound.py [NAME…]. Runs each program below `strace -f` with a broad workload, asks `libguard analyze` for the
calls it can make, prints one line per program and fails if a call is missing.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from analysis_trace import calls_of_program
from analysis_workloads import WORKLOADS
from harness import Broken, WORK, libguard_binary

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
    seen = {call for call, _ in calls_of_program(trace, program)}
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
