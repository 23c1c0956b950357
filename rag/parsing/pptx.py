"""PPTX: a page a slide, hidden ones too, so that their numbers stay the presentation's. python-pptx opens it.

Of a slide: title, then its shapes from top to bottom and left to right, then the speaker's notes. Footers, dates
and slide numbers, which repeat, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import zip_longest
from typing import Any

import pptx
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import PythonPptxError

from rag.parsing.container import open_office, reading, xml
from rag.parsing.draft import Draft
from rag.parsing.limits import Limits
from rag.parsing.media import PPTX
from rag.parsing.tables import clean_cell, write_rows, write_table
from rag.records import ParsedDocument

PARSER = f"pptx 1 (python-pptx {pptx.__version__})"

_REPEATED = {PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.HEADER}
_BAND = 228_600  # a quarter of an inch: shapes whose tops differ by less are beside each other
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


def parse_pptx(data: bytes, name: str, limits: Limits) -> ParsedDocument:
    """Raises EmptyDocumentError, EncryptedError, DamagedError, ParseLimitError or TooLargeError."""
    properties = open_office(data, "pptx")
    draft = Draft(limits)
    with reading("pptx", PythonPptxError):
        for slide in pptx.Presentation(BytesIO(data)).slides:
            _write_slide(draft, slide)
    return draft.document(name, PPTX, PARSER, properties.title, properties.date)


def _write_slide(draft: Draft, slide: Any) -> None:
    title = slide.shapes.title
    heading = _text(title.text_frame) if title is not None else ""
    draft.page(heading)
    draft.heading(1, heading)
    for shape in _in_reading_order(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            _write_shape(draft, shape)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None and _text(frame):
        draft.paragraph(f"Notes: {_text(frame)}")


def _in_reading_order(shapes: Iterable[Any]) -> Iterator[Any]:
    """The shapes, with those of a group where the group is."""
    waiting = _sorted(shapes)[::-1]
    while waiting:
        shape = waiting.pop()
        inner = getattr(shape, "shapes", None)
        if inner is None:
            yield shape
        else:
            waiting.extend(_sorted(inner)[::-1])


def _sorted(shapes: Iterable[Any]) -> list[Any]:
    return sorted(shapes, key=lambda shape: ((shape.top or 0) // _BAND, shape.left or 0))


def _write_shape(draft: Draft, shape: Any) -> None:
    if shape.is_placeholder and shape.placeholder_format.type in _REPEATED:
        return
    if shape.has_text_frame:
        draft.paragraph(_text(shape.text_frame))
    elif getattr(shape, "has_table", False):
        write_rows(draft, [[clean_cell(cell.text) for cell in row.cells] for row in shape.table.rows])
        draft.close_table()
    elif getattr(shape, "has_chart", False):
        _write_chart(draft, shape.chart_part._element)
    else:
        _write_diagram(draft, shape)


def _text(frame: Any) -> str:
    lines = (paragraph.text.replace("\v", "\n").strip() for paragraph in frame.paragraphs)
    return "\n".join(line for line in lines if line)


def _write_chart(draft: Draft, chart: Any) -> None:
    """The title, then the values as a table with a column for each series.

    From the XML, because python-pptx refuses the kinds of charts that it cannot write.
    """
    title = chart.find(f".//{_C}chart/{_C}title")
    if title is not None:
        draft.paragraph(clean_cell(" ".join(one.text or "" for one in title.iter(f"{_A}t"))))
    series = list(chart.iter(f"{_C}ser"))
    names = [" ".join(_points(one, "tx")) for one in series]
    labels = next((found for one in series for tag in ("cat", "xVal") if (found := _points(one, tag))), [])
    columns = [_points(one, "val") or _points(one, "yVal") for one in series]
    rows = [[cell or "" for cell in row] for row in zip_longest(labels, *columns)]
    if rows:
        write_table(draft, [["", *names]], rows)
        draft.close_table()


def _points(series: Any, tag: str) -> list[str]:
    """The cached values of a series' names, labels or values; those that are missing are empty."""
    found: dict[int, str] = {}
    holder = series.find(f"{_C}{tag}")
    for point in [] if holder is None else holder.iter(f"{_C}pt"):
        found.setdefault(int(point.get("idx", 0)), clean_cell(point.findtext(f"{_C}v") or ""))
    return [found.get(index, "") for index in range(min(max(found, default=-1) + 1, 10_000))]


def _write_diagram(draft: Draft, shape: Any) -> None:
    """The texts of a SmartArt, which are in a part of their own."""
    for relation in shape._element.iter(f"{_DIAGRAM}relIds"):
        data = xml(shape.part.related_part(relation.get(f"{_R}dm")).blob)
        texts = (clean_cell("".join(one.itertext(f"{_A}t"))) for one in data.iter(f"{_A}p"))
        draft.paragraph("\n".join(text for text in texts if text))
