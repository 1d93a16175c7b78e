# SPDX-License-Identifier: Apache-2.0
"""Numeric work with numpy. Usage: numpy_job.py --learn|--other|--new DIR"""

import os
import sys

import numpy


def learn(folder):
    values = numpy.arange(10_000, dtype=float).reshape(100, 100)
    assert numpy.allclose((values @ values.T).trace(), (values**2).sum())
    numpy.save(os.path.join(folder, "values.npy"), values)
    assert numpy.load(os.path.join(folder, "values.npy")).shape == (100, 100)


def other(folder):
    generator = numpy.random.default_rng(7)
    matrix = generator.normal(size=(200, 200))
    assert numpy.allclose(numpy.linalg.inv(matrix) @ matrix, numpy.eye(200), atol=1e-6)
    assert numpy.fft.ifft(numpy.fft.fft(matrix[0])).real.shape == (200,)
    numpy.savez_compressed(os.path.join(folder, "many.npz"), matrix=matrix, first=matrix[0])
    with numpy.load(os.path.join(folder, "many.npz")) as many:
        assert many["first"].shape == (200,)
    numpy.savetxt(os.path.join(folder, "text.gz"), matrix[:5])
    assert numpy.loadtxt(os.path.join(folder, "text.gz")).shape == (5, 200)
    mapped = numpy.memmap(os.path.join(folder, "mapped"), dtype="int32", mode="w+", shape=(1000,))
    mapped[:] = 7
    mapped.flush()
    assert numpy.memmap(os.path.join(folder, "mapped"), dtype="int32", mode="r+")[5] == 7
    matrix.tofile(os.path.join(folder, "raw"))
    os.mkdir(os.path.join(folder, "sub"))
    os.rename(os.path.join(folder, "raw"), os.path.join(folder, "sub", "raw"))
    assert numpy.fromfile(os.path.join(folder, "sub", "raw")).size == 40_000
    os.truncate(os.path.join(folder, "sub", "raw"), 80)
    with_lib = numpy.lib.npyio.DataSource(os.path.join(folder, "cache"))
    assert with_lib.exists(os.path.join(folder, "text.gz"))


def new(folder):
    """Loads native code through numpy and writes through a memory file: rights that learning never saw."""
    for act in (lambda: numpy.ctypeslib.load_library("libc.so.6", "/usr/lib/x86_64-linux-gnu"), lambda: os.memfd_create("scratch")):
        try:
            act()
        except (OSError, ImportError) as error:
            print(f"refused: {error}")


if __name__ == "__main__":
    {"--learn": learn, "--other": other, "--new": new}[sys.argv[1]](sys.argv[2])
    print("done")
