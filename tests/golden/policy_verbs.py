# SPDX-License-Identifier: Apache-2.0
"""Runs policy, merge and explain as a user types them: answers, exit codes, hints, --json.

Usage: policy_verbs.py LIBGUARD
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
LIBGUARD = ""


def deviation(library, role, right, group, ident):
    return {"time": "2026-01-02T03:04:05.678Z", "id": ident, "kind": "deviation", "mode": "enforce", "action": "deny",
            "phase": "serving", "role": role, "exe": "/usr/bin/python3", "library": {"purl": library},
            "culprits": [{"purl": library, "role": role}], "caller": library,
            "stack": [{"purl": library, "frame": "x.run"}], "right": {"name": right, "group": group}, "count": 2}


class Verbs(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="libguard-verbs-")
        self.addCleanup(shutil.rmtree, self.dir)
        shutil.copy(os.path.join(HERE, "policy", "profile.json"), self.path("app.profile.json"))

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def run_verb(self, *words, code=0):
        done = subprocess.run([LIBGUARD, *words], cwd=self.dir, capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def make_policy(self):
        self.run_verb("policy", "new", "app.profile.json", "-o", "app.policy.yaml")

    def write_events(self):
        events = [deviation("pkg:pypi/pillow@10.1", "stack", "openat:write", "@file-write", "aaaaaaaaaaaa"),
                  deviation("unknown", "caller", "execve", "@exec", "bbbbbbbbbbbb")]
        self.write("events.jsonl", "".join(json.dumps(event) + "\n" for event in events))

    def test_common_path(self):
        self.make_policy()
        with open(os.path.join(HERE, "policy", "new.yaml"), encoding="utf-8") as golden:
            with open(self.path("app.policy.yaml"), encoding="utf-8") as made:
                self.assertEqual(made.read(), golden.read())
        self.assertIn("good", self.run_verb("policy", "check", "app.policy.yaml").stdout)
        self.assertIn(" 0 refused", self.run_verb("policy", "test", "app.policy.yaml", "app.profile.json").stdout)
        self.run_verb("policy", "fmt", "--check", "app.policy.yaml")
        self.run_verb("policy", "diff", "app.policy.yaml", "app.policy.yaml")
        self.assertIn("@net-out", self.run_verb("policy", "explain", "app.policy.yaml", "pkg:pypi/urllib3").stdout)

    def test_json_everywhere(self):
        self.make_policy()
        self.write_events()
        for words, code in ((("policy", "new", "app.profile.json"), 0), (("policy", "check", "app.policy.yaml"), 0),
                            (("policy", "test", "app.policy.yaml", "app.profile.json"), 0),
                            (("policy", "test", "app.policy.yaml", "events.jsonl"), 1),
                            (("policy", "diff", "app.profile.json", "app.profile.json"), 0),
                            (("policy", "explain", "app.policy.yaml"), 0), (("policy", "fmt", "app.policy.yaml"), 0),
                            (("policy", "schema"), 0), (("policy", "schema", "event"), 0),
                            (("policy", "accept", "events.jsonl", "--policy", "app.policy.yaml"), 1),
                            (("merge", "--check", "app.profile.json", "app.profile.json"), 0),
                            (("explain", "events.jsonl"), 0), (("explain", "events.jsonl", "aaaa"), 0)):
            json.loads(self.run_verb(*words, "--json", code=code).stdout)

    def test_accept_in_place(self):
        self.make_policy()
        self.write_events()
        done = self.run_verb("policy", "accept", "events.jsonl", "--policy", "app.policy.yaml", "-w", code=1)
        self.assertIn("aaaaaaaaaaaa: pkg:pypi/pillow gets @file-write as stack", done.stderr)
        self.assertIn("bbbbbbbbbbbb: unknown cannot be granted this", done.stderr)
        with open(self.path("app.policy.yaml"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn('  pkg:pypi/pillow: { grant: ["@file-write"] }\n', text)
        self.assertIn("# @exec as caller, execve: deploytool.ship.run < app.main\n", text)
        refused = self.run_verb("policy", "test", "app.policy.yaml", "events.jsonl", code=1).stdout
        self.assertIn("2 judged, 1 refused", refused)
        self.run_verb("policy", "accept", "events.jsonl", "--policy", "app.policy.yaml", "--id", "aaaa")

    def test_explain(self):
        self.make_policy()
        self.write_events()
        text = self.run_verb("explain", "events.jsonl", "aaaa", "--policy", "app.policy.yaml").stdout
        self.assertIn('pkg:pypi/pillow: { grant: ["@file-write"] }', text)
        self.assertEqual(self.run_verb("explain", "events.jsonl").stdout.count("Deviation "), 2)
        wrong = self.run_verb("explain", "events.jsonl", "aaaaaaaaaaab", code=2)
        self.assertIn("hint: did you mean 'aaaaaaaaaaaa'?", wrong.stderr)

    def test_merge(self):
        self.run_verb("merge", "app.profile.json", "app.profile.json", "-o", "all.json")
        with open(self.path("all.json"), encoding="utf-8") as all_, open(self.path("app.profile.json"), encoding="utf-8") as one:
            self.assertEqual(all_.read(), one.read())
        empty = {"format": "libguard-profile", "version": 1, "libraries": {}, "observations": []}
        self.write("empty.json", json.dumps(empty))
        self.run_verb("merge", "--check", "app.profile.json", "empty.json")
        lacking = self.run_verb("merge", "--check", "empty.json", "app.profile.json", code=1)
        self.assertIn("pkg:pypi/urllib3 (new)", lacking.stdout)

    def test_troubles_have_hints(self):
        self.make_policy()
        self.write("bad.yaml", "version: 1\nlibrarys: {}\n")
        self.write("text.txt", "hello")
        for words, what, hint in (
                (("policy", "check", "bad.yaml"), "bad.yaml:2: unknown key 'librarys'", "did you mean 'libraries'?"),
                (("policy", "check", "none.yaml"), "none.yaml", "typing error"),
                (("policy", "check", "app.profile.json"), "is a profile, not a policy", "libguard policy new"),
                (("policy", "new", "app.policy.yaml"), "app.policy.yaml", ""),
                (("policy", "new", "app.profile.json", "--mode", "enforec"), "unknown mode", "did you mean 'enforce'?"),
                (("policy", "new", "app.profile.json", "-o", "no/such/dir.yaml"), "no/such/dir.yaml", "typing error"),
                (("policy", "schema", "polcy"), "no schema 'polcy'", "did you mean 'policy'?"),
                (("policy", "diff", "app.policy.yaml", "app.profile.json"), "not of one kind", "two profiles"),
                (("policy", "explain", "app.policy.yaml", "pkg:pypi/urllib"), "holds the defaults", "pkg:pypi/urllib3"),
                (("merge", "text.txt"), "text.txt: no JSON", "cut off"),
                (("explain", "text.txt"), "text.txt holds no events", "one JSON object a line")):
            done = self.run_verb(*words, code=2)
            self.assertEqual(done.stdout, "", words)
            self.assertIn(what, done.stderr)
            self.assertIn("hint: ", done.stderr)
            self.assertIn(hint, done.stderr)

    def test_diff_finds_the_upgrade(self):
        with open(self.path("app.profile.json"), encoding="utf-8") as file:
            profile = json.load(file)
        for key in ("libraries", "processes"):
            profile[key] = {}
        profile["observations"] = profile["observations"][:1]
        # What does not follow from the observations is refused.
        self.write("forged.json", json.dumps(profile))
        self.run_verb("policy", "diff", "app.profile.json", "forged.json", code=2)
        profile["observations"] = []
        self.write("empty.json", json.dumps(profile))
        self.assertIn("(gone)", self.run_verb("policy", "diff", "app.profile.json", "empty.json", code=1).stdout)


if __name__ == "__main__":
    LIBGUARD = os.path.abspath(sys.argv.pop(1))
    unittest.main()
