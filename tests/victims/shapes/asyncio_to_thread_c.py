# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same uses: loop
# SPDX-License-Identifier: Apache-2.0
"""A C callable handed to the event loop's default executor."""

import asyncio
import os


def benign(stage):
    asyncio.get_running_loop().run_in_executor(None, len, "hello")


def attack(stage):
    asyncio.get_running_loop().run_in_executor(None, os.system, stage.command)
