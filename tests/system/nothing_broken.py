# SPDX-License-Identifier: Apache-2.0
"""Runs real programs under policies learned from other work: nothing may be refused.

Usage: nothing_broken.py [--as-user] [--only NAME,...] [--unguarded] [--backend NAME] [--brief] [--pairs] [--cells]
For each workload: record `learn`, `policy new` without hand edits, run `other` under enforce: no deviation. `other` is
recorded too, apart, to count the (library, exact right) pairs that learning had not seen: at least 20. The policy tells
which share of the (library x dangerous group) cells it denies, by phase, in any role and as caller. Then `new` work
with features never learned, reported apart: each refusal must be a right that is really new and name the one-line
grant, and with the grants that `policy accept` makes of them the same work must run without a refusal. --brief: only
learn, then run the other work under enforce and under detect, in which the kernel judges all rights that it sees.
"""

import argparse
import json
import os
import shutil
import sys

import harness
from cells import Cells, pairs_of

TESTS = os.path.join(harness.ROOT, "tests")
WORKLOADS_DIR, DEMO = os.path.join(TESTS, "workloads"), os.path.join(TESTS, "demo")
sys.path[:0] = [WORKLOADS_DIR, DEMO, harness.VICTIMS]
import drive  # noqa: E402
import wheel  # noqa: E402
from table import WORKLOADS  # noqa: E402

PYTHON = "/usr/bin/python3.11"
LIBRARIES = ["simple_library", "deploytool", "fetcher", "wirelog", "gatekeeper"]
WANTED_PAIRS, WANTED_SHARE = 20, 0.95
# What cannot reach the wanted numbers, and why: docs/decisions/denied-cells.md.
LESS_DENIED = {"pip": 0.92}
FEWER_PAIRS = {"pip": 1}
# Cells that each policy grants: init in any role and as caller, serving likewise. It may become less, never more.
GRANTED = {
    "demo": (19, 8, 13, 4), "gunicorn": (8, 4, 0, 0), "uvicorn": (9, 4, 4, 2), "multiprocessing": (6, 5, 2, 2), "pip": (5, 5, 5, 5),
    "numpy": (3, 2, 0, 0), "lxml": (3, 3, 0, 0), "requests": (7, 3, 3, 1), "pytest": (6, 4, 5, 2),
}


class Setting:
    """The environment and the folders of all workloads."""

    def __init__(self, account, backend, unguarded=False):
        self.account, self.backend, self.unguarded = account, backend, unguarded
        requirements = [os.path.join(DEMO, "requirements.txt"), os.path.join(WORKLOADS_DIR, "requirements.txt")]
        self.venv = harness.make_environment("workloads", PYTHON, account, requirements, LIBRARIES, serving=True)
        self.work = os.path.join(harness.WORK, "nothing-broken" + account.suffix)
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(WORKLOADS_DIR, os.path.join(self.work, "application"))
        shutil.copytree(os.path.join(DEMO, "application"), os.path.join(self.work, "demo"))
        os.makedirs(os.path.join(self.work, "wheels"))
        for library in LIBRARIES:
            wheel.build_wheel(os.path.join(harness.VICTIMS, "libraries", library), os.path.join(self.work, "wheels"))
        self.listener = harness.Listener()
        self.pages = drive.serve_pages(os.path.join(self.work, "wheels"))
        self.temporary = harness.short_folder(account)
        account.own(self.work)

    def run(self, name, which, before=()):
        """One run of one workload in a fresh data folder; what went wrong, or ''."""
        data = os.path.join(self.work, f"{name}-{which}-data")
        shutil.rmtree(data, ignore_errors=True)
        os.makedirs(data)
        shutil.copytree(os.path.join(WORKLOADS_DIR, "projects"), os.path.join(data, "projects"))  # setuptools builds in them
        os.makedirs(os.path.join(data, "target", "wirelog", "older"))  # what an upgrade takes away
        self.account.own(data)
        port = harness.free_port()
        names = {"data": data, "port": port, "application": os.path.join(self.work, "application"),
                 "demo": os.path.join(self.work, "demo"), "wheels": os.path.join(self.work, "wheels"),
                 "projects": os.path.join(data, "projects"), "pages": self.pages}
        environment = {**self.account.environment(self.work), "WORKLOAD_DATA": data, "TMPDIR": self.temporary,
                       "XDG_RUNTIME_DIR": self.temporary}
        workload = WORKLOADS[name]
        argv = [*before, os.path.join(self.venv, "bin", "python"), *(word.format(**names) for word in getattr(workload, which))]
        if workload.client:
            return self._run_server(name, which, argv, port, environment, before)
        code, out, err = harness.run(argv, self.account, data, timeout=240, environment=environment)
        return "" if code == 0 else f"code {code}: {(out + err).strip()[-400:]}"

    def _run_server(self, name, which, argv, port, environment, before):
        log = os.path.join(self.work, f"{name}-{which}.log")
        service = harness.Service(argv, self.account, self.work, log, port, environment)
        try:
            if WORKLOADS[name].told and before and before[0] == harness.libguard_binary():
                self._tell_phase(environment)
            WORKLOADS[name].client(which, port, self.listener.other_port)
        except (OSError, AssertionError, harness.Broken) as error:
            return f"{type(error).__name__}: {error}: {service.tail()[-300:]}"
        finally:
            code = service.stop()
        return "" if code in (0, 143, -15) else f"ended with {code}: {service.tail()[-300:]}"

    def _tell_phase(self, environment):
        """Says from outside that the program of the one guard serves now."""
        tool = harness.libguard_binary()
        guard, = json.loads(harness.run([tool, "status", "--json"], self.account, self.work, environment=environment)[1])
        code, out, err = harness.run([tool, "phase", str(guard["program"]), "serving"], self.account, self.work,
                                     environment=environment)
        if code != 0:
            raise harness.Broken(f"phase: code {code}: {(out + err).strip()}")

    def application(self, name):
        return os.path.join(self.work, "demo" if name == "demo" else "application")


class Trial:
    """One workload and the files that it leaves."""

    def __init__(self, setting, name):
        self.setting, self.name = setting, name
        self.tool = "" if setting.unguarded else harness.libguard_binary()
        self.backend = ["--backend", setting.backend] if setting.backend else []
        self.fresh, self.cells = set(), None

    def file(self, key):
        return os.path.join(self.setting.work, f"{self.name}-{key}")

    def verb(self, *arguments):
        """A question to the tool; what is wrong with its answer."""
        code, out, err = harness.run([self.tool, *arguments], self.setting.account, self.setting.work)
        return "" if code == 0 else f"{' '.join(arguments[:2])}: code {code}: {(out + err).strip()[-300:]}"

    def guarded(self, which, policy, events, mode="enforce"):
        """Runs it under a policy: (deviations, what is wrong)."""
        if os.path.exists(self.file(events)):
            os.unlink(self.file(events))
        wrong = self.setting.run(self.name, which, [self.tool, "run", "--policy", self.file(policy), "--mode", mode, "--events",
                                                    self.file(events), "--summary", self.file("summary.json"), *self.backend,
                                                    "--app", self.setting.application(self.name), "--"])
        return harness.read_events(self.file(events)), wrong

    def learned(self, *kinds):
        """Records work, and makes the policy of the first kind; what is wrong."""
        for which in kinds:
            profile = self.file(which + ".json")
            wrong = self.setting.run(self.name, which, [self.tool, "record", "-o", profile, *self.backend, "--app",
                                                        self.setting.application(self.name), "--"])
            if wrong or not os.path.exists(profile):
                return f"record {which}: {wrong or 'no profile'}"
        return self.verb("policy", "new", self.file(kinds[0] + ".json"), "-o", self.file("policy.yaml"))

    def other_work(self, mode="enforce"):
        """What is wrong with work that must run."""
        events, wrong = self.guarded("other", "policy.yaml", "events.jsonl", mode)
        refusals = [f"refused {len(events)}: " + " / ".join(harness.tell_event(event) for event in events[:4])] if events else []
        return "; ".join([*refusals, *([wrong] if wrong else [])])

    def learned_and_other(self):
        for which in ("learn", "other", "new"):
            wrong = self.setting.run(self.name, which)
            if wrong:
                return f"unguarded {which}: {wrong}"
        if self.setting.unguarded:
            return ""
        wrong = self.learned("learn", "other")
        if wrong:
            return wrong
        self.fresh = pairs_of(self.file("other.json")) - pairs_of(self.file("learn.json"))
        self.cells = Cells(self.setting.account, self.setting.work, self.file("policy.yaml"), self.file("learn.json"))
        return "; ".join(filter(None, [self.other_work(), *self.too_little()]))

    def briefly(self):
        """The other work under enforce, then under detect, in which the kernel judges what it cannot refuse."""
        wrong = self.learned("learn") or self.other_work() or self.other_work("detect")
        if wrong:
            return wrong
        with open(self.file("summary.json"), encoding="utf-8") as file:
            judged = json.load(file)["counters"].get("kernel_judged", 0)
        print(f"{self.name}: {judged} calls judged in the kernel")
        return "" if judged or self.setting.backend == "notify" else "the kernel judged nothing"

    def too_little(self):
        """Which of the wanted numbers are not reached."""
        pairs = FEWER_PAIRS.get(self.name, WANTED_PAIRS)
        if len(self.fresh) < pairs:
            yield f"{len(self.fresh)} new pairs, wanted {pairs}"
        share, wanted = self.cells.share(self.cells.work, True), LESS_DENIED.get(self.name, WANTED_SHARE)
        if share < wanted:
            yield f"{share:.1%} of the cells denied as caller, wanted {wanted:.1%}"
        if any(now > before for now, before in zip(self.cells.counts(), GRANTED[self.name])):
            yield f"grants {self.cells.counts()} cells, once {GRANTED[self.name]}; --cells lists them"

    def new_work(self):
        """What is wrong with the refusals of work that is really new; prints each."""
        events, wrong = self.guarded("new", "policy.yaml", "new.jsonl")
        if wrong and not (events and WORKLOADS[self.name].stops):
            return wrong
        wrong = ""
        learned = {(harness.plain(library), right) for library, right in pairs_of(self.file("learn.json"))}
        for event in events:
            print(f"    {harness.tell_event(event)}")
            if all((culprit, event["right"]["name"]) in learned for culprit in harness.culprits_of(event)):
                wrong = wrong or f"{event['right']['name']} was learned for every culprit"
            grant = event.get("policy", {}).get("grant", "")
            if len(grant.splitlines()) != len(harness.culprits_of(event)):
                wrong = wrong or f"the event of {event['right']['name']} names no grant of one line for each culprit"
        return wrong or (self.accepted() if events else "new work was not noticed")

    def accepted(self):
        """What is still wrong with the new work after its deviations were accepted: of a run that refuses and of one that only tells."""
        policy = self.file("accepted.yaml")
        wrong = self.verb("policy", "accept", self.file("new.jsonl"), "--policy", self.file("policy.yaml"), "-o", policy)
        if wrong:
            return wrong
        told, wrong = self.guarded("new", "accepted.yaml", "told.jsonl", mode="detect")
        if told and not wrong:
            wrong = self.verb("policy", "accept", self.file("told.jsonl"), "--policy", policy, "-w")
        if wrong:
            return wrong
        events, wrong = self.guarded("new", "accepted.yaml", "accepted.jsonl")
        return wrong or (f"accepted, yet refused: {harness.tell_event(events[0])}" if events else "")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-user", action="store_true", help="if root: run everything as an ordinary user")
    parser.add_argument("--only", help="names, joined by commas")
    parser.add_argument("--unguarded", action="store_true", help="only show that the workloads work")
    parser.add_argument("--backend", help="of recording and running; else auto, which for an ordinary user is notify")
    parser.add_argument("--brief", action="store_true", help="only learn, and run the other work under enforce and detect")
    parser.add_argument("--pairs", action="store_true", help="print the pairs that learning had not seen")
    parser.add_argument("--cells", action="store_true", help="print the dangerous cells that each policy grants")
    return parser.parse_args()


def print_trial(trial, wrong, options):
    shown = trial.cells.columns() if trial.cells else ["-"] * 4
    print(f"{trial.name:16} {len(trial.fresh):<10} {shown[0]:8} {shown[1]:8} {shown[2]:8} {shown[3]:8} "
          f"{'FAILED ' + wrong if wrong else 'ok'}", flush=True)
    for library, right in sorted(trial.fresh) if options.pairs else ():
        print(f"    {library} {right}")
    for phase in ("init", "serving") if options.cells and trial.cells else ():
        as_caller = trial.cells.granted(phase, True)
        for cell in sorted(trial.cells.granted(phase, False)):
            print(f"    {phase} {cell[0]} {cell[1]} {'caller' if cell in as_caller else 'stack'}")


def print_shares(trials):
    total = sum(trial.cells.total for trial in trials)
    for text, as_caller in (("in any role", False), ("as caller", True)) if total else ():
        granted = sum(len(trial.cells.granted(trial.cells.work, as_caller)) for trial in trials)
        print(f"all {total} cells in the phase of work: {1 - granted / total:.1%} denied {text}")


def main():
    options = parse_arguments()
    names = options.only.split(",") if options.only else list(WORKLOADS)
    unknown = set(names) - set(WORKLOADS)
    if unknown:
        sys.exit(f"nothing_broken: no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    setting = Setting(harness.Account(options.as_user), options.backend, options.unguarded)
    print(f"{'':27}cells denied: init      serving\n{'workload':16} {'new pairs':10} {'any':8} {'caller':8} {'any':8} {'caller':8}")
    failed, trials = [], []
    for name in names:
        trial = Trial(setting, name)
        try:
            wrong = trial.briefly() if options.brief else trial.learned_and_other()
        except (harness.Broken, KeyError, ValueError) as error:
            wrong = repr(error)
        print_trial(trial, wrong, options)
        failed += [name] if wrong else []
        trials += [trial] if not options.unguarded and trial.cells else []
    for trial in trials:
        print(f"new work: {trial.name}")
        wrong = trial.new_work()
        failed += [trial.name + " (new)"] if wrong else []
        print(f"    {'FAILED ' + wrong if wrong else 'ok'}", flush=True)
    for name in sorted(set(LESS_DENIED) & set(names)) if not options.brief else ():
        print(f"{name}: {FEWER_PAIRS[name]} pair and {LESS_DENIED[name]:.0%} are enough; docs/decisions/denied-cells.md says why")
    print_shares(trials)
    print(f"{len(names) + len(trials) - len(failed)} passed, {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
