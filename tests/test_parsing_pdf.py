"""PDFs as files on disk through the child process: text, places, outline, and what cannot be read."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium_c
import pytest

from rag.errors import DamagedError, EmptyDocumentError, EncryptedError, TooLargeError
from rag.parsing.characters import clean_page, divided_words
from rag.parsing.limits import Limits
from rag.parsing.pdf import parse_pdf
from rag.records import Page, ParsedDocument
from tests import pdfs, reading

Parse = Callable[..., ParsedDocument]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    def parse_bytes(data: bytes, name: str = "file.pdf", password: str = "", **settings: object) -> ParsedDocument:
        path = tmp_path / "stored"
        path.write_bytes(data)
        return reading.parse(path, name, password, **settings)

    return parse_bytes


def pdfium_index(page: Page, offset: int) -> int:
    start, index = [pair for pair in page.char_map if pair[0] <= offset][-1]
    return index + offset - start


def units_of(data: bytes, number: int) -> list[int]:
    document = pypdfium2.PdfDocument(io.BytesIO(data))
    text_page = document[number - 1].get_textpage()
    return [pdfium_c.FPDFText_GetUnicode(text_page, index) for index in range(text_page.count_chars())]


def assert_places(data: bytes, document: ParsedDocument) -> None:
    """Every visible character is, by the page's map, the very one that PDFium has at that index."""
    for page in document.pages:
        units = units_of(data, page.number)
        for offset, character in enumerate(page.text):
            if character.isspace() or character == "\ufffd":
                continue
            index = pdfium_index(page, offset)
            wanted = character.encode("utf-16-le")
            found = b"".join(unit.to_bytes(2, "little") for unit in units[index : index + len(wanted) // 2])
            assert found == wanted or (character == "-" and units[index] == 2), (page.number, offset, character)


def test_pages_are_kept_apart_and_found_by_their_offsets(parse: Parse) -> None:
    document = parse(pdfs.text_pdf(["First page.\nIts second line.", "", "Third page."]))
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert [page.text.split() for page in document.pages] == [
        ["First", "page.", "Its", "second", "line."],
        [],
        ["Third", "page."],
    ]
    assert document.text == "\n\n".join(page.text for page in document.pages)
    for page in document.pages:
        assert document.text[page.start : page.start + len(page.text)] == page.text
    assert "\r" not in document.text
    assert document.parser.startswith("pdfium ")
    assert document.media_type == "application/pdf"


def test_a_place_in_the_text_leads_to_pdfiums_character(parse: Parse) -> None:
    lines = "A line.\nAnother (line) - with signs: 5 % of £3.\n\nA last one, at the long-\nterm end."
    data = pdfs.text_pdf([lines, "Second page\nof two."])
    document = parse(data)
    assert ord("\r") in units_of(data, 1)
    assert len(document.pages[0].char_map) > 3
    assert_places(data, document)


def test_characters_outside_the_basic_plane_are_whole_and_in_place(parse: Parse) -> None:
    data = pdfs.astral_pdf([b"xAyBz", b"C after", b"lone Z half", b"end A."])
    document = parse(data)
    assert document.text.split("\n")[:2] == ["x\U0001f600y\U0001d49ez", "\U00020b9f after"]
    assert "lone \ufffd half" in document.text
    assert document.text.encode()  # no lone surrogate is left
    assert_places(data, document)


def test_characters_without_a_code_do_not_shift_places(parse: Parse) -> None:
    data = pdfs.astral_pdf([b"aNNb", b"cNAd", b"end"])
    document = parse(data)
    assert 0 in units_of(data, 1)
    assert "\0" not in document.text
    assert_places(data, document)


@pytest.mark.parametrize(
    ("page", "clean"),
    [
        ("an in\ufffecluding b, including", "an including b, including"),
        ("the long\ufffeterm view is long-term", "the long-term view is long-term"),
        ("omni\ufffechannel is a channel", "omni-channel is a channel"),
        ("non\ufffeGerman", "non-German"),
        ("docu\ufffement", "document"),
        ("2019\ufffe2020", "2019-2020"),
    ],
)
def test_a_hyphen_at_a_lines_end_goes_where_the_document_writes_the_word_without(page: str, clean: str) -> None:
    text, char_map = clean_page(page, divided_words([page]))
    assert text == clean
    last = len(text) - 1
    assert page[char_map[-1][1] + last - char_map[-1][0]] == text[last]


def test_the_outline_gives_headings_where_their_titles_stand(parse: Parse) -> None:
    pages = ["Annual Report\nAbout the  risks we see.", "Preface\n1. The RISKS\nWe see some.\n2. Notes\nNone."]
    outline = [(1, "Report", 0), (2, "1.  The risks\n", 1), (2, "2. Notes", 1), (1, "Not on the page", 1)]
    document = parse(pdfs.text_pdf(pages, outline=outline))
    found = [(heading.level, heading.title, document.text[heading.offset :][:8]) for heading in document.headings]
    assert found == [
        (1, "Report", "Report\nA"),
        (1, "Not on the page", "Preface\n"),
        (2, "1. The risks", "1. The R"),
        (2, "2. Notes", "2. Notes"),
    ]


def test_a_heading_is_rather_a_line_than_a_word_in_a_sentence(parse: Parse) -> None:
    document = parse(pdfs.text_pdf(["See Methods below.\nMethods\nNone."], outline=[(1, "Methods", 0)]))
    assert document.headings[0].offset == document.text.index("\nMethods") + 1


def test_a_circular_outline_ends(parse: Parse) -> None:
    document = parse(pdfs.circular_outline_pdf("One and Two"))
    assert document.text.strip() == "One and Two"
    assert {heading.title for heading in document.headings} == {"One", "Two"}
    assert len(document.headings) <= 2000


def test_title_date_and_labels_come_from_the_file(parse: Parse) -> None:
    data = pdfs.text_pdf(["a", "b", "c"], title="Tides and Moons", created="D:20230504072523+00'00'", roman_pages=2)
    document = parse(data, "x.pdf")
    assert (document.title, document.date) == ("Tides and Moons", 20230504)
    assert [page.label for page in document.pages] == ["i", "ii", "1"]


@pytest.mark.parametrize("title", ["", "untitled", "Microsoft Word - draft.doc", "draft_7.docx", "0001-22-33", "\0"])
def test_a_title_that_says_nothing_gives_way_to_the_files_name(parse: Parse, title: str) -> None:
    document = parse(pdfs.text_pdf(["a"], title=title, created="D:20231399"), "../docs/annual_report-2021.PDF")
    assert (document.title, document.date) == ("annual report 2021", None)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", EmptyDocumentError, "empty"),
        (b" \n\t", EmptyDocumentError, "empty"),
        (pdfs.empty_pdf(), EmptyDocumentError, "no pages"),
        (pdfs.text_pdf(["", ""]), EmptyDocumentError, "pages are blank"),
        (b"%PDF-1.7\nnothing of the kind", DamagedError, "damaged"),
        (pdfs.text_pdf(["secret"])[:300], DamagedError, "damaged"),
        (pdfs.encrypted_pdf(pdfs.text_pdf(["secret"]), "word"), EncryptedError, "asks for a password"),
    ],
    ids=["0 bytes", "white", "0 pages", "blank", "garbage", "truncated", "encrypted"],
)
def test_what_cannot_be_read_says_why(parse: Parse, data: bytes, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        parse(data)
    assert "\n" not in str(caught.value)


def test_an_empty_user_password_is_no_obstacle(parse: Parse) -> None:
    assert "open to all" in parse(pdfs.encrypted_pdf(pdfs.text_pdf(["open to all"]), "")).text


def test_a_password_opens_what_is_encrypted(parse: Parse) -> None:
    locked = pdfs.encrypted_pdf(pdfs.text_pdf(["secret plans"]), "wörd")
    assert "secret plans" in parse(locked, password="wörd").text
    with pytest.raises(EncryptedError, match="password does not open"):
        parse(locked, password="word")


def test_a_copy_without_password_is_read_without_one(tmp_path: Path) -> None:
    locked, unlocked = tmp_path / "locked", tmp_path / "unlocked"
    locked.write_bytes(pdfs.encrypted_pdf(pdfs.text_pdf(["secret plans", "page two"]), "word"))
    with reading.reader() as reader:
        with pytest.raises(EncryptedError, match="does not open"):
            reader.decrypt(locked, "a.pdf", "sword", unlocked)
        assert not unlocked.exists()
        reader.decrypt(locked, "a.pdf", "word", unlocked)
        assert reader.parse(unlocked, "a.pdf") == reader.parse(locked, "a.pdf", "word")


def test_pypdf_takes_passwords_too() -> None:
    locked = pdfs.encrypted_pdf(pdfs.text_pdf(["secret plans"]), "word")
    limits = Limits(max_pages=10, max_chars=1000, seconds=60, memory_mb=None)
    assert "secret plans" in parse_pdf(locked, "a.pdf", limits, with_pdfium=False, password="word").text
    for password, says in (("", "asks for a password"), ("sword", "does not open")):
        with pytest.raises(EncryptedError, match=says):
            parse_pdf(locked, "a.pdf", limits, with_pdfium=False, password=password)


def test_pages_that_show_something_but_have_no_text_need_ocr(parse: Parse) -> None:
    document = parse(pdfs.mixed_pdf())
    assert document.needs_ocr == (2, 3)
    assert [bool(page.text.strip()) for page in document.pages] == [True, False, False, False]


def test_a_scan_is_a_document_whose_pages_wait_for_ocr(parse: Parse) -> None:
    document = parse(pdfs.drawing_pdf())
    assert (document.text, document.needs_ocr) == ("", (1,))


def test_a_form_that_is_filled_in_needs_ocr(parse: Parse) -> None:
    assert parse(pdfs.form_pdf("Filled in")).needs_ocr == (1,)


def test_a_page_whose_glyphs_have_no_meaning_needs_ocr_and_keeps_its_text(parse: Parse) -> None:
    document = parse(pdfs.unmapped_pdf("All this is seen well and copied as nonsense."))
    assert document.needs_ocr == (1,)
    assert document.pages[0].text.strip()


def test_caps_name_their_settings(parse: Parse) -> None:
    data = pdfs.text_pdf(["page one", "page two"])
    with pytest.raises(TooLargeError, match="RAG_MAX_PAGES"):
        parse(data, max_pages=1)
    with pytest.raises(TooLargeError, match="RAG_MAX_CHARS"):
        parse(data, max_chars=10)
    with pytest.raises(TooLargeError, match="RAG_MAX_FILE_MB"):
        parse(data + b" " * 2**20, max_file_mb=1)
