# SPDX-License-Identifier: Apache-2.0
"""Signals that meet waiting notifications: calls that are never interrupted by themselves are not interrupted here."""

import errno
import os
import signal
import sys
import threading
import time

import probe
from probe import check

busy = True


def burn():
    while busy:
        sum(range(1000))


signal.signal(signal.SIGALRM, lambda *_: None)
threads = [threading.Thread(target=burn) for _ in range(2)]
for thread in threads:
    thread.start()
base = os.path.join(os.environ["BASE"], "signals")
os.mkdir(base)
interrupted = 0
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
deadline = time.monotonic() + 20
rounds = 0
while rounds < 40 or (int(probe.ask("interrupted")) < 20 and time.monotonic() < deadline):
    rounds += 1
    for call, args in ((os.mkdir, (base + "/d",)), (os.rename, (base + "/d", base + "/e")), (os.chmod, (base + "/e", 0o700)),
                       (os.symlink, ("x", base + "/l")), (os.unlink, (base + "/l",)), (os.rmdir, (base + "/e",))):
        try:
            call(*args)
        except InterruptedError:
            interrupted += 1
            call(*args)
signal.setitimer(signal.ITIMER_REAL, 0)
busy = False
for thread in threads:
    thread.join()
check("interrupted", interrupted, 0)
interruptions = int(probe.ask("interrupted"))
print("%d rounds, %d notifications interrupted" % (rounds, interruptions))
check("enough interruptions to be a test", interruptions >= 5, True)
probe.finish()
