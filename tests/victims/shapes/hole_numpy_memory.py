# culprit: none caller: none right: none twin: none hole: yes
# SPDX-License-Identifier: Apache-2.0
"""Open: numpy's array interface rewrites any memory of the process; what nobody holds stays refused all the same."""

import os


def benign(stage):
    import numpy

    return int(numpy.arange(4).sum())


class Window:
    """A view of memory that never was an array."""

    def __init__(self, address, length):
        self.__array_interface__ = {"data": (address, False), "shape": (length,), "typestr": "|u1", "version": 3}


def attack(stage):
    import numpy

    text = bytes(bytearray(b"unchanged"))
    window = numpy.asarray(Window(id(text) + bytes.__basicsize__ - 1, len(text)))
    window[:] = list(b"rewritten")
    stage.facts["rewritten"] = text == b"rewritten"
    try:
        os.close(os.memfd_create("program"))
        stage.facts["nobody_holds_refused"] = False
    except OSError:
        stage.facts["nobody_holds_refused"] = True
    return stage.facts["rewritten"] and (not stage.guarded or stage.facts["nobody_holds_refused"])
