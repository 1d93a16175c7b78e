# culprit: application caller: application right: @exec twin: own uses: drop
# SPDX-License-Identifier: Apache-2.0
"""A __del__ that is a function of the runtime: the program starts straight out of the application's frame."""

import functools
import subprocess


class Ticket:
    """Something that the application holds for a while."""


def benign(stage):
    return Ticket()


def attack(stage):
    return type("Ticket", (Ticket,), {"__del__": staticmethod(functools.partial(subprocess.run, stage.argv))})()


class OwnTicket:
    """Its end is work of this library."""

    argv = ()

    def __del__(self):
        subprocess.run(self.argv)


def twin(stage):
    ticket = OwnTicket()
    ticket.argv = stage.argv
    return ticket
