"""Text on its way to the page: escaping, and numbers as people read them. Pure functions.

Names and document text are hostile. Blocks of them are shown as escaped HTML; labels, which Streamlit always reads
as Markdown, go through `escape_markdown`.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Collection, Sequence
from datetime import date

from rag.records import Citation
from rag.workspace import inert_markdown

JOINER = "\u2060"
"""Word joiner: it has no width and is no space. Between two characters it keeps what they would start from starting."""

MARK = "background:rgba(242,182,50,.45);color:inherit;border-radius:.2rem;padding:.05rem 0"
"""How quoted words are marked, in CSS."""

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# Streamlit looks for these after the backslashes are gone: :material/icon:, :emoji:, :red[...], addresses, arrows.
_LATE = re.compile(r":(?=[\w+/-])|(?i:\bwww)(?=\.)|@(?=[\w-])")
_SYMBOLS = re.compile(r"(?<!\S)([<>~-])(->|[=>-])(?!\S)")
CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
_COMMAND = re.compile(r"(`[^`\n]+`)")


def escape_markdown(text: str) -> str:
    """`text` such that Streamlit's Markdown shows just these characters, on one line; for labels and captions."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", break_up(text))


def message_markdown(text: str) -> str:
    """One of our own messages: as `escape_markdown`, but with `commands` set as code."""
    parts = _COMMAND.split(" ".join(text.split()))
    return "".join(part if index % 2 else _escaped(part) for index, part in enumerate(parts))


def answer_markdown(text: str, numbers: Collection[int]) -> str:
    """A language model's Markdown without what only Streamlit reads into it, its footnote numbers set apart."""
    # Images, links and addresses go everywhere, in code too: what the browser takes for code need not be what is taken
    # for it here.
    text = inert_markdown(text)
    parts = CODE.split(text)
    return "".join(part if index % 2 else _prose(part, numbers) for index, part in enumerate(parts))


def _prose(text: str, numbers: Collection[int]) -> str:
    text = break_up(text).replace("$", r"\$")

    def footnote(found: re.Match[str]) -> str:
        return rf":blue[**\[{found[1]}\]**]" if int(found[1]) in numbers else found[0]

    return re.sub(r"\[(\d{1,3})\]", footnote, text)


def break_up(text: str) -> str:
    """`text` with what cannot be seen put where Streamlit would find more than text."""
    text = _LATE.sub(lambda found: found[0] + JOINER, text)
    return _SYMBOLS.sub(rf"\1{JOINER}\2", text)


def quoted_html(text: str, citations: Sequence[Citation]) -> str:
    """Quoted text as HTML paragraphs, one for each citation, every character as it is, with its footnote numbers set
    apart and marked what answers."""
    paragraphs = text.split("\n\n")
    shown = [
        _footnoted(_highlighted(one, citations[place] if place < len(citations) else None), citations)
        for place, one in enumerate(paragraphs)
    ]
    return (
        '<p style="margin:0;overflow-wrap:anywhere;white-space:pre-line">'
        + '</p><p style="margin:.75rem 0 0;overflow-wrap:anywhere;white-space:pre-line">'.join(shown)
        + "</p>"
    )


def _footnoted(shown: str, citations: Sequence[Citation]) -> str:
    numbers = {one.number for one in citations}

    def footnote(found: re.Match[str]) -> str:
        # Never alone on a line: the space before it does not break.
        return f"&nbsp;<strong>[{found[1]}]</strong>" if int(found[1]) in numbers else found[0]

    return re.sub(r" ?\[(\d{1,3})\]", footnote, shown)


def _highlighted(paragraph: str, citation: Citation | None) -> str:
    """A paragraph as HTML, in which the highlights of its citation are marked. Its white space is not the quote's."""
    if citation is None:
        return html.escape(paragraph)
    parts, done = [], 0
    for start, end in sorted(citation.highlights):
        before, words = citation.quote[: start - citation.start], citation.quote[start - citation.start :]
        wanted = r"\s+".join(map(re.escape, words[: end - start].split()))
        found = re.compile(wanted).search(paragraph, max(done, len(" ".join(before.split()))))
        if found and wanted:
            parts += [
                html.escape(paragraph[done : found.start()]),
                f'<mark style="{MARK}">{html.escape(found[0])}</mark>',
            ]
            done = found.end()
    return "".join(parts) + html.escape(paragraph[done:])


def counted(number: int, noun: str) -> str:
    """`1 page`, `1,204 pages`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def bytes_as_text(number: int) -> str:
    """`812 bytes`, `14 kB`, `3.2 MB`, `1.1 GB`."""
    if number < 1000:
        return counted(number, "byte")
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if number < size * 999.5 or unit == "GB":
            amount = number / size
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "kB" else f"{amount:.1f} {unit}"
    raise AssertionError("the last unit takes every number")


def duration(seconds: float) -> str:
    """`under 1 s`, `4 s`, `40 s`, `3 min`, `1.5 h`: rounded up, the coarser the longer."""
    if seconds < 1:
        return "under 1 s"
    for unit, size, step, below in (("s", 1, 1, 10), ("s", 1, 5, 60), ("min", 60, 1, 15), ("min", 60, 5, 60)):
        amount = math.ceil(seconds / size / step) * step
        if amount < below:
            return f"{amount} {unit}"
    return f"{math.ceil(seconds / 1800) / 2:g} h"


def about(seconds: float) -> str:
    """`about 4 s`, but never `about under 1 s`."""
    return duration(seconds) if seconds < 1 else f"about {duration(seconds)}"


def settled(seconds: float, shown: float | None) -> float:
    """An estimate that keeps what is shown until it is clearly different, so that it does not flicker."""
    return shown if shown is not None and 0.75 * shown <= seconds <= 1.15 * shown else seconds


def day(when: date) -> str:
    """`22 Nov 2026`."""
    return f"{when.day} {when:%b %Y}"


def shortened(text: str, limit: int) -> str:
    """`text` on one line with at most `limit` characters, the middle left out."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f"{text[: limit - tail - 1].rstrip()}…{text[-tail:].lstrip()}"
