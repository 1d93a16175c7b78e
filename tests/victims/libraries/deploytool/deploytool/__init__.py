# SPDX-License-Identifier: Apache-2.0
"""A library whose work is starting programs: what the culprit may not do, this one may."""

__version__ = "2.1.0"
