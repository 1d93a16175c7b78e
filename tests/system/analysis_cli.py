# SPDX-License-Identifier: Apache-2.0
"""What the verb analyze answers: exit codes, hints, JSON that the other verbs read."""

import json
import os
import pty
import re
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
    assert {"read", "write", "exit_group"} <= seen <= memory <= whole, (seen - memory, memory - whole)
    assert "arch_prctl" in whole - memory, whole - memory  # the loader is done
    for arguments, said in ((["--pid", "4194304"], "hint:"), (["/bin/cat", "--phase", "serving"], "--pid"), (["/bin/cat", "--phase", "sleep"], "serving"),
                            (["/bin/cat", "--pointers", "memry"], "did you mean 'memory'")):
        code, _, err = libguard("analyze", *arguments)
        assert code == 2 and said in err, (arguments, code, err)


def progress(directory):
    """On a terminal a long analysis says how far it is, and leaves nothing of that behind."""
    ours, theirs = pty.openpty()
    subprocess.run([libguard_binary(), "analyze", "/usr/bin/sqlite3"], stdout=subprocess.DEVNULL, stderr=theirs, check=True, timeout=300,
                   env={**os.environ, "XDG_CACHE_HOME": os.path.join(directory, "empty")})
    os.close(theirs)
    told = os.read(ours, 65536).decode()
    assert "analysing /usr/" in told and " of " in told and "\r\033[K" in told, told


def broken_files(directory):
    """A file that is cut or lies about itself: one line that names it, and a hint."""
    with open("/bin/cat", "rb") as file:
        whole = file.read()
    many = bytearray(whole)
    many[56:58] = b"\xff\xff"  # program headers
    far = bytearray(whole)
    far[32:40] = b"\xff" * 8  # where they stand
    for number, content in enumerate((b"", whole[:3], whole[:20], whole[:70], whole[:4096], whole[:-4096], bytes(many), bytes(far))):
        path = os.path.join(directory, f"broken{number}")
        with open(path, "wb") as file:
            file.write(content)
        code, out, err = libguard("analyze", path)
        if number == 5 and code == 0:
            continue  # the end of the file is the section headers, which nobody needs
        lines = err.strip().splitlines()
        assert code == 2 and not out and len(lines) == 2 and path in lines[0] and "hint:" in lines[1], (number, code, out[:200], err)


def missed_call(directory):
    """A call outside of the whitelist under detect: its native stack, a way to it, and the line to paste."""
    profile, policy, events = (os.path.join(directory, name) for name in ("small.json", "small.yaml", "events.jsonl"))
    allowed, command = os.path.join(directory, "list.json"), ["--app", directory, "--quiet"]
    for arguments in (["record", "--everyday", *command, "-o", profile, "--", "/usr/bin/sqlite3", ":memory:", "select 1"],
                      ["export", profile, "--runtime", "none", "-o", allowed], ["policy", "new", profile, "-o", policy]):
        code, _, err = libguard(*arguments)
        assert code == 0, (arguments, err)
    with open(allowed, encoding="utf-8") as file, open(policy, "a", encoding="utf-8") as text:
        calls = json.dumps(json.load(file)["syscalls"][0]["names"])
        text.write(f"\nphases: {{ init: {{ calls: {calls} }}, serving: {{ calls: {calls} }} }}\n")
    code, _, err = libguard("run", "--mode", "detect", "--policy", policy, "--events", events, *command, "--", "/usr/bin/sqlite3",
                            os.path.join(directory, "new.db"), "create table t(a)")
    assert code == 0, err
    code, out, err = libguard("explain", events, "--json")
    missed = {event["right"]["name"]: event for event in json.loads(out)}
    assert code == 0 and "unlink" in missed, (out[:500], err)  # of the journal
    event = missed["unlink"]
    assert event["native"][0]["function"] == "unlink" and event["way"][-1] == "unlink", event
    assert any("sqlite3" in place["file"] for place in event["native"]), event
    code, out, _ = libguard("explain", events, event["id"])
    assert 'put "unlink" into phases.init.calls' in out and "unlink  /" in out, out
    assert "static analysis finds a way to it: " in out and out.rstrip().endswith(" > unlink"), out


def versions(directory):
    """Static profiles of two programs: which calls came and went, and through which functions."""
    profiles = [os.path.join(directory, name) for name in ("old.json", "new.json")]
    for program, profile in zip(("/bin/true", "/bin/chmod"), profiles):
        assert libguard("analyze", program, "--json", "-o", profile)[0] == 0
    code, out, _ = libguard("policy", "diff", *profiles)
    assert code == 1 and re.search(r"\+   fchmodat: \S+ > .*fchmodat\n", out), out
    code, out, _ = libguard("policy", "diff", *profiles, "--json")
    came = {change["call"]: change for change in json.loads(out)["calls"] if change["change"] == "new"}
    assert code == 1 and len(came["fchmodat"]["way"]) > 1 and came["fchmodat"]["program"] == "chmod", came
    assert json.loads(libguard("policy", "diff", profiles[0], profiles[0], "--json")[1])["calls"] == []


def main():
    os.makedirs(WORK, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="analyze-", dir=WORK)
    os.environ["XDG_CACHE_HOME"] = directory
    profile, program = os.path.join(directory, "p.json"), "/usr/bin/sqlite3"
    for arguments, expected, said in (
            ([program], 0, "can make"), ([program, "--matrix"], 0, program), ([program, "--why", "execve"], 0, "start"),
            (["/bin/true", "--only-with", "--why", "mount"], 1, "cannot make mount"), ([program, "--why", "exceve"], 2, "did you mean 'execve'"),
            ([program, "--level", "object"], 2, "did you mean 'objects'"), ([program, "--exports", "libz.so"], 2, "did you mean 'libz.so.1'"),
            (["--exports", "libz.so.1"], 0, "deflate ("), (["/nonexistent"], 2, "hint:"), (["/etc/passwd"], 2, "no ELF file"), (["/usr"], 2, "--image /usr"), ([], 2, "hint:"),
            ([program, "--with", "libnothing.so.9"], 2, "libnothing.so.9"), ([program, "--image", "/"], 2, "--entrypoint"),
            ([program, "--entrypoint", "x"], 2, "--image"), ([program, "--json", "-o", profile], 0, "")):
        code, out, err = libguard("analyze", *arguments)
        assert code == expected and said in out + err, (arguments, code, out[:300], err)
    with open(profile, encoding="utf-8") as file:
        static = json.load(file)
    calls = {entry["right"] for entry in static["observations"]}
    assert static["target"]["runtimes"] == ["static"] and "(static)" in static["runs"][0]["tool"], (static["target"], static["runs"])
    assert {"execve", "openat", "openat:write"} & calls >= {"execve", "openat:write"}, calls
    for arguments in (["report", profile], ["merge", profile, profile], ["policy", "new", profile, "-o", profile + ".yaml"]):
        code, _, err = libguard(*arguments)
        assert code == 0, (arguments, err)
    code, out, _ = libguard("analyze", program, "--why", "execve", "--json")
    witness = json.loads(out)["witnesses"][0]["path"]
    assert code == 0 and witness[0]["how"] == "start" and witness[-1]["function"], witness
    living_process()
    progress(directory)
    broken_files(directory)
    missed_call(directory)
    versions(directory)
    shutil.rmtree(directory)
    print("analyze: all answers as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
