"""The shared password, hashed with scrypt (RFC 7914) from the standard library."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

_COST = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}


def hash_password(password: str) -> str:
    """`scrypt$salt$hash`, to be kept in secrets."""
    salt = os.urandom(16)
    return "$".join(("scrypt", _text(salt), _text(_scrypt(password, salt))))


def verify_password(password: str, hashed: str) -> bool:
    """Whether the password is the hashed one; False for a hash that is none."""
    try:
        kind, salt, wanted = hashed.split("$")
        expected = base64.b64decode(wanted, validate=True)
        return kind == "scrypt" and hmac.compare_digest(_scrypt(password, base64.b64decode(salt)), expected)
    except (ValueError, binascii.Error):
        return False


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_COST)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
