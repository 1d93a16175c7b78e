# culprit: application caller: application right: @process|@exec twin: own uses: drop
# SPDX-License-Identifier: Apache-2.0
"""A __del__ that is no function of anybody: the shell starts straight out of the application's frame."""

import functools
import os


class Ticket:
    """Something that the application holds for a while."""


def benign(stage):
    return Ticket()


def attack(stage):
    # Static: from Python 3.14 on a partial would be given the ticket.
    kind = type("Ticket", (Ticket,), {"__del__": staticmethod(functools.partial(os.system, stage.command))})
    return kind()


class OwnTicket:
    """Its end is work of this library."""

    command = ""

    def __del__(self):
        os.system(self.command)


def twin(stage):
    ticket = OwnTicket()
    ticket.command = stage.command
    return ticket
