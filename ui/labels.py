"""What documents and the places in them are called, escaped where Markdown is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rag.records import Document
from rag.workspace import page_noun
from ui.text import break_up, bytes_as_text, escape_markdown, shortened

_MARKUP = re.compile(r"[^\w .,()…-]|(?<![^\W_])_+|_+(?![^\W_])")


def place(name: str, page: int) -> str:
    """`page 5`, `slide 5`: where in a document of that name."""
    return f"{page_noun(name)} {page}"


def label(name: str, page: int, limit: int = 40) -> str:
    """`report.pdf · p. 5` for a button, escaped."""
    return f"{escape_markdown(shortened(name, limit))} · {place(name, page).replace('page ', 'p. ')}"


def heading_path(heading: str, limit: int = 1000) -> str:
    """The headings above a passage, a table's column names among them, escaped."""
    return " › ".join(escape_markdown(one) for one in shortened(heading, limit).split(" > "))


def distinguished(documents: Sequence[Document]) -> dict[str, str]:
    """What to call each document, by its id: its name, and of several with one name what tells them apart."""
    times = Counter(one.name for one in documents)
    return {one.id: one.name if times[one.name] == 1 else _in_full(one) for one in documents}


def _in_full(document: Document) -> str:
    added = document.added_at.astimezone()
    return f"{document.name} · {bytes_as_text(document.bytes)} · added {added:%Y-%m-%d %H:%M} · {document.id[:8]}"


def spoken(name: str) -> str:
    """A name within the label of a field, which screen readers read out with its backslashes: so without them, and
    without what Markdown would make something of."""
    return break_up(" ".join(_MARKUP.sub(" ", name).split()))
