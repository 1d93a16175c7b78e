# SPDX-License-Identifier: Apache-2.0
"""A job over worker processes: fork, spawn and forkserver. Usage: multiprocessing_job.py --learn|--other|--new DIR"""

import concurrent.futures
import multiprocessing
import os
import socket
import sys
from multiprocessing import shared_memory

import libguard
import numpy
from lxml import etree
from shelf import Shelf
from toolz import frequencies, merge_with

libguard.serving()  # in every process that is not forked


def square(number):
    return number * number


def write_part(folder, number):
    path = os.path.join(folder, f"part-{number}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("x" * number)
    return path


def keep_rows(folder, number, keep):
    """A worker's part of a table: numpy walks over the rows, each is kept."""
    shelf = Shelf(os.path.join(folder, f"rows-{os.getpid()}-{number}"))
    os.makedirs(shelf.folder, exist_ok=True)
    values = numpy.arange(12.0).reshape(3, 4) + number
    sizes = numpy.apply_along_axis(lambda row: getattr(shelf, keep)(f"row-{int(row[0])}", row.tobytes()), 1, values)
    return int(sizes.sum())


def count_words(number):
    """Words of a document."""
    page = etree.fromstring("<page>" + f"<p>word {number} word</p>" * 3 + "</page>")
    return frequencies(word for text in page.itertext() for word in text.split())


def rearrange(folder, number):
    path = write_part(folder, number)
    own = os.path.join(folder, f"own-{number}")
    os.mkdir(own)
    os.truncate(path, number // 2)
    os.rename(path, os.path.join(own, "moved"))
    os.unlink(os.path.join(own, "moved"))
    os.rmdir(own)
    return number


def serve(queue, answers):
    for number in iter(queue.get, None):
        answers.put(square(number))


def learn(folder):
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map(square, range(10)) == [square(number) for number in range(10)]
            assert len(pool.starmap(write_part, [(folder, number) for number in (1, 2)])) == 2
            assert pool.apply(keep_rows, (folder, 1, "put")) == 3 * 32
            assert merge_with(sum, pool.map(count_words, range(2)))["word"] == 12


def other(folder):
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(3) as pool:
            assert sorted(pool.imap_unordered(square, range(40), 3)) == sorted(map(square, range(40)))
            assert pool.apply_async(keep_rows, (folder, 9, "turn_over")).get(60) == 3 * 32
            assert merge_with(sum, pool.imap(count_words, range(6)))["word"] == 36
            assert sorted(pool.starmap(rearrange, [(folder, 10 + number) for number in range(6)])) == list(range(10, 16))
        with context.Pool(2, maxtasksperchild=2) as pool:  # workers are replaced meanwhile
            assert pool.map(square, range(12), 1) == list(map(square, range(12)))
        queue, answers = context.Queue(), context.Queue()
        worker = context.Process(target=serve, args=(queue, answers))
        worker.start()
        for number in (3, 4, None):
            queue.put(number)
        assert {answers.get(timeout=20), answers.get(timeout=20)} == {9, 16}
        worker.join()
    share_memory(folder)
    with concurrent.futures.ProcessPoolExecutor(2, initializer=pin, initargs=(os.sched_getaffinity(0),)) as executor:
        assert list(executor.map(square, range(5))) == [0, 1, 4, 9, 16]


def pin(processors):
    """Every worker gets a processor of its own, and the lowest priority."""
    os.sched_setaffinity(0, {sorted(processors)[os.getpid() % len(processors)]})
    os.setpriority(os.PRIO_PROCESS, 0, 19)


def share_memory(folder):
    """Values in shared memory, a manager's process, and a worker that is ended before it is done."""
    block = shared_memory.SharedMemory(create=True, size=800)
    with multiprocessing.Manager() as manager:
        answers = manager.dict()
        worker = multiprocessing.Process(target=fill, args=(block.name, answers))
        worker.start()
        worker.join()
        assert answers["sum"] == numpy.ndarray((100,), buffer=block.buf).sum() == 4950
    block.close()
    block.unlink()
    endless = multiprocessing.Process(target=multiprocessing.Event().wait)
    endless.start()
    endless.terminate()
    endless.join()


def fill(name, answers):
    block = shared_memory.SharedMemory(name)
    values = numpy.ndarray((100,), buffer=block.buf)
    values[:] = range(100)
    answers["sum"] = float(values.sum())
    del values
    block.close()


def report(folder):
    """A worker that tells somebody over the network, and links to its latest part."""
    for act in (lambda: socket.create_connection(("127.0.0.1", 9), timeout=2), lambda: os.mkfifo(os.path.join(folder, "pipe")),
                lambda: os.memfd_create("scratch")):
        try:
            act()
        except PermissionError as error:
            print(f"refused: {error}")
        except OSError:
            pass  # nobody listens there


def new(folder):
    """A worker with rights that learning never saw."""
    worker = multiprocessing.get_context("fork").Process(target=report, args=(folder,))
    worker.start()
    worker.join()
    assert worker.exitcode == 0


if __name__ == "__main__":
    {"--learn": learn, "--other": other, "--new": new}[sys.argv[1]](sys.argv[2])
    print("done")
