# SPDX-License-Identifier: Apache-2.0
"""Stale code addresses, through the real client: 300 times, code of one library is run and freed, and code of another
library gets its address. The second library must not be taken for the first.

    python3 stale_code.py prepare DIR        makes a virtual environment with libraries `first` and `second`, and a policy
    libguard run --policy DIR/policy.yaml -- DIR/bin/python DIR/app/stale_code.py rounds
    python3 stale_code.py rounds             without a guard: must fail, for nothing refuses

Dynamic code belongs to the library that made it. `first` may write files, `second` may not, the application may: so the
code that `first` made succeeds and the code that `second` made is refused, unless an entry of the code table (or of the
supervisor's cache of it) outlives its code object. Exit code 0: all 300 rounds right, and the address really was reused.
(scenarios.py has the same test without the client, with entries that the test itself writes and removes.)
"""

import os
import shutil
import subprocess
import sys

ROUNDS = 300
MAKER = '''"""Makes code; whoever runs it, it stays this library's."""


def make(path):
    # A new file name each time, as marshal and import make them.
    return compile("open(%r, 'w').close()\\n" % path, "".join(list("<{name}>")), "exec")
'''
POLICY = """version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:
  application: { grant: ["@file-write", "@file-meta"] }
  pkg:pypi/first: { grant: ["@file-write"] }
  pkg:pypi/second: { grant: ["@file-read"] }
"""


def prepare(folder):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = subprocess.run([os.path.join(folder, "bin", "python"), "-c", "import site; print(site.getsitepackages()[0])"],
                          check=True, capture_output=True, text=True).stdout.strip()
    for name in ("first", "second"):
        info = name + "-1.0.dist-info"
        os.makedirs(os.path.join(site, info))
        files = {name + ".py": MAKER.replace("{name}", name),
                 info + "/METADATA": "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n" % name,
                 info + "/RECORD": "%s.py,,\n%s/METADATA,,\n%s/RECORD,,\n" % (name, info, info)}
        for path, text in files.items():
            with open(os.path.join(site, path), "w") as file:
                file.write(text)
    os.makedirs(os.path.join(folder, "app"))
    shutil.copy(os.path.abspath(__file__), os.path.join(folder, "app", "stale_code.py"))
    with open(os.path.join(folder, "policy.yaml"), "w") as file:
        file.write(POLICY)


def passes(code):
    try:
        exec(code, {})
        return True
    except PermissionError:
        return False


def rounds():
    import first
    import second

    reused = refused_first = passed_second = 0
    for _ in range(ROUNDS):
        code = first.make(os.devnull)
        refused_first += not passes(code)
        address = id(code)
        del code
        code = second.make(os.devnull)
        reused += id(code) == address
        passed_second += passes(code)
        del code
    print("rounds %d, address reused %d, first refused %d, second passed %d"
          % (ROUNDS, reused, refused_first, passed_second))
    if passed_second:
        print("libguard should have stopped this")
    return 1 if refused_first or passed_second or reused < ROUNDS * 8 // 10 else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["prepare"] and len(sys.argv) == 3:
        prepare(sys.argv[2])
    elif sys.argv[1:] == ["rounds"]:
        sys.exit(rounds())
    else:
        sys.exit(__doc__)
