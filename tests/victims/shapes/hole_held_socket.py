# culprit: none caller: none right: none twin: none hole: yes
# SPDX-License-Identifier: Apache-2.0
"""Open: a library writes to a connection that the application opened and holds."""

import os


def benign(stage):
    return len("hello")


def attack(stage):
    os.write(stage.connection.fileno(), stage.token)
