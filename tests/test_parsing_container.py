"""Office files that are not what they say, or made to do harm: each ends soon with its reason."""

from __future__ import annotations

import contextlib
import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import docx
import openpyxl
import pptx
import pytest

from rag.errors import (
    DamagedError,
    DocumentError,
    EmptyDocumentError,
    EncryptedError,
    ParseLimitError,
    TooLargeError,
)
from rag.parsing import container
from tests.formats import read, repacked, saved

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
MAIN = {"docx": "word/document.xml", "pptx": "ppt/slides/slide1.xml", "xlsx": "xl/worksheets/sheet1.xml"}
KINDS = list(MAIN)


def good(kind: str) -> bytes:
    if kind == "docx":
        document = docx.Document()
        document.add_paragraph("Some text.")
        return saved(document)
    if kind == "xlsx":
        book = openpyxl.Workbook()
        book.active["A1"] = "Some text."
        return saved(book)
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Some text."
    return saved(deck)


def refused(data: bytes, kind: str, within: float = 1.0) -> DocumentError:
    """The error; it must come within seconds and without the memory that the file asks for."""
    tracemalloc.start()
    started = time.monotonic()
    try:
        with pytest.raises(DocumentError) as caught:
            read(data, f"a.{kind}")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000 + 4 * len(data)
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < within
    assert "\n" not in str(caught.value)
    return caught.value


def with_part(kind: str, name: str, content: bytes) -> bytes:
    buffer = io.BytesIO(good(kind))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def lying(data: bytes, part: str, content: bytes, declared: int) -> bytes:
    """`content` as a part whose header says that its first `declared` bytes are all, checksum included."""
    changed = repacked(data, lambda name, old: content if name == part else old)
    packed = len(deflated(content))
    truth = struct.pack("<LLL", zlib.crc32(content), packed, len(content))
    lie = struct.pack("<LLL", zlib.crc32(content[:declared]), packed, declared)
    assert changed.count(truth) == 2  # before the part and in the directory
    return changed.replace(truth, lie)


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(-1, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_files_of_these_tests_are_read(kind: str) -> None:
    assert "Some text." in read(good(kind), f"a.{kind}").text


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_zip_file_is_refused(kind: str) -> None:
    assert isinstance(refused(b"hello, I am no Office file", kind), DamagedError)
    assert isinstance(refused(good(kind)[:-400], kind), DamagedError)
    with pytest.raises(EmptyDocumentError):
        read(b"", f"a.{kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_password_and_an_old_format_are_told_apart(kind: str) -> None:
    locked = refused(OLE + "EncryptedPackage".encode("utf-16-le"), kind)
    assert isinstance(locked, EncryptedError)
    assert "password" in str(locked)
    old = refused(OLE + b"WordDocument", kind)
    assert isinstance(old, DamagedError)
    assert f"save it as .{kind}" in str(old)


@pytest.mark.parametrize(("kind", "inside"), [(one, other) for one in KINDS for other in KINDS if one != other])
def test_another_kind_of_office_file_is_refused_with_its_name(kind: str, inside: str) -> None:
    assert f"name it .{inside}" in str(refused(good(inside), kind))


def test_any_other_zip_file_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    assert isinstance(refused(buffer.getvalue(), "docx"), DamagedError)


@pytest.mark.parametrize("kind", KINDS)
def test_a_zip_bomb_is_refused_by_its_headers(kind: str) -> None:
    bomb = with_part(kind, "media/zeros.bin", bytes(200_000_000))
    assert len(bomb) < 300_000
    error = refused(bomb, kind)
    assert isinstance(error, ParseLimitError)
    assert "100 times" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_too_much_to_unpack_and_too_many_parts_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_UNPACKED", 1_000_000)
    assert isinstance(refused(with_part(kind, "big.bin", bytes(1_000_001)), kind), TooLargeError)
    monkeypatch.setattr(container, "MAX_ENTRIES", 3)
    assert isinstance(refused(good(kind), kind), ParseLimitError)


def test_thousands_of_parts_are_counted_not_listed() -> None:
    buffer = io.BytesIO(good("docx"))
    with zipfile.ZipFile(buffer, "a") as archive:
        for number in range(10_000):
            archive.writestr(f"{number}", b"")
    error = refused(buffer.getvalue(), "docx")
    assert isinstance(error, ParseLimitError)
    assert "10000 parts" in str(error)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("declared", [0, 100, 50_000])
def test_a_header_that_lies_is_found_out_before_anything_grows(kind: str, declared: int) -> None:
    data = lying(good(kind), MAIN[kind], b"<x>" + b" " * 60_000_000, declared)
    assert len(data) < 200_000
    error = refused(data, kind)
    assert isinstance(error, DamagedError)
    assert "headers" in str(error)


def test_a_packing_that_cannot_be_bounded_is_refused() -> None:
    buffer = io.BytesIO(good("docx"))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.xml", "<a/>")
    assert isinstance(refused(buffer.getvalue(), "docx"), DamagedError)


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    + b"]>"
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_billion_laughs_are_refused(kind: str, encoding: str) -> None:
    def laugh(name: str, part: bytes) -> bytes:
        if name != MAIN[kind]:
            return part
        body = part.partition(b"?>")[2] if part.startswith(b"<?xml") else part
        whole = LAUGHS + body.replace(b"Some text.", b"&a9;").replace(b"<sheetData", b"&a9;<sheetData")
        return whole.decode().encode(encoding)

    error = refused(repacked(good(kind), laugh), kind)
    assert isinstance(error, DamagedError)
    assert "document type" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_entities_that_come_late_do_not_grow_either(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line: were the document type not seen, the libraries' parsers leave entities alone."""

    def laugh(name: str, part: bytes) -> bytes:
        if name != MAIN[kind]:
            return part
        body = part.partition(b"?>")[2] if part.startswith(b"<?xml") else part
        filler = b"<!--" + b"x" * 2**17 + b"-->"
        return filler + LAUGHS.partition(b"?>")[2] + body.replace(b"Some text.", b"&a9;")

    data = repacked(good(kind), laugh)
    started = time.monotonic()
    with contextlib.suppress(DocumentError):
        assert len(read(data, f"a.{kind}").text) < 1000
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda part: part[: len(part) // 2],
        lambda part: b"",
        lambda part: b"<x/>",
        lambda part: b"<a>" * 5000 + b"</a>" * 5000,
        lambda part: part.replace(b"Some text.", b"\xff\xfe\x00"),
    ],
    ids=["cut", "empty", "other", "deep", "bytes"],
)
def test_a_broken_part_is_a_reason(kind: str, spoil: Callable[[bytes], bytes]) -> None:
    data = repacked(good(kind), lambda name, part: spoil(part) if name == MAIN[kind] else part)
    with pytest.raises((DamagedError, EmptyDocumentError)):
        read(data, f"a.{kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_any_missing_part_is_a_reason_or_not_missed(kind: str) -> None:
    whole = good(kind)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        names = archive.namelist()
    for missing in names:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(buffer, "w") as new:
            for name in names:
                if name != missing:
                    new.writestr(name, old.read(name))
        with contextlib.suppress(DocumentError):
            read(buffer.getvalue(), f"a.{kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bytes_are_a_reason_or_do_no_harm(kind: str) -> None:
    whole = good(kind)
    for place in range(0, len(whole), max(len(whole) // 60, 1)):
        data = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        with contextlib.suppress(DocumentError):
            read(data, f"a.{kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_is_said_to_go_on_beyond_the_file_is_damage(kind: str) -> None:
    buffer = io.BytesIO(good(kind))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("more.xml", b"\x00\xff\xff\x00\x00<a/>")  # deflated, it begins a block of 65,535 bytes
    data = bytearray(buffer.getvalue())
    last = data.rfind(b"PK\x01\x02")
    struct.pack_into("<H", data, last + 10, zipfile.ZIP_DEFLATED)
    struct.pack_into("<L", data, last + 20, 10**6)  # its packed size
    with pytest.raises(DamagedError):
        read(bytes(data), f"a.{kind}")
