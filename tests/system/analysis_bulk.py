# SPDX-License-Identifier: Apache-2.0
"""Many programs of this machine: no crash, no hang, an answer for each ELF file.

Usage: analysis_bulk.py COUNT. Takes COUNT files of /usr/bin and /usr/sbin, chosen by the hash of their names, and prints
how large the sets are, how long it took, and where numbers are unknown.
"""

import collections
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from harness import WORK, libguard_binary

LONGEST = 120  # seconds for one file


def programs(count):
    found = []
    for folder in ("/usr/bin", "/usr/sbin"):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    found.append(path)
    return sorted(found, key=lambda path: hashlib.sha256(path.encode()).digest())[:count]


def measure(count):
    """(files, sizes of the sets, seconds, what went wrong, {line about unknown numbers: files})."""
    os.makedirs(WORK, exist_ok=True)
    cache = tempfile.mkdtemp(prefix="bulk-", dir=WORK)
    sizes, times, bad, unknown = [], [], [], collections.Counter()
    paths = programs(count)
    for path in paths:
        start = time.monotonic()
        try:
            done = subprocess.run([libguard_binary(), "analyze", path, "--only-with", "--matrix", "--json"], capture_output=True,
                                  text=True, timeout=LONGEST, env={**os.environ, "XDG_CACHE_HOME": cache})
        except subprocess.TimeoutExpired:
            bad.append(f"{path}: more than {LONGEST} s")
            continue
        times.append(time.monotonic() - start)
        if done.returncode != 0:
            bad.append(f"{path}: exit {done.returncode}: {done.stderr.strip()[:200]}")
            continue
        sizes.append(len(json.loads(done.stdout)["calls"]))
        for line in done.stderr.splitlines():
            unknown[re.sub(r" at 0x.*? in ", " in ", line)] += 1
    shutil.rmtree(cache)
    return len(paths), sizes, times, bad, unknown


def section(count=400):
    """Markdown: the table of docs/evaluation.md."""
    files, sizes, times, bad, unknown = measure(count)
    text = f"\n## {files} programs\n\nFiles of `/usr/bin` and `/usr/sbin`, chosen by the hash of their names, each with all libraries that it needs "
    text += "(`--only-with`), one after\nthe other with one cache.\n\n| files | crashes, hangs, refusals | calls: mean | median | seconds: median | 90 % | most |\n"
    text += "|---|---|---|---|---|---|---|\n"
    text += f"| {files} | {len(bad)} | {statistics.mean(sizes):.1f} | {statistics.median(sizes):.0f} | {statistics.median(times):.2f} | "
    text += f"{sorted(times)[len(times) * 9 // 10]:.2f} | {max(times):.2f} |\n"
    text += "".join(f"\n* {line}" for line in bad) + ("\n" if bad else "")
    text += "\nCalls whose number is not known, and in how many of the programs (all of them are named when a program is analysed):\n\n"
    text += "| what is said | programs |\n|---|---|\n"
    for line, programs_with in sorted(unknown.items(), key=lambda found: (-found[1], found[0])):
        text += f"| {line.removeprefix('libguard: ')} | {programs_with} |\n"
    return text


def main(count):
    files, sizes, times, bad, unknown = measure(count)
    print(f"{files} files: mean {statistics.mean(sizes):.1f} calls, median {statistics.median(sizes)}; seconds: median "
          f"{statistics.median(times):.2f}, 90 % {sorted(times)[len(times) * 9 // 10]:.2f}, max {max(times):.2f}")
    for line, having in unknown.most_common(40):
        print(f"    {having} files: {line}")
    for line in bad:
        print(f"    {line}")
    return 1 if bad or files < count * 9 // 10 else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
