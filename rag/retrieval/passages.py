"""Passages: what is read of a hit. A chunk ends where its room does; what answers a question often goes on beyond.

A passage is the chunk, grown by the sentences around it that share words with the question, and of hits further down
without those at its ends that share few. A word counts by how rare it is. Passages stay on their pages and do not grow
into one another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from rag.chunking import sentence_spans
from rag.records import Hit, Passage

MARGIN = 900
"""Code points of its page around a chunk that a passage may have: about a chunk on either side."""
SENTENCES = 4
"""It grows by, on either side at most."""
RELATED = 0.1
"""Of what the best sentence of the chunk shares with the question, a sentence must share so much to be added ..."""
KEPT = 0.5
"""... and so much to end a passage further down the list."""
WHOLE = 2
"""Hits whose chunks are never shortened."""

Span = tuple[int, int]
Sharing = Callable[[str], float]
"""How much a text has of a question's words, by their rarity."""


def with_passages(hits: Sequence[Hit], surroundings: Mapping[str, Passage], sharing: Sharing) -> list[Hit]:
    """The hits, best first, each with its passage. `surroundings` has for each chunk's id the text of its page; a
    chunk that it lacks is its own passage, and so is one that was edited: the page says something else there."""
    found: list[Hit] = []
    for rank, hit in enumerate(hits):
        page = surroundings.get(hit.chunk.id)
        if page is not None and not hit.chunk.edited:
            around = _within(page, hit.chunk.start - MARGIN, hit.chunk.end + MARGIN)
            room = _room(hit, [*found, *hits[rank + 1 :]], around)
            found.append(replace(hit, passage=_passage(hit, around, room, sharing, rank >= WHOLE)))
        else:
            found.append(hit)
    return found


def _within(page: Passage, start: int, end: int) -> Passage:
    """What of a page lies between two offsets in the document's text."""
    start, end = max(start, page.start), min(end, page.end)
    return Passage(start, end, page.text[start - page.start : end - page.start])


def _room(hit: Hit, others: Sequence[Hit], around: Passage) -> Span:
    """How far a passage may go: to the other hits of its document, as far as they go by now."""
    chunk = hit.chunk
    taken = [
        (min(one.span[0], one.chunk.start), max(one.span[1], one.chunk.end))
        for one in others
        if one.chunk.document_id == chunk.document_id
    ]
    start = max([around.start, *(end for _, end in taken if end <= chunk.start)])
    end = min([around.end, *(start for start, _ in taken if start >= chunk.end)])
    return start, end


def _passage(hit: Hit, around: Passage, room: Span, sharing: Sharing, shorten: bool) -> Passage:
    chunk = hit.chunk
    spans = [(around.start + start, around.start + end) for start, end in sentence_spans(around.text)]
    cut = (chunk.start - MARGIN, chunk.end + MARGIN)  # a sentence that is not whole there
    within = [one for one in spans if room[0] <= one[0] != cut[0] and one[1] <= room[1] and one[1] != cut[1]]
    inside = [span for span in spans if span[0] < chunk.end and span[1] > chunk.start]

    def shared(span: Span) -> float:
        return sharing(around.text[span[0] - around.start : span[1] - around.start])

    shares = [shared(span) for span in inside]
    best = max(shares, default=0.0)
    if not best:
        return Passage(chunk.start, chunk.end, chunk.text)

    def related(span: Span) -> bool:
        return shared(span) >= RELATED * best

    before = list(takewhile(related, [span for span in reversed(within) if span[1] <= chunk.start][:SENTENCES]))
    after = list(takewhile(related, [span for span in within if span[0] >= chunk.end][:SENTENCES]))
    whole = [span for span in inside if span in within]  # a sentence that the chunk cuts is read to its end
    start = min([chunk.start, *(span[0] for span in (*before, *whole))])
    end = max([chunk.end, *(span[1] for span in (*after, *whole))])
    if shorten:
        telling = [place for place, share in enumerate(shares) if share >= KEPT * best]
        first, last = inside[max(0, telling[0] - 1)], inside[min(len(inside) - 1, telling[-1] + 1)]
        start = start if before else max(start, first[0])
        end = end if after else min(end, last[1])
    return Passage(start, end, around.text[start - around.start : end - around.start])
