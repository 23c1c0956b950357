"""Pages as they look, and boxes round quoted words: held against pages on which the test knows where words stand."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from fpdf import FPDF
from PIL import Image, ImageDraw
from pypdf import PdfReader, PdfWriter

from rag.errors import DocumentError, NotFoundError
from rag.parsing import Reader, character_run, ocr_boxes
from rag.parsing.viewing import lines
from rag.records import Box, OcrLine, OcrPage, Page, PageView
from rag.settings import load_settings
from rag.workspace import Workspace
from tests.pdfs import encrypted_pdf, text_pdf

MM = (210, 297)
PLACES = {"Zebra": (30, 40), "harbour": (80, 40), "1,577": (30, 150), "naïve": (120, 260)}
"""Words and where they begin, in mm from the upper left corner; the baseline."""


def page_with_words() -> FPDF:
    document = FPDF()
    document.add_page()
    document.set_font("Helvetica", size=12)
    for word, (x, y) in PLACES.items():
        document.text(x, y, word)
    return document


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    one = Reader(load_settings(data_dir=tmp_path_factory.mktemp("data")))
    yield one
    one.close()


def boxes_of(reader: Reader, path: Path, word: str) -> tuple[Box, ...]:
    page = reader.parse(path, "a.pdf").pages[0]
    start = page.text.index(word)
    run = character_run(page, start, start + len(word))
    assert run
    (found,) = reader.boxes(path, "a.pdf", 1, [run])
    return found


def expected(word: str, document: FPDF) -> Box:
    x, y = PLACES[word]
    return x / MM[0], (y - 3.2) / MM[1], (x + document.get_string_width(word)) / MM[0], (y + 0.9) / MM[1]


@pytest.mark.parametrize("word", PLACES)
def test_the_box_is_round_the_word(reader: Reader, tmp_path: Path, word: str) -> None:
    document = page_with_words()
    (tmp_path / "a").write_bytes(bytes(document.output()))
    (box,) = boxes_of(reader, tmp_path / "a", word)
    assert box == pytest.approx(expected(word, document), abs=0.005)


def test_a_page_that_is_turned_has_its_boxes_turned(reader: Reader, tmp_path: Path) -> None:
    document = page_with_words()
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(bytes(document.output()))))
    writer.pages[0].rotate(90)
    with (tmp_path / "a").open("wb") as file:
        writer.write(file)
    (box,) = boxes_of(reader, tmp_path / "a", "Zebra")
    left, top, right, bottom = expected("Zebra", document)
    assert box == pytest.approx((1 - bottom, left, 1 - top, right), abs=0.005)


def test_a_quote_over_several_lines_has_a_box_for_each(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(text_pdf(["The harbour was dredged in May and opened again to large ships. " * 4]))
    page = reader.parse(tmp_path / "a", "a.pdf").pages[0]
    run = character_run(page, 0, len(page.text))
    assert run
    (found,) = reader.boxes(tmp_path / "a", "a.pdf", 1, [run])
    assert len(found) == page.text.rstrip().count("\n") + 1 > 1
    assert all(upper[3] <= lower[1] for upper, lower in pairwise(found))


def test_the_image_is_the_page(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(page_with_words().output()))
    view = reader.view(tmp_path / "a", "a.pdf", 1)
    image = Image.open(io.BytesIO(view.image)).convert("L")
    assert image.size == (view.width, view.height)
    assert view.width / view.height == pytest.approx(210 / 297, abs=0.01)
    (box,) = boxes_of(reader, tmp_path / "a", "Zebra")
    scaled = [round(share * side) for share, side in zip(box, image.size * 2, strict=True)]
    inside = image.crop((scaled[0], scaled[1], scaled[2], scaled[3]))
    assert inside.getextrema()[0] < 100, "the word is in its box"


def test_all_signs_of_a_line_have_boxes_of_one_height(reader: Reader, tmp_path: Path) -> None:
    document = FPDF()
    document.add_page()
    document.set_font("Helvetica", size=12)
    document.text(30, 40, "- one, Large.")
    (tmp_path / "a").write_bytes(bytes(document.output()))
    heights = [
        bottom - top
        for word in ("-", "one", ",", "Large")
        for _, top, _, bottom in boxes_of(reader, tmp_path / "a", word)
    ]
    assert heights == pytest.approx([heights[0]] * 4)
    assert 1 <= heights[0] * MM[1] / (12 * 25.4 / 72) <= 1.3, "of the font's size"


def test_what_cannot_be_shown_says_so(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"%PDF-1.4 nothing more")
    with pytest.raises(DocumentError):
        reader.view(tmp_path / "a", "a.pdf", 1)
    (tmp_path / "b").write_bytes(text_pdf(["One page."]))
    with pytest.raises(DocumentError, match="Page 9"):
        reader.view(tmp_path / "b", "b.pdf", 9)


def test_boxes_on_a_line_become_one_where_nothing_lies_between() -> None:
    words = [(0.1, 0.10, 0.20, 0.12), (0.205, 0.117, 0.207, 0.122), (0.21, 0.10, 0.30, 0.12)]
    cell, below = (0.8, 0.10, 0.85, 0.12), (0.1, 0.13, 0.2, 0.15)
    assert lines([*words, cell, below]) == [(0.1, 0.10, 0.30, 0.122), cell, below]


def test_the_run_of_a_text_follows_the_map_and_leaves_white_space_out() -> None:
    page = Page(1, " a\nword ", 0, char_map=((0, 0), (3, 4)))
    assert character_run(page, 0, 8) == (1, 7)
    assert character_run(page, 3, 7) == (4, 4)
    assert character_run(page, 7, 8) is None
    assert character_run(Page(1, "word", 0), 0, 4) is None


def test_a_part_of_a_line_that_ocr_has_read_is_boxed_by_its_characters() -> None:
    read = OcrPage(
        1, (OcrLine("0123456789", 1.0, (0.0, 0.1, 1.0, 0.2)), OcrLine("abcd", 1.0, (0.0, 0.3, 0.4, 0.4))), ""
    )
    assert list(ocr_boxes(read, 5, 13)) == [
        pytest.approx((0.5, 0.1, 1.0, 0.2)),
        pytest.approx((0.0, 0.3, 0.2, 0.4)),
    ]


def test_a_wide_character_that_ocr_has_read_takes_more_of_its_line() -> None:
    read = OcrPage(1, (OcrLine("MMMMiiii", 1.0, (0.0, 0.1, 1.0, 0.2)),), "")
    ((_, _, right, _),) = ocr_boxes(read, 0, 4)
    assert 0.65 < right < 0.85


# -- in a workspace --------------------------------------------------------------------------------


def looked_at(workspace: Workspace, name: str, word: str, page: int = 1) -> PageView | None:
    document = workspace.document(name)
    one = workspace.page(document, page)
    start = one.start + one.text.index(word)
    return workspace.view(document, one, start, start + len(word))


def ingest(workspace: Workspace, path: Path) -> None:
    list(workspace.ingest([path]))
    workspace.drain()


def test_a_quote_is_boxed_on_its_page(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(text_pdf(["The first page.", "The fee is 12 euros."]))
    with make_workspace() as workspace:
        ingest(workspace, tmp_path / "a.pdf")
        view = looked_at(workspace, "a.pdf", "12 euros", page=2)
        assert view
        assert len(view.boxes) == 1
        document = workspace.document("a.pdf")
        other = workspace.view(document, workspace.page(document, 1), 10**6, 10**6 + 5)
        assert other
        assert other.boxes == ()
        assert other.image != view.image
        with pytest.raises(NotFoundError, match="page 3"):
            workspace.page(document, 3)


def test_what_answers_has_boxes_of_its_own_within_those_of_the_quote(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(text_pdf(["The first page.", "The fee is 12 euros a year."]))
    with make_workspace() as workspace:
        ingest(workspace, tmp_path / "a.pdf")
        document = workspace.document("a.pdf")
        page = workspace.page(document, 2)
        fee = page.start + page.text.index("12 euros")
        span = page.start, page.start + len(page.text)
        view = workspace.view(document, page, *span, [(fee, fee + 8), (0, 5)])
        assert view
        ((left, top, right, bottom),), (answer,) = view.boxes, view.answers
        assert left < answer[0] < answer[2] < right
        assert (top, bottom) == pytest.approx((answer[1], answer[3]), abs=0.005)


def test_the_image_of_a_page_is_made_once_for_all_that_is_quoted_from_it(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(text_pdf(["The fee is 12 euros."]))
    with make_workspace() as workspace:
        ingest(workspace, tmp_path / "a.pdf")
        first, second = (looked_at(workspace, "a.pdf", word) for word in ("fee", "euros"))
        assert first
        assert second
        assert first.image is second.image
        assert first.boxes != second.boxes


def test_a_page_read_by_ocr_is_boxed_too(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    picture = Image.new("RGB", (900, 400), "white")
    ImageDraw.Draw(picture).text((450, 200), "Invoice total 1234", "black", font_size=40)
    picture.save(tmp_path / "a.png")
    with make_workspace() as workspace:
        ingest(workspace, tmp_path / "a.png")
        view = looked_at(workspace, "a.png", "1234")
        assert view
        ((left, top, right, bottom),) = view.boxes
        assert 0.5 < left < right < 1
        assert 0.45 < top < bottom < 0.65


def test_text_has_no_pages_to_look_at(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The fee is 12 euros.")
    with make_workspace() as workspace:
        ingest(workspace, tmp_path / "a.txt")
        assert looked_at(workspace, "a.txt", "12 euros") is None


def test_a_locked_pdf_is_shown_once_it_is_opened(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(encrypted_pdf(text_pdf(["The fee is 12 euros."]), "secret"))
    with make_workspace() as workspace:
        list(workspace.ingest([tmp_path / "a.pdf"]))
        workspace.retry("a.pdf", password="secret")
        workspace.drain()
        view = looked_at(workspace, "a.pdf", "12 euros")
        assert view
        assert view.boxes


def test_a_file_that_is_gone_is_said_to_be(make_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(text_pdf(["The fee is 12 euros."]))
    with make_workspace() as workspace:
        ingest(workspace, tmp_path / "a.pdf")
        document = workspace.document("a.pdf")
        page = workspace.page(document, 1)
        workspace.folder.original(document.id).unlink()
        with pytest.raises(NotFoundError, match="deleted"):
            workspace.view(document, page, page.start, page.start + 5)
