# SPDX-License-Identifier: Apache-2.0
"""Prints what the kernel's programs cost beside notify: calls, recording, servers. Needs root.

Usage: backends.py [--rounds N] [--count N] [--depths 5,20,...] [--only NAME,...] [--requests N] [--server-rounds N] [--instructions]
       [--push GUEST]
Under detect and while recording, where every kernel lets its programs judge and count. In each round every variant gets a
program of its own and an unguarded one beside it, asked in turns; a figure is the median of the rounds' differences. The
unguarded one feels the kernel's programs too: what they cost others has a table of its own. --only "" leaves out the servers.
--instructions: the clock of this machine counts them, one a nanosecond (tests/vm/boot.py --count). --push: what
tests/victims/native/push_guest.c, built, takes to enter and leave a library.
"""

import argparse
import os
import shutil
import statistics
import sys

import pair
from pair import harness

import push
import servers

VARIANTS = [(mode, backend) for mode in ("detect", "record") for backend in ("notify", "bpf")]


def verb(mode, backend, folder, application):
    """The words before the guarded command."""
    words = [harness.libguard_binary(), "record" if mode == "record" else "run", "--quiet", "--backend", backend, "--app", application]
    if mode == "record":
        return [*words, "-o", os.path.join(folder, f"{backend}.profile.json"), "--"]
    return [*words, "--mode", mode, "--policy", pair.write_policy(folder), "--events", "/dev/null", "--"]


def ask_in_turns(workers, line, times):
    """Median of each worker's answers."""
    answers = [[] for _ in workers]
    for turn in range(times):
        order = list(enumerate(workers))
        for index, worker in order if turn % 2 else reversed(order):
            answers[index].append(worker.ask(line))
    return [statistics.median(one) for one in answers]


def measure_calls(argv, folder, application, options):
    asked = [f"free 5 {options.count}", *(f"plain {depth} {options.count}" for depth in options.depths.split(","))]
    added = {(line, variant): [] for line in asked for variant in VARIANTS}
    plain = {line: [] for line in asked}
    for _ in range(options.rounds):
        for variant in VARIANTS:
            workers = [pair.Worker(argv, folder), pair.Worker([*verb(*variant, folder, application), *argv], folder)]
            for line in asked:
                unguarded, guarded = ask_in_turns(workers, line, 6)
                plain[line].append(unguarded)
                added[line, variant].append(guarded - unguarded)
            for worker in workers:
                worker.stop()
    unit = "instructions" if options.instructions else "µs"
    show = (lambda time: f"{1000 * time:.0f}") if options.instructions else (lambda time: f"{time:.2f}")
    names = [f"{mode}, {backend}: + {unit}" for mode, backend in VARIANTS]
    print(f"| call | depth | unguarded {unit} | {' | '.join(names)} |\n|{'---|' * (3 + len(names))}")
    for line in asked:
        kind, depth, _ = line.split()
        figures = [show(statistics.median(added[line, variant])) for variant in VARIANTS]
        print(f"| {kind} | {depth} | {show(statistics.median(plain[line]))} | {' | '.join(figures)} |", flush=True)


def measure_others(argv, folder, application, options):
    """A program that nobody guards, with and without a guard elsewhere on the machine."""
    other = pair.Worker(argv, folder)
    times = {backend: [] for backend in (None, "notify", "bpf")}
    for _ in range(options.rounds):
        for backend, kept in times.items():
            guarded = pair.Worker([*verb("detect", backend, folder, application), *argv], folder) if backend else None
            if guarded:
                guarded.ask("free 5 1")
            kept += [other.ask(f"free 5 {20 * options.count}") for _ in range(5)]
            if guarded:
                guarded.stop()
    other.stop()
    without = statistics.median(times[None])
    units = "instructions | + |" if options.instructions else "µs | + ns |"
    print(f"\n| a call of an unguarded program | {units}\n|---|---|---|")
    for backend, kept in times.items():
        middle = statistics.median(kept)
        print(f"| {f'while {backend} guards another' if backend else 'no guard'} | "
              f"{1000 * middle if options.instructions else middle:.{0 if options.instructions else 3}f} | {1000 * (middle - without):.0f} |")


def measure_push(options):
    setting = push.Setting(os.path.realpath(options.push), harness.Account(False))
    told, _, _ = setting.run("notify", "enforce", "cost", 70)
    print(f"\n| enter and leave a library | {told['nanoseconds']} {'instructions' if options.instructions else 'ns'} |\n|---|---|")


class Servers(servers.Bench):
    """Each server in each variant."""

    def before(self, name, mode, backend):
        words = [harness.libguard_binary(), "record" if mode == "record" else "run", "--quiet", "--backend", backend, "--app",
                 os.path.join(self.work, "application")]
        if mode == "record":
            return [*words, "-o", self.file(name, f"{backend}.json"), "--"]
        return [*words, "--mode", mode, "--policy", self.file(name, "policy.yaml"), "--events", "/dev/null", "--"]

    def ratios(self, name, variant, rounds, count):
        """For each question the ratios of guarded to unguarded requests per second."""
        plain = self.start(name, "plain")
        guarded = self.start(name, "guarded", self.before(name, *variant))
        answers = {}
        try:
            for key, question in servers.SERVERS[name][1].items():
                for service in (plain, guarded):
                    servers.requests_per_second(service.port, question, max(4, count // 4))  # warm
                answers[key] = []
                for turn in range(rounds):
                    order = (plain, guarded) if turn % 2 else (guarded, plain)
                    speeds = {service: servers.requests_per_second(service.port, question, count) for service in order}
                    answers[key].append(speeds[guarded] / speeds[plain])
        finally:
            plain.stop()
            guarded.stop()
        return answers


def measure_servers(options):
    names = [name for name in options.only.split(",") if name]
    if not names:
        return
    bench = Servers(harness.Account(False), None)
    heads = [f"{mode}, {backend}" for mode, backend in VARIANTS]
    print(f"\n| guarded ÷ unguarded requests per second | request | {' | '.join(heads)} |\n|{'---|' * (2 + len(heads))}")
    for name in names:
        bench.learn(name)
        answers = {variant: bench.ratios(name, variant, options.server_rounds, options.requests) for variant in VARIANTS}
        for key in servers.SERVERS[name][1]:
            figures = [f"{statistics.median(answers[variant][key]):.2f}" for variant in VARIANTS]
            print(f"| {name} | {key} | {' | '.join(figures)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--depths", default="5,20,50,100")
    parser.add_argument("--only", default=",".join(servers.SERVERS), help="servers, joined by commas")
    parser.add_argument("--requests", type=int, default=150, help="of one round")
    parser.add_argument("--server-rounds", type=int, default=9)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--push")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    folder = pair.scratch()
    application = os.path.join(folder, "application")
    os.makedirs(application)
    script = shutil.copy(os.path.join(pair.HERE, "calls.py"), application)
    argv = [pair.PYTHON, script, "--work"]
    measure_calls(argv, folder, application, options)
    measure_others(argv, folder, application, options)
    if options.push:
        measure_push(options)
    measure_servers(options)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
