"""Answers as Markdown to be pasted elsewhere, their footnotes with document and page; conversations with evidence."""

from __future__ import annotations

import re
from collections.abc import Callable

from rag.evidence import words
from rag.evidence.inert import inert_markdown, without_addresses
from rag.evidence.plain import PRINTED
from rag.parsing import page_noun
from rag.records import DOUBTFUL, QUOTING, Answer, Asked, Citation, Claim, Evidence, Original, Proof, Verdict

_FOOTNOTE = re.compile(r"\s*\[(\d{1,3})\]")
_SIGNS = re.compile(r"[\\`*_{}\[\]<>#|~$!^]|&(?=#?\w+;)")
_LINE_BEGINS = re.compile(r"^(\s*)(?:([-+=]+|:-+:?)|(\d{1,9})([.)]))(?=\s|$)", re.MULTILINE)
_LINE_ENDS = re.compile(r"\r\n?|\n")
_DOUBTS = {Verdict.PARTLY: "only partly in the passages", Verdict.UNSUPPORTED: "not in the passages"}


def answer_markdown(answer: Answer) -> str:
    """An answer with its footnotes as Markdown has them, and with its doubtful sentences called so.

    What is quoted from documents is escaped: nothing in it can become a link or an image where this is pasted.
    """
    footnotes = [_footnote(one) for one in answer.citations]
    return "\n".join([_body(answer), *(["", *footnotes] if footnotes else [])]) + "\n"


def _body(answer: Answer, prefix: str = "") -> str:
    numbers = {one.number for one in answer.citations}
    written = bool(answer.ledger) or answer.model != QUOTING
    text = inert_markdown(with_doubts(answer)) if written else _paragraphs(answer)
    return _FOOTNOTE.sub(lambda found: f"[^{prefix}{found[1]}]" if int(found[1]) in numbers else found[0], text)


def with_doubts(answer: Answer) -> str:
    """A language model's Markdown, its doubtful sentences called so."""
    text = answer.text
    for claim in sorted(answer.ledger, key=lambda one: -one.start):
        if claim.verdict in DOUBTFUL:
            text = f"{text[: claim.end]} *({_DOUBTS[claim.verdict]})*{text[claim.end :]}"
    return text


def _paragraphs(answer: Answer) -> str:
    """Quoted text, escaped but for its footnotes; an overview's headings are headings."""
    headings = {section.heading for section in answer.overview.sections} if answer.overview else set()
    told = []
    for paragraph in answer.text.split("\n\n"):
        heading, _, rest = paragraph.partition("\n")
        lines = rest if heading in headings and rest else paragraph
        # Four spaces at the beginning would make code of a line; fewer are not shown anyway.
        shown = "  \n".join(_escaped(line.lstrip(" \t")) for line in _LINE_ENDS.split(lines))
        told.append(f"### {_escaped(heading)}\n\n{shown}" if lines is rest else shown)
    return "\n\n".join(told)


def _escaped(text: str) -> str:
    parts = re.split(r"(\s*\[\d{1,3}\])", text)
    return "".join(part if index % 2 else _plain(part) for index, part in enumerate(parts))


def _plain(text: str) -> str:
    escaped = _SIGNS.sub(lambda found: f"\\{found[0]}", without_addresses(text))
    return _LINE_BEGINS.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] else f"{m[1]}{m[3]}\\{m[4]}", escaped)


def _footnote(citation: Citation, prefix: str = "", most: int = PRINTED) -> str:
    where = f"{_line(citation.name)}, {page_noun(citation.name)} {citation.page}"
    heading = _line(citation.heading)[:200]
    edited = f" · *{_line(words.edited_in_full(citation, most))}*" if citation.edited else ""
    return f"[^{prefix}{citation.number}]: {where}" + (f" · {heading}" if heading else "") + edited


def _line(text: str) -> str:
    return _plain(" ".join(text.split()))


def evidence_markdown(evidence: Evidence) -> str:
    """A conversation with its quotes, the hashes of the documents, settings and versions."""
    several = len(evidence.asked) > 1
    parts = [_asked(number, one, evidence, several) for number, one in enumerate(evidence.asked, start=1)]
    if evidence.originals:
        parts.append("\n".join(["## Documents", "", *map(_original, evidence.originals)]))
    told = [f"- {what}: {_line(value)}" for what, value in evidence.settings.items()]
    versions = ", ".join(f"{what} {_line(value)}" for what, value in evidence.versions.items())
    model = f"- Language model: {_line(words.models(evidence.asked))}"
    now = "Settings and versions as Footnote is set when this file is made, not always as when a question was asked:"
    made = [
        model,
        "",
        now,
        "",
        *told,
        f"- Versions: {versions}",
        f"- Made: {evidence.made_at.isoformat(timespec='seconds')}",
    ]
    return "\n\n".join([*parts, "\n".join(["## How this was made", "", *made])]) + "\n"


def _asked(number: int, one: Asked, evidence: Evidence, several: bool) -> str:
    parts = [f"## {f'{number}. ' if several else ''}{_line(one.question)}"]
    answer, prefix = one.answer, f"{number}-" if several else ""
    if answer is None:
        parts.append("*It was not answered.*")
    else:
        if answer.searched not in ("", one.question.strip()):
            parts.append(f"*Searched for: {_line(answer.searched)}*")
        parts += [_line(answer.notice)] if answer.notice else []
        parts += [_body(answer, prefix), f"*{_line(words.answered_by(answer))}*"]
        parts += ["\n".join(map(_claim_of(answer), answer.ledger))] if answer.ledger else []
    scope = "; ".join(f"{what}: {_line(value)}" for what, value in words.looked_into(one, evidence.chosen))
    parts.append(f"*{scope}*")
    quotes = [_proof(each, prefix) for each in evidence.proofs if each.asked == number]
    return "\n\n".join([*parts, *quotes])


def _claim_of(answer: Answer) -> Callable[[Claim], str]:
    return lambda one: (
        f"- {words.VERDICTS[one.verdict]}: “{_line(answer.text[one.start : one.end])}” {_line(' '.join(one.reasons))}"
    ).rstrip()


def _proof(proof: Proof, prefix: str) -> str:
    """A footnote with its quote, on one line."""
    one = proof.citation
    problem = f" ({_line(proof.problem)})" if proof.problem else ""
    return f"{_footnote(one, prefix, most=0)} · {words.characters(one)}{problem}: “{_line(one.quote)}”"


def _original(one: Original) -> str:
    facts = [f"SHA-256 `{one.sha256}`"] if one.sha256 else []
    facts += [f"id `{one.id}`", *([_line(one.problem)] if one.problem else [])]
    return f"- {_line(one.name)}: {', '.join(facts)}"
