# SPDX-License-Identifier: Apache-2.0
"""What docs/kernel-support.md says of Debian's kernels in kernels.txt: each has BPF LSM and BTF, none lets system-call stubs be overridden.

Usage: configurations.py [--folder DIR]. Reads the configuration in each package; fails as well if a kernel can do more.
"""

import argparse
import os
import sys

import boot
import kernel_image

THERE = ("CONFIG_BPF_LSM=y", "CONFIG_DEBUG_INFO_BTF=y", "CONFIG_UPROBES=y", "CONFIG_CGROUP_BPF=y")
MISSING = ("CONFIG_FUNCTION_ERROR_INJECTION=", "CONFIG_BPF_KPROBE_OVERRIDE=")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default=os.path.join(os.environ.get("LIBGUARD_TEST_DIR", "/var/tmp"), "kernels"))
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    wrong = 0
    for pattern, suite in sorted({(rest[0], *(rest[3:4] or [""])) for rest in boot.read_kernels().values()}):
        if pattern.startswith(kernel_image.SOURCE):  # has what built.config says, or is not built
            continue
        target, release = kernel_image.unpack(pattern, options.folder, suite)
        with open(kernel_image.file_of(target, release, "config"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        lacks = [name for name in THERE if name not in lines]
        more = [line for line in lines if line.startswith(MISSING)]
        print(f"  {release}: lacks {lacks or 'nothing'}, can override: {more or 'no'}")
        wrong += bool(lacks or more)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
