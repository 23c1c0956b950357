"""Files in, pages of text out: a `Reader` reads them in child processes with limits, scans by OCR."""

from rag.parsing.boxes import character_run, ocr_boxes
from rag.parsing.engines import engines, ocr_engine
from rag.parsing.media import (
    READABLE,
    TABULAR,
    extension_of,
    has_image,
    is_media_type,
    media_type,
    media_type_called,
    page_noun,
    takes_password,
    type_name,
)
from rag.parsing.ocr import with_ocr
from rag.parsing.sandbox import Reader
from rag.parsing.wire import decode_document, encode_document

__all__ = [
    "READABLE",
    "TABULAR",
    "Reader",
    "character_run",
    "decode_document",
    "encode_document",
    "engines",
    "extension_of",
    "has_image",
    "is_media_type",
    "media_type",
    "media_type_called",
    "ocr_boxes",
    "ocr_engine",
    "page_noun",
    "takes_password",
    "type_name",
    "with_ocr",
]
