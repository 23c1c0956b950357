"""Citations are proofs: every quote must stand, word for word, where its footnote says.

If its passage was edited by hand it stands in that passage as it was found, and what the document says there beside it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from rag.answering.texts import Texts
from rag.records import Answer, Citation, Hit, Verdict

log = logging.getLogger(__name__)

UNPROVED = (
    "{count} not found at {its} place in the extracted text and {were} left out: the index does not agree with it. "
    "`python -m rag check --repair` mends that."
)


def proved(answer: Answer, texts: Texts, quoted: Callable[[Sequence[Citation]], str] | None = None) -> Answer:
    """The answer without the quotes that do not stand at their offsets, and a notice if there were any.

    `quoted` writes an answer that is nothing but its quotes; of any other the dropped footnotes are taken out.
    """
    kept = [printed(one, texts) for one in answer.citations if _stands(one, answer.hits, texts)]
    dropped = {one.number for one in answer.citations} - {one.number for one in kept}
    if not dropped:
        return replace(answer, citations=tuple(kept)) if any(one.edited for one in kept) else answer
    text = quoted(kept) if quoted else _without(answer.text, dropped)
    return replace(
        answer,
        text=text or "What was found cannot be proved, so nothing is quoted.",
        citations=tuple(kept),
        unknown=tuple((len(_without(answer.text[:at], dropped)), number) for at, number in answer.unknown),
        notice=" ".join(part for part in (answer.notice, _notice(len(dropped))) if part),
    )


def printed(citation: Citation, texts: Texts) -> Citation:
    """A footnote with what the document says at its place, if its passage was edited."""
    if citation.edited is None:
        return citation
    return replace(citation, printed=texts.between(citation.document, citation.start, citation.end))


def headed(answer: Answer, texts: Texts) -> Answer:
    """The answer with the heading above each of its quotes, and of those that its sentences rest on: a passage knows
    that of its beginning only."""

    def own(one: Citation) -> Citation:
        if one.edited:  # with the heading that it was given
            return printed(one, texts)
        return replace(one, heading=texts.heading(one.document, one.start) or one.heading)

    ledger = [replace(one, rests_on=own(one.rests_on)) if one.rests_on else one for one in answer.ledger]
    return replace(answer, citations=tuple(map(own, answer.citations)), ledger=tuple(ledger))


def pointed(answer: Answer) -> Answer:
    """The answer with what its sentences rest on highlighted within the passages that it cites: a language model cites
    whole passages. What does not bear a sentence out points at nothing."""
    rests = [one.rests_on for one in answer.ledger if one.rests_on and one.verdict is not Verdict.UNSUPPORTED]

    def own(one: Citation) -> Citation:
        spans = [
            (other.start, other.end)
            for other in rests
            if other.document == one.document and one.start <= other.start < other.end <= one.end
        ]
        joined = _joined(spans)
        return replace(one, highlights=() if joined == [(one.start, one.end)] else tuple(joined))

    return replace(answer, citations=tuple(map(own, answer.citations)))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same characters in order, none twice."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            start, end = joined[-1][0], max(joined.pop()[1], end)
        joined.append((start, end))
    return joined


def _stands(citation: Citation, hits: Sequence[Hit], texts: Texts) -> bool:
    if citation.edited:
        same = (one for one in hits if (one.chunk.document_id, *one.span) == _place(citation))
        return any(one.chunk.edited == citation.edited and citation.quote in one.text for one in same)
    there = texts.between(citation.document, citation.start, citation.end)
    if there == citation.quote:
        return True
    log.warning(
        "Quote dropped: %s, page %d, characters %d to %d: the extracted text has %.60r there, the quote is %.60r.",
        citation.name,
        citation.page,
        citation.start,
        citation.end,
        there,
        citation.quote,
    )
    return False


def _place(citation: Citation) -> tuple[str, int, int]:
    return citation.document, citation.start, citation.end


def _without(text: str, dropped: set[int]) -> str:
    return re.sub(r" ?\[(\d+)\]", lambda found: "" if int(found[1]) in dropped else found[0], text)


def _notice(count: int) -> str:
    if count == 1:
        return UNPROVED.format(count="One quote was", its="its", were="was")
    return UNPROVED.format(count=f"{count} quotes were", its="their", were="were")
