# SPDX-License-Identifier: Apache-2.0
"""Numeric work with numpy. Usage: numpy_job.py --learn|--other|--new DIR"""

import os
import sys

import libguard
import numpy
import numpy.ctypeslib
import numpy.fft
import numpy.random
from shelf import Shelf


def learn(folder):
    values = numpy.arange(10_000, dtype=float).reshape(100, 100)
    assert numpy.allclose((values @ values.T).trace(), (values**2).sum())
    numpy.save(os.path.join(folder, "values.npy"), values)
    assert numpy.load(os.path.join(folder, "values.npy")).shape == (100, 100)
    keep_rows(Shelf(folder).put, values[:3])


def keep_rows(keep, values):
    """numpy walks over the rows, each is kept under a name of its own."""
    def keep_one(row):
        return keep(f"row-{int(row[0])}", row.tobytes())

    sizes = numpy.apply_along_axis(keep_one, 1, values)
    assert (sizes > 0).all()


def other(folder):
    generator = numpy.random.default_rng(7)
    matrix = generator.normal(size=(200, 200))
    assert numpy.allclose(numpy.linalg.inv(matrix) @ matrix, numpy.eye(200), atol=1e-6)
    assert numpy.fft.ifft(numpy.fft.fft(matrix[0])).real.shape == (200,)
    read_and_write(folder, matrix)
    mapped = numpy.memmap(os.path.join(folder, "mapped"), dtype="int32", mode="w+", shape=(1000,))
    mapped[:] = 7
    mapped.flush()
    assert numpy.memmap(os.path.join(folder, "mapped"), dtype="int32", mode="r+")[5] == 7
    view = numpy.lib.format.open_memmap(os.path.join(folder, "view.npy"), mode="w+", dtype=float, shape=(50, 4))
    view[:] = matrix[:50, :4]
    view.flush()
    keep_rows(Shelf(folder).turn_over, numpy.load(os.path.join(folder, "view.npy"), mmap_mode="c")[:3] + [[10], [20], [30]])


def read_and_write(folder, matrix):
    """The formats that learning did not use: archives, text, raw bytes, a data source with a cache."""
    numpy.savez_compressed(os.path.join(folder, "many.npz"), matrix=matrix, first=matrix[0])
    with numpy.load(os.path.join(folder, "many.npz")) as many:
        assert many["first"].shape == (200,)
    numpy.savetxt(os.path.join(folder, "text.gz"), matrix[:5])
    assert numpy.loadtxt(os.path.join(folder, "text.gz")).shape == (5, 200)
    with open(os.path.join(folder, "table.csv"), "w", encoding="utf-8") as file:
        file.write("a,b\n1,2\n,4\n")
    assert numpy.genfromtxt(os.path.join(folder, "table.csv"), delimiter=",", names=True)["b"].sum() == 6
    matrix.tofile(os.path.join(folder, "raw"))
    assert numpy.fromfile(os.path.join(folder, "raw")).size == 40_000
    source = numpy.lib.npyio.DataSource(os.path.join(folder, "cache"))
    assert source.exists(os.path.join(folder, "text.gz"))
    with numpy.lib.npyio.DataSource().open(os.path.join(folder, "text.gz")) as lines:
        assert len(lines.readlines()) == 5


def new(folder):
    """Loads native code through numpy and writes through a memory file: rights that learning never saw."""
    for act in (lambda: numpy.ctypeslib.load_library("libc.so.6", "/usr/lib/x86_64-linux-gnu"), lambda: os.memfd_create("scratch")):
        try:
            act()
        except (OSError, ImportError) as error:
            print(f"refused: {error}")


if __name__ == "__main__":
    libguard.serving()
    {"--learn": learn, "--other": other, "--new": new}[sys.argv[1]](sys.argv[2])
    print("done")
