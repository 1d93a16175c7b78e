// SPDX-License-Identifier: Apache-2.0
/* libguard._client: speaks to the client that is preloaded into a guarded program, if there is one.
 *
 * Way:     the program says that its start is over -> the client's marker call -> *phase*.
 * Thread:  any, with the GIL.
 * Failure: without a client nothing happens and the answer says so.
 *
 * Stable ABI: one file for every CPython from 3.9 on. The marker call itself must come from the client's own place,
 * so this module only calls the function that the client exports.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <dlfcn.h>

typedef long (*lg_serving_function)(void); /* the phase in force, or -errno */

static PyObject *serving(PyObject *self, PyObject *arguments)
{
  (void)self;
  (void)arguments;
  void *symbol = dlsym(RTLD_DEFAULT, "libguard_serving");
  lg_serving_function function;
  if (!symbol)
    Py_RETURN_FALSE;
  *(void **)&function = symbol;
  return PyBool_FromLong(function() == 1);
}

static PyObject *preloaded(PyObject *self, PyObject *arguments)
{
  (void)self;
  (void)arguments;
  return PyBool_FromLong(dlsym(RTLD_DEFAULT, "libguard_serving") != NULL);
}

static PyMethodDef methods[] = {
    {"serving", serving, METH_NOARGS, "serving() -> bool\n\nThe start of this process is over. True inside a guard."},
    {"preloaded", preloaded, METH_NOARGS, "preloaded() -> bool\n\nIs libguard's client in this process?"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "libguard._client", "Speaks to the client in a guarded program.", 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__client(void)
{
  return PyModuleDef_Init(&definition);
}
