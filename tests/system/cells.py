# SPDX-License-Identifier: Apache-2.0
"""Counts what a policy denies: the cells (library x dangerous group), by phase, in any role and as caller.

A cell is granted if the library holds any right of the group; a whole group and one single right count alike.
"""

import json
import os
import re

import harness

PHASES = ("init", "serving")
FIXED = ("runtime", "startup", "unknown")


def dangerous_groups():
    """Group -> its rights, from the table that is made from bpf/rights.def."""
    groups = {}
    with open(os.path.join(harness.ROOT, "docs", "formats", "rights.md"), encoding="utf-8") as file:
        for line in file:
            match = re.match(r"\| `(@[a-z-]+)` \| ([a-z]*) \| .* \| (.*) \|$", line)
            if match and match.group(2) == "yes":
                groups[match.group(1)] = set(re.findall(r"`([^`]+)`", match.group(3)))
    if len(groups) != 13:
        raise harness.Broken(f"{len(groups)} dangerous groups in docs/formats/rights.md, not 13")
    return groups


def seen_by(profile):
    """Libraries of a profile without versions, and whether the recording came to serving."""
    with open(profile, encoding="utf-8") as file:
        libraries = json.load(file)["libraries"]
    names = {harness.plain(name) for name in libraries} - set(FIXED)
    return names, any("serving" in phases for phases in libraries.values())


def pairs_of(profile):
    """(library, right) of every phase and role."""
    with open(profile, encoding="utf-8") as file:
        libraries = json.load(file)["libraries"]
    return {(library, right) for library, phases in libraries.items() for roles in phases.values()
            for rights in roles.values() for right in rights}


class Cells:
    """The matrix of one policy."""

    def __init__(self, account, folder, policy, profile):
        code, out, err = harness.run([harness.libguard_binary(), "policy", "explain", policy, "--json"], account, folder)
        if code != 0:
            raise harness.Broken(f"policy explain: code {code}: {(out + err).strip()[-300:]}")
        self.libraries, self.serves = seen_by(profile)
        self.groups = dangerous_groups()
        self.rights = {harness.plain(name): entry["rights"] for name, entry in json.loads(out)["libraries"].items()}
        self.total = len(self.libraries) * len(self.groups)

    def granted(self, phase, as_caller):
        """Pairs (library, group)."""
        roles = ("caller",) if as_caller else ("caller", "stack", "spawned")
        held = {library: {right for role in roles for right in self.rights.get(library, {}).get(phase, {}).get(role, ())}
                for library in self.libraries}
        return {(library, group) for library in self.libraries for group, rights in self.groups.items()
                if held[library] & (rights | {group})}

    def share(self, phase, as_caller):
        """The part of the cells that is denied."""
        return 1 - len(self.granted(phase, as_caller)) / self.total

    def counts(self):
        """How many are granted: init in any role and as caller, serving likewise."""
        return tuple(len(self.granted(phase, as_caller)) for phase in PHASES for as_caller in (False, True))

    @property
    def work(self):
        """The phase in which the program does its work: serving, if it says so."""
        return "serving" if self.serves else "init"

    def columns(self):
        """Shares as text: init in any role and as caller, serving likewise; '-' where serving never comes."""
        return [f"{self.share(phase, as_caller):.1%}" if phase == "init" or self.serves else "-"
                for phase in PHASES for as_caller in (False, True)]
