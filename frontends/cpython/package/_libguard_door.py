# SPDX-License-Identifier: Apache-2.0
"""The door of `python -X libguard`: executes the interpreter once more with the client preloaded.

libguard.pth calls start() while the interpreter starts, before any code of the program. An exception there would be
printed and forgotten and the program would run unguarded, so every failure ends the process: one line, status 125.
A module of its own, not of the package: inside a guard it must load no native code.
"""

import os
import sys

import _libguard_places as _places

# Key of the option -> the environment variable that the client and its supervisor read.
KEYS = {
    "policy": "LIBGUARD_POLICY",
    "record": "LIBGUARD_PROFILE",
    "mode": "LIBGUARD_MODE",
    "phases": "LIBGUARD_PHASES",
    "events": "LIBGUARD_EVENTS",
    "app": "LIBGUARD_APP",
}
PATHS = ("policy", "record", "events", "app")
MODES = ("observe", "detect", "enforce")
SYSTEM_POLICY = "/etc/libguard/policy.yaml"
MARKER = "LIBGUARD_DOOR"  # pid of the process that went through the door: once is enough
USAGE = "python -X libguard=policy=FILE or -X libguard=record=FILE"


class Refused(Exception):
    """What is wrong, and what the user can do about it."""


def did_you_mean(wrong, names):
    import difflib

    near = difflib.get_close_matches(wrong, names, 1, 0.5)
    return "did you mean '%s'?" % near[0] if near else "one of: " + ", ".join(names)


def settings_of(option):
    """{"LIBGUARD_POLICY": path, ...} of the text behind `-X libguard=`; True (no text) gives {}."""
    if option is True or option is None:
        return {}
    settings = {}
    for part in option.split(","):
        key, equals, value = part.partition("=")
        if key not in KEYS:
            raise Refused("-X libguard: unknown key '%s'" % key, did_you_mean(key, list(KEYS)))
        if not equals or not value:
            raise Refused("-X libguard: '%s' has no value" % key, "write -X libguard=%s=VALUE" % key)
        if KEYS[key] in settings:
            raise Refused("-X libguard: '%s' is given twice" % key, "say it once")
        if key == "mode" and value not in MODES:
            raise Refused("-X libguard: unknown mode '%s'" % value, did_you_mean(value, list(MODES)))
        settings[KEYS[key]] = os.path.abspath(value) if key in PATHS else value
    if "LIBGUARD_POLICY" in settings and "LIBGUARD_PROFILE" in settings:
        raise Refused("-X libguard: 'policy' and 'record' together", "record first, then run under the policy")
    return settings


def environment_with(settings):
    """The environment of the second start, without the client. Options win over what is set."""
    environment = dict(os.environ)
    if "LIBGUARD_PROFILE" in settings:
        environment.pop("LIBGUARD_POLICY", None)
    environment.update(settings)
    if not environment.get("LIBGUARD_POLICY") and not environment.get("LIBGUARD_PROFILE"):
        if not os.path.exists(SYSTEM_POLICY):
            raise Refused("-X libguard: no policy is given and there is no " + SYSTEM_POLICY, USAGE)
        environment["LIBGUARD_POLICY"] = SYSTEM_POLICY
    return environment


def client_is_here():
    with open("/proc/self/maps", "rb") as maps:
        return b"/libguard_preload.so" in maps.read()


def command_line():
    """The words of this process, the interpreter's own options included."""
    words = getattr(sys, "orig_argv", None)
    if not words:  # 3.9, and interpreters inside other programs
        with open("/proc/self/cmdline", "rb") as file:
            words = file.read().split(b"\0")[:-1]
    return words


def interpreter():
    """The file to execute: as it was started, so that a virtual environment is found again."""
    running = os.stat("/proc/self/exe")
    try:
        if os.path.samestat(os.stat(sys.executable), running):
            return sys.executable
    except OSError:
        pass
    return os.readlink("/proc/self/exe")


def go_through(settings):
    environment = environment_with(settings)
    if environment.get(MARKER) == str(os.getpid()):
        raise Refused("the client could not be loaded into this interpreter",
                      "it must be a dynamically linked, not setuid, program of this machine's architecture")
    client = _places.client()
    if client is None:
        raise Refused("libguard_preload.so is not installed", "install libguard whole: pip install ./frontends/cpython")
    if ":" in client or " " in client:
        raise Refused("libguard_preload.so lies in a directory with ':' or ' ' in its name: " + client,
                      "the dynamic linker cannot preload it from there; install libguard elsewhere")
    others = [word for word in environment.get("LD_PRELOAD", "").replace(":", " ").split() if word != client]
    environment["LD_PRELOAD"] = ":".join([client] + others)
    environment[MARKER] = str(os.getpid())
    try:
        os.execve(interpreter(), command_line(), environment)
    except OSError as error:
        raise Refused("cannot start the interpreter again: %s" % error.strerror,
                      "inside a guard, the guard's own policy holds: leave out -X libguard")


def start():
    """Returns if the program may go on: it is guarded, or nobody asked for a guard."""
    try:
        option = sys._xoptions.get("libguard")
        if option is None and not os.environ.get("LIBGUARD_POLICY") and not os.environ.get("LIBGUARD_PROFILE"):
            return
        settings = settings_of(option)
        # With a client and its settings in the environment there is a guard: the client had ended the process else.
        if (os.environ.get("LIBGUARD_POLICY") or os.environ.get("LIBGUARD_PROFILE")) and client_is_here():
            os.environ.pop(MARKER, None)
            return
        go_through(settings)
    except Refused as refused:
        text = "libguard: %s (%s)\n" % refused.args
    except BaseException as error:  # also KeyboardInterrupt: nothing may leave this module and be forgotten
        text = "libguard: the door failed: %r (run `python3 -m libguard run -- python3 ...` instead)\n" % (error,)
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    finally:
        os._exit(125)
