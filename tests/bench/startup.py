# SPDX-License-Identifier: Apache-2.0
"""Prints what a guard costs outside the calls: start-up by each door, fork to ready, memory of the supervisor.

Usage: startup.py [--rounds N] [--forks N] [--door-python PATH] [--no-demo] [--as-user]
--door-python: an interpreter of a virtual environment in which the Python package is installed, for `-X libguard`.
Start-up is the difference of medians of `python -c pass`-like runs taken in turns; a fork is ready when the child has made
its first judged call.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

import pair
from pair import harness

sys.path.insert(0, os.path.join(harness.ROOT, "tests", "demo"))


def client_of(tool):
    for place in ("../lib/libguard_preload.so", "../lib/libguard/libguard_preload.so"):
        path = os.path.join(os.path.dirname(os.path.realpath(tool)), place)
        if os.path.exists(path):
            return os.path.realpath(path)
    raise harness.Broken(f"no libguard_preload.so beside {tool}")


def doors(folder, python, door_python):
    """Name -> (command, environment of a guarded start, of an unguarded one)."""
    policy, tool = pair.write_policy(folder), harness.libguard_binary()
    script = os.path.join(folder, "application", "nothing.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write("pass\n")
    app = os.path.dirname(script)
    plain = {key: value for key, value in os.environ.items() if not key.startswith("LIBGUARD") and key != "LD_PRELOAD"}
    # Where the package looks for command and client if it has none of its own.
    plain["PATH"] = os.path.dirname(os.path.realpath(tool)) + ":" + plain["PATH"]
    set_up = {**plain, "LIBGUARD_POLICY": policy, "LIBGUARD_APP": app}
    found = {
        "LD_PRELOAD": ([python, script], [python, script], {**set_up, "LD_PRELOAD": client_of(tool)}, plain),
        "libguard run": ([tool, "run", "--policy", policy, "--app", app, "--", python, script], [python, script], plain, plain),
    }
    if door_python:
        option = f"libguard=policy={policy},app={app}"
        found["-X libguard"] = ([door_python, "-X", option, script], [door_python, script], plain, plain)
    return found


def seconds(argv, environment, folder):
    begin = time.perf_counter()
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise harness.Broken(f"{argv[0]} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return time.perf_counter() - begin


def measure_doors(folder, options):
    print("| door | unguarded ms | guarded ms | difference of medians, ms |\n|---|---|---|---|")
    for name, (guarded, plain, with_guard, without) in doors(folder, options.python, options.door_python).items():
        times = {True: [], False: []}
        for turn in range(2 * options.rounds):
            is_guarded = turn % 4 in (0, 3)  # in turns, and in both orders
            argv, environment = (guarded, with_guard) if is_guarded else (plain, without)
            times[is_guarded].append(1000 * seconds(argv, environment, folder))
        middle, other = statistics.median(times[False]), statistics.median(times[True])
        print(f"| {name} | {middle:.1f} | {other:.1f} | {other - middle:.1f} |", flush=True)


def measure_forks(folder, options):
    application = os.path.join(folder, "application")
    script = shutil.copy(os.path.join(pair.HERE, "calls.py"), application)
    both = pair.Pair([options.python, script, "--work"], folder, application)
    plain, guarded, _, _ = both.ask(f"fork 5 {options.forks}", options.rounds)
    both.stop()
    print("\n| fork to first judged call | unguarded µs | guarded µs | difference µs |\n|---|---|---|---|")
    print(f"| medians of {options.forks} forks | {plain:.0f} | {guarded:.0f} | {guarded - plain:.0f} |")


def memory_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        words = dict(line.split(":", 1) for line in file)
    return [int(words[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]


def measure_demo(options):
    import demo
    import driver

    bench = demo.Demo(harness.Account(options.as_user))
    demo.record(bench)
    service = bench.start("bench.log", [harness.libguard_binary(), "run", "--policy", bench.path("policy.yaml"), "--mode",
                                        "enforce", "--app", bench.application, "--"])
    try:
        for _ in range(3):
            driver.benign_other(service.port, bench.listener.other_port)
        now, most = memory_of(service.process.pid)
    finally:
        service.stop()
    print("\n| supervisor of the demo | resident MiB | at most |\n|---|---|---|")
    print(f"| after {3} passes of requests | {now:.1f} | {most:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--forks", type=int, default=50, help="of one round")
    parser.add_argument("--python", default=pair.PYTHON)
    parser.add_argument("--door-python", help="interpreter with the Python package installed, for -X libguard")
    parser.add_argument("--no-demo", action="store_true", help="leave out the supervisor's memory")
    parser.add_argument("--as-user", action="store_true", help="if root: run the demo as an ordinary user")
    options = parser.parse_args()
    folder = pair.scratch()
    os.makedirs(os.path.join(folder, "application"))
    measure_doors(folder, options)
    measure_forks(folder, options)
    if not options.no_demo:
        measure_demo(options)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
