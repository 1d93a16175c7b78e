# SPDX-License-Identifier: Apache-2.0
"""Runtime operations are asked for, uninteresting events are not, and a refusal is a PermissionError."""

import gc
import os
import sys

import probe
from probe import check

import liba

DLOPEN, DLSYM, CALL, MEMORY, EXTENSION, GATEWAY = "640", "641", "642", "643", "644", "645"
probe.log()


def asked(label, wanted, function, *args):
    probe.log()
    try:
        function(*args)
    except ImportError:
        pass
    check(label, probe.log(), wanted)


asked("nothing", [], len, "x")
asked("gc.get_objects", ["646"], gc.get_objects)
asked("gc.get_referrers", ["647"], gc.get_referrers, 1)
asked("gc.get_referents", ["648"], gc.get_referents, 1)
asked("sys._current_frames", ["649"], sys._current_frames)
asked("sys._getframe by a library", ["651"], liba.getframe)
asked("sys.settrace", ["652"], sys.settrace, None)
asked("sys.setprofile", ["653"], sys.setprofile, None)
asked("sys.addaudithook", ["654"], sys.addaudithook, lambda *a: None)
asked("harmless variable", [], os.putenv, "HARMLESS", "1")
asked("PATH", ["656"], os.putenv, "PATH", os.environ["PATH"])
asked("PYTHONPATH", ["656"], os.unsetenv, "PYTHONPATH")
asked("LD_LIBRARY_PATH", ["656"], os.putenv, "LD_LIBRARY_PATH", "")
os.unsetenv("LD_LIBRARY_PATH")
if sys.version_info >= (3, 15):
    kept = dict(os.environ)
    asked("whole environment", ["656"], os.environ.clear)
    os.environ.update(kept)

import collections
import logging

asked("the runtime's own _getframe", [], collections.namedtuple, "T", "a")
asked("logging", [], logging.getLogger("x").warning, "%s", "")
asked("extension of the runtime", [], __import__, "_zoneinfo")
asked("gateway", [GATEWAY], __import__, "_testcapi_that_is_not_there")

import ctypes

probe.log()
asked("ctypes.CDLL", [DLOPEN], ctypes.CDLL, None)
library = ctypes.CDLL(None)
asked("symbol", [DLSYM], getattr, library, "getppid")
buffer = ctypes.create_string_buffer(8)
asked("memory", [MEMORY], ctypes.c_int.from_address, ctypes.addressof(buffer))
# From Python 3.14 on these are foreign functions like others.
asked("string_at", [CALL, MEMORY] if sys.version_info >= (3, 14) else [MEMORY], ctypes.string_at, ctypes.addressof(buffer), 1)

for right, operation, args in (("646", gc.get_objects, ()), ("640", ctypes.CDLL, (None,)),
                               ("656", os.putenv, ("PATH", "/x")), ("645", __import__, ("_testcapi",))):
    probe.ask("refuse " + right)
    try:
        operation(*args)
        check("refused " + right, "passed", PermissionError)
    except PermissionError as refused:
        check("refused " + right, (refused.errno, "libguard: " in str(refused)), (13, True))
probe.finish()
