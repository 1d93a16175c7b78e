# SPDX-License-Identifier: Apache-2.0
"""Wrong words and wrong files: one line with a hint and the documented exit code, never a crash, never an open door."""

import os
import random
import re
import socket
import struct

RICH = """version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:
  pkg:pypi/requests: { grant: ["@file-write"] }
  pkg:pypi/urllib3@2.0.1: { grant: { caller: ["@net-out"] } }
  # a comment that stays
  pkg:pypi/deploytool: { grant: { init: { caller: ["@process"] } }, functions: { "@process": ["deploytool.ship.run"] } }
  pkg:maven/org.apache.logging.log4j/log4j-core: { deny: ["@net-out", "openat:write"], because: "CVE-2021-44228" }
actions: { default: deny, "@net-out": kill }
phases: { serving: { starts: ready } }
"""
NASTY = (b"\0", b"\xff\xfe", b"{", b"}", b"[", b"]", b'"', b"\\u0000", b"\\ud800", b": ", b"- ", b"&a ", b"*a ", b"!!binary ", b"1e999",
         b"-1", b"99999999999999999999", b"null", b"true", b"\n", b"\t", b"\xc3\x28", b"<<: *a\n", b"%YAML 9.9\n", b"---\n", b"\xef\xbb\xbf")


def mutated(chance, data):
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        kind, at = chance.randrange(7), chance.randrange(len(data) + 1)
        if kind == 0:
            data = data[:at]
        elif kind == 1 and data:
            data[at % len(data)] = chance.randrange(256)
        elif kind == 2:
            data[at:at] = chance.choice(NASTY)
        elif kind == 3:
            del data[at: at + chance.randrange(1, 40)]
        elif kind == 4:
            data[at:at] = data[at: at + chance.randrange(1, 200)] * chance.randrange(1, 4)
        elif kind == 5:
            data[at:at] = chance.choice(NASTY) * chance.choice((10, 3000))
        else:
            end = min(len(data), at + 30)
            data[at:end] = bytes(reversed(data[at:end]))
        data = data or bytearray(b" ")
    return bytes(data)


def handmade():
    deep = 20000
    return [b"", b" ", b"\0" * 4096, b"[" * deep, b"{\"a\":" * deep, b"- " * deep, b"[" * deep + b"]" * deep, b"a: &a [*a]\n",
            b"a: &a {b: *a}\n", b"x" * 3000000, b"version: 1\n" * 5000, b"version: 1\nlibraries: [1, 2]\n", b"version: 1\nlibraries: 7\n",
            b"version: {}\n", b"version: 1\nmode: [enforce]\n", b"version: 1\nmode: enforce\nlibraries: { ? [a, b] : c }\n",
            b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
            b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
            b"g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n"]


def looked_at(setting, argv, what, codes):
    """One question: documented exit code, and trouble is one line with a hint."""
    run = setting.run(argv, what, 30)
    if not setting.expect(run.code in codes, f"{what}: exit {run.code}: {run.err[-200:]!r}"):
        return run
    if run.code in (2, 125):
        lines = [line for line in run.err.splitlines() if line.startswith("libguard: ")]
        setting.expect(len(lines) == 1 and "\nhint: " in run.err, f"{what}: not one line and a hint: {run.err[-300:]!r}")
        setting.expect(len(run.err) < 4000, f"{what}: {len(run.err)} bytes of words")
    return run


def hostile_policies(setting):
    """Truncated, mutated and handmade policies by `policy check` and `run`."""
    chance = random.Random(3)
    count, troubles = (3000 if setting.full else 160), 0
    samples = handmade() + [mutated(chance, RICH.encode()) for _ in range(count)]
    samples += [RICH.encode()[:size] for size in range(0, len(RICH), 40)]
    for number, data in enumerate(samples):
        path = setting.write("hostile.yaml", data)
        run = looked_at(setting, [setting.tool, "policy", "check", path], f"check {number}", (0, 1, 2))
        troubles += run.code == 2
        if number % 4 == 0:
            looked_at(setting, setting.guarded(path, *setting.victim("plain", setting.marker), options=["--quiet"]), f"run {number}", (0, 125))
        if number % 5 == 0:
            for verb in ("fmt", "explain"):
                looked_at(setting, [setting.tool, "policy", verb, path], f"{verb} {number}", (0, 1, 2))
        if setting.wrong:
            setting.write(f"sample-{number}", data)
            if len(setting.wrong) > 8:
                break
    setting.expect(troubles > count // 4, f"only {troubles} of {len(samples)} were trouble")
    setting.note(f"{len(samples)} policies, {troubles} refused")


def record(setting):
    profile = setting.path("good.json")
    run = setting.run([setting.tool, "record", "-o", profile, "--quiet", "--app", setting.application, "--", *setting.victim("record_me")], "record")
    setting.expect(run.code == 0 and os.path.exists(profile), f"record: {run.tell()}")
    with open(profile, "rb") as file:
        return profile, file.read()


def hostile_profiles(setting):
    """Truncated, mutated and handmade profiles by `policy new`, `merge`, `report` and a policy that pins one."""
    good, data = record(setting)
    chance = random.Random(4)
    count, troubles = (2000 if setting.full else 120), 0
    samples = handmade() + [mutated(chance, data) for _ in range(count)]
    samples += [data[:size] for size in range(0, len(data), max(1, len(data) // 20))]
    policy = setting.policy("version: 1\nmode: enforce\nprofile: { file: hostile.json }\nlibraries: {}\n", "pinning.yaml")
    for number, sample in enumerate(samples):
        path = setting.write("hostile.json", sample)
        questions = ([["policy", "new", path, "-o", setting.path("new.yaml")]], [["merge", good, path, "-o", setting.path("merged.json")]],
                     [["report", path, "--format", "text"]], [["report", path, "-o", setting.path("report.html")]],
                     [["policy", "diff", good, path]], [["merge", "--check", good, path]])
        for question in questions[number % len(questions)]:
            run = looked_at(setting, [setting.tool, *question], f"{question[0]} {number}", (0, 1, 2))
            troubles += run.code == 2
        if number % 6 == 0:
            looked_at(setting, setting.guarded(policy, *setting.victim("plain", setting.marker), options=["--quiet"]), f"run {number}", (0, 125))
        if setting.wrong:
            setting.write(f"sample-{number}", sample)
            if len(setting.wrong) > 8:
                break
    setting.expect(troubles > count // 4, f"only {troubles} of {len(samples)} were trouble")
    setting.note(f"{len(samples)} profiles, {troubles} refused")


def hostile_events(setting):
    """Truncated and mutated events by `explain`, `policy accept`, `policy test` and `report`."""
    events = setting.path("events.jsonl")
    policy = setting.policy()
    setting.run(setting.guarded(policy, *setting.victim("plain", setting.marker), options=["--events", events]), "run")
    good, _ = record(setting)
    with open(events, "rb") as file:
        data = file.read()
    chance = random.Random(5)
    samples = handmade() + [mutated(chance, data) for _ in range(1000 if setting.full else 60)]
    for number, sample in enumerate(samples):
        path = setting.write("hostile.jsonl", sample)
        question = (["explain", path], ["policy", "accept", path, "--policy", policy], ["policy", "test", policy, path],
                    ["report", good, "--events", path, "--format", "text"])[number % 4]
        looked_at(setting, [setting.tool, *question], f"{' '.join(question[:2])} {number}", (0, 1, 2))
        if len(setting.wrong) > 8:
            break
    setting.note(f"{len(samples)} event files")


def words(setting):
    """Wrong verbs, flags, modes and keys: "did you mean" and the documented exit code."""
    policy, plain = setting.policy(), setting.victim("plain", setting.marker)
    good = setting.path("p.json")
    table = [
        (["rnu"], 2, "did you mean 'run'"), ([], 2, "hint"), (["run", "--polcy", policy, "--", *plain], 125, "did you mean '--policy'"),
        (["run", "--policy", policy, "--mode", "enfroce", "--", *plain], 125, "did you mean 'enforce'"),
        (["run", "--policy", policy, "--backend", "notfy", "--", *plain], 125, "did you mean 'notify'"),
        (["run", "--policy", setting.path("nope.yaml"), "--", *plain], 125, "nope.yaml"),
        (["run", "--mode", "enforce", "--", *plain], 125, "without a policy"), (["run", "--policy", policy], 125, "no command"),
        (["run", "--policy", policy, "--app", "/", "--", *plain], 125, "would be the application"),
        (["record", "--", *plain], 125, "profile"), (["record", "--outptu", good, "--", *plain], 125, "did you mean '--output'"),
        (["policy", "chekc", policy], 2, "did you mean 'check'"), (["policy", "check"], 2, "hint"), (["merge"], 2, "hint"),
        (["policy", "check", setting.path("nope.yaml")], 2, "nope.yaml"), (["report", policy], 2, "hint"),
        (["report", setting.path("nope.json")], 2, "nope.json"), (["explain", setting.path("nope")], 2, "nope"),
        (["merge", setting.path("nope.json")], 2, "nope.json"), (["supervise", "--fd", "99"], 125, "door"),
        (["supervise"], 125, "door"),
    ]
    keys = {"polcies: {}": "unknown key", "mode: enforec": "did you mean 'enforce'", "librarys: {}": "did you mean 'libraries'",
            "libraries: { 'pkg:pypi/x': { grnat: [] } }": "did you mean 'grant'",
            "libraries: { 'pkg:pypi/x': { grant: ['@file-wirte'] } }": "did you mean '@file-write'",
            "libraries: { 'pkg:pypi/x': { grant: ['openat:wirte'] } }": "did you mean", "defaults: ['@net-out']": "@net-out",
            "libraries: { 'pkg:pypi/x': { deny: ['@net-out', 'exit_group'] } }": "exit_group"}
    for number, (text, word) in enumerate(keys.items()):
        text = ("" if "mode:" in text else "mode: enforce\n") + text + ("" if "libraries:" in text or "librarys" in text else "\nlibraries: {}")
        path = setting.policy(f"version: 1\n{text}\n", f"keys-{number}.yaml")
        table += [(["policy", "check", path], (1, 2), word), (["run", "--policy", path, "--", *plain], 125, word)]
    for arguments, code, word in table:
        what = " ".join(os.path.basename(argument) for argument in arguments[:4])
        run = setting.run([setting.tool, *arguments], what)
        codes = code if isinstance(code, tuple) else (code,)
        setting.expect(run.code in codes, f"{what}: exit {run.code}, not {code}: {run.err[-200:]!r}")
        both = run.out + run.err
        setting.expect(word in both, f"{what}: {word!r} is not in {both[-300:]!r}")
        setting.expect("hint: " in both or run.code == 1, f"{what}: no hint: {both[-200:]!r}")
        setting.expect(len(re.findall(r"^libguard: ", run.err, re.MULTILINE)) <= 1, f"{what}: more than one line: {run.err[-300:]!r}")
        setting.expect(not os.path.exists(setting.path("marker.started")), f"{what}: the program was started")


def doors(setting):
    """`libguard supervise` at descriptors that are no door, or a door that nobody or nobody of sense stands at."""
    dead, silent = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    silent.close()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    short, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far.send(struct.pack("<Ii", 77, os.getpid()))
    end.send(b"x")
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(setting.path("socket"))
    server.listen()
    reader, writer = os.pipe()
    pairs = [socket.socketpair(socket.AF_UNIX, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
    table = {"nobody": (dead, "gone"), "other version": (near, "version"), "short message": (short, "gone"), "server": (server, "gone"),
             "stream": (pairs[0][0], "door"), "datagrams": (pairs[1][0], "door"), "pipe": (reader, "door"),
             "lonely datagrams": (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), "door"), "internet": (socket.socket(), "door")}
    for what, (place, word) in table.items():
        number = place if isinstance(place, int) else place.fileno()
        run = setting.run([setting.tool, "supervise", "--fd", str(number)], what, 20, pass_fds=[number])
        setting.expect_line(run, what, 125, word)
    os.close(reader), os.close(writer)


CASES = [words, doors, hostile_policies, hostile_profiles, hostile_events]
