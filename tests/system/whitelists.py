# SPDX-License-Identifier: Apache-2.0
"""Exported whitelists in the hands of those who install them: runc, crun, systemd.

Usage: whitelists.py. Needs root: containers and a service manager of their own are started, with nginx of Debian on a root
file system of its packages' files. One call less must break it, refused calls must answer as the list says.
"""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402

NGINX = "/usr/sbin/nginx"
CONFIGURATION = """daemon off; user root; worker_processes 2; error_log stderr info; pid {d}/tmp/pid;
events {{ }}
http {{ access_log {d}/tmp/access; client_body_temp_path {d}/tmp/b; proxy_temp_path {d}/tmp/p; fastcgi_temp_path {d}/tmp/f;
  uwsgi_temp_path {d}/tmp/u; scgi_temp_path {d}/tmp/s; gzip on; gzip_types text/plain;
  server {{ listen 127.0.0.1:{port}; root {d}/srv; autoindex on; location /up/ {{ dav_methods PUT DELETE; }} }} }}
"""
CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"]
RUNTIMES = {"runc": ["runc"], "crun": ["crun", "--cgroup-manager=disabled"]}
# Numbers for the probe; ptrace and mount are known to every kernel, 600 to none.
MOUNT, PTRACE, OPENAT2, NOBODYS, GETPID = 165, 101, 437, 600, 39


class Setting:
    def __init__(self):
        os.makedirs(harness.WORK, exist_ok=True)
        self.work = tempfile.mkdtemp(prefix="whitelists-", dir=harness.WORK)
        self.port = harness.free_port()
        self.bundle = os.path.join(self.work, "bundle")
        self.root = os.path.join(self.bundle, "rootfs")
        self.lists = 0
        self.make_root()
        self.static = self.path("nginx.static.json")
        self.tool("analyze", NGINX, "--json", "-o", self.static)

    def path(self, name):
        return os.path.join(self.work, name)

    def tool(self, *arguments):
        done = subprocess.run([harness.libguard_binary(), *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise harness.Broken(f"libguard {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def make_root(self):
        for folder in ("proc", "dev", "sys", "tmp", "etc", "srv/up", "var/log/nginx", "var/lib/nginx", "bin"):
            os.makedirs(os.path.join(self.root, folder))
        needed = subprocess.run(["ldd", NGINX], check=True, capture_output=True, text=True).stdout
        for path in [NGINX, *re.findall(r"(/\S+) \(", needed)]:
            target = self.root + path
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(path, target)
        subprocess.run(["cc", "-static", "-O1", "-o", os.path.join(self.root, "bin", "probe"),
                        os.path.join(HERE, "whitelists", "probe.c")], check=True)
        files = {"etc/passwd": "root:x:0:0::/:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/nsswitch.conf": "passwd: files\ngroup: files\n",
                 "etc/nginx.conf": CONFIGURATION.format(d="", port=self.port), "srv/text.txt": "hello\n" * 1000,
                 "etc/outside.conf": CONFIGURATION.format(d=self.root, port=self.port)}
        for name, text in files.items():
            with open(os.path.join(self.root, name), "w", encoding="ascii") as file:
                file.write(text)

    def exported(self, profile, *flags):
        """The seccomp section that libguard makes, as a file's path."""
        self.lists += 1
        path = self.path(f"list-{self.lists}.json")
        self.tool("export", profile, "--format", "oci-seccomp", "--quiet", "-o", path, *flags)
        return path

    def without(self, path, name):
        """The same list, but one call is refused."""
        with open(path, encoding="utf-8") as file:
            section = json.load(file)
        held = [entry for entry in section["syscalls"] if name in entry["names"]]
        expect(f"{name} is on the list", [entry["action"] for entry in held], ["SCMP_ACT_ALLOW"])
        held[0]["names"].remove(name)
        section["syscalls"].append({"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": 1})
        changed = path.replace(".json", f"-without-{name}.json")
        with open(changed, "w", encoding="utf-8") as file:
            json.dump(section, file)
        return changed

    def container(self, runtime, section, arguments):
        with open(section, encoding="utf-8") as file:
            seccomp = json.load(file)
        kinds = ("pid", "mount", "ipc", "uts")
        config = {
            "ociVersion": "1.0.2", "root": {"path": "rootfs"}, "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": arguments, "env": ["PATH=/usr/sbin"], "cwd": "/",
                        "noNewPrivileges": True,
                        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}},
            "linux": {"namespaces": [{"type": kind} for kind in kinds], "seccomp": seccomp}}
        with open(os.path.join(self.bundle, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        return Container(runtime, self.bundle, self.path("container.log"))


class Container:
    """One container, started by the runtime in mount namespace of its own: crun takes no mixed layout of cgroups."""

    count = 0

    def __init__(self, runtime, bundle, log):
        Container.count += 1
        self.name, self.log, self.runtime = f"libguard-{os.getpid()}-{Container.count}", log, runtime
        self.output = open(log, "w+", encoding="utf-8")
        command = [*RUNTIMES[runtime], "run", "-b", bundle, self.name]
        if runtime == "crun":
            command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "sh", *command]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)

    def told(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, seconds=20):
        return self.process.wait(seconds)

    def control(self, *words):
        subprocess.run([*RUNTIMES[self.runtime], *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def stop(self, plainly=True):
        """Exit status after a plain request to end; None if it had to be killed."""
        status = None
        if self.process.poll() is None and not plainly:
            self.control("kill", self.name, "KILL")
        elif self.process.poll() is None:
            self.control("kill", self.name, "TERM")
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.control("kill", self.name, "KILL")
            self.process.wait(20)
        self.control("delete", "-f", self.name)
        self.output.close()
        return status


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


def ask(port, method, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, method=method, headers={"Accept-Encoding": "gzip"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def serves(container, port, seconds=10):
    """Does it answer what it is asked for? False if it ends or stays silent."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and container.process.poll() is None:
        try:
            return [ask(port, method, path, body) for method, path, body in (
                ("GET", "/text.txt", None), ("GET", "/", None), ("GET", "/none", None), ("PUT", "/up/file", b"x" * 100_000),
                ("DELETE", "/up/file", None), ("HEAD", "/text.txt", None))] == [200, 200, 404, 201, 204, 200]
        except OSError:
            time.sleep(0.1)
    return False


def runs_and_ends(setting, runtime, section):
    container = setting.container(runtime, section, [NGINX, "-c", "/etc/nginx.conf"])
    try:
        expect(f"nginx answers under {runtime}: {container.told()}", serves(container, setting.port), True)
    finally:
        status = container.stop()
    expect(f"how nginx ends under {runtime}", status, 0)


def static_list(setting, runtime):
    runs_and_ends(setting, runtime, setting.exported(setting.static, "--runtime", runtime))


def recorded_list(setting, runtime):
    """Recorded outside of a container, call by call; that list is the shorter one."""
    profile = setting.path("nginx.recorded.json")
    if not os.path.exists(profile):
        command = [NGINX, "-c", os.path.join(setting.root, "etc/outside.conf"), "-e", "stderr"]
        service = harness.Service([harness.libguard_binary(), "record", "--everyday", "--phases", "auto", "--app",
                                   os.path.join(setting.root, "srv"), "-o", profile, "--", *command],
                                  harness.Account(False), setting.work, setting.path("record.log"), setting.port)
        try:
            expect("nginx answers while it is recorded", serves(service, setting.port), True)
            time.sleep(1.0)  # quiescence
            expect("nginx answers while it serves", serves(service, setting.port), True)
        finally:
            expect("end of the recording", service.stop(), 0)
    section = setting.exported(profile, "--runtime", runtime)
    expect("shorter than static analysis", len(allowed(section)) < len(allowed(setting.exported(setting.static))), True)
    runs_and_ends(setting, runtime, section)


def allowed(section):
    with open(section, encoding="utf-8") as file:
        return json.load(file)["syscalls"][0]["names"]


def one_call_less(setting, runtime):
    section = setting.without(setting.exported(setting.static, "--runtime", runtime), "epoll_wait")
    container = setting.container(runtime, section, [NGINX, "-c", "/etc/nginx.conf"])
    try:
        expect(f"nginx answers under {runtime} without epoll_wait", serves(container, setting.port, 2), False)
    finally:
        container.stop(plainly=False)


def lines_of_probe(text):
    return [tuple(map(int, line.split())) for line in text.splitlines() if re.fullmatch(r"\d+ \d+", line)]


def probe(setting, runtime, section, numbers):
    container = setting.container(runtime, section, ["/bin/probe", *map(str, numbers)])
    try:
        status = container.wait()
        return status, lines_of_probe(container.told())
    finally:
        container.stop()


def refused_calls(setting, runtime):
    section = setting.exported(setting.static, "--runtime", runtime)
    # What runc needs itself passes in its containers: this one is heard, and its size refused.
    heard = errno.E2BIG if runtime == "runc" else errno.ENOSYS
    expect(f"answers under {runtime}", probe(setting, runtime, section, [GETPID, PTRACE, MOUNT, NOBODYS, OPENAT2]),
           (0, [(GETPID, 0), (PTRACE, errno.EPERM), (MOUNT, errno.EPERM), (NOBODYS, errno.ENOSYS), (OPENAT2, heard)]))


def killed_calls(setting, runtime):
    section = setting.exported(setting.static, "--runtime", runtime, "--action", "kill")
    expect(f"ptrace under {runtime}, kill", probe(setting, runtime, section, [GETPID, PTRACE, GETPID]),
           (128 + signal.SIGSYS, [(GETPID, 0)]))


UNIT = """[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart={probe} {numbers}
StandardOutput=append:{out}
ExecStopPost=+/bin/sh -c "echo $$SERVICE_RESULT $$EXIT_STATUS > {status}; systemctl --force --force poweroff"
"""
# A service manager of its own: process 1 of new namespaces, with a console that is a file.
MANAGER = """set -e
mount -t tmpfs none /run
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /run/systemd/system/probe.service.d
cp {work}/probe.service /run/systemd/system; cp {work}/drop-in.conf /run/systemd/system/probe.service.d/libguard.conf
mount --bind {work}/console /dev/console
exec env container=oci /lib/systemd/systemd --system --unit=probe.service --show-status=no
"""


def under_systemd(setting, numbers, *flags):
    """(result and status of the service, what the probe printed)"""
    out, status = setting.path("service.out"), setting.path("service.status")
    for name in (out, status):
        if os.path.exists(name):
            os.unlink(name)
    unit = UNIT.format(probe=os.path.join(setting.root, "bin", "probe"), numbers=" ".join(map(str, numbers)), out=out, status=status)
    for name, text in (("probe.service", unit), ("console", ""), ("manager", MANAGER.format(work=setting.work))):
        with open(setting.path(name), "w", encoding="ascii") as file:
            file.write(text)
    setting.tool("export", setting.static, "--format", "systemd", "--quiet", "-o", setting.path("drop-in.conf"), *flags)
    subprocess.run(["unshare", "-mpuifC", "--mount-proc", "sh", setting.path("manager")], timeout=60, check=False,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not os.path.exists(status):
        raise harness.Broken(f"systemd did not come to the service: {open(setting.path('console'), encoding='utf-8').read()[-500:]}")
    with open(out, encoding="ascii") as told, open(status, encoding="ascii") as result:
        return result.read().split(), lines_of_probe(told.read())


def service(setting):
    # Numbers that systemd has no name for get its one answer.
    expect("answers in a service", under_systemd(setting, [GETPID, PTRACE, MOUNT, OPENAT2, NOBODYS]),
           (["success", "0"], [(GETPID, 0), (PTRACE, errno.EPERM), (MOUNT, errno.EPERM), (OPENAT2, errno.ENOSYS), (NOBODYS, errno.EPERM)]))


def killed_service(setting):
    expect("ptrace in a service, kill", under_systemd(setting, [GETPID, PTRACE, GETPID], "--action", "kill"),
           (["signal", "SYS"], [(GETPID, 0)]))


def main():
    if os.geteuid() != 0:
        raise harness.Broken("containers and a service manager need root")
    for program in (*RUNTIMES, "systemd-analyze", NGINX):
        if shutil.which(program) is None:
            raise harness.Broken(f"{program} is not there; run scripts/setup --tests")
    setting = Setting()
    cases = [(f"{case.__name__} {runtime}", lambda case=case, runtime=runtime: case(setting, runtime))
             for case in (static_list, recorded_list, one_call_less, refused_calls, killed_calls) for runtime in RUNTIMES]
    cases += [(case.__name__, lambda case=case: case(setting)) for case in (service, killed_service)]
    failed = 0
    for name, case in cases:
        begun = time.monotonic()
        try:
            case()
            print(f"ok      {name} ({time.monotonic() - begun:.1f} s)")
        except (AssertionError, OSError, subprocess.SubprocessError, harness.Broken) as error:
            failed += 1
            print(f"FAILED  {name}: {error}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    if failed == 0:
        shutil.rmtree(setting.work)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except harness.Broken as error:
        sys.exit(f"whitelists: {error}")
