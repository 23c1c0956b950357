"""What documents are called: words that their names run together, and those that say only what a firm is."""

from __future__ import annotations

import re
from collections.abc import Sequence

FORMS = frozenset(
    (
        *("company", "co", "corp", "corporation", "inc", "incorporated", "ltd", "limited", "llc", "llp", "lp", "plc"),
        *("group", "holding", "holdings", "gmbh", "ag", "kg", "kgaa", "se", "sa", "sas", "srl", "spa", "nv", "bv"),
        *("ab", "asa", "oyj", "pty"),
    )
)
"""What a firm is, in small letters without dots: a document need not say it, and it tells no firm from another."""
_LEAST = 5
"""Letters at least of words that are run together."""
_MOST = 8
"""Words at most of them."""
_BARE = re.compile(r"[\W_]")
_PART = re.compile(r"[^\W\d_]+|\d+")


def is_form(word: str) -> bool:
    """Whether a word only says what a firm is, as "Inc." does."""
    return _BARE.sub("", word.lower()) in FORMS


def run_together(words: Sequence[str], names: str) -> set[int]:
    """Which of some words stand in names without the spaces between them: "North", "River" and "Mills" begin the name
    of NORTHRIVERMILLS_2021.pdf. One word alone may begin any other, and is not looked for."""
    parts = [one for one in _PART.findall(names.lower()) if len(one) >= _LEAST]
    bare = [_BARE.sub("", word.lower()) for word in words]
    found: set[int] = set()
    for first in range(len(bare)) if parts else ():
        for last in range(first + 2, min(len(bare), first + _MOST) + 1):
            joined = "".join(bare[first:last])
            if not any(part.startswith(joined) for part in parts):
                break
            if len(joined) >= _LEAST:
                found |= set(range(first, last))
    return found
