# culprit: runtime caller: runtime right: @process|@exec twin: own uses: drop
# SPDX-License-Identifier: Apache-2.0
"""A finalizer with a C callable: it fires in whoever drops the object."""

import os
import weakref


class Ticket:
    """Something that the application holds for a while."""


def benign(stage):
    ticket = Ticket()
    weakref.finalize(ticket, len, "hello")
    return ticket


def attack(stage):
    ticket = Ticket()
    weakref.finalize(ticket, os.system, stage.command)
    return ticket


def _finalize(command):
    os.system(command)


def twin(stage):
    ticket = Ticket()
    weakref.finalize(ticket, _finalize, stage.command)
    return ticket
