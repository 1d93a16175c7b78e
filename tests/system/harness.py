# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: environments of real distributions, an ordinary user, the tool's verbs, a listener.

All that is made lies below build/system (or LIBGUARD_TEST_DIR). Nothing is skipped silently: what is missing raises.
"""

import atexit
import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VICTIMS = os.path.join(ROOT, "tests", "victims")
WORK = os.environ.get("LIBGUARD_TEST_DIR", os.path.join(ROOT, "build", "system"))
TOKEN = b"libguard-should-have-stopped-this"

sys.path.insert(0, VICTIMS)
import wheel  # noqa: E402


class Broken(Exception):
    """The setting is not there, so nothing can be said about the tool."""


def libguard_binary():
    path = os.environ.get("LIBGUARD", os.path.join(ROOT, "build", "dev", "bin", "libguard"))
    if not os.access(path, os.X_OK):
        raise Broken(f"no libguard at {path}; build it, or set LIBGUARD")
    return path


def client_library():
    """What `libguard run` preloads."""
    return os.path.realpath(os.path.join(os.path.dirname(libguard_binary()), "..", "lib", "libguard_preload.so"))


def ordinary_user():
    """The account that runs the tests when they are started by root: it owns nothing else."""
    return pwd.getpwnam("nobody")


class Account:
    """Who runs the guarded programs: the caller himself, or an ordinary user."""

    def __init__(self, as_user):
        if as_user and os.geteuid() != 0:
            as_user = False  # an ordinary user already
        self.entry = ordinary_user() if as_user else None

    @property
    def suffix(self):
        return "-user" if self.entry else ""

    def own(self, path):
        """Gives everything below `path` to the account."""
        if self.entry:
            subprocess.run(["chown", "-R", f"{self.entry.pw_uid}:{self.entry.pw_gid}", path], check=True)

    def command(self, argv):
        if not self.entry:
            return argv
        ids = [f"--reuid={self.entry.pw_uid}", f"--regid={self.entry.pw_gid}", "--clear-groups"]
        return ["setpriv", *ids, "--inh-caps=-all", *argv]

    def environment(self, home):
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "LC_ALL", "TZ", "LIBGUARD_DEBUG")}
        kept.setdefault("PATH", "/usr/bin:/bin")
        return {**kept, "HOME": home, "XDG_RUNTIME_DIR": home}


def short_folder(account):
    """A folder of the account for temporary files, removed at the end; its path is short, because sockets are made in it."""
    folder = tempfile.mkdtemp(prefix="lg-", dir="/tmp")
    account.own(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def version_of(python):
    line = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], check=True,
                          capture_output=True, text=True).stdout
    return line.strip()


def digest_of(*paths):
    state = hashlib.sha256()
    for path in paths:
        names = [path] if os.path.isfile(path) else sorted(source for _, source in wheel.files_below(path))
        for name in names:
            with open(name, "rb") as file:
                state.update(name.encode() + file.read())
    return state.hexdigest()


def pip_install(venv, *arguments):
    done = subprocess.run([os.path.join(venv, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-input",
                           "--disable-pip-version-check", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise Broken(f"pip install {' '.join(arguments)}: {done.stderr.strip().splitlines()[-1:]}")


def serving_wheel(python, out_dir):
    """A wheel of the Python package's part that programs call, `libguard.serving()`; without the module for tools."""
    source = os.path.join(ROOT, "frontends", "cpython", "package")
    folder = os.path.join(out_dir, "libguard")
    os.makedirs(os.path.join(folder, "libguard"), exist_ok=True)
    for name in ("__init__.py", "_error.py"):
        shutil.copy(os.path.join(source, "libguard", name), os.path.join(folder, "libguard", name))
    include = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], check=True,
                             capture_output=True, text=True).stdout.strip()
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-DPy_LIMITED_API=0x03090000", "-I", include, "-o",
                    os.path.join(folder, "libguard", "_client.abi3.so"), os.path.join(source, "client.c")], check=True)
    return wheel.build_wheel(folder, out_dir)


def shape_files(package):
    """Archive names of the victims' shapes inside `package`."""
    return [(f"{package}/shapes/{name}", path) for name, path in wheel.files_below(os.path.join(VICTIMS, "shapes"))]


def make_environment(name, python, account, requirements=(), libraries=(), with_shapes=(), serving=False):
    """A virtual environment of pinned distributions and of libraries built here; made once per state of its sources."""
    venv = os.path.join(WORK, f"{name}-{version_of(python)}{account.suffix}")
    folders = [os.path.join(VICTIMS, "libraries", library) for library in libraries]
    package = [os.path.join(ROOT, "frontends", "cpython", "package")] if serving else []
    sources = [*requirements, *folders, *package] + ([os.path.join(VICTIMS, "shapes")] if with_shapes else [])
    digest, stamp = digest_of(*sources), os.path.join(venv, "made-from")
    if os.path.exists(stamp) and open(stamp, encoding="utf-8").read() == digest:
        return venv
    shutil.rmtree(venv, ignore_errors=True)
    os.makedirs(WORK, exist_ok=True)
    subprocess.run([python, "-m", "venv", venv], check=True)
    for file in requirements:
        pip_install(venv, "-r", file)
    wheels = os.path.join(venv, "wheels")
    os.makedirs(wheels, exist_ok=True)
    for folder in folders:
        package = os.path.basename(folder)
        path = wheel.build_wheel(folder, wheels, shape_files(package) if package in with_shapes else ())
        pip_install(venv, "--no-deps", "--no-index", path)
    if serving:
        pip_install(venv, "--no-deps", "--no-index", serving_wheel(python, wheels))
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(digest)
    account.own(venv)
    return venv


class Listener:
    """A loopback listener: bytes that hold the token at the first port make the marker, the second port takes anything."""

    def __init__(self):
        self.marker = None
        self.heard = b""
        self._sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.port, self.other_port = (entry.getsockname()[1] for entry in self._sockets)
        for entry, tells in zip(self._sockets, (True, False)):
            threading.Thread(target=self._serve, args=(entry, tells), daemon=True).start()

    def _serve(self, entry, tells):
        while True:
            connection, _ = entry.accept()
            threading.Thread(target=self._hear, args=(connection, tells), daemon=True).start()

    def _hear(self, connection, tells):
        heard = b""
        connection.settimeout(10)
        try:
            while len(heard) < 65536:
                data = connection.recv(4096)
                if not data:
                    break
                heard += data
                if tells and TOKEN in heard and self.marker:
                    self.heard = heard
                    with open(self.marker, "w", encoding="utf-8") as file:
                        file.write("bytes at the listener\n")
                    break
        except OSError:
            pass
        connection.close()


def run(argv, account, cwd, timeout=60, environment=None):
    """Runs to the end as the account; a run that hangs is ended and has return code None."""
    process = subprocess.Popen(account.command(argv), cwd=cwd, env=environment or account.environment(cwd), text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = process.communicate(timeout=timeout)
        return process.returncode, out, err
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return None, out, err


def members_of(session):
    """Living processes of a session: a new process group does not leave it."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, _, _, its_session = file.read().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its_session) == session and state not in "ZX":
            yield int(name)


class Service:
    """A server in the background: started until it says "ready" (or answers at its port), stopped by SIGTERM."""

    def __init__(self, argv, account, cwd, log, port, environment=None):
        self._log = open(log, "w", encoding="utf-8")
        self.log, self.port = log, port
        self.process = subprocess.Popen(account.command(argv), cwd=cwd, env=environment or account.environment(cwd),
                                        stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True)
        self._wait_until_it_listens()

    def _wait_until_it_listens(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Broken(f"the service ended with {self.process.returncode}: {self.tail()}")
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise Broken(f"the service does not listen after {seconds} s: {self.tail()}")

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-600:].strip()

    def stop(self, seconds=20):
        """Ends it as a service manager would; returns its exit status. Raises if something had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code, end = None, time.monotonic() + seconds
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
        left = list(members_of(self.process.pid))
        while code is not None and left and time.monotonic() < end:
            time.sleep(0.05)
            left = list(members_of(self.process.pid))
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()
        if left:
            raise Broken(f"SIGTERM left {len(left)} processes behind after {seconds} s: {self.tail()}")
        return code


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def read_all_events(path):
    """Events of every kind; [] if there is no file."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def read_events(path):
    """Deviations of an events file; [] if there is none."""
    return [event for event in read_all_events(path) if event.get("kind") == "deviation"]


def exit_status(wrong):
    """Tells the lines that say what is wrong; 0 if there is none."""
    for line in wrong:
        print("FAIL  " + line)
    print("all as it should be" if not wrong else f"{len(wrong)} wrong")
    return 1 if wrong else 0


def plain(name):
    """A purl without its version, or a fixed name."""
    if isinstance(name, dict):
        name = name.get("purl", "")
    return name.split("@")[0] if name.startswith("pkg:") else name


def culprits_of(event):
    return {plain(culprit) for culprit in event.get("culprits", [])}


def right_names(event):
    return {event["right"].get("name"), event["right"].get("group")}


def tell_event(event):
    grant = event.get("policy", {}).get("grant") if isinstance(event.get("policy"), dict) else event.get("grant")
    return (f"{event['right'].get('name')} culprits {','.join(sorted(culprits_of(event)))} "
            f"caller {plain(event.get('caller', ''))} grant {grant!r}")
