# SPDX-License-Identifier: Apache-2.0
"""What pure Python can do to pass its code off as another library's: it stays unknown or its maker's."""

import importlib.abc
import importlib.machinery
import importlib.util
import marshal
import os
import shutil
import sys

import probe
from probe import APPLICATION, LIBA, LIBB, belongs, check, unknown

import liba
import libb

BASE = os.environ["BASE"]
EVIL = "def target():\n    return 'evil'\n"


def fresh(name):
    for known in [n for n in sys.modules if n == name]:
        del sys.modules[known]
    return importlib.import_module(name)


# A hand-made .pyc in a directory of one's own, by the genuine loader of the genuine file.
tag = sys.implementation.cache_tag
prefix = os.path.join(BASE, "prefix")
source = libb.__file__
place = os.path.join(prefix + os.path.dirname(source), "__init__.%s.pyc" % tag)
os.makedirs(os.path.dirname(place))
status = os.stat(source)
with open(place, "wb") as file:
    file.write(importlib.util.MAGIC_NUMBER + b"\0\0\0\0" + int(status.st_mtime).to_bytes(4, "little") +
               status.st_size.to_bytes(4, "little") + marshal.dumps(compile(EVIL, source, "exec")))
sys.pycache_prefix = prefix
module = fresh("libb")
check("pycache_prefix", module.target(), "genuine")
belongs("pycache_prefix: the source was taken", module.target, LIBB, "libb.target")
sys.pycache_prefix = None

# A sourceless .pyc that claims another file.
directory = os.path.join(BASE, "young")
with open(os.path.join(directory, "sourceless.pyc"), "wb") as file:
    file.write(importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(compile(EVIL, source, "exec")))
sys.path.insert(0, directory)
unknown("sourceless", fresh("sourceless").target)

# A file that nobody vouches for.
with open(os.path.join(directory, "appeared.py"), "w") as file:
    file.write(EVIL)
unknown("new file", fresh("appeared").target)
del sys.path[0]


# A loader with a genuine origin and other bytes.
class Loader(importlib.machinery.SourceFileLoader):
    def get_data(self, path):
        return EVIL.encode()


def load(loader):
    spec = importlib.util.spec_from_file_location("forged", source, loader=loader)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made.target


forged = load(Loader("forged", source))
unknown("loader of the application", forged)
unknown("loader used by a library", libb.run(lambda: load(Loader("forged", source))))


class Inspected(importlib.abc.InspectLoader):
    def get_source(self, name):
        return EVIL


unknown("inspected loader", load(Inspected()))


class Bare(importlib.abc.Loader):
    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(EVIL, source, "exec"), module.__dict__)


belongs("bare loader", load(Bare()), APPLICATION)

# A finder of which nothing is on the stack when its code comes into being.
import functools
import types


class Space(dict):
    """A module that exec takes as globals."""


space = Space()
hollow = importlib.machinery.ModuleSpec("hollow", types.SimpleNamespace(
    create_module=lambda spec: space, exec_module=functools.partial(exec, EVIL)))
sys.meta_path.insert(0, types.SimpleNamespace(
    find_spec=lambda name, path, target=None: hollow if name == "hollow" else None))
import hollow as imported
del sys.meta_path[0]
unknown("hollow loader", space["target"])

# The interpreter's announcements, raised by somebody else, then code without a frame below it.
import _thread
import time

held = []
_thread.start_new_thread(sys.audit, ("cpython.run_command", "the runtime's own"))
time.sleep(0.05)
sys.audit("cpython.run_command", "the runtime's own")
_thread.start_new_thread(exec, ("held.append(lambda: 0)", {"held": held}))
while not held:
    time.sleep(0.01)
unknown("announced by somebody else", held[0])

# The genuine bytes read first, then other bytes compiled.
import io

with io.open_code(source) as file:
    genuine = file.read()
space = {}
exec(compile(genuine + b"\n" + EVIL.encode(), source, "exec"), space)
belongs("nearly the genuine bytes", space["target"], APPLICATION)
with io.open_code(source) as file:
    genuine = file.read()
space = {}
exec(compile(bytearray(genuine), source, "exec"), space)
belongs("bytes that can change", space["target"], APPLICATION)
exec(compile(genuine, source, "exec"), space)
belongs("the genuine bytes", space["target"], LIBB, "libb.target")


class Shifty:
    """Shows the genuine bytes first, others later (Python 3.12 lets classes export buffers)."""

    def __init__(self, *shown):
        self.shown = list(shown)

    def __buffer__(self, flags):
        return memoryview(self.shown.pop(0) if len(self.shown) > 1 else self.shown[0])


if sys.version_info >= (3, 12):
    cached = importlib.util.cache_from_source(source)
    sys.modules.pop("libb")
    with io.open_code(cached) as file:
        compiled = file.read()[16:]
    code = marshal.loads(Shifty(compiled, marshal.dumps(compile(EVIL, source, "exec"))))
    belongs("shifty buffer", code, APPLICATION)

# Frozen code with data of one's own.
import _imp

if sys.version_info >= (3, 11):
    data = marshal.dumps(compile(EVIL, "<frozen os>", "exec"))
    try:
        code = _imp.get_frozen_object("os", data)
        belongs("frozen object from own data", code, APPLICATION)
    except ImportError:
        pass

# Directories and missing files answer as without libguard.
for path, error in ((BASE, IsADirectoryError), (BASE + "/nothing.py", FileNotFoundError)):
    try:
        io.open_code(path)
        check("open_code of " + path, "opened", error)
    except OSError as refused:
        check("open_code of " + path, (type(refused), refused.filename), (error, path))
probe.finish()
