# SPDX-License-Identifier: Apache-2.0
"""A program of its own (python -m deploytool.report PORT TEXT): sends a text to a local listener."""

import socket
import sys


def main(port, text):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as connection:
        connection.sendall(text.encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
