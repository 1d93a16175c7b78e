# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: a program twice, guarded and not, measured in turns; medians; the smallest policy."""

import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
import harness  # noqa: E402

PYTHON = "/usr/bin/python3.11"
# What nobody but the application holds is judged whenever the application does it.
POLICY = """version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:
  pkg:pypi/absent: { deny: ["getsockopt"] }
  application:
    grant: ["@net-out", "@exec", "@process"]
    functions: { "@process": ["calls.fork_to_call"] }
"""


def write_policy(folder):
    path = os.path.join(folder, "bench.policy.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(POLICY)
    return path


def scratch():
    """A folder of one run that is no temporary directory of the guarded program; removed by the caller."""
    os.makedirs(harness.WORK, exist_ok=True)
    return tempfile.mkdtemp(prefix="bench-", dir=harness.WORK)


class Worker:
    """A program that answers each line with a number."""

    def __init__(self, argv, folder, environment=None):
        self.process = subprocess.Popen(argv, cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise harness.Broken(f"the worker ended with {self.process.wait()}")
        return float(answer)

    def stop(self):
        self.process.stdin.close()
        if self.process.wait(timeout=30) != 0:
            raise harness.Broken(f"the worker ended with {self.process.returncode}")


def differences(first, second, line, rounds):
    """(medians of both, smallest of both): the same question to two workers, in turns."""
    answers = [], []
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            answers[which].append((first, second)[which].ask(line[which]))
    return tuple(map(statistics.median, answers)) + tuple(map(min, answers))


class Pair:
    """The same worker unguarded and under `libguard run`; every question goes to both, in turns."""

    def __init__(self, argv, folder, application, summary=None):
        options = ["--backend", "notify", "--policy", write_policy(folder), "--app", application, *(["--summary", summary] if summary else [])]
        self.plain = Worker(argv, folder)
        self.guarded = Worker([harness.libguard_binary(), "run", *options, "--", *argv], folder)

    def ask(self, line, rounds):
        """(medians unguarded and guarded, smallest unguarded and guarded)."""
        return differences(self.plain, self.guarded, (line, line), rounds)

    def stop(self):
        self.plain.stop()
        self.guarded.stop()
