"""Which libraries read a kind of file, with their versions: part of how a document was made."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from rag.parsing import media

PARSING = "parsing 1"
"""Raised when we make other text of the same file."""

_READ_BY = {
    media.PDF: ("pypdfium2", "pypdf"),
    media.DOCX: ("python-docx",),
    media.PPTX: ("python-pptx",),
    media.XLSX: ("openpyxl",),
    media.HTML: ("lxml",),
    **dict.fromkeys((media.TEXT, media.MARKDOWN, media.CSV, media.TSV), ("charset-normalizer",)),
    **dict.fromkeys((media.JSON, media.JSONL), ("charset-normalizer",)),
    **dict.fromkeys(media.IMAGES, ("pillow",)),
}


def engines(media_type: str) -> str:
    """What would read such a file now: `parsing 1, pypdfium2 5.15.2, pypdf 7.1.0`."""
    return ", ".join([PARSING, *map(_named, _READ_BY.get(media_type, ()))])


def ocr_engine() -> str:
    """What would recognise text now: `rapidocr 3.10.0 on onnxruntime 1.31.1`. Its models come with it."""
    return f"{_named('rapidocr')} on {_named('onnxruntime')}"


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} (missing)"
