"""Which files we read, by extension, and what a file without a title of its own is called."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_OFFICE = "application/vnd.openxmlformats-officedocument"

PDF = "application/pdf"
TEXT = "text/plain"
MARKDOWN = "text/markdown"
DOCX = f"{_OFFICE}.wordprocessingml.document"
PPTX = f"{_OFFICE}.presentationml.presentation"
XLSX = f"{_OFFICE}.spreadsheetml.sheet"
CSV = "text/csv"
TSV = "text/tab-separated-values"
HTML = "text/html"
JSON = "application/json"
JSONL = "application/x-ndjson"
PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"

IMAGES = frozenset({PNG, JPEG, TIFF})
TABULAR = frozenset({XLSX, CSV, TSV, JSON, JSONL})

_MEDIA_TYPES = {
    ".pdf": PDF,
    ".txt": TEXT,
    ".text": TEXT,
    ".log": TEXT,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".docx": DOCX,
    ".pptx": PPTX,
    ".xlsx": XLSX,
    ".csv": CSV,
    ".tsv": TSV,
    ".html": HTML,
    ".htm": HTML,
    ".json": JSON,
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".png": PNG,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".tif": TIFF,
    ".tiff": TIFF,
}

_NAMES = {
    PDF: "PDF",
    TEXT: "Text",
    MARKDOWN: "Markdown",
    DOCX: "Word",
    PPTX: "PowerPoint",
    XLSX: "Excel",
    CSV: "CSV",
    TSV: "TSV",
    HTML: "HTML",
    JSON: "JSON",
    JSONL: "JSON lines",
    PNG: "PNG",
    JPEG: "JPEG",
    TIFF: "TIFF",
}

_PAGE_NOUNS = {PDF: "page", **dict.fromkeys(IMAGES, "page"), PPTX: "slide", XLSX: "sheet"}

READABLE = ", ".join(_MEDIA_TYPES)
"""The extensions we read, for people."""


def has_image(media_type: str) -> bool:
    """Whether pages of such a file can be looked at as they are."""
    return media_type == PDF or media_type in IMAGES


def media_type(name: str) -> str | None:
    """The media type of a file called `name`, by its extension in any case; None where we cannot read it."""
    return _MEDIA_TYPES.get(PurePosixPath(name.replace("\\", "/")).suffix.lower())


def page_noun(name: str) -> str:
    """What the pages of a file called `name` are to its readers: `page`, `slide`, `sheet`, or `section` where the
    format has no pages of its own and a page is what stands between two breaks, or the whole."""
    return _PAGE_NOUNS.get(media_type(name) or "", "section")


def takes_password(kind: str) -> bool:
    """Whether a file of this media type that has a password can be opened with it."""
    return kind == PDF


def media_type_called(word: str) -> str:
    """The media type that people call `word`, by an extension (`pdf`); any other word is taken for a media type."""
    return _MEDIA_TYPES.get(f".{word.lower()}", word)


def type_name(media_type: str) -> str:
    """What people call files of a media type: `PDF`, `Word`."""
    return _NAMES.get(media_type, media_type)


def extension_of(media_type: str) -> str:
    """The usual extension of a media type, `pdf`; the media type itself where there is none."""
    return next((one[1:] for one, kind in _MEDIA_TYPES.items() if kind == media_type), media_type)


def is_media_type(media_type: str) -> bool:
    """Whether files of it are read."""
    return media_type in _NAMES


def title_from_name(name: str) -> str:
    """`docs/annual_report-2021.pdf` -> `annual report 2021`."""
    stem = PurePosixPath(name.replace("\\", "/")).stem
    return clean_title(re.sub(r"[_-]+", " ", stem)) or clean_title(name)


def clean_title(title: str, limit: int = 200) -> str:
    """`title` on one line, without control characters, cut at `limit` characters."""
    printable = "".join(" " if character.isspace() else character for character in title)
    visible = "".join(character for character in printable if character.isprintable())
    return " ".join(visible.split())[:limit].rstrip()
