# SPDX-License-Identifier: Apache-2.0
"""Runs each benchmark once with tiny counts: it must end well and print its table. Says nothing about speed.

Usage: smoke.py ABLATION_PROGRAM
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def runs(ablation):
    """Name -> (arguments, what a row of its table begins with)."""
    return {
        "calls.py": (["--rounds", "1", "--count", "3", "--depths", "5,20"], ["| floor, read |", "| free | 5 |", "| dangerous | 20 |"]),
        "startup.py": (["--rounds", "1", "--forks", "2", "--no-demo"], ["| LD_PRELOAD |", "| libguard run |", "| medians of 2 forks |"]),
        "servers.py": (["--only", "gunicorn", "--rounds", "1", "--requests", "6", "--as-user"], ["| gunicorn | page |"]),
        # Without the function cells just what they are for gets through, and nothing else.
        "ablation.py": (["--ablation", ablation, "--rules", "function-cells", "--only", "map_iterated,os_system", "--no-work",
                         "--as-user"], ["| — (all rules) | all rules hold | 2 |", "* without `function-cells` get through: map_iterated\n"]),
    }


def main():
    failed = 0
    for name, (arguments, rows) in runs(sys.argv[1]).items():
        done = subprocess.run([sys.executable, os.path.join(HERE, name), *arguments], capture_output=True, text=True)
        print(f"== {name} {' '.join(arguments)}\n{done.stdout}{done.stderr[-2000:]}", flush=True)
        missing = [row for row in rows if row not in done.stdout]
        if done.returncode != 0 or missing:
            failed += 1
            print(f"FAILED {name}: code {done.returncode}, missing {missing}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
