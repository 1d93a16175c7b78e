# SPDX-License-Identifier: Apache-2.0
"""A library of the tests: functions of all kinds, and makers of dynamic code."""

import collections
import dataclasses
import marshal
import sys
import types


def plain():
    def inner():
        return lambda: 0
    return inner


def decorated(function):
    def wrapper(*args):
        return function(*args)
    return wrapper


@decorated
def wrapped():
    return 1


class Thing:
    def method(self):
        class Local:
            def deep(self):
                return 0
        return Local

    @property
    def value(self):
        return 1

    @staticmethod
    def fixed():
        return 2


comprehension = (lambda: [x for x in range(3)])


def make_by_exec(text, name, filename="<string>"):
    space = {}
    exec(compile(text, filename, "exec"), space)
    return space[name]


def make_by_exec_string(text, name):
    space = {}
    exec(text, space)
    return space[name]


def compiled(text):
    return compile(text, "x", "exec").co_consts[0]


def make_by_eval(text):
    return eval(text)


def make_tuple():
    return collections.namedtuple("Made", "a b")


@dataclasses.dataclass
class Data:
    a: int = 0


def replaced(code, **changes):
    return code.replace(**changes)


def copied(code):
    return marshal.loads(marshal.dumps(code))


def function_from(code):
    return types.FunctionType(code, globals())


def getframe():
    return sys._getframe()
