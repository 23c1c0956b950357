"""Totals: the row of a table that answers a question for the whole, and where it stands if the passage cuts it off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag.answering.asked import Kind
from rag.answering.reading import Reading, Sentence, terms_of
from rag.answering.tables import is_row, is_total, total_of
from rag.answering.texts import Texts
from rag.records import Hit

_LONGEST = 200
"""Code points of a row at most that is looked for after a passage."""
_NEXT_LINE = re.compile(r"[ \t|]*\n?([^\n]+)")
_FIGURE = re.compile(r"\d")


def asks_for_whole(reading: Reading, row: Sentence) -> bool:
    """Whether a figure is asked for, and no word of the question is the row's own and not its table's."""
    return reading.asked.kind in (Kind.NUMBER, Kind.AMOUNT) and not _own(reading, row)


def with_total_first(reading: Reading, ranked: Sequence[tuple[float, Sentence]]) -> list[tuple[float, Sentence]]:
    """What was found, best first, a table's total before its best row if that is asked for by the whole only."""
    if not ranked or not ranked[0][1].is_row or is_total(reading.text(ranked[0][1])):
        return list(ranked)
    value, best = ranked[0]
    totals = [
        one
        for _, one in ranked
        if (one.hit, one.lead, one.is_row) == (best.hit, best.lead, True) and _is_asked_for(reading, reading.text(one))
    ]
    if not (totals and asks_for_whole(reading, best)):
        return list(ranked)
    following = [one for one in totals if one.place > best.place]
    chosen = min(following or totals, key=lambda one: one.place)
    return [(value, chosen), *((score, one) for score, one in ranked if one is not chosen)]


def total_below(reading: Reading, row: Sentence, texts: Texts) -> Sentence | None:
    """The total that is asked for and follows the table of a row with which its passage ends: as a row of its hit's
    chunk, though beyond its text."""
    last = reading.sentences[row.hit][-1]
    if not (last.is_row and last.lead == row.lead and asks_for_whole(reading, row)):
        return None
    start, text = _line_after(reading.hits[row.hit], texts)
    fits = is_row(text) and _is_asked_for(reading, text)
    return replace(row, start=start, end=start + len(text)) if fits else None


def _line_after(hit: Hit, texts: Texts) -> tuple[int, str]:
    """The line that follows a chunk, empty if none does, and where it begins, from the chunk's beginning."""
    if hit.chunk.edited:  # what follows it on the page follows something else
        return len(hit.chunk.text), ""
    after = texts.around(hit.chunk.document_id, hit.chunk.end, hit.chunk.end + _LONGEST)
    found = _NEXT_LINE.match(after)
    if found is None:
        return len(hit.chunk.text), ""
    return len(hit.chunk.text) + found.start(1), found[1].rstrip()


def _is_asked_for(reading: Reading, text: str) -> bool:
    """Whether a row is a total of nothing in particular, or of what the question has."""
    return is_total(text) and terms_of(reading.terms, total_of(text)) <= set(reading.asked.terms)


def _own(reading: Reading, row: Sentence) -> set[str]:
    """The question's words that a row has, and neither what it stands below nor the text around its table has."""
    lead = reading.hits[row.hit].chunk.text[slice(*row.lead)]
    words = {one for one in terms_of(reading.terms, reading.text(row)) if not _FIGURE.search(one)}
    return (words & set(reading.asked.terms)) - set(terms_of(reading.terms, lead))
