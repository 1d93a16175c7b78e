# SPDX-License-Identifier: Apache-2.0
"""The supervisor dies, starves, or meets more of something than it has room for."""

import errno
import glob
import json
import os
import random
import resource
import signal
import subprocess
import time

import harness
from setting import PYTHON, answers

FUNCTIONS = 12000
LIBRARIES = 1100


ENDED = "libguard: the supervisor of this guard has ended"


def survived(setting, run, what, refusals):
    """The program lives on, and its forbidden calls answer one of these errnos."""
    said = answers(run)
    setting.expect("alive to the end" in run.out, f"{what}: the program did not live on: {run.tell()}")
    after = said.get("after", [])
    setting.expect(len(after) == 4 and set(after) <= refusals, f"{what}: afterwards the forbidden calls answered {after}")
    return said


def told_once(setting, run, what):
    """The program itself has said that nobody judges any more."""
    setting.expect(run.err.count(ENDED) == 1, f"{what}: told {run.err.count(ENDED)} times that the supervisor has ended")


def killed_parent(setting):
    """SIGKILL to `libguard run` while eight threads make judged calls."""
    policy = setting.policy()
    chance = random.Random(1)
    for turn in range(20 if setting.full else 6):
        process = setting.start(setting.guarded(policy, *setting.victim("lonely", setting.marker, 8)))
        if not setting.await_line(process, "ready"):
            return
        time.sleep(chance.random() * 0.1)
        os.kill(process.pid, signal.SIGKILL)
        run = setting.finish(process, f"turn {turn}", 30, "go\n")
        said = survived(setting, run, f"turn {turn}", {errno.ENOSYS, errno.EPERM})
        told_once(setting, run, f"turn {turn}")
        setting.expect(run.code == -signal.SIGKILL, f"turn {turn}: exit {run.code}")
        setting.expect(set(said.get("after", [0])[1:]) == {errno.ENOSYS}, f"turn {turn}: {said.get('after')}, not ENOSYS")
        setting.expect(said.get("write") == errno.ENOSYS, f"turn {turn}: a judged write answered {said.get('write')}")
        setting.expect(not os.path.exists(setting.path("written-after")), f"turn {turn}: written without a judge")


def supervisor_of(setting, program, seconds=10):
    """The detached supervisor announces itself."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in glob.glob(setting.path("libguard/*.json")):
            try:
                with open(path, encoding="utf-8") as file:
                    told = json.load(file)
            except (OSError, ValueError):
                continue
            if told.get("program") == program:
                return told["supervisor"]
        time.sleep(0.02)
    raise harness.Broken("no detached supervisor announced itself")


def detached_environment(setting, policy):
    return setting.environment(LD_PRELOAD=harness.client_library(), LIBGUARD_POLICY=policy, LIBGUARD_MODE="enforce",
                               LIBGUARD_EVENTS=setting.path("events.jsonl"), LIBGUARD_APP=setting.application)


def start_detached(setting, policy, *command):
    """A program that opens the detached door; setpriv must not open it first."""
    environment = detached_environment(setting, policy)
    inner = [f"{name}={environment.pop(name)}" for name in list(environment) if name.startswith(("LD_", "LIBGUARD_"))]
    return setting.start(["/usr/bin/env", *inner, *command], env=environment)


def killed_detached(setting):
    """SIGKILL to the detached supervisor."""
    policy = setting.policy()
    chance = random.Random(2)
    for turn in range(20 if setting.full else 6):
        process = start_detached(setting, policy, *setting.victim("lonely", setting.marker, 8))
        if not setting.await_line(process, "ready"):
            return
        supervisor = supervisor_of(setting, process.pid)
        time.sleep(chance.random() * 0.1)
        os.kill(supervisor, signal.SIGKILL)
        run = setting.finish(process, f"turn {turn}", 30, "go\n")
        said = survived(setting, run, f"turn {turn}", {errno.ENOSYS, errno.EPERM})
        told_once(setting, run, f"turn {turn}")
        setting.expect(run.code == 0, f"turn {turn}: exit {run.code}: {run.err[-200:]!r}")
        setting.expect(said.get("write") == errno.ENOSYS, f"turn {turn}: a judged write answered {said.get('write')}")
    setting.expect(harness.read_events(setting.path("events.jsonl")), "no event was written before the supervisor ended")


PERMITTING = ("version: 1\nmode: enforce\nlibraries:\n  application:\n    grant: { any: [\"@process\", \"@exec\"] }\n"
              "    functions: { \"@process\": [\"permitted.start\", \"permitted.in_child\"], "
              "\"@exec\": [\"permitted.start\", \"permitted.again\"] }\n"
              "  pkg:deb/debian/coreutils: { grant: [\"@file-write\", \"@file-meta\"] }\n")


def both_doors(setting):
    """What may be done is done and what may not is refused, wherever in the tree: whatever lets the supervisor read memory."""
    policy, folder = setting.policy(PERMITTING), setting.path("made")
    os.makedirs(folder)
    setting.account.own(folder)
    victim = setting.victim("permitted", folder, setting.marker)
    for door, process in (("parent", lambda: setting.start(setting.guarded(policy, *victim, options=["--quiet"]))),
                          ("detached", lambda: start_detached(setting, policy, *victim))):
        run = setting.finish(process(), door)
        said = answers(run)
        setting.expect(run.code == 0 and "alive to the end" in run.out, f"{door}: the program did not live on: {run.tell()}")
        for place in ("first", "thread", "child", "grandchild", "program"):
            setting.expect(said.get(place) == [0, -errno.EPERM], f"{door}: {place}: answers {said.get(place)}")
            if setting.expect(os.path.exists(os.path.join(folder, place)), f"{door}: {place}: what may be done was not done"):
                os.unlink(os.path.join(folder, place))


def many_functions(setting):
    lines = ["FUNCTIONS = []\n"]
    for number in range(FUNCTIONS):
        name = f"function_{number}_{'long' * 110}"
        lines.append(f"def {name}(call, argument):\n    return call(argument)\nFUNCTIONS.append({name})\n")
    setting.write("application/many.py", "".join(lines))


def address_space(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def hungry(setting):
    """The supervisor's address space is closed under it: it ends with one line, and everything judged is refused."""
    many_functions(setting)
    policy = setting.policy()
    # One heap: other ones reserve address space that the limit would not touch.
    process = setting.start(setting.guarded(policy, *setting.victim("hungry", setting.marker), options=["--quiet"]),
                            env=setting.environment(MALLOC_ARENA_MAX="1"))
    if not setting.await_line(process, "ready"):
        return
    limit = ["prlimit", "--pid", str(process.pid), f"--as={address_space(process.pid) + 65536}"]
    if subprocess.run(setting.account.command(limit), capture_output=True).returncode != 0:
        raise harness.Broken("no limit can be set")
    run = setting.finish(process, "run", 120, "go\n")
    survived(setting, run, "run", {errno.ENOSYS, errno.EPERM})
    setting.expect(run.code in (0, 125), f"exit {run.code}")
    # The program, which lives on, may say so too: its line is no line of the supervisor's.
    setting.expect(run.err.count(ENDED) <= 1, f"told {run.err.count(ENDED)} times that the supervisor has ended")
    run.err = "".join(line for line in run.err.splitlines(True) if not line.startswith(ENDED))
    if run.code == 125:
        setting.expect_line(run, "run", 125, "memory")
    else:
        setting.expect(False, "the supervisor got along with its memory: the case shows nothing")


def loader_runs(setting, limit):
    """Is there address space for the program's file and the dynamic loader, which only lists here what it would load?"""
    done = subprocess.run([*limit, "/usr/bin/env", "LD_TRACE_LOADED_OBJECTS=1", setting.tool], capture_output=True)
    return done.returncode >= 0


def starved_start(setting):
    """Too little address space to start: nothing runs, or all is guarded.

    Where not even the program's file can be mapped, the kernel ends it without a word of anybody.
    """
    policy = setting.policy()
    started = refused = 0
    for megabytes in (6, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64, 96, 128, 256):
        limit = ["prlimit", f"--as={megabytes << 20}", "--"]
        for name in ("marker.started", "work-done"):
            if os.path.exists(setting.path(name)):
                os.unlink(setting.path(name))
        if not loader_runs(setting, limit):
            setting.expect(not refused and not started, f"{megabytes} MiB: no loader, but there was one with less")
            continue
        run = setting.run(limit + setting.guarded(policy, *setting.victim("plain", setting.marker)), f"{megabytes} MiB")
        if os.path.exists(setting.path("marker.started")):
            started += 1
            continue
        refused += 1
        setting.expect(run.code not in (0, None) and run.code >= 1, f"{megabytes} MiB: exit {run.code}: {run.err[-200:]!r}")
        setting.expect(run.err.strip() != "", f"{megabytes} MiB: not one line")
    setting.note(f"{started} started, {refused} did not")
    setting.expect(refused > 0, "no limit was too small")


def make_libraries(setting):
    venv = setting.path("venv")
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", venv], check=True)
    site = glob.glob(os.path.join(venv, "lib", "python*", "site-packages"))[0]
    for number in range(1, LIBRARIES + 1):
        name = f"lib{number:04}"
        source = (f"import os\n\n\ndef write(path):\n    try:\n        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))\n"
                  f"    except OSError:\n        return False\n    return True\n\n\ndef strike(marker):\n    try:\n"
                  f"        os.posix_spawn('/usr/bin/touch', ['touch', marker], {{}})\n    except OSError as error:\n"
                  f"        return error.errno\n    return 0\n")
        info = os.path.join(site, f"{name}-1.0.dist-info")
        os.makedirs(info)
        files = {f"{site}/{name}.py": source, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
                 f"{info}/RECORD": f"{name}.py,,\n{name}-1.0.dist-info/METADATA,,\n{name}-1.0.dist-info/RECORD,,\n"}
        for path, text in files.items():
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    setting.account.own(setting.work)
    return os.path.join(venv, "bin", "python")


def libraries(setting):
    """1,100 libraries that all may write: those without a number of their own count as unknown and may not."""
    python = make_libraries(setting)
    grants = "".join(f"  pkg:pypi/lib{number:04}: {{ grant: [\"@file-write\"] }}\n" for number in range(1, LIBRARIES + 1))
    policy = setting.policy("version: 1\nmode: enforce\nlibraries:\n" + grants)
    run = setting.run(setting.guarded(policy, *setting.victim("crowd", setting.marker, LIBRARIES, python=python)), "run", 240)
    said = answers(run)
    setting.expect(run.code == 0 and "alive to the end" in run.out, f"the program did not live on: {run.tell()}")
    written, refused = said.get("written", []), said.get("refused", [])
    setting.expect(950 < len(written) <= 1020, f"{len(written)} libraries wrote")
    setting.expect(len(refused) >= LIBRARIES - 1020 and min(refused, default=0) > 900, f"refused: {len(refused)}, first {refused[:3]}")
    setting.expect(not any(os.path.exists(setting.path(f"by-{number:04}")) for number in refused), "a refused file was made")
    setting.expect(said.get("forbidden") == [errno.EPERM], f"forbidden calls answered {said.get('forbidden')}")
    over = run.counter("libraries_over_limit")
    setting.expect(over >= len(refused), f"libraries_over_limit is {over}, refused {len(refused)}")
    setting.expect("libraries_over_limit" in run.err, f"not on stderr: {run.err[-200:]!r}")
    setting.note(f"{len(written)} wrote, {len(refused)} refused, counted {over}")


def threads(setting):
    """5,000 threads alive at once, each with a permitted and a forbidden judged call: a birth costs the same among many."""
    total = 5000
    run = setting.run(setting.guarded(setting.policy(), *setting.victim("threads", setting.marker, total)), "run", 120)
    said = answers(run)
    setting.expect(run.code == 0 and "alive to the end" in run.out, f"the program did not live on: {run.tell()}")
    setting.expect(said.get("answers") == {f"0 {errno.EPERM}": total}, f"answers: {said.get('answers')}")
    setting.expect(said.get("alive", 0) > total, f"only {said.get('alive')} threads were alive at once")
    setting.expect(run.summary.get("deviations") == total, f"deviations {run.summary.get('deviations')}")
    searches = run.counter("state_searches")
    setting.expect(0 < searches < total // 20, f"the list of thread states was searched {searches} times")
    setting.note(f"{said.get('seconds')} s, {searches} searches")


def churn(setting):
    """Threads that end while others are born: none is taken for another, none is lost, the supervisor forgets them."""
    total = 60000 if setting.full else 16000
    run = setting.run(setting.guarded(setting.policy(), *setting.victim("churn", setting.marker, total)), "run", 120)
    said = answers(run)
    setting.expect(run.code == 0 and "alive to the end" in run.out, f"the program did not live on: {run.tell()}")
    setting.expect(said.get("lost") == [], f"threads that could not be started: {said.get('lost')}")
    setting.expect(said.get("after") == errno.EPERM, f"afterwards a forbidden call answered {said.get('after')}")
    setting.expect(run.counter("tasks") >= total, f"births counted: {run.counter('tasks')}")
    setting.expect(run.counter("unknown_makers") == 0 and run.counter("unmet") == 0, f"lost: {run.summary.get('counters')}")


def deep(setting):
    """More than 4096 frames: the walk stops and says so, the call is refused."""
    policy = setting.policy(
        "version: 1\nmode: enforce\nlibraries:\n"
        "  application: { grant: [\"@exec\", \"@process\"], functions: { \"@exec\": [\"deep.strike\"], \"@process\": [\"deep.strike\"] } }\n"
        "  pkg:deb/debian/coreutils: { grant: [\"@file-write\", \"@file-meta\"] }\n")
    twin = setting.path("twin")
    run = setting.run(setting.guarded(policy, *setting.victim("deep", twin, setting.marker)), "run")
    said = answers(run)
    setting.expect(said.get("shallow") == 0 and said.get("again") == 0 and os.path.exists(twin), f"the twin was refused: {run.tell()}")
    setting.expect(said.get("deep") == errno.EPERM, f"the deep call answered {said.get('deep')}: {run.tell()}")
    setting.expect(run.counter("truncated") >= 1 and "truncated" in run.err, f"truncated is not counted: {run.summary} {run.err[-200:]!r}")


CASES = [both_doors, killed_parent, killed_detached, hungry, starved_start, libraries, threads, churn, deep]
