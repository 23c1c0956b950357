"""What the two PDF engines give alike, before anything is cleaned, and the caps on every document."""

from __future__ import annotations

from dataclasses import dataclass

from rag.errors import EncryptedError, TooLargeError
from rag.parsing.limits import Limits

MAX_OUTLINE_ENTRIES = 2000
MAX_OUTLINE_DEPTH = 15
BLANK = "\0 \r\n\t"
"""What raw text may consist of and still count as none."""


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """An entry of a PDF's outline: `level` from 1, `page` from 0."""

    level: int
    title: str
    page: int


@dataclass(frozen=True, slots=True)
class RawPdf:
    """`texts` has the raw text of each page; `broken` the indices of those that could not be read.

    Among the pages without text, `visible` are those that can be rendered and have something to see, `pictures` those
    that have nothing but pictures.
    """

    texts: list[str]
    labels: list[str]
    outline: list[OutlineEntry]
    title: str
    created: str
    """The creation date as PDF writes it: `D:20230504072523+00'00'`."""
    broken: frozenset[int]
    visible: frozenset[int] = frozenset()
    pictures: frozenset[int] = frozenset()


def check_pages(count: int, limits: Limits) -> None:
    if count > limits.max_pages:
        raise TooLargeError(
            f"The file has {count} pages, more than {limits.max_pages}: split it, or raise RAG_MAX_PAGES."
        )


def check_chars(count: int, limits: Limits) -> None:
    if count > limits.max_chars:
        raise TooLargeError(
            f"The file has more than {limits.max_chars:,} characters: split it, or raise RAG_MAX_CHARS."
        )


def encrypted(password: str) -> EncryptedError:
    """What to say of a PDF that `password` does not open; "" if none was given."""
    if password:
        return EncryptedError("The password does not open the PDF: check it and try again.")
    return EncryptedError(
        "The PDF asks for a password: give it (on the command line with `--ask-password`), or remove the password and "
        "upload the file again."
    )
