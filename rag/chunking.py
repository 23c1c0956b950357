"""Chunking: a parsed document into passages of about so many tokens, each an exact span of the document's text.

One pass from left to right. Every place where a page may be cut has a strength (heading, paragraph, sentence, line,
word); a chunk ends at the strongest place within the last part of its room, so that it is about full and reads as
a whole. No chunk crosses a page.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

from rag.records import Chunk, Heading, Page, ParsedDocument, chunk_id, document_label

TokenOffsets = Callable[[str], Sequence[tuple[int, int]]]
"""The (start, end) of each token of a text, in code points, in order."""

CHUNKING = "borders 1"
"""Names this way of cutting in a collection's fingerprint; change it when the cuts change."""

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n")
_SPACE = re.compile(r"\s+")
# A sentence ends at . ! ? (with closing quotes or brackets) before white space and something that can begin one;
# CJK full stops need no space after them.
_SENTENCE = re.compile(r"""[.!?]["'”’)\]]*\s+(?=["'“‘(\[]*[A-Z0-9À-ÖØ-Þ\u0370-\uFFFF•–-])|[。！？]\s*""")
_ABBREVIATION = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Inc|Corp|Ltd|Co|No|Nos|vs|Fig|Figs|Eq|Sec|Art|approx|est|etc|e\.g|i\.e|cf|al|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|U\.S|[A-Z])\.$"
)
_WHOLE_LINE = re.compile(r"[^\n]*\S[^\n]*")
_NUMBER = re.compile(r"\d[\d.,]*")
_BEGINS = re.compile(r"\s*[\"“(\[]*[A-Z0-9À-ÖØ-Þ•–#*-]")


class Border(IntEnum):
    """Where a page may be cut, weakest first."""

    WORD = 1
    LINE = 2
    SENTENCE = 3
    PARAGRAPH = 4
    HEADING = 5


# How full a chunk must be (as a share of its room) before it may end at a border of that strength.
_LEAST_FILL = {
    Border.HEADING: 0.3,
    Border.PARAGRAPH: 0.6,
    Border.SENTENCE: 0.6,
    Border.LINE: 0.6,
    Border.WORD: 0.5,
}
LAST_ROOM = 1.15
"""The last chunk of a page takes this much more rather than leaving a few words for one of its own."""
_BLOCK = 100_000  # code points
_LONGEST_TOKEN = 64  # code points
_LETTERS = 4  # code points of a usual token


def chunk(
    document: ParsedDocument,
    document_id: str,
    tokens: int,
    token_offsets: TokenOffsets,
    name: str = "",
    overlap: int = 0,
    headers: bool = True,
) -> list[Chunk]:
    """Cut the document into chunks of at most about `tokens` tokens (15 % more at the end of a page).

    `name` is its file's. A chunk begins with about the last `overlap` tokens of the one before on its page, from a
    border on if one is near. Without `headers` they are embedded as they are. Ids come from the document's id, the
    position and the settings, so cutting again gives the same ids. Pages without text give no chunk.
    """
    found: list[Chunk] = []
    headings = _Headings(document.headings)
    title = document_label(name, document.title)
    for page in document.pages:
        for start, own, end in _page_spans(page, headings.offsets, tokens, token_offsets, overlap):
            found.append(
                Chunk(
                    id=chunk_id(document_id, tokens, len(found), overlap, headers),
                    document_id=document_id,
                    page=page.number,
                    start=start,
                    end=end,
                    heading=headings.path(own),
                    text=document.text[start:end],
                    title=title,
                )
            )
    return found


def sentence_spans(text: str, longest: int = 600) -> list[tuple[int, int]]:
    """The sentences of a passage as (start, end), white space around them left out.

    A heading line stands alone; the rows of a table stay together. What is longer than `longest` code points is
    divided, at a line's end if it has one.
    """
    cuts = {0, len(text), *_sentence_ends(text), *_heading_line_ends(text)}
    cuts.update(match.end() for match in _PARAGRAPH.finditer(text))
    parts = (part for begin, end in pairwise(sorted(cuts)) for part in _divided(text, begin, end, longest))
    return [span for begin, end in parts if (span := _trim(text, begin, end))]


def _heading_line_ends(text: str) -> Iterator[int]:
    # In running text a line is full; a short one without a full stop, before one that begins anew, is a heading (or
    # a row, which belongs with its neighbours: rows have several numbers).
    lines = list(_WHOLE_LINE.finditer(text))
    full = max((len(line.group()) for line in lines), default=0) * 0.75
    for line, following in pairwise(lines):
        first, second = line.group(), following.group()
        rows = len(_NUMBER.findall(first)) > 1 and len(_NUMBER.findall(second)) > 1
        if len(first) < full and not rows and first[-1] not in ".,;:-–" and _BEGINS.match(second):
            yield following.start()


def _divided(text: str, begin: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    while end - begin > longest:
        at = max(text.rfind("\n", begin + 1, begin + longest), text.rfind(" ", begin + longest // 2, begin + longest))
        cut = at + 1 if at > begin else begin + longest
        yield begin, cut
        begin = cut
    yield begin, end


def _page_spans(
    page: Page, headings: Sequence[int], tokens: int, token_offsets: TokenOffsets, overlap: int
) -> Iterator[tuple[int, int, int]]:
    """Spans in the document's text as (start, where it goes on after the one before, end)."""
    for first, last in _blocks(page.text):
        text, base = page.text[first:last], page.start + first
        inside = headings[bisect_right(headings, base) : bisect_left(headings, base + len(text))]
        block = _Block(text, [at - base for at in inside], _token_starts(text, token_offsets))
        before = begin = 0
        while begin < len(text):
            start = max(before, block.back(begin, overlap)) if overlap else begin
            end = block.cut(start, tokens, begin)
            if own := _trim(text, begin, end):
                whole = _trim(text, start, end) or own
                yield base + whole[0], base + own[0], base + own[1]
            before, begin = begin, end


def _token_starts(text: str, token_offsets: TokenOffsets) -> list[int]:
    """Where tokens begin. Of what is far too long for a word and still one token, every few characters count as one."""
    starts: list[int] = []
    for begin, end in token_offsets(text):
        starts.extend(range(begin, end, _LETTERS) if end - begin > _LONGEST_TOKEN else (begin,))
    return starts


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """A very long page in parts that end at white space, so that memory is bounded by the part."""
    begin = 0
    while len(text) - begin > _BLOCK:
        places = list(_SPACE.finditer(text, begin + _BLOCK - _BLOCK // 10, begin + _BLOCK))
        lines = [match.end() for match in places if "\n" in match.group()]
        end = lines[-1] if lines else places[-1].end() if places else begin + _BLOCK
        yield begin, end
        begin = end
    yield begin, len(text)


def _borders(text: str, headings: Sequence[int]) -> dict[int, Border]:
    """Each place where a chunk may begin, with its strength."""
    found: dict[int, Border] = {}
    for pattern, border in ((_SPACE, Border.WORD), (_LINE, Border.LINE)):
        found.update((match.end(), border) for match in pattern.finditer(text))
    found.update((at, Border.SENTENCE) for at in _sentence_ends(text))
    found.update((match.end(), Border.PARAGRAPH) for match in _PARAGRAPH.finditer(text))
    found.update((at, Border.HEADING) for at in headings)
    return found


def _sentence_ends(text: str) -> Iterator[int]:
    for match in _SENTENCE.finditer(text):
        stop = match.start() + 1
        if not _ABBREVIATION.search(text, max(0, stop - 12), stop):
            yield match.end()


class _Block:
    """A part of a page with its borders and the offsets at which its tokens begin."""

    def __init__(self, text: str, headings: Sequence[int], starts: Sequence[int]) -> None:
        self._length = len(text)
        self._starts = starts
        self._borders = _borders(text, headings)
        self._places = sorted(self._borders)

    def back(self, begin: int, overlap: int) -> int:
        """Where a chunk starts that goes on at `begin` and also has about the last `overlap` tokens before that: at the
        strongest border in the first half of them."""
        first = bisect_left(self._starts, begin)
        start = self._starts[max(0, first - overlap)] if first else begin
        half = self._starts[first - overlap // 2] if 0 < overlap // 2 < first else begin
        for border in (Border.HEADING, Border.PARAGRAPH, Border.SENTENCE, Border.LINE, Border.WORD):
            if places := self._between(start - 1, min(half, begin - 1), border):
                return places[0]
        return start

    def cut(self, begin: int, tokens: int, past: int = 0) -> int:
        """Where the chunk that begins at `begin` ends (exclusive), behind `past`."""
        first = bisect_left(self._starts, begin)
        remaining = len(self._starts) - first
        is_last = remaining <= tokens * LAST_ROOM
        limit = self._length if is_last else self._starts[first + tokens]
        for border in (Border.HEADING,) if is_last else tuple(_LEAST_FILL):
            least = first + int(tokens * _LEAST_FILL[border])
            if least < len(self._starts) and (places := self._between(max(self._starts[least], past), limit, border)):
                return places[0] if border is Border.HEADING else places[-1]
        return max(limit, past + 1)

    def _between(self, after: int, limit: int, border: Border) -> list[int]:
        window = self._places[bisect_right(self._places, after) : bisect_right(self._places, limit)]
        return [at for at in window if self._borders[at] is border]


def _trim(text: str, begin: int, end: int) -> tuple[int, int] | None:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    return (begin, end) if begin < end else None


class _Ending(NamedTuple):
    """A heading that ends; of those that end together the inner one, with the lower `order`, comes first."""

    end: int
    order: int
    heading: Heading
    before: list[Heading]


def heading_paths(headings: Sequence[Heading]) -> list[tuple[int, str]]:
    """Where heading paths begin, each as (offset, path): the path of a place is that of the last one before it."""
    return _Headings(headings).places


class _Headings:
    """The heading path at a place: the headings above it, outermost first."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        ordered = sorted(headings, key=lambda heading: heading.offset)
        self.offsets = [heading.offset for heading in ordered]
        self._places: list[int] = []
        self._paths: list[str] = []
        self._open: list[Heading] = []
        ending: list[_Ending] = []  # a heap
        for heading in ordered:
            self._close(ending, heading.offset)
            if heading.end is not None:
                heappush(ending, _Ending(heading.end, -len(self._places), heading, self._open))
            self._go_on(heading.offset, [*(one for one in self._open if one.level < heading.level), heading])
        self._close(ending, math.inf)

    @property
    def places(self) -> list[tuple[int, str]]:
        """(offset, path) in rising order; of equal offsets the last counts."""
        return list(zip(self._places, self._paths, strict=True))

    def path(self, start: int) -> str:
        """The path of the text at `start`."""
        index = bisect_right(self._places, start) - 1
        return self._paths[index] if index >= 0 else ""

    def _close(self, ending: list[_Ending], until: float) -> None:
        """What ends by `until` gives way to what was there before it, unless something above it began since."""
        while ending and ending[0].end <= until:
            over = heappop(ending)
            if any(heading is over.heading for heading in self._open):
                self._go_on(over.end, [one for one in over.before if one.end is None or one.end >= over.end])

    def _go_on(self, place: int, headings: list[Heading]) -> None:
        self._open = headings
        self._places.append(place)
        self._paths.append(" > ".join(one.title for one in headings))
