# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same uses: loop
# SPDX-License-Identifier: Apache-2.0
"""A function of the standard library that the application's event loop runs for the library."""

import asyncio
import subprocess


def benign(stage):
    asyncio.get_running_loop().call_soon(len, "hello")


def attack(stage):
    asyncio.get_running_loop().call_soon(subprocess.call, stage.argv)
