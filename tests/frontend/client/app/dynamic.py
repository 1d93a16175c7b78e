# SPDX-License-Identifier: Apache-2.0
"""Code made at run time belongs to the innermost library that is not runtime, whatever names it claims."""

import code
import timeit

import probe
from probe import APPLICATION, LIBA, LIBB, belongs

import liba
import libb

TEXT = "def made():\n    return lambda: 0\n"


def own():
    return 0


made = liba.make_by_exec(TEXT, "made")
belongs("exec of compiled text", made, LIBA)
belongs("its inner function", made(), LIBA)
belongs("exec of text", liba.make_by_exec_string(TEXT, "made"), LIBA)
belongs("eval of text", liba.make_by_eval("lambda: 0"), LIBA)
belongs("forged file name", liba.make_by_exec(TEXT, "made", libb.__file__), LIBA)
belongs("named tuple", liba.make_tuple().__new__, LIBA)
belongs("data class", liba.Data.__init__, LIBA)
belongs("by the application", eval("lambda: 0"), APPLICATION)
belongs("application through a library", libb.run(lambda: eval("lambda: 0")), APPLICATION)
belongs("library through the application", libb.run(liba.make_by_eval, "lambda: 0"), LIBA)
belongs("compile as a callback", libb.run(compile, "0", "x", "eval"), LIBB)
belongs("replaced", liba.replaced(libb.target.__code__, co_filename="x"), LIBA)
belongs("the original stays", libb.target, LIBB, "libb.target")
belongs("replaced without a change", liba.replaced(libb.target.__code__), LIBA)
belongs("marshalled", liba.copied(libb.target.__code__), LIBA)
belongs("a function over it", liba.function_from(liba.copied(libb.target.__code__)), LIBA)
libb.swap(own, liba.replaced(own.__code__))
belongs("swapped code", own, LIBA)
again = type(own.__code__).__new__
belongs("code type", libb.run(liba.replaced, probe.check.__code__), LIBA)

timer = timeit.Timer("pass", globals={})
belongs("timeit by the application", timer.inner, APPLICATION)
interpreter = code.InteractiveInterpreter({})
interpreter.runsource("typed = lambda: 0")
belongs("interactive interpreter by the application", interpreter.locals["typed"], APPLICATION)
libb.run(interpreter.runsource, "other = lambda: 0")
belongs("interactive interpreter by a library", interpreter.locals["other"], LIBB)

# code.__new__ with the arguments of an existing code object.
old = probe.log.__code__
names = ["co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_nlocals", "co_stacksize", "co_flags", "co_code",
         "co_consts", "co_names", "co_varnames", "co_filename", "co_name", "co_qualname", "co_firstlineno",
         "co_linetable" if hasattr(old, "co_qualname") else "co_lnotab", "co_exceptiontable", "co_freevars",
         "co_cellvars"]
if not hasattr(old, "co_qualname") and hasattr(old, "co_linetable"):
    names[14] = "co_linetable"
arguments = [getattr(old, name) for name in names if hasattr(old, name)]
belongs("code constructor", libb.run(type(old), *arguments), LIBB)
if hasattr(old, "__replace__"):
    import copy
    belongs("copy.replace", libb.run(copy.replace, old), LIBB)
probe.finish()
