# SPDX-License-Identifier: Apache-2.0
"""A package with a command, data and a subpackage."""


def main():
    print("large")
