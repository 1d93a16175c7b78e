# SPDX-License-Identifier: Apache-2.0
"""Makes a running process make a system call, as hostile code inside it would: stopped, its registers set, one step.

Needs the right to trace the process. The process goes on afterwards as if nothing had been.
"""

import ctypes
import os
import re
import signal

PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_SINGLESTEP, PTRACE_DETACH = 12, 13, 9, 17
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000
FIELDS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs "
          "gs").split()

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in FIELDS]


def ptrace(request, pid, address=None, data=None):
    if libc.ptrace(request, pid, address, data) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request}: {os.strerror(error)}")


def call_instruction(pid):
    """Address of a `syscall` instruction in the code of the C library."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-xp .*/libc\.so\.6$", line)
            if not match:
                continue
            low, high = int(match.group(1), 16), int(match.group(2), 16)
            memory.seek(low)
            at = memory.read(high - low).find(b"\x0f\x05")
            if at >= 0:
                return low + at
    raise OSError(f"no system call in the C library of process {pid}")


def wait_for_stop(pid):
    _, status = os.waitpid(pid, WALL)
    if not os.WIFSTOPPED(status):
        raise ProcessLookupError(f"process {pid} ended: {status}")


class Stopped:
    """with Stopped(pid) as process: process.call(number, …)"""

    def __init__(self, pid):
        self.pid, self.instruction = pid, call_instruction(pid)

    def __enter__(self):
        ptrace(PTRACE_SEIZE, self.pid)
        ptrace(PTRACE_INTERRUPT, self.pid)
        wait_for_stop(self.pid)
        self.before = Registers()
        ptrace(PTRACE_GETREGS, self.pid, None, ctypes.byref(self.before))
        return self

    def call(self, number, *arguments):
        """What the call returned: negative is an errno."""
        values = Registers.from_buffer_copy(self.before)
        values.rip, values.rax, values.orig_rax = self.instruction, number, (1 << 64) - 1
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), [*arguments, 0, 0, 0, 0, 0, 0]):
            setattr(values, name, value & ((1 << 64) - 1))
        ptrace(PTRACE_SETREGS, self.pid, None, ctypes.byref(values))
        self.step()
        ptrace(PTRACE_GETREGS, self.pid, None, ctypes.byref(values))
        return ctypes.c_longlong(values.rax).value

    def step(self):
        """Until the instruction is behind it; signals of its own have to wait."""
        while True:
            ptrace(PTRACE_SINGLESTEP, self.pid)
            _, status = os.waitpid(self.pid, WALL)
            if not os.WIFSTOPPED(status):
                raise ProcessLookupError(f"process {self.pid} ended: {status}")
            if os.WSTOPSIG(status) == signal.SIGTRAP:
                return

    def __exit__(self, *_):
        try:
            ptrace(PTRACE_SETREGS, self.pid, None, ctypes.byref(self.before))
            ptrace(PTRACE_DETACH, self.pid)
        except OSError as error:
            if error.errno != 3:  # it has ended
                raise
