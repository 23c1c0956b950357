"""DOCX: what a reader sees, in order, with headings, tables, notes and pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import docx
import pytest
from docx.enum.section import WD_SECTION
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.oxml.shared import OxmlElement

from rag.errors import EmptyDocumentError
from tests.formats import chunks, headings, read, saved, tables, texts


def table(document: Any, rows: list[list[str]]) -> Any:
    made = document.add_table(len(rows), len(rows[0]))
    for row, cells in zip(made.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    return made


def rendered_break(paragraph: Any) -> None:
    run = paragraph.add_run()
    run._r.insert(0, OxmlElement("w:lastRenderedPageBreak"))


def test_paragraphs_and_tables_stand_in_the_order_of_the_document() -> None:
    document = docx.Document()
    document.add_paragraph("Before.")
    table(document, [["City", "River"], ["Graz", "Mur"], ["Linz", "Donau"]])
    document.add_paragraph("After.")
    parsed = read(saved(document), "a.docx")
    assert parsed.text == "Before.\n\nCity | River\nGraz | Mur\nLinz | Donau\n\nAfter."
    assert tables(parsed) == [("City | River", "City | River\nGraz | Mur\nLinz | Donau")]


def test_headings_are_told_by_the_outline_level_of_their_style() -> None:
    document = docx.Document()
    own = document.styles.add_style("Kapitel", 1)
    own.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="1"/>'))
    derived = document.styles.add_style("Kapitel klein", 1)
    derived.base_style = own
    document.add_heading("The Title", 0)
    document.add_heading("First", 1)
    document.add_paragraph("Own", own)
    document.add_paragraph("Derived", derived)
    direct = document.add_paragraph("Direct")
    direct._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="2"/>'))
    document.add_paragraph("Body text")
    parsed = read(saved(document), "a.docx")
    assert headings(parsed) == [(1, "The Title"), (1, "First"), (2, "Own"), (2, "Derived"), (3, "Direct")]
    assert parsed.title == "The Title"


def test_the_properties_give_title_and_date() -> None:
    document = docx.Document()
    document.add_paragraph("text")
    document.core_properties.title = "Annual report"
    document.core_properties.created = datetime(2023, 4, 5)
    parsed = read(saved(document), "a.docx")
    assert (parsed.title, parsed.date) == ("Annual report", 20230405)
    assert parsed.parser.startswith("docx 1 (python-docx ")


def test_lists_lines_and_tabs_look_as_they_do_on_paper() -> None:
    document = docx.Document()
    document.add_paragraph("one", "List Bullet")
    document.add_paragraph("two", "List Number")
    document.add_paragraph("a\tb\nc")
    assert read(saved(document), "a.docx").text == "- one\n- two\n\na\tb\nc"


def test_pages_are_those_of_the_file() -> None:
    document = docx.Document()
    document.add_heading("A", 1)
    document.add_paragraph("one").add_run().add_break(WD_BREAK.PAGE)
    rendered_break(document.add_paragraph())  # Word's note of the same break
    document.add_paragraph("two")
    split = document.add_paragraph("still two, ")
    rendered_break(split)
    split.add_run("then three")
    document.add_paragraph("four").paragraph_format.page_break_before = True
    document.add_section(WD_SECTION.NEW_PAGE)
    document.add_paragraph("five")
    document.add_section(WD_SECTION.CONTINUOUS)
    document.add_heading("B", 1)
    parsed = read(saved(document), "a.docx")
    assert texts(parsed) == ["A\n\none", "two\n\nstill two, ", "then three", "four", "five\n\nB"]


def test_a_table_over_a_page_break_is_one_table_on_both_pages() -> None:
    document = docx.Document()
    made = table(document, [["Name", "City"], ["Ann", "Rome"], ["Bob", "Paris"]])
    rendered_break(made.rows[2].cells[0].paragraphs[0])
    document.add_paragraph("after")
    parsed = read(saved(document), "a.docx")
    assert texts(parsed) == ["Name | City\nAnn | Rome", "Bob | Paris\n\nafter"]
    assert tables(parsed) == [("Name | City", "Name | City\nAnn | Rome\n\nBob | Paris")]
    assert [one.heading for one in chunks(parsed)] == ["Name | City", "Name | City"]


def test_without_page_breaks_each_section_is_a_page() -> None:
    document = docx.Document()
    document.add_heading("Report", 0)
    for number in range(3):
        document.add_heading(f"Part {number}", 2)
        document.add_paragraph(f"text {number}")
        document.add_heading("Detail", 3)
    parsed = read(saved(document), "a.docx")
    assert [page.label for page in parsed.pages] == ["Part 0", "Part 1", "Part 2"]
    assert texts(parsed)[0] == "Report\n\nPart 0\n\ntext 0\n\nDetail"


def test_more_sections_than_pages_allowed_are_one_page() -> None:
    document = docx.Document()
    for number in range(12):
        document.add_heading(f"Part {number}", 1)
        document.add_paragraph("text")
    assert len(read(saved(document), "a.docx").pages) == 12
    assert len(read(saved(document), "a.docx", max_pages=11).pages) == 1


def test_deleted_text_is_gone_and_inserted_text_boxes_and_controls_are_there() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("kept ")
    for xml in (
        "<w:del {}><w:r><w:delText>deleted</w:delText></w:r></w:del>",
        "<w:ins {}><w:r><w:t>inserted</w:t></w:r></w:ins>",
        "<w:r {}><w:pict><w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent></w:pict></w:r>",
    ):
        paragraph._p.append(parse_xml(xml.format(nsdecls("w"))))
    control = "<w:sdt {}><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    document.element.body.insert(1, parse_xml(control.format(nsdecls("w"))))
    assert read(saved(document), "a.docx").text == "kept inserted\n\nin a box\n\nin a control"


def test_footnotes_stand_after_their_paragraph() -> None:
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    document = docx.Document()
    paragraph = document.add_paragraph("Rent rises")
    paragraph._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:footnoteReference w:id="2"/></w:r>'))
    document.add_paragraph("Next.")
    notes = (
        f'<w:footnotes {nsdecls("w")}><w:footnote w:id="0" w:type="separator"><w:p/></w:footnote>'
        '<w:footnote w:id="2"><w:p><w:r><w:t>From 2025 on.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    part = Part(PackURI("/word/footnotes.xml"), "application/xml", notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    assert read(saved(document), "a.docx").text == "Rent rises[2]\n\n[2] From 2025 on.\n\nNext."


def test_a_layout_table_of_one_column_is_text_and_merged_cells_keep_their_columns() -> None:
    document = docx.Document()
    table(document, [["Only text"], ["and more"]])
    made = table(document, [["Name", "Both", ""], ["Ann", "1", "2"]])
    made.cell(0, 1).merge(made.cell(0, 2))
    parsed = read(saved(document), "a.docx")
    assert parsed.text == "Only text\nand more\n\nName | Both\nAnn | 1 | 2"
    assert [title for title, _ in tables(parsed)] == ["Name | Both"]


def test_headers_and_footers_are_left_out_and_nothing_else_is_empty() -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Confidential"
    with pytest.raises(EmptyDocumentError):
        read(saved(document), "a.docx")


def test_a_chunk_from_the_middle_of_a_long_table_says_what_its_columns_are() -> None:
    document = docx.Document()
    document.add_heading("Prices", 1)
    document.add_paragraph("All in euros.")
    table(document, [["Article", "Price"], *([f"article {n}", f"{n}.50"] for n in range(200))])
    document.add_paragraph("Prices hold until May. " * 30)
    found = chunks(read(saved(document), "a.docx"))
    middle = [one for one in found if "article 100 |" in one.text]
    assert middle[0].heading == "Prices > Article | Price"
    assert found[-1].heading == "Prices"
    assert next(one for one in found if "article 0 |" in one.text).text.count("Article | Price") == 1
