"""Regular expressions over many texts, within a time: a pattern can take longer than anybody lives."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from rag.errors import QuestionError

SECONDS = 8.0
"""For all texts together."""
MARKS = 50
"""Matches that are marked in one text."""
LONGEST = 500
"""Characters of a pattern: compiling one cannot be interrupted."""


class Matches(NamedTuple):
    """Of the texts that match, by id in their order: where, (start, end), and the first match itself. `looked` is how
    many were looked through, `complete` whether those were all."""

    marks: dict[str, tuple[tuple[int, int], ...]]
    said: dict[str, str]
    looked: int
    complete: bool


def matching(
    pattern: str, texts: Iterable[tuple[str, str]], most: int, any_case: bool, seconds: float = SECONDS
) -> Matches:
    """The first `most` of some texts, each with its id, in which a pattern of Python's `re` is found.

    After `seconds` it ends, be it within a text. Raises QuestionError for what is no pattern.
    """
    import regex

    if len(pattern) > LONGEST:
        raise QuestionError(f"The pattern has {len(pattern):,} characters; {LONGEST} are allowed. Shorten it.")
    flags = regex.VERSION0 | regex.MULTILINE | (regex.IGNORECASE if any_case else 0)
    try:
        compiled = regex.compile(pattern, flags, cache_pattern=False)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise QuestionError(f"This is no pattern: {error}. To look for just these characters, use “Words”.") from error
    found = Matches({}, {}, 0, True)
    looked, deadline = 0, time.monotonic() + seconds
    for one, text in texts:
        left = deadline - time.monotonic()
        if left <= 0 or len(found.marks) >= most:
            return found._replace(looked=looked, complete=False)
        try:
            # concurrent: others are served meanwhile
            first = compiled.search(text, timeout=left, concurrent=True)
            if first is not None:
                spans = [first.span()]
                begin, left = max(first.end(), first.start() + 1), max(0.01, deadline - time.monotonic())
                for match in compiled.finditer(text, pos=begin, timeout=left, concurrent=True):
                    spans.append(match.span())
                    if len(spans) >= MARKS:
                        break
                found.marks[one], found.said[one] = tuple(spans), first.group()
        except TimeoutError:
            return found._replace(looked=looked, complete=False)
        looked += 1
    return found._replace(looked=looked)
