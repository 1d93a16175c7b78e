# SPDX-License-Identifier: Apache-2.0
"""Thousands of threads, a group at a time alive together; each makes a permitted and a forbidden judged call."""

import json
import os
import sys
import threading

import attempt

marker, total, group = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
threading.stack_size(128 * 1024)
answers, lock = {}, threading.Lock()


def work(barrier, number):
    barrier.wait()
    try:
        os.close(os.open(f"scratch-{number % 50}", os.O_WRONLY | os.O_CREAT))
        allowed = 0
    except OSError as error:
        allowed = error.errno
    key = f"{allowed} {attempt.by_spawn(marker)}"
    with lock:
        answers[key] = answers.get(key, 0) + 1


for start in range(0, total, group):
    barrier = threading.Barrier(group)
    workers = [threading.Thread(target=work, args=(barrier, start + number)) for number in range(group)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
print(json.dumps({"answers": answers}))
print("alive to the end")
