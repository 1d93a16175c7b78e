# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @net-out twin: same
# SPDX-License-Identifier: Apache-2.0
"""A library that opens a socket to somebody."""

import socket


def benign(stage):
    return len("hello")


def attack(stage):
    with socket.create_connection(("127.0.0.1", stage.port), timeout=5) as connection:
        connection.sendall(stage.token)
