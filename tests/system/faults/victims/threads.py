# SPDX-License-Identifier: Apache-2.0
"""Thousands of threads that are all alive until the last one has called; each makes a permitted and a forbidden judged call."""

import json
import os
import sys
import threading
import time

import attempt

marker, total = sys.argv[1], int(sys.argv[2])
threading.stack_size(128 * 1024)
answers, lock = {}, threading.Lock()
started, called = threading.Barrier(total + 1), threading.Barrier(total + 1)


def living():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Threads:"))


def work(number):
    started.wait()
    try:
        os.close(os.open(f"scratch-{number % 50}", os.O_WRONLY | os.O_CREAT))
        allowed = 0
    except OSError as error:
        allowed = error.errno
    key = f"{allowed} {attempt.by_spawn(marker)}"
    with lock:
        answers[key] = answers.get(key, 0) + 1
    called.wait()


begin = time.monotonic()
workers = [threading.Thread(target=work, args=(number,)) for number in range(total)]
for worker in workers:
    worker.start()
alive = living()
started.wait()
called.wait()
seconds = time.monotonic() - begin
for worker in workers:
    worker.join()
print(json.dumps({"answers": answers, "alive": alive, "seconds": round(seconds, 2)}))
print("alive to the end")
