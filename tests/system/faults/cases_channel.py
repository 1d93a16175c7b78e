# SPDX-License-Identifier: Apache-2.0
"""Messages that no client sends, and callers that die while they wait."""

import errno
import os
import re

import harness
from setting import answers

NATIVE = ("version: 1\nmode: enforce\nlibraries:\n"
          "  application: { grant: { any: [\"@native-load\"] } }\n")
FORKING = ("version: 1\nmode: enforce\nlibraries:\n"
           "  application: { grant: { any: [\"@process\"] }, functions: { \"@process\": [\"blocked.<module>\"] } }\n")

DENIES = ("version: 1\nmode: enforce\nlibraries:\n"
          "  application: { deny: [\"socket:unix\"] }\n")


def message_version():
    with open(os.path.join(harness.ROOT, "bpf", "abi.h"), encoding="utf-8") as file:
        return int(re.search(r"^#define LG_ABI_VERSION (\d+)$", file.read(), re.MULTILINE)[1])


def channel(setting):
    """Random marker calls, well addressed hostile ones, a program area full of nonsense."""
    policy, version = setting.policy(NATIVE), message_version()
    for seed in range(1, 21 if setting.full else 4):
        what = f"seed {seed}"
        victim = setting.victim("hostile", setting.marker, 20000 if setting.full else 3000, version, seed)
        run = setting.run(setting.guarded(policy, *victim, options=["--events", setting.path("events.jsonl")]), what, 180)
        said = answers(run)
        setting.expect(run.code == 0 and "alive to the end" in run.out, f"{what}: the program did not live on: {run.tell()}")
        for stage in ("between", "then", "after"):
            setting.expect(said.get(stage) == [errno.EPERM] * 4, f"{what}: {stage}: forbidden calls answered {said.get(stage)}")
        setting.expect(said.get("nonsense") == [errno.EPERM], f"{what}: with nonsense they answered {said.get('nonsense')}")
        strange = {key: count for key, count in said.get("anywhere", {}).items()
                   if key.split()[1] not in ("EPERM", "EINVAL", "EFAULT", "EOPNOTSUPP") and key != f"1 value {version}"}
        setting.expect(not strange, f"{what}: calls from elsewhere answered {strange}")
        setting.expect(run.counter("tampers") > 500, f"{what}: tampers counted: {run.counter('tampers')}")
        setting.expect(any(key.endswith("refused") for key in said.get("client", {})), f"{what}: {said.get('client')}")
        setting.expect(not run.summary == {}, f"{what}: no summary")


def blocked(setting):
    """Children die by SIGKILL at random moments of judged calls; the guard serves on."""
    count = 2000 if setting.full else 400
    run = setting.run(setting.guarded(setting.policy(FORKING), *setting.victim("blocked", setting.marker, count)), "run", 180)
    said = answers(run)
    setting.expect(run.code == 0 and "alive to the end" in run.out, f"the program did not live on: {run.tell()}")
    setting.expect(said.get("ends") == {"-9": count}, f"the children ended {said.get('ends')}")
    setting.expect(said.get("after") == errno.EPERM, f"afterwards a forbidden call answered {said.get('after')}")
    setting.expect(run.counter("died_waiting") > 0, f"nobody died while waiting: {run.summary.get('counters')}")
    setting.note(f"{run.counter('died_waiting')} died waiting")


def guard_in_guard(setting):
    """A second guard inside the first is refused in words, whatever the first one does."""
    policy = setting.policy()
    inner = setting.guarded(policy, *setting.victim("plain", setting.marker))
    observing = [setting.tool, "run", "--mode", "observe", "--quiet", "--"]
    recording = [setting.tool, "record", "-o", setting.path("outer.json"), "--quiet", "--app", setting.application, "--"]
    enforcing = setting.guarded(policy, options=["--quiet"])
    for name, outer in (("observe", observing), ("record", recording), ("enforce", enforcing)):
        run = setting.run(outer + inner, name)
        setting.expect_line(run, name, 125, "guard")
        setting.expect(not os.path.exists(setting.path("marker.started")), f"{name}: the program was started")


def foreign_listener(setting):
    """Where somebody else answers system calls, both doors refuse in one line, and nothing is started."""
    policy, victim = setting.policy(), setting.victim("plain", setting.marker)
    elsewhere = setting.victim("listener")
    for name, mode in (("enforce", ["--mode", "enforce"]), ("detect", ["--mode", "detect"]), ("observe", ["--mode", "observe"])):
        run = setting.run([*elsewhere, setting.tool, "run", "--policy", policy, *mode, "--app", setting.application, "--", *victim], name)
        setting.expect_line(run, name, 125, "a seccomp listener is installed", "start libguard outside of it")
        setting.expect(not os.path.exists(setting.path("marker.started")), f"{name}: the program was started")
    run = setting.run([*elsewhere, setting.tool, "record", "-o", setting.path("profile.json"), "--app", setting.application, "--", *victim],
                      "record")
    setting.expect_line(run, "record", 125, "a seccomp listener is installed")
    door = ["/usr/bin/env", "LD_PRELOAD=" + harness.client_library(), "LIBGUARD_POLICY=" + policy, "LIBGUARD_MODE=enforce",
            "LIBGUARD_APP=" + setting.application]
    run = setting.run([*elsewhere, *door, *victim], "detached")
    setting.expect(run.code == 125, f"detached: exit {run.code}: {run.err[-300:]!r}")
    setting.expect(run.err.startswith("libguard: ") and run.err.count("\n") == 1 and "listener" in run.err, f"detached: {run.err[-300:]!r}")
    setting.expect(not os.path.exists(setting.path("marker.started")), "detached: the program was started")
    run = setting.run(setting.guarded(policy, *victim), "the same without another listener")
    setting.expect(run.code == 0 and os.path.exists(setting.path("marker.started")), f"the same without another listener: {run.tell()}")


def nobody_left(setting):
    """With every mechanism gone `enforce` refuses to start, and names what nobody can deny. As root: every backend."""
    policy, victim = setting.policy(DENIES, "denies.yaml"), setting.victim("plain", setting.marker)
    elsewhere = setting.victim("listener")
    for backend in ("auto", "notify", "bpf"):
        guarded = setting.guarded(policy, *victim, options=["--backend", backend])
        run = setting.run([*elsewhere, *guarded], backend)
        setting.expect_line(run, backend, 125, "nobody can deny socket:unix, which the policy denies to application", "a seccomp listener is installed")
        setting.expect(not os.path.exists(setting.path("marker.started")), f"{backend}: the program was started")
    run = setting.run(setting.guarded(policy, *victim), "the same with a mechanism")
    setting.expect(run.code == 0 and os.path.exists(setting.path("marker.started")), f"the same with a mechanism: {run.tell()}")
    setting.note(f"as {'root' if os.geteuid() == 0 and not setting.account.entry else 'a user'}")


CASES = [channel, blocked, guard_in_guard, foreign_listener, nobody_left]
