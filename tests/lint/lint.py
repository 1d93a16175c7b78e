# SPDX-License-Identifier: Apache-2.0
"""Checks the tree's own rules: prologues, lengths, include edges, forbidden words.

Usage: lint.py REPOSITORY. Prints one line per finding and exits 1 if there is any.
"""

import os
import re
import subprocess
import sys

MAX_LINES, MAX_HEADER_LINES, MAX_FUNCTION_LINES = 500, 150, 60
CODE = (".cc", ".c", ".h", ".py", ".def")
IN_CORE = {"rights", "event", "library", "profile", "policy", "backend", "emit", "phase", "analysis", "live", "sink", "base"}

# Folder -> folders of core it may include (besides itself, base and the pure headers in bpf/).
CORE_EDGES = {
    "base": set(),
    "rights": set(),
    "event": set(),
    "library": {"rights"},
    "profile": {"rights", "event", "library"},
    "analysis": {"rights", "library"},
    "policy": {"rights", "event", "library", "profile"},
    "backend": {"rights", "event", "library", "profile", "policy"},
    "live": {"profile", "analysis", "backend"},
    "phase": {"policy"},
    "emit": {"rights", "event", "library", "profile", "policy"},
}
# Library headers that only some folders may see.
FENCES = {
    r"<nlohmann/": ("core/event", "core/profile", "core/policy", "core/emit", "core/library", "core/analysis/image", "cli", "tests", "frontends/cpython/package"),
    r"<yaml-cpp/": ("core/policy", "tests"),
    r"<valijson/": ("core/event", "core/profile", "core/policy", "tests"),
    r"<Zydis/": ("core/analysis",),
    r"<CLI/": ("cli", "tests/bench"),
    r"<pybind11/": ("frontends/cpython",),
    r"<gtest/|<gmock/": ("tests",),
}
# A table of numbers is longer than prose should be; each entry says why.
LENGTH_EXEMPT = {"bpf/rights.def": "the one table of rights", "bpf/abi.h": "every struct that crosses a border",
                 "bpf/judge.h": "pure judge, kept in one header", "bpf/walk_cpython.h": "pure walk, kept in one header"}


def tracked(root):
    out = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root, check=True,
                         capture_output=True, text=True).stdout
    return [path for path in out.splitlines() if path.endswith(CODE) and os.path.exists(os.path.join(root, path))]


def check_prologue(path, lines):
    head = "\n".join(lines[:25])
    if "SPDX-License-Identifier:" not in head and lines:
        yield f"{path}:1: no SPDX line"
    if path.endswith((".cc", ".h")) and path.startswith(("core/", "cli/", "frontends/", "bpf/")):
        for label in ("Way:", "Thread:", "Failure:"):
            if label not in head:
                yield f"{path}:1: prologue has no '{label}'"


def check_length(path, lines):
    if path in LENGTH_EXEMPT:
        return
    limit = MAX_HEADER_LINES if path.endswith(".h") else MAX_LINES
    if len(lines) > limit:
        yield f"{path}: {len(lines)} lines, limit {limit}"
    if path.endswith(".cc") and not path.startswith("tests/"):
        start = None
        for number, line in enumerate(lines, 1):
            if re.match(r"^[A-Za-z_].*\{$", line) and not line.startswith(("namespace", "struct", "class", "enum", "extern")) and "=" not in line:
                start = number
            elif line.startswith("}") and start is not None:
                if number - start + 1 > MAX_FUNCTION_LINES:
                    yield f"{path}:{start}: function of {number - start + 1} lines, limit {MAX_FUNCTION_LINES}"
                start = None


def check_includes(path, lines):
    parts = path.split("/")
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s+(["<][^">]+[">])', line)
        if not match:
            continue
        name = match.group(1)
        for fence, allowed in FENCES.items():
            if re.match(fence, name) and not path.startswith(allowed):
                yield f"{path}:{number}: {name} may only be included by {', '.join(allowed)}"
        target = name.strip('"<>').split("/")
        if parts[0] == "core" and len(parts) > 2 and target[0] == "core" and parts[1] in CORE_EDGES:
            if target[1] in IN_CORE and target[1] not in CORE_EDGES[parts[1]] | {parts[1], "base"}:
                yield f"{path}:{number}: core/{parts[1]} may not include core/{target[1]}"
        if parts[0] == "frontends" and target[0] == "core" and target[1] in IN_CORE and "package" not in parts:
            yield f"{path}:{number}: frontends may only include core/include/libguard"
        if parts[0] in ("core", "bpf") and target[0] in ("cli", "frontends", "tests"):
            yield f"{path}:{number}: {parts[0]} may not include {target[0]}"


def check_words(path, lines):
    if path.startswith("tests/lint/"):
        return
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            yield f"{path}:{number}: unfinished work is said in the docs, not in the code"
        if re.search(r"/(work|root)/(?!\.\.)", line) and not line.strip().startswith(("//", "#")) and "tests/" not in path:
            yield f"{path}:{number}: a path of one machine"


def main(root):
    findings = []
    for path in tracked(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            lines = file.read().splitlines()
        for check in (check_prologue, check_length, check_includes, check_words):
            findings.extend(check(path, lines))
    print("\n".join(findings) if findings else "lint: nothing found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
