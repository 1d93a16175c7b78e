# SPDX-License-Identifier: Apache-2.0
"""Writes the names of groups and rights, as rights_doc prints them, into the schema of policies; or compares.

Usage: schema_names.py RIGHTS_DOC SCHEMA [--check]. Exits 1 if --check finds a difference.
"""

import json
import re
import subprocess
import sys


def read_names(program):
    """(names that a grant may use, names of calls) in the order of the tables."""
    text = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    tables = text[text.index("## Groups"):text.index("## Vouching")]
    groups, rights, calls = [], [], []
    for line in tables.splitlines():
        cells = line.strip("| ").split(" | ")
        if line.startswith("| `@"):
            groups.append(cells[0].strip("`"))
            rights += re.findall(r"`([^`]+)`", cells[-1])
        elif line.startswith("| `"):  # a call that has splits
            rights.append(cells[0].strip("`"))
    rights = list(dict.fromkeys(rights))
    calls = [name for name in rights if ":" not in name]
    if len(groups) < 20 or len(calls) < 300:
        raise SystemExit(f"schema_names: {len(groups)} groups and {len(calls)} calls: the tables cannot be read")
    return groups + rights, calls


def with_names(schema, names, calls):
    unnamed = {"description": "A number without a name.", "pattern": "^syscall:[0-9]{1,3}$"}
    schema["definitions"]["name"] = {"type": "string", "anyOf": [{"enum": names}, unnamed]}
    schema["definitions"]["call"] = {"type": "string", "anyOf": [{"enum": calls}, unnamed]}
    return schema


def written(value, indent=0, room=116):
    """JSON with short values on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict) and value:
        flat = "{ " + ", ".join(f"{json.dumps(key)}: {written(item, 0, 9999)}" for key, item in value.items()) + " }"
    if len(flat) + indent <= room or not isinstance(value, (dict, list)):
        return flat
    inner, lines = " " * (indent + 2), []
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        for item in map(json.dumps, value):
            if not lines or len(lines[-1]) + len(item) + 2 > room:
                lines.append(inner + item)
            else:
                lines[-1] += ", " + item
    elif isinstance(value, list):
        lines = [inner + written(item, indent + 2) for item in value]
    else:
        lines = [f"{inner}{json.dumps(key)}: {written(item, indent + 2)}" for key, item in value.items()]
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    return opening + "\n" + ",\n".join(lines) + "\n" + " " * indent + closing


def main(program, path, *flags):
    with open(path, encoding="utf-8") as file:
        old = file.read()
    new = written(with_names(json.loads(old), *read_names(program))) + "\n"
    if flags == ("--check",):
        if old != new:
            print(f"{path} does not say what the tables say; build the target update_rights_doc")
        return old != new
    with open(path, "w", encoding="utf-8") as file:
        file.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
