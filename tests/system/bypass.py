# SPDX-License-Identifier: Apache-2.0
"""Every known way around a refusal, by a native program, under notify and where the kernel refuses: none may lead through.

Usage: bypass.py GUEST [--backend NAME] [--expect MECHANISM] [--as-user]. GUEST is tests/victims/native/bypass_guest.c, built.
Unguarded the plain attempt must get through, or the rest would show nothing. --expect: the kernel must have refused.
"""

import argparse
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

FEWEST = 25
ENTRIES = {"a system call by the 32-bit entry (int 0x80)", "a system call by the x32 entry"}
POLICY = """version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:
  pkg:generic/{guest}:
    grant: ["@process", "@exec"]
    functions: {{ "@process": ["<program>"], "@exec": ["<program>"] }}
"""


def rows(text):
    """What was tried -> was it refused?"""
    lines = text.splitlines()
    if not lines or lines[-1] != "end":
        raise harness.Broken(f"the guest did not come to its end: {text[-300:]}")
    found = {}
    for line in lines[:-1]:
        refused = line.endswith(" refused")
        found[line.removesuffix(" refused") if refused else line.partition(" got through")[0]] = refused
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("guest")
    parser.add_argument("--backend", default="notify")
    parser.add_argument("--expect", choices=["lsm", "override", "fmod_ret"])
    parser.add_argument("--as-user", action="store_true")
    options = parser.parse_args()
    account, guest = harness.Account(options.as_user), os.path.realpath(options.guest)
    work = os.path.join(harness.WORK, "bypass" + account.suffix)
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(os.path.join(work, "application"))
    with open(os.path.join(work, "policy.yaml"), "w", encoding="utf-8") as file:
        file.write(POLICY.format(guest=os.path.basename(guest)))
    account.own(work)
    code, _, err = harness.run([guest, "try"], account, work)
    if code != 1:
        raise harness.Broken(f"unguarded, the attempt did not get through: code {code}: {err}")
    summary = os.path.join(work, "summary.json")
    code, out, err = harness.run([harness.libguard_binary(), "run", "--quiet", "--backend", options.backend, "--policy",
                                  os.path.join(work, "policy.yaml"), "--events", os.path.join(work, "events.jsonl"), "--summary", summary,
                                  "--app", os.path.join(work, "application"), "--", guest], account, work, timeout=240)
    if code != 0:
        raise harness.Broken(f"code {code}: {(out + err).strip()[-600:]}")
    found = rows(out)
    for name, refused in found.items():
        print(f"  {'refused    ' if refused else 'GOT THROUGH'}  {name}")
    with open(summary, encoding="utf-8") as file:
        by_hooks = json.load(file)["counters"].get("kernel_refused_by_hooks", 0)
    print(f"bypass: {sum(found.values())} of {len(found)} refused, {by_hooks} calls by hooks of the kernel")
    unnamed = ENTRIES - {event.get("message") for event in harness.read_events(os.path.join(work, "events.jsonl"))}
    for entry in sorted(unnamed):
        print(f"  no event says: {entry}")
    enough = not unnamed and len(found) >= FEWEST and (not options.expect or by_hooks > 20000)
    return 0 if all(found.values()) and enough else 1


if __name__ == "__main__":
    sys.exit(main())
