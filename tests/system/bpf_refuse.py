# SPDX-License-Identifier: Apache-2.0
"""The same policy refuses the same calls with the same errno, whoever refuses: hooks in the kernel, or the supervisor.

Under detect both let it pass, and tell the same.
Usage: bpf_refuse.py [--expect MECHANISM]. Needs root. A program that may not, and its twin that may, under
--backend=notify and --backend=auto; --expect lsm, override or fmod_ret: `doctor` must name that mechanism, and it must have
refused. --expect none: the kernel must not be asked to judge. What doctor says that the kernel refuses, the kernel
must have refused.
"""

import argparse
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

PYTHON = "/usr/bin/python3.11"
PROGRAM = '''
import errno, json, os, resource, socket, sys, threading

def attempt(work):
    try:
        work()
    except OSError as error:
        return errno.errorcode[error.errno]
    except ValueError:  # what the module resource makes of EPERM
        return "EPERM"
    return "done"

def in_thread(work):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(attempt(work)))
    thread.start()
    thread.join()
    return answers[0]

def in_child(work):
    child = os.fork()
    if child == 0:
        os._exit(0 if attempt(work) == "done" else 1)
    return "done" if os.waitpid(child, 0)[1] == 0 else "EPERM"

def nice():
    os.setpriority(os.PRIO_PROCESS, 0, 1)

work = {
    "socket:unix": lambda: socket.socket(socket.AF_UNIX).close(),
    "socketpair": lambda: [end.close() for end in socket.socketpair()],
    "setpriority": nice,
    "sched_setaffinity": lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)),
    "sixteen": lambda: [socket.socket(socket.AF_UNIX).close() for _ in range(16)],
    "prlimit64:self": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
}
answers = {name: attempt(one) for name, one in work.items()}
answers["in a thread"] = in_thread(work["socket:unix"])
answers["in a child"] = in_child(work["socket:unix"])
answers["priority"] = os.getpriority(os.PRIO_PROCESS, 0)
with open("alive.txt", "w") as file:
    file.write("what is not denied still works")
json.dump(answers, open(sys.argv[1], "w"))
'''
DENIED = ["socket:unix", "socketpair", "setpriority", "sched_setaffinity", "prlimit64:self"]
SOCKETS = DENIED[:2]  # the others could be aimed at the supervisor, which therefore sees them in any case
POLICY = """
version: 1
mode: enforce
libraries:
  application: {{ grant: ["@file-write", "@local-socket", "@resource", "@process"], functions: {{ "@process": {functions} }}{deny} }}
"""


KILLER = '''
import socket, sys
open(sys.argv[1], "w").write('"lived"')
socket.socket(socket.AF_UNIX)
open(sys.argv[1], "w").write('"lived on"')
'''
KILLS = """
version: 1
mode: enforce
libraries:
  application: { grant: ["@file-write"], deny: ["socket:unix"] }
actions: { "@local-socket": kill }
"""


class Setting:
    def __init__(self):
        self.account = harness.Account(as_user=False)
        self.work = os.path.join(harness.WORK, "bpf-refuse")
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(os.path.join(self.work, "application"))
        with open(os.path.join(self.work, "application", "main.py"), "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        for name, text in (("application/killer.py", KILLER), ("kills.yaml", KILLS)):
            with open(os.path.join(self.work, name), "w", encoding="utf-8") as file:
                file.write(text)
        for name, deny in (("denied", f", deny: {json.dumps(DENIED)}"), ("granted", "")):
            with open(os.path.join(self.work, name + ".yaml"), "w", encoding="utf-8") as file:
                file.write(POLICY.format(deny=deny, functions=json.dumps(["__main__.in_child", "main.in_child", "in_child"])))

    def path(self, name):
        return os.path.join(self.work, name)

    def run(self, backend, policy, mode="enforce", program="main.py", expected=0):
        """(answers of the program, deviations, counters)."""
        names = {key: self.path(f"{backend}-{policy}-{mode}.{key}") for key in ("answers", "events", "summary")}
        code, out, err = harness.run([harness.libguard_binary(), "run", "--mode", mode, "--backend", backend, "--policy", self.path(policy + ".yaml"),
                                      "--events", names["events"], "--summary", names["summary"], "--app", self.path("application"),
                                      "--", PYTHON, self.path("application/" + program), names["answers"]],
                                     self.account, self.work, timeout=120)
        if code != expected:
            raise harness.Broken(f"{backend}, {policy}: code {code}: {(out + err).strip()[-600:]}")
        with open(names["answers"], encoding="utf-8") as answers, open(names["summary"], encoding="utf-8") as summary:
            return json.load(answers), harness.read_events(names["events"]), json.load(summary)["counters"]


def mechanisms():
    """right -> mechanism, as doctor tells it."""
    code, out, err = harness.run([harness.libguard_binary(), "doctor", "--rights", "--json"], harness.Account(as_user=False), "/")
    if code not in (0, 1):
        raise harness.Broken(f"doctor: code {code}: {err.strip()[-300:]}")
    return {entry["right"]: entry["mechanism"] for entry in json.loads(out)["rights"]}


def told(events):
    return sorted({(event["right"]["name"], harness.plain(event["caller"]), event["action"], *sorted(harness.culprits_of(event)))
                   for event in events})


def check_detect(setting):
    """Nothing is refused, and both tell the same, as often; what is wrong."""
    results = {backend: setting.run(backend, "denied", "detect") for backend in ("notify", "bpf")}
    for backend, (answers, _, _) in results.items():
        wrong = {name: answer for name, answer in answers.items() if name != "priority" and answer != "done"}
        if wrong:
            yield f"detect, {backend}: refused {wrong}"
    by_notify, by_kernel = (told(results[backend][1]) for backend in ("notify", "bpf"))
    if by_notify != by_kernel or not by_notify:
        yield f"detect: events differ:\n    {by_kernel}\n    {by_notify}"
    if times(results["notify"][1]) != times(results["bpf"][1]):
        yield f"detect: counts differ:\n    {times(results['bpf'][1])}\n    {times(results['notify'][1])}"
    if not results["bpf"][2].get("kernel_judged"):
        yield "detect: the kernel judged nothing"


def check_kill(setting, expected):
    """Where the policy says kill, the process ends at that call; lines that say what is wrong."""
    for backend in ("notify", "auto"):
        answers, events, counters = setting.run(backend, "kills", program="killer.py", expected=137)
        print(f"  kill, {backend}: {answers}, {told(events)}, by hooks {counters.get('kernel_refused_by_hooks', 0)}")
        if answers != "lived" or [(event["right"]["name"], event["action"]) for event in events] != [("socket:unix", "kill")]:
            yield f"kill, {backend}: {answers}, {told(events)}"
    if expected and not counters.get("kernel_denied"):
        yield "kill: the kernel denied nothing"


def times(events):
    """right -> how often it deviated: of each kind the highest count."""
    kinds = {}
    for event in events:
        key = (event["right"]["name"], event["id"])
        kinds[key] = max(kinds.get(key, 0), event["count"])
    total = {}
    for (right, _), count in kinds.items():
        total[right] = total.get(right, 0) + count
    return total


def check(setting, expected):
    """Lines that say what is wrong."""
    doctor = mechanisms()
    in_kernel = [right for right in DENIED if "bpf refuses" in doctor[right]]
    print(f"  in the kernel: {', '.join(in_kernel) or 'none'}; by notify: {', '.join(r for r in DENIED if r not in in_kernel) or 'none'}")
    if expected and not all(f"by {expected}" in doctor[right] for right in SOCKETS):
        yield f"doctor does not name {expected}: {[doctor[right] for right in SOCKETS]}"
    results = {(backend, policy): setting.run(backend, policy) for backend in ("notify", "auto") for policy in ("denied", "granted")}
    for backend in ("notify", "auto"):
        answers, events, _ = results[backend, "denied"]
        wrong = {name: answers[name] for name in [*DENIED, "in a thread", "in a child"] if answers[name] != "EPERM"}
        if wrong or answers["priority"] != 0:
            yield f"{backend}: not refused: {wrong}, priority {answers['priority']}"
        if {right for right, *_ in told(events)} != set(DENIED):
            yield f"{backend}: events {told(events)}"
        answers, events, _ = results[backend, "granted"]
        wrong = {name: answer for name, answer in answers.items() if name != "priority" and answer != "done"}
        if wrong or events:
            yield f"{backend}: permitted work was refused: {wrong} {told(events)}"
    if told(results["auto", "denied"][1]) != told(results["notify", "denied"][1]):
        yield f"events differ:\n    {told(results['auto', 'denied'][1])}\n    {told(results['notify', 'denied'][1])}"
    refused = results["auto", "denied"][2].get("kernel_refused_by_hooks", 0)
    if bool(in_kernel) != bool(refused):
        yield f"doctor says that the kernel refuses {in_kernel}, it refused {refused} calls"


def check_refusal(setting):
    """Where the kernel passes programs over, it must not be asked to judge; what is wrong."""
    kernel = sorted(right for right, mechanism in mechanisms().items() if "bpf" in mechanism)
    if kernel:
        yield f"doctor says that the kernel does something about {kernel}"
    code, _, err = harness.run([harness.libguard_binary(), "run", "--backend", "bpf", "--policy", setting.path("denied.yaml"), "--app",
                                setting.path("application"), "--", "/bin/true"], harness.Account(as_user=False), "/")
    if code == 0 or "passes programs on system calls over" not in err:
        yield f"--backend bpf: code {code}: {err.strip()[-300:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--expect", choices=["lsm", "override", "fmod_ret", "none"])
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    setting = Setting()
    if arguments.expect == "none":
        wrong = [*check_refusal(setting), *check(setting, None), *check_kill(setting, None)]
    else:
        wrong = [*check_detect(setting), *check(setting, arguments.expect), *check_kill(setting, arguments.expect)]
    for line in wrong:
        print("FAIL  " + line)
    print("bpf_refuse: " + ("failed" if wrong else "same answers, same events"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
