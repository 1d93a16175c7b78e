# SPDX-License-Identifier: Apache-2.0
"""Servers under the whitelists of their phases: learned from one run, what is outside kills, and the next run lives.

Usage: serving.py [NAME…]. Each server is recorded with a broad workload and run again under the policy that came of it and
of static analysis. In the second run a process that serves is made to call execve, ptrace and setuid, which is refused;
nothing else may be. The lists for serving must be short, and hold all that was recorded.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402
from analysis_workloads import WORKLOADS, apache2, bind9, lighttpd, memcached, nginx, redis  # noqa: E402
from injection import Stopped  # noqa: E402


def apache(tracer, directory):
    """Without CGI: the daemon that starts scripts serves as well, and would need execve. DAV brings a database along."""
    apache2(tracer, directory, programs=False)


def apache_plain(tracer, directory):
    """Without CGI and without DAV."""
    apache2(tracer, directory, programs=False, dav=False)


# Name -> (workload, prefork masters, calls that the list for serving may have at most).
SERVERS = {
    "nginx": (nginx, ["nginx"], 95),
    "redis": (redis, [], 90),
    "memcached": (memcached, [], 88),
    "apache2": (apache, ["apache2"], 92),
    "apache2-plain": (apache_plain, ["apache2"], 80),
    "lighttpd": (lighttpd, [], 94),
    "bind9": (bind9, [], 100),
}
# Arguments that no kernel accepts: a call that passes fails in another way than by EPERM.
HOSTILE = {"execve": (59, 0, 0, 0), "ptrace": (101, 3, 0x7fffffff, 0, 0), "setuid": (105, 0xffffffff)}
ACTIONS = '\nactions: { default: kill, "@exec": deny, "@inspect": deny, "@privilege": deny }\n'


class Intruder(threading.Thread):
    """Waits for the first process that serves, its own filter on it, and makes it do what its whitelist leaves out."""

    def __init__(self, events):
        super().__init__()
        self.events, self.answers, self.error, self.ended = events, {}, None, False

    def run(self):
        try:
            pid = self.serving_process()
            if pid is None:
                return
            with Stopped(pid) as process:
                for name, call in HOSTILE.items():
                    self.answers[name] = process.call(*call)
        except OSError as error:
            self.error = error

    def serving_process(self):
        while not self.ended:
            try:
                for event in harness.read_all_events(self.events):
                    if event["kind"] == "filter":
                        return event["pid"]
            except ValueError:
                pass  # its last line is being written
            time.sleep(0.05)
        return None


def program_of(name):
    return WORKLOADS[name.split("-")[0]][0]


def tool(*arguments):
    done = subprocess.run([harness.libguard_binary(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise harness.Broken(f"libguard {' '.join(arguments)}: {done.stderr.strip()}")


def folder():
    directory = tempfile.mkdtemp(prefix="serving-", dir=harness.WORK)
    os.chmod(directory, 0o777)
    return directory


def learn(name, work):
    """The policy made of one recording and of static analysis."""
    workload, masters, _ = SERVERS[name]
    profile, policy = os.path.join(work, "profile.json"), os.path.join(work, "policy.yaml")
    kept = ["--masters", ",".join(masters)] if masters else []
    command = [harness.libguard_binary(), "record", "--everyday", "--phases", "auto", *kept, "--app", work, "--quiet"]
    workload([*command, "-o", profile, "--"], folder())
    tool("policy", "new", profile, "--analyze", "-o", policy)
    with open(policy, "a", encoding="utf-8") as file:
        file.write(ACTIONS)
    return profile, policy


def lists(profile, work):
    """Calls of the run alone, and with static analysis; each for init and serving."""
    told = []
    for flags in ((), ("--analyze",)):
        for phase in ("init", "serving"):
            path = os.path.join(work, "list.json")
            tool("export", profile, "--phase", phase, "--runtime", "none", "--quiet", "-o", path, *flags)
            with open(path, encoding="utf-8") as file:
                told.append(set(json.load(file)["syscalls"][0]["names"]))
    return told


def check_lists(name, profile, program, work):
    """Sizes for people. What ran while the program served can be reached from where it stood when that began."""
    run_init, run_serving, both_init, both_serving = lists(profile, work)
    if not (run_serving <= both_serving <= both_init and run_init <= both_init):
        raise AssertionError("a list lacks what another has")
    reachable = os.path.join(work, "reachable.json")
    tool("analyze", program, "--seen", profile, "--json", "-o", reachable)
    with open(profile, encoding="utf-8") as file, open(reachable, encoding="utf-8") as static:
        seen, reached = json.load(file)["processes"][program]["serving"], json.load(static)["processes"][program]["serving"]
    beyond = {right.split(":")[0] for right in seen} - {right.split(":")[0] for right in reached}
    if beyond:
        raise AssertionError(f"made while serving, and not to be reached from there: {sorted(beyond)}")
    if len(both_serving) > SERVERS[name][2]:
        raise AssertionError(f"{len(both_serving)} calls on the list for serving")
    return [len(calls) for calls in (run_init, run_serving, both_init, both_serving)]


def check_events(path):
    """Deviations are the intruder's and no others, and each is of the whitelist; all that served had their own filter."""
    filters = [event["message"] for event in harness.read_all_events(path) if event["kind"] == "filter"]
    if set(filters) != {"on"}:
        raise AssertionError(f"filters of processes that serve: {filters}")
    events = harness.read_events(path)
    found = sorted((event["right"]["name"], event["action"], event["phase"], event["culprits"][0]["role"]) for event in events)
    wanted = sorted((name, "deny", "serving", "process") for name in HOSTILE)
    if found != wanted:
        raise AssertionError(f"deviations {found}, not {wanted}")


def check_profile(profile, program):
    """Files of code that really ran are named: the program's C library and the program itself."""
    with open(profile, encoding="utf-8") as file:
        code = json.load(file)["code"][program]
    names = {os.path.basename(path) for path in code}
    if not {"libc.so.6", "ld-linux-x86-64.so.2", os.path.basename(program)} <= names:
        raise AssertionError(f"code that ran: {sorted(names)}")


def check(name):
    work = folder()
    profile, policy = learn(name, work)
    program = os.path.realpath(program_of(name))
    check_profile(profile, program)
    sizes = check_lists(name, profile, program, work)
    events = os.path.join(work, "events.jsonl")
    intruder = Intruder(events)
    intruder.start()
    try:
        command = [harness.libguard_binary(), "run", "--policy", policy, "--events", events, "--app", work, "--quiet", "--"]
        SERVERS[name][0](command, folder())
    finally:
        intruder.ended = True
        intruder.join(30)
    if intruder.error:
        raise AssertionError(f"the intruder could not act: {intruder.error}")
    if intruder.answers != {call: -errno.EPERM for call in HOSTILE}:
        raise AssertionError(f"answers to the intruder: {intruder.answers}")
    check_events(events)
    print(f"ok      {name}: init and serving: run {sizes[0]} {sizes[1]}, static and run {sizes[2]} {sizes[3]}")
    shutil.rmtree(work)


def main(names):
    if os.geteuid() != 0:
        raise harness.Broken("servers that give up root are run as root")
    os.makedirs(harness.WORK, exist_ok=True)
    failed = 0
    for name in names or SERVERS:
        if not os.path.exists(program_of(name)):
            raise harness.Broken(f"{program_of(name)} is not there; run scripts/setup --tests")
        try:
            check(name)
        except (AssertionError, OSError, KeyError, RuntimeError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED  {name}: {error!r}")
    print(f"{len(names or SERVERS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except harness.Broken as error:
        sys.exit(f"serving: {error}")
