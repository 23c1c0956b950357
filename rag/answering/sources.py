"""A passage as the ledger looks at it: its sentences, words, figures and names, each worked out once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

from rag.answering.claims import NEGATIONS, Sentences, content, stem, words
from rag.answering.figures import Figure, figures, scales
from rag.answering.injection import without_orders
from rag.answering.naming import is_form, run_together
from rag.records import Citation, Hit

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ROW = re.compile(r"^[^\n]*\d[^\n]*\s[^\n]*\d[^\n]*$", re.MULTILINE)
_ALIKE = 4
"""Letters that two words must share at their beginning to be forms of one name: Germany, German."""


@dataclass(frozen=True, slots=True)
class Window:
    """A sentence of a passage, or two in a row: `hit.text[start:end]`."""

    source: Source
    start: int
    end: int
    stems: frozenset[str]

    @property
    def text(self) -> str:
        return self.source.hit.text[self.start : self.end]

    def overlap(self, stems: set[str]) -> float:
        """The share of `stems` that it has."""
        return len(stems & self.stems) / len(stems) if stems else 0.0

    def shared_figures(self, stems: set[str]) -> int:
        """How many of `stems` that are figures it has."""
        return sum(one[0].isdigit() for one in stems & self.stems)

    def citation(self) -> Citation:
        """It as a quote."""
        hit, chunk = self.source.hit, self.source.hit.chunk
        begin, end = hit.span
        place = (begin, end) if chunk.edited else (begin + self.start, begin + self.end)
        where = (chunk.document_id, hit.name, chunk.page, self.text, *place)
        return Citation(self.source.number, *where, heading=chunk.heading, edited=chunk.edited)


class Source:
    """Passage `number` of an answer. What is above it, headings and the document's name, bears a claim out too, but is
    not quoted."""

    def __init__(self, number: int, hit: Hit, sentences: Sentences) -> None:
        self.number = number
        self.hit = hit
        self._split = sentences

    @cached_property
    def text(self) -> str:
        """What it says to its reader: offsets are those of the passage."""
        return without_orders(self.hit.text)

    @cached_property
    def above(self) -> str:
        """The document's names and the headings above the passage."""
        name = re.sub(r"[_-]+|\.\w{1,5}$", " ", self.hit.name)
        return f"{name}\n{self.hit.chunk.title}\n{self.hit.chunk.heading}"

    @cached_property
    def context(self) -> str:
        """All that it says, what stands above it first."""
        return f"{self.above}\n{self.text}"

    @cached_property
    def words(self) -> list[str]:
        """The passage's own words in order."""
        return words(self.text)

    @cached_property
    def stems(self) -> set[str]:
        """The stems of all that it says."""
        return content(self.context)

    @cached_property
    def figures(self) -> list[Figure]:
        """The figures of all that it says."""
        return figures(self.context)

    @cached_property
    def scales(self) -> set[Decimal]:
        """What its figures are said to be in."""
        return scales(self.context)

    @cached_property
    def sentences(self) -> list[Window]:
        """Its sentences."""
        return [self._window(start, end) for start, end in self._split(self.text)]

    @cached_property
    def windows(self) -> list[Window]:
        """Its sentences, each two in a row, and the rows of its tables."""
        both = [self._window(first.start, second.end) for first, second in pairwise(self.sentences)]
        rows = [self._window(*row.span()) for row in _ROW.finditer(self.text)]
        return [*self.sentences, *both, *rows]

    def _window(self, start: int, end: int) -> Window:
        return Window(self, start, end, frozenset(content(self.text[start:end])))

    def orders(self, stems: set[str]) -> bool:
        """Whether what it says to a language model has nearly all of these."""
        return len(stems & content(self.hit.text)) > 0.8 * len(stems) and self.text != self.hit.text

    def says(self, run: Sequence[str]) -> bool:
        """Whether it has these words in a row, and does not deny them with a word before."""
        first, length = run[0], len(run)
        places = (at for at, word in enumerate(self.words) if word == first and self.words[at : at + length] == run)
        return any(not NEGATIONS & set(self.words[max(0, at - 1) : at]) for at in places)

    def names(self, name: str) -> bool:
        """Whether it has a name, in one of its forms; a month also as it stands in a date."""
        wanted = words(name)
        if all(stem(word) in self.stems for word in wanted):
            return True
        if name.lower()[:3] in MONTHS and len(wanted) == 1:
            number = MONTHS.index(name.lower()[:3]) + 1
            dates = rf"\b{name[:3]}\b|\d[-/.]0?{number}[-/.]|\b0?{number}[-/.]\d"
            return bool(re.search(dates, self.context, re.IGNORECASE))
        initials = "".join(word[0] for word in words(self.context))
        if name.isupper() and len(name) > 2 and name.lower() in initials:
            return True
        root = wanted[0][: max(_ALIKE, len(wanted[0]) - 3)]
        return len(wanted) == 1 and len(wanted[0]) > _ALIKE and any(one.startswith(root) for one in self._all_words)

    def lacks(self, run: Sequence[str]) -> list[str]:
        """Which words of a name it does not have, nor its document's name without the spaces between them. What a firm
        is, after its name, it need not say."""
        there = run_together(run, self.above)
        return [
            name
            for at, name in enumerate(run)
            if at not in there and not (at and is_form(name)) and not self.names(name)
        ]

    @cached_property
    def _all_words(self) -> set[str]:
        return set(words(self.context))
