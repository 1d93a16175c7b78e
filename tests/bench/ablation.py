# SPDX-License-Identifier: Apache-2.0
"""Prints what each judging rule is worth: attacks refused and false refusals with the rule off.

Usage: ablation.py --ablation PROGRAM [--rules NAME,...] [--only VICTIM|WORKLOAD,...] [--no-attacks] [--no-work]
                   [--thorough] [--json FILE] [--as-user]
Profiles and policies are learned once, with all rules; then victims and workloads run once for each rule that is
switched off. Only the verdicts change, so a rule whose absence changes neither column is a candidate for removal.
Permitted work (twins, workloads) runs for those rules whose absence can refuse more; for the others, which only let
more pass, it runs if all rules together refused any, or with --thorough; else their zero follows and is shown as (0).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
import attack_corpus  # noqa: E402
import harness  # noqa: E402
import nothing_broken  # noqa: E402

ALL = "none"  # the name of "no rule is off"
# Without these somebody else is judged as caller; without any other rule fewer are judged.
CAN_REFUSE_MORE = {ALL, "hand-off", "direct-caller"}
NEW_WORK = ("numpy", "lxml", "requests")  # whose refusals of new work are counted


def with_rule(program, rule, before):
    """`libguard run OPTIONS --` with another program in its place."""
    if len(before) < 2 or before[1] != "run":
        return before
    return [program, "--off", rule, *before[2:]]


class Corpus(attack_corpus.Corpus):
    """The victims, guarded by the program that can switch a rule off."""

    rule, program = ALL, None

    def run(self, victim, mode, before=(), guarded=False):
        # What an earlier run without a rule left behind must not speak for this one.
        shutil.rmtree(os.path.join(self.work, victim.name, mode + ("-guarded" if guarded else "")), ignore_errors=True)
        return super().run(victim, mode, with_rule(self.program, self.rule, list(before)), guarded)


class Setting(nothing_broken.Setting):
    """The workloads, likewise."""

    rule, program = ALL, None

    def run(self, name, which, before=()):
        return super().run(name, which, with_rule(self.program, self.rule, list(before)))

    def path(self, name, key):
        return os.path.join(self.work, f"{name}-{key}")

    def learn(self, name):
        """Profile and policy of a workload; raises if there is none."""
        tool, profile, policy = harness.libguard_binary(), self.path(name, "learn.json"), self.path(name, "policy.yaml")
        wrong = self.run(name, "learn", [tool, "record", "--quiet", "-o", profile, "--app", self.application(name), "--"])
        if wrong:
            raise harness.Broken(f"record: {wrong}")
        code, out, err = harness.run([tool, "policy", "new", profile, "-o", policy], self.account, self.work)
        if code != 0:
            raise harness.Broken(f"policy new: {(out + err).strip()[-300:]}")

    def refusals(self, name, which):
        """(events of one guarded run, what the program did wrong)."""
        events = self.path(name, "events.jsonl")
        if os.path.exists(events):
            os.unlink(events)
        wrong = self.run(name, which, [harness.libguard_binary(), "run", "--policy", self.path(name, "policy.yaml"), "--mode",
                                       "enforce", "--events", events, "--app", self.application(name), "--"])
        return harness.read_events(events), wrong


class Row:
    """What happened with one rule off."""

    def __init__(self):
        self.refused, self.named, self.through = [], [], []
        self.twins_refused, self.work_refused, self.broken, self.new_refused = [], [], [], 0
        self.twins_run = self.work_run = False

    def count_attack(self, victim, made, events):
        (self.through if made else self.refused).append(victim.name)
        if not made and attack_corpus.right_event(victim, events):
            self.named.append(victim.name)

    def plain(self):
        return self.__dict__


def learn_all(learn, names):
    """The names that could be learned from; says why for the others."""
    ready = []
    for name in names:
        try:
            learn(name)
            ready.append(name)
        except (harness.Broken, OSError) as error:
            print(f"left out: {getattr(name, 'name', name)}: {error}", flush=True)
    return ready


def run_attacks(corpus, victims, rules, rows, thorough):
    policies = {}

    def learn(victim):
        policies[victim.name] = corpus.learn(victim)

    victims = learn_all(learn, victims)
    for rule in rules:
        corpus.rule, row = rule, rows[rule]
        row.twins_run = thorough or rule in CAN_REFUSE_MORE or bool(rows[ALL].twins_refused)
        for victim in victims:
            _, made, _, events = corpus.guarded(victim, "attack", policies[victim.name])
            row.count_attack(victim, made, events)
            if victim.twin == "none" or not row.twins_run:
                continue
            code, made, _, events = corpus.guarded(victim, "twin", policies[victim.name])
            if not made or code != 0 or events:
                row.twins_refused.append(victim.name)
        print(f"  {rule}: {len(row.refused)} of {len(victims)} attacks refused; through: {' '.join(row.through) or '-'}", flush=True)


def run_work(setting, names, rules, rows, thorough):
    names = learn_all(setting.learn, names)
    for rule in rules:
        setting.rule, row = rule, rows[rule]
        row.work_run = thorough or rule in CAN_REFUSE_MORE or bool(rows[ALL].work_refused)
        for name in names if row.work_run else ():
            events, wrong = setting.refusals(name, "other")
            row.work_refused += [f"{name}: {harness.tell_event(event)}" for event in events]
            row.broken += [f"{name}: {wrong}"] if wrong else []
        for name in [name for name in names if name in NEW_WORK]:
            row.new_refused += len(setting.refusals(name, "new")[0])
        print(f"  {rule}: {len(row.work_refused)} false refusals {' / '.join(row.work_refused[:3])}", flush=True)


def print_table(rows, says):
    base = rows[ALL]
    attacks = len(base.refused) + len(base.through)
    print(f"| rule off | what holds instead | attacks refused (of {attacks}) | culprit named | twins refused | "
          "false refusals | workloads broken | refusals of new work |")
    print("|---|---|---|---|---|---|---|---|")
    for rule, row in rows.items():
        name = "— (all rules)" if rule == ALL else rule
        twins = len(row.twins_refused) if row.twins_run else "(0)"
        work = [len(row.work_refused), len(row.broken)] if row.work_run else ["(0)", "(0)"]
        print(f"| {name} | {says[rule]} | {len(row.refused)} | {len(row.named)} | {twins} | {work[0]} | {work[1]} | {row.new_refused} |")
    print()
    for rule, row in rows.items():
        lost = [name for name in row.through if name not in base.through]
        if lost:
            print(f"* without `{rule}` get through: {', '.join(lost)}")
        unnamed = [name for name in base.named if name in row.refused and name not in row.named]
        if unnamed:
            print(f"* without `{rule}` are refused under another name: {', '.join(unnamed)}")
        more = [name for name in row.twins_refused if name not in base.twins_refused]
        if more:
            print(f"* without `{rule}` are refused though they are permitted work: {', '.join(more)}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ablation", required=True, help="the program built from tests/bench/ablation")
    parser.add_argument("--rules", help="rules to switch off, joined by commas; all rules together always run")
    parser.add_argument("--only", help="victims and workloads, joined by commas")
    parser.add_argument("--no-attacks", action="store_true")
    parser.add_argument("--no-work", action="store_true")
    parser.add_argument("--thorough", action="store_true", help="run permitted work for every rule")
    parser.add_argument("--json", help="write what happened, by name, to this file")
    parser.add_argument("--as-user", action="store_true", help="if root: run everything as an ordinary user")
    return parser.parse_args()


def rules_of(program):
    text = subprocess.run([program, "--rules"], check=True, capture_output=True, text=True).stdout
    return dict(line.split("\t") for line in text.splitlines())


def main():
    options = parse_arguments()
    program = os.path.abspath(options.ablation)
    says = rules_of(program)
    wanted = [ALL, *(options.rules.split(",") if options.rules else [name for name in says if name != ALL])]
    chosen = set(options.only.split(",")) if options.only else None
    victims = [victim for victim in attack_corpus.manifest.victims()
               if not victim.hole and attack_corpus.kernel_has(victim.needs)]
    works = list(nothing_broken.WORKLOADS)
    unknown = set(wanted) - set(says) | (chosen or set()) - {victim.name for victim in victims} - set(works)
    if unknown:
        sys.exit(f"ablation: unknown: {', '.join(sorted(unknown))}")
    victims = [victim for victim in victims if not chosen or victim.name in chosen]
    works = [name for name in works if not chosen or name in chosen]
    rows, account = {rule: Row() for rule in wanted}, harness.Account(options.as_user)
    Corpus.program = Setting.program = program
    if victims and not options.no_attacks:
        run_attacks(Corpus(nothing_broken.PYTHON, account, None), victims, wanted, rows,
                    options.thorough)
    if works and not options.no_work:
        run_work(Setting(account, None), works, wanted, rows, options.thorough)
    print_table(rows, says)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({rule: row.plain() for rule, row in rows.items()}, file, indent=1)
    return 0 if rows[ALL].refused or rows[ALL].broken == [] else 1


if __name__ == "__main__":
    sys.exit(main())
