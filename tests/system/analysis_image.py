# SPDX-License-Identifier: Apache-2.0
"""Images: a directory, a tar, a compressed tar and an OCI layout of the same files give the same answer; hostile archives
give one line and touch nothing outside."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

from harness import Broken, WORK, libguard_binary

ENTRY = "#!/bin/sh\n# curl is only mentioned\nset -e\nexec nginx -g 'daemon off;'\n"


def analyze(*arguments):
    done = subprocess.run([libguard_binary(), "analyze", *arguments], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def make_root(root):
    """nginx with its libraries, a shell, a start script."""
    for program in ("/usr/sbin/nginx", "/bin/dash"):
        listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        for path in [program, *re.findall(r"(/\S+) \(0x", listed)]:
            target = os.path.join(root, os.path.realpath(path).lstrip("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.realpath(path), target)
            link = os.path.join(root, "usr/lib/x86_64-linux-gnu", os.path.basename(path))
            if not os.path.exists(link) and "/lib/" in path:
                os.symlink(os.path.basename(os.path.realpath(path)), link)
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink("usr/" + ("lib/x86_64-linux-gnu" if name == "lib64" else name), os.path.join(root, name))
    os.symlink("dash", os.path.join(root, "usr/bin/sh"))
    with open(os.path.join(root, "entry.sh"), "w", encoding="ascii") as file:
        file.write(ENTRY)
    os.chmod(os.path.join(root, "entry.sh"), 0o755)


def tar_of(root, mode="w:"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        archive.add(root, arcname=".")
    return buffer.getvalue()


def put_blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(layout, "blobs/sha256", digest), "wb") as file:
        file.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def put_json(layout, document, **more):
    return {**put_blob(layout, json.dumps(document).encode()), **more}


def make_layout(layout, root):
    os.makedirs(os.path.join(layout, "blobs/sha256"))
    upper = io.BytesIO()  # a second layer: takes a file away, adds one by its long name
    with tarfile.open(fileobj=upper, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, data, mode in (("usr/bin/.wh.removed", b"", 0o644), ("opt/" + "d" * 120 + "/extra", b"#!/bin/sh\n", 0o755)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    removed = os.path.join(root, "usr/bin/removed")
    shutil.copy("/bin/true", removed)
    lower = gzip.compress(tar_of(root), 1)
    os.remove(removed)
    layers = [put_blob(layout, lower), put_blob(layout, upper.getvalue())]
    config = {"config": {"Entrypoint": ["/entry.sh"], "Cmd": ["nginx", "removed"], "Env": ["PATH=/usr/sbin:/usr/bin:/bin"]}}
    manifest = put_json(layout, {"layers": layers, "config": put_json(layout, config)})
    other = put_json(layout, {"layers": []}, platform={"os": "linux", "architecture": "arm64"})
    inner = put_json(layout, {"manifests": [other, {**manifest, "platform": {"os": "linux", "architecture": "amd64"}}]})
    for name, document in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", {"manifests": [inner]})):
        with open(os.path.join(layout, name), "w", encoding="ascii") as file:
            json.dump(document, file)


def check_same(directory):
    root, layout = os.path.join(directory, "root"), os.path.join(directory, "layout")
    os.makedirs(root)
    make_root(root)
    make_layout(layout, root)
    plain, packed, layout_tar = (os.path.join(directory, name) for name in ("root.tar", "root.tar.gz", "layout.tar"))
    for path, data in ((plain, tar_of(root)), (packed, tar_of(root, "w:gz")), (layout_tar, tar_of(layout))):
        with open(path, "wb") as file:
            file.write(data)
    entry = ["--entrypoint", "/entry.sh"]
    answers = {}
    for name, arguments in (("directory", [root, *entry]), ("tar", [plain, *entry]), ("tar.gz", [packed, *entry]),
                            ("layout", [layout]), ("layout.tar", [layout_tar])):
        code, out, err = analyze("--image", *arguments, "--matrix", "--json")
        if code != 0:
            raise SystemExit(f"{name}: {err}")
        answers[name] = json.loads(out)
        answers[name]["programs"].sort()
        print(f"{name}: {len(answers[name]['calls'])} calls, {answers[name]['programs']}")
        assert answers[name] == answers["directory"], name
    assert set(answers["tar"]["programs"]) >= {"/usr/bin/dash", "/usr/sbin/nginx"}, answers["tar"]["programs"]
    assert "/usr/bin/removed" not in answers["layout"]["programs"]
    host = set(json.loads(analyze("/usr/sbin/nginx", "--only-with", "--matrix", "--json")[1])["calls"])
    assert host <= set(answers["tar"]["calls"]), host - set(answers["tar"]["calls"])
    code, out, _ = analyze("--image", layout, "--json")
    assert code == 0 and json.loads(out)["format"] == "libguard-profile"


def entry_of(name, kind=tarfile.REGTYPE, link="", data=b"x"):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
    return entry, data


def check_hostile(directory):
    outside = os.path.join(directory, "outside")
    os.makedirs(outside)
    good = tar_of(os.path.join(directory, "root"))
    hostile = io.BytesIO()
    with tarfile.open(fileobj=hostile, mode="w") as archive:
        for entry, data in (entry_of("../" * 12 + outside.lstrip("/") + "/a"), entry_of(outside + "/b"),
                            entry_of("away", tarfile.SYMTYPE, outside), entry_of("away/c"), entry_of("up", tarfile.SYMTYPE, "../" * 20),
                            entry_of("up/" + outside.lstrip("/") + "/d"), entry_of("e", tarfile.LNKTYPE, "/etc/passwd"),
                            entry_of("usr/sbin/nginx", data=b"no program")):
            archive.addfile(entry, io.BytesIO(data))
    cases = {"escapes": hostile.getvalue(), "truncated": good[:len(good) // 3], "empty": b"", "noise": os.urandom(4096),
             "negative": good[:124] + b"\xff" * 12 + good[136:], "gzip cut": gzip.compress(good, 1)[:5000]}
    for name, data in cases.items():
        path = os.path.join(directory, "hostile")
        with open(path, "wb") as file:
            file.write(data)
        before = set(os.listdir(tempfile.gettempdir()))
        code, out, err = analyze("--image", path, "--entrypoint", "/usr/sbin/nginx")
        print(f"{name}: exit {code}: {err.splitlines()[0] if err else ''}")
        assert code == 2 and out == "" and len(err.splitlines()) == 2, (name, code, out, err)
        assert not os.listdir(outside), os.listdir(outside)
        left = {entry for entry in set(os.listdir(tempfile.gettempdir())) - before if entry.startswith("libguard-image-")}
        assert not left, left


def main():
    os.makedirs(WORK, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="image-", dir=WORK)
    os.environ["XDG_CACHE_HOME"] = os.path.join(directory, "cache")
    os.environ["TMPDIR"] = tempfile.tempdir = os.path.join(directory, "tmp")
    os.makedirs(os.environ["TMPDIR"])
    check_same(directory)
    check_hostile(directory)
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as error:
        sys.exit(f"analysis_image: {error}")
