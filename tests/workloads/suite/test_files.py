# SPDX-License-Identifier: Apache-2.0
"""Tests of the application beside the packages' own suites: temporary folders, captured output, a changed environment."""

import logging
import mmap
import os
import shutil
import socket
import sqlite3


def test_write(tmp_path):
    (tmp_path / "note").write_text("hello")
    shutil.copy(tmp_path / "note", tmp_path / "kept")
    assert (tmp_path / "kept").read_text() == "hello"


def test_rearrange(tmp_path, capfd, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "note").write_text("hello")
    os.truncate(tmp_path / "note", 2)
    (tmp_path / "note").rename(tmp_path / "folder" / "note")
    (tmp_path / "folder" / "note").unlink()
    (tmp_path / "folder").rmdir()
    monkeypatch.chdir(tmp_path)
    os.write(1, b"seen\n")
    assert capfd.readouterr().out == "seen\n"


def test_rearrange_trees(tmp_path_factory):
    source = tmp_path_factory.mktemp("tree")
    (source / "inner").mkdir()
    (source / "inner" / "note").write_text("hello")
    os.utime(source / "inner" / "note", (1, 1))
    target = shutil.copytree(source, source.parent / "copied")
    assert os.stat(target / "inner" / "note").st_mtime == 1
    shutil.rmtree(target)
    assert not os.path.exists(target)


def test_rearrange_shared(tmp_path, caplog):
    with open(tmp_path / "shared", "w+b") as file:
        file.truncate(4096)
        os.fchmod(file.fileno(), 0o600)
        os.fchown(file.fileno(), -1, os.getgid())
        with mmap.mmap(file.fileno(), 4096) as view:
            view[:2] = b"ok"
    with sqlite3.connect(tmp_path / "table") as table:
        table.execute("pragma journal_mode = wal")
        table.execute("create table rows (text)")
    table.close()
    with caplog.at_level(logging.INFO):
        logging.info("%s", (tmp_path / "shared").read_bytes()[:2])
    assert "ok" in caplog.text


def test_rearrange_relative(tmp_path):
    """By descriptor of the folder, as careful programs do."""
    (tmp_path / "note").write_text("hello")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        os.mkdir("inner", dir_fd=folder)
        os.rename("note", "inner/note", src_dir_fd=folder, dst_dir_fd=folder)
        os.chmod("inner/note", 0o600, dir_fd=folder)
        os.chown("inner/note", -1, os.getgid(), dir_fd=folder)
        os.unlink("inner/note", dir_fd=folder)
    finally:
        os.close(folder)
    shutil.chown(tmp_path / "inner", os.getuid())
    (tmp_path / "inner").rmdir()


def test_new_pipe(tmp_path):
    try:
        os.mkfifo(tmp_path / "pipe")
    except PermissionError as error:
        print(f"refused: {error}")


def test_new_connection():
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=2)
    except PermissionError as error:
        print(f"refused: {error}")
    except ConnectionRefusedError:
        pass  # nobody listens there
