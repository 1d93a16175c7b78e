# SPDX-License-Identifier: Apache-2.0
"""A program that ends, or becomes another, right after a call that the kernel recorded: its functions are named all the same.

Usage: bpf_names.py. Needs root. The supervisor, which reads names out of the program's memory, is stopped while the program makes
its last call, as a busy machine may do.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

PROGRAM = """
import os, sys

def last_call():
    os.close(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT))

print("ready", flush=True)
sys.stdin.readline()
last_call()
{end}
"""
ENDS = {"exit": "os._exit(0)", "exec": "os.execv('/bin/true', ['true'])"}
STOPPED_SECONDS = 0.3


def record(work, name):
    """What is wrong; '' if the function that made the last call is in the profile."""
    program, profile = (os.path.join(work, f"{name}.{kind}") for kind in ("py", "json"))
    with open(program, "w", encoding="utf-8") as file:
        file.write(PROGRAM.format(end=ENDS[name]))
    command = [harness.libguard_binary(), "record", "--backend", "bpf", "-o", profile, "--app", work, "--", "/usr/bin/python3.11", program,
               os.path.join(work, name + ".written")]
    with subprocess.Popen(command, cwd=work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          bufsize=1) as supervisor:
        while supervisor.stdout.readline() not in ("ready\n", ""):
            pass
        supervisor.send_signal(signal.SIGSTOP)
        supervisor.stdin.write("go\n")
        time.sleep(STOPPED_SECONDS)
        supervisor.send_signal(signal.SIGCONT)
        _, err = supervisor.communicate(timeout=30)
    if supervisor.returncode != 0:
        return f"code {supervisor.returncode}: {err.strip()[-300:]}"
    with open(profile, encoding="utf-8") as file:
        named = "last_call" in file.read()
    return "" if named and "kernel_unnamed_frames" not in err else f"the function has no name: {err.strip()[-300:]}"


def main():
    if os.geteuid() != 0:
        raise harness.Broken("the kernel's programs need root")
    work = os.path.join(harness.WORK, "bpf-names")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    failed = 0
    for name in ENDS:
        wrong = record(work, name)
        failed += bool(wrong)
        print(f"{'FAIL' if wrong else 'ok'}  {name}  {wrong}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
