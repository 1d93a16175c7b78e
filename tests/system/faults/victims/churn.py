# SPDX-License-Identifier: Apache-2.0
"""Eight threads that start short-lived ones as fast as they can; at the end a forbidden call."""

import json
import sys
import threading

import attempt

marker, total = sys.argv[1], int(sys.argv[2])
lost = []


def start_many(count):
    for _ in range(count):
        try:
            threading.Thread(target=int).start()
        except RuntimeError as error:
            lost.append(str(error))
            return


makers = [threading.Thread(target=start_many, args=(total // 8,)) for _ in range(8)]
for maker in makers:
    maker.start()
for maker in makers:
    maker.join()
print(json.dumps({"lost": lost, "after": attempt.by_spawn(marker)}))
print("alive to the end")
