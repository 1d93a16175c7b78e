# SPDX-License-Identifier: Apache-2.0
"""Children that make judged calls without end are killed at random moments, most of them while one waits for its verdict."""

import json
import os
import random
import signal
import sys
import time

import attempt

marker, count = sys.argv[1], int(sys.argv[2])
chance = random.Random(7)


def busy(number):
    while True:
        try:
            os.close(os.open(f"scratch-{number % 16}", os.O_WRONLY | os.O_CREAT))
        except OSError:
            pass
        attempt.by_spawn(marker)


ends = {}
for start in range(0, count, 8):
    children = []
    for number in range(start, start + 8):
        child = os.fork()
        if child == 0:
            busy(number)
        children.append(child)
    time.sleep(chance.random() * 0.02)
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        ends[status] = ends.get(status, 0) + 1
print(json.dumps({"ends": ends, "after": attempt.by_spawn(marker)}))
print("alive to the end")
