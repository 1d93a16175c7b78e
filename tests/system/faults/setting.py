# SPDX-License-Identifier: Apache-2.0
"""What the fault cases share: a place to work, policies, guarded runs, and what every run must keep.

After every guarded run three things are looked at: did it hang, was a forbidden call carried out (the marker), did the
tool itself die of a signal or print a trace of its insides.
"""

import json
import os
import shutil
import subprocess
import time

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3.11"
INSIDES = ("terminate called", "Traceback (most recent call last):\n  File \"<", "Aborted", "core dumped", "what():", "libguard: bug:",
           "std::", "AddressSanitizer", "runtime error:")
REFUSE_ALL = "version: 1\nmode: enforce\nlibraries: {}\n"


class Run:
    """How one command ended."""

    def __init__(self, code, out, err, summary):
        self.code, self.out, self.err, self.summary = code, out, err, summary

    @property
    def talk(self):
        """The tool's own lines."""
        return [line for line in self.err.splitlines() if line.startswith(("libguard:", "hint:"))]

    def counter(self, name):
        return self.summary.get("losses", {}).get(name, 0) or self.summary.get("counters", {}).get(name, 0)

    def tell(self):
        return f"code {self.code}: {(self.out + self.err).strip()[-400:]!r}"


class Setting:
    """One case: its folder, its runs, and what was wrong in them."""

    def __init__(self, name, account, full):
        self.account, self.full, self.wrong, self.notes = account, full, [], []
        self.work = os.path.join(harness.WORK, "faults" + account.suffix, name)
        shutil.rmtree(self.work, ignore_errors=True)
        self.application = os.path.join(self.work, "application")
        shutil.copytree(os.path.join(HERE, "victims"), self.application, ignore=shutil.ignore_patterns("__pycache__", "*.c"))
        self.marker = os.path.join(self.work, "marker")
        self.tool = harness.libguard_binary()
        account.own(self.work)

    def expect(self, condition, text):
        if not condition:
            self.wrong.append(text)
        return condition

    def note(self, text):
        self.notes.append(text)

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb" if isinstance(content, bytes) else "w") as file:
            file.write(content)
        if self.account.entry:
            os.chown(path, self.account.entry.pw_uid, self.account.entry.pw_gid)
        return path

    def policy(self, text=REFUSE_ALL, name="policy.yaml"):
        return self.write(name, text)

    def victim(self, name, *arguments, python=PYTHON):
        return [python, "-B", os.path.join(self.application, name + ".py"), *map(str, arguments)]

    def guarded(self, policy, *command, options=(), verb="run"):
        """The command line of a guard around `command`, with its events and summary in the work folder."""
        chosen = ["--policy", policy, "--mode", "enforce"] if verb == "run" else []
        return [self.tool, verb, *chosen, "--summary", self.path("summary.json"), "--app", self.application, *options, "--",
                *command]

    def environment(self, **more):
        return {**self.account.environment(self.work), **more}

    def start(self, argv, **keywords):
        keywords.setdefault("env", self.environment())
        keywords.setdefault("stdin", subprocess.PIPE)
        if os.path.exists(self.path("summary.json")):
            os.unlink(self.path("summary.json"))
        return subprocess.Popen(self.account.command(argv), cwd=self.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, errors="replace", start_new_session=True, **keywords)

    def finish(self, process, what, timeout=60, text=""):
        """Waits for the end; a hang, a marker or the tool's insides on stderr are wrong."""
        try:
            out, err = process.communicate(text, timeout=timeout)
            code = process.returncode
        except subprocess.TimeoutExpired:
            end_group(process.pid)
            out, err = process.communicate()
            code = None
            self.wrong.append(f"{what}: HANG after {timeout} s: {(out + err)[-200:]!r}")
        if os.path.exists(self.marker):
            self.wrong.append(f"{what}: GOT THROUGH")
            os.unlink(self.marker)
        for inside in INSIDES:
            if inside in err:
                self.wrong.append(f"{what}: prints its insides: {err[max(0, err.find(inside) - 80):][:240]!r}")
                break
        return Run(code, out, err, self.summary())

    def run(self, argv, what, timeout=60, text="", **keywords):
        return self.finish(self.start(argv, **keywords), what, timeout, text)

    def summary(self):
        try:
            with open(self.path("summary.json"), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    def expect_line(self, run, what, code, *words):
        """One line and a hint, the documented exit code, and these words in the line."""
        lines = [line for line in run.talk if line.startswith("libguard:")]
        self.expect(run.code == code, f"{what}: exit {run.code}, not {code}: {run.err[-300:]!r}")
        self.expect(len(lines) == 1, f"{what}: {len(lines)} lines: {run.err[-300:]!r}")
        self.expect(any(line.startswith("hint: ") and len(line) > 8 for line in run.talk), f"{what}: no hint: {run.err[-300:]!r}")
        for word in words:
            self.expect(word in run.err, f"{what}: {word!r} is not in {run.err[-300:]!r}")

    def await_line(self, process, word, seconds=30):
        """Reads the program's output up to a line with `word`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            line = process.stdout.readline()
            if word in line:
                return True
            if not line:
                break
        self.wrong.append(f"no {word!r} from the program: {process.stderr.read()[-300:]!r}")
        return False


def end_group(pid):
    try:
        os.killpg(pid, 9)
    except ProcessLookupError:
        pass


def answers(run):
    """The JSON lines that a victim printed: {name: value}, the last one of a name wins."""
    found = {}
    for line in run.out.splitlines():
        if line.startswith("{"):
            try:
                found.update(json.loads(line))
            except ValueError:
                pass
    return found
