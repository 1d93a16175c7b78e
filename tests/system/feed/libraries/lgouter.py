# SPDX-License-Identifier: Apache-2.0
"""Calls what it is given, in one of several ways."""

import os


def through(work, *arguments):
    return work(*arguments)


def each(values):
    for value in values:
        yield value
    yield from each_inner(values)


def each_inner(values):
    for value in values:
        value()
        yield value


def raising(work, inner):
    try:
        work(inner)
    except ValueError:
        return inner()
    return None


def forked(work):
    child = os.fork()
    if child == 0:
        work()
    return child
