# SPDX-License-Identifier: Apache-2.0
"""Where nothing but the runtime, or no Python at all, is on the stack: who answers for a call there?

Usage: without_libraries.py [--backend NAME] [--as-user]. A program that holds an interpreter (tests/victims/native/embed_guest.c)
answers for its own calls, and its Python code for its own. A module that the application starts (python -m) goes on for the
application; what was left to the end of a program that it started does not.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

POLICY = """version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:
  pkg:deb/debian/coreutils: { grant: ["@file-write", "@file-meta"] }
  application: { grant: ["@file-write", "@exec", "@process"] }
  pkg:generic/embed_guest:
    grant: { any: ["@local-socket", "@process"], stack: ["@exec"] }
    functions: { "@process": ["<program>"] }
"""
EMBEDDED = """import subprocess
import sys
import _thread
import os
import time

assert subprocess.check_output(["/bin/echo", "from the module"]) == b"from the module\\n"
with open("../made/embedded-note", "w") as note:
    note.write("hello")
_thread.start_new_thread(os.system, ("/usr/bin/touch ../made/embedded-stolen",))
time.sleep(0.5)
"""
STARTER = """import os
import subprocess
import sys

os.environ["BROWSER"] = "/bin/echo opened %s"
subprocess.run([sys.executable, "-m", "webbrowser", "http://localhost/"], check=True)
subprocess.run([sys.executable, "leaver.py"], check=True)
"""
LEAVER = """import atexit
import subprocess

atexit.register(subprocess.call, ["/usr/bin/touch", "../made/left-behind"])
"""


class Setting:
    def __init__(self, account, backend):
        self.account, self.backend = account, backend
        self.work = os.path.join(harness.WORK, f"without-libraries-{backend}{account.suffix}")
        shutil.rmtree(self.work, ignore_errors=True)
        self.application = os.path.join(self.work, "application")
        os.makedirs(self.application)
        os.makedirs(os.path.join(self.work, "made"))
        for name, text in (("embedded.py", EMBEDDED), ("starter.py", STARTER), ("leaver.py", LEAVER)):
            with open(os.path.join(self.application, name), "w", encoding="utf-8") as file:
                file.write(text)
        with open(os.path.join(self.work, "policy.yaml"), "w", encoding="utf-8") as file:
            file.write(POLICY)
        self.guest = os.path.join(self.work, "embed_guest")
        library = os.path.join(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
        if not os.path.exists(library):
            library = os.path.join("/usr/lib/x86_64-linux-gnu", f"libpython3.{sys.version_info[1]}.so.1.0")
        source = os.path.join(harness.VICTIMS, "native", "embed_guest.c")
        subprocess.run(["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", self.guest, source, library], check=True)
        account.own(self.work)

    def run(self, name, *command):
        """(return code, what was told, deviations)."""
        events = os.path.join(self.work, name + ".events")
        environment = {**self.account.environment(self.application), "PYTHONPATH": self.application, "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [harness.libguard_binary(), "run", "--quiet", "--backend", self.backend, "--policy", os.path.join(self.work, "policy.yaml"),
                "--events", events, "--app", self.application, "--", *command]
        code, out, err = harness.run(argv, self.account, self.application, environment=environment)
        return code, (out + err).strip(), harness.read_events(events)

    def made(self, name):
        return os.path.exists(os.path.join(self.work, "made", name))


def check_embedding(setting):
    """Lines that say what is wrong."""
    code, told, events = setting.run("embedding", setting.guest, "embedded")
    print("  embedding: " + " | ".join(told.splitlines()))
    if code != 0 or not setting.made("embedded-note"):
        yield f"embedding: code {code}: {told[-600:]}"
    if setting.made("embedded-stolen"):
        yield "embedding: a thread without frames that Python code made started a program"
    wrong = [harness.tell_event(event) for event in events if harness.plain(event["caller"]) != "runtime"]
    if wrong or not events:
        yield f"embedding: {wrong or 'no refusal was told'}"


def check_left(setting):
    code, told, events = setting.run("left", sys.executable, "starter.py")
    print("  left to the end: " + " | ".join(harness.tell_event(event) for event in events))
    if code != 0 or "opened http://localhost/" not in told:
        yield f"left to the end: code {code}: {told[-600:]}"
    if setting.made("left-behind"):
        yield "left to the end: the runtime started a program in the name of who had started its own"
    if {harness.plain(event["caller"]) for event in events} != {"runtime"}:
        yield "left to the end: not refused to the runtime"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="notify")
    parser.add_argument("--as-user", action="store_true")
    options = parser.parse_args()
    setting = Setting(harness.Account(options.as_user), options.backend)
    wrong = [*check_embedding(setting), *check_left(setting)]
    return harness.exit_status(wrong)


if __name__ == "__main__":
    sys.exit(main())
