"""Where the answer to a question stands: the document that is meant, its pages, and the quotes in its text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rag.evaluation.metrics import Span
from rag.records import Gold, Page

_ALIKE = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "", "—": "", "‐": "", "‑": "", "−": "", "-": ""})
"""Forms of one sign; dashes count for nothing, for at a line's end they may be a hyphen."""
_SOFT = "\u00ad\u200b\ufeff"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where an answer stands: documents by id, pages of them, characters of them; empty where that is not known."""

    documents: frozenset[str] = frozenset()
    pages: frozenset[tuple[str, int]] = frozenset()
    spans: tuple[Span, ...] = ()


def is_missing(gold: Gold, wanted: Wanted) -> bool:
    """Whether a question names a document or quotes, and none of that was found."""
    return gold.located and (not wanted.documents or bool(gold.quotes and not wanted.spans))


class Library:
    """The documents that a study asks, by id, and where quotes stand in them. Each text is prepared once."""

    def __init__(self, names: Mapping[str, str], pages: Callable[[str], Sequence[Page]]) -> None:
        self.names = names
        self._pages = pages
        self._read: dict[str, tuple[Sequence[Page], Compact]] = {}

    def wanted(self, gold: Gold) -> Wanted:
        """Where the answer to a question stands, as far as that is known. A quote without a document is one that a
        single document has."""
        documents = self._meant(gold.document)
        if not gold.answerable or (gold.document and not documents):
            return Wanted()
        spans: list[Span] = []
        for quote in gold.quotes:
            found = [span for one in documents or self.names for span in self._found(one, quote, gold.pages)]
            if len({document for document, _, _ in found}) == 1:
                spans.append(found[0])
        pages = {(one, number) for one in documents for number in gold.pages}
        pages = pages or {place for span in spans for place in self._pages_of(span)}
        meant = frozenset(documents or {one for one, _, _ in spans})
        return Wanted(meant, frozenset(pages), tuple(dict.fromkeys(spans)))

    def _meant(self, document: str) -> list[str]:
        """The ids of those of this id or name; a name may lack its ending, and capitals do not count."""
        if document in self.names:
            return [document]
        wanted = document.casefold()
        exact = [one for one, name in self.names.items() if name.casefold() == wanted]
        stems = [one for one, name in self.names.items() if PurePosixPath(name).stem.casefold() == wanted]
        return (exact or stems) if document else []

    def _found(self, document: str, quote: str, pages: Sequence[int]) -> list[Span]:
        """Where a quote stands in a document: on one of the pages if it is there, else where it comes first."""
        parts, compact = self._text(document)
        places = list(compact.places(quote))
        best = next((one for one in places if _page_at(parts, one[0]) in pages), next(iter(places), None))
        return [(document, *best)] if best else []

    def _pages_of(self, span: Span) -> Iterator[tuple[str, int]]:
        document, start, end = span
        for page in self._text(document)[0]:
            if page.start < end and start < page.start + len(page.text):
                yield document, page.number

    def _text(self, document: str) -> tuple[Sequence[Page], Compact]:
        if document not in self._read:
            pages = self._pages(document)
            self._read[document] = pages, Compact(pages)
        return self._read[document]


class Compact:
    """A text without white space, dashes and capitals, so that a quote is found across lines; and the way back."""

    def __init__(self, pages: Sequence[Page]) -> None:
        parts: list[str] = []
        self._offsets: list[int] = []
        self._text = ""
        for page in pages:
            for place, sign in enumerate(page.text, start=page.start):
                plain = _plain(sign)
                if plain:
                    parts.append(plain)
                    self._offsets.extend([place] * len(plain))
        self._text = "".join(parts)

    def places(self, quote: str) -> Iterator[tuple[int, int]]:
        """Each (start, end) in the text at which a quote stands as whole words."""
        wanted = "".join(map(_plain, quote))
        at = self._text.find(wanted) if wanted else -1
        while at >= 0:
            start, end = self._offsets[at], self._offsets[at + len(wanted) - 1] + 1
            if not self._cuts_word(at) and not self._cuts_word(at + len(wanted)):
                yield start, end
            at = self._text.find(wanted, at + 1)

    def _cuts_word(self, at: int) -> bool:
        """Whether a place in the compact text lies within a word."""
        if not 0 < at < len(self._text):
            return False
        together = self._offsets[at] - self._offsets[at - 1] <= 1
        return together and self._text[at - 1].isalnum() and self._text[at].isalnum()


def _plain(sign: str) -> str:
    return "" if sign.isspace() or sign in _SOFT else sign.translate(_ALIKE).lower()


def _page_at(pages: Sequence[Page], offset: int) -> int:
    return next((one.number for one in pages if one.start <= offset < one.start + len(one.text)), 0)
