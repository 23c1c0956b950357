"""Escaping and numbers for the pages."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.records import Citation, Document, Page, State
from ui.labels import label, place, spoken
from ui.passages import page_html
from ui.stages import outcome, stage
from ui.text import (
    JOINER,
    about,
    answer_markdown,
    bytes_as_text,
    counted,
    day,
    duration,
    escape_markdown,
    message_markdown,
    quoted_html,
    settled,
    shortened,
)


@given(st.text(max_size=200))
def test_escaping_shows_the_same_characters_on_one_line(text: str) -> None:
    escaped = escape_markdown(text)
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped).replace(JOINER, "")
    assert shown == " ".join(text.split()).replace(JOINER, "")
    assert not re.search(r"[!-/:-@\[-`{-~]", re.sub(r"\\[!-/:-@\[-`{-~]", "", escaped)), "left unescaped"


@pytest.mark.parametrize(
    "hostile",
    [":material/home:", ":red[x]", ":smile:", ":streamlit:", "https://evil.test", "www.evil.test", "a@b.test"],
)
def test_nothing_is_left_that_streamlit_looks_for_after_unescaping(hostile: str) -> None:
    assert hostile not in escape_markdown(hostile).replace("\\", "")


def test_an_answers_code_keeps_its_characters_and_diagrams_become_text() -> None:
    assert answer_markdown("`a$b:c` costs $5", ()) == r"`a$b:c` costs \$5"
    for fence in ("```mermaid", "> ```mermaid", "~~~ mermaid"):
        assert "mermaid" not in answer_markdown(f"{fence}\ngraph TD\n```", ())


@pytest.mark.parametrize(
    "hostile",
    [
        "![x](http://evil.test/a.png) [y](http://evil.test)",
        r"\`![x](http://evil.test/a.png)`",
        "```\n![x](http://evil.test/a.png)",
        "![x][y]\n\n[y]: http://evil.test/a.png",
    ],
)
def test_images_and_links_in_an_answer_stay_text(hostile: str) -> None:
    shown = answer_markdown(hostile, ())
    assert "![" not in shown
    assert "](" not in shown


def test_commands_in_our_messages_are_set_as_code_and_the_rest_is_escaped() -> None:
    assert message_markdown("Run `chroma run` for *x*.") == r"Run `chroma run` for \*x\*\."


@given(st.text(max_size=100))
def test_quoted_text_is_html_without_markup_of_its_own(text: str) -> None:
    inner = re.sub(r"</?(?:p|strong)\b[^>]*>", "", quoted_html(text, ()))
    assert "<" not in inner
    assert html.unescape(inner) == text.replace("\n\n", "")


def test_what_answers_is_marked_in_a_quote_wherever_its_lines_break() -> None:
    quote = "In 1911 the roof\nwas built by\nMaria  Keller in 1911."
    name, year = quote.index("Maria"), quote.rindex("1911")
    marks = ((100 + name, 100 + name + len("Maria  Keller")), (100 + year, 100 + year + 4))
    citation = Citation(1, "d", "a.txt", 1, quote, 100, 100 + len(quote), highlights=marks)
    shown = re.sub(
        r' style="[^"]*"', "", quoted_html("In 1911 the roof was built by Maria Keller in 1911. [1]", [citation])
    )
    assert "In 1911 the roof was built by <mark>Maria Keller</mark> in <mark>1911</mark>." in shown
    assert "<strong>[1]</strong>" in shown


def test_a_page_marks_just_the_quote_and_folds_what_is_far_before_it() -> None:
    text = "".join(f"line {number} <b>\n" for number in range(100))
    start = text.index("line 80")
    shown = page_html(Page(3, text, start=1000), 1000 + start, 1000 + start + 7)
    assert re.findall(r"<mark[^>]*>(.*?)</mark>", shown) == ["line 80"]
    assert shown.index("line 1 ") < shown.index("</details>") < shown.index("line 79") < shown.index("line 99")
    assert "<b>" not in shown


def test_a_page_without_an_earlier_part_folds_nothing() -> None:
    shown = page_html(Page(1, "Short page.", start=0), 0, 5)
    assert "<details" not in shown
    assert ">Short</mark> page." in shown


def test_numbers_as_people_read_them() -> None:
    assert [counted(number, "page") for number in (0, 1, 1204)] == ["0 pages", "1 page", "1,204 pages"]
    sizes = [bytes_as_text(number) for number in (1, 812, 14_000, 3_200_000, 45_000_000, 1_100_000_000)]
    assert sizes == ["1 byte", "812 bytes", "14 kB", "3.2 MB", "45 MB", "1.1 GB"]
    assert day(datetime(2026, 3, 5, tzinfo=UTC)) == "5 Mar 2026"
    assert shortened("a" * 30 + "end.pdf", 20) == "a" * 13 + "…" + "nd.pdf"[-6:]


def test_durations_are_rounded_up_and_coarser_the_longer_they_are() -> None:
    shown = [duration(seconds) for seconds in (0.3, 3.2, 11, 58, 61, 870, 2000, 3700, 40_000)]
    assert [about(seconds) for seconds in (0.3, 3.2)] == ["under 1 s", "about 4 s"]
    assert shown == ["under 1 s", "4 s", "15 s", "1 min", "2 min", "15 min", "35 min", "1.5 h", "11.5 h"]


def test_an_estimate_is_kept_until_it_is_clearly_different() -> None:
    assert [settled(seconds, 100) for seconds in (110, 80, 74, 120)] == [100, 100, 74, 120]
    assert settled(5, None) == 5


@given(st.text(max_size=60))
def test_a_label_that_is_read_out_has_nothing_of_markdown_in_it(name: str) -> None:
    assert not re.search(r"[\\\\!#$%&*+/:;<=>?@\[\]^`{|}~]", spoken(name))
    assert not re.search(r"(?<![^\W_])_|_(?![^\W_])", spoken(name))


def test_usual_names_are_read_out_as_they_are() -> None:
    for name in ("locked.pdf", "annual_report (2).pdf", "Überblick 2024 - Teil 1.pdf"):
        assert spoken(name) == name


def test_places_are_called_what_the_format_calls_them() -> None:
    names = ["a.pdf", "a.pptx", "a.xlsx", "a.docx", "a.png"]
    assert [place(name, 3) for name in names] == ["page 3", "slide 3", "sheet 3", "section 3", "page 3"]
    assert [label(name, 3).split(" · ")[1] for name in names] == ["p. 3", "slide 3", "sheet 3", "section 3", "p. 3"]


def test_a_finished_document_tells_of_pages_that_could_not_be_read() -> None:
    one = Document("d", "a.pdf", "documents", State.READY, datetime.now(UTC), pages=14, unread_pages=2)
    assert "2 of 14 pages could not be read" in outcome(one)


def test_a_plain_text_has_passages_and_no_pages() -> None:
    text = Document("d", "a.txt", "documents", State.READY, datetime.now(UTC), pages=1, chunks=3)
    assert outcome(text).startswith("Ready · 3 passages · ")
    assert outcome(replace(text, name="a.pdf")).startswith("Ready · 1 page · 3 passages · ")


def test_a_document_that_is_read_anew_says_that_it_is_searched_meanwhile() -> None:
    one = Document("d", "a.pdf", "documents", State.INDEXING, datetime.now(UTC), stage="reading", served=True)
    assert stage(one) == "reading · searched as it was read before until then"


@pytest.mark.parametrize("address", ["http://evil.test/m", "https://evil.test", "www.evil.test", "me@evil.test"])
def test_no_address_becomes_a_link_even_where_code_only_seems_to_be(address: str) -> None:
    for text in (f"is: ```text\nclick {address}\n``` [1].", f"`{address}`", f"```\n{address}\n```", f"~~~\n{address}"):
        shown = answer_markdown(text, ())
        assert address not in shown
        assert address in shown.replace("\u2060", "")


def test_html_of_an_answer_is_shown_and_does_not_vanish() -> None:
    assert answer_markdown("Write <b>this</b> here", ()) == "Write <\u2060b>this<\u2060/b> here"
