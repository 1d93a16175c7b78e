# SPDX-License-Identifier: Apache-2.0
"""Runs real programs under policies learned from other work: nothing may be refused.

Usage: nothing_broken.py [--as-user] [--only NAME,...] [--unguarded] [--backend NAME] [--pairs]
For each workload: record `learn`, `policy new` without hand edits, run `other` under enforce: no deviation. `other` is
recorded too, apart, to count the (library, exact right) pairs that learning had not seen, and the profile tells which
share of the (library x dangerous group) cells the policy denies. Reported apart: `new` work with features never
learned, where each refusal must be a right that is really new and must name the grant in one line.
"""

import argparse
import json
import os
import shutil
import sys

import harness

TESTS = os.path.join(harness.ROOT, "tests")
WORKLOADS, DEMO = os.path.join(TESTS, "workloads"), os.path.join(TESTS, "demo")
sys.path[:0] = [WORKLOADS, DEMO, harness.VICTIMS]
import drive  # noqa: E402
import driver  # noqa: E402
import wheel  # noqa: E402

PYTHON = "/usr/bin/python3.11"
LIBRARIES = ["simple_library", "deploytool", "fetcher", "wirelog", "gatekeeper"]
DANGEROUS_GROUPS = 13
WANTED_PAIRS, WANTED_SHARE = 20, 0.95


def demo_requests(requests):
    def send(port, listener_port):
        client = requests(port, listener_port)
        assert client.asked == client.answered, "; ".join(client.wrong[:3])
    return send


# Servers: what is started, and what the client does. Scripts: what is run for learn and for other.
SERVERS = {
    "demo": (["{demo}/service.py", "--port", "{port}", "--data", "{data}"],
             demo_requests(driver.benign_to_learn), demo_requests(driver.benign_other)),
    "gunicorn": (["-m", "gunicorn", "--workers", "4", "--threads", "4", "--bind", "127.0.0.1:{port}", "--chdir",
                  "{application}", "wsgi_app:app"], drive.gunicorn_learn, drive.gunicorn_other),
    "uvicorn": (["-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--app-dir", "{application}", "asgi_app:app"],
                drive.uvicorn_learn, drive.uvicorn_other),
}
PIP = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check", "--no-cache-dir",
       "--target", "{data}/target"]
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "{data}", "--basetemp", "{data}/tmp"]
SCRIPTS = {
    "multiprocessing": (["{application}/multiprocessing_job.py", "--learn", "{data}"],
                        ["{application}/multiprocessing_job.py", "--other", "{data}"]),
    "pip": ([*PIP, "{wheels}/fetcher-0.4.2-py3-none-any.whl"],
            [*PIP, "--upgrade", "--no-compile", "{wheels}/wirelog-3.0.1-py3-none-any.whl", "{wheels}/deploytool-2.1.0-py3-none-any.whl"]),
    "numpy": (["{application}/numpy_job.py", "--learn", "{data}"], ["{application}/numpy_job.py", "--other", "{data}"]),
    "lxml": (["{application}/lxml_job.py", "--learn", "{data}"], ["{application}/lxml_job.py", "--other", "{data}"]),
    "requests": (["{application}/requests_job.py", "--learn", "{data}", "{pages}"],
                 ["{application}/requests_job.py", "--other", "{data}", "{pages}"]),
    "pytest": ([*PYTEST, "--pyargs", "toolz.tests.test_itertoolz", "toolz.tests.test_curried_doctests", "{application}/suite/test_files.py::test_write"],
               [*PYTEST, "--junitxml", "{data}/report.xml", "--pyargs", "toolz", "{application}/suite"]),
}
# Work with features that learning never saw: refusals are right, if they say what to do.
NEW = {name: [*SCRIPTS[name][0][:1], "--new", *SCRIPTS[name][0][2:]] for name in ("numpy", "lxml", "requests")}


class Setting:
    """The environment and the folders of all workloads."""

    def __init__(self, account, backend):
        self.account, self.backend = account, backend
        requirements = [os.path.join(DEMO, "requirements.txt"), os.path.join(WORKLOADS, "requirements.txt")]
        self.venv = harness.make_environment("workloads", PYTHON, account, requirements, LIBRARIES)
        self.work = os.path.join(harness.WORK, "nothing-broken" + account.suffix)
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(WORKLOADS, os.path.join(self.work, "application"))
        shutil.copytree(os.path.join(DEMO, "application"), os.path.join(self.work, "demo"))
        os.makedirs(os.path.join(self.work, "wheels"))
        for library in LIBRARIES:
            wheel.build_wheel(os.path.join(harness.VICTIMS, "libraries", library), os.path.join(self.work, "wheels"))
        self.listener = harness.Listener()
        self.pages = drive.serve_pages()
        self.temporary = harness.short_folder(account)
        account.own(self.work)

    def run(self, name, which, before=()):
        """One run of one workload in a fresh data folder; what went wrong, or ''."""
        data = os.path.join(self.work, f"{name}-{which}-data")
        shutil.rmtree(data, ignore_errors=True)
        os.makedirs(data)
        self.account.own(data)
        port = harness.free_port()
        names = {"data": data, "port": port, "application": os.path.join(self.work, "application"),
                 "demo": os.path.join(self.work, "demo"), "wheels": os.path.join(self.work, "wheels"), "pages": self.pages}
        environment = {**self.account.environment(self.work), "WORKLOAD_DATA": data, "TMPDIR": self.temporary}
        words = NEW[name] if which == "new" else SERVERS[name][0] if name in SERVERS else SCRIPTS[name][which == "other"]
        argv = [*before, os.path.join(self.venv, "bin", "python"), *(word.format(**names) for word in words)]
        if name in SERVERS:
            return self._run_server(name, which, argv, port, environment)
        code, out, err = harness.run(argv, self.account, data, timeout=240, environment=environment)
        return "" if code == 0 else f"code {code}: {(out + err).strip()[-400:]}"

    def _run_server(self, name, which, argv, port, environment):
        log = os.path.join(self.work, f"{name}-{which}.log")
        service = harness.Service(argv, self.account, self.work, log, port, environment)
        try:
            SERVERS[name][2 if which == "other" else 1](port, self.listener.other_port)
        except (OSError, AssertionError) as error:
            return f"{type(error).__name__}: {error}: {service.tail()[-300:]}"
        finally:
            code = service.stop()
        return "" if code in (0, 143, -15) else f"ended with {code}: {service.tail()[-300:]}"

    def application(self, name):
        return os.path.join(self.work, "demo" if name == "demo" else "application")


def pairs_of(profile):
    """(library, right) of every phase and role."""
    with open(profile, encoding="utf-8") as file:
        libraries = json.load(file)["libraries"]
    return {(library, right) for library, phases in libraries.items() for roles in phases.values()
            for rights in roles.values() for right in rights}


def count_cells(tool, profile, setting):
    """(cells, granted in some role, granted as caller) of the matrix library x dangerous group, fixed names left out."""
    code, out, err = harness.run([tool, "report", profile, "--format", "json"], setting.account, setting.work)
    if code != 0:
        raise harness.Broken(f"report: code {code}: {(out + err).strip()[-300:]}")
    libraries = [entry for entry in json.loads(out)["libraries"] if entry["purl"] not in ("runtime", "startup", "unknown")]
    anyhow, as_caller = set(), set()
    for library in libraries:
        granted = [cell for cell in library["cells"] if cell["dangerous"]]
        anyhow |= {(library["purl"], cell["group"]) for cell in granted}
        as_caller |= {(library["purl"], cell["group"]) for cell in granted if cell.get("caller")}
    return len(libraries) * DANGEROUS_GROUPS, len(anyhow), len(as_caller)


def test_workload(setting, name, unguarded_only):
    """(new pairs, counted cells, what is wrong)."""
    wrong = setting.run(name, "learn") or setting.run(name, "other") or (name in NEW and setting.run(name, "new"))
    if wrong or unguarded_only:
        return set(), None, wrong and "unguarded: " + wrong
    tool, folder = harness.libguard_binary(), setting.work
    files = {key: os.path.join(folder, f"{name}-{key}") for key in ("learn.json", "other.json", "policy.yaml", "events.jsonl")}
    for which in ("learn", "other"):
        wrong = setting.run(name, which, [tool, "record", "-o", files[which + ".json"], "--app", setting.application(name), "--"])
        if wrong or not os.path.exists(files[which + ".json"]):
            return set(), None, f"record {which}: {wrong or 'no profile'}"
    code, out, err = harness.run([tool, "policy", "new", files["learn.json"], "-o", files["policy.yaml"]], setting.account, folder)
    if code != 0:
        return set(), None, f"policy new: code {code}: {(out + err).strip()[-300:]}"
    fresh = pairs_of(files["other.json"]) - pairs_of(files["learn.json"])
    backend = ["--backend", setting.backend] if setting.backend else []
    wrong = setting.run(name, "other", [tool, "run", "--policy", files["policy.yaml"], "--mode", "enforce", "--events",
                                        files["events.jsonl"], *backend, "--app", setting.application(name), "--"])
    events = harness.read_events(files["events.jsonl"])
    refusals = [f"refused {len(events)}: " + " / ".join(harness.tell_event(event) for event in events[:4])] if events else []
    return fresh, count_cells(tool, files["learn.json"], setting), "; ".join(refusals + ([wrong] if wrong else []))


def shares_text(cells):
    """Shares of the dangerous cells that the policy denies: in every role, and as caller."""
    if not cells or not cells[0]:
        return "-", "-"
    return tuple(f"{1 - granted / cells[0]:.1%}" for granted in cells[1:])


def test_new(setting, name):
    """What is wrong with the refusals of work that is really new; prints each."""
    files = {key: os.path.join(setting.work, f"{name}-{key}") for key in ("learn.json", "policy.yaml", "new.jsonl")}
    wrong = setting.run(name, "new", [harness.libguard_binary(), "run", "--policy", files["policy.yaml"], "--mode", "enforce",
                                      "--events", files["new.jsonl"], "--app", setting.application(name), "--"])
    learned = {(harness.plain(library), right) for library, right in pairs_of(files["learn.json"])}
    events = harness.read_events(files["new.jsonl"])
    for event in events:
        print(f"    {harness.tell_event(event)}")
        if all((culprit, event["right"]["name"]) in learned for culprit in harness.culprits_of(event)):
            wrong = wrong or f"{event['right']['name']} was learned for every culprit"
        grant = event.get("policy", {}).get("grant", "")
        if len(grant.splitlines()) != len(harness.culprits_of(event)):
            wrong = wrong or f"the event of {event['right']['name']} names no grant of one line for each culprit"
    return wrong or ("" if events else "new work was not noticed")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-user", action="store_true", help="if root: run everything as an ordinary user")
    parser.add_argument("--only", help="names, joined by commas")
    parser.add_argument("--unguarded", action="store_true", help="only show that the workloads work")
    parser.add_argument("--backend")
    parser.add_argument("--pairs", action="store_true", help="print the pairs that learning had not seen")
    return parser.parse_args()


def main():
    options = parse_arguments()
    names = options.only.split(",") if options.only else [*SERVERS, *SCRIPTS]
    unknown = set(names) - set(SERVERS) - set(SCRIPTS)
    if unknown:
        sys.exit(f"nothing_broken: no workload {', '.join(sorted(unknown))}; there are {', '.join([*SERVERS, *SCRIPTS])}")
    setting = Setting(harness.Account(options.as_user), options.backend)
    passed = failed = pairs = 0
    counted = [0, 0, 0]
    print(f"{'workload':16} {'new pairs':10} {'denied':8} as caller")
    for name in names:
        try:
            fresh, cells, wrong = test_workload(setting, name, options.unguarded)
        except (harness.Broken, KeyError) as error:
            fresh, cells, wrong = set(), None, repr(error)
        pairs += len(fresh)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        counted = [total + more for total, more in zip(counted, cells or (0, 0, 0))]
        shown = shares_text(cells)
        print(f"{name:16} {len(fresh):<10} {shown[0]:8} {shown[1]:9} {'FAILED ' + wrong if wrong else 'ok'}", flush=True)
        for library, right in sorted(fresh) if options.pairs else ():
            print(f"    {library} {right}")
    for name in [] if options.unguarded else [name for name in names if name in NEW]:
        print(f"new work: {name}")
        try:
            wrong = test_new(setting, name)
        except (OSError, harness.Broken) as error:
            wrong = f"cannot be tried: {error}"
        passed, failed = passed + (not wrong), failed + bool(wrong)
        print(f"    {'FAILED ' + wrong if wrong else 'ok'}")
    shown = shares_text(counted)
    print(f"{'all':16} {pairs:<10} {shown[0]:8} {shown[1]}")
    if not options.unguarded and not options.only:
        enough = pairs >= WANTED_PAIRS and 1 - counted[2] / max(1, counted[0]) >= WANTED_SHARE
        passed, failed = passed + enough, failed + (not enough)
        print(f"wanted: {WANTED_PAIRS} pairs absent from learning, {WANTED_SHARE:.0%} of the cells denied as caller: {'ok' if enough else 'FAILED'}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
