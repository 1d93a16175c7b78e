# SPDX-License-Identifier: Apache-2.0
"""Another library of the tests."""


def run(function, *args):
    return function(*args)


def target():
    return "genuine"


def compiled(text, filename):
    return compile(text, filename, "exec")


def replaced(code, **changes):
    return code.replace(**changes)


def swap(function, code):
    function.__code__ = code
