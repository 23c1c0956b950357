"""From bytes to a document, by media type. Runs in the child process; imports a reader when it is needed."""

from __future__ import annotations

from rag.parsing import media
from rag.parsing.limits import Limits
from rag.records import ParsedDocument


def parse_bytes(
    data: bytes, name: str, media_type: str, limits: Limits, with_pdfium: bool = True, password: str = ""
) -> ParsedDocument:
    """Raises a DocumentError for whatever is wrong with the file."""
    if media_type == media.PDF:
        from rag.parsing.pdf import parse_pdf

        return parse_pdf(data, name, limits, with_pdfium, password)
    if media_type == media.DOCX:
        from rag.parsing.docx import parse_docx

        return parse_docx(data, name, limits)
    if media_type == media.PPTX:
        from rag.parsing.pptx import parse_pptx

        return parse_pptx(data, name, limits)
    if media_type == media.XLSX:
        from rag.parsing.xlsx import parse_xlsx

        return parse_xlsx(data, name, limits)
    if media_type in (media.CSV, media.TSV):
        from rag.parsing.delimited import parse_delimited

        return parse_delimited(data, name, media_type, limits)
    if media_type == media.HTML:
        from rag.parsing.html import parse_html

        return parse_html(data, name, limits)
    if media_type in (media.JSON, media.JSONL):
        from rag.parsing.json_records import parse_json

        return parse_json(data, name, media_type, limits)
    if media_type in media.IMAGES:
        from rag.parsing.image import parse_image

        return parse_image(data, name, media_type, limits)
    from rag.parsing.text import parse_text

    return parse_text(data, name, media_type, limits)
