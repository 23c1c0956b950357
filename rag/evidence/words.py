"""What evidence says of where something stands, of what was looked into and by whom it was answered: plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import SequenceMatcher

from rag.parsing import page_noun
from rag.records import QUOTING, Answer, Asked, Box, Citation, Hit, Proof, Verdict

VERDICTS = {
    Verdict.VERBATIM: "Word for word in the passage",
    Verdict.SUPPORTED: "Borne out by the passage",
    Verdict.EDITED: "Rests on an edited passage",
    Verdict.PARTLY: "Only partly in the passages",
    Verdict.UNSUPPORTED: "Not in the passages",
}
"""What a sentence of a language model's answer is called."""


def place(name: str, page: int) -> str:
    """`page 5`, `slide 5`: where in a document of that name."""
    return f"{page_noun(name)} {page}"


def number(proof: Proof, several: bool) -> str:
    """What a footnote is called on the image of its page: `1`, or `2.1` for the first of the second question."""
    return f"{proof.asked}.{proof.citation.number}" if several else f"{proof.citation.number}"


def marked(answers: Sequence[Box]) -> str:
    """How quoted words are marked on the image of their page, if those are the boxes of what answers in them."""
    return "tinted, and what answers in them boxed" if answers else "boxed"


def characters(one: Citation) -> str:
    """Where a quote stands in the text of its document."""
    return characters_of((one.start, one.end))


def characters_of(span: tuple[int, int]) -> str:
    """`characters 1,204–1,310`."""
    return f"characters {span[0]:,}–{span[1]:,}"


def edited(one: Citation) -> str:
    """That a quote is from a passage that was edited by hand, and when; empty if it is not."""
    if one.edited is None:
        return ""
    return f"from a passage that was edited by hand on {day(one.edited.astimezone())}"


def edited_in_full(one: Citation, most: int = 0) -> str:
    """The same with what the page says at its place, of which about `most` characters are shown (0: all)."""
    if one.edited is None:
        return ""
    if printed_too(one):
        return f"{edited(one)}; the page has these words too"
    return f"{edited(one)}; the page says otherwise: “{beside(one.quote, one.printed, most)}”"


def beside(quote: str, printed: str, most: int) -> str:
    """What a page says where something else is quoted, on one line: about `most` characters (0: all) of it, from where
    the words begin that both have."""
    said, there = quote.split(), printed.split()
    if not most or len(" ".join(there)) <= most:
        return " ".join(there)
    alike = SequenceMatcher(None, said, there, autojunk=False).get_matching_blocks()[:-1]
    longest = max(alike, key=lambda one: one.size, default=None)
    first = max(0, longest.b - longest.a) if longest else 0
    shown, last = "", first
    while last < len(there) and len(shown) < most:
        shown, last = f"{shown} {there[last]}", last + 1
    return f"{'… ' * (first > 0)}{shown.strip()}{' …' * (last < len(there))}"


def printed_too(one: Citation) -> bool:
    """Whether the page has the words of an edited passage that are quoted: then something else of it was edited."""
    return " ".join(one.quote.split()) in " ".join(one.printed.split())


def day(when: date) -> str:
    """`22 Nov 2026`."""
    return f"{when.day} {when:%b %Y}"


def answered_by(answer: Answer) -> str:
    """Who has written an answer."""
    if answer.abstained:
        return "Not answered: no passage that was found says it."
    if answer.model == QUOTING:
        if any(one.edited for one in answer.citations):
            return "Quoted from the documents and from passages that were edited by hand; no language model."
        return "Quoted word for word from the documents; no language model."
    return f"Written by {answer.model} from the passages that were found."


def models(asked: Sequence[Asked]) -> str:
    """Which language models have written answers, as the answers say."""
    written = {one.answer.model: None for one in asked if one.answer and one.answer.model != QUOTING}
    if not written:
        return "none: answers are quoted word for word"
    quoted = any(one.answer and one.answer.model == QUOTING for one in asked)
    return ", ".join(written) + "; other answers are quoted word for word" * quoted


def moment(when: datetime) -> str:
    """`28 November 2026 at 05:31 (UTC+0000)`, in the time of where Footnote runs."""
    return when.astimezone().strftime("%d %B %Y at %H:%M (UTC%z)")


def looked_into(asked: Asked, chosen: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """When a question was asked, and where it was looked into: what, and its value."""
    search = asked.search
    if asked.at:
        yield "Asked", moment(asked.at)
    yield "Collection", search.collection
    if search.documents:
        yield "Documents", ", ".join(chosen.get(one, one) for one in search.documents)
    if search.tags:
        yield "Tags", ", ".join(search.tags)
    if search.types:
        yield "Types of file", ", ".join(search.types)
    if search.since or search.until:
        yield "Dated", f"{_day(search.since) or 'any time'} to {_day(search.until) or 'today'}"
    if asked.where:
        yield "Filter", asked.where
    yield "Passages looked for", f"{search.passages}"
    if asked.answer and asked.answer.hits:
        yield "Passages found", "; ".join(dict.fromkeys(map(_found, asked.answer.hits)))


def _found(hit: Hit) -> str:
    return f"{hit.name}, {place(hit.name, hit.chunk.page)}"


def _day(date: int) -> str:
    return f"{date // 10000}-{date // 100 % 100:02}-{date % 100:02}" if date else ""
