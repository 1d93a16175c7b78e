# SPDX-License-Identifier: Apache-2.0
"""Starts programs at a given rate for some seconds; what they may do is theirs, every tenth tries more than it may."""

import json
import os
import sys
import time

marker, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])


def start_one(number):
    if number % 10 == 0:
        argv = ["/bin/sh", "-c", f": 2>/dev/null > '{marker}'"]
    else:
        argv = ["/bin/true"]
    child = os.fork()
    if child == 0:
        try:
            os.execv(argv[0], argv)
        finally:
            os._exit(99)
    return number % 10 == 0, child


begin, made, ends = time.monotonic(), 0, {}
while time.monotonic() - begin < seconds:
    forbidden, child = start_one(made)
    made += 1
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    key = f"{'forbidden' if forbidden else 'permitted'} {code}"
    ends[key] = ends.get(key, 0) + 1
    time.sleep(max(0.0, begin + made / rate - time.monotonic()))
print(json.dumps({"made": made, "rate": made / (time.monotonic() - begin), "ends": ends}))
print("alive to the end")
