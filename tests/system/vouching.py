# SPDX-License-Identifier: Apache-2.0
"""The vouching table: each entry's module really makes a call of the group itself, and its caller is who called it.

Usage: vouching.py --table RIGHTS_DOC [--python PATH] [--only NAME,...]
Runs the programs of vouching/proofs.py under `libguard record`. Fails for an entry without a proof, a proof without an
entry, a proof that shows no such call, and if a module that vouches for nothing passed its caller on.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "vouching"))
import proofs  # noqa: E402


def read_table(program):
    """({(module, group)} that vouch, {right: group}), as the tables themselves say."""
    text = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    groups = {}
    for line in re.findall(r"^\| `@.*$", text[:text.index("## Splits")], re.M):
        cells = line.split(" | ")
        for right in re.findall(r"`([^`]+)`", cells[-1]):
            groups[right] = cells[0].strip("| `")
    entries = set()
    for module, what in re.findall(r"^\| `([\w.]+)` \| (.*) \|$", text[text.index("## Vouching"):], re.M):
        entries |= {(module, group) for group in re.findall(r"`(@[^`]+)`", what)}
        if proofs.IMPORTS in what:
            entries.add((module, proofs.IMPORTS))
    if not entries or not groups:
        raise harness.Broken("the tables cannot be read")
    return entries, groups


def record(name, python, folder):
    """The observations of one program, with the application's frames in its own file only."""
    work = os.path.join(folder, name)
    application = os.path.join(work, "application")
    os.makedirs(application)
    script = shutil.copy(os.path.join(HERE, "vouching", "proofs.py"), application)
    profile = os.path.join(work, "profile.json")
    # Not in the kernel: names of functions are read when the supervisor comes to it, and these programs end at once.
    argv = [harness.libguard_binary(), "record", "--backend", "notify", "-o", profile, "--app", application, "--", python, "-B", script, name]
    environment = {"PATH": "/usr/bin:/bin", "HOME": work, "XDG_RUNTIME_DIR": work, "RES_OPTIONS": "timeout:1 attempts:1"}
    code, out, err = harness.run(argv, harness.Account(False), work, 90, environment)
    if code != 0:
        return [], f"exit {code}: {(out + err).strip()[-300:]!r}"
    with open(profile, encoding="utf-8") as file:
        return json.load(file)["observations"], ""


def callers(observations, module, group, groups):
    """Who was judged as caller of calls of `group` whose innermost frame is the runtime's `module`."""
    found = set()
    for seen in observations:
        wanted = "@file-read" if group == proofs.IMPORTS else group
        if groups.get(seen["right"]) == wanted and seen["direct"].startswith(f"runtime {module}."):
            found.add(seen["caller"])
    return found


def prove(name, version, python, folder, groups):
    """What is wrong with one program; [] if it proves what it says."""
    function, module, wanted, since, until = {**proofs.PROOFS, **proofs.CONTROLS}[name]
    if not since <= version <= until:
        return None
    observations, wrong = record(name, python, folder)
    if wrong:
        return [wrong]
    expected = "runtime" if name in proofs.CONTROLS else "application"
    bad = []
    for group in wanted:
        seen = callers(observations, module, group, groups)
        if not seen:
            bad.append(f"{module} itself made no call of {group}")
        elif name in proofs.CONTROLS and seen != {expected} or expected not in seen:
            bad.append(f"the caller of {module}'s call of {group} was {', '.join(sorted(seen))}, not {expected}")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", required=True, help="the program rights_doc")
    parser.add_argument("--python", default="/usr/bin/python3.11")
    parser.add_argument("--only")
    options = parser.parse_args()
    entries, groups = read_table(options.table)
    proved = {(module, group) for _, module, wanted, _, _ in proofs.PROOFS.values() for group in wanted}
    wrong = [f"no proof for {module} {group}" for module, group in sorted(entries - proved)]
    wrong += [f"a proof for {module} {group}, which is not in the table" for module, group in sorted(proved - entries)]
    version = tuple(map(int, harness.version_of(options.python).split(".")))
    folder = os.path.join(harness.WORK, "vouching-%d.%d" % version)
    shutil.rmtree(folder, ignore_errors=True)
    begin, shown, absent = time.monotonic(), 0, 0
    for name in options.only.split(",") if options.only else {**proofs.PROOFS, **proofs.CONTROLS}:
        bad = prove(name, version, options.python, folder, groups)
        absent += bad is None
        shown += bad == []
        wrong += [f"{name}: {text}" for text in bad or []]
    print("\n".join(wrong))
    print(f"{harness.version_of(options.python)}: {len(entries)} entries, {shown} programs prove what they say, {absent} not in this "
          f"version, {len(wrong)} wrong, {time.monotonic() - begin:.0f} s")
    return 1 if wrong or not shown else 0


if __name__ == "__main__":
    sys.exit(main())
