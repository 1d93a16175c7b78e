# SPDX-License-Identifier: Apache-2.0
"""Work with nothing but the standard library: threads, forks, other programs, a database. Usage: plain_job.py DIRECTORY"""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading


def write_and_remove(folder, number):
    path = os.path.join(folder, f"note-{number}.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write("written")
    os.unlink(path)


def fork_and_write(folder):
    child = os.fork()
    if child == 0:
        write_and_remove(folder, "child")
        os._exit(0)
    return os.waitpid(child, 0)[1]


def deep(depth, work):
    return work() if depth == 0 else deep(depth - 1, work)


async def wait_for_program():
    program = await asyncio.create_subprocess_exec("/bin/true")
    return await program.wait()


def main(folder):
    threads = [threading.Thread(target=write_and_remove, args=(folder, number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    subprocess.run(["/bin/sh", "-c", 'echo shell > "$0"; ls / > /dev/null', os.path.join(folder, "shell.txt")], check=True)
    assert fork_and_write(folder) == 0
    deep(150, lambda: write_and_remove(folder, "deep"))
    with sqlite3.connect(os.path.join(folder, "store.db")) as store:
        store.execute("create table notes(text)")
    assert asyncio.run(wait_for_program()) == 0
    # The loop's waiting thread: one that outlives the interpreter may load libgcc to end itself, or may not.
    for thread in set(threading.enumerate()) - {threading.current_thread()}:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
