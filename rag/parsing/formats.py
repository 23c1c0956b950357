"""From bytes to a document, by media type. Runs in the child process; imports a reader when it is needed."""

from __future__ import annotations

from rag.parsing.limits import Limits
from rag.parsing.media import IMAGES, PDF
from rag.records import ParsedDocument


def parse_bytes(
    data: bytes, name: str, media_type: str, limits: Limits, with_pdfium: bool = True, password: str = ""
) -> ParsedDocument:
    """Raises a DocumentError for whatever is wrong with the file."""
    if media_type == PDF:
        from rag.parsing.pdf import parse_pdf

        return parse_pdf(data, name, limits, with_pdfium, password)
    if media_type in IMAGES:
        from rag.parsing.image import parse_image

        return parse_image(data, name, media_type, limits)
    from rag.parsing.text import parse_text

    return parse_text(data, name, media_type, limits)
