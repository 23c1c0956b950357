"""A document while it is written: blocks of text on pages, with the places of its headings and tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.errors import EmptyDocumentError
from rag.parsing import outline
from rag.parsing.limits import Limits
from rag.parsing.media import clean_title
from rag.parsing.raw import check_chars, check_pages
from rag.parsing.wire import PAGE_BREAK
from rag.records import Heading, Page, ParsedDocument

PARAGRAPH = PAGE_BREAK
"""Stands between two blocks. It is what stands between pages, so a page can be divided and no offset changes."""
LINE = "\n"
CELL = " | "

DEEPEST_HEADING = 8
TABLE_LEVEL = 9
"""The level of the column names of a table, below every heading."""

_LABEL_LENGTH = 60
_UNWRITABLE = re.compile(r"[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading at which a page may begin; `blocks` is how many blocks other than headings come before it."""

    offset: int
    level: int
    label: str
    blocks: int


class Draft:
    """Text is added at the end. Raises TooLargeError as soon as there are too many characters or pages."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: list[str] = []
        self._length = 0
        self._pages = [(0, "")]
        self._headings: list[Heading] = []
        self._sections: list[_Section] = []
        self._blocks = 0
        self._open: int | None = None  # the index of the heading of the table being written
        self._page_used = False

    @property
    def in_table(self) -> bool:
        return self._open is not None

    @property
    def page_is_empty(self) -> bool:
        return self._length == self._pages[-1][0]

    def page(self, label: str = "", inside_table: bool = False) -> None:
        """Begin a page, which the very first is without this. `label` is what a reader calls it."""
        if not inside_table:
            self.close_table()
        cleaned = clean_title(label, _LABEL_LENGTH)
        if not self._page_used and len(self._pages) == 1 and self.page_is_empty:
            self._pages = [(0, cleaned)]
        else:
            self._append(PAGE_BREAK)
            self._pages.append((self._length, cleaned))
            check_pages(len(self._pages), self._limits)
        self._page_used = True

    def heading(self, level: int, text: str) -> None:
        """A heading of `level` 1 to DEEPEST_HEADING that stands in the text as a block of its own."""
        title = clean_title(text)
        if title:
            self.close_table()
            level = min(level, DEEPEST_HEADING)
            start = self._block(text.strip(), PARAGRAPH)
            self._headings.append(Heading(level, title, start))
            self._sections.append(_Section(start, level, clean_title(title, _LABEL_LENGTH), self._blocks))

    def paragraph(self, text: str, separator: str = PARAGRAPH) -> None:
        """A block of text; blank ones are left out."""
        if text.strip():
            self.close_table()
            self.write(text, separator)

    def write(self, text: str, separator: str) -> None:
        """Text that belongs to the table being written, if one is."""
        self._block(text, separator)
        self._blocks += 1

    def open_table(self, columns: Sequence[str], rows: Sequence[Sequence[str]] = ()) -> None:
        """Begin a table with its header: `columns` as one row, or `rows` where the header has several."""
        self.close_table()
        title = clean_title(CELL.join(name for column in columns if (name := clean_title(column))))
        start = self._length if self.page_is_empty else self._length + len(PARAGRAPH)
        if title:
            self._open = len(self._headings)
            self._headings.append(Heading(TABLE_LEVEL, title, start))
        for number, row in enumerate(rows or [columns]):
            self.row(row, PARAGRAPH if number == 0 else LINE)

    def row(self, cells: Sequence[str], separator: str = LINE) -> None:
        """A row of a table, empty cells at its end left out."""
        kept = len(cells)
        while kept and not cells[kept - 1].strip():
            kept -= 1
        self.write(CELL.join(cells[:kept]).strip(" "), separator)

    def close_table(self) -> None:
        if self._open is not None:
            table = self._headings[self._open]
            self._headings[self._open] = Heading(table.level, table.title, table.offset, self._length)
            self._open = None

    def document(
        self, name: str, media_type: str, parser: str, title: str = "", date: int | None = None, sections: bool = False
    ) -> ParsedDocument:
        """What was written. With `sections`, a text without pages gets one for each section.

        Raises EmptyDocumentError where there is no text.
        """
        self.close_table()
        text = "".join(self._pieces)
        if not text.strip():
            raise EmptyDocumentError("The file has no text in it: upload one with content.")
        pages = self._in_sections() if sections and len(self._pages) == 1 else self._pages
        ends = [start - len(PAGE_BREAK) for start, _ in pages[1:]] + [len(text)]
        return ParsedDocument(
            title=outline.title(title, name),
            media_type=media_type,
            text=text,
            pages=tuple(
                Page(number, text[start:end], start, label)
                for number, ((start, label), end) in enumerate(zip(pages, ends, strict=True), start=1)
            ),
            headings=tuple(self._headings),
            parser=parser,
            date=date,
        )

    def _in_sections(self) -> list[tuple[int, str]]:
        """Pages that begin at the headings of the shallowest level that occurs twice, none with headings alone."""
        counts = Counter(section.level for section in self._sections)
        level = min((level for level, count in counts.items() if count > 1), default=None)
        starts = [section for section in self._sections if section.level == level]
        pages = [(0, starts[0].label if starts and not starts[0].blocks else "")]
        for before, section in pairwise([_Section(0, 0, "", 0), *starts]):
            if section.blocks > before.blocks:
                pages.append((section.offset, section.label))
        return pages if len(pages) <= self._limits.max_pages else [(0, "")]

    def _block(self, text: str, separator: str) -> int:
        """Add `text` and tell where it begins."""
        if not self.page_is_empty:
            self._append(separator)
        start = self._length
        self._append(_UNWRITABLE.sub("", text))
        check_chars(self._length, self._limits)
        return start

    def _append(self, piece: str) -> None:
        self._pieces.append(piece)
        self._length += len(piece)
