# SPDX-License-Identifier: Apache-2.0
"""Stands where the supervisor would: the parent of an unguarded run, to show that attacks on the parent succeed."""

import ctypes
import subprocess
import sys

PR_SET_PTRACER, ANY = 0x59616D61, ctypes.c_ulong(-1)

ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANY, 0, 0, 0)
sys.exit(subprocess.call(sys.argv[1:]))
