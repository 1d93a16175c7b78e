# SPDX-License-Identifier: Apache-2.0
"""Imports many modules of the standard library and prints how long it took, in milliseconds of processor time."""

import importlib
import time

NAMES = """argparse ast asyncio calendar concurrent.futures configparser csv ctypes.util dataclasses decimal difflib
doctest email.message ftplib html.parser http.client http.server imaplib inspect json logging.config mailbox mimetypes
multiprocessing.pool optparse pdb pickletools pydoc sqlite3 ssl statistics tarfile tempfile tkinter.constants tracemalloc
turtle_that_is_not_there typing unittest.mock urllib.request uuid wave xml.dom.minidom xmlrpc.server zipfile""".split()

start = time.process_time()
for name in NAMES:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
print("%.2f" % ((time.process_time() - start) * 1e3))
