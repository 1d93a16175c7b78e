# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @net-out|@local-socket twin: own
# SPDX-License-Identifier: Apache-2.0
"""The same with -S and -I, which keep site and the environment's settings out of the child."""

import subprocess
import sys


def _start(argv):
    return subprocess.run(argv, check=False, stderr=subprocess.DEVNULL).returncode


def benign(stage):
    return _start(["/bin/true"])


def attack(stage):
    text = f"import socket; socket.create_connection(('127.0.0.1', {stage.port})).sendall({stage.token!r})"
    return _start([sys.executable, "-I", "-S", "-c", text])


def twin(stage):
    return _start([sys.executable, "-m", "deploytool.report", str(stage.port), stage.token.decode()])
