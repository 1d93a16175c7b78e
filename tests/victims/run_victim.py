# SPDX-License-Identifier: Apache-2.0
"""The application of all victims: does ordinary work, uses one victim as its users would, and lives on.

Usage: run_victim.py NAME --mode benign|attack|twin|learn --scratch DIR --marker FILE --port N --other-port N [--guarded]
Each shape is installed twice: in simple_library (the culprit) and in deploytool (the twin, which may do the same).
`learn` is benign work of both, then the twin: what a policy is made from. The application itself starts programs,
connects and writes files in functions of its own, so no rule for the whole process can tell an attack from its work.
"""

import argparse
import asyncio
import concurrent.futures
import glob
import importlib
import json
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading

import fetcher
from deploytool import ship

TOKEN = b"libguard-should-have-stopped-this"


def supervisor():
    """The process that guards this one, as it announces itself: the parent, or a detached one."""
    for path in glob.glob(os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), "libguard", "*.json")):
        with open(path, encoding="utf-8") as file:
            guard = json.load(file)
        if guard["program"] == os.getpid():
            return guard["supervisor"]
    return os.getppid()


class Stage:
    """What the application lends to a library: only values and objects, no function that would act for it."""

    def __init__(self, options):
        self.scratch = options.scratch
        self.marker = options.marker
        self.argv = ["/usr/bin/touch", options.marker]
        self.command = f"/usr/bin/touch '{options.marker}'"
        self.port = options.port
        self.other_port = options.other_port
        self.poison = options.poison
        self.preload = options.preload
        self.guarded = options.guarded
        self.supervisor = supervisor()
        self.token = TOKEN
        self.facts = {}
        self.executor = concurrent.futures.ThreadPoolExecutor(2)
        self.connection = socket.create_connection(("127.0.0.1", options.port), timeout=10)


def start_program(stage):
    """What attacks start is what ordinary work starts: no grant of the programs themselves may stop an attack."""
    subprocess.run(["/bin/sh", "-c", f"/usr/bin/touch '{stage.scratch}/program-note'; true"], check=True)


def start_helper():
    subprocess.run(["helper-tool"], check=True)


def write_note(stage):
    with open(os.path.join(stage.scratch, "application-note"), "w", encoding="utf-8") as file:
        file.write("hello\n")


def call_service(stage):
    with socket.create_connection(("127.0.0.1", stage.other_port), timeout=10) as connection:
        connection.sendall(b"ordinary work\n")


def ordinary_work(stage):
    start_program(stage)
    write_note(stage)
    call_service(stage)
    stage.executor.submit(len, "warm").result()
    ship.deliver("ordinary text")


def use_iterate(result, stage):
    for _ in result:
        continue


def use_sort(result, stage):
    return sorted([stage.command], key=result)


def use_settings(result, stage):
    return os.environ.get("HOME")


def use_title(result, stage):
    return getattr(result, "title", "")


def use_query(result, stage):
    return result.execute("select fit(?)", [stage.command]).fetchall()


def use_unpickle(result, stage):
    return pickle.loads(result)


def use_call(result, stage):
    return result(stage.command)


def use_deliver(result, stage):
    return ship.deliver(stage.command)


def use_signal(result, stage):
    os.kill(os.getpid(), signal.SIGUSR1)


def use_program(result, stage):
    start_program(stage)


def use_helper(result, stage):
    start_helper()


def use_fetch(result, stage):
    fetcher.send(result, TOKEN.decode())


def use_thread(result, stage):
    worker = threading.Thread(target=lambda: result())
    worker.start()
    worker.join()


def use_pool(result, stage):
    function, argument = result
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(function, (argument,))


def use_pair(result, stage):
    beside, function = result
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply_async(*beside)
        for found in function():
            found(stage.command)


USES = {name[4:]: use for name, use in list(globals().items()) if name.startswith("use_")}


async def act_in_loop(action, stage):
    result = action(stage)
    await asyncio.sleep(0.2)
    return result


def act(action, use, stage):
    """Lets a library act and uses what it returns. A refusal is an errno: told, and lived with."""
    try:
        result = asyncio.run(act_in_loop(action, stage)) if use == "loop" else action(stage)
        if use in USES:
            USES[use](result, stage)
        if result is True:
            with open(stage.marker, "w", encoding="utf-8") as file:
                file.write("evidence seen by the application\n")
        result = None  # the object ends here, in this frame
    except Exception as error:
        print(f"refused: {type(error).__name__}: {error}", flush=True)


def header_of(name):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shapes", name + ".py")
    with open(path, encoding="utf-8") as file:
        words = file.readline().lstrip("# ").split()
    return dict(zip((word.rstrip(":") for word in words[::2]), words[1::2]))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--mode", choices=["benign", "attack", "twin", "learn"], required=True)
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--marker", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--other-port", type=int, required=True)
    parser.add_argument("--poison", default="")
    parser.add_argument("--preload", default="")
    parser.add_argument("--guarded", action="store_true")
    return parser.parse_args()


def main():
    options = parse_arguments()
    header = header_of(options.name)
    use, twin_kind = header.get("uses", ""), header["twin"]
    stage = Stage(options)
    culprit = importlib.import_module("simple_library.shapes." + options.name)
    permitted = importlib.import_module("deploytool.shapes." + options.name)
    ordinary_work(stage)
    if options.mode in ("benign", "learn"):
        act(culprit.benign, use, stage)
    if options.mode in ("twin", "learn") and twin_kind != "none":
        # An own function needs none of the application's gadgets: they must not be learned with it.
        act(permitted.twin if twin_kind == "own" else permitted.attack, use, stage)
    if options.mode == "attack":
        act(culprit.attack, use, stage)
    if use != "helper" or options.mode != "attack":
        ordinary_work(stage)
    if options.mode == "attack" and os.path.exists(stage.marker):
        print(f"libguard should have stopped this: {options.name}", flush=True)
    print("alive to the end", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
