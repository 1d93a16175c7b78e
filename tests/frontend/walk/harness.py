# SPDX-License-Identifier: Apache-2.0
"""What the client does for a real program, in Python: program area, hello, and calls that compare the walk with the
interpreter's own idea of its stack. Needs ctypes; runs under walk_probe only."""

import ctypes
import os
import sys
from _thread import get_ident  # not threading: a sub-interpreter that has it waits for threads at its end

TEST_PRCTL = 0x4C475754
COPY_PRCTL = 0x4C47574B  # not notified: a program in the kernel sees it, if walk_probe has loaded one
ASK_KERNEL = int(os.environ.get("LIBGUARD_ASK_KERNEL", "0"))
HELLO, COMPARE, NOTHING, WALK, NAME = 1, 2, 3, 4, 5
OTHER_IMAGE, MISMATCH = 1 << 31, 1 << 30
NO_STATE, FAULT, TRUNCATED, UNKNOWN = 1, 2, 4, 8
BUCKETS, PER_BUCKET, TOMBSTONE = 16384, 8, 1
ABI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "bpf", "abi.h")
NAMES_SIZE = 65536

_released = ctypes.CDLL(None, use_errno=True).syscall  # gives the GIL up while it waits
_held = ctypes.PyDLL(None).syscall
for _function in (_released, _held):
    _function.restype = ctypes.c_long
_SYS_prctl, _SYS_get_robust_list = ctypes.c_long(157), 274


class Area(ctypes.Structure):
    _fields_ = [("nonce", ctypes.c_uint8 * 16), ("epoch", ctypes.c_uint64), ("names_used", ctypes.c_uint64),
                ("codes_lost", ctypes.c_uint64), ("more_interpreters", ctypes.c_uint64), ("table", ctypes.c_uint64), ("names", ctypes.c_uint64),
                ("names_size", ctypes.c_uint64), ("names_lost", ctypes.c_uint64), ("version", ctypes.c_uint32),
                ("pad", ctypes.c_uint32)]


class Entry(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint64), ("library", ctypes.c_uint16), ("vouching", ctypes.c_uint16),
                ("function", ctypes.c_uint32)]


class Hello(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("runtime", ctypes.c_uint32), ("hexversion", ctypes.c_uint32),
                ("flags", ctypes.c_uint32), ("area", ctypes.c_uint64), ("nonce", ctypes.c_uint8 * 16),
                ("robust_delta", ctypes.c_uint64), ("runtime_state", ctypes.c_uint64), ("none", ctypes.c_uint64),
                ("image_low", ctypes.c_uint64), ("image_high", ctypes.c_uint64), ("states", ctypes.c_uint64),
                ("slot_delta", ctypes.c_int64)]


def abi_version():
    with open(ABI) as file:
        return next(int(line.split()[2]) for line in file if line.startswith("#define LG_ABI_VERSION "))


def call(operation, address=0, count=0, held=False):
    return (_held if held else _released)(_SYS_prctl, ctypes.c_ulong(TEST_PRCTL), ctypes.c_ulong(operation),
                                          ctypes.c_ulong(address), ctypes.c_ulong(count), ctypes.c_ulong(0))


def image_of(address):
    """The mappings of the file that holds `address`, with the unnamed one that continues them (.bss)."""
    rows = []
    with open("/proc/self/maps") as maps:
        for line in maps:
            words = line.split()
            low, high = (int(x, 16) for x in words[0].split("-"))
            rows.append((low, high, words[5] if len(words) > 5 else ""))
    path = next((row[2] for row in rows if row[0] <= address < row[1]), "")
    if not path:  # in .bss: the file is the one just below
        path = [row[2] for row in rows if row[1] <= address and row[2]][-1]
    low = min(row[0] for row in rows if row[2] == path)
    high = max(row[1] for row in rows if row[2] == path)
    for row in rows:
        if row[0] == high and not row[2]:
            high = row[1]
    return low, high


class Client:
    """One program area. Never freed: the supervisor reads it until the end."""

    def __init__(self):
        self.table = (Entry * (BUCKETS * PER_BUCKET))()
        self.names = (ctypes.c_uint8 * NAMES_SIZE)()
        self.area = Area(epoch=1, table=ctypes.addressof(self.table), names=ctypes.addressof(self.names),
                         names_size=NAMES_SIZE, version=abi_version())
        for i, byte in enumerate(os.urandom(16)):
            self.area.nonce[i] = byte

    def hello(self):
        runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
        head, size = ctypes.c_uint64(), ctypes.c_uint64()
        _released(ctypes.c_long(_SYS_get_robust_list), ctypes.c_long(0), ctypes.byref(head), ctypes.byref(size))
        low, high = image_of(runtime)
        said = Hello(version=abi_version(), runtime=1, hexversion=sys.hexversion, area=ctypes.addressof(self.area),
                     nonce=self.area.nonce, robust_delta=head.value - get_ident(), runtime_state=runtime,
                     none=id(None), image_low=low, image_high=high)
        if call(HELLO, ctypes.addressof(said)) != 0:
            sys.exit("the supervisor refused the hello")

    def _slots(self, code):
        first = (((code >> 4) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 50) & (BUCKETS - 1)
        for probe in range(8):
            bucket = (first + probe) & (BUCKETS - 1)
            for i in range(PER_BUCKET):
                yield self.table[bucket * PER_BUCKET + i]

    def tag(self, code, library, vouching=0, function=0):
        for slot in self._slots(code):
            if slot.code in (0, TOMBSTONE, code):
                slot.library, slot.vouching, slot.function = library, vouching, function
                slot.code = code
                return
        raise MemoryError("the table is full")

    def untag(self, code):
        self.area.epoch += 1
        for slot in self._slots(code):
            if slot.code == code:
                slot.code = TOMBSTONE

    def add_name(self, module, qualname):
        """Appends a record to the names arena; answers the function id."""
        module_hash = fnv1a(2166136261, module)
        function = fnv1a(module_hash, "." + qualname)
        text = qualname.encode()
        record = function.to_bytes(4, "little") + module_hash.to_bytes(4, "little") + len(text).to_bytes(2, "little")
        record += bytes(6) + text + bytes(-len(text) % 8)
        at = self.area.names_used
        self.names[at:at + len(record)] = list(record)
        self.area.names_used = at + len(record)
        return function


def fnv1a(state, text):
    for byte in text.encode():
        state = (state ^ byte) * 16777619 & 0xFFFFFFFF
    return state


def compare(held=False, outer=()):
    """Compares the walk with this very stack (`outer`: codes of enclosing interpreters); the supervisor's answer."""
    frame = sys._getframe(0)
    codes = []
    while frame is not None:
        codes.append(id(frame.f_code))
        frame = frame.f_back
    codes.extend(outer)
    array = (ctypes.c_uint64 * len(codes))(*codes)
    if ASK_KERNEL:
        (_held if held else _released)(_SYS_prctl, ctypes.c_ulong(COPY_PRCTL), ctypes.c_ulong(ASK_KERNEL), ctypes.c_ulong(0),
                                       ctypes.c_ulong(0), ctypes.c_ulong(0))
    return (_held if held else _released)(_SYS_prctl, ctypes.c_ulong(TEST_PRCTL), ctypes.c_ulong(COMPARE),
                                          ctypes.c_ulong(ctypes.addressof(array)), ctypes.c_ulong(len(codes)),
                                          ctypes.c_ulong(0))


def caller(answer):
    return answer & 0xFFFF


def flags(answer):
    return (answer >> 16) & 0xFF
