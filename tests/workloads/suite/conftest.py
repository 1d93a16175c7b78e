# SPDX-License-Identifier: Apache-2.0
"""Tells libguard when the tests are collected: importing is over, now they run."""

import libguard


def pytest_collection_finish(session):
    libguard.serving()
