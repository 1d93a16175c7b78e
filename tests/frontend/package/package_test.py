# SPDX-License-Identifier: Apache-2.0
"""The Python package in a fresh virtual environment: files, API, stubs, and the door of -X libguard."""

import ast
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import installed  # noqa: E402

POLICY = """version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:
  pkg:pypi/requests:
    grant: ["@net-out"]
"""


def here():
    return installed.installation


class Api(unittest.TestCase):
    def call(self, code, *words):
        status, out, err = here().run("-c", "import libguard, json, sys\n" + code, *words)
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)

    def test_every_name_is_there_and_documented(self):
        undocumented = self.call("""
missing = []
for name in libguard.__all__:
    thing = getattr(libguard, name)
    if not (thing.__doc__ or "").strip(): missing.append(name)
    if isinstance(thing, type) and thing.__module__ == "libguard._core":
        missing += [name + "." + n for n, m in vars(thing).items()
                    if not n.startswith("_") and not (getattr(m, "__doc__", "") or "").strip()]
print(json.dumps(missing))""")
        self.assertEqual(undocumented, [])

    def test_stubs_say_what_there_is(self):
        there = self.call("""
from libguard import _core
names = {n: sorted(m for m in vars(v) if not m.startswith("_") and m != "name") if isinstance(v, type) else None
         for n, v in vars(_core).items() if not n.startswith("_")}
print(json.dumps(names))""")
        with open(os.path.join(here().site, "libguard", "_core.pyi")) as file:
            tree = ast.parse(file.read())
        stubbed = {}
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                stubbed[node.name] = sorted(m.name for m in node.body if not m.name.startswith("_"))
            elif isinstance(node, ast.FunctionDef):
                stubbed[node.name] = None
        self.assertEqual(stubbed, there)
        with open(os.path.join(here().site, "libguard", "__init__.pyi")) as file:
            exported = {alias.name for node in ast.parse(file.read()).body if isinstance(node, ast.ImportFrom)
                        for alias in node.names}
        self.assertEqual(exported | {"serving"}, set(self.call("print(json.dumps(libguard.__all__))")))
        self.assertTrue(os.path.exists(os.path.join(here().site, "libguard", "py.typed")))

    def test_rules_judge(self):
        answer = self.call("""
policy = libguard.parse_policy(sys.argv[1])
rules = libguard.Rules.compile(policy)
print(json.dumps([policy.mode, rules.holds("pkg:pypi/requests@2.31.0", "connect", role="caller"),
                  rules.holds("pkg:pypi/other@1", "connect"), rules.holds("pkg:pypi/other@1", "read"),
                  "execve" in rules.rights("pkg:pypi/requests"), rules.action("execve"),
                  libguard.parse_policy(policy.to_yaml()) == policy]))""", POLICY)
        self.assertEqual(answer, ["enforce", True, False, True, False, "deny", True])

    def test_profiles_merge_and_report(self):
        answer = self.call("""
a = libguard.Profile()
b = libguard.parse_profile(a.to_json())
merged = libguard.merge(a, b)
path = sys.argv[1] + "/x.profile.json"
merged.save(path)
again = libguard.load_profile(path)
print(json.dumps([again == a, again.complete, again.contains(a), libguard.diff(a, again).same,
                  libguard.report(again)[:9].lower(), libguard.report(again, "csv").count("\\n") > 0,
                  again.observations, again.libraries]))""", os.path.dirname(here().prefix))
        self.assertEqual(answer, [True, True, True, True, "<!doctype", True, [], {}])

    def test_observations_are_judged(self):
        seen = {"caller": "pkg:pypi/deploytool@1", "direct": "runtime subprocess.Popen._execute_child",
                "libraries": ["application", "pkg:pypi/deploytool@1", "runtime"], "spawners": [], "phase": "init",
                "program": "/usr/bin/python3", "right": "execve", "count": 2, "stack": ["runtime|subprocess.Popen.__init__"]}
        answer = self.call("""
text = json.loads(libguard.Profile().to_json())
text["observations"] = [json.loads(sys.argv[2])]
text["libraries"] = {"application": {"init": {"stack": ["execve"]}},
                     "pkg:pypi/deploytool@1": {"init": {"caller": ["execve"], "stack": ["execve"]}}}
text["processes"] = {"/usr/bin/python3": {"init": ["execve"]}}
profile = libguard.parse_profile(json.dumps(text))
seen, = profile.observations
strict = libguard.Rules.compile(libguard.parse_policy(sys.argv[1]))
learned = libguard.Rules.compile(libguard.parse_policy("version: 1"), profile)
refused = strict.judge(seen)
print(json.dumps([seen.right, seen.group, seen.phase, seen.count, bool(refused), sorted(refused.culprits),
                  bool(learned.judge(seen)), libguard.diff(libguard.Profile(), profile).new_libraries,
                  profile.libraries["pkg:pypi/deploytool@1"]["init"]["caller"]]))""", POLICY, json.dumps(seen))
        self.assertEqual(answer[:5], ["execve", "@exec", "init", 2, False])
        self.assertIn(["pkg:pypi/deploytool@1", "caller"], answer[5])
        self.assertIn(["application", "stack"], answer[5])
        self.assertEqual(answer[6:], [True, ["application", "pkg:pypi/deploytool"], ["execve"]])

    def test_errors_have_hints(self):
        answer = self.call("""
def failure(call, *words):
    try: call(*words)
    except libguard.LibguardError as error: return [error.what, error.hint, error.code, str(error)]
rules = libguard.Rules.compile(libguard.parse_policy(sys.argv[1]))
print(json.dumps([failure(libguard.load_profile, "/absent"), failure(libguard.parse_policy, "version: 1\\nlibrarys: {}"),
                  failure(rules.holds, "pkg:pypi/x", "conect"), failure(rules.holds, "pkg:pypi/x", "connect", "int"),
                  failure(libguard.report, libguard.Profile(), "htlm"), failure(libguard.normal_purl, "requests")]))""", POLICY)
        for error in answer:
            self.assertEqual(len(error), 4)
            self.assertTrue(error[0] and error[1], error)
        self.assertIn("connect", answer[2][1])
        self.assertIn("html", answer[4][1])

    def test_rights_and_purls(self):
        groups, rights, purl = self.call(
            'print(json.dumps([libguard.groups(), libguard.rights("@exec"), libguard.normal_purl("pkg:pypi/A_b@1")]))')
        self.assertTrue(groups["@exec"])
        self.assertFalse(groups["@base"])
        self.assertIn("execve", rights)
        self.assertEqual(purl, "pkg:pypi/a-b@1")

    def test_serving_without_a_guard(self):
        self.assertIs(self.call("print(json.dumps(libguard.serving()))"), False)

    def test_importing_the_package_is_light(self):
        self.assertIs(self.call('print(json.dumps("libguard._core" in sys.modules))'), False)


class Files(unittest.TestCase):
    def test_the_pth_file_is_one_line_and_listed(self):
        with open(os.path.join(here().site, "libguard.pth")) as file:
            self.assertEqual(len(file.read().splitlines()), 1)
        with open(os.path.join(here().site, "libguard-0.1.0.dist-info", "RECORD")) as file:
            record = file.read()
        for name in ("libguard.pth", "_libguard_door.py", "_libguard_places.py", "libguard/__init__.pyi", "libguard/py.typed"):
            self.assertIn("\n" + name + ",", "\n" + record)


class Command(unittest.TestCase):
    def test_runs_the_command_beside_the_package(self):
        here().fake_program()
        self.addCleanup(os.unlink, here().program)
        status, out, err = here().run("-m", "libguard", "run", "--policy", "p.yaml", "--", "python3", "a b.py")
        self.assertEqual((status, out, err), (42, here().program + "|run --policy p.yaml -- python3 a b.py\n", ""))

    def test_says_so_if_there_is_none(self):
        status, out, err = here().run("-m", "libguard", "run", environment={"PATH": "/nonexistent"})
        self.assertEqual((status, out), (125, ""))
        self.assertIn("hint:", err)


class Door(unittest.TestCase):
    SHOW = ("import sys, os, json; print(json.dumps([sys.argv[1:], os.getpid(), sys.flags.isolated, sys.prefix, "
            "sys.stdin.read(), os.environ.get('LD_PRELOAD', ''), os.environ.get('LIBGUARD_DOOR')]))")

    def setUp(self):
        here().fake_client()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = temporary.name
        self.log = os.path.join(self.directory, "log")
        self.policy = os.path.join(self.directory, "p.yaml")

    def start(self, *words, environment=None, data=b"", **keywords):
        """(status, decoded stdout, stderr, lines of the client's log)"""
        status, out, err = here().run(*words, environment={"FAKE_CLIENT_LOG": self.log, **(environment or {})}, input=data,
                                      **keywords)
        if not os.path.exists(self.log):
            return status, out, err, []
        with open(self.log) as file:
            return status, out, err, file.read().splitlines()

    def test_nothing_happens_unasked(self):
        status, out, _, lines = self.start("-c", "import sys; print([m for m in sys.modules if 'libguard' in m])")
        self.assertEqual((status, out, lines), (0, "[]\n", []))

    def test_starts_once_more_with_the_client(self):
        words = ("-X", "libguard=policy=" + self.policy, "-c", self.SHOW, "a", "b c", "")
        status, out, err, lines = self.start(*words, data=b"typed in")
        self.assertEqual((status, err), (0, ""))
        arguments, pid, _, prefix, typed, preload, marker = json.loads(out)
        self.assertEqual(arguments, ["a", "b c", ""])
        self.assertEqual(typed, "typed in")
        self.assertEqual(os.path.realpath(prefix), os.path.realpath(here().prefix), "still in its virtual environment")
        self.assertEqual(preload, here().client)
        self.assertIsNone(marker)
        self.assertEqual(lines, ["%d policy=%s profile=- mode=- events=- app=-" % (pid, self.policy)])

    def test_every_way_to_say_what_to_run(self):
        script = os.path.join(self.directory, "script.py")
        with open(script, "w") as file:
            file.write("import sys; print(sys.argv[1:]); sys.exit(7)\n")
        option = ("-X", "libguard=policy=" + self.policy)
        for words in ((*option, script, "x"), ("-I", *option, script, "x"), ("-E", "-s", *option, script, "x"),
                      ("-Xlibguard=policy=" + self.policy, "-u", script, "x")):
            status, out, err, lines = self.start(*words)
            self.assertEqual((status, out, err), (7, "['x']\n", ""), words)
        self.assertEqual(len(lines), 4, "one start each")
        status, out, _, _ = self.start(*option, "-m", "script", "x", cwd=self.directory)
        self.assertEqual((status, out), (7, "['x']\n"))
        status, out, _, _ = self.start(*option, "-", "x", data=b"import sys; print(sys.argv[1:])")
        self.assertEqual((status, out), (0, "['x']\n"))
        status, out, _, _ = self.start(*option, "-c", "import sys; print(ascii(sys.argv[1]))", b"\xff\xfe")
        self.assertEqual((status, out), (0, "'\\udcff\\udcfe'\n"))

    def test_settings(self):
        self.start("-X", "libguard=record=out.json,events=e.jsonl,app=.", "-c", "1",
                   environment={"LIBGUARD_POLICY": "/other"}, cwd=self.directory)
        _, _, _, lines = self.start("-X", "libguard=policy=p.yaml,mode=detect", "-c", "1", cwd=self.directory)
        real = os.path.realpath(self.directory)
        self.assertEqual(lines[0].split(" ", 1)[1],
                         "policy=- profile={0}/out.json mode=- events={0}/e.jsonl app={0}".format(real))
        self.assertEqual(lines[1].split(" ", 1)[1], "policy=%s/p.yaml profile=- mode=detect events=- app=-" % real)

    def test_the_environment_is_a_door_too(self):
        for name in ("LIBGUARD_POLICY", "LIBGUARD_PROFILE"):
            status, _, err, lines = self.start("-c", "1", environment={name: self.policy})
            self.assertEqual((status, err), (0, ""))
        self.assertEqual(len(lines), 2)
        _, _, _, lines = self.start("-c", "1", environment={"LIBGUARD_POLICY": ""})
        self.assertEqual(len(lines), 2, "empty means not set")

    def test_other_preloaded_libraries_stay(self):
        other = os.path.join(self.directory, "other.so")
        subprocess.run(["cc", "-shared", "-o", other, "-xc", "/dev/null"], check=True)
        status, out, err, _ = self.start("-X", "libguard=policy=p", "-c", self.SHOW, environment={"LD_PRELOAD": other})
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(json.loads(out)[5], here().client + ":" + other)

    def test_children_with_the_client_do_not_start_again(self):
        code = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', '1']).returncode)"
        status, _, err, lines = self.start("-X", "libguard=policy=" + self.policy, "-c", code)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(len(lines), 2, "the client sees each program once: " + repr(lines))

    def test_a_preloaded_client_alone_is_no_guard(self):
        status, _, err, lines = self.start("-X", "libguard=policy=" + self.policy, "-c", "1",
                                           environment={"LD_PRELOAD": here().client})
        self.assertEqual((status, err), (0, ""))
        self.assertEqual([line.split()[1] for line in lines], ["policy=-", "policy=" + self.policy])

    def test_serving_with_a_client(self):
        status, out, _, _ = self.start("-X", "libguard=policy=p", "-c", "import libguard; print(libguard.serving())")
        self.assertEqual((status, out), (0, "True\n"))

    def refused(self, option, what, hint, environment=None):
        status, out, err, _ = self.start("-X", option, "-c", "print('unguarded')", environment=environment)
        self.assertEqual((status, out), (125, ""), err)
        self.assertRegex(err, "^libguard: .*" + what + r".* \(.*" + hint + r".*\)\n$")

    def test_wrong_options(self):
        self.refused("libguard=polcy=p", "unknown key 'polcy'", "did you mean 'policy'")
        self.refused("libguard=policy", "'policy' has no value", "-X libguard=policy=")
        self.refused("libguard=policy=", "'policy' has no value", "-X libguard=policy=")
        self.refused("libguard=", "unknown key ''", "one of: policy")
        self.refused("libguard=policy=a,record=b", "'policy' and 'record'", "record first")
        self.refused("libguard=policy=a,policy=b", "given twice", "once")
        self.refused("libguard=policy=a,mode=enforced", "unknown mode", "did you mean 'enforce'")
        if not os.path.exists("/etc/libguard/policy.yaml"):
            self.refused("libguard", "no policy", "-X libguard=policy=FILE")

    def test_no_client(self):
        os.unlink(here().client)
        self.refused("libguard=policy=p", "not installed", "pip install", {"PATH": "/nonexistent"})

    def test_a_client_that_cannot_be_loaded(self):
        with open(here().client, "w") as file:
            file.write("no library")
        status, out, err, _ = self.start("-X", "libguard=policy=p", "-c", "print('unguarded')")
        self.assertEqual((status, out), (125, ""))
        self.assertIn("libguard: the client could not be loaded", err)


class Guarded(unittest.TestCase):
    """With the real command and client: the process is guarded, by an ordinary user, from one line."""

    APP = """import sys, subprocess, libguard
print(sys.argv[1:], subprocess.run(["/bin/echo", "ran"], stdout=subprocess.PIPE).stdout)
if "attack" in sys.argv:
    import os, plugin
    try:
        print(plugin.run("touch " + sys.argv[2]))
    except OSError as error:
        print(type(error).__name__)
print(libguard.serving())
sys.exit(7)
"""

    def setUp(self):
        here().real_programs()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = temporary.name
        for name, text in (("app.py", self.APP), ("plugin.py", "import os\ndef run(c): return os.posix_spawn('/bin/sh', "
                                                  "['sh', '-c', c], {})\n")):
            with open(os.path.join(self.directory, name), "w") as file:
                file.write(text)

    def wait_for(self, profile):
        """The supervisor is detached: it writes the profile behind the program's end."""
        end = time.monotonic() + 30
        while not os.path.exists(profile):
            self.assertLess(time.monotonic(), end, "no profile was written")
            time.sleep(0.05)

    def test_record_then_enforce(self):
        profile = os.path.join(self.directory, "app.profile.json")
        policy = os.path.join(self.directory, "app.policy.yaml")
        marker = os.path.join(self.directory, "marker")
        status, out, err = here().run("-X", "libguard=record=" + profile, "app.py", "x", cwd=self.directory)
        self.assertEqual((status, out, err), (7, "['x'] b'ran\\n'\nTrue\n", ""))
        self.wait_for(profile)
        self.wait_for(profile)
        status, out, err = here().run(
            "-c", "import libguard, sys; p = libguard.load_profile(sys.argv[1]); assert p.libraries['application']; "
            "open(sys.argv[2], 'w').write(libguard.new_policy(p, sys.argv[1]))", profile, policy)
        self.assertEqual((status, err), (0, ""))
        status, out, err = here().run("-X", "libguard=policy=" + policy, "app.py", "y", cwd=self.directory)
        self.assertEqual((status, out, err), (7, "['y'] b'ran\\n'\nTrue\n", ""))
        status, out, _ = here().run("-X", "libguard=policy=" + policy, "app.py", "attack", marker, cwd=self.directory)
        self.assertEqual(status, 7)
        self.assertIn("PermissionError", out)
        self.assertFalse(os.path.exists(marker), "libguard should have stopped this")

    def test_python_m_libguard(self):
        profile = os.path.join(self.directory, "m.profile.json")
        status, out, err = here().run("-m", "libguard", "record", "-o", profile, "--", here().python, "app.py", "z",
                                      cwd=self.directory)
        self.assertEqual((status, out), (7, "['z'] b'ran\\n'\nTrue\n"), err)
        self.assertTrue(os.path.exists(profile))

    def test_a_policy_that_cannot_be_read_ends_the_process(self):
        status, out, err = here().run("-X", "libguard=policy=/absent.yaml", "app.py", cwd=self.directory)
        self.assertEqual((status, out), (125, ""))
        self.assertIn("/absent.yaml", err)


if __name__ == "__main__":
    installed.main("__main__")
