# SPDX-License-Identifier: Apache-2.0
"""The guarded program as any other: births at a high rate, signals, exit statuses, input, timers."""

import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

from setting import answers
from terminal import Terminal

SPAWNING = ("version: 1\nmode: enforce\nlibraries:\n"
            "  application:\n    grant: { any: [\"@process\", \"@exec\"] }\n"
            "    functions: { \"@process\": [\"spawner.start_one\"], \"@exec\": [\"spawner.start_one\"] }\n")


def memory_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def descriptors(pid):
    """How many are held; to an ordinary user, who may not look into a supervisor, the room that they have taken."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("FDSize:"))


def fewest_descriptors(pid):
    """What is held for long: ends of programs are told late on a busy machine, and are then noticed together."""
    fewest = descriptors(pid)
    for _ in range(40):
        time.sleep(0.02)
        fewest = min(fewest, descriptors(pid))
    return fewest


def spawning(setting):
    """200 fork and exec a second; programs that try more than they may are refused; the supervisor does not grow."""
    seconds = 60 if setting.full else 10
    process = setting.start(setting.guarded(setting.policy(SPAWNING), *setting.victim("spawner", setting.marker, 200, seconds)))
    time.sleep(seconds * 0.3)
    early, held = memory_of(process.pid), fewest_descriptors(process.pid)
    time.sleep(seconds * 0.25)
    middle = memory_of(process.pid)
    time.sleep(seconds * 0.25)
    late, held_late = memory_of(process.pid), fewest_descriptors(process.pid)
    run = setting.finish(process, "run", seconds * 3 + 30)
    said = answers(run)
    made, ends = said.get("made", 0), said.get("ends", {})
    setting.expect(run.code == 0 and "alive to the end" in run.out, f"the program did not live on: {run.tell()}")
    setting.expect(said.get("rate", 0) >= 100, f"only {said.get('rate', 0):.0f} a second")
    setting.expect(ends == {"permitted 0": made - (made + 9) // 10, "forbidden 2": (made + 9) // 10}, f"the programs ended {ends}")
    setting.expect(run.counter("programs") >= made, f"programs {run.counter('programs')} of {made}")
    # What is read once, late on a busy machine (the lists of packages), grows in one half of the time; a leak in both.
    setting.expect(min(middle - early, late - middle) < 1024, f"the supervisor grew from {early} to {middle} to {late} kB")
    setting.expect(held_late - held < 20, f"the supervisor held {held}, then {held_late} descriptors")
    setting.expect(not run.counter("unknown_makers"), f"unknown makers: {run.counter('unknown_makers')}")
    setting.note(f"{made} programs, {said.get('rate', 0):.0f}/s, {early} → {late} kB")


def interrupted_recording(setting):
    """Ctrl-C in a terminal: the program is interrupted, the profile is kept, the status is 130."""
    profile = setting.path("profile.json")
    argv = [setting.tool, "record", "-o", profile, "--app", setting.application, "--", *setting.victim("record_me", "wait")]
    terminal = Terminal(setting, argv)
    if terminal.wait_for("ready"):
        time.sleep(1.2)  # for a second progress line
        terminal.type("\x03")
    status = terminal.close()
    setting.expect(status == 130, f"exit {status}: {terminal.seen[-300:]!r}")
    setting.expect("KeyboardInterrupt" in terminal.seen, f"the program was not interrupted: {terminal.seen[-300:]!r}")
    setting.expect("recording 0:0" in terminal.seen, f"no progress line: {terminal.seen[:300]!r}")
    try:
        with open(profile, encoding="utf-8") as file:
            setting.expect(len(json.load(file)["observations"]) > 0, "the profile is empty")
    except (OSError, ValueError) as error:
        setting.expect(False, f"the profile: {error}")


def late_interrupt(setting):
    """Ctrl-C and kill that reach libguard when the program has ended: its exit status and the profile are kept."""
    profile = setting.path("late.profile")
    os.mkfifo(profile)
    os.chmod(profile, 0o666)
    argv = [setting.tool, "record", "-o", profile, "--app", setting.application, "--", "/bin/sh", "-c", "sleep 0.5; exit 7"]
    process = subprocess.Popen(setting.account.command(argv), cwd=setting.work, env=setting.environment(), stderr=subprocess.PIPE)
    end = time.monotonic() + 20
    while time.monotonic() < end and pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text() == "":
        time.sleep(0.01)  # it has not begun
    while time.monotonic() < end and pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text() != "":
        time.sleep(0.01)
    time.sleep(0.3)  # it waits for a reader of the profile
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
    with open(profile, encoding="utf-8") as file:
        setting.expect(len(json.load(file)["observations"]) > 0, "the profile is empty")
    said = process.stderr.read().decode(errors="replace")
    setting.expect(process.wait(20) == 7, f"exit {process.returncode}: {said[-300:]!r}")


def states_of(group):
    """How the processes of a process group are: "R" running, "S" waiting, "T" stopped."""
    found = ""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, _, its_group = file.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        found += state if int(its_group) == group else ""
    return found


def job_control(setting):
    """A guarded job of an interactive shell: Ctrl-Z stops it and its supervisor, fg goes on with both, Ctrl-C ends it."""
    command = shlex.join(setting.guarded(setting.policy(), *setting.victim("plain", setting.marker, "wait"), options=["--quiet"]))
    terminal = Terminal(setting, ["/bin/bash", "--norc", "--noprofile", "-i"], PS1="shell> ", TERM="dumb")
    for turn in range(3):
        terminal.type(command + "\n" if turn == 0 else "fg\n")
        begun = terminal.wait_for("ready" if turn == 0 else "libguard run")
        time.sleep(0.3)
        terminal.type("\x1a")
        if not setting.expect(begun and terminal.wait_for("Stopped"), f"turn {turn}: not stopped: {terminal.seen[-300:]!r}"):
            break
        terminal.type("echo group=$(jobs -p)\n")
        if setting.expect(terminal.wait_for("\ngroup="), f"turn {turn}: no shell: {terminal.seen[-300:]!r}"):
            terminal.wait_for("shell>")
            group = int(re.search(r"\ngroup=(\d+)", terminal.seen)[1])
            setting.expect(set(states_of(group)) == {"T"} and len(states_of(group)) == 2, f"turn {turn}: {states_of(group)}, not both stopped")
    terminal.type("fg\n")
    terminal.wait_for("libguard run")
    time.sleep(0.3)
    terminal.type("\x03")
    setting.expect(terminal.wait_for("interrupted"), f"not interrupted: {terminal.seen[-300:]!r}")
    terminal.type("echo status=$?\n")
    setting.expect(terminal.wait_for("\nstatus=130"), f"another status: {terminal.seen[-300:]!r}")
    terminal.type("exit\n")
    setting.expect(terminal.close() is not None, "HANG of the shell")
    setting.expect(not os.path.exists(setting.marker), "GOT THROUGH")


def signals(setting):
    """A signal to the supervisor reaches the program; its end by a signal is 128 + n."""
    policy = setting.policy()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
        process = setting.start(setting.guarded(policy, *setting.victim("plain", setting.marker, "wait"), options=["--quiet"]))
        if not setting.await_line(process, "ready"):
            return
        os.kill(process.pid, number)
        run = setting.finish(process, f"signal {number}", 30)
        setting.expect(run.code == 128 + number, f"signal {number}: exit {run.code}: {run.tell()}")
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
        run = setting.run(setting.guarded(policy, *setting.victim("plain", setting.marker, "signal", int(number))), f"own signal {number}")
        setting.expect(run.code == 128 + number, f"own signal {number}: exit {run.code}")


def statuses(setting):
    """Exit status and standard input are the program's own."""
    policy = setting.policy()
    for _ in range(5):
        for status in (0, 1, 3, 42, 125, 255):
            run = setting.run(setting.guarded(policy, *setting.victim("plain", setting.marker, "exit", status)), f"exit {status}")
            setting.expect(run.code == status, f"exit {status} became {run.code}")
    text = "some text\n" * 20000
    run = setting.run(setting.guarded(policy, *setting.victim("plain", setting.marker, "read")), "stdin", text=text)
    setting.expect(f"read {len(text)}" in run.out, f"stdin: {run.tell()}")
    run = setting.run(setting.guarded(policy, *setting.victim("plain", setting.marker), options=["--fail-on-deviation"]), "--fail-on-deviation")
    setting.expect(run.code == 3, f"--fail-on-deviation: exit {run.code}")
    setting.expect(run.summary.get("deviations", 0) >= 4, f"deviations {run.summary.get('deviations')}, of 4 attempts")
    for name, command, code in (("not found", "no-such-program", 127), ("not found by path", "/nowhere/program", 127),
                                ("not executable", setting.write("data", "text\n"), 126), ("a directory", setting.work, 126)):
        run = setting.run(setting.guarded(policy, command), name, env=setting.environment(PATH="/usr/bin:/bin"))
        setting.expect_line(run, name, code, "cannot run")


def timer(setting):
    """A 0.5 ms interval timer during path calls and forks: no EINTR that there would not be without a guard."""
    rounds = 4000 if setting.full else 1000
    binary = setting.path("timer")
    subprocess.run(["cc", "-O1", "-o", binary, os.path.join(os.path.dirname(os.path.abspath(__file__)), "victims", "timer.c")], check=True)
    os.chmod(binary, 0o755)
    policy = setting.policy("version: 1\nmode: enforce\nlibraries:\n  pkg:generic/timer: { grant: [\"@file-write\", \"@file-meta\", \"@process\"], "
                            "functions: { \"@process\": [\"<program>\"] } }\n"
                            "  application: { grant: [\"@file-write\", \"@file-meta\", \"@process\"], "
                            "functions: { \"@process\": [\"timer.<module>\", \"__main__.<module>\"] } }\n")
    for name, command in (("python", setting.victim("timer", rounds)), ("native", [binary, str(rounds)])):
        alone = answers(setting.run(command, f"{name} unguarded", 120))
        guarded_run = setting.run(setting.guarded(policy, *command), f"{name} guarded", 120)
        guarded = answers(guarded_run)
        setting.expect(guarded.get("ticks", 0) > 100, f"{name}: the timer did not run: {guarded_run.tell()}")
        setting.expect(not guarded.get("other"), f"{name}: {guarded.get('other')} calls failed otherwise: {guarded_run.err[-200:]!r}")
        more = guarded.get("interrupted", -1) - alone.get("interrupted", 0)
        setting.expect(more == 0, f"{name}: {more} EINTR more than unguarded, {guarded.get('opens', '?')} of them of open")
        setting.expect(guarded_run.counter("judged") >= 4 * rounds, f"{name}: judged only {guarded_run.counter('judged')} calls")
        setting.note(f"{name}: {guarded.get('ticks')} ticks")


CASES = [statuses, signals, interrupted_recording, late_interrupt, job_control, timer, spawning]
