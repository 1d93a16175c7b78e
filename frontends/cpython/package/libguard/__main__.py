# SPDX-License-Identifier: Apache-2.0
"""`python3 -m libguard VERB ...`: the libguard command, same verbs, options and exit codes."""

import os
import sys

import _libguard_places as _places


def main():
    program = _places.program()
    if program is None:
        sys.stderr.write("libguard: the command `libguard` is not installed beside this package or on PATH\n"
                         "hint: pip install ./frontends/cpython, or install the system package\n")
        return 125
    sys.stdout.flush()
    try:
        os.execv(program, ["libguard"] + sys.argv[1:])
    except OSError as error:
        sys.stderr.write("libguard: cannot start %s: %s\nhint: is it complete and of this machine's architecture?\n"
                         % (program, error.strerror))
    return 125


if __name__ == "__main__":
    sys.exit(main())
