"""Plain text and Markdown: bytes -> one page with the file's text, unchanged."""

from __future__ import annotations

import codecs
import re

from rag.errors import DamagedError, EmptyDocumentError
from rag.parsing.limits import Limits
from rag.parsing.markdown import headings
from rag.parsing.media import MARKDOWN, title_from_name
from rag.parsing.raw import check_chars
from rag.records import Page, ParsedDocument

PARSER = "text 1"

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = ["utf_16_le", "utf_16_be"]
_ENCODINGS = [
    *("cp1252", "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("cp1258", "cp932", "euc_jp", "gb18030", "big5", "cp949", "mac_roman", "cp437"),
]
"""What text files are really written in. Among all that exist, guessing finds rarer ones that fit as well."""

_SAMPLE = 256 * 1024
_TELLING_LINE = re.compile(rb"[^\n\x80-\xff]{0,200}[\x80-\xff][^\n]{0,2000}")
_CONTROLS = [chr(code) for code in range(32) if chr(code) not in "\t\n\r\f\b\x1b"]


def parse_text(data: bytes, name: str, media_type: str, limits: Limits) -> ParsedDocument:
    """Raises EmptyDocumentError, TooLargeError, and DamagedError for what is not text."""
    text = decode(data)
    check_chars(len(text), limits)
    if not text.strip():
        raise EmptyDocumentError("The file is empty: upload one with content.")
    require_text(text)
    found = headings(text) if media_type == MARKDOWN else ()
    return ParsedDocument(
        title=next((heading.title for heading in found if heading.level == 1), title_from_name(name)),
        media_type=media_type,
        text=text,
        pages=(Page(1, text, 0),),
        headings=found,
        parser=PARSER,
    )


def require_text(text: str) -> None:
    """Raises DamagedError for what has many control characters."""
    if sum(text.count(control) for control in _CONTROLS) > len(text) / 200:
        raise _not_text()


def decode(data: bytes) -> str:
    """The text of a file of unknown encoding, without its byte order mark. Raises DamagedError."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            text = _strict(data[len(mark) :], encoding)
            return _detected(data) if text is None else text
    if b"\0" not in data:
        text = _strict(data, "utf-8")
        if text is not None:
            return text
    return _detected(data)


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _detected(data: bytes) -> str:
    for encoding in _guesses(data):
        text = _strict(data, encoding)
        if text is not None and "\0" not in text:
            return text
    raise _not_text()


def _guesses(data: bytes) -> list[str]:
    """Encodings from the likeliest, told by a sample of the lines that have anything to tell."""
    from charset_normalizer import from_bytes

    wide = b"\0" in data
    matches = list(from_bytes(_sample(data, wide), cp_isolation=_WIDE if wide else [*_ENCODINGS, *_WIDE]))
    western = [match for match in matches if "cp1252" in match.could_be_from_charset]
    if western and western[0].chaos <= matches[0].chaos:
        return ["cp1252", *(match.encoding for match in matches)]  # by far the most common of equals
    return [match.encoding for match in matches]


def _sample(data: bytes, wide: bool) -> bytes:
    if wide:
        return data[:_SAMPLE]
    lines: list[bytes] = []
    size = 0
    for match in _TELLING_LINE.finditer(data):
        lines.append(match.group())
        size += len(lines[-1])
        if size > _SAMPLE:
            break
    return b"\n".join(lines)


def _not_text() -> DamagedError:
    return DamagedError(
        "The file is not text: it has control characters, or an encoding we do not know. Save it as plain UTF-8 text."
    )
