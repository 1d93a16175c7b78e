# SPDX-License-Identifier: Apache-2.0
"""The interpreter's own probes feed the kernel's stacks: for the same program the same observations as by the walk.

Usage: bpf_feed.py. Needs root and Debian's python3.11. Records feed/main.py with --feed walk and --feed usdt: what is observed
(caller, direct caller, libraries, right, phase, program) must be the same, and with usdt no stack may have been walked.
Another process of the same interpreter passes no probe meanwhile; and what cannot be fed is refused before it starts.
"""

import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3.11"
LIBRARIES = ("lgouter", "lginner")
LOSSES = ("kernel_feeds_lost", "kernel_faults", "kernel_truncated", "kernel_unknown_frames", "kernel_walked_instead")
# Passes no probe unless somebody raised its semaphores: else it would take ten times as long.
BYSTANDER = "import json, time\nt = time.process_time()\nfor _ in range(2000): json.loads(json.dumps(list(range(200))), parse_int=int)\nprint(time.process_time() - t)"

NEWER = r"""
#define PROBE(name) __asm__ volatile( \
    "990: nop\n.pushsection .note.stapsdt,\"\",\"note\"\n.balign 4\n.4byte 992f-991f,994f-993f,3\n991: .asciz \"stapsdt\"\n" \
    "992: .balign 4\n993: .8byte 990b,0,0\n.asciz \"python\"\n.asciz \"" name "\"\n.byte 0\n994: .balign 4\n.popsection\n")
const unsigned long Py_Version = 0x030f00f0;
int main(void) { PROBE("function__entry"); PROBE("function__return"); return 0; }
"""


def environment(work):
    """An interpreter with two distributions of one module each."""
    venv = os.path.join(work, "venv")
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", venv], check=True)
    packages = os.path.join(venv, "lib", "python3.11", "site-packages")
    for name in LIBRARIES:
        shutil.copy(os.path.join(HERE, "feed", "libraries", name + ".py"), packages)
        os.makedirs(os.path.join(packages, f"{name}-1.0.dist-info"))
        for part, text in (("METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"),
                           ("RECORD", f"{name}.py,,\n{name}-1.0.dist-info/METADATA,,\n{name}-1.0.dist-info/RECORD,,\n")):
            with open(os.path.join(packages, f"{name}-1.0.dist-info", part), "w", encoding="utf-8") as file:
                file.write(text)
    return os.path.join(venv, "bin", "python")


def record(work, python, feed, verb="record"):
    """(exit status, observations, counters, stderr, seconds)."""
    profile, summary = (os.path.join(work, f"{feed}.{part}") for part in ("json", "summary"))
    data = os.path.join(work, f"data-{feed}")
    os.makedirs(data, exist_ok=True)
    options = ["-o", profile] if verb == "record" else []
    begin = time.monotonic()
    code, _, err = harness.run([harness.libguard_binary(), verb, "--backend", "bpf", "--feed", feed, *options, "--summary", summary, "--app",
                                os.path.join(work, "application"), "--", python, "-B", os.path.join(work, "application", "main.py"), data],
                               harness.Account(as_user=False), work, timeout=100)
    seconds = time.monotonic() - begin
    if code != 0:
        return code, set(), {}, err, seconds
    with open(profile, encoding="utf-8") as seen, open(summary, encoding="utf-8") as counted:
        return code, {observed(one) for one in json.load(seen)["observations"]}, json.load(counted)["counters"], err, seconds


def observed(one):
    return (one["caller"], one["direct"], tuple(sorted(one["libraries"])), one["right"], one["phase"], one.get("program", ""))


def check(work, python):
    """Lines that say what is wrong."""
    both = {}
    for feed in ("walk", "usdt"):
        bystander = subprocess.Popen([PYTHON, "-c", BYSTANDER], stdout=subprocess.PIPE, text=True)
        code, seen, counters, err, seconds = record(work, python, feed)
        alone = float(bystander.communicate()[0])
        if code != 0:
            yield f"{feed}: code {code}: {err.strip()[-400:]}"
            return
        both[feed] = seen
        sets = {libraries for _, _, libraries, _, _, _ in seen}
        print(f"  {feed}: {len(seen)} observations with {len(sets)} sets of libraries, {seconds:.1f} s; walks {counters.get('kernel_walks', 0)}, "
              f"fed {counters.get('kernel_fed', 0)}, pushes {counters.get('kernel_pushes', 0)}; a bystander took {alone:.2f} s")
        lost = {name: counters[name] for name in LOSSES if counters.get(name)}
        if lost:
            yield f"{feed}: {lost}"
        if len(sets) < 8:
            yield f"{feed}: only {len(sets)} sets of libraries: the program shows nothing"
        if feed == "usdt" and (not counters.get("kernel_fed") or counters.get("kernel_walks")):
            yield "usdt: stacks were walked"
        times = both.setdefault("times", []) + [alone]
        both["times"] = times
    for feed, other in (("walk", "usdt"), ("usdt", "walk")):
        for one in sorted(both[feed] - both[other], key=str):
            yield f"only by {feed}: {one}"
    if max(both["times"]) > 4 * min(both["times"]) + 0.2:
        yield f"another process of the interpreter was slowed down: {both['times']}"


def newer_interpreter(work):
    """A program with the probes of CPython 3.15: entry and return, no line."""
    program = os.path.join(work, "newer")
    with open(program + ".c", "w", encoding="utf-8") as file:
        file.write(NEWER)
    subprocess.run(["cc", "-rdynamic", "-o", program, program + ".c"], check=True)
    return program


def check_refusals(work, python):
    code, _, _, err, _ = record(work, python, "usdt", "run")
    if code != 125 or "while each line is traced" not in err:
        yield f"run --feed usdt with 3.11 started: code {code}: {err.strip()[-200:]}"
    code, _, _, err, _ = record(work, "/bin/true", "usdt")
    if code != 125 or "has no probes" not in err:
        yield f"record --feed usdt of a program without probes started: code {code}: {err.strip()[-200:]}"
    code, _, _, err, _ = record(work, newer_interpreter(work), "usdt")
    if code != 125 or "do not tell of functions that an exception ends" not in err:
        yield f"record --feed usdt with probes like those of 3.15 started: code {code}: {err.strip()[-200:]}"
    code, out, _ = harness.run([harness.libguard_binary(), "doctor", "--python", PYTHON], harness.Account(as_user=False), work)
    if "function__entry, function__return; whole only while each line is traced" not in out:
        yield f"doctor does not name the probes: {out[-400:]}"


def main():
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    work = os.path.join(harness.WORK, "bpf-feed")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "application"))
    shutil.copy(os.path.join(HERE, "feed", "main.py"), os.path.join(work, "application"))
    python = environment(work)
    wrong = [*check(work, python), *check_refusals(work, python)]
    for line in wrong:
        print("FAIL  " + line)
    print("bpf_feed: " + ("failed" if wrong else "the same by both"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
