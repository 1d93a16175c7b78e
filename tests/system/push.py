# SPDX-License-Identifier: Apache-2.0
"""A native program that pushes its libraries: 70 and 300 of them, 64 threads, forks, jumps, signals; what it costs.

Usage: push.py GUEST [--backend NAME] [--expect MECHANISM] [--as-user]. GUEST is tests/victims/native/push_guest.c, built. Under
enforce nothing that a library on the stack may not may pass, and nothing else may be refused, unless more states were
needed than there is room for: then all is refused, and counted. The same where the pages that tell the libraries are not in
memory, unless the kernel refuses by a mechanism that cannot wait for them. As root the deviations that the kernel counts under
detect are compared with those of notify. --expect: the kernel must have refused by that mechanism.
"""

import argparse
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

LIBRARIES = 300
CANNOT_WAIT = ("override", "fmod_ret")
SLOWEST = 15.0  # nanoseconds of enter and leave: a limit for busy machines, not the target


class Setting:
    def __init__(self, guest, account):
        self.guest, self.account = guest, account
        self.work = os.path.join(harness.WORK, "push" + account.suffix)
        shutil.rmtree(self.work, ignore_errors=True)
        self.folder = os.path.join(self.work, "libraries")
        for name in ("libraries", "application"):
            os.makedirs(os.path.join(self.work, name))
        for number in range(LIBRARIES):
            with open(os.path.join(self.folder, f"lib{number:03}.so"), "w", encoding="utf-8") as file:
                file.write(f"library {number}\n")
        with open(os.path.join(self.work, "policy.yaml"), "w", encoding="utf-8") as file:
            file.write(self.policy())
        account.own(self.work)

    def policy(self):
        lines = ["version: 1", "mode: enforce", 'defaults: ["@base", "@io", "@code-map", "@file-read"]', "libraries:",
                 f'  pkg:generic/{os.path.basename(self.guest)}: {{ grant: ["@local-socket", "@process"], functions: {{ "@process": ["<program>"] }} }}']
        for number in range(LIBRARIES):
            granted = ["@local-socket"] if number % 2 == 0 else []
            functions = ""
            if number < 2:  # these two fork
                granted.append("@process")
                functions = ', functions: { "@process": ["push_guest.works"] }'
            denied = "" if number % 2 == 0 else ', deny: ["openat:read"]'
            lines.append(f"  pkg:generic/lib{number:03}.so: {{ grant: {json.dumps(granted)}{functions}{denied} }}")
        return "\n".join(lines) + "\n"

    def run(self, backend, mode, verb, libraries, *more):
        """(what the guest told, events, counters)."""
        names = {key: os.path.join(self.work, f"{backend}-{mode}-{verb}-{libraries}.{key}") for key in ("events", "summary")}
        argv = [harness.libguard_binary(), "run", "--quiet", "--mode", mode, "--backend", backend, "--policy",
                os.path.join(self.work, "policy.yaml"), "--events", names["events"], "--summary", names["summary"], "--app",
                os.path.join(self.work, "application"), "--", self.guest, verb, self.folder, str(libraries), *map(str, more)]
        code, out, err = harness.run(argv, self.account, self.work, timeout=240)
        if code != 0:
            raise harness.Broken(f"{backend}, {verb}: code {code}: {(out + err).strip()[-600:]}")
        with open(names["summary"], encoding="utf-8") as summary:
            return json.loads(out), harness.read_events(names["events"]), json.load(summary)["counters"]


def lost(counters):
    return counters.get("pushes_lost", 0) + counters.get("kernel_pushes_lost", 0)


def check_refusals(setting, backend, expected):
    """Lines that say what is wrong."""
    for verb, libraries, more in (("near", 70, [2]), ("far", 300, [4]), ("forks", 70, [4]), ("jumps", 70, []), ("signals", 70, []),
                                  ("away", 70, [100])):
        told, events, counters = setting.run(backend, "enforce", verb, libraries, *more)
        seconds = counters.get("kernel_second_looks", 0)
        print(f"  {verb} {libraries}, {backend}: {told}, lost {lost(counters)}, unread {counters.get('kernel_faults', 0)}, "
              f"judged again {seconds}, refused by hooks {counters.get('kernel_refused_by_hooks', 0)}")
        if told["leaked"] or not told["refused"] or not told["right"]:
            yield f"{verb} {libraries}: {told}"
        # Hooks that may not wait refuse what they cannot read.
        unread = counters.get("kernel_faults", 0) if expected in CANNOT_WAIT else 0
        if (told["too_much"] > unread) != (verb == "far") or (lost(counters) > 0) != (verb == "far"):
            yield f"{verb} {libraries}: refused too much {told['too_much']}, unread {unread}, calls without room {lost(counters)}"
        if verb == "away" and expected and not (unread or seconds):
            yield "away: nothing was away"
        if {event["right"]["name"] for event in events} != {"socket:unix"} | ({"openat:read"} if verb == "away" else set()):
            yield f"{verb} {libraries}: events {[event['right']['name'] for event in events][:5]}"
        if expected and not counters.get("kernel_refused_by_hooks"):
            yield f"{verb} {libraries}: the kernel refused nothing"


def kinds(events):
    """(culprits, caller) of a right -> how often."""
    most = {}
    for event in events:
        key = (event["right"]["name"], event["caller"], tuple(sorted(harness.culprits_of(event))), event["id"])
        most[key] = max(most.get(key, 0), event["count"])
    total = {}
    for (*kind, _), number in most.items():
        total[tuple(kind)] = total.get(tuple(kind), 0) + number
    return total


def check_detect(setting):
    """Nothing is refused; the kernel names the same culprits as the supervisor does, as often."""
    results = {backend: setting.run(backend, "detect", "alone", 70, 20) for backend in ("notify", "bpf")}
    counted = {backend: kinds(events) for backend, (_, events, _) in results.items()}
    print(f"  detect: {len(counted['bpf'])} kinds of deviations, {sum(counted['bpf'].values())} calls")
    if counted["bpf"] != counted["notify"] or not counted["bpf"]:
        differing = {kind for kind in {*counted["bpf"], *counted["notify"]} if counted["bpf"].get(kind) != counted["notify"].get(kind)}
        yield f"detect: {[(kind, counted['bpf'].get(kind), counted['notify'].get(kind)) for kind in list(differing)[:3]]}"
    if not results["bpf"][2].get("kernel_judged"):
        yield "detect: the kernel judged nothing"
    if any(told["refused"] for told, _, _ in results.values()):
        yield "detect: something was refused"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("guest")
    parser.add_argument("--backend", default="notify")
    parser.add_argument("--expect", choices=["lsm", "override", "fmod_ret"])
    parser.add_argument("--as-user", action="store_true")
    options = parser.parse_args()
    setting = Setting(os.path.realpath(options.guest), harness.Account(options.as_user))
    wrong = [*check_refusals(setting, options.backend, options.expect)]
    if not options.expect:  # what a kernel in software shows no better than this one
        if options.backend != "notify":
            wrong += check_detect(setting)
        told, _, _ = setting.run(options.backend, "enforce", "cost", 70)
        print(f"  enter and leave: {told['nanoseconds']} ns")
        if told["nanoseconds"] > SLOWEST:
            wrong.append(f"enter and leave take {told['nanoseconds']} ns")
    for line in wrong:
        print("FAIL  " + line)
    print("push: " + ("failed" if wrong else "nothing leaked"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
