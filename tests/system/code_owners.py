# SPDX-License-Identifier: Apache-2.0
"""Whose code is it? Programs as people start them: console scripts of an environment, texts of -c that a library wrote,
compiled packages by -m, modules imported while the threads of earlier calls have ended.

Usage: code_owners.py [--as-user] [--python PYTHON]
The environment holds one distribution, `starter`, made here. Each program runs under enforce with a policy that grants
its rights to that distribution only: a frame that is taken for somebody else's ends it with an event. Three
want rights that they do not hold: by a hook of the import machinery, by a text of its own, by an exit hook in a program of the application's.
"""

import argparse
import os
import shutil
import sys

import harness

RECORD = ["starter/__init__.py", "starter/__main__.py", "compiled/__init__{suffix}", "compiled/__main__.py",
          "planted/__init__.py", "planted/__main__.py", "../../../bin/starter"]
FILES = {
    "starter/__init__.py": '''
import subprocess, sys, threading

def write(path):
    with open(path, "w") as file:
        file.write("x")
    print("written")

def by_text(text):
    return subprocess.run([sys.executable, "-c", text]).returncode

def script():
    sys.exit(write(sys.argv[1]))

def plant(path):
    import atexit
    atexit.register(subprocess.run, ["touch", path])

def behind_a_thread():
    """The last judged call before the imports is that of a thread that has ended."""
    for name in ("pprint", "plistlib", "mailbox"):
        thread = threading.Thread(target=write, args=(sys.argv[1],))
        thread.start()
        thread.join()
        __import__(name)
    thread = threading.Thread(target=write, args=(sys.argv[1],))
    thread.start()
    thread.join()
    import mmap  # an extension module of the runtime: it asks for no right
    from importlib import import_module
    import_module("xml.dom.minidom")
''',
    "starter/__main__.py": '''
import sys
import starter
what, path = sys.argv.pop(1), sys.argv[1]
if what == "thread":
    starter.behind_a_thread()
elif what == "text":
    sys.exit(starter.by_text(f"import starter; starter.write({path!r}); open({path!r}, 'a').close()"))
elif what == "exec":
    sys.exit(starter.by_text(f"exec({f'open({path!r}, chr(97)).close()'!r}); print('written')"))
elif what == "connect":
    sys.exit(starter.by_text("import socket; socket.socket()"))
''',
    # The import machinery calls the hook while it looks for planted.__main__, and nobody else is on the stack.
    "planted/__init__.py": '''
import functools, importlib, sys
sys.path_hooks.insert(0, functools.partial(importlib.import_module, "compiled"))
''',
    "planted/__main__.py": "import sys; open(sys.argv[1], 'w').close() if 'compiled' in sys.modules else None\n",
    "compiled/__main__.py": "import sys, starter\nstarter.write(sys.argv[1])\n",
}
SCRIPT = "#!{python}\nimport sys\nfrom starter import script\nif __name__ == '__main__':\n    script()\n"
# The application may start programs, and starts one in which the distribution leaves an exit hook.
CHILD = "import sys, starter; starter.plant(sys.argv[1])\n"
PARENT = "import os, subprocess, sys; subprocess.run([sys.executable, os.path.dirname(__file__) + '/child.py', sys.argv[1]])\n"
POLICY = """
version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:
  application: { grant: ["@exec", "@process"], deny: ["@file-write", "@native-load"] }
  pkg:pypi/starter: { grant: ["@file-write", "@exec", "@process"] }
"""


def make_environment(python, account, suffix, extension):
    """A virtual environment with one distribution: Python files, a package that is an extension, a console script."""
    venv = os.path.join(harness.WORK, "code-owners-" + harness.version_of(python) + account.suffix)
    shutil.rmtree(venv, ignore_errors=True)
    os.makedirs(os.path.dirname(venv), exist_ok=True)
    done = harness.run([python, "-m", "venv", "--without-pip", venv], harness.Account(False), "/")
    if done[0] != 0:
        raise harness.Broken(done[2])
    site = os.path.join(venv, "lib", "python" + harness.version_of(python), "site-packages")
    for name, text in FILES.items():
        os.makedirs(os.path.dirname(os.path.join(site, name)), exist_ok=True)
        with open(os.path.join(site, name), "w") as file:
            file.write(text)
    shutil.copy(extension, os.path.join(site, "compiled", "__init__" + suffix))
    script = os.path.join(venv, "bin", "starter")
    with open(script, "w") as file:
        file.write(SCRIPT.format(python=os.path.join(venv, "bin", "python")))
    os.chmod(script, 0o755)
    info = os.path.join(site, "starter-1.0.dist-info")
    os.makedirs(info)
    with open(os.path.join(info, "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\nName: starter\nVersion: 1.0\n")
    with open(os.path.join(info, "RECORD"), "w") as file:
        file.writelines(line.format(suffix=suffix) + ",,\n" for line in RECORD)
    harness.run([os.path.join(venv, "bin", "python"), "-m", "compileall", "-q", site], harness.Account(False), "/")
    return venv


def build_extension(python, folder):
    """A package that is an extension module, as mypyc and Cython make them; and how its file's name ends."""
    ask = "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX')); print(sysconfig.get_path('include'))"
    _, out, _ = harness.run([python, "-c", ask], harness.Account(False), "/")
    suffix, include = out.split()
    source, made = os.path.join(folder, "source.c"), os.path.join(folder, "made" + suffix)
    with open(source, "w") as file:
        file.write('#include <Python.h>\nstatic struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "compiled", 0, -1, 0};\n'
                   "PyMODINIT_FUNC PyInit_compiled(void) { return PyModule_Create(&module); }\n")
    done = harness.run(["cc", "-shared", "-fPIC", "-I", include, "-o", made, source], harness.Account(False), folder)
    if done[0] != 0:
        raise harness.Broken("no extension module: " + done[2])
    return suffix, made


class Starts:
    def __init__(self, python, account):
        self.account = account
        self.folder = harness.short_folder(account)
        self.venv = make_environment(python, account, *build_extension(python, self.folder))
        self.application = os.path.join(self.folder, "application")
        os.makedirs(self.application)
        for name, text in (("parent.py", PARENT), ("child.py", CHILD)):
            with open(os.path.join(self.application, name), "w") as file:
                file.write(text)
        self.policy = os.path.join(self.folder, "policy.yaml")
        with open(self.policy, "w") as file:
            file.write(POLICY)
        account.own(self.folder)
        self.failures = 0

    def check(self, name, argv, wanted=None):
        """`wanted`: the right that must be refused, and to whom; none: nothing is."""
        events, made = (os.path.join(self.folder, name + end) for end in (".events", ".made"))
        command = [os.path.join(self.venv, "bin", argv[0]), *argv[1:], made]
        status, out, err = harness.run(
            [harness.libguard_binary(), "run", "--policy", self.policy, "--app", self.application, "--events", events,
             "--", *command], self.account, self.folder)
        refused = [event for event in harness.read_events(events) if event["kind"] == "deviation"]
        told = [(event["right"]["name"], harness.plain(event["library"]["purl"])) for event in refused]
        right = wanted in told and not os.path.exists(made) if wanted else not told and status == 0 and "written" in out
        right = right and "unknown_frames" not in err
        print(f"{name:16} {'as it should be' if right else 'WRONG'}: status {status}, refused {told}")
        if not right:
            print(out + err)
            self.failures += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--as-user", action="store_true")
    parser.add_argument("--python", default="/usr/bin/python3.11")
    options = parser.parse_args()
    starts = Starts(options.python, harness.Account(options.as_user))
    starts.check("console script", ["starter"])
    starts.check("compiled by -m", ["python", "-m", "compiled"])
    starts.check("planted below -m", ["python", "-m", "planted"], ("py:import.extension", "runtime"))
    starts.check("ended threads", ["python", "-m", "starter", "thread"])
    starts.check("text", ["python", "-m", "starter", "text"])
    starts.check("text in text", ["python", "-m", "starter", "exec"])
    starts.check("more than its own", ["python", "-m", "starter", "connect"], ("socket:inet", "pkg:pypi/starter"))
    starts.check("hook in a child", ["python", os.path.join(starts.application, "parent.py")], ("clone:process", "runtime"))
    return starts.failures != 0


if __name__ == "__main__":
    sys.exit(main())
