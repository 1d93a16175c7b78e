# culprit: none caller: none right: none twin: none hole: yes uses: pool
# SPDX-License-Identifier: Apache-2.0
"""Open: a function sent by name to the application's worker process runs there with the application's stack."""

import urllib.request


def benign(stage):
    return len, "hello"


def attack(stage):
    return urllib.request.urlopen, f"http://127.0.0.1:{stage.port}/{stage.token.decode()}"
