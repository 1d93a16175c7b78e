# SPDX-License-Identifier: Apache-2.0
"""Interpreters that libguard does not know are refused at start, by both doors; those that it knows start.

Usage: versions.py [--as-user]. Besides the versions that are installed (~/.pyenv), stand-ins are compiled that say another
one of themselves, as embedding programs do: a newer CPython, a free-threaded one, Python 2.
"""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys

import harness

KNOWN = "/usr/bin/python3.11"
STANDIN = '''#include <fcntl.h>
const char* Py_GetVersion(void) { return VERSION; }
void Py_InitializeEx(int signals) { (void)signals; }
int main(int count, char** words) { return count == 3 && open(words[2], O_CREAT | O_WRONLY, 0600) < 0; }
'''
STANDINS = {"3.16.0 (main)": "this version of CPython is not supported", "4.0.0 (main)": "this version of CPython is not supported",
            "2.7.18 (default)": "this version of CPython is not supported", "of its own": "this version of CPython is not supported",
            "3.13.0 experimental free-threading build (main)": "free-threaded CPython is not supported"}


class Setting:
    def __init__(self, account):
        self.account = account
        self.work = os.path.join(harness.WORK, "versions" + account.suffix)
        shutil.rmtree(self.work, ignore_errors=True)
        self.application = os.path.join(self.work, "application")
        os.makedirs(self.application)
        self.script = self.write("application/script.py", "import sys\nopen(sys.argv[1], 'w').close()\n")
        self.policy = self.write("policy.yaml", "version: 1\nmode: enforce\nlibraries: {}\n")
        self.started = os.path.join(self.work, "started")
        account.own(self.work)

    def write(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def standin(self, number, version):
        """A program with the two functions by which an interpreter is known."""
        program = os.path.join(self.work, f"standin-{number}")
        subprocess.run(["cc", "-rdynamic", f'-DVERSION="{version}"', "-o", program, self.write("standin.c", STANDIN)], check=True)
        os.chmod(program, 0o755)
        return program

    def doors(self):
        tool, profile = harness.libguard_binary(), os.path.join(self.work, "profile.json")
        settings = ["LIBGUARD_POLICY=" + self.policy, "LIBGUARD_MODE=enforce", "LIBGUARD_APP=" + self.application]
        return {"run": [tool, "run", "--quiet", "--policy", self.policy, "--mode", "enforce", "--app", self.application, "--"],
                "record": [tool, "record", "--quiet", "-o", profile, "--app", self.application, "--"],
                "detached": ["/usr/bin/env", "LD_PRELOAD=" + harness.client_library(), *settings]}

    def start(self, door, interpreter):
        """(exit status, stderr, did the script run?)"""
        if os.path.exists(self.started):
            os.unlink(self.started)
        code, _, err = harness.run([*door, interpreter, self.script, self.started], self.account, self.work)
        return code, err, os.path.exists(self.started)


def outside():
    """Installed versions older than 3.9."""
    for pattern, newest in (("2.*", 99), ("3.*", 8)):
        for folder in sorted(glob.glob(os.path.expanduser(f"~/.pyenv/versions/{pattern}"))):
            if int(os.path.basename(folder).split(".")[1]) <= newest:
                yield os.path.join(folder, "bin", "python")


def refused(setting, interpreter, message):
    for name, door in setting.doors().items():
        code, err, ran = setting.start(door, interpreter)
        if ran:
            yield f"{name}: the script ran"
        if code != 125 or message not in err or len(err.splitlines()) != 1 or "3.9 to 3.15" not in err:
            yield f"{name}: exit {code}: {err.strip()[-300:]!r}"


def doctor_refuses(setting, interpreter):
    argv = [harness.libguard_binary(), "doctor", "--json", "--python", interpreter]
    code, out, _ = harness.run(argv, setting.account, setting.work)
    finding, = (found for found in json.loads(out)["findings"] if found["question"] == "interpreter")
    if code != 1 or finding["state"] != "bad" or not finding["hint"]:
        yield f"doctor: exit {code}: {finding}"


def known(setting, interpreter):
    for name, door in setting.doors().items():
        code, err, ran = setting.start(door, interpreter)
        if not ran or code != 0:
            yield f"{name}: exit {code}: {err.strip()[-300:]!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-user", action="store_true", help="if root: run as an ordinary user, who reaches no ~/.pyenv")
    setting = Setting(harness.Account(parser.parse_args().as_user))
    trials = [(KNOWN, known(setting, KNOWN))]
    for number, (version, message) in enumerate(STANDINS.items()):
        trials.append((f"stand-in {version}", refused(setting, setting.standin(number, version), message)))
    for interpreter in outside() if not setting.account.entry else ():
        trials.append((interpreter, refused(setting, interpreter, "this version of CPython is not supported")))
        trials.append((interpreter + " by doctor", doctor_refuses(setting, interpreter)))
    failed = 0
    for name, troubles in trials:
        troubles = list(troubles)
        failed += bool(troubles)
        print(f"{'FAILED ' if troubles else 'ok      '}{name}{': ' if troubles else ''}{'; '.join(troubles)}")
    print(f"{len(trials) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
