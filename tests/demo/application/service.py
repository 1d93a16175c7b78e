# SPDX-License-Identifier: Apache-2.0
"""A notes service: Flask, SQLAlchemy, SQLite, an authentication library, a logging library, and `simple_library`.

Usage: service.py --port N --data DIR. Prints "ready" when it listens; SIGTERM ends it.
It legitimately starts programs (through deploytool) and connects (through fetcher), so a rule for the whole process
could not tell an attack from its work. It has the faults that real services have: it unpickles what it is sent, renders
templates of its users, and trusts its libraries.
"""

import argparse
import mmap
import os
import pickle
import shutil
import signal
import threading

import fetcher
import gatekeeper
import simple_library
import wirelog
from deploytool import ship
from flask import Flask, abort, jsonify, render_template, render_template_string, request, send_file
from simple_library import plugins
from store import Store
from werkzeug.serving import make_server

app = Flask(__name__)
state = {}


def current_user():
    user = gatekeeper.user_of(request.headers.get("Authorization", ""), state["key"])
    return user or abort(401)


@app.get("/health")
def health():
    return "well"


@app.post("/register")
def register():
    form = request.get_json()
    state["store"].add_user(form["user"], gatekeeper.hash_password(form["password"]))
    state["log"].info(f"registered {form['user']}")
    return jsonify(user=form["user"]), 201


@app.post("/login")
def login():
    form = request.get_json()
    stored = state["store"].password_of(form["user"])
    if stored is None or not gatekeeper.check_password(form["password"], stored):
        abort(401)
    return jsonify(token=gatekeeper.make_token(form["user"], state["key"]))


@app.get("/notes")
def notes():
    return jsonify(state["store"].notes_of(current_user(), request.args.get("like", "")))


@app.post("/notes")
def add_note():
    text = request.get_json()["text"]
    simple_library.out(f"note of {len(text)} characters")
    return jsonify(id=state["store"].add_note(current_user(), text)), 201


@app.delete("/notes/<int:note>")
def remove_note(note):
    return ("", 204) if state["store"].remove_note(current_user(), note) else abort(404)


@app.get("/page")
def page():
    return render_template("page.html", notes=state["store"].notes_of(current_user(), ""))


@app.post("/render")
def render():
    return render_template_string(request.get_json()["template"], user="guest")


@app.post("/import")
def import_notes():
    loaded = pickle.loads(request.get_data())
    return jsonify(kind=type(loaded).__name__)


@app.post("/attachments/<name>")
def attach(name):
    folder = os.path.join(state["data"], "attachments")
    path = os.path.join(folder, os.path.basename(name))
    if request.args.get("keep") != "aside":
        with open(path, "wb") as file:
            file.write(request.get_data())
        os.chmod(path, 0o640)
        if "link" in request.args:
            os.symlink(path, os.path.join(folder, os.path.basename(request.args["link"])))
        return "", 201
    return keep_aside(folder, path), 201


def keep_aside(folder, path):
    """Publishes an attachment by renaming, with an index that other processes map: more than a plain write."""
    drafts = os.path.join(folder, "drafts")
    os.makedirs(os.path.join(drafts, "old"))
    draft = os.path.join(drafts, "draft")
    with open(draft, "w+b") as file:
        file.write(request.get_data())
        file.flush()
        with mmap.mmap(file.fileno(), 8) as index:
            index[:8] = len(request.get_data()).to_bytes(8, "little")
    os.truncate(draft, min(64, os.path.getsize(draft)))
    shutil.copystat(__file__, draft)
    os.rename(draft, path)
    shutil.rmtree(drafts)
    return "kept aside"


@app.get("/attachments/<name>")
def attachment(name):
    return send_file(os.path.join(state["data"], "attachments", os.path.basename(name)))


@app.post("/log")
def log():
    state["log"].info(request.get_json()["message"])
    return "", 204


@app.get("/checksum")
def checksum():
    return jsonify(code=ship.run(["/usr/bin/cksum", "--", state["store"].path]))


@app.post("/notify/<int:port>")
def notify(port):
    fetcher.send(port, request.get_json()["text"])
    return "", 204


@app.post("/say")
def say():
    form = request.get_json()
    return jsonify(length=simple_library.out(form["message"], form.get("deviate", False)))


@app.post("/plugin/<name>")
def plugin(name):
    return jsonify(result=plugins.PLUGINS[name](request.get_json()["text"]))


@app.errorhandler(OSError)
def refused(error):
    """A refused call is an errno: this request fails, the service goes on."""
    return jsonify(error=str(error)), 500


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", required=True)
    options = parser.parse_args()
    os.makedirs(os.path.join(options.data, "attachments"), exist_ok=True)
    key = os.path.join(options.data, "key")
    if not os.path.exists(key):
        with open(key, "wb") as file:
            file.write(os.urandom(32))
    state.update(data=options.data, key=gatekeeper.load_key(key), store=Store(os.path.join(options.data, "notes.db")),
                 log=wirelog.Logger(os.path.join(options.data, "service.log")))
    server = make_server("127.0.0.1", options.port, app, threaded=True)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=server.shutdown).start())
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
