"""DOCX: paragraphs and tables in the order of the document. python-docx opens it.

Headers, footers, comments and deleted text are left out; footnotes stand after the paragraph that names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import docx
from docx.exceptions import PythonDocxError

from rag.parsing.container import open_office, reading
from rag.parsing.docx_parts import Style, Styles, W, notes, section_breaks
from rag.parsing.draft import LINE, PARAGRAPH, Draft
from rag.parsing.limits import Limits
from rag.parsing.media import DOCX
from rag.parsing.tables import clean_cell, continue_rows, write_rows
from rag.records import ParsedDocument

PARSER = f"docx 1 (python-docx {docx.__version__})"

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_P, _TABLE, _ROW, _CELL, _PROPERTIES = f"{W}p", f"{W}tbl", f"{W}tr", f"{W}tc", f"{W}pPr"
_TEXT_BOX, _RENDERED_BREAK, _BREAK = f"{W}txbxContent", f"{W}lastRenderedPageBreak", f"{W}br"
_LEFT_OUT = {_PROPERTIES, f"{W}rPr", f"{W}del", f"{W}moveFrom", f"{_MC}Fallback", f"{W}sectPr"}
_TEXT = {f"{W}t", f"{_M}t"}
_CHARACTER = {f"{W}tab": "\t", f"{W}cr": "\n", _BREAK: "\n", f"{W}noBreakHyphen": "-"}
_PICTURE = {f"{W}drawing", f"{W}pict"}
_NOTES = {f"{W}footnoteReference": "footnotes", f"{W}endnoteReference": "endnotes"}
_WIDEST_CELL = 63  # columns that Word allows


def parse_docx(data: bytes, name: str, limits: Limits) -> ParsedDocument:
    """Raises EmptyDocumentError, EncryptedError, DamagedError, ParseLimitError or TooLargeError."""
    properties = open_office(data, "docx")
    draft = Draft(limits)
    with reading("docx", PythonDocxError):
        reader = _Reader(docx.Document(BytesIO(data)), draft)
        reader.read()
    title = properties.title or reader.title
    return draft.document(name, DOCX, PARSER, title, properties.date, sections=True)


class _Reader:
    def __init__(self, document: Any, draft: Draft) -> None:
        self.title = ""
        self._body = document.element.body
        self._draft = draft
        self._styles = Styles(document.styles.element)
        self._notes = {kind: notes(document.part, kind) for kind in _NOTES.values()}
        self._section_breaks = section_breaks(self._body)
        self._sections = 0
        self._after_hard_break = False
        self._after_list_item = False

    def read(self) -> None:
        for block in _blocks(self._body):
            if block.tag == _TABLE:
                self._table(block)
            else:
                self._paragraph(block)

    def _paragraph(self, paragraph: Any) -> None:
        style = self._styles.of(paragraph)
        if style.breaks_page and not self._draft.page_is_empty:
            self._break_page()
        pieces: list[str] = []
        named: list[str] = []
        for node in _inside(paragraph):
            if node.tag in _TEXT:
                pieces.append(node.text or "")
            elif _is_page_break(node):
                self._write("".join(pieces), style)
                pieces = []
                self._break_page(rendered=node.tag == _RENDERED_BREAK)
            elif node.tag in _CHARACTER:
                pieces.append(_CHARACTER[node.tag])
            elif node.tag in _NOTES and (note := self._notes[_NOTES[node.tag]].get(node.get(f"{W}id"))):
                pieces.append(f"[{node.get(f'{W}id')}]")
                named.append(f"[{node.get(f'{W}id')}] {note}")
            elif node.tag in _PICTURE:
                self._after_hard_break = False
        self._write("".join(pieces), style)
        for note in named:
            self._draft.paragraph(note)
        if paragraph.find(f"{_PROPERTIES}/{W}sectPr") is not None:
            self._sections += 1
            if self._sections in self._section_breaks:
                self._break_page()

    def _write(self, text: str, style: Style) -> None:
        if not text.strip():
            return
        self._after_hard_break = False
        if style.level:
            self._draft.heading(style.level, text)
            self.title = self.title or (text if style.level == 1 else "")
        elif style.is_list:
            self._draft.paragraph(f"- {text.strip()}", LINE if self._after_list_item else PARAGRAPH)
        else:
            self._draft.paragraph(text)
        self._after_list_item = bool(style.is_list and not style.level)

    def _break_page(self, rendered: bool = False, inside_table: bool = False) -> None:
        """Word notes where a page broke when it last showed the text, after its cause where that is in the file."""
        if not (rendered and self._after_hard_break):
            self._draft.page(inside_table=inside_table)
        self._after_hard_break = not rendered

    def _table(self, table: Any) -> None:
        self._after_list_item = False
        parts: list[list[list[str]]] = [[]]
        for row in _children(table, _ROW):
            if any(_is_page_break(node) for node in row.iter(_RENDERED_BREAK, _BREAK)):
                parts.append([])
            parts[-1].append(_cells(row))
        for number, rows in enumerate(parts):
            if number == 0:
                write_rows(self._draft, rows)
            else:
                self._break_page(rendered=True, inside_table=self._draft.in_table)
                (continue_rows if self._draft.in_table else write_rows)(self._draft, rows)
            self._after_hard_break = self._after_hard_break and not rows


def _blocks(body: Any) -> Iterator[Any]:
    """The paragraphs and tables, those of content controls and text boxes too."""
    waiting = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if node.tag == _TABLE:
            yield node
        elif node.tag == _P:
            yield node
            waiting.extend(child for box in reversed(list(_inside(node, _TEXT_BOX))) for child in reversed(box))
        elif node.tag not in _LEFT_OUT:
            waiting.extend(reversed(node))


def _inside(element: Any, tag: str = "") -> Iterator[Any]:
    """What is shown of an element, in order, without what is in its text boxes; only `tag` where given."""
    waiting = list(reversed(element))
    while waiting:
        node = waiting.pop()
        if node.tag in _LEFT_OUT:
            continue
        if not tag or node.tag == tag:
            yield node
        if node.tag != _TEXT_BOX:
            waiting.extend(reversed(node))


def _children(element: Any, tag: str) -> Iterator[Any]:
    """The nearest elements below with `tag`, through whatever wraps them, but not through a table."""
    waiting = list(reversed(element))
    while waiting:
        node = waiting.pop()
        if node.tag == tag:
            yield node
        elif node.tag not in (_TABLE, _P) and node.tag not in _LEFT_OUT:
            waiting.extend(reversed(node))


def _cells(row: Any) -> list[str]:
    """The text of each column of a row; a cell over several has the first of them."""
    cells: list[str] = []
    for cell in _children(row, _CELL):
        cells.append(_flat_text(cell))
        span = cell.find(f"{W}tcPr/{W}gridSpan")
        if span is not None:
            cells.extend([""] * (min(int(span.get(f"{W}val", 1)), _WIDEST_CELL) - 1))
    return cells


def _flat_text(element: Any) -> str:
    pieces = []
    for node in _inside(element):
        if node.tag in _TEXT:
            pieces.append(node.text or "")
        elif node.tag in _CHARACTER or node.tag == _P:
            pieces.append(_CHARACTER.get(node.tag, " "))
    return clean_cell("".join(pieces))


def _is_page_break(node: Any) -> bool:
    return bool(node.tag == _RENDERED_BREAK or (node.tag == _BREAK and node.get(f"{W}type") == "page"))
