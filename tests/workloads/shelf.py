# SPDX-License-Identifier: Apache-2.0
"""A shelf of files, kept as applications keep theirs.

`put` is what learning sees: a plain write and a copy beside it. `turn_over` is what comes later in a program's life: drafts
that are published by renaming, logs that are rotated, mirrors, an index in shared memory, a database with a
write-ahead log, and tidying up. Every step checks what it did.
"""

import gzip
import mmap
import os
import shutil
import sqlite3
import struct
import tempfile


class Shelf:
    def __init__(self, folder):
        self.folder = folder

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def put(self, name, data):
        """Writes, and keeps a copy; the size."""
        with open(self.path(name), "wb") as file:
            file.write(data)
        shutil.copy(self.path(name), self.path(name + ".kept"))
        return os.path.getsize(self.path(name + ".kept"))

    def publish(self, name, data):
        """Readers see the old file or the new one, never a part."""
        descriptor, draft = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o640)
        os.chown(draft, -1, os.getgid())
        os.replace(draft, self.path(name))

    def rotate(self, name, keep):
        """Packs the file, with its times, and cuts it to its last `keep` bytes."""
        path = self.path(name)
        before = os.stat(path)
        with open(path, "rb") as source, gzip.open(path + ".1.gz", "wb") as target:
            shutil.copyfileobj(source, target)
        os.utime(path + ".1.gz", ns=(before.st_atime_ns, before.st_mtime_ns))
        os.truncate(path, min(keep, before.st_size))
        assert os.path.getsize(path) <= keep

    def index(self, name, values):
        """Counts in a file that other processes map as well."""
        with open(self.path(name), "w+b") as file:
            file.truncate(4096)
            with mmap.mmap(file.fileno(), 4096) as shared:
                for number, value in enumerate(values):
                    struct.pack_into("<q", shared, 8 * number, value)
                shared.flush()

    def record(self, name, rows):
        """A database with a write-ahead log; how many rows came back from its copy."""
        with sqlite3.connect(self.path(name)) as table, sqlite3.connect(self.path(name + ".copy")) as copy:
            table.execute("pragma journal_mode = wal")
            table.execute("create table if not exists rows (text)")
            table.executemany("insert into rows values (?)", [(row,) for row in rows])
            table.commit()
            table.backup(copy)
            count, = copy.execute("select count(*) from rows").fetchone()
        for connection in (table, copy):
            connection.execute("vacuum")
            connection.close()
        return count

    def turn_over(self, name, data):
        """All of it, in a folder of its own that is mirrored and then taken away; the size of what was published."""
        os.makedirs(self.path(name + ".work", "log"))
        work = Shelf(self.path(name + ".work"))
        work.publish(name, data)
        work.rotate(name, 10)
        work.publish(name, data)
        work.index("index", range(5))
        assert work.record("table", ["a", "b", "c"]) >= 3
        shutil.copytree(work.folder, self.path(name + ".mirror"))
        os.unlink(work.path("index"))
        os.rmdir(work.path("log"))
        shutil.rmtree(work.folder)
        size = os.path.getsize(self.path(name + ".mirror", name))
        shutil.rmtree(self.path(name + ".mirror"))
        return size
