"""The part of a passage that is shown of it: where it answers if that is known, else its beginning."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from rag.records import Found, Gold
from ui.text import MARK

LENGTH, BEFORE = 260, 60
"""Characters shown of a passage, and at most of what stands in it before the words that answer."""

Span = tuple[int, int]


def answering(found: Found, text: str, gold: Gold, spans: Sequence[tuple[str, int, int]]) -> list[Span]:
    """The words of a passage that answer, (start, end) in its document's text: what it has of expected quotes, whose
    `spans` are (document, start, end); without these the first expected answer that stands in it."""
    quoted = [(max(start, found.start), min(end, found.end)) for one, start, end in spans if one == found.document]
    quoted = [(start, end) for start, end in quoted if start < end]
    return quoted if spans else list(_answers(found, text, gold))[:1]


def excerpt(text: str, marks: Sequence[Span]) -> str:
    """As HTML: the part of `text` around the first of `marks`, which are (start, end) in it, with that marked."""
    start, end = min(marks, default=(0, 0))
    start, end = min(start, len(text)), min(end, len(text))
    if start == end:
        return html.escape(_cut(text, LENGTH))
    before = text[:start]
    if len(before) > BEFORE:
        before = f"…{before[-BEFORE:].partition(' ')[2]}"
    said = _cut(text[start:end], LENGTH)
    after = _cut(text[end:], max(BEFORE, LENGTH - len(said)))
    return f"{html.escape(before)}<mark style='{MARK}'>{html.escape(said)}</mark>{html.escape(after)}"


def _answers(found: Found, text: str, gold: Gold) -> Iterator[Span]:
    for one in gold.answers:
        if at := re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text, re.IGNORECASE):
            yield found.start + at.start(), found.start + at.end()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rpartition(' ')[0] or text[:most]}…"
