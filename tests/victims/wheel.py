# SPDX-License-Identifier: Apache-2.0
"""Builds a pure-Python wheel from a folder, so that victims' libraries are real installed distributions.

A folder libraries/NAME holds the import package NAME; its version is `__version__` in NAME/__init__.py.
"""

import base64
import hashlib
import os
import re
import zipfile

EPOCH = (2024, 1, 1, 0, 0, 0)


def files_below(folder):
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if not name.endswith(".pyc"):
                path = os.path.join(base, name)
                yield os.path.relpath(path, folder), path


def version_of(folder, name):
    with open(os.path.join(folder, name, "__init__.py"), encoding="utf-8") as file:
        return re.search(r'__version__ = "([^"]+)"', file.read()).group(1)


def build_wheel(folder, out_dir, extra=()):
    """Packs `folder` (and `extra`: pairs of archive name and path) into a wheel in `out_dir`; returns its path."""
    name = os.path.basename(folder.rstrip("/"))
    version = version_of(folder, name)
    info = f"{name}-{version}.dist-info"
    path = os.path.join(out_dir, f"{name}-{version}-py3-none-any.whl")
    contents = {archive: open(source, "rb").read() for archive, source in [*files_below(folder), *extra]}
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: libguard\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for archive, data in contents.items():
            wheel.writestr(zipfile.ZipInfo(archive, EPOCH), data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{archive},sha256={digest},{len(data)}")
        record.append(f"{info}/RECORD,,")
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD", EPOCH), "\n".join(record) + "\n")
    return path
