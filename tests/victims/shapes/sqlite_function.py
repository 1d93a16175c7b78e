# culprit: application caller: application right: @process|@exec twin: own uses: query
# SPDX-License-Identifier: Apache-2.0
"""A function in the application's database that starts a shell when it is selected."""

import os
import sqlite3


def _database(function):
    connection = sqlite3.connect(":memory:")
    connection.create_function("fit", 1, function)
    return connection


def benign(stage):
    return _database(len)


def attack(stage):
    return _database(os.system)


def _fit(command):
    return os.system(command)


def twin(stage):
    return _database(_fit)
