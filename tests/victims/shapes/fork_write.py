# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process twin: same
# SPDX-License-Identifier: Apache-2.0
"""fork, then the child does what the parent would be watched for."""

import os


def benign(stage):
    return os.getpid()


def attack(stage):
    child = os.fork()
    if child == 0:
        try:
            os.close(os.open(stage.marker, os.O_CREAT | os.O_WRONLY))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
