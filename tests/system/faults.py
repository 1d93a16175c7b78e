# SPDX-License-Identifier: Apache-2.0
"""Faults around the guard: never a forbidden call carried out, never a hang, one clear line and a counter for each.

Usage: faults.py [--as-user] [--only NAME,...] [--full] [--list]
Each case has a folder of its own below build/system/faults; a case that finds nothing to assert fails.
"""

import argparse
import os
import sys
import time

import harness

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults"))
import cases_channel  # noqa: E402
import cases_disk  # noqa: E402
import cases_input  # noqa: E402
import cases_process  # noqa: E402
import cases_supervisor  # noqa: E402
from setting import Setting  # noqa: E402

CASES = {case.__name__: case for module in (cases_input, cases_disk, cases_process, cases_channel, cases_supervisor)
         for case in module.CASES}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-user", action="store_true", help="if root: run everything as an ordinary user")
    parser.add_argument("--only", help="names, joined by commas")
    parser.add_argument("--full", action="store_true", help="as long and as many as the issue says")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def run_case(name, account, full):
    setting = Setting(name, account, full)
    try:
        CASES[name](setting)
    except harness.Broken as broken:
        setting.wrong.append(f"the setting is broken: {broken}")
    except Exception as error:  # a case that breaks has shown nothing
        setting.wrong.append(f"the case broke: {type(error).__name__}: {error}")
    return setting


def main():
    options = parse_arguments()
    chosen = options.only.split(",") if options.only else list(CASES)
    if options.list:
        print("\n".join(CASES))
        return 0
    unknown = set(chosen) - set(CASES)
    if unknown:
        sys.exit(f"faults: no case {', '.join(sorted(unknown))}; --list names them")
    account = harness.Account(options.as_user)
    passed = failed = 0
    for name in chosen:
        begin = time.monotonic()
        setting = run_case(name, account, options.full)
        passed, failed = passed + (not setting.wrong), failed + bool(setting.wrong)
        note = f"  ({'; '.join(setting.notes)})" if setting.notes else ""
        print(f"{'failed' if setting.wrong else 'passed'}  {time.monotonic() - begin:6.1f} s  {name}{note}", flush=True)
        for wrong in setting.wrong[:12]:
            print(f"        {wrong}", flush=True)
        if len(setting.wrong) > 12:
            print(f"        and {len(setting.wrong) - 12} more", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
