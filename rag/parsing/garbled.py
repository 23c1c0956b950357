"""Whether a page's text layer is garbage: glyphs that no character is known for, which OCR reads better."""

from __future__ import annotations

import re

THRESHOLD = 0.4
"""The share of unmapped characters among the visible ones from which on a text says nothing."""
FEWEST = 20
"""Unmapped characters under this number are bullets, or a formula."""

_PLACEHOLDER = re.compile(r"\(cid:\d{1,6}\)")
_UNMAPPED = re.compile("[\ufffd\uffff\0-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\U000f0000-\U0010fffd]")
_SPACE = re.compile(r"[ \t\n\r\f\v]+")


def is_garbled(raw: str) -> bool:
    """Whether most of a page's raw text is replacement, private-use or control characters, or `(cid:12)`."""
    text = _PLACEHOLDER.sub("\ufffd", _SPACE.sub("", raw))
    unmapped = len(_UNMAPPED.findall(text))
    return unmapped >= FEWEST and unmapped > THRESHOLD * len(text)
