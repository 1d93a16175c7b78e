# SPDX-License-Identifier: Apache-2.0
"""Stale code addresses, through the real client: 300 times, code of one library is run and freed, and code of another
library gets its address. The second library must not be taken for the first.

    python3 stale_code.py check DIR LIBGUARD     prepares DIR, runs the rounds guarded, and unguarded, where they must fail
    python3 stale_code.py prepare DIR            makes a virtual environment with libraries `first`, `second`, and a policy
    python3 stale_code.py rounds                 what the guarded program does

Dynamic code belongs to the library that made it. `first` may write files, `second` may not, the application may: so the
code that `first` made succeeds and the code that `second` made is refused, unless an entry of the code table (or of the
supervisor's cache of it) outlives its code object. Wanted: never the wrong library, and unknown at most 5 times.
(scenarios.py has the same test without the client, with entries that the test itself writes and removes.)
"""

import json
import os
import shutil
import subprocess
import sys

ROUNDS, MAY_BE_UNKNOWN = 300, 5
MAKER = '''"""Makes code; whoever runs it, it stays this library's."""


def make(path):
    # A new file name each time, as marshal and import make them.
    return compile("open(%r, 'w').close()\\n" % path, "".join(list("<{name}>")), "exec")
'''
POLICY = """version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:
  application: { grant: ["@file-write", "@file-meta"] }
  pkg:pypi/first: { grant: ["@file-write"] }
  pkg:pypi/second: { grant: ["@file-read"] }
"""


def prepare(folder):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = subprocess.run([os.path.join(folder, "bin", "python"), "-c", "import site; print(site.getsitepackages()[0])"],
                          check=True, capture_output=True, text=True).stdout.strip()
    for name in ("first", "second"):
        info = name + "-1.0.dist-info"
        os.makedirs(os.path.join(site, info))
        files = {name + ".py": MAKER.replace("{name}", name),
                 info + "/METADATA": "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n" % name,
                 info + "/RECORD": "%s.py,,\n%s/METADATA,,\n%s/RECORD,,\n" % (name, info, info)}
        for path, text in files.items():
            with open(os.path.join(site, path), "w") as file:
                file.write(text)
    os.makedirs(os.path.join(folder, "app"))
    shutil.copy(os.path.abspath(__file__), os.path.join(folder, "app", "stale_code.py"))
    with open(os.path.join(folder, "policy.yaml"), "w") as file:
        file.write(POLICY)


def passes(code):
    try:
        exec(code, {})
        return True
    except PermissionError:
        return False


def rounds():
    import first
    import second

    reused = refused_first = passed_second = 0
    for _ in range(ROUNDS):
        code = first.make(os.devnull)
        refused_first += not passes(code)
        address = id(code)
        del code
        code = second.make(os.devnull)
        reused += id(code) == address
        passed_second += passes(code)
        del code
    print("rounds %d, address reused %d, first refused %d, second passed %d"
          % (ROUNDS, reused, refused_first, passed_second))
    if passed_second:
        print("libguard should have stopped this")
    return 1 if refused_first > MAY_BE_UNKNOWN or passed_second or reused < ROUNDS * 8 // 10 else 0


def culprits(path):
    """{culprits: how often} of the deviations; the last event of an id has its whole count."""
    last = {}
    with open(path) as file:
        for event in map(json.loads, file):
            if event["kind"] == "deviation":
                last[event["id"]] = event
    found = {}
    for event in last.values():
        names = ",".join(sorted(culprit["purl"].split("@")[0] for culprit in event["culprits"]))
        found[names] = found.get(names, 0) + event["count"]
    return found


def check(folder, libguard):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    folder = os.path.realpath(folder)
    prepare(folder)
    program = [os.path.join(folder, "bin", "python"), "-B", os.path.join(folder, "app", "stale_code.py"), "rounds"]
    if subprocess.run(program).returncode == 0:
        return "unguarded nothing refuses, and yet all was well"
    events = os.path.join(folder, "events")
    guarded = [libguard, "run", "--policy", os.path.join(folder, "policy.yaml"), "--events", events, "--"]
    if subprocess.run(guarded + program).returncode != 0:
        return "the guarded rounds failed"
    found = culprits(events)
    print("refused for", found)
    unknown = sum(count for names, count in found.items() if "unknown" in names)
    others = [names for names in found if names not in ("pkg:pypi/second", "unknown", "pkg:pypi/second,unknown")]
    if unknown > MAY_BE_UNKNOWN or others or sum(found.values()) < ROUNDS:
        return "wrong culprits: %s" % found
    profile = os.path.join(folder, "profile.json")
    subprocess.run([libguard, "record", "-o", profile, "--"] + program, stdout=subprocess.DEVNULL)
    with open(profile) as file:
        observations = json.load(file)["observations"]
    writes = [seen for seen in observations if seen["right"] in ("openat", "openat:write") and seen["count"] > ROUNDS // 2]
    by = sorted((seen["caller"].split("@")[0], seen["count"]) for seen in writes)
    print("recorded", by)
    if [name for name, _ in by] != ["pkg:pypi/first", "pkg:pypi/second"]:
        return "recorded for the wrong libraries"
    return "too often unknown" if min(count for _, count in by) < ROUNDS - MAY_BE_UNKNOWN else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["prepare"] and len(sys.argv) == 3:
        prepare(sys.argv[2])
    elif sys.argv[1:2] == ["check"] and len(sys.argv) == 4:
        sys.exit(check(*sys.argv[2:]))
    elif sys.argv[1:] == ["rounds"]:
        sys.exit(rounds())
    else:
        sys.exit(__doc__)
