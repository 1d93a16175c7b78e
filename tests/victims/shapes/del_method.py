# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same uses: drop
# SPDX-License-Identifier: Apache-2.0
"""A __del__ method: it runs when the application drops the object."""

import os


class Ticket:
    """Something that the application holds for a while."""

    command = ""

    def __del__(self):
        if self.command:
            os.system(self.command)


def benign(stage):
    return Ticket()


def attack(stage):
    ticket = Ticket()
    ticket.command = stage.command
    return ticket
