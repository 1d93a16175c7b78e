# SPDX-License-Identifier: Apache-2.0
"""The main job on a real web service: record, policy, run, refuse, explain. Run by scripts/demo.

Usage: demo.py [--root] [--unguarded]. Ends with the table attack -> unguarded / guarded; exits 0 only if all
attacks succeeded unguarded, all were refused guarded, and every benign request was answered.
"""

import argparse
import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))
sys.path.insert(0, HERE)
import driver  # noqa: E402
import harness  # noqa: E402

LIBRARIES = ["simple_library", "deploytool", "fetcher", "wirelog", "gatekeeper"]
PYTHON = "/usr/bin/python3.11"


def say(text):
    print(text, flush=True)


class Demo:
    """One directory with the service, its data and what libguard made."""

    def __init__(self, account):
        self.account = account
        self.venv = harness.make_environment("demo", PYTHON, account, [os.path.join(HERE, "requirements.txt")], LIBRARIES)
        self.work = os.path.join(harness.WORK, "demo-run" + account.suffix)
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(os.path.join(HERE, "application"), os.path.join(self.work, "application"))
        self.application = os.path.join(self.work, "application")
        self.marker = os.path.join(self.work, "marker")
        self.events = os.path.join(self.work, "events.jsonl")
        account.own(self.work)
        self.listener = harness.Listener()
        self.listener.marker = self.marker
        self.told = set()

    def path(self, name):
        return os.path.join(self.work, name)

    def start(self, log, before=()):
        port = harness.free_port()
        argv = [*before, os.path.join(self.venv, "bin", "python"), os.path.join(self.application, "service.py"),
                "--port", str(port), "--data", self.path("data")]
        environment = self.account.environment(self.work)
        environment["SIMPLE_LIBRARY_COMMAND"] = self.command
        return harness.Service(argv, self.account, self.work, self.path(log), port, environment)

    @property
    def command(self):
        return f"/usr/bin/touch '{self.marker}'"

    def attack(self, service, attack):
        """Does it once: has it had an effect?"""
        if os.path.exists(self.marker):
            os.unlink(self.marker)
        driver.Client(service.port).send(attack.method, attack.path, attack.body, expect=range(0, 600))
        for _ in range(6):
            if os.path.exists(self.marker):
                return True
            time.sleep(0.05)
        return False

    def attacks(self):
        return driver.attacks(self.command, self.listener.port, harness.TOKEN.decode())

    def verb(self, *arguments):
        """A question to the tool; its answer."""
        code, out, err = harness.run([harness.libguard_binary(), *arguments], self.account, self.work)
        if code not in (0, 1):
            raise harness.Broken(f"libguard {' '.join(arguments)}: code {code}: {(out + err).strip()[-400:]}")
        return out

    def wait_until_it_serves(self, service, events):
        """The start is over when nothing of the service runs any more: libguard notices, and says so in an event."""
        end = time.monotonic() + 10
        while not any(event["kind"] == "phase" for event in harness.read_all_events(events)):
            if time.monotonic() > end:
                raise harness.Broken("the service did not come to its serving phase: " + service.tail())
            time.sleep(0.05)

    def new_events(self):
        """Deviations that were not told before."""
        fresh = [event for event in harness.read_events(self.events) if event["id"] not in self.told]
        self.told |= {event["id"] for event in fresh}
        return fresh


def run_unguarded(demo):
    service = demo.start("unguarded.log")
    try:
        client = driver.benign_to_learn(service.port, demo.listener.other_port)
        require_answers("unguarded", client)
        return {attack.name: demo.attack(service, attack) for attack in demo.attacks()}
    finally:
        service.stop()


def require_answers(what, *clients):
    """Every benign request must be answered."""
    asked, answered = sum(c.asked for c in clients), sum(c.answered for c in clients)
    say(f"  {what}: {answered} of {asked} benign requests answered")
    for client in clients:
        for line in client.wrong[:5]:
            say(f"    not answered: {line}")
    return asked == answered


def record(demo):
    service = demo.start("record.log", [harness.libguard_binary(), "record", "-o", demo.path("profile.json"), "--events",
                                        demo.path("record.jsonl"), "--phases", "quiescence", "--app", demo.application, "--"])
    try:
        demo.wait_until_it_serves(service, demo.path("record.jsonl"))
        answered = require_answers("recording", driver.benign_to_learn(service.port, demo.listener.other_port))
    finally:
        service.stop()
    if not os.path.exists(demo.path("profile.json")):
        raise harness.Broken("no profile was written: " + service.tail())
    demo.verb("policy", "new", demo.path("profile.json"), "-o", demo.path("policy.yaml"))
    demo.verb("report", demo.path("profile.json"), "-o", demo.path("heatmap.html"))
    say(f"  profile  {demo.path('profile.json')}\n  policy   {demo.path('policy.yaml')}\n  heatmap  {demo.path('heatmap.html')}")
    return answered


def tell_refusal(demo, attack, events):
    """One line for the attack and what libguard explains; is the culprit the right one?"""
    named = [event for event in events if harness.culprits_of(event) & set(attack.culprits)]
    if not named:
        say(f"    no event names {' or '.join(attack.culprits)}: {[harness.tell_event(event) for event in events]}")
        return False
    event = named[0]
    frames = [frame.get("frame") or harness.plain(frame) for frame in event.get("stack", [])]
    say(f"    culprits {', '.join(sorted(harness.culprits_of(event)))}; caller {harness.plain(event['caller'])}; "
        f"right {event['right']['name']}; stack {' < '.join(frames[:5])}")
    for line in demo.verb("explain", demo.events, event["id"]).splitlines():
        say("      | " + line)
    return True


def run_guarded(demo):
    """(effects by attack, all fine besides)."""
    service = demo.start("guarded.log", [harness.libguard_binary(), "run", "--policy", demo.path("policy.yaml"), "--mode",
                                         "enforce", "--events", demo.events, "--app", demo.application, "--"])
    effects, fine = {}, True
    try:
        demo.wait_until_it_serves(service, demo.events)
        client = driver.benign_other(service.port, demo.listener.other_port)
        fine &= require_answers("guarded, other requests", client)
        for event in demo.new_events():
            say(f"    false refusal: {harness.tell_event(event)}")
            fine = False
        for attack in demo.attacks():
            effects[attack.name] = demo.attack(service, attack)
            say(f"  {attack.name}: {'libguard should have stopped this' if effects[attack.name] else 'refused'}")
            if not effects[attack.name]:
                fine &= tell_refusal(demo, attack, demo.new_events())
            fine &= driver.Client(service.port).send("GET", "/health")[0] == 200
        fine &= require_answers("guarded, after the attacks", driver.benign_other(service.port, demo.listener.other_port))
    finally:
        service.stop()
    return effects, fine


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", action="store_true", help="as root: the programs in the kernel record, and refuse what they can")
    parser.add_argument("--unguarded", action="store_true", help="only show that the attacks work")
    options = parser.parse_args()
    if options.root and os.geteuid() != 0:
        raise harness.Broken("--root: the programs in the kernel need root")
    demo = Demo(harness.Account(not options.root))
    say("1. The service without a guard")
    unguarded = run_unguarded(demo)
    guarded, fine = {}, True
    if not options.unguarded:
        say("2. Recorded while benign requests are answered")
        fine &= record(demo)
        say("3. Under its policy: other benign requests, then the attacks")
        guarded, well = run_guarded(demo)
        fine &= well
    say("")
    say(f"{'attack':32} {'unguarded':10} guarded")
    for name, effect in unguarded.items():
        shown = {None: "-", True: "effect", False: "refused"}[guarded.get(name)]
        say(f"{name:32} {'effect' if effect else 'no effect':10} {shown}")
    fine &= all(unguarded.values()) and not any(guarded.values())
    say("all as wanted" if fine else "NOT as wanted: see the lines above")
    return 0 if fine else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except harness.Broken as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(125)
