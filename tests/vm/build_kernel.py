# SPDX-License-Identifier: Apache-2.0
"""Builds the kernels of kernels.txt that no package has: from Debian's package of the source, with built.config.

Usage: build_kernel.py [--folder DIR] [--jobs N]. Once for each version of the package and of built.config; later calls
return at once. Takes 1.5 GB below DIR while it works, and 25 MB after that.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

import boot
import kernel_image

CONFIG = kernel_image.BUILT_CONFIG
TOOLS = ("make", "gcc", "flex", "bison", "bc", "pahole", "perl", "xz")


def make(tree, jobs, *targets):
    with open(os.path.join(tree, "make.log"), "a", encoding="utf-8") as log:
        if subprocess.run(["make", f"-j{jobs}", "KBUILD_BUILD_TIMESTAMP=1", *targets], cwd=tree, stdout=log, stderr=log).returncode:
            with open(log.name, encoding="utf-8", errors="replace") as file:
                raise kernel_image.Broken("make: " + file.read()[-2000:])


def configure(tree, jobs):
    """allnoconfig with what built.config asks for; every line of it must have been taken."""
    make(tree, jobs, "KCONFIG_ALLCONFIG=" + CONFIG, "allnoconfig")
    with open(os.path.join(tree, ".config"), encoding="utf-8") as made, open(CONFIG, encoding="utf-8") as wanted:
        lines = made.read().splitlines()
        lost = [line for line in wanted.read().splitlines() if line.startswith("CONFIG_") and line not in lines]
    if lost:
        raise kernel_image.Broken(f"this kernel does not take {lost}")


def unpack_source(package, work):
    kernel_image.run("apt-get", "download", "-q", package, cwd=work)
    deb = next(name for name in os.listdir(work) if name.endswith(".deb"))
    kernel_image.run("dpkg", "-x", deb, "package", cwd=work)
    os.unlink(os.path.join(work, deb))
    source = os.path.join(work, "package", "usr", "src", package + ".tar.xz")
    kernel_image.run("tar", "-xf", source, "-C", work)
    os.unlink(source)
    return os.path.join(work, package)


def build(package, target, jobs):
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise kernel_image.Broken(f"to build a kernel, install what has {missing}, and libelf-dev")
    work = target + ".work"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    tree = unpack_source(package, work)
    configure(tree, jobs)
    make(tree, jobs, "vmlinux")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    kernel_image.run("objcopy", "--strip-debug", os.path.join(tree, "vmlinux"), os.path.join(target, "vmlinux"))
    shutil.copy(os.path.join(tree, ".config"), os.path.join(target, "config"))
    kernel_image.finish(target, package)
    shutil.rmtree(work)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=os.path.join(os.environ.get("LIBGUARD_TEST_DIR", "/var/tmp"), "kernels"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    packages = sorted({rest[0] for rest in boot.read_kernels().values() if rest[0].startswith(kernel_image.SOURCE)})
    for package in packages:
        target = kernel_image.built_place(package, options.folder)
        began = time.monotonic()
        if not os.path.exists(os.path.join(target, "complete")):
            build(package, target, options.jobs)
        print(f"{target}: {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except kernel_image.Broken as error:
        print(f"build_kernel: {error}", file=sys.stderr)
        sys.exit(125)
