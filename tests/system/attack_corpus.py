# SPDX-License-Identifier: Apache-2.0
"""Runs all victims: unguarded each succeeds; under a policy learned from benign work each is refused, its twin is not.

Usage: attack_corpus.py [--python PATH]... [--backend NAME] [--door NAME] [--as-user] [--only NAME,...] [--unguarded]
For each victim: record benign work and the twin, `policy new`, then the attack and the twin under `enforce`. Refused
means: no marker, the process alive to the end, and an event with the expected culprit, caller and right. The column
"by" says who refused that call: notify (a marker call counts) or a hook of the kernel.
"""

import argparse
import ctypes
import json
import os
import shutil
import sys
import time

import harness

sys.path.insert(0, harness.VICTIMS)
import manifest  # noqa: E402

X32_GETPID = 0x40000000 | 39


def kernel_has(feature):
    return feature != "x32" or ctypes.CDLL(None).syscall(X32_GETPID) > 0


def kernel_mechanisms():
    """right -> the hook that refuses it, of those that doctor says the kernel refuses."""
    code, out, err = harness.run([harness.libguard_binary(), "doctor", "--rights", "--json"], harness.Account(as_user=False), "/")
    if code not in (0, 1):
        raise harness.Broken(f"doctor: code {code}: {err.strip()[-300:]}")
    told = {entry["right"]: entry["mechanism"].partition("bpf refuses by ")[2] for entry in json.loads(out)["rights"]}
    return {right: hook for right, hook in told.items() if hook}


class Corpus:
    """One interpreter's environment and the runs in it."""

    def __init__(self, python, account, backend, detached=False):
        self.account, self.backend, self.detached = account, backend, detached
        self.version = harness.version_of(python)
        requirements = [os.path.join(harness.VICTIMS, "requirements.txt")]
        libraries = ["simple_library", "deploytool", "fetcher"]
        self.venv = harness.make_environment("victims", python, account, requirements, libraries, ["simple_library", "deploytool"])
        self.python = os.path.join(self.venv, "bin", "python")
        self.work = os.path.join(harness.WORK, f"corpus-{self.version}{account.suffix}")
        self.listener = harness.Listener()
        self.by_kernel = {} if backend == "notify" or detached or account.entry else kernel_mechanisms()
        self._lay_out()

    def _lay_out(self):
        shutil.rmtree(self.work, ignore_errors=True)
        self.application = os.path.join(self.work, "application")
        os.makedirs(self.application)
        shutil.copy(os.path.join(harness.VICTIMS, "run_victim.py"), self.application)
        shutil.copytree(os.path.join(harness.VICTIMS, "shapes"), os.path.join(self.application, "shapes"))
        for folder, text in (("tools", "#!/bin/sh\nexit 0\n"), ("poison", "#!/bin/sh\n/usr/bin/touch \"$VICTIM_MARKER\"\n")):
            path = os.path.join(self.work, folder, "helper-tool")
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o755)
        self.preload = os.path.join(self.work, "preload.so")
        source = os.path.join(harness.VICTIMS, "libraries", "preload.c")
        harness.subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.preload, source], check=True)
        self.account.own(self.work)

    def run(self, victim, mode, before=(), guarded=False):
        """One run of a victim: (return code, marker made, output)."""
        scratch = os.path.join(self.work, victim.name, mode + ("-guarded" if guarded else ""))
        os.makedirs(scratch, exist_ok=True)
        self.account.own(os.path.join(self.work, victim.name))
        marker = os.path.join(scratch, "marker")
        self.listener.marker = marker
        argv = [*before, self.python, os.path.join(self.application, "run_victim.py"), victim.name, "--mode", mode,
                "--scratch", scratch, "--marker", marker, "--port", str(self.listener.port),
                "--other-port", str(self.listener.other_port), "--poison", os.path.join(self.work, "poison"),
                "--preload", self.preload] + (["--guarded"] if guarded else [])
        environment = self.account.environment(self.work)
        environment["PATH"] = os.path.join(self.work, "tools") + ":" + environment["PATH"]
        environment["VICTIM_MARKER"] = marker
        code, out, err = harness.run(argv, self.account, scratch, environment=environment)
        made = os.path.exists(marker)
        for _ in range(5 if mode != "learn" and not guarded else 1):
            if made or code == -9:
                break
            time.sleep(0.05)
            made = os.path.exists(marker)
        return code, made or (mode == "attack" and code == -9), out + err

    def unguarded(self, victim):
        """Does the attack succeed when nobody guards?"""
        standin = [sys.executable, os.path.join(harness.ROOT, "tests", "system", "standin.py")]
        if self.account.entry:
            standin[0] = "/usr/bin/python3"
        before = standin if victim.name.startswith("supervisor_") else []
        code, made, output = self.run(victim, "attack", before)
        if not kernel_has(victim.needs):
            return not made, "this kernel has no " + victim.needs
        return made, "" if made else f"code {code}: {output.strip()[-300:]}"

    def unguarded_twin(self, victim):
        """What is wrong with benign work and twin when nobody guards; '' if nothing."""
        code, made, output = self.run(victim, "benign")
        if made or code != 0 or "refused:" in output:
            return f"benign run: code {code}, marker {made}: {output.strip()[-300:]}"
        if victim.twin == "none":
            return ""
        code, made, output = self.run(victim, "twin")
        return "" if made and code == 0 and "refused:" not in output else f"twin: code {code}: {output.strip()[-300:]}"

    def learn(self, victim):
        """Profile and policy of the victim's benign work; returns the policy's path."""
        tool, folder = harness.libguard_binary(), os.path.join(self.work, victim.name)
        os.makedirs(folder, exist_ok=True)
        profile, policy = os.path.join(folder, "profile.json"), os.path.join(folder, "policy.yaml")
        backend = ["--backend", self.backend] if self.backend else []
        code, _, output = self.run(victim, "learn", [tool, "record", "-o", profile, *backend, "--app", self.application, "--"])
        if code != 0 or "alive to the end" not in output:
            raise harness.Broken(f"record: code {code}: {output.strip()[-400:]}")
        code, out, err = harness.run([tool, "policy", "new", profile, "-o", policy], self.account, folder)
        if code != 0:
            raise harness.Broken(f"policy new: code {code}: {(out + err).strip()[-400:]}")
        return policy

    def guarded(self, victim, mode, policy):
        events = os.path.join(self.work, victim.name, mode + ".events.jsonl")
        if os.path.exists(events):
            os.unlink(events)
        code, made, output = self.run(victim, mode, self.door(policy, events), guarded=True)
        if self.detached:
            self.await_end()
        return code, made, output, harness.read_events(events)

    def door(self, policy, events):
        """What stands before the command: `libguard run`, or the settings with which the client makes a guard itself."""
        if self.detached:
            return ["/usr/bin/env", "LD_PRELOAD=" + harness.client_library(), "LIBGUARD_POLICY=" + policy, "LIBGUARD_MODE=enforce",
                    "LIBGUARD_EVENTS=" + events, "LIBGUARD_APP=" + self.application]
        backend = ["--backend", self.backend] if self.backend else []
        return [harness.libguard_binary(), "run", "--policy", policy, "--mode", "enforce", "--events", events, "--summary",
                summary_of(events), *backend, "--app", self.application, "--"]

    def refused_by(self, victim, event):
        """Who refused the call of an event: whoever the run's summary shows to have been asked."""
        if not event:
            return "-"
        if self.detached or "nr" not in event["right"]:
            return "notify"
        with open(summary_of(os.path.join(self.work, victim.name, "attack.events.jsonl")), encoding="utf-8") as file:
            notified = json.load(file)["notified"]
        right = event["right"]["name"]
        if right.partition(":")[0] in notified:
            return "notify"
        if right not in self.by_kernel:
            raise harness.Broken(f"{right} was refused, but neither was notify asked nor does doctor know a hook for it")
        return self.by_kernel[right]

    def await_end(self, seconds=10):
        """A detached supervisor ends after its program, and takes its announcement with it."""
        end = time.monotonic() + seconds
        while os.listdir(os.path.join(self.work, "libguard")):
            if time.monotonic() > end:
                raise harness.Broken("the detached supervisor did not end")
            time.sleep(0.01)


def summary_of(events):
    return events.removesuffix(".events.jsonl") + ".summary.json"


def right_event(victim, events):
    """The event that says what the victim's first line says, if there is one."""
    for event in events:
        named = harness.culprits_of(event) & set(victim.culprits)
        caller = harness.plain(event.get("caller", "")) in victim.callers
        right = "any" in victim.rights or harness.right_names(event) & set(victim.rights)
        if named and caller and right:
            return event
    return None


def judge_attack(victim, code, made, output, events):
    """What is wrong with a guarded attack; '' if nothing."""
    if victim.hole:
        return "" if made else "closed: an open hole no longer succeeds"
    if made:
        return "GOT THROUGH"
    if code != 0 or "alive to the end" not in output:
        return f"refused, but the process ended with {code}: {output.strip()[-200:]}"
    if not right_event(victim, events):
        seen = "; ".join(harness.tell_event(event) for event in events[:3])
        return "refused, but not named: " + (seen or "no event")
    return ""


def judge_twin(code, made, output, events):
    if made and code == 0:
        return "" if not events else "twin: refusals beside it: " + harness.tell_event(events[0])
    seen = "; ".join(harness.tell_event(event) for event in events[:3])
    return f"twin refused: code {code} {seen or output.strip()[-200:]}"


def test_victim(corpus, victim, unguarded_only):
    """(column texts, what is wrong)."""
    succeeded, note = corpus.unguarded(victim)
    if not succeeded:
        return ("no", "-", "-", "-"), f"unguarded run did not succeed: {note}"
    shown = "effect" if not note else "-"
    if unguarded_only:
        return (shown, "-", "-", victim.twin), corpus.unguarded_twin(victim)
    policy = corpus.learn(victim)
    code, made, output, events = corpus.guarded(victim, "attack", policy)
    wrong = judge_attack(victim, code, made, output, events)
    guarded = "effect" if made else "refused"
    by = "-" if made else corpus.refused_by(victim, right_event(victim, events))
    if victim.twin == "none":
        return (shown, guarded, by, "none"), wrong
    code, made, output, events = corpus.guarded(victim, "twin", policy)
    twin_wrong = judge_twin(code, made, output, events)
    return (shown, guarded, by, "effect" if made else "refused"), "; ".join(filter(None, [wrong, twin_wrong]))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", help="interpreter to test; may be given more than once")
    parser.add_argument("--backend", help="of recording and running; else auto, which for an ordinary user is notify")
    parser.add_argument("--door", choices=["parent", "detached"], default="parent", help="libguard run, or the preloaded client")
    parser.add_argument("--as-user", action="store_true", help="if root: run everything as an ordinary user")
    parser.add_argument("--only", help="names, joined by commas")
    parser.add_argument("--unguarded", action="store_true", help="only show that the attacks work")
    return parser.parse_args()


def main():
    options = parse_arguments()
    chosen = manifest.victims()
    if options.only:
        wanted = set(options.only.split(","))
        unknown = wanted - {victim.name for victim in chosen}
        if unknown:
            sys.exit(f"attack_corpus: no victim {', '.join(sorted(unknown))}; tests/victims/manifest.py lists them")
        chosen = [victim for victim in chosen if victim.name in wanted]
    passed = failed = 0
    for python in options.python or ["/usr/bin/python3.11"]:
        corpus = Corpus(python, harness.Account(options.as_user), options.backend, options.door == "detached")
        print(f"CPython {corpus.version}{' as an ordinary user' if corpus.account.entry else ''}, {options.door} door, "
              f"backend {options.backend or 'auto'}")
        print(f"{'victim':26} {'unguarded':10} {'guarded':8} {'by':24} {'twin':8}")
        for victim in chosen:
            try:
                columns, wrong = test_victim(corpus, victim, options.unguarded)
            except harness.Broken as error:
                columns, wrong = ("-", "-", "-", "-"), str(error)
            passed, failed = passed + (not wrong), failed + bool(wrong)
            print(f"{victim.name:26} {columns[0]:10} {columns[1]:8} {columns[2]:24} {columns[3]:8} {'FAILED ' + wrong if wrong else 'ok'}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
