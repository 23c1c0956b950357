"""Quoting: of a chosen sentence or row what it needs to be understood, and what decides it.

A sentence that begins with a pronoun takes the one before it, one that ends in a colon its items, one that the passage
cuts the rest of it. What follows comes along where a yes or no is asked for and it takes something back. A row comes
with its table's head; where that would be long the row alone, below the names of its columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.answering.reading import Reading, Sentence
from rag.answering.tables import CELL, is_row, is_rule, is_total, lead_of
from rag.answering.texts import Texts
from rag.answering.totals import asks_for_whole, total_below
from rag.records import Hit

GAP = 120
"""Code points between two chosen sentences of a page that are quoted as one."""
ROWS = 6
"""Lines of a table at most that are quoted with the row that is asked for."""
TABLE = 500
"""Code points of them at most."""
ITEMS = 400
"""Code points of the items of a list at most."""
AROUND = 600
"""Code points before and after a passage that are looked at."""
FOLLOWS = 260
"""Code points at most of the sentence after one that comes along."""

_WORD = re.compile(r"\w+")
_LEANS = re.compile(
    r"[\"'“‘(\[]*(?:he|she|it|they|this|these|those|that|such|his|her|its|their|him|them|however|but|therefore|thus"
    r"|instead|also|another|both|the (?:latter|former|same))\b",
    re.IGNORECASE,
)
_SHORT = 5  # words
_YES_OR_NO = re.compile(
    r"\s*(?:can|could|may|might|must|shall|should|will|would|do|does|did|is|are|was|were|has|have|had)\b"
    r"|.*\b(?:if|unless|provided|under what (?:conditions?|circumstances))\b",
    re.IGNORECASE | re.DOTALL,
)
_TAKES_BACK = re.compile(r"\b(?:it|this|no such|not|however|but|unless|except|neither|nor|only)\b", re.IGNORECASE)
_ENDS = re.compile(r"""[.!?:;。！？]["'”’)\]]*$""")
_BREAK = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Quote:
    """What is quoted of hit `hit`'s document: its text[start:end], of which text[best[0]:best[1]] is what answers.
    `columns` are the names of a row's columns where they are not quoted with it. Of a chunk that was edited by hand it
    is the chunk's own text, and offsets count on from where that begins."""

    hit: Hit
    start: int
    end: int
    text: str
    best: tuple[tuple[int, int], ...]
    columns: str = ""


def piece(reading: Reading, sentence: Sentence, texts: Texts) -> Quote:
    """A chosen sentence or row as it is to be quoted, without its text."""
    hit = reading.hits[sentence.hit]
    base = hit.chunk.start
    best = (base + sentence.start, base + sentence.end)
    if sentence.is_row:
        return _row(reading, sentence, Quote(hit, *best, "", (best,)), texts)
    start, end = best
    around = reading.sentences[sentence.hit]
    text = reading.text(sentence)
    if sentence.place and (_LEANS.match(text) or len(_WORD.findall(text)) <= _SHORT):
        start = base + around[sentence.place - 1].start
    elif not sentence.place:
        start -= _before(hit, start, texts)
    if sentence.place + 1 == len(around):
        end += _after(hit, text, end, texts)
    return Quote(
        hit,
        start,
        base + _last(reading, sentence) if end == best[1] else end,
        "",
        ((start if start < best[0] and not sentence.place else best[0], end),),
    )


def _last(reading: Reading, sentence: Sentence) -> int:
    """Where in the chunk the quote of a sentence ends: after its items, or after what takes it back."""
    text, following = reading.text(sentence), reading.sentences[sentence.hit][sentence.place + 1 :]
    if text.endswith(":"):
        return max([sentence.end, *(one.end for one in following if one.end - sentence.end <= ITEMS)])
    if following and _YES_OR_NO.match(reading.asked.text):
        after = reading.text(following[0])
        between = reading.hits[sentence.hit].chunk.text[sentence.end : following[0].start]
        if len(after) <= FOLLOWS and not _BREAK.search(between) and _TAKES_BACK.search(after):
            return following[0].end
    return sentence.end


def _after(hit: Hit, text: str, end: int, texts: Texts) -> int:
    """How much further a sentence goes that ends with its chunk, in its paragraph."""
    if hit.chunk.edited or _ENDS.search(text):
        return 0
    rest = texts.around(hit.chunk.document_id, end, end + AROUND)
    if not rest or _BREAK.match(rest):
        return 0
    rest = _BREAK.split(rest, maxsplit=1)[0]
    spans = texts.sentences(f"{text[-80:]}{rest}")
    first = spans[0][1] - len(text[-80:]) if spans else 0
    more = rest[: max(0, first)]
    return len(more) if _ENDS.search(more) and not any(map(is_row, more.splitlines())) else 0


def _before(hit: Hit, start: int, texts: Texts) -> int:
    """How much before its chunk a sentence begins, in its paragraph."""
    chunk = hit.chunk
    if chunk.edited or start != chunk.start or not chunk.text[:1].islower():
        return 0
    head = texts.around(chunk.document_id, max(0, start - AROUND), start)
    spans = texts.sentences(_BREAK.split(f"{head}{chunk.text[:80]}")[-1])
    return max(0, spans[-1][1] - spans[-1][0] - len(chunk.text[:80].rstrip())) if head and spans else 0


def _row(reading: Reading, sentence: Sentence, row: Quote, texts: Texts) -> Quote:
    """A row with its table, if that is short, else with its head, if that is near, else below its columns' names."""
    chunk = row.hit.chunk
    if CELL in chunk.heading:
        return row
    base, (first, last) = chunk.start, sentence.lead
    table = [one for one in reading.sentences[sentence.hit] if one.is_row and one.lead == sentence.lead]
    if below := total_below(reading, sentence, texts):
        start, end = base + below.start, base + below.end
        row = replace(row, start=start, end=end, best=((start, end),))
    if first == last:
        return _below_its_table(row, texts)
    ends = [below.end] if below else []
    next_row = next((one for one in table if one.place == sentence.place + 1), sentence)
    with_total = is_total(reading.text(next_row)) and asks_for_whole(reading, sentence)
    for end in (*ends, table[-1].end, next_row.end if with_total else sentence.end, sentence.end):
        text = texts.around(chunk.document_id, base + first, base + end) if end > len(chunk.text) else ""
        text = text or chunk.text[first:end]
        if row.end <= base + end and _is_short(text):
            return replace(row, start=base + first, end=base + end)
    return replace(row, columns=_columns(chunk.text[first:last]))


def _is_short(table: str) -> bool:
    return len(table) <= TABLE and len([line for line in table.splitlines() if is_row(line)]) <= ROWS + 2


def _below_its_table(row: Quote, texts: Texts) -> Quote:
    """A row whose table begins before its chunk: a total with all of it, if that is short, else the row alone."""
    chunk = row.hit.chunk
    above, head = _table_above(row.hit, texts)
    text = texts.around(chunk.document_id, chunk.start - len(above), row.end) if above else ""
    if text and row.start == chunk.start and is_total(text[len(above) :]) and _is_short(text):
        return replace(row, start=chunk.start - len(above))
    return replace(row, columns=_columns(head))


def _table_above(hit: Hit, texts: Texts) -> tuple[str, str]:
    """The part of a table before the chunk whose rows go on in it, and its head; empty if none is near."""
    if hit.chunk.edited:
        return "", ""
    above = texts.around(hit.chunk.document_id, max(0, hit.chunk.start - 2 * AROUND), hit.chunk.start)
    whole = [line for line in _BREAK.split(above)[-1].splitlines(keepends=True) if line.strip()]
    lines = [line.rstrip("\r\n") for line in whole]
    rows = [number for number, line in enumerate(lines) if is_row(line) and CELL not in line]
    if not rows:
        return "", ""
    first = rows[-1]
    while first - 1 in rows:
        first -= 1
    lead = lead_of(lines, first)
    return "".join(whole[lead:]), "\n".join(lines[lead:first])


def _columns(head: str) -> str:
    return " ".join(" ".join(line.split()) for line in head.splitlines() if not is_rule(line))


def merged(pieces: Sequence[Quote], texts: Texts) -> list[Quote]:
    """With their texts; those that lie close together on a page of a document become one."""
    quotes: list[Quote] = []
    for new in pieces:
        for place, old in enumerate(quotes):
            same = (new.hit.chunk.document_id, new.hit.chunk.page) == (old.hit.chunk.document_id, old.hit.chunk.page)
            same = same and (old.hit.chunk.id == new.hit.chunk.id or not (old.hit.chunk.edited or new.hit.chunk.edited))
            near = new.start <= old.end + GAP and old.start <= new.end + GAP
            if same and near and new.columns == old.columns:
                first, last = min(new.start, old.start), max(new.end, old.end)
                if text := _text((old.hit, new.hit), first, last, texts):
                    best = tuple(sorted({*old.best, *new.best}))
                    quotes[place] = Quote(old.hit, first, last, text, best, old.columns)
                    break
        else:
            text = _text((new.hit,), new.start, new.end, texts)
            quotes.append(replace(new, text=text))
    return quotes


def _text(hits: Sequence[Hit], start: int, end: int, texts: Texts) -> str:
    for chunk in (hit.chunk for hit in hits):
        if chunk.start <= start and end <= chunk.start + len(chunk.text):
            return chunk.text[start - chunk.start : end - chunk.start]
    document = hits[0].chunk.document_id
    return texts.between(document, start, end) if texts.whole(document, start, end) else ""
