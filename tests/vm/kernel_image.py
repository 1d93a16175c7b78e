# SPDX-License-Identifier: Apache-2.0
"""A kernel of Debian made ready to boot: uncompressed, with an initramfs that mounts the host's root."""

import glob
import gzip
import hashlib
import lzma
import os
import re
import stat
import struct
import subprocess

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCE = "linux-source-"  # in kernels.txt: build_kernel.py makes the kernel of it
BUILT_CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "built.config")
MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "zram"]
INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do insmod $module; done
ip link set lo up
mount -t tmpfs tmpfs /upper && mkdir /upper/files /upper/work
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 hostroot /host || poweroff -f
mount -t overlay overlay -o lowerdir=/host,upperdir=/upper/files,workdir=/upper/work /root || poweroff -f
mount -t proc proc /root/proc; mount -t sysfs sysfs /root/sys; mount -t devtmpfs devtmpfs /root/dev
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts devpts /root/dev/pts; mount -t tmpfs tmpfs /root/dev/shm; mount -t tmpfs tmpfs /root/run
mount -t tmpfs tmpfs /root/tmp
mount -t bpf bpf /root/sys/fs/bpf; mount -t cgroup2 cgroup2 /root/sys/fs/cgroup
mount -t securityfs securityfs /root/sys/kernel/security; mount -t debugfs debugfs /root/sys/kernel/debug
cp /command.sh /root/run/command.sh
setsid chroot /root /bin/bash /run/command.sh >/dev/ttyS0 2>&1 </dev/null
echo $? >/dev/ttyS2
poweroff -f
"""


class Broken(Exception):
    """The machine cannot be made; nothing can be said about the tool."""


def run(*argv, **options):
    done = subprocess.run(argv, capture_output=True, **options)
    if done.returncode != 0:
        raise Broken(f"{' '.join(argv)}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout


def archive_of(suite, folder):
    """Environment in which apt knows `suite` of Debian only; the machine's own lists stay as they are. "": the machine's.

    The mirror is the one that the machine itself takes, the keys are those of debian-archive-keyring.
    """
    if not suite:
        return dict(os.environ)
    place = os.path.join(os.path.abspath(folder), "apt-" + suite)
    for name in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(place, name), exist_ok=True)
    environment = {**os.environ, "APT_CONFIG": os.path.join(place, "apt.conf")}
    if os.path.exists(os.path.join(place, "complete")):
        return environment
    known = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)", "Created-By: Packages").decode()
    mirrors = [line.split()[3] for line in known.splitlines() if re.match(r"Debian main [a-z]+ ", line)]
    if not mirrors:
        raise Broken("the machine has no package source of Debian")
    with open(os.path.join(place, "sources.list"), "w", encoding="utf-8") as file:
        file.write(f"deb [signed-by={KEYS}] {mirrors[0]} {suite} main\n")
    with open(environment["APT_CONFIG"], "w", encoding="utf-8") as file:
        file.write(f'Dir::Etc::sourcelist "{place}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
                   f'Dir::State::lists "{place}/lists";\nDir::State::status "/dev/null";\nDir::Cache "{place}/cache";\n'
                   'APT::Architecture "amd64";\nAPT::Sandbox::User "root";\n')
    run("apt-get", "update", "-q", env=environment)
    finish(place, suite)
    return environment


def finish(target, text):
    with open(os.path.join(target, "complete"), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def package_of(pattern, archive):
    """The newest package whose name matches."""
    names = [name for name in run("apt-cache", "pkgnames", "linux-", env=archive).decode().split() if re.match(pattern, name)]
    if not names:
        raise Broken(f"no package matches {pattern}; is there a package list (apt-get update)?")
    return max(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def parts_of(package, archive):
    """The package, and from 7.2 on those that it is cut into."""
    shown = run("apt-cache", "show", "--no-all-versions", package, env=archive).decode()
    return [package, *re.findall(r"(linux-(?:base|binary|modules)-[0-9][^ ]*) \(=", shown)]


def built_place(package, folder):
    """Where the kernel of this version of the package, and of this configuration, is or will be."""
    version = re.search(rb"^Version: (.*)$", run("apt-cache", "show", "--no-all-versions", package), re.M)
    with open(BUILT_CONFIG, "rb") as file:
        key = hashlib.sha256(version.group(1) + b"\n" + file.read()).hexdigest()
    return os.path.join(os.path.abspath(folder), f"{package}-{key[:12]}")


def unpack(pattern, folder, suite=""):
    """Downloads and unpacks the package below `folder`, once; returns (directory, release)."""
    if pattern.startswith(SOURCE):
        target = built_place(pattern, folder)
        if not os.path.exists(os.path.join(target, "complete")):
            raise Broken(f"{pattern} is not built; tests/vm/build_kernel.py does")
        return target, None
    archive = archive_of(suite, folder)
    package = package_of(pattern, archive)
    target = os.path.join(folder, package)
    if not os.path.exists(os.path.join(target, "complete")):
        os.makedirs(target, exist_ok=True)
        run("apt-get", "download", "-q", *parts_of(package, archive), cwd=target, env=archive)
        for part in glob.glob(os.path.join(target, "*.deb")):
            run("dpkg", "-x", part, target)
            os.unlink(part)
        if not os.path.exists(os.path.join(target, "lib")):
            os.symlink("usr/lib", os.path.join(target, "lib"))
        finish(target, package)
    return target, os.listdir(os.path.join(target, "lib", "modules"))[0]


def file_of(target, release, name):
    """Path of the kernel or of its configuration: beside the modules, or in /boot before Linux 7.2."""
    beside = os.path.join(target, "lib", "modules", release, name)
    return beside if os.path.exists(beside) else os.path.join(target, "boot", f"{name}-{release}")


def uncompressed(target, release):
    """Path of the kernel as an ELF file, which boots without firmware or decompressor."""
    path = os.path.join(target, "vmlinux")
    if os.path.exists(path):
        return path
    with open(file_of(target, release, "vmlinuz"), "rb") as file:
        image = file.read()
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1F1] + 1) * 512 + offset
    payload = image[start:start + length]
    if payload[:6] == b"\xfd7zXZ\0":
        kernel = lzma.LZMADecompressor().decompress(payload)
    elif payload[:4] == b"\x28\xb5\x2f\xfd":
        kernel = subprocess.run(["zstd", "-dc"], input=payload, capture_output=True, check=False).stdout
    else:
        kernel = gzip.decompress(payload)
    if kernel[:4] != b"\x7fELF":
        raise Broken(f"{release}: the kernel inside vmlinuz was not found")
    with open(path, "wb") as file:
        file.write(kernel)
    return path


class Archive:
    """An initramfs: cpio in the "newc" form."""

    def __init__(self):
        self.parts, self.number = [], 0

    def add(self, name, mode, data=b""):
        self.number += 1
        fields = (self.number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def folder(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o755):
        self.add(name, stat.S_IFREG | mode, data)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def modules_of(target, release):
    """Files of the modules that the initramfs needs, in the order of loading."""
    if release is None:  # all built in
        return []
    if not os.path.exists(os.path.join(target, "lib", "modules", release, "modules.dep.bin")):
        run("depmod", "-b", target, release)
    files = []
    for module in MODULES:
        told = subprocess.run(["modprobe", "-d", target, "-S", release, "--show-depends", module], capture_output=True, text=True)
        for line in told.stdout.splitlines():  # "builtin NAME" needs nothing
            words = line.split()
            if words[0] == "insmod" and words[1] not in files:
                files.append(words[1])
    return files


def module_bytes(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".zst"):
        return run("zstd", "-dcq", path)
    return data


def initramfs(target, release, command):
    archive = Archive()
    for name in ("bin", "proc", "sys", "dev", "modules", "host", "upper", "root"):
        archive.folder(name)
    with open("/bin/busybox", "rb") as file:
        archive.file("bin/busybox", file.read())
    for number, path in enumerate(modules_of(target, release)):
        archive.file(f"modules/{number:03}-{os.path.basename(path).split('.ko')[0]}.ko", module_bytes(path))
    archive.file("init", INIT.encode())
    archive.file("command.sh", command.encode())
    return archive.finish()
