# SPDX-License-Identifier: Apache-2.0
"""Lists all victims with what must come of them, read from the first line of each file in shapes/.

A first line is pairs of key and value: culprit, caller, right (alternatives joined by '|'; `none`: an open hole; `any`), twin (same, own, none), and where needed uses (what the application does with the
result), hole (yes: stays open, success is expected), needs (x32).
Run as a program it prints the table.
"""

import dataclasses
import os

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = {"culprit", "caller", "right", "twin", "uses", "hole", "needs"}


@dataclasses.dataclass(frozen=True)
class Victim:
    name: str
    summary: str
    culprits: tuple
    callers: tuple
    rights: tuple
    twin: str
    uses: str = ""
    hole: bool = False
    needs: str = ""


def read_victim(path):
    with open(path, encoding="utf-8") as file:
        head = file.readline()
        text = file.read(2000)
    words = head.lstrip("# ").split()
    pairs = dict(zip((word.rstrip(":") for word in words[::2]), words[1::2]))
    if set(pairs) - KEYS or not {"culprit", "caller", "right", "twin"} <= set(pairs):
        raise ValueError(f"{path}:1: not a victim's first line: {head!r}")
    return Victim(
        name=os.path.basename(path)[:-3],
        summary=text.split('"""')[1].splitlines()[0],
        culprits=tuple(pairs["culprit"].split("|")),
        callers=tuple(pairs["caller"].split("|")),
        rights=tuple(pairs["right"].split("|")),
        twin=pairs["twin"],
        uses=pairs.get("uses", ""),
        hole=pairs.get("hole") == "yes",
        needs=pairs.get("needs", ""),
    )


def victims():
    folder = os.path.join(HERE, "shapes")
    names = sorted(name for name in os.listdir(folder) if name.endswith(".py") and name != "__init__.py")
    return [read_victim(os.path.join(folder, name)) for name in names]


if __name__ == "__main__":
    everything = victims()
    for victim in everything:
        print(f"{victim.name:26} {'|'.join(victim.culprits):40} {'|'.join(victim.rights):24} twin {victim.twin}")
    print(f"{len(everything)} victims, {sum(victim.hole for victim in everything)} of them open holes")
