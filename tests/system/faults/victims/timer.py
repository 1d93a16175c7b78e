# SPDX-License-Identifier: Apache-2.0
"""Path calls and forks under a 0.5 ms interval timer: how many end with EINTR?"""

import json
import os
import signal
import sys

ticks = 0


def tick(*_):
    global ticks
    ticks += 1


signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
interrupted = 0
for number in range(int(sys.argv[1])):
    for call in (lambda: os.mkdir("folder"), lambda: os.close(os.open("folder/file", os.O_WRONLY | os.O_CREAT)),
                 lambda: os.rename("folder/file", "folder/other"), lambda: os.unlink("folder/other"), lambda: os.rmdir("folder")):
        try:
            call()
        except InterruptedError:
            interrupted += 1
            call()
    if number % 8 == 0:
        try:
            child = os.fork()
        except OSError:  # CPython loses the number of the error
            interrupted += 1
            continue
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
signal.setitimer(signal.ITIMER_REAL, 0)
print(json.dumps({"interrupted": interrupted, "ticks": ticks}))
