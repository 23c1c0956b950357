"""OCR: pictures of text become text with places and confidence, in reading order, in the document they belong to."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from rag.errors import DamagedError, EncryptedError, ParseLimitError, TooLargeError
from rag.parsing import Reader, with_ocr
from rag.parsing.ocr import reading_order
from rag.records import Heading, OcrLine, OcrPage, Page, ParsedDocument
from tests import pdfs
from tests.reading import reader

Box = tuple[float, float, float, float]


def picture(lines: dict[tuple[int, int], str], size: tuple[int, int] = (800, 600), pixels: int = 32) -> Image.Image:
    """`lines` drawn in black on white, each with its left upper corner at its key."""
    image = Image.new("RGB", size, "white")
    for corner, text in lines.items():
        ImageDraw.Draw(image).text(corner, text, "black", ImageFont.load_default(pixels))
    return image


def saved(path: Path, image: Image.Image, kind: str, **options: object) -> Path:
    image.save(path, kind, **options)
    return path


def ocr_children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if one.memory_info().rss > 150_000_000]


def peak_mb(process: psutil.Process) -> float:
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(peak) / 1000


INVOICE = {(80, 60): "Invoice 4711", (80, 160): "The rent is 84,000 euros", (80, 500): "Payable in advance"}


@pytest.fixture(scope="module")
def warm() -> Iterator[Reader]:
    with reader() as one:
        yield one


@pytest.mark.end_to_end
def test_a_scanned_page_is_read_with_places_and_confidence(warm: Reader, tmp_path: Path) -> None:
    path = tmp_path / "scan"
    path.write_bytes(pdfs.picture_pdf(picture(INVOICE)))
    scan = warm.parse(path, "scan.pdf")
    assert (scan.text, scan.needs_ocr) == ("", (1,))
    (read,) = warm.recognise(path, "scan.pdf", scan.needs_ocr)
    assert [line.text for line in read.lines] == list(INVOICE.values())
    assert all(line.confidence > 0.9 for line in read.lines)
    for (x, y), line in zip(INVOICE, read.lines, strict=True):
        left, top, right, bottom = line.box
        assert abs(left * 800 - x) < 12
        assert top * 600 < y + 20 < bottom * 600
        assert 0 < left < right <= 1
        assert bottom - top < 0.12
    document = with_ocr(scan, [read])
    assert document.text == "\n".join(INVOICE.values())
    assert document.pages[0].ocr == pytest.approx(0.97, abs=0.04)
    assert document.needs_ocr == ()
    assert document.parser == f"{scan.parser} + {read.engine}"


@pytest.mark.end_to_end
def test_pictures_of_every_kind_are_read_upright(warm: Reader, tmp_path: Path) -> None:
    upright = picture(INVOICE)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter
    see_through = Image.new("RGBA", upright.size, (0, 0, 0, 0))
    see_through.paste("black", mask=upright.convert("L").point(lambda value: 255 - value))
    deep = upright.convert("L").convert("I").point(lambda value: value * 257).convert("I;16")
    files = {
        "turned.jpg": saved(tmp_path / "1", upright.rotate(90, expand=True), "JPEG", exif=exif),
        "clear.png": saved(tmp_path / "2", see_through, "PNG"),
        "deep.tif": saved(tmp_path / "3", deep, "TIFF"),
        "wrongly-named.png": saved(tmp_path / "4", upright, "JPEG"),
    }
    for name, path in files.items():
        assert warm.parse(path, name).needs_ocr == (1,)
        (read,) = warm.recognise(path, name, [1])
        assert [line.text for line in read.lines] == list(INVOICE.values()), name
        assert read.lines[0].box[:2] == pytest.approx((80 / 800, 60 / 600), abs=0.03), name


@pytest.mark.end_to_end
def test_a_line_that_lies_between_two_bands_is_read_once_and_whole(warm: Reader, tmp_path: Path) -> None:
    """The page is looked at in bands; no line of it may be cut in two, come twice or go missing."""
    rows = {(100, y): f"Row {number} costs {number * 137} euros" for number, y in enumerate(range(30, 1960, 55), 10)}
    page = picture(rows, (1500, 2000), 30)
    page.paste(picture({(20, 0): "ROW"}, (600, 330), 260), (860, 330))  # higher than bands overlap
    page.paste(
        picture({(20, 20): "sideways along the margin of this page"}, (900, 80), 40).rotate(90, expand=True),
        (1350, 800),
    )
    (read,) = warm.recognise(saved(tmp_path / "tall", page, "PNG"), "tall.png", [1])
    found = [line.text for line in read.lines]
    assert sorted(line for line in found if line.startswith("Row")) == sorted(rows.values())
    title, sideways = [line for line in read.lines if not line.text.startswith("Row")]
    assert title.text == "ROW"
    assert sideways.box == pytest.approx((1372 / 1500, 976 / 2000, 1424 / 1500, 1690 / 2000), abs=0.01)


@pytest.mark.end_to_end
def test_a_dense_page_takes_less_memory_than_the_whole_page_would(tmp_path: Path) -> None:
    """One page at a time goes through the models in bands: the whole page at once took 900 MB."""
    rows = {
        (60, y): f"Row {y} of the ledger has a long line of text and {y * 137} euros in it" for y in range(20, 1980, 40)
    }
    path = saved(tmp_path / "dense", picture(rows, (1500, 2000), 28), "PNG")
    with reader() as one:
        assert len(one.recognise(path, "dense.png", [1])[0].lines) == len(rows)
        peak = max(peak_mb(child) for child in ocr_children())
    assert peak < 550


@pytest.mark.end_to_end
def test_each_frame_of_a_tiff_is_a_page(warm: Reader, tmp_path: Path) -> None:
    frames = [picture({(80, 60): "First sheet"}), picture({(80, 60): "Second sheet"})]
    path = saved(tmp_path / "fax", frames[0], "TIFF", save_all=True, append_images=frames[1:])
    document = warm.parse(path, "fax.tif")
    read = warm.recognise(path, "fax.tif", [2, 1])
    used = ocr_children()
    assert len(used) == 1
    assert warm.recognise(path, "fax.tif", [1]) == read[1:]
    assert ocr_children() == used  # the models stay loaded
    assert [page.text for page in with_ocr(document, read).pages] == ["First sheet", "Second sheet"]
    with pytest.raises(DamagedError):
        warm.recognise(path, "fax.tif", [3])
    with reader(max_pages=1) as strict, pytest.raises(TooLargeError, match="RAG_MAX_PAGES"):
        strict.parse(path, "fax.tif")


@pytest.mark.end_to_end
def test_a_locked_scan_is_read_with_its_password(warm: Reader, tmp_path: Path) -> None:
    path = tmp_path / "scan"
    path.write_bytes(pdfs.encrypted_pdf(pdfs.picture_pdf(picture({(80, 60): "Secret"})), "word"))
    assert warm.recognise(path, "a.pdf", [1], "word")[0].lines[0].text == "Secret"
    with pytest.raises(EncryptedError):
        warm.recognise(path, "a.pdf", [1])


@pytest.mark.end_to_end
def test_a_page_over_its_time_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan", picture(INVOICE), "PNG")
    with reader(ocr_seconds=0.1) as hasty, pytest.raises(ParseLimitError, match=r"page 1 .*RAG_OCR_SECONDS"):
        hasty.recognise(path, "a.png", [1])


@pytest.mark.end_to_end
def test_nothing_is_downloaded_and_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "guard.log"
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "guard"))
    monkeypatch.setenv("FOOTNOTE_GUARD_LOG", str(log))
    path = saved(tmp_path / "scan", picture(INVOICE), "PNG")
    with reader() as one:
        assert len(one.recognise(path, "a.png", [1])[0].lines) == 3
    assert os.environ["PYTHONPATH"].endswith("guard")
    assert not log.exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.end_to_end
def test_a_white_page_has_no_lines_and_stays_empty(warm: Reader, tmp_path: Path) -> None:
    path = saved(tmp_path / "white", Image.new("L", (600, 800), 255), "PNG")
    read = warm.recognise(path, "white.png", [1])
    assert read[0].lines == ()
    document = with_ocr(warm.parse(path, "white.png"), read)
    assert (document.text, document.needs_ocr, document.pages[0].ocr) == ("", (), None)


def broken_png() -> bytes:
    stored = io.BytesIO()
    picture(INVOICE).save(stored, "PNG")
    return stored.getvalue()[:3000]


@pytest.mark.parametrize("data", [b"", b"no picture", broken_png()], ids=["empty", "text", "truncated"])
def test_a_damaged_picture_says_so(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "stored"
    path.write_bytes(data)
    with reader() as one, pytest.raises(DamagedError, match="image is damaged"):
        one.parse(path, "a.png")


def test_what_pillow_would_hand_to_other_programs_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n")
    with reader() as one, pytest.raises(DamagedError):
        one.parse(path, "a.png")


def line(text: str, box: Box, confidence: float = 1.0) -> OcrLine:
    return OcrLine(text, confidence, box)


def document(texts: list[str], headings: tuple[Heading, ...], needs_ocr: tuple[int, ...]) -> ParsedDocument:
    starts = [sum(len(text) + 2 for text in texts[:index]) for index in range(len(texts))]
    pages = tuple(Page(index + 1, text, starts[index], char_map=((0, 0),)) for index, text in enumerate(texts))
    return ParsedDocument("t", "application/pdf", "\n\n".join(texts), pages, headings, "pdfium 1", needs_ocr=needs_ocr)


def test_what_was_read_takes_its_place_and_moves_what_follows() -> None:
    before = document(
        ["one", "\ufffd" * 9, "Notes\nthree"], (Heading(1, "Rent", 5), Heading(1, "Notes", 16, 21)), (2, 3)
    )
    page = OcrPage(2, (line("Preface", (0, 0, 1, 0.1), 0.5), line("RENT is due", (0, 0.2, 1, 0.3), 0.9)), "eye 1")
    after = with_ocr(before, [page])
    assert after.text == "one\n\nPreface\nRENT is due\n\nNotes\nthree"
    assert [after.text[one.start :][:3] for one in after.pages] == ["one", "Pre", "Not"]
    assert [after.text[one.offset :][:4] for one in after.headings] == ["RENT", "Note"]
    assert after.text[after.headings[1].offset : after.headings[1].end] == "Notes"
    assert [one.ocr for one in after.pages] == [None, pytest.approx((0.5 * 7 + 0.9 * 11) / 18), None]
    assert [one.char_map for one in after.pages] == [((0, 0),), (), ((0, 0),)]
    assert (after.needs_ocr, after.parser) == ((3,), "pdfium 1 + eye 1")


def test_where_ocr_finds_nothing_the_text_stays() -> None:
    before = document(["\ufffd" * 30, "two"], (), (1,))
    after = with_ocr(before, [OcrPage(1, (), "eye 1")])
    assert (after.text, after.needs_ocr, after.parser) == (before.text, (), "pdfium 1")


def in_order(boxes: dict[str, Box]) -> str:
    return "".join(one.text for one in reading_order([line(text, box) for text, box in boxes.items()]))


def test_rows_are_read_from_the_left_even_if_they_slope() -> None:
    assert in_order({"b": (0.5, 0.105, 0.6, 0.125), "c": (0.1, 0.14, 0.3, 0.16), "a": (0.1, 0.11, 0.2, 0.13)}) == "abc"


def test_columns_of_text_are_read_one_after_the_other() -> None:
    left = {letter: (0.1, 0.2 + 0.1 * row, 0.47, 0.23 + 0.1 * row) for row, letter in enumerate("abcd")}
    right = {letter: (0.53, 0.2 + 0.1 * row, 0.9, 0.23 + 0.1 * row) for row, letter in enumerate("efgh")}
    across = {"T": (0.2, 0.05, 0.8, 0.1), "F": (0.3, 0.9, 0.7, 0.93)}
    assert in_order(right | left | across) == "TabcdefghF"


def test_the_cells_of_a_table_are_read_row_by_row() -> None:
    names = {letter: (0.1, 0.2 + 0.1 * row, 0.4, 0.23 + 0.1 * row) for row, letter in enumerate("abcde")}
    values = {str(row): (0.8, 0.2 + 0.1 * row, 0.9, 0.23 + 0.1 * row) for row in range(5)}
    assert in_order(names | values) == "a0b1c2d3e4"
