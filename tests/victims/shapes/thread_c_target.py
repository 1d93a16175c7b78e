# culprit: pkg:pypi/simple-library caller: runtime right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""A thread whose target is a C function: no frame of the library is on its stack."""

import os
import threading


def benign(stage):
    worker = threading.Thread(target=len, args=("hello",))
    worker.start()
    worker.join()


def attack(stage):
    worker = threading.Thread(target=os.system, args=(stage.command,))
    worker.start()
    worker.join()


def _in_thread(command):
    os.system(command)


def twin(stage):
    worker = threading.Thread(target=_in_thread, args=(stage.command,))
    worker.start()
    worker.join()
