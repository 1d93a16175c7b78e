# SPDX-License-Identifier: Apache-2.0
"""Starts programs from a function that may and from one that may not: in a thread, in a forked child and its child, and in
a program that such a child becomes. Prints {place: [answers]}. Arguments: folder, marker."""

import json
import os
import sys
import threading

folder, marker = sys.argv[1:3]


def start(path):
    try:
        return os.waitpid(os.posix_spawn("/usr/bin/touch", ["touch", path], os.environ), 0)[1]
    except OSError as error:
        return -error.errno


def elsewhere(path):
    try:
        return os.waitpid(os.posix_spawn("/usr/bin/touch", ["touch", path], os.environ), 0)[1]
    except OSError as error:
        return -error.errno


def tell(place):
    print(json.dumps({place: [start(os.path.join(folder, place)), elsewhere(marker)]}), flush=True)


def in_child(action):
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def again():
    os.execv(sys.executable, [sys.executable, "-B", __file__, folder, marker, "again"])


if sys.argv[3:]:
    tell("program")
else:
    tell("first")
    thread = threading.Thread(target=tell, args=("thread",))
    thread.start()
    thread.join()
    in_child(lambda: tell("child"))
    in_child(lambda: in_child(lambda: tell("grandchild")))
    in_child(again)
    print("alive to the end")
