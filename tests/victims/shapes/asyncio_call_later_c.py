# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same uses: loop
# SPDX-License-Identifier: Apache-2.0
"""A C callable that the application's event loop runs a little later."""

import asyncio
import os


def benign(stage):
    asyncio.get_running_loop().call_later(0.01, len, "hello")


def attack(stage):
    asyncio.get_running_loop().call_later(0.01, os.system, stage.command)
