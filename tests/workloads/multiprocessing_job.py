# SPDX-License-Identifier: Apache-2.0
"""A job over worker processes: fork, spawn and forkserver. Usage: multiprocessing_job.py --learn|--other DIR"""

import concurrent.futures
import multiprocessing
import os
import sys


def square(number):
    return number * number


def write_part(folder, number):
    path = os.path.join(folder, f"part-{number}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("x" * number)
    return path


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


def other(folder):
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(3) as pool:
            assert sorted(pool.imap_unordered(square, range(40), 3)) == sorted(map(square, range(40)))
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
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        assert list(executor.map(square, range(5))) == [0, 1, 4, 9, 16]


if __name__ == "__main__":
    {"--learn": learn, "--other": other}[sys.argv[1]](sys.argv[2])
    print("done")
