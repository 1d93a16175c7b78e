# SPDX-License-Identifier: Apache-2.0
"""Static, static-pie, stripped, musl and Go programs: no traced call is missing from the static set."""

import os
import shutil
import subprocess
import sys
import tempfile

from analysis_sound import static_calls
from analysis_trace import calls_of_program
from harness import Broken, WORK

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "analysis_kinds")
# Calls whose number Go's runtime reads from its own variables; everything else must be known.
MOST_UNKNOWN = {"go": 4}


def need(*names):
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/local/go/bin")
        if found:
            return found
    raise Broken(f"{names[0]} is not there; run scripts/setup --tests")


def build(directory):
    source = os.path.join(HERE, "calls.c")
    out = lambda name: os.path.join(directory, name)  # noqa: E731
    for name, command in (("static", [need("gcc"), "-static"]), ("static-pie", [need("gcc"), "-static-pie"]),
                          ("musl", [need("musl-gcc")]), ("musl-static", [need("musl-gcc"), "-static"])):
        subprocess.run([*command, "-O2", "-w", source, "-o", out(name)], check=True)
    subprocess.run(["strip", "-o", out("stripped"), out("static-pie")], check=True)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOCACHE": out("cache"), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    subprocess.run([need("go"), "build", "-ldflags", "-s -w", "-o", out("go"), os.path.join(HERE, "calls.go")], check=True, env=environment)
    return [out(name) for name in ("static", "static-pie", "stripped", "musl", "musl-static", "go")]


def check(program, directory):
    trace = os.path.join(directory, "trace")
    subprocess.run(["strace", "-f", "-qq", "-s", "0", "-o", trace, program], cwd=directory, check=True, timeout=120,
                   stdout=subprocess.DEVNULL)
    seen = {call for call, _ in calls_of_program(trace, os.path.realpath(program))}
    expected, seconds, limits = static_calls(program, [])
    missing, unknown = sorted(seen - expected), len(limits.splitlines())
    name = os.path.basename(program)
    print(f"{name}: static {len(expected)}, seen {len(seen)}, missing {missing or 0}, {unknown} numbers unknown, {seconds:.2f} s")
    if len(seen) < 30:
        raise Broken(f"{name}: only {sorted(seen)} were traced")
    return not missing and unknown <= MOST_UNKNOWN.get(name, 1)


def main():
    os.makedirs(WORK, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="kinds-", dir=WORK)
    os.environ["XDG_CACHE_HOME"] = directory
    good = [check(program, directory) for program in build(directory)]
    shutil.rmtree(directory, ignore_errors=True)
    return 0 if all(good) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as error:
        sys.exit(f"analysis_kinds: {error}")
