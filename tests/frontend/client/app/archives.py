# SPDX-License-Identifier: Apache-2.0
"""Code in zip archives: known by comparison with the archive, stored or deflated, source or bytecode."""

import importlib
import importlib.util
import marshal
import os
import sys
import zipfile

import probe
from probe import APPLICATION, LIBA, belongs, unknown

BASE = os.environ["BASE"]
TEXT = "def %s():\n    return [%r] * 3\n"


def bytecode(name):
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(compile(TEXT % (name, name), name + ".py", "exec"))


# The fake supervisor knows the directory liba below the site directory, whatever lies in it.
known = BASE + "/site/liba/code.zip"
with zipfile.ZipFile(known, "w") as archive:
    archive.writestr("stored.py", TEXT % ("stored", "stored"))
    archive.writestr("deflated.py", TEXT % ("deflated", "deflated"), zipfile.ZIP_DEFLATED)
    archive.writestr("compiled.pyc", bytecode("compiled"), zipfile.ZIP_DEFLATED)
unknown_one = BASE + "/young/other.zip"
with zipfile.ZipFile(unknown_one, "w") as archive:
    archive.writestr("elsewhere.py", TEXT % ("elsewhere", "elsewhere"), zipfile.ZIP_DEFLATED)
with open(BASE + "/site/liba/script.zip", "wb") as file:
    file.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("behind.py", TEXT % ("behind", "behind"))
sys.path[:0] = [known, unknown_one, BASE + "/site/liba/script.zip"]
for name in ("stored", "deflated", "compiled", "behind"):
    module = importlib.import_module(name)
    archive = "script" if name == "behind" else "code"
    belongs(name, getattr(module, name), LIBA, "liba.%s.zip.%s.%s" % (archive, name, name))
unknown("archive that nobody vouches for", importlib.import_module("elsewhere").elsewhere)

# Other bytes in the archive's place, by the genuine loader.
import zipimport

zipimport._get_data = lambda archive, entry: (TEXT % ("stored", "evil")).encode()
del sys.modules["stored"]
module = importlib.import_module("stored")
probe.check("the other bytes run", module.stored(), ["evil"] * 3)
unknown("bytes that are not in the archive", module.stored)
probe.finish()
