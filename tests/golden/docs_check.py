# SPDX-License-Identifier: Apache-2.0
"""Checks the documents against the tree: links lead somewhere, quoted messages and open holes exist.

Usage: docs_check.py REPOSITORY. Prints one line per finding and exits 1 if there is any.
"""

import os
import re
import sys

FOREIGN = ("PermissionError", "OSError", "sudo")  # messages of others, explained in troubleshooting.md
SOURCES = ("core", "cli", "frontends", "bpf")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def documents(root):
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in ("build", "out")]
        for name in names:
            if name.endswith(".md"):
                yield os.path.join(folder, name)


def anchors(text):
    for title in re.findall(r"^#+ (.*)$", text, re.M):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def check_links(root):
    for path in documents(root):
        text = read(path)
        prose = re.sub(r"```.*?```", "", text, flags=re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if "://" in target:
                continue
            place, _, anchor = target.partition("#")
            full = os.path.normpath(os.path.join(os.path.dirname(path), place)) if place else path
            where = os.path.relpath(path, root)
            if not os.path.exists(full):
                yield f"{where}: no such file: {target}"
            elif anchor and anchor not in anchors(read(full)):
                yield f"{where}: no such heading: {target}"


def all_sources(root):
    texts = []
    for top in SOURCES:
        for folder, _, names in os.walk(os.path.join(root, top)):
            texts += [read(os.path.join(folder, name)) for name in names if name.endswith((".cc", ".h", ".py", ".c"))]
    return re.sub(r'"\s*\n\s*"', "", "\n".join(texts))  # adjacent literals are one


def check_messages(root):
    sources = all_sources(root)
    for message in re.findall(r"^### `(.*)`", read(os.path.join(root, "docs/troubleshooting.md")), re.M):
        if message.startswith(FOREIGN):
            continue
        for part in filter(None, (part.strip(" '") for part in message.split("…"))):
            if part not in sources:
                yield f"docs/troubleshooting.md: no source says '{part}'"


def check_holes(root):
    named = set(re.findall(r"\(`(hole_\w+)`\)", read(os.path.join(root, "docs/threat-model.md"))))
    shapes = os.path.join(root, "tests/victims/shapes")
    there = {name[:-3] for name in os.listdir(shapes) if re.search(r"\bhole:? yes\b", read(os.path.join(shapes, name)).split("\n")[0])}
    for name in sorted(named ^ there):
        yield f"docs/threat-model.md and tests/victims disagree about {name}"
    if len(there) > 6:
        yield f"tests/victims: {len(there)} open holes, at most six are accepted"


def main(root):
    findings = [*check_links(root), *check_messages(root), *check_holes(root)]
    print("\n".join(findings) if findings else "documents: nothing found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
