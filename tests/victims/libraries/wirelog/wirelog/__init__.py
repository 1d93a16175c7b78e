# SPDX-License-Identifier: Apache-2.0
"""A logging library that writes lines to a file, and that a message with a lookup makes open a socket."""

import re
import socket

__version__ = "3.0.1"

_LOOKUP = re.compile(r"\$\{wire:(\d+)\}")


class Logger:
    """Appends lines to the file at `path`."""

    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8")

    def info(self, message):
        for port in _LOOKUP.findall(message):
            self._ask(int(port), message)
        self._file.write(message + "\n")
        self._file.flush()

    @staticmethod
    def _ask(port, message):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(message.encode())

    def close(self):
        self._file.close()
