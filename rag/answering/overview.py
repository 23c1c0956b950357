"""What a document is about, in its own words: the sentences in the middle of what each section says, with their pages.

Centrality: the nearer a sentence is to the mean of its section's and its document's vectors, the more of it it says
(Radev et al., Centroid-based summarization of multiple documents, 2004); maximal marginal relevance keeps the sentences
apart (Carbonell and Goldstein, 1998).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.answering.outline import Part, outline, parts
from rag.answering.proofs import printed
from rag.answering.telling import tells, weight
from rag.answering.texts import Texts
from rag.records import QUOTING, Answer, Chunk, Citation, Document, Hit, Overview, Section

Vectors = NDArray[np.float32]
Encode = Callable[[list[str]], Vectors]

QUESTION = "Summarise this document"

_SENTENCES = 12
_CHUNKS = 160
"""Sentences are embedded of at most so many chunks' worth, spread over the sections: 500 pages stay within seconds."""
_LOOKED_AT = 140
_TOO_ALIKE = 0.85
_BULLET = re.compile(r"(?:[-*+•–▪]|\d{1,2}[.)])\s+")

_POLITELY = r"(?:please\s+|(?:can|could|would)\s+you\s+(?:please\s+)?)?"
_SUMMARY = (
    r"(?:(?:give|write|show|make)\s+(?:me\s+)?)?(?:(?:an?|the)\s+)?(?:short\s+|brief\s+|quick\s+)?"
    r"(?:summary|overview|outline)"
)
_END = r"(?:\s+for\s+me)?(?:,?\s+please)?\s?[?.!]*"
_OF = re.compile(
    rf"{_POLITELY}(?:(?:summari[sz]e|sum\s+up|{_SUMMARY}\s+of)\s+(?P<what>\S.*?)"
    rf"|what(?:['’]s|\s+is|\s+are)\s+(?P<about>\S.*?)\s+(?:all\s+)?about){_END}",
    re.IGNORECASE,
)
# Of a document these ask what it is about; of anything else, as "describe the pump", for facts.
_OF_THIS = re.compile(
    rf"{_POLITELY}(?:{_SUMMARY}|tl;?dr|(?:outline|describe)\s+(?P<told>\S.*?)|what\s+does\s+(?P<says>\S.*?)\s+say"
    rf"|what(?:['’]s|\s+is)\s+in\s+(?P<inside>\S.*?)){_END}",
    re.IGNORECASE,
)
_THIS = re.compile(
    r"(?:this|that|the|my)(?:\s+(?:whole|entire))?\s+(?:document|file|pdf|report|paper|text|doc|contract|agreement|"
    r"letter|presentation|book|article)|this|it",
    re.IGNORECASE,
)


def overview_of(question: str) -> str:
    """What a question like "Summarise the lease agreement" names, be it a document or not; empty for others."""
    found = _OF.fullmatch(" ".join(question.split()))
    return (found["what"] or found["about"]) if found else ""


def asks_for_overview(question: str) -> bool:
    """Whether a question asks just for what a document is about."""
    bare = _OF_THIS.fullmatch(" ".join(question.split()))
    named = overview_of(question) or (next(filter(None, bare.groups()), "it") if bare else "")
    return _THIS.fullmatch(named) is not None


@dataclass(frozen=True, slots=True)
class _Candidate:
    part: int
    chunk: Chunk
    start: int  # within the chunk's text
    end: int
    heading: str = ""
    score: float = 0.0

    @property
    def text(self) -> str:
        return self.chunk.text[self.start : self.end]


def make_overview(
    document: Document, chunks: Sequence[Chunk], vectors: Mapping[str, Vectors], encode: Encode, texts: Texts
) -> Overview:
    """The overview of a document from its chunks, in reading order, and their unit vectors by id.

    Chunks without a vector are passed over, unless none has one: then the first of each section are embedded. Raises
    ModelError if the embedding model does not answer.
    """
    sections = parts(chunks)
    known = dict(vectors) or _embedded(sections, encode)
    means = [_mean([known[one.id] for one in part.chunks if one.id in known]) for part in sections]
    whole = _mean([one for one in means if one is not None])
    chosen = _chosen(_scored(_candidates(sections, known, means, texts), means, whole, encode), len(sections))
    cited = [printed(_citation(number, document, one), texts) for number, one in enumerate(chosen, start=1)]
    return _overview(document, chunks, sections, chosen, cited)


def _embedded(sections: Sequence[Part], encode: Encode) -> dict[str, Vectors]:
    each = max(1, 48 // max(1, len(sections)))
    some = [chunk for part in sections for chunk in part.chunks[:each]]
    return dict(zip([one.id for one in some], encode([one.text for one in some]), strict=True))


def _mean(rows: Sequence[Vectors]) -> Vectors | None:
    if not rows:
        return None
    mean = np.mean(rows, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _candidates(
    sections: Sequence[Part], vectors: Mapping[str, Vectors], means: Sequence[Vectors | None], texts: Texts
) -> list[_Candidate]:
    """Sentences of the chunks nearest to what their section says; the first chunk of each is looked at too."""
    each = max(2, min(4, _CHUNKS // (8 * max(1, len(sections)))))
    found: list[_Candidate] = []
    for number, (part, mean) in enumerate(zip(sections, means, strict=True)):
        usable = [one for one in part.chunks if one.id in vectors]
        nearest = sorted(usable, key=lambda one: -float(vectors[one.id] @ mean) if mean is not None else 0.0)
        for chunk in dict.fromkeys([*usable[:1], *nearest[:each]]):
            found += _sentences_of(number, sections, chunk, texts)
    told = [one for one in found if tells(one.text)] or found
    step = max(1, -(-len(told) // _LOOKED_AT))
    return told[::step]


def _sentences_of(number: int, sections: Sequence[Part], chunk: Chunk, texts: Texts) -> Iterator[_Candidate]:
    """The sentences of a chunk of a section; the last may stand under the heading of a later one, or of none of them,
    and are then left out."""
    for start, end in texts.sentences(chunk.text):
        marker = _BULLET.match(chunk.text, start, end)
        above = "" if chunk.edited else texts.heading(chunk.document_id, chunk.start + start)
        heading = above or chunk.heading
        titles = heading.split(" > ")
        there = (at for at in range(number, len(sections)) if sections[at].heading in ("", *titles))
        if (part := next(there, None)) is not None:
            yield _Candidate(part, chunk, marker.end() if marker else start, end, heading)


def _scored(
    candidates: Sequence[_Candidate], means: Sequence[Vectors | None], whole: Vectors | None, encode: Encode
) -> list[tuple[_Candidate, Vectors]]:
    """The candidates with their vectors, those that say most first."""
    if not candidates or whole is None:
        return []
    rows = encode([" ".join(one.text.split()) for one in candidates])
    seen: dict[int, int] = {}
    scored = []
    for one, row in zip(candidates, rows, strict=True):
        place = seen[one.part] = seen.get(one.part, -1) + 1
        mean = means[one.part]
        central = 0.5 * float(row @ (whole if mean is None else mean)) + 0.3 * float(row @ whole)
        score = central + 0.1 / (1 + place) + weight(one.text)
        scored.append((replace(one, score=score), row))
    return sorted(scored, key=lambda pair: -pair[0].score)


def _chosen(scored: Sequence[tuple[_Candidate, Vectors]], sections: int) -> list[_Candidate]:
    """The best sentence of each section, then the best that are left and say something else; in reading order."""
    chosen: list[tuple[_Candidate, Vectors]] = []

    def alike(row: Vectors) -> float:
        return max((float(row @ other) for _, other in chosen), default=0.0)

    for number in range(sections):
        best = next((one for one in scored if one[0].part == number and alike(one[1]) < _TOO_ALIKE), None)
        if best is not None and len(chosen) < _SENTENCES:
            chosen.append(best)
    rest = [one for one in scored if one not in chosen]
    while rest and len(chosen) < min(_SENTENCES, max(5, 2 * sections)):
        best = max(rest, key=lambda pair: pair[0].score - 0.5 * alike(pair[1]))
        rest.remove(best)
        if alike(best[1]) < _TOO_ALIKE:
            chosen.append(best)
    return sorted((one for one, _ in chosen), key=lambda one: (one.part, one.chunk.start + one.start))


def _overview(
    document: Document,
    chunks: Sequence[Chunk],
    sections: Sequence[Part],
    chosen: Sequence[_Candidate],
    cited: Sequence[Citation],
) -> Overview:
    told = []
    for number, part in enumerate(sections):
        mine = tuple(quote for quote, one in zip(cited, chosen, strict=True) if one.part == number)
        if mine:
            told.append(Section(part.heading, part.chunks[0].page, part.chunks[-1].page, mine))
    hits = tuple(Hit(one.chunk, document.name, 1.0) for one in chosen)
    text = "\n\n".join(_paragraph(section) for section in told)
    answer = Answer(QUESTION, text, tuple(cited), hits, abstained=not cited, model=QUOTING)
    return Overview(document.id, document.name, document.title, document.pages, outline(chunks), tuple(told), answer)


def _paragraph(section: Section) -> str:
    said = " ".join(f"{' '.join(one.quote.split())} [{one.number}]" for one in section.citations)
    return f"{section.heading}\n{said}" if section.heading else said


def _citation(number: int, document: Document, one: _Candidate) -> Citation:
    chunk = one.chunk
    where = (chunk.page, one.text, *chunk.place(one.start, one.end))
    return Citation(number, document.id, document.name, *where, heading=one.heading, edited=chunk.edited)
