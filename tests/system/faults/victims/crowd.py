# SPDX-License-Identifier: Apache-2.0
"""Imports generated libraries lib0001…; each writes a file of its own and tries a forbidden call."""

import importlib
import json
import sys

marker, count = sys.argv[1], int(sys.argv[2])
written, refused, forbidden = [], [], set()
for number in range(1, count + 1):
    library = importlib.import_module(f"lib{number:04}")
    (written if library.write(f"by-{number:04}") else refused).append(number)
    if number % 50 == 0 or number > count - 5:
        forbidden.add(library.strike(marker))
print(json.dumps({"written": written, "refused": refused, "forbidden": sorted(forbidden)}))
print("alive to the end")
