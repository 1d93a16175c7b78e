# SPDX-License-Identifier: Apache-2.0
"""libguard: every library in a process gets its own rights to make system calls.

    python3 -X libguard=record=app.profile.json app.py
    python3 -X libguard=policy=app.policy.yaml app.py
    python3 -m libguard run --policy app.policy.yaml -- python3 app.py

In a program: serving() says that the start is over. For tools: profiles and policies, as the command reads them.

    profile = libguard.load_profile("app.profile.json")
    rules = libguard.Rules.load("app.policy.yaml")
    [seen for seen in profile.observations if not rules.judge(seen).allowed]
"""

from libguard._error import LibguardError

try:  # with the program's start: afterwards the policy may refuse to load native code
    from libguard import _client
except ImportError:
    _client = None

# Loaded when first used: a service that only calls serving() does not need them.
_CORE = (
    "Diff", "DiffLine", "Judged", "Observation", "Policy", "Profile", "Rules",
    "accept", "check", "diff", "explain", "groups", "load_policy", "load_profile", "merge", "new_policy",
    "normal_purl", "parse_policy", "parse_profile", "report", "rights",
)

__all__ = ["LibguardError", "serving", *_CORE]
__version__ = "0.1.0"


def serving():
    """Tell the guard that this process has started and now serves; its rights narrow to those of serving.

    Returns True inside a guard, False without one. There is no way back, and forked children inherit it.
    """
    if _client is None:
        raise LibguardError("libguard's native part could not be loaded",
                            "import libguard while the program starts, and grant the loader @native-load in init", "denied")
    return _client.serving()


def __getattr__(name):
    if name not in _CORE:
        raise AttributeError("module 'libguard' has no attribute %r" % name)
    from libguard import _core

    return getattr(_core, name)


def __dir__():
    return sorted([*globals(), *_CORE])
