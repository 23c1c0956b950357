"""An answer's text as HTML in which nothing of a document or a language model does anything, and its footnotes lead to
their quotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from rag.evidence.markdown import with_doubts
from rag.records import QUOTING, Answer, Citation

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FOOTNOTE = re.compile(r" ?\[(\d{1,3})\]")


def answer_html(answer: Answer, asked: int) -> Markup:
    """The answer to question `asked`: a quoted one as it is, one that a language model wrote as the Markdown it is,
    without links, images and HTML, and with its doubtful sentences called so."""
    linked = partial(_linked, asked=asked, numbers={one.number for one in answer.citations})
    if answer.ledger or answer.model != QUOTING:
        # Every part of it is escaped by the renderer, whose rules make no links, images or raw HTML.
        return Markup(_markdown().render(with_doubts(answer), {"linked": linked}))  # noqa: S704
    return Markup("").join(_paragraph(answer, one, linked) for one in answer.text.split("\n\n"))


def _paragraph(answer: Answer, text: str, linked: Callable[[str], Markup]) -> Markup:
    headings = {one.heading for one in answer.overview.sections} if answer.overview else set()
    heading, _, rest = text.partition("\n")
    if rest and heading in headings:
        return Markup('<h4 dir="auto">{}</h4><p dir="auto" class="quoted">{}</p>').format(heading, linked(rest))
    return Markup('<p dir="auto" class="quoted">{}</p>').format(linked(text))


def _linked(text: str, asked: int, numbers: Collection[int]) -> Markup:
    """`text` escaped, its footnotes as links to their quotes."""
    parts, done = [], 0
    for found in _FOOTNOTE.finditer(text):
        if (number := int(found[1])) in numbers:
            link = Markup('&nbsp;<a class="footnote" href="#q{0}-{1}" aria-label="Footnote {1}">[{1}]</a>')
            parts += [escape(text[done : found.start()]), link.format(asked, number)]
            done = found.end()
    return Markup("").join([*parts, escape(text[done:])])


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.disable(["link", "image", "autolink", "html_inline", "html_block", "reference", "entity"])
    made.add_render_rule("text", _text)
    made.add_render_rule("fence", _code)
    made.add_render_rule("code_block", _code)
    return made


def _text(_: object, tokens: Sequence[Any], at: int, _options: object, env: dict[str, Any]) -> str:
    return str(env["linked"](tokens[at].content))


def _code(_: object, tokens: Sequence[Any], at: int, *_rest: object) -> str:
    return f"<pre><code>{escape(tokens[at].content)}</code></pre>\n"


def quote_html(citation: Citation) -> Markup:
    """What is quoted, with what answers in it set in bold."""
    parts, done = [], 0
    for start, end in sorted((a - citation.start, b - citation.start) for a, b in citation.highlights):
        if done <= start < end <= len(citation.quote):
            parts += [escape(citation.quote[done:start]), Markup("<b>{}</b>").format(citation.quote[start:end])]
            done = end
    return Markup("").join([*parts, escape(citation.quote[done:])])
