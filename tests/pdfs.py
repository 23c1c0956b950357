"""PDFs for the tests: ordinary ones by fpdf2 and pypdf, odd and hostile ones object by object."""

from __future__ import annotations

import io
from collections.abc import Sequence

from fpdf import FPDF
from PIL import Image
from pypdf import PdfReader, PdfWriter


def text_pdf(
    pages: Sequence[str],
    *,
    title: str = "",
    created: str = "",
    outline: Sequence[tuple[int, str, int]] = (),
    roman_pages: int = 0,
) -> bytes:
    """A PDF with one page per text (Latin-1; "" is a blank page).

    `created` as PDF writes dates; `outline` has (level from 1, title, page from 0), parents first;
    the first `roman_pages` pages are labelled i, ii, iii, and the rest from 1.
    """
    document = FPDF()
    document.set_font("Helvetica", size=12)
    for text in pages:
        document.add_page()
        if text:
            document.multi_cell(0, 6, text)
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(bytes(document.output()))))
    writer.add_metadata({"/Title": title, **({"/CreationDate": created} if created else {})})
    parents: dict[int, object] = {0: None}
    for level, entry, page in outline:
        parents[level] = writer.add_outline_item(title=entry, page_number=page, parent=parents[level - 1])
    if roman_pages:
        writer.set_page_label(0, roman_pages - 1, style="/r")
        writer.set_page_label(roman_pages, len(pages) - 1, style="/D", start=1)
    return _written(writer)


def encrypted_pdf(pdf: bytes, user_password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.encrypt(user_password, owner_password="owner", algorithm="AES-256")
    return _written(writer)


def _written(writer: PdfWriter) -> bytes:
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def drawing_pdf() -> bytes:
    """A page with a picture and no text, like a scan."""
    document = FPDF()
    document.add_page()
    document.rect(20, 20, 100, 100, style="F")
    return bytes(document.output())


def picture_pdf(picture: Image.Image) -> bytes:
    """A page that is filled by `picture`, whose pixels are points."""
    document = FPDF(unit="pt", format=picture.size)
    document.add_page()
    document.image(picture, 0, 0, *picture.size)
    return bytes(document.output())


def mixed_pdf() -> bytes:
    """Four pages: text, a picture, lines, and nothing at all."""
    document = FPDF()
    document.set_font("Helvetica", size=12)
    document.add_page()
    document.multi_cell(0, 6, "Some text.")
    document.add_page()
    document.image(Image.new("RGB", (40, 40), "red"), 20, 20, 100, 100)
    document.add_page()
    document.line(20, 20, 100, 30)
    document.add_page()
    return bytes(document.output())


def form_pdf(value: str) -> bytes:
    """A page with nothing but a form's field, which shows `value`."""
    appearance = stream(
        b"/Tx BMC q BT /F 20 Tf 4 10 Td (" + value.encode("latin-1") + b") Tj ET Q EMC",
        b"/Type/XObject/Subtype/Form/BBox[0 0 300 40]/Resources<</Font<</F 5 0 R>>>>",
    )
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]/DR<</Font<</F 5 0 R>>>>/DA(/F 20 Tf)>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/Contents 4 0 R/Annots[6 0 R]>>",
            stream(b""),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(%s)/DA(/F 20 Tf)/Rect[50 300 350 340]/P 3 0 R/F 4"
            b"/AP<</N 7 0 R>>>>" % value.encode("latin-1"),
            appearance,
        ]
    )


def unmapped_pdf(text: str) -> bytes:
    """A page that shows `text` but whose characters are, by its own word, private-use ones."""
    to_unicode = stream(
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange\n"
        b"1 beginbfrange <21> <7E> <E021> endbfrange\nendcmap end end"
    )
    shown = b"BT /F 14 Tf 20 350 Td (" + text.encode("latin-1") + b") Tj ET"
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            stream(shown),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
            to_unicode,
        ]
    )


def empty_pdf() -> bytes:
    """A sound PDF without pages."""
    return assemble([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"])


def astral_pdf(lines: Sequence[bytes]) -> bytes:
    """A page whose glyphs `A`, `B`, `C` mean U+1F600, U+1D49E, U+20B9F, `Z` half a surrogate pair, `N` nothing."""
    to_unicode = stream(
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange\n"
        b"5 beginbfchar <41> <D83DDE00> <42> <D835DC9E> <43> <D842DF9F> <5A> <D83D> <4E> <0000> endbfchar\n"
        b"endcmap end end"
    )
    shown = b" T* ".join(b"(" + line + b") Tj" for line in lines)
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            stream(b"BT /F 20 Tf 30 TL 20 350 Td " + shown + b" ET"),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
            to_unicode,
        ]
    )


def circular_outline_pdf(text: str) -> bytes:
    """A page with `text` and an outline whose two entries follow each other for ever."""
    return assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>",
            *one_page(b"BT /F 20 Tf 20 350 Td (" + text.encode("latin-1") + b") Tj ET"),
            b"<</Type/Outlines/First 7 0 R/Last 8 0 R/Count 2>>",
            b"<</Title(One)/Parent 6 0 R/Next 8 0 R/First 7 0 R/Last 8 0 R/Dest[3 0 R/Fit]>>",
            b"<</Title(Two)/Parent 6 0 R/Next 7 0 R/First 7 0 R/Last 8 0 R/Dest[3 0 R/Fit]>>",
        ]
    )


def one_page(content: bytes, entries: bytes = b"") -> list[bytes]:
    """Objects 2 to 5: one page with `content` and the font /F."""
    return [
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        stream(content, entries),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def assemble(objects: Sequence[bytes]) -> bytes:
    """A PDF of `objects`, numbered from 1; the first is the catalog."""
    output = b"%PDF-1.7\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(output))
        output += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    trailer = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(output))
    return output + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer
