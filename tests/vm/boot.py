# SPDX-License-Identifier: Apache-2.0
"""Runs a command on another kernel: boots a Debian kernel in QEMU by software emulation, the host's root read-only below.

Usage: boot.py [--kernel NAME] [--folder DIR] [--seconds N] [--memory MB] [--append TEXT] [--count] COMMAND...
Without --kernel: on each line of kernels.txt. The command runs as root in the machine, in this working directory, with
everything that the host has installed; what it writes is forgotten, but for its output, and its exit status is ours. LIBGUARD_REFUSED_BY tells it the last
column of kernels.txt.
125: the machine could not be made or did not tell a status.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile

import kernel_image

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = ("LIBGUARD", "LIBGUARD_TEST_DIR", "HOME")


def read_kernels():
    with open(os.path.join(HERE, "kernels.txt"), encoding="utf-8") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {name: rest for name, *rest in lines}


def script(command, mechanism):
    lines = ["export PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb"]
    lines += [f"export {name}={shlex.quote(os.environ[name])}" for name in KEPT if name in os.environ]
    lines += [f"export LIBGUARD_REFUSED_BY={mechanism}"]
    return "\n".join([*lines, f"cd {shlex.quote(os.getcwd())}", command, ""])


def boot(name, options, command):
    pattern, security, mechanism, *suite = read_kernels()[name]
    target, release = kernel_image.unpack(pattern, options.folder, *suite)
    kernel = kernel_image.uncompressed(target, release)
    with tempfile.TemporaryDirectory(dir=options.folder) as work:
        ramdisk, log, status = (os.path.join(work, part) for part in ("initramfs", "kernel.log", "status"))
        with open(ramdisk, "wb") as file:
            file.write(kernel_image.initramfs(target, release, script(command, mechanism)))
        line = f"console=ttyS1 panic=-1 quiet lsm={security} rdinit=/init random.trust_cpu=on tsc=reliable {options.append}"
        if not options.count:  # a busy host disturbs how the TSC is measured at boot: all clocks then ran several times as fast
            line += " clocksource=hpet"
        speed = ["-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off"] if options.count else \
                ["-accel", "tcg,thread=multi", "-smp", "2"]
        argv = ["qemu-system-x86_64", *speed, "-cpu", "max", "-M", "q35", "-m", str(options.memory), "-display", "none", "-no-reboot", "-nodefaults", "-nic", "none", "-serial", "stdio",
                "-serial", "file:" + log, "-serial", "file:" + status,
                "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
                "-device", "virtio-9p-pci,fsdev=root,mount_tag=hostroot", "-device", "virtio-rng-pci",
                "-kernel", kernel, "-initrd", ramdisk, "-append", line]
        try:
            subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=options.seconds, check=False)
        except subprocess.TimeoutExpired:
            print(f"boot: {name}: not done after {options.seconds} s", file=sys.stderr)
        told = open(status, encoding="utf-8").read().strip() if os.path.exists(status) else ""
        if told.isdigit():
            return int(told)
        with open(log, encoding="utf-8", errors="replace") as file:
            print(f"boot: {name} told no exit status; its kernel said:\n" + file.read()[-2000:], file=sys.stderr)
        return 125


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", choices=sorted(read_kernels()))
    parser.add_argument("--folder", default=os.path.join(os.environ.get("LIBGUARD_TEST_DIR", "/var/tmp"), "kernels"))
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--count", action="store_true", help="one processor, whose clock counts instructions: one a nanosecond")
    parser.add_argument("--append", default="", help="to the kernel's command line")
    parser.add_argument("--memory", type=int, default=2048)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    worst = 0
    for name in [options.kernel] if options.kernel else read_kernels():
        print(f"== {name}", flush=True)
        try:
            status = boot(name, options, " ".join(options.command))
        except kernel_image.Broken as error:
            print(f"boot: {name}: {error}", file=sys.stderr)
            status = 125
        print(f"== {name}: exit status {status}", flush=True)
        worst = max(worst, status)
    return worst


if __name__ == "__main__":
    sys.exit(main())
