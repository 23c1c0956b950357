"""A PDF's own words about itself: its outline as headings, its title, its date, its page labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import cache

from rag.parsing.media import clean_title, title_from_name
from rag.parsing.raw import OutlineEntry
from rag.records import Heading

_SEARCHED = 100_000
_NOT_A_TITLE = re.compile(
    r"untitled\b|microsoft (word|excel|powerpoint) - "
    r"|.*\.(docx?|xlsx?|pptx?|pdf|tex|dvi|indd|html?|rtf|txt|odt|qxd|p65)$",
    re.IGNORECASE,
)
_LETTERS_IN_A_ROW = re.compile(r"[^\W\d_]{2}")
_DATE = re.compile(r"(?:D:)?(\d{4})(\d{2})(\d{2})")


def headings(entries: Sequence[OutlineEntry], texts: Sequence[str], starts: Sequence[int]) -> tuple[Heading, ...]:
    """The outline as headings in the order of the text, each where its title stands on its page.

    `texts` and `starts` are the pages' texts and their offsets in the document's. Where the title is not
    found (case and white space do not matter) the heading is at the start of the page.
    """

    @cache
    def squeezed(page: int) -> tuple[str, list[int]]:
        return _squeeze(texts[page][:_SEARCHED])

    found = []
    for entry in entries:
        title = clean_title(entry.title)
        if title and entry.page < len(texts):
            offset = _find(title, texts[entry.page], *squeezed(entry.page))
            found.append(Heading(entry.level, title, starts[entry.page] + offset))
    return tuple(sorted(found, key=lambda heading: heading.offset))


def place(title: str, text: str) -> int:
    """Where `title` stands in a page's text, as a heading: the offset, 0 where it does not."""
    return _find(title, text[:_SEARCHED], *_squeeze(text[:_SEARCHED]))


def _squeeze(text: str) -> tuple[str, list[int]]:
    """`text` in lower case without white space, and where each character of that is in `text`."""
    places = [place for place, character in enumerate(text) if not character.isspace()]
    kept = "".join(text.split())
    lowered = kept.lower()
    return (lowered if len(lowered) == len(kept) else kept), places


def _find(title: str, text: str, squeezed: str, places: list[int]) -> int:
    """Where `title` begins in `text`: the first time that it begins a line, else the first time, else 0."""
    needle = _squeeze(title)[0]
    first = at = squeezed.find(needle)
    for _ in range(50):
        if at < 0:
            break
        if at == 0 or "\n" in text[places[at - 1] : places[at]]:
            return places[at]
        at = squeezed.find(needle, at + 1)
    return places[first] if first >= 0 else 0


def title(metadata_title: str, name: str) -> str:
    """The title in the metadata if it is one for people, else the file's name without extension."""
    cleaned = clean_title(metadata_title.replace("\0", ""))
    if not _LETTERS_IN_A_ROW.search(cleaned) or _NOT_A_TITLE.match(cleaned):
        return title_from_name(name)
    return cleaned


def created_on(text: str) -> int | None:
    """`D:20230504072523+00'00'` -> 20230504; None where that is no date."""
    match = _DATE.match(text.strip())
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups())
    try:
        date(year, month, day)
    except ValueError:
        return None
    return year * 10_000 + month * 100 + day


def page_label(label: str, number: int) -> str:
    """The label printed on a page (`iv`), or nothing where it is the page's number anyway."""
    cleaned = clean_title(label, limit=20)
    return "" if cleaned == str(number) else cleaned
