# SPDX-License-Identifier: Apache-2.0
"""Permitted work to learn from; with an argument it says "ready" and waits to be interrupted."""

import os
import sys
import time

open("started", "w", encoding="utf-8").close()
os.makedirs("made", exist_ok=True)
os.rmdir("made")
if len(sys.argv) > 1:
    print("ready", flush=True)
    while True:
        time.sleep(0.05)
print("alive to the end")
