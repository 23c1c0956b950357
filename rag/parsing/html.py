"""HTML and XHTML: the text that is shown. lxml reads it; nothing is fetched.

Left out are scripts, styles, templates, `noscript`, frames, drawings, form controls, `nav`, what is hidden by
`hidden` or `display: none`, and the header of inline XBRL. Everything else is kept.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from rag.parsing.draft import LINE, PARAGRAPH, Draft
from rag.parsing.html_source import BLOCKS, HEADINGS, is_shown, read_source
from rag.parsing.html_tables import table_rows, tables_around_others
from rag.parsing.limits import Limits
from rag.parsing.media import HTML
from rag.parsing.tables import Row, write_rows, write_table
from rag.records import ParsedDocument

PARSER = f"html 1 (lxml {etree.__version__})"

_LISTS = {"ul", "ol", "menu", "dir", "dl"}
_PAGE_BREAK = re.compile(r"break-(before|after)\s*:\s*(?:always|page|left|right|recto|verso)\b", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b\ufeff]")
_SPACE = re.compile(r"\s+")
_SPACES = re.compile(" {2,}")
_AROUND_BREAKS = re.compile(r" *\n *")
_MANY_BREAKS = re.compile(r"\n{3,}")


def parse_html(data: bytes, name: str, limits: Limits) -> ParsedDocument:
    """Raises EmptyDocumentError, TooLargeError, ParseLimitError, and DamagedError for what is not text."""
    source = read_source(data)
    draft = Draft(limits)
    reader = _Reader(draft)
    reader.read(source.root)
    return draft.document(name, HTML, PARSER, source.title or reader.title, source.date, sections=True)


class _Reader:
    """Walks through the tree; text is gathered until a block begins or ends."""

    def __init__(self, draft: Draft) -> None:
        self.title = ""
        self._draft = draft
        self._gathered: list[str] = []
        self._level = 0
        self._preformatted = 0
        self._items: list[int] = []  # of each list around, how many items it had
        self._marker = ""
        self._in_begun_list = False

    def read(self, root: Any) -> None:
        around = tables_around_others(root)
        walker = etree.iterwalk(root, events=("start", "end"))
        skipped = None
        for event, element in walker:
            if event == "end":
                if element is not skipped:
                    self._end(element)
                self._gather(element.tail)
            elif not is_shown(element):
                skipped = element
                walker.skip_subtree()
            elif element.tag == "table" and element not in around and (rows := table_rows(element)):
                self._table(element, *rows)
                skipped = element
                walker.skip_subtree()
            else:
                self._start(element)
        self._flush()

    def _start(self, element: Any) -> None:
        tag = element.tag
        self._break_page(element, "before")
        if tag in BLOCKS:
            self._flush()
        if tag == "br":
            self._gathered.append("\n")
        elif tag in ("td", "th"):
            self._gathered.append(" ")
        elif tag in HEADINGS:
            self._level = HEADINGS[tag]
        elif tag == "pre":
            self._preformatted += 1
        elif tag in _LISTS:
            self._in_begun_list = self._in_begun_list and bool(self._items)
            self._items.append(0)
        elif tag == "li":
            self._begin_item(element)
        self._gather(element.text)

    def _end(self, element: Any) -> None:
        tag = element.tag
        if tag in BLOCKS:
            self._flush()
        if tag in HEADINGS:
            self._level = 0
        elif tag == "pre":
            self._preformatted -= 1
        elif tag in _LISTS:
            self._items.pop()
            self._in_begun_list = self._in_begun_list and bool(self._items)
        elif tag == "li":
            self._marker = ""
        self._break_page(element, "after")

    def _begin_item(self, element: Any) -> None:
        parent = element.getparent()
        if self._items:
            self._items[-1] += 1
        is_numbered = self._items and parent is not None and parent.tag == "ol"
        self._marker = "  " * (len(self._items) - 1) + (f"{self._items[-1]}. " if is_numbered else "- ")

    def _gather(self, text: str | None) -> None:
        if text:
            self._gathered.append(text if self._preformatted else _SPACE.sub(" ", text))

    def _flush(self) -> None:
        text = _INVISIBLE.sub("", "".join(self._gathered))
        self._gathered = []
        if not text.strip():
            return
        if self._preformatted:
            text = text.strip("\n")
        else:
            text = _MANY_BREAKS.sub("\n\n", _AROUND_BREAKS.sub("\n", _SPACES.sub(" ", text))).strip()
        if self._level:
            self._draft.heading(self._level, text)
            self.title = self.title or text
        else:
            self._draft.paragraph(self._marker + text, LINE if self._in_begun_list else PARAGRAPH)
            self._marker = ""
        self._in_begun_list = bool(self._items) and not self._level

    def _table(self, table: Any, header: list[Row], rows: list[Row]) -> None:
        self._flush()
        caption = table.find("caption")
        if caption is not None:
            self._draft.paragraph(" ".join("".join(caption.itertext()).split()))
        if header:
            write_table(self._draft, header, rows)
        else:
            write_rows(self._draft, rows)
        self._draft.close_table()
        self._in_begun_list = False

    def _break_page(self, element: Any, where: str) -> None:
        style = element.get("style")
        if style and any(match.group(1).lower() == where for match in _PAGE_BREAK.finditer(style)):
            self._flush()
            if not self._draft.page_is_empty:
                self._draft.page()
