# SPDX-License-Identifier: Apache-2.0
"""A Flask application for gunicorn: pages, files and a database, so that workers do what workers do."""

import logging.handlers
import os
import shutil
import sqlite3
import tempfile

import libguard
from flask import Flask, jsonify, render_template_string, request, send_file
from shelf import Shelf

app = Flask(__name__)
DATA = os.environ["WORKLOAD_DATA"]


def database():
    connection = sqlite3.connect(os.path.join(DATA, "table.db"), timeout=20)
    connection.execute("create table if not exists entries (text)")
    return connection


@app.get("/")
def index():
    return render_template_string("{% for n in range(count) %}{{ n }} {% endfor %}", count=int(request.args.get("count", 3)))


@app.get("/pid")
def pid():
    return str(os.getpid())


@app.get("/source")
def source():
    return send_file(__file__)


@app.post("/entries")
def add_entry():
    with database() as connection:
        connection.execute("insert into entries values (?)", [request.get_json()["text"]])
    return "", 201


@app.get("/entries")
def entries():
    return jsonify([text for (text,) in database().execute("select text from entries")])


@app.post("/archive")
def archive():
    """Packs what it is sent in a folder of its own and sends it back."""
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        source = os.path.join(folder, "source")
        os.mkdir(source)
        with open(os.path.join(source, "body"), "wb") as file:
            file.write(request.get_data())
        os.truncate(os.path.join(source, "body"), 10)
        os.replace(os.path.join(source, "body"), os.path.join(source, "short"))
        packed = shutil.make_archive(os.path.join(folder, "packed"), "zip", source)
        os.rename(packed, os.path.join(DATA, "last.zip"))
    return send_file(os.path.join(DATA, "last.zip"))


@app.put("/shelf/<name>")
def put(name):
    return str(Shelf(DATA).put(name, request.get_data()))


@app.post("/shelf/<name>")
def turn_over(name):
    """A folder per request: workers do this at the same time."""
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        return str(Shelf(folder).turn_over(name, request.get_data()))


@app.post("/form")
def receive_form():
    """Writes down the files of a form; werkzeug has kept large ones in files of its own."""
    try:
        with open(os.path.join(DATA, "upload"), "wb") as target:
            for file in request.files.getlist("file"):
                shutil.copyfileobj(file, target)
    except PermissionError as error:
        return f"refused: {error}"
    return str(os.path.getsize(os.path.join(DATA, "upload")))


@app.get("/form")
def send_part():
    """The upload, or the part of it that is asked for."""
    return send_file(os.path.join(DATA, "upload"), conditional=True)


@app.post("/log")
def write_log():
    """A log of this worker that is rotated at a size, and lines for the system's log."""
    rotated = logging.handlers.RotatingFileHandler(os.path.join(DATA, f"log-{os.getpid()}"), maxBytes=200, backupCount=2)
    for number in range(12):
        rotated.emit(logging.LogRecord("app", logging.INFO, __file__, 1, "line %d of a log that is rotated", (number,), None))
    rotated.close()
    return "", 204


# Each worker loads this file; what comes after it is serving.
libguard.serving()
