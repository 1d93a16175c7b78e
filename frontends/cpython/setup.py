# SPDX-License-Identifier: Apache-2.0
"""Builds the Python package from the repository: the bindings of the core, the command and the client.

The repository's own CMake does the work; this file says which targets and where they go:
PREFIX/bin/libguard and PREFIX/lib/libguard_preload.so beside PREFIX/lib/python3.X/site-packages/libguard.
LIBGUARD_BUILD_DIR names the build directory; LIBGUARD_PROGRAMS a prefix that holds command and client already
(PREFIX/bin, PREFIX/lib), or "none" to leave them to the system; LIBGUARD_SOURCE the repository, if it is not two above.
"""

import os
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.install_lib import install_lib

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.abspath(os.environ.get("LIBGUARD_SOURCE") or os.path.join(HERE, "..", ".."))
PTH = "libguard.pth"


def cmake(*targets, python=False):
    """Builds targets of the repository; answers with the build directory."""
    if not os.path.exists(os.path.join(REPOSITORY, "core")):
        sys.exit("libguard: build it from a checkout: pip install ./frontends/cpython")
    build = os.path.abspath(os.environ.get("LIBGUARD_BUILD_DIR") or os.path.join(REPOSITORY, "build", "python"))
    # One build directory serves every interpreter: what CMake remembers of the last one goes.
    configure = ["cmake", "-S", REPOSITORY, "-B", build, "-U", "*Python*", "-U", "*PYTHON*", "-U", "*pybind11*", "-DCMAKE_BUILD_TYPE=Release", "-DLIBGUARD_TESTS=OFF"]
    if python:
        import pybind11

        configure += ["-DLIBGUARD_PYTHON=ON", "-DPYBIND11_FINDPYTHON=ON", "-DPython_EXECUTABLE=" + sys.executable,
                      "-Dpybind11_DIR=" + pybind11.get_cmake_dir()]
    if shutil.which("ninja"):
        configure += ["-G", "Ninja"]
    if shutil.which("ccache"):
        configure += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    subprocess.run(configure, check=True)
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(min(4, os.cpu_count() or 1)))
    subprocess.run(["cmake", "--build", build, "--parallel", jobs, "--target", *targets], check=True)
    return build


def copy_stripped(source, target):
    shutil.copy2(source, target)
    if shutil.which("strip"):
        subprocess.run(["strip", "--strip-unneeded", target], check=True)


class Build(build_ext):
    """`_core` by CMake, `_client` by setuptools."""

    def build_extension(self, extension):
        if extension.name != "libguard._core":
            super().build_extension(extension)
            return
        target = os.path.abspath(self.get_ext_fullpath(extension.name))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        copy_stripped(os.path.join(cmake("libguard_python", python=True), "lib", "python", "_core.so"), target)


class BuildPython(build_py):
    """The package's files, and libguard.pth at the top of the site directory."""

    def run(self):
        super().run()
        shutil.copy2(os.path.join(HERE, "package", PTH), os.path.join(self.build_lib, PTH))


class InstallLib(install_lib):
    """Lists libguard.pth among the installed files."""

    def get_outputs(self):
        return super().get_outputs() + [os.path.join(self.install_dir, PTH)]


def programs():
    """Builds the command and the client before setup() asks which files there are."""
    given = os.environ.get("LIBGUARD_PROGRAMS")
    if not {"bdist_wheel", "install", "build"} & set(sys.argv) or given == "none":
        return []
    build = given or cmake("libguard", "guard_preload")
    folder = os.path.join("build", "programs")
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    files = []
    for place, name in (("bin", "libguard"), ("lib", "libguard_preload.so")):
        copy_stripped(os.path.join(build, place, name), os.path.join(HERE, folder, name))
        files.append((place, [os.path.join(folder, name)]))
    return files


setup(
    package_dir={"": "package"},
    packages=["libguard"],
    py_modules=["_libguard_door", "_libguard_places"],
    package_data={"libguard": ["*.pyi", "py.typed"]},
    ext_modules=[
        Extension("libguard._core", []),
        Extension("libguard._client", ["package/client.c"], py_limited_api=True,
                  define_macros=[("Py_LIMITED_API", "0x03090000")], extra_compile_args=["-Wall", "-Wextra", "-O2"]),
    ],
    cmdclass={"build_ext": Build, "build_py": BuildPython, "install_lib": InstallLib},
    data_files=programs(),
)
