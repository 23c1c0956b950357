"""The zip file around a DOCX, PPTX or XLSX: checked before any library opens it."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from io import BytesIO

from lxml import etree

from rag.errors import DamagedError, EmptyDocumentError, EncryptedError, ParseLimitError, TooLargeError
from rag.parsing.outline import created_on

MAX_ENTRIES = 10_000
MAX_UNPACKED = 500_000_000
"""Bytes of all parts together."""
MAX_RATIO = 100
"""Of what is unpacked to the file, judged where more than UNSUSPICIOUS bytes are unpacked."""
UNSUSPICIOUS = 20_000_000

FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,  # a part whose header tells of more bytes than the file has
    LookupError,
    OSError,
    RuntimeError,  # RecursionError and NotImplementedError are such
    SyntaxError,  # broken XML
    TypeError,
    ValueError,
    etree.LxmlError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the libraries raise for one damaged file or another. Memory and time limits are not among them."""

_NAMES = {"docx": "Word", "pptx": "PowerPoint", "xlsx": "Excel"}
_INSIDE = {b"wordprocessingml": "docx", b"presentationml": "pptx", b"spreadsheetml": "xlsx"}
_MAIN_PART = re.compile(rb"(wordprocessingml|presentationml|spreadsheetml)\.\w+\.main\+xml")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENTRY = b"PK\x01\x02"
_PIECE = 2**16
_TEXT_OF = {"title": "{http://purl.org/dc/elements/1.1/}title", "created": "{http://purl.org/dc/terms/}created"}


@dataclass(frozen=True, slots=True)
class Properties:
    """What an Office file says of itself. `date` is yyyymmdd."""

    title: str = ""
    date: int | None = None


def open_office(data: bytes, kind: str) -> Properties:
    """Check that `data` is an honest Office file of `kind` (docx, pptx or xlsx) and tell its properties.

    Raises EmptyDocumentError, EncryptedError, DamagedError, and for what unpacks to too much ParseLimitError or
    TooLargeError. That is told by the headers, before anything is unpacked.
    """
    if not data.strip():
        raise EmptyDocumentError("The file is empty: upload one with content.")
    _check_format(data, kind)
    if data.count(_ENTRY) > MAX_ENTRIES:
        raise ParseLimitError(f"The file has more than {MAX_ENTRIES} parts, as no real document does: save it anew.")
    with reading(kind), zipfile.ZipFile(BytesIO(data)) as archive:
        _check_headers(archive, len(data))
        for info in archive.infolist():
            _check_part(archive, info)
        _check_kind(archive, kind)
        return _properties(archive)


@contextmanager
def reading(kind: str, *more: type[Exception]) -> Iterator[None]:
    """Whatever a library raises for a damaged file, `more` included, becomes a DamagedError."""
    try:
        yield
    except (*FAILURES, *more) as error:
        raise DamagedError(
            f"The {_NAMES[kind]} file is damaged: open it elsewhere, save it anew, and upload that."
        ) from (error)


def xml(part: bytes) -> etree._Element:
    """A part as XML, without entities."""
    return etree.fromstring(part, etree.XMLParser(resolve_entities=False, no_network=True))


def _check_format(data: bytes, kind: str) -> None:
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise EncryptedError(f"The {_NAMES[kind]} file has a password: remove it and upload the file again.")
        raise DamagedError(f"The file is of an old Office format: save it as .{kind} and upload that.")
    if not zipfile.is_zipfile(BytesIO(data)):
        raise DamagedError(f"The file is not of {_NAMES[kind]}, or only a part of one: save it anew as .{kind}.")


def _check_headers(archive: zipfile.ZipFile, size: int) -> None:
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED:
        raise TooLargeError(
            f"The file unpacks to more than {MAX_UNPACKED // 1_000_000} MB: split it, or take pictures and media out."
        )
    if unpacked > UNSUSPICIOUS and unpacked > MAX_RATIO * size:
        raise ParseLimitError(
            f"The file unpacks to {unpacked // 1_000_000} MB, more than {MAX_RATIO} times its size, as no real "
            "document does: save it anew."
        )
    if any(part.flag_bits & 1 for part in parts):
        raise EncryptedError("The file's parts have a password: remove it and upload the file again.")
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise DamagedError("The file is packed in a way that Office does not use: save it anew.")


def _check_part(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Unpack a part piece by piece and compare it with its header, which the libraries trust.

    `ZipExtFile.read()` unpacks all there is before it cuts that to the size in the header, so a header that lies is
    a bomb; and Office files have no document type, where XML's bombs live.
    """
    probe = copy(info)
    probe.file_size += 2 * _PIECE  # else it would stop where the header says
    size = 0
    with archive.open(probe) as part:
        while piece := part.read(_PIECE):
            if not size and b"<!DOCTYPE" in piece.replace(b"\0", b"") and info.filename.endswith((".xml", ".rels")):
                raise DamagedError("The file has a document type in its XML, as no real document does: save it anew.")
            size += len(piece)
            if size > info.file_size:
                break
    if size != info.file_size:
        raise DamagedError("The file's parts are not as long as its headers say: save it anew.")


def _check_kind(archive: zipfile.ZipFile, kind: str) -> None:
    main = _MAIN_PART.search(archive.read("[Content_Types].xml"))
    found = _INSIDE[main.group(1)] if main else ""
    if found != kind:
        really = f"a {_NAMES[found]} file: name it .{found}" if found else "no Office file: save it anew"
        raise DamagedError(f"The file is named .{kind} but is {really} and upload that.")


def _properties(archive: zipfile.ZipFile) -> Properties:
    if "docProps/core.xml" not in archive.namelist():
        return Properties()
    try:
        core = xml(archive.read("docProps/core.xml"))
    except etree.LxmlError:  # the text matters more
        return Properties()
    title, created = (core.findtext(tag) or "" for tag in _TEXT_OF.values())
    return Properties(title, created_on(created.replace("-", "")))
