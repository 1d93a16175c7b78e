# SPDX-License-Identifier: Apache-2.0
"""Lines of .pth files belong to the library of the file, if the site module itself executes them."""

import os
import site
import sys

import probe

BASE = os.environ["BASE"]
LINE = "import sys; sys.first_line_of_a = lambda: 0\n"


def addpackage(line):
    exec(line)


class StartupState:
    def _exec_imports(line):
        exec(line)


site.addsitedir(os.path.join(BASE, "site", "liba"))
probe.belongs("first line", sys.first_line_of_a, probe.LIBA)
probe.belongs("second line", sys.second_line_of_a, probe.LIBA)

# Many files, and blanks around a line: from Python 3.15 on all files are read before the first line is executed.
many = os.path.join(BASE, "site", "liba", "many")
os.mkdir(many)
sys.many_lines = {}
for number in range(200):
    with open(os.path.join(many, f"{number}.pth"), "w", encoding="utf-8") as file:
        file.write(f"import sys; sys.many_lines[{number}] = lambda: 0  \n")
site.addsitedir(many)
probe.check("lines of many files", len(sys.many_lines), 200)
for number, function in sys.many_lines.items():
    probe.belongs(f"line of file {number}", function, probe.LIBA)

# A file that may not stand for its library, and the same text from elsewhere: whoever made the call.
site.addsitedir(os.path.join(BASE, "site", "young"))
probe.belongs("line of a young file", sys.line_of_young, probe.APPLICATION)
exec(LINE)
probe.belongs("same text", sys.first_line_of_a, probe.APPLICATION)
addpackage(LINE)
probe.belongs("same text by the same name", sys.first_line_of_a, probe.APPLICATION)
StartupState._exec_imports(LINE)
probe.belongs("same text by the newer name", sys.first_line_of_a, probe.APPLICATION)
probe.finish()
