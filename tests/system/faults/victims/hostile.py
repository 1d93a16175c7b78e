# SPDX-License-Identifier: Apache-2.0
"""Native code that speaks to the supervisor: random marker calls from anywhere, then from the client's own call site with
the right nonce, then a program area full of nonsense. Its policy lets it call native code and nothing else.

Arguments: marker, rounds, the version of the messages (LG_ABI_VERSION), seed."""

import ctypes
import errno
import json
import os
import random
import re
import struct
import sys

import attempt

PRCTL, OPTION = 157, 0x4C47
RESOLVE, OPERATION, NOTE, ENTER, RELEASE, PHASE, SELF_CHECK, RULESET = range(3, 11)
AREA_BYTES, TABLE_AT = 88, 4096
marker, (rounds, version, seed) = sys.argv[1], map(int, sys.argv[2:])
chance = random.Random(seed)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
scratch = ctypes.create_string_buffer(65536)
SCRATCH = ctypes.addressof(scratch)


def number():
    kind = chance.randrange(6)
    return (chance.randrange(16), chance.getrandbits(64), SCRATCH + chance.randrange(65536), chance.getrandbits(16),
            0xFFFFFFFFFFFFFFFF - chance.randrange(16), 0)[kind]


def from_anywhere():
    """Random messages by syscall(2): {answer: how often}."""
    answers = {}
    for _ in range(rounds):
        scratch[: 256] = chance.randbytes(256)
        numbers = [ctypes.c_uint64(number()) for _ in range(4)]
        numbers[0] = ctypes.c_uint64(chance.randrange(12) if chance.random() < 0.9 else number())
        answer = libc.syscall(PRCTL, ctypes.c_uint64(OPTION), *numbers)
        key = errno.errorcode.get(ctypes.get_errno(), "?") if answer == -1 else f"value {answer}"
        answers[f"{min(numbers[0].value, 12)} {key}"] = answers.get(f"{min(numbers[0].value, 12)} {key}", 0) + 1
    return answers


def mappings():
    with open("/proc/self/maps", encoding="utf-8") as file:
        for line in file:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \d+\s*(.*)", line)
            yield int(found[1], 16), int(found[2], 16), found[3], found[5]


def find_area():
    """Private memory whose head names a table one page behind it."""
    for low, high, access, _ in mappings():
        if access != "rw-p":
            continue
        for start in range(low, high - AREA_BYTES, 4096):
            head = ctypes.string_at(start, AREA_BYTES)
            if struct.unpack_from("<Q", head, 48)[0] == start + TABLE_AT and struct.unpack_from("<I", head, 80)[0] == version:
                return start
    sys.exit("no program area")


def find_call_site():
    for low, high, access, path in mappings():
        if "x" in access and path.endswith("libguard_preload.so"):
            text = ctypes.string_at(low, high - low)
            found = re.search(rb"\xb8\x9d\x00\x00\x00.{0,32}?\x0f\x05", text, re.DOTALL)
            return low + (found.start() & ~15)
    sys.exit("no client")


def from_the_client(area):
    """Well addressed messages with hostile contents."""
    call = ctypes.CFUNCTYPE(ctypes.c_long, *[ctypes.c_uint64] * 4)(find_call_site())
    nonce = struct.unpack_from("<Q", ctypes.string_at(area, 8))[0]
    answers = {}
    for _ in range(rounds):
        operation = chance.choice((RESOLVE, RESOLVE, OPERATION, NOTE, ENTER, RELEASE, SELF_CHECK, RULESET, chance.randrange(20)))
        if operation == PHASE or operation == 2:
            continue
        if operation == RESOLVE:
            text = chance.choice((chance.randbytes(40), b"/" + b"../" * 60 + b"etc/passwd", b"/usr/lib/python3.11/os.py", b"\0" * 9,
                                  b"/proc/self/mem", b"/dev/stdin", b"a" * 5000))
            scratch[64: 64 + len(text)] = text
            length = chance.choice((len(text), 0, 65536, 65537, 0xFFFFFFFF, 5000))
            scratch[:32] = struct.pack("<IIQQQ", chance.choice((1, 2, 3, 4, 5, chance.getrandbits(32))), length,
                                       chance.choice((SCRATCH + 64, SCRATCH + 64, 8, chance.getrandbits(64))),
                                       chance.choice((0, chance.getrandbits(64))), chance.choice((0, 1, chance.getrandbits(64))))
            argument = SCRATCH
        elif operation == SELF_CHECK:
            scratch[:16] = struct.pack("<QQ", chance.choice((SCRATCH, 0, chance.getrandbits(64))),
                                       chance.choice((0, 1, 3, 4096, 4097, 1 << 61, 0xFFFFFFFFFFFFFFFF)))
            argument = SCRATCH
        else:
            argument = number()
        answer = call(operation, argument, number(), nonce)
        key = f"{operation} " + ("refused" if answer < 0 else "answered")
        answers[key] = answers.get(key, 0) + 1
    for _ in range(70000 if rounds > 5000 else 5000):
        call(NOTE, 0, 0, nonce)
    return answers


def with_nonsense(area):
    """Writes random bytes over the area; what nobody may do must stay refused, whatever stack that makes."""
    before = ctypes.string_at(area, AREA_BYTES)
    table = ctypes.string_at(area + TABLE_AT, 128 * 16384)
    got = set()
    for turn in range(60):
        if turn % 3 == 0:  # every entry another library, also ones that do not exist
            library = chance.choice((3, 50, 900, 1023, 1024, 40000, 65535))
            entries = bytearray(table)
            for at in range(8, len(entries), 16):
                entries[at: at + 2] = struct.pack("<H", library)
            ctypes.memmove(area + TABLE_AT, bytes(entries), len(entries))
        elif turn % 3 == 1:
            ctypes.memmove(area + TABLE_AT, chance.randbytes(len(table)), len(table))
        names = struct.unpack_from("<Q", before, 56)[0]
        ctypes.memmove(names, chance.randbytes(4096), 4096)
        words = [chance.choice((0, 1, 40, 65536, 1 << 40, 0xFFFFFFFFFFFFFFFF, area, SCRATCH)) for _ in range(8)]
        head = before[:16] + struct.pack("<8Q", turn + 10, *words[:7]) + before[80:]
        if turn % 2:
            ctypes.memmove(area, head, AREA_BYTES)
        else:
            ctypes.memmove(area + 16, struct.pack("<Q", turn + 10), 8)
        got.update((attempt.by_spawn(marker), attempt.by_fork(marker)))
        ctypes.memmove(area, before, AREA_BYTES)
    ctypes.memmove(area + TABLE_AT, table, len(table))
    ctypes.memmove(area + 16, struct.pack("<Q", 1000), 8)
    return sorted(got)


answers = from_anywhere()
area = find_area()
print(json.dumps({"anywhere": answers, "between": attempt.attempts(marker)}), flush=True)
print(json.dumps({"client": from_the_client(area), "then": attempt.attempts(marker)}), flush=True)
print(json.dumps({"nonsense": with_nonsense(area), "after": attempt.attempts(marker)}), flush=True)
print("alive to the end", flush=True)
os._exit(0)
