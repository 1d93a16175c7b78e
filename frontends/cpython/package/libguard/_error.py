# SPDX-License-Identifier: Apache-2.0
"""The one exception of this package."""


class LibguardError(Exception):
    """Something failed. `what` says what, `hint` what to do about it, `code` which kind it is.

    `code` is one of "invalid", "not-found", "unsupported", "denied", "io", "limit".
    """

    def __init__(self, what, hint, code):
        super().__init__(what, hint, code)
        self.what = what
        self.hint = hint
        self.code = code

    def __str__(self):
        return "%s (%s)" % (self.what, self.hint)
