# SPDX-License-Identifier: Apache-2.0
"""Places that cannot be written: found out before the program starts, or told at its end; old files stay whole."""

import os
import resource
import subprocess

from setting import answers

OLD = '{"format": "an old file that must not be lost"}\n'


def recorded(setting, profile, *more):
    return [setting.tool, "record", "-o", profile, "--app", setting.application, *more, "--", *setting.victim("record_me")]


def forget(setting):
    if os.path.exists(setting.path("started")):
        os.unlink(setting.path("started"))


def unwritable(setting):
    """No place for the profile: exit 125 before the program starts."""
    setting.write("a-file", "not a directory\n")
    os.makedirs(setting.path("a-directory"))
    setting.account.own(setting.work)
    closed = setting.path("closed")
    os.makedirs(closed, mode=0o555)
    places = {"missing directory": setting.path("missing/profile.json"), "a file as directory": setting.path("a-file/profile.json"),
              "a directory": setting.path("a-directory"), "a directory with slash": setting.path("a-directory/"),
              "proc": "/proc/profile.json", "empty": ""}
    if setting.account.entry or os.geteuid() != 0:
        places["closed directory"] = os.path.join(closed, "profile.json")
    for name, place in places.items():
        forget(setting)
        run = setting.run(recorded(setting, place), name)
        setting.expect_line(run, name, 125)
        setting.expect(not os.path.exists(setting.path("started")), f"{name}: the program was started")
    for name, place in (("events in a missing directory", setting.path("missing/events")), ("events in a directory", setting.path("a-directory"))):
        forget(setting)
        run = setting.run(recorded(setting, setting.path("profile.json"), "--events", place), name)
        setting.expect_line(run, name, 125, "events")
        setting.expect(not os.path.exists(setting.path("started")), f"{name}: the program was started")


def full_events(setting):
    """Events to a full device: refusing goes on, one line, the loss counted, the program unaffected."""
    run = setting.run(setting.guarded(setting.policy(), *setting.victim("plain", setting.marker), options=["--events", "/dev/full"]), "run")
    setting.expect(run.code == 0 and "alive to the end" in run.out, f"the program was affected: {run.tell()}")
    setting.expect(run.err.count("cannot write events") == 1, f"not one line: {run.err[-300:]!r}")
    setting.expect(run.counter("events_unwritten") >= 1, f"events_unwritten: {run.summary}")


def small_disk(setting):
    """A real full disk: the profile cannot be written, the old one stays whole, nothing half-written remains."""
    disk = setting.path("disk")
    os.makedirs(disk)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k,mode=777", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        return by_file_size(setting)
    try:
        profile = os.path.join(disk, "profile.json")
        with open(profile, "w", encoding="utf-8") as file:
            file.write(OLD)
        os.chmod(profile, 0o666)
        ballast = os.open(os.path.join(disk, "ballast"), os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(ballast, b"x" * 4096)
        except OSError:
            os.close(ballast)
        recording_fails(setting, profile, {"profile.json", "ballast"})
        run = setting.run(setting.guarded(setting.policy(), *setting.victim("plain", setting.marker),
                                          options=["--events", os.path.join(disk, "events.jsonl")]), "events")
        setting.expect(run.code == 0 and "alive to the end" in run.out, f"events: the program was affected: {run.tell()}")
        setting.expect(run.err.count("cannot write events") == 1, f"events: not one line: {run.err[-300:]!r}")
        setting.expect(run.counter("events_unwritten") >= 1, f"events_unwritten: {run.summary}")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def recording_fails(setting, profile, files, **keywords):
    forget(setting)
    run = setting.run(recorded(setting, profile, "--quiet"), "record", **keywords)
    setting.expect(os.path.exists(setting.path("started")) and "alive to the end" in run.out, f"record: the program was affected: {run.tell()}")
    setting.expect_line(run, "record", 125, "profile.json")
    with open(profile, encoding="utf-8") as file:
        setting.expect(file.read() == OLD, "the old profile was changed")
    left = set(os.listdir(os.path.dirname(profile)))
    setting.expect(left == files, f"left behind: {left - files}")


def by_file_size(setting):
    """Where nothing can be mounted, and beside it: the supervisor may write only one byte to files."""
    folder = setting.path("limited")
    os.makedirs(folder, exist_ok=True)
    setting.write("limited/profile.json", OLD)
    setting.account.own(folder)
    recording_fails(setting, os.path.join(folder, "profile.json"), {"profile.json"},
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1)))
    policy = setting.policy()
    events = setting.write("limited/events.jsonl", "")
    run = setting.run(setting.guarded(policy, *setting.victim("lonely", setting.marker, 1), options=["--events", events]), "events", text="go\n",
                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1)))
    setting.expect("alive to the end" in run.out and run.code == 0, f"events: the program was affected: {run.tell()}")
    setting.expect(answers(run).get("after") == [1] * 4, f"events: forbidden calls answered {answers(run).get('after')}")
    setting.expect(run.err.count("cannot write events") == 1, f"events: not one line: {run.err[-300:]!r}")


def no_descriptors(setting):
    """The supervisor may open few files: it refuses to start, or guards."""
    policy = setting.policy()
    for limit in (3, 4, 6, 8, 10, 12, 16, 24, 64):
        for name in ("marker.started",):
            if os.path.exists(setting.path(name)):
                os.unlink(setting.path(name))
        run = setting.run(["prlimit", f"--nofile={limit}", "--", *setting.guarded(policy, *setting.victim("plain", setting.marker))], f"{limit}")
        if os.path.exists(setting.path("marker.started")):
            continue
        setting.expect(run.code not in (0, None) and run.code > 0, f"limit {limit}: exit {run.code}: {run.err[-200:]!r}")
        setting.expect(run.err.strip() != "", f"limit {limit}: not one line")




CASES = [unwritable, full_events, small_disk, by_file_size, no_descriptors]
