"""From bytes to a document, by media type. Runs in the child process; imports a reader when it is needed."""

from __future__ import annotations

from rag.parsing.limits import Limits
from rag.parsing.media import PDF
from rag.records import ParsedDocument


def parse_bytes(data: bytes, name: str, media_type: str, limits: Limits, with_pdfium: bool = True) -> ParsedDocument:
    """Raises a DocumentError for whatever is wrong with the file."""
    if media_type == PDF:
        from rag.parsing.pdf import parse_pdf

        return parse_pdf(data, name, limits, with_pdfium)
    from rag.parsing.text import parse_text

    return parse_text(data, name, media_type, limits)
