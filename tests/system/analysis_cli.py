# SPDX-License-Identifier: Apache-2.0
"""What the verb analyze answers: exit codes, hints, JSON that the other verbs read."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from harness import WORK, libguard_binary


def libguard(*arguments):
    done = subprocess.run([libguard_binary(), *arguments], capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def calls(*arguments):
    code, out, err = libguard("analyze", *arguments, "--matrix", "--json")
    assert code == 0, (arguments, err)
    return set(json.loads(out)["calls"])


def living_process():
    """What a process that waits can still do is part of what its program can do, and it does not notice the question."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        time.sleep(0.3)
        seen, memory = calls("--pid", str(process.pid), "--pointers", "seen"), calls("--pid", str(process.pid))
        answer, _ = process.communicate(b"here", timeout=30)
    whole = calls("/bin/cat")
    assert answer == b"here" and process.returncode == 0, (answer, process.returncode)
    assert {"read", "write", "exit_group"} <= seen <= memory and seen <= whole, (seen - memory, seen - whole)
    assert "arch_prctl" in whole - memory, whole - memory  # the loader is done
    for arguments, said in ((["--pid", "4194304"], "hint:"), (["/bin/cat", "--phase", "serving"], "--pid"), (["/bin/cat", "--phase", "sleep"], "serving"),
                            (["/bin/cat", "--pointers", "memry"], "did you mean 'memory'")):
        code, _, err = libguard("analyze", *arguments)
        assert code == 2 and said in err, (arguments, code, err)


def main():
    os.makedirs(WORK, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="analyze-", dir=WORK)
    os.environ["XDG_CACHE_HOME"] = directory
    profile, program = os.path.join(directory, "p.json"), "/usr/bin/sqlite3"
    for arguments, expected, said in (
            ([program], 0, "can make"), ([program, "--matrix"], 0, program), ([program, "--why", "execve"], 0, "start"),
            (["/bin/true", "--only-with", "--why", "mount"], 1, "cannot make mount"), ([program, "--why", "exceve"], 2, "did you mean 'execve'"),
            ([program, "--level", "object"], 2, "did you mean 'objects'"), ([program, "--exports", "libz.so"], 2, "did you mean 'libz.so.1'"),
            (["--exports", "libz.so.1"], 0, "deflate ("), (["/nonexistent"], 2, "hint:"), (["/etc/passwd"], 2, "no ELF file"), ([], 2, "hint:"),
            ([program, "--with", "libnothing.so.9"], 2, "libnothing.so.9"), ([program, "--image", "/"], 2, "--entrypoint"),
            ([program, "--entrypoint", "x"], 2, "--image"), ([program, "--json", "-o", profile], 0, "")):
        code, out, err = libguard("analyze", *arguments)
        assert code == expected and said in out + err, (arguments, code, out[:300], err)
    with open(profile, encoding="utf-8") as file:
        calls = {entry["right"] for entry in json.load(file)["observations"]}
    assert {"execve", "openat", "openat:write"} & calls >= {"execve", "openat:write"}, calls
    for arguments in (["report", profile], ["merge", profile, profile], ["policy", "new", profile, "-o", profile + ".yaml"]):
        code, _, err = libguard(*arguments)
        assert code == 0, (arguments, err)
    code, out, _ = libguard("analyze", program, "--why", "execve", "--json")
    witness = json.loads(out)["witnesses"][0]["path"]
    assert code == 0 and witness[0]["how"] == "start" and witness[-1]["function"], witness
    living_process()
    shutil.rmtree(directory)
    print("analyze: all answers as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
