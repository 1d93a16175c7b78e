# SPDX-License-Identifier: Apache-2.0
"""Prints what a judged call costs at several Python depths: guarded beside unguarded, in turns.

Usage: calls.py [--rounds N] [--count N] [--depths 5,20,...] [--python PATH]
Kinds: free (judged for nobody), short (a judged call that does hardly anything itself: an option of a socket is read), plain (a judged
call without a path: a local socket, made and closed by a kernel whose caches the wait has left cold), path (rmdir of a name that is not
there), write (open for writing, which the supervisor performs), dangerous (an internet socket: the C stack is read too).
Before them what this machine asks of any supervisor: notification_floor.c, bare and with one read of as many pieces.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time

KINDS = ("free", "short", "plain", "path", "write", "dangerous")


def refused_by_nobody(name):
    try:
        os.rmdir(name)
    except FileNotFoundError:
        pass


def one(kind, folder):
    """The callable of a kind; as little Python as possible around the call."""
    if kind == "free":
        return os.getppid
    if kind == "short":
        return lambda end=socket.socket(socket.AF_UNIX, socket.SOCK_STREAM): end.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    if kind == "plain":
        return lambda: os.close(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).detach())
    if kind == "path":
        return lambda: refused_by_nobody(os.path.join(folder, "missing"))
    if kind == "write":
        return lambda: os.close(os.open("/dev/null", os.O_WRONLY))
    return lambda: os.close(socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach())


def fork_to_call(count):
    """Median of microseconds from fork to the end of the child's first judged call."""
    reader, writer = os.pipe()
    times = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        child = os.fork()
        if child == 0:
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).close()
            os.write(writer, b".")
            os._exit(0)
        os.read(reader, 1)
        times.append((time.perf_counter_ns() - begin) / 1000)
        os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    return statistics.median(times)


def batch(kind, count, folder):
    if kind == "fork":
        return fork_to_call(count)
    call = one(kind, folder)
    call()
    begin = time.perf_counter_ns()
    for _ in range(count):
        call()
    return (time.perf_counter_ns() - begin) / count / 1000


def at_depth(depth, *arguments):
    return at_depth(depth - 1, *arguments) if depth > 1 else batch(*arguments)


def work(folder):
    """Answers `KIND DEPTH COUNT` with microseconds per turn; `fork` is a kind for startup.py."""
    os.makedirs(folder, exist_ok=True)
    for line in sys.stdin:
        kind, depth, count = line.split()
        # The module, work, batch and the lambda are frames too.
        print(at_depth(max(1, int(depth) - 4), kind, int(count), folder), flush=True)


def print_floor(pair, folder, count, rounds):
    """Rows of what a notified call costs at least, before anybody has judged anything."""
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.path.join(folder, "notification_floor")
    include = os.path.join(os.path.dirname(os.path.dirname(here)), "core", "include")
    subprocess.run(["cc", "-O2", "-I", include, "-o", program, os.path.join(here, "notification_floor.c")], check=True)
    worker = pair.Worker([program], folder)
    for kind in ("bare", "read"):
        asked = (f"free 0 {count}", f"{kind} 0 {count}")
        plain, notified, least, least_notified = pair.differences(worker, worker, asked, rounds)
        print(f"| floor, {kind} | - | {plain:.2f} | {notified:.2f} | {notified / plain:.2f} | "
              f"{(notified - plain):.2f} | {(least_notified - least):.2f} |", flush=True)
    worker.stop()


def main():
    import pair

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--depths", default="5,20,50,100")
    parser.add_argument("--python", default=pair.PYTHON)
    options = parser.parse_args()
    folder = pair.scratch()
    application = os.path.join(folder, "application")
    os.makedirs(application)
    script = shutil.copy(os.path.abspath(__file__), application)
    both = pair.Pair([options.python, script, "--work"], folder, application)
    print("| call | depth | unguarded µs | guarded µs | ratio | + µs per judged call (median) | + µs (smallest) |")
    print("|---|---|---|---|---|---|---|")
    print_floor(pair, folder, options.count, options.rounds)
    for kind in KINDS:
        for depth in options.depths.split(","):
            plain, guarded, least, least_guarded = both.ask(f"{kind} {depth} {options.count}", options.rounds)
            print(f"| {kind} | {depth} | {plain:.2f} | {guarded:.2f} | {guarded / plain:.2f} | "
                  f"{(guarded - plain) :.2f} | {(least_guarded - least) :.2f} |", flush=True)
    both.stop()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(os.path.join(os.getcwd(), f"work-{os.getpid()}"))
    else:
        sys.exit(main())
