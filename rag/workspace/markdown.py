"""Answers as Markdown to be pasted elsewhere, their footnotes with document and page."""

from __future__ import annotations

import re

from rag.parsing import page_noun
from rag.records import DOUBTFUL, QUOTING, Answer, Citation, Verdict

_FOOTNOTE = re.compile(r"\s*\[(\d{1,3})\]")
_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~$!^])|(?<=\w)(:)(?=//)|(?<=\bwww)(\.)", re.IGNORECASE)
_LINE_BEGINS = re.compile(r"^(\s*)(?:([-+=])|(\d{1,9})([.)]))(?=\s|$)", re.MULTILINE)
_DRAWN = re.compile(r"(?i)((?:`{3,}|~{3,})\s*)mermaid\b|!\[")
_DOUBTS = {Verdict.PARTLY: "only partly in the passages", Verdict.UNSUPPORTED: "not in the passages"}


def answer_markdown(answer: Answer) -> str:
    """An answer with its footnotes as Markdown has them, and with its doubtful sentences called so.

    What is quoted from documents is escaped: nothing in it can become a link or an image where this is pasted.
    """
    numbers = {one.number for one in answer.citations}
    written = bool(answer.ledger) or answer.model != QUOTING
    text = _with_doubts(answer) if written else _paragraphs(answer)
    body = _FOOTNOTE.sub(lambda found: f"[^{found[1]}]" if int(found[1]) in numbers else found[0], text)
    return "\n".join([body, *(["", *map(_footnote, answer.citations)] if answer.citations else [])]) + "\n"


def _with_doubts(answer: Answer) -> str:
    text = answer.text
    for claim in sorted(answer.ledger, key=lambda one: -one.start):
        if claim.verdict in DOUBTFUL:
            text = f"{text[: claim.end]} *({_DOUBTS[claim.verdict]})*{text[claim.end :]}"
    return _DRAWN.sub(lambda found: f"{found[1]}text" if found[1] else "\\![", text)


def _paragraphs(answer: Answer) -> str:
    """Quoted text, escaped but for its footnotes; an overview's headings are headings."""
    headings = {section.heading for section in answer.overview.sections} if answer.overview else set()
    told = []
    for paragraph in answer.text.split("\n\n"):
        heading, _, rest = paragraph.partition("\n")
        lines = rest if heading in headings and rest else paragraph
        shown = "  \n".join(_escaped(line) for line in lines.split("\n"))
        told.append(f"### {_escaped(heading)}\n\n{shown}" if lines is rest else shown)
    return "\n\n".join(told)


def _escaped(text: str) -> str:
    parts = re.split(r"(\s*\[\d{1,3}\])", text)
    return "".join(part if index % 2 else _plain(part) for index, part in enumerate(parts))


def _plain(text: str) -> str:
    escaped = _SIGNS.sub(lambda found: f"\\{found[0]}", text)
    return _LINE_BEGINS.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] else f"{m[1]}{m[3]}\\{m[4]}", escaped)


def _footnote(citation: Citation) -> str:
    where = f"{_plain(' '.join(citation.name.split()))}, {page_noun(citation.name)} {citation.page}"
    heading = _plain(" ".join(citation.heading.split()))[:200]
    return f"[^{citation.number}]: {where}" + (f" · {heading}" if heading else "")
