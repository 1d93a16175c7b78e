# SPDX-License-Identifier: Apache-2.0
"""A library whose work is talking to local services."""

import socket

__version__ = "0.4.2"


def send(port, text):
    """Sends `text` to the service at `port` of the loopback interface."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(text.encode())


def connect(port):
    """A connection that the caller keeps."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)
