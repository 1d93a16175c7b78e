# SPDX-License-Identifier: Apache-2.0
"""fork and multiprocessing: the child goes on with a copy of the area, from several threads."""

import os
import sys
import threading

import probe
from probe import check

import liba

stop = False


def churn():
    while not stop:
        liba.make_by_eval("lambda: 0")


threads = [threading.Thread(target=churn) for _ in range(3)]
for thread in threads:
    thread.start()
for round in range(40):
    child = os.fork()
    if child == 0:
        for _ in range(20):
            liba.make_by_eval("lambda: 0")
        os._exit(0)
    check("child", os.waitpid(child, 0)[1], 0)
stop = True
for thread in threads:
    thread.join()
probe.finish()
