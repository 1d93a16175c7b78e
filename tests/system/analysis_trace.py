# SPDX-License-Identifier: Apache-2.0
"""Reads what strace -f wrote: the calls, and with -k the stacks, of the processes that ran one program."""

import os
import re

LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)$")
FRAME = re.compile(r"^ > (\S+?)(?:\([^)]*\))? \[0x([0-9a-f]+)\]$")
BIRTH = ("clone", "clone3", "fork", "vfork")
# The kernel itself makes a sleeping call again with this number after a stop; no program contains it.
KERNEL_MADE = {"restart_syscall"}
LAST_NUMBER = 1023  # far beyond the newest call
# Behind the line of one ending thread strace prints the stacks of all that end.
MIXED = {"exit", "exit_group"}


def read(trace):
    """(pid, call, rest of the line, frames) in order; frames are (path, offset), innermost first."""
    current, frames = None, []
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith(" > "):
                frame = FRAME.match(line)
                # A frame without a file ends what can be said about the stack.
                frames.append((frame.group(1), int(frame.group(2), 16)) if frame else None)
                continue
            if current:
                yield (*current, frames)
            match = LINE.match(line)
            current = (match.group(1), match.group(2) or match.group(3), match.group(4)) if match else None
            frames = []
    if current:
        yield (*current, frames)


def is_call(name):
    """While another thread ends the process, strace may show a thread's registers for a call: syscall_0x6e8b, a process id."""
    number = re.match(r"syscall_0x([0-9a-f]+)$", name)
    return name not in KERNEL_MADE and (number is None or int(number.group(1), 16) <= LAST_NUMBER)


def calls_of_program(trace, program):
    """(call, frames) of processes while they ran `program`; from the start of its code on."""
    lines = list(read(trace))
    parent = {}
    for pid, call, rest, _ in lines:
        made = re.search(r"= (\d+)$", rest)
        if call in BIRTH and made:
            parent[made.group(1)] = pid
    running, pending, first = {}, {}, True
    for pid, call, rest, frames in lines:
        if pid not in running:
            running[pid] = running.get(parent.get(pid), "")
        if call == "execve":
            started = re.match(r'"([^"]*)"', rest)
            pending[pid] = os.path.realpath(started.group(1)) if started else pending.get(pid, "")
            done = rest.rstrip().endswith("= 0")
            if running[pid] == program and not first:
                yield call, [] if done else frames  # after success the stack is that of the new program
            first = False
            if done:
                running[pid] = pending[pid]
        elif running[pid] == program and is_call(call):
            yield call, [] if call in MIXED else frames
