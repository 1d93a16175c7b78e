# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @native-load twin: own
# SPDX-License-Identifier: Apache-2.0
"""The interpreter's own test module, which every installation carries, as a way to run code unseen."""


def benign(stage):
    return len("hello")


def attack(stage):
    import _testcapi

    _testcapi.run_in_subinterp(f"import os; os.system({stage.command!r})")


def twin(stage):
    import _testcapi

    with open(stage.marker, "w", encoding="utf-8") as file:
        file.write(str(_testcapi.INT_MAX))
