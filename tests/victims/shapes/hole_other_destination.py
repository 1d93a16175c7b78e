# culprit: none caller: none right: none twin: none hole: yes uses: fetch
# SPDX-License-Identifier: Apache-2.0
"""Open: a library that may connect is led to another destination by what the culprit tells the application."""


def benign(stage):
    return stage.other_port


def attack(stage):
    return stage.port
