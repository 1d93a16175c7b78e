# SPDX-License-Identifier: Apache-2.0
"""An authentication library: password hashes and signed tokens."""

import hashlib
import hmac
import os
import time

__version__ = "1.2.0"

_ROUNDS = 20_000


def hash_password(password):
    """Salt and hash as one text."""
    salt = os.urandom(16)
    return salt.hex() + ":" + hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS).hex()


def check_password(password, stored):
    """Is `password` the one that `stored` was made from?"""
    salt, _, digest = stored.partition(":")
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), bytes.fromhex(salt), _ROUNDS).hex()
    return hmac.compare_digest(made, digest)


def load_key(path):
    """The key that signs tokens, read from its file."""
    with open(path, "rb") as file:
        return file.read()


def make_token(user, key, seconds=3600):
    """A token that names `user` and ends in `seconds`."""
    body = f"{user}.{int(time.time()) + seconds}"
    return body + "." + hmac.new(key, body.encode(), "sha256").hexdigest()


def user_of(token, key):
    """The user that a valid token names, else None."""
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(hmac.new(key, body.encode(), "sha256").hexdigest(), signature):
        return None
    user, _, end = body.rpartition(".")
    return user if int(end) > time.time() else None
