# SPDX-License-Identifier: Apache-2.0
"""An application that keeps its database inside its own directory: recorded, granted as data, and never taken for code.

Usage: data_directories.py [--backend NAME] [--as-user]. The policy is made without hand edits; other work passes under it; then
the application's process tries to make code of data, and data of code: each attempt succeeds without a guard.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

APPLICATION = '''import json
import os
import sqlite3
import sys
import tempfile

import helper

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "instance")
sys.path.append(DATA)


def store(rows, mode):
    base = sqlite3.connect(os.path.join(DATA, "app.db"))
    base.execute(f"PRAGMA journal_mode={mode}")
    base.execute("CREATE TABLE IF NOT EXISTS note(text)")
    base.executemany("INSERT INTO note VALUES (?)", [(str(row),) for row in range(rows)])
    base.commit()
    return base.execute("SELECT count(*) FROM note").fetchone()[0]


def work():
    store(3, "DELETE")
    os.makedirs(os.path.join(HERE, "var", "cache"), exist_ok=True)
    with open(os.path.join(HERE, "var", "cache", "page"), "w") as file:
        file.write("page")
    helper.start("recorded")


def other():
    store(500, "WAL")
    with tempfile.TemporaryFile(dir=DATA) as file:
        file.write(b"x")
    os.makedirs(os.path.join(DATA, "deep", "er"))
    with open(os.path.join(DATA, "deep", "er", "new"), "w") as file:
        file.write("x" * 100000)
    os.replace(os.path.join(DATA, "deep", "er", "new"), os.path.join(DATA, "old"))
    os.link(os.path.join(DATA, "old"), os.path.join(DATA, "deep", "again"))
    os.truncate(os.path.join(DATA, "old"), 5)
    os.chmod(os.path.join(DATA, "old"), 0o600)
    os.remove(os.path.join(DATA, "old"))
    os.rename(os.path.join(DATA, "deep"), os.path.join(HERE, "var", "deep"))
    helper.start("granted")


def planted_before():
    import planted
    planted.start("planted")


def planted_now():
    shutil_copy(os.path.join(HERE, "helper.py"), os.path.join(DATA, "late.py"))
    import late
    late.start("late")


def shutil_copy(source, target):
    with open(source) as file, open(target, "w") as copy:
        copy.write(file.read())


def through_a_link():
    os.symlink("../helper.py", os.path.join(DATA, "link.txt"))
    with open(os.path.join(DATA, "link.txt"), "a") as file:
        file.write("# changed\\n")


def through_a_second_name():
    os.link(os.path.join(HERE, "helper.py"), os.path.join(DATA, "second.txt"))
    with open(os.path.join(DATA, "second.txt"), "a") as file:
        file.write("# changed\\n")


def code_for_data():
    os.rename(os.path.join(HERE, "pkg", "module.py"), os.path.join(DATA, "module.py"))


def data_for_code():
    os.rename(os.path.join(DATA, "app.db"), os.path.join(HERE, "pkg", "more.py"))


def beside_code():
    with open(os.path.join(HERE, "pkg", "more.txt"), "w") as file:
        file.write("x")


def other_directory_of_that_name():
    os.rename(DATA, DATA + ".old")


ATTEMPTS = [planted_before, planted_now, through_a_link, through_a_second_name, code_for_data, data_for_code, beside_code,
            other_directory_of_that_name]


def attempt():
    told = {}
    for what in ATTEMPTS:
        try:
            what()
            told[what.__name__] = "done"
        except OSError as error:
            told[what.__name__] = type(error).__name__
    print(json.dumps(told))


{"work": work, "other": other, "attempt": attempt}[sys.argv[1]]()
'''
HELPER = '''import os
import subprocess


def start(name):
    subprocess.run(["/usr/bin/touch", os.path.join(os.environ["MADE"], name)], check=True)
'''


class Setting:
    def __init__(self, account, backend):
        self.account, self.backend = account, backend
        self.work = os.path.join(harness.WORK, f"data-directories-{backend}{account.suffix}")
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(os.path.join(self.work, "made"))
        for path, text in (("app.py", APPLICATION), ("helper.py", HELPER), ("instance/planted.py", HELPER), ("pkg/module.py", "")):
            path = self.path("application", path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        account.own(self.work)

    def path(self, *names):
        return os.path.join(self.work, *names)

    def python(self, what, *guard):
        """(code, standard output, standard error) of one run of the application, below this guard if one is given."""
        application = self.path("application")
        environment = {**self.account.environment(application), "MADE": self.path("made"), "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [*guard, sys.executable, self.path("application", "app.py"), what]
        return harness.run(argv, self.account, self.work, environment=environment)

    def guarded(self, what, events, *options):
        guard = [harness.libguard_binary(), "run", "--backend", self.backend, "--policy", self.path("app.policy.yaml"), "--app",
                 self.path("application"), "--events", self.path(events), *options, "--"]
        return (*self.python(what, *guard), harness.read_events(self.path(events)))


def make_policy(setting):
    """What is recorded with the data as it will be, without code in it."""
    planted = setting.path("application", "instance", "planted.py")
    os.rename(planted, setting.path("planted.py"))
    tool, profile, policy = harness.libguard_binary(), setting.path("app.profile.json"), setting.path("app.policy.yaml")
    code, out, err = setting.python("work", tool, "record", "-o", profile, "--backend", setting.backend, "--app",
                                    setting.path("application"), "--")
    if code != 0 or "beside code" in err:
        yield f"recording: {code}: {out}{err[-600:]}"
    if not os.path.exists(profile):
        return
    with open(profile, encoding="utf-8") as file:
        data = json.load(file)["target"].get("data")
    print(f"  recorded data: {data}")
    if data != ["instance", "var"]:
        yield f"the profile names {data} as data"
    subprocess.run(setting.account.command([tool, "policy", "new", profile, "-o", policy]), check=True)
    os.rename(setting.path("planted.py"), planted)


def check_other_work(setting):
    code, out, err, events = setting.guarded("other", "other.events")
    if code != 0 or events:
        yield f"other work: {code}: {out}{err[-900:]} {[harness.tell_event(event) for event in events]}"
    if not os.path.exists(setting.path("made", "granted")):
        yield "other work: the application's own code lost its rights"


def check_attempts(setting):
    kept = setting.path("kept")
    shutil.copytree(setting.path("application"), kept, symlinks=True)
    code, out, err, events = setting.guarded("attempt", "attempt.events")
    print(f"  guarded:   {out.strip()}")
    told = json.loads(out or "{}")
    if code != 0 or not told or "done" in told.values():
        yield f"guarded: {code}: {told} {err[-600:]}"
    for made in ("planted", "late"):
        if os.path.exists(setting.path("made", made)):
            yield f"guarded: {made}.py in a directory of data had the application's rights"
    for name in ("helper.py", "pkg/module.py"):
        with open(os.path.join(kept, name)) as before, open(setting.path("application", name)) as after:
            if before.read() != after.read():
                yield f"guarded: {name} was changed"
    if not any(harness.plain(culprit["purl"]) == "unknown" for event in events for culprit in event["culprits"]):
        yield "guarded: no refusal names code of unknown origin"


def check_detect(setting):
    """Detect tells what enforce would refuse, and lets it pass; without a guard each attempt succeeds."""
    for name in ("late.py", "link.txt"):
        path = setting.path("application", "instance", name)
        if os.path.lexists(path):
            os.remove(path)
    code, out, _, events = setting.guarded("attempt", "detect.events", "--mode", "detect")
    print(f"  detected:  {out.strip()}")
    if code != 0 or set(json.loads(out or "{}").values()) != {"done"}:
        yield f"detect: {code}: {out}"
    would = [event["message"] for event in events if event["role"] == "tamper" and event["action"] == "log"]
    if not any(message.endswith("pkg/more.txt") for message in would):
        yield f"detect: a write beside code was not told: {would}"
    for made in ("planted", "late"):
        if not os.path.exists(setting.path("made", made)):
            yield f"detect: {made} was not made"
        else:
            os.remove(setting.path("made", made))
    shutil.rmtree(setting.path("application"))
    shutil.copytree(setting.path("kept"), setting.path("application"), symlinks=True)
    setting.account.own(setting.path("application"))
    code, out, err = setting.python("attempt")
    print(f"  unguarded: {out.strip()}")
    if code != 0 or set(json.loads(out or "{}").values()) != {"done"}:
        yield f"unguarded: {code}: {out}{err}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="notify")
    parser.add_argument("--as-user", action="store_true")
    options = parser.parse_args()
    setting = Setting(harness.Account(options.as_user), options.backend)
    wrong = list(make_policy(setting))
    for check in () if wrong else (check_other_work, check_attempts, check_detect):
        wrong += check(setting)
    return harness.exit_status(wrong)


if __name__ == "__main__":
    sys.exit(main())
