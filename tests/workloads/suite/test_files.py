# SPDX-License-Identifier: Apache-2.0
"""Tests of the application beside the package's own suite: temporary folders and captured output."""

import os


def test_write(tmp_path):
    (tmp_path / "note").write_text("hello")
    assert (tmp_path / "note").read_text() == "hello"


def test_rearrange(tmp_path, capfd):
    (tmp_path / "folder").mkdir()
    (tmp_path / "note").write_text("hello")
    os.truncate(tmp_path / "note", 2)
    (tmp_path / "note").rename(tmp_path / "folder" / "note")
    (tmp_path / "folder" / "note").unlink()
    (tmp_path / "folder").rmdir()
    os.write(1, b"seen\n")
    assert capfd.readouterr().out == "seen\n"
