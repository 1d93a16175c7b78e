# culprit: runtime caller: runtime right: @process|@exec twin: own uses: thread
# SPDX-License-Identifier: Apache-2.0
"""A function of the standard library as the body of a greenlet, in a thread of the application: who made it is not on its stack."""

import subprocess
import threading

import greenlet


def benign(stage):
    return lambda: greenlet.greenlet(len).switch("hello")


def attack(stage):
    return lambda: greenlet.greenlet(subprocess.call).switch(stage.argv)


def _in_greenlet(argv):
    threading.stack_size(256 * 1024)  # not one that an ended thread left, with what it called still written on it
    worker = threading.Thread(target=subprocess.call, args=(argv,))
    worker.start()
    worker.join()


def twin(stage):
    return lambda: greenlet.greenlet(_in_greenlet).switch(stage.argv)
