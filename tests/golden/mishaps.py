# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around the verbs: full or closed output, limits, words that are missing, files of another kind.

Usage: mishaps.py LIBGUARD. Each mishap is one line with a hint and the documented exit code, and leaves no half of a file.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
LIBGUARD = ""
PYTHON = "/usr/bin/python3"
SPAWNS = """import os
for number in range(40):
    exec(f"def f{number}():\\n    try: os.posix_spawn('/bin/true', ['true'], {{}})\\n    except PermissionError: pass\\nf{number}()")
print("went on")
"""


class Mishaps(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="libguard-mishaps-", dir=os.path.dirname(os.path.dirname(LIBGUARD)))
        self.addCleanup(shutil.rmtree, self.dir)
        shutil.copy(os.path.join(HERE, "policy", "profile.json"), self.path("app.profile.json"))
        os.mkdir(self.path("app"))
        self.write("app/main.py", "print('done')\n")
        self.write("app/spawns.py", SPAWNS)
        self.write("nothing.yaml", "version: 1\nmode: enforce\n")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def shell(self, line, code, hint=""):
        """Runs the line with $LIBGUARD; asks for the exit code, and for one message with a hint if there is to be one."""
        done = subprocess.run(["/bin/bash", "-c", line], cwd=self.dir, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, env={**os.environ, "LIBGUARD": LIBGUARD, "PYTHON": PYTHON})
        self.assertEqual(done.returncode, code, f"{line}\n{done.stdout}\n{done.stderr}")
        if hint:
            self.assertEqual(done.stderr.count("\nhint: "), 1, done.stderr)
            self.assertIn(hint, done.stderr)
        return done

    def test_an_answer_that_does_not_arrive_is_told(self):
        for words in ("--help", "--version", "doctor", "doctor --rights --json", "status", "status --json", "policy schema",
                      "policy new app.profile.json", "report app.profile.json", "merge app.profile.json"):
            self.shell(f"$LIBGUARD {words} >/dev/full", 2, "disk")
            self.shell(f"$LIBGUARD {words} >&-", 2, "nobody left to read")

    def test_a_reader_that_goes_early_is_no_trouble(self):
        done = self.shell("$LIBGUARD policy schema | head -c 10; exit ${PIPESTATUS[1]}", 0)
        self.assertEqual((len(done.stdout), done.stderr), (10, ""))

    def test_no_file_is_left_half_written(self):
        for words in ("report app.profile.json -o made.html", "policy new app.profile.json -o made.yaml"):
            self.shell(f"ulimit -f 1; $LIBGUARD {words}", 2, "ulimit -f")
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith("made")], [])

    def test_words_that_are_missing(self):
        self.shell("$LIBGUARD run true", 125, "behind '--'")
        self.shell("$LIBGUARD record -o made.json true", 125, "behind '--'")
        self.shell("$LIBGUARD record -o made.json --ap app true", 125, "did you mean '--app'?")
        self.shell("$LIBGUARD policy new", 2, "see libguard policy new --help")
        self.shell("$LIBGUARD report app.profile.json -o made.pdf", 2, ".html")

    def test_a_mistyped_variable_guards_nobody(self):
        self.shell("LIBGUARD_POLCY=nothing.yaml $LIBGUARD run --app app -- true", 125, "did you mean 'LIBGUARD_POLICY'?")
        self.shell("LIBGUARD_TEST_DIR=x LIBGUARD_APP=app LIBGUARD_POLICY=nothing.yaml $LIBGUARD run -- true", 0)

    def test_without_a_policy_it_says_so(self):
        self.assertIn("without a policy every call passes", self.shell("$LIBGUARD run --app app -- true", 0).stderr)
        self.assertEqual(self.shell("$LIBGUARD run --policy nothing.yaml --app app -- true", 0).stderr, "")
        self.assertEqual(self.shell("$LIBGUARD run --quiet --app app -- true", 0).stderr, "")

    def test_a_directory_that_is_gone(self):
        gone = "mkdir gone && cd gone && rmdir ../gone && "
        self.shell(gone + "$LIBGUARD record --quiet -o /dev/null -- $PYTHON -c 1", 125, "--app /DIR")
        self.shell(gone + f"$LIBGUARD record --quiet -o /dev/null --app {self.path('app')} -- $PYTHON -c 1", 0)

    def test_files_of_another_kind(self):
        self.assertIn("is a profile, not events", self.shell("$LIBGUARD explain app.profile.json", 2, "--events").stderr)
        self.assertIn("holds no events", self.shell("$LIBGUARD policy accept nothing.yaml --policy nothing.yaml", 2, "--events").stderr)

    def test_a_command_that_is_not_there_leaves_the_profile_alone(self):
        self.shell("$LIBGUARD record --quiet -o app.profile.json --app app -- no-such-command", 127, "right name")
        self.shell("$LIBGUARD record --quiet -o app.profile.json --app app -- ./app", 126, "right name")
        with open(self.path("app.profile.json"), "rb") as left, open(os.path.join(HERE, "policy", "profile.json"), "rb") as kept:
            self.assertEqual(left.read(), kept.read())

    def test_a_profile_may_be_a_device(self):
        self.shell("$LIBGUARD record --quiet -o /dev/null --app app -- $PYTHON app/main.py", 0)
        self.shell("$LIBGUARD record --quiet -o /dev/full --app app -- $PYTHON app/main.py", 125, "free space")

    def test_a_limit_of_file_sizes_does_not_end_the_guard(self):
        done = self.shell("ulimit -f 1; $LIBGUARD run --policy nothing.yaml --app app --events made.jsonl -- $PYTHON app/spawns.py", 0)
        self.assertEqual(done.stdout, "went on\n")
        self.assertIn("refusing goes on", done.stderr)

    def test_the_program_has_no_handler_of_ours(self):
        handlers = "grep SigCgt /proc/self/status"
        self.shell(f"a=$({handlers}); b=$($LIBGUARD run --app app -- {handlers}); [ \"$a\" = \"$b\" ]", 0)

    def test_closed_descriptors_take_no_messages(self):
        self.shell("$LIBGUARD run --policy nothing.yaml --app app --events made.jsonl -- $PYTHON app/spawns.py 2>&-", 0)
        with open(self.path("made.jsonl"), encoding="utf-8") as file:
            self.assertEqual({json.loads(line)["kind"] for line in file}, {"deviation"})

    def test_interrupted_the_profile_is_kept(self):
        self.write("app/waits.py", "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
        with subprocess.Popen([LIBGUARD, "record", "-o", "made.json", "--app", "app", "--", PYTHON, "app/waits.py"], cwd=self.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            self.assertEqual(running.stdout.readline(), "ready\n")
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=30)
        self.assertEqual(running.returncode, 128 + signal.SIGINT)
        with open(self.path("made.json"), encoding="utf-8") as file:
            self.assertTrue(json.load(file)["observations"])


if __name__ == "__main__":
    LIBGUARD = os.path.abspath(sys.argv.pop(1))
    unittest.main()
