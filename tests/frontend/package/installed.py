# SPDX-License-Identifier: Apache-2.0
"""Installs the Python package into a fresh virtual environment, once per test program.

Usage of a test program: TEST.py PYTHON BUILD_DIR WORK_DIR PROGRAMS [unittest arguments]. PROGRAMS is a prefix that holds
bin/libguard and lib/libguard_preload.so.
"""

import glob
import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


def clean_environment(**extra):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("LIBGUARD_", "PYTHON", "LD_", "VIRTUAL_ENV"))}
    environment.update(extra)
    return environment


class Installation:
    """A virtual environment with the package in it."""

    def __init__(self, base, build, work, programs):
        self.prefix = os.path.join(work, "venv")
        self.python = os.path.join(self.prefix, "bin", "python")
        shutil.rmtree(self.prefix, ignore_errors=True)
        subprocess.run([base, "-m", "venv", self.prefix], check=True, env=clean_environment())
        self.install(build, work, programs)
        self.site, = glob.glob(os.path.join(self.prefix, "lib", "python3.*", "site-packages"))
        self.client = os.path.join(self.prefix, "lib", "libguard_preload.so")
        self.program = os.path.join(self.prefix, "bin", "libguard")
        for path in (self.client, self.program):  # the tests of the door put their own in the place
            os.rename(path, path + ".real")

    def install(self, build, work, programs):
        source = os.path.join(work, "source")  # pip writes beside the sources
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(os.path.join(REPOSITORY, "frontends", "cpython"), source,
                        ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
        environment = clean_environment(LIBGUARD_BUILD_DIR=build, LIBGUARD_PROGRAMS=programs, LIBGUARD_SOURCE=REPOSITORY,
                                        CMAKE_BUILD_PARALLEL_LEVEL="2")
        done = subprocess.run([self.python, "-m", "pip", "install", "--disable-pip-version-check", "-v", source],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(done.stdout + "\npip install ./frontends/cpython failed")

    def real_programs(self):
        """Command and client as they were installed."""
        for path in (self.client, self.program):
            beside = path + ".new"  # one that still runs cannot be written, only replaced
            shutil.copy2(path + ".real", beside)
            os.replace(beside, path)

    def fake_client(self):
        if os.path.exists(self.client):
            os.unlink(self.client)
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", self.client,
                        os.path.join(HERE, "fake_client.c")], check=True)

    def fake_program(self):
        with open(self.program, "w") as file:
            file.write('#!/bin/sh\necho "$0|$*"\nexit 42\n')
        os.chmod(self.program, 0o755)

    def run(self, *words, environment=None, **keywords):
        """Starts the environment's interpreter; answers with (status, stdout, stderr)."""
        done = subprocess.run([self.python, *words], env=clean_environment(**(environment or {})),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **keywords)
        return done.returncode, done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode()


installation = None


def main(module):
    global installation
    base, build, work, programs = sys.argv[1:5]
    os.makedirs(work, exist_ok=True)
    installation = Installation(base, build, work, programs)
    sys.modules["installed"].installation = installation
    unittest.main(module=module, argv=[sys.argv[0], *sys.argv[5:]], verbosity=1)
