# SPDX-License-Identifier: Apache-2.0
"""Calls what it is given, in some other ways."""

import asyncio


def through(work, *arguments):
    return work(*arguments)


def deep(depth, work):
    return work() if depth == 0 else deep(depth - 1, work)


def each(values):
    for value in values:
        try:
            yield value
        finally:
            value()


def raises(work):
    work()
    raise ValueError("expected")


def catching(work):
    try:
        yield 1
    except ValueError:
        work()


def closing(work):
    try:
        yield 1
    finally:
        work()


async def awaited(work):
    await asyncio.sleep(0)
    return work()


class Held:
    def __init__(self, work):
        self.work = work
        work()

    @property
    def held(self):
        return self.work()

    def __getitem__(self, _):
        return self.work()
