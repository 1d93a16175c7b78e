# SPDX-License-Identifier: Apache-2.0
"""A command on a terminal of its own, as a person would use it: types, reads the screen."""

import fcntl
import os
import pty
import subprocess
import termios
import time

from setting import end_group


class Terminal:
    """The command leads a session of its own whose controlling terminal is ours to read and to type at."""

    def __init__(self, setting, argv, **environment):
        self.seen = ""
        self._at = 0
        self._ours, theirs = pty.openpty()

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(setting.account.command(argv), cwd=setting.work, env=setting.environment(**environment),
                                        stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=lead)
        os.close(theirs)
        os.set_blocking(self._ours, False)

    def type(self, text):
        os.write(self._ours, text.encode())

    def read(self):
        try:
            self.seen += os.read(self._ours, 65536).decode(errors="replace")
        except (BlockingIOError, OSError):  # nothing there; at the end of the session: no terminal
            time.sleep(0.02)

    def wait_for(self, word, seconds=30):
        """Is `word` on the screen, behind what was waited for before?"""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.seen.find(word, self._at)
            if found >= 0:
                self._at = found + len(word)
                return True
            self.read()
        return False

    def close(self, seconds=30):
        """The exit status; None if it had to be killed."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        hung = self.process.poll() is None
        if hung:
            end_group(self.process.pid)
        self.read()
        os.close(self._ours)
        return None if hung else self.process.wait()
