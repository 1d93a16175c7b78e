# SPDX-License-Identifier: Apache-2.0
"""Says that it started (a file), writes one file, tries what is forbidden; then what its arguments say: exit N, signal N, read, wait."""

import os
import signal
import sys
import time

import attempt

open(sys.argv[1] + ".started", "w", encoding="utf-8").close()
with open("work-done", "w", encoding="utf-8") as file:
    file.write("permitted\n")
print("refused", [code for code in attempt.attempts(sys.argv[1]) if code])
what = sys.argv[2] if len(sys.argv) > 2 else "exit"
number = int(sys.argv[3]) if len(sys.argv) > 3 else 0
if what == "read":
    print("read", len(sys.stdin.read()))
elif what == "signal":
    os.kill(os.getpid(), number)
    time.sleep(5)
elif what == "wait":
    print("ready", flush=True)
    try:
        while True:
            time.sleep(0.05)
    except KeyboardInterrupt:
        print("interrupted")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGINT)
print("alive to the end", flush=True)
sys.exit(number)
