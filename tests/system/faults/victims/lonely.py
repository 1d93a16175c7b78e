# SPDX-License-Identifier: Apache-2.0
"""Tries forbidden and permitted calls in threads, says "ready", waits for a line, tries everything once more."""

import json
import os
import sys
import threading

import attempt

marker, threads = sys.argv[1], int(sys.argv[2])
stop = threading.Event()
seen = set()


def hammer(number):
    while not stop.is_set():
        seen.add(attempt.by_spawn(marker))
        try:
            os.close(os.open(f"scratch-{number}", os.O_WRONLY | os.O_CREAT))
        except OSError as error:
            seen.add(error.errno)


workers = [threading.Thread(target=hammer, args=(number,)) for number in range(threads)]
for worker in workers:
    worker.start()
print("ready", flush=True)
sys.stdin.readline()
stop.set()
for worker in workers:
    worker.join()
after = attempt.attempts(marker)
try:
    os.close(os.open("written-after", os.O_WRONLY | os.O_CREAT))
    write = 0
except OSError as error:
    write = error.errno
print(json.dumps({"seen": sorted(seen), "after": after, "write": write}))
print("alive to the end")
