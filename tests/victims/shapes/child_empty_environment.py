# culprit: startup caller: startup right: @net-out|@local-socket twin: own
# SPDX-License-Identifier: Apache-2.0
"""The same with an empty environment: nothing of the guard's is preloaded into the child."""

import subprocess
import sys


def _start(argv, environment=None):
    return subprocess.run(argv, check=False, stderr=subprocess.DEVNULL, env=environment).returncode


def benign(stage):
    return _start(["/bin/true"])


def attack(stage):
    text = f"import socket; socket.create_connection(('127.0.0.1', {stage.port})).sendall({stage.token!r})"
    return _start([sys.executable, "-c", text], environment={})


def twin(stage):
    return _start([sys.executable, "-m", "deploytool.report", str(stage.port), stage.token.decode()])
