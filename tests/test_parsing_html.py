"""HTML: the text that is shown, its headings, lists and tables, whatever the markup."""

from __future__ import annotations

import time
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import DamagedError, EmptyDocumentError, ParseLimitError
from rag.records import ParsedDocument
from tests.formats import chunks, headings, read, tables, texts


def body(markup: str) -> ParsedDocument:
    return read(f"<!DOCTYPE html><html><body>{markup}</body></html>".encode(), "a.html")


def test_blocks_are_paragraphs_and_inline_tags_are_not() -> None:
    parsed = body("<p>One <b>bo</b>ld\n  word.<br>New line</p><div>Two<div>Three</div>four</div>tail")
    assert parsed.text == "One bold word.\nNew line\n\nTwo\n\nThree\n\nfour\n\ntail"


def test_headings_have_levels_and_the_title_is_the_pages() -> None:
    parsed = read(b"<title>A page</title><h1>Top</h1><p>x</p><h2>Below <i>it</i></h2><h2></h2><p>y</p>", "a.htm")
    assert headings(parsed) == [(1, "Top"), (2, "Below it")]
    assert parsed.title == "A page"
    assert read(b"<h1>Only heading</h1><p>x", "a.html").title == "Only heading"


def test_lists_and_preformatted_text_keep_their_form() -> None:
    parsed = body(
        "<ul><li>a<ul><li>a1</li></ul></li><li><p>b</p><p>more</p></li></ul><ol><li>x<li>y</ol><pre>q\n  r</pre>"
    )
    assert parsed.text == "- a\n  - a1\n- b\nmore\n\n1. x\n2. y\n\nq\n  r"


def test_what_is_not_shown_is_left_out_and_what_follows_it_is_kept() -> None:
    parsed = body(
        "<nav>menu</nav>a <script>bad()</script>b <style>p{}</style>c<noscript>no</noscript><template>t</template>"
        "<p hidden>h</p><div style='color:red; DISPLAY : none'>d</div><!-- comment --><svg><text>s</text></svg>"
        "<header>Header</header><aside>Aside</aside><footer>Footer</footer>"
    )
    assert parsed.text == "a b c\n\nHeader\n\nAside\n\nFooter"
    assert read(b"<body style='display:none'><p>Shown by a script</p></body>", "a.html").text == "Shown by a script"


def test_a_table_with_a_marked_header() -> None:
    parsed = body(
        "<p>Before</p><table><caption>Prices</caption><thead><tr><th>Item</th><th>Price</th></tr></thead>"
        "<tbody><tr><th>Pump</th><td>10</td></tr><tr><td>Valve</td><td>5<br>6</td></tr></tbody></table>After"
    )
    assert parsed.text == "Before\n\nPrices\n\nItem | Price\nPump | 10\nValve | 5 6\n\nAfter"
    assert tables(parsed) == [("Item | Price", "Item | Price\nPump | 10\nValve | 5 6")]


def test_a_table_of_a_filing_with_signs_and_room_in_columns_of_their_own() -> None:
    parsed = body(
        "<table><tr><td></td><td></td><td colspan='2'>2023</td><td></td><td colspan=2>2022</td></tr>"
        "<tr><td>Net sales</td><td></td><td>$</td><td>1,200</td><td></td><td>$</td><td>1,100</td></tr>"
        "<tr><td>Loss</td><td></td><td></td><td>(35</td><td>)</td><td></td><td>(2</td><td>)</td></tr></table>"
    )
    assert tables(parsed) == [("2023 | 2022", "| 2023 | 2022\nNet sales | $1,200 | $1,100\nLoss | (35) | (2)")]


def test_cells_over_several_rows_keep_the_others_in_their_columns() -> None:
    parsed = body(
        "<table><tr><th>Country</th><th>City</th><th>People</th></tr><tr><td rowspan=2>Austria</td><td>Graz</td>"
        "<td>300</td></tr><tr><td>Linz</td><td>210</td></tr></table>"
    )
    assert parsed.text.endswith("Austria | Graz | 300\n| Linz | 210")


def test_tables_that_only_lay_out_a_page_are_text() -> None:
    parsed = body(
        "<table><tr><td>Side</td><td><h2>News</h2><p>Long text.</p>"
        "<table><tr><td>Name</td><td>Age</td></tr><tr><td>Ann</td><td>34</td></tr></table></td></tr></table>"
        "<table><tr><td>•</td><td>A point</td></tr></table>"
    )
    assert parsed.text == "Side\n\nNews\n\nLong text.\n\nName | Age\nAnn | 34\n\n• A point"
    assert [title for title, _ in tables(parsed)] == ["Name | Age"]


def test_sections_are_pages() -> None:
    parsed = body("<h1>All</h1><h2>A</h2>a<h3>A1</h3>a1<h2>B</h2>b")
    assert texts(parsed) == ["All\n\nA\n\na\n\nA1\n\na1", "B\n\nb"]
    assert [page.label for page in parsed.pages] == ["A", "B"]


def test_page_breaks_of_the_style_are_pages_before_sections_are() -> None:
    parsed = body(
        "<h2>A</h2><p>one</p><hr style='page-break-after:always'><div style='break-before: page'><h2>B</h2></div>"
        "<h2>C</h2><p>two</p>"
    )
    assert texts(parsed) == ["A\n\none", "B\n\nC\n\ntwo"]


def test_inline_xbrl_reads_like_the_filing_it_is() -> None:
    parsed = read(
        b"<?xml version='1.0' encoding='ASCII'?>\n<html xmlns='http://www.w3.org/1999/xhtml' xmlns:ix='http://x'><head>"
        b"<title>10-K</title></head><body><div style='display:none'><ix:header><ix:hidden>0001</ix:hidden></ix:header>"
        b"</div><p>Revenue was <ix:nonFraction name='r'>1,234</ix:nonFraction> million&#160;dollars&#8212;up.<br/></p>"
        b"</body></html>",
        "a.htm",
    )
    assert parsed.text == "Revenue was 1,234 million dollars—up."


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("<meta charset='iso-8859-1'><p>Größe “5€”</p>".encode("cp1252"), "Größe “5€”"),
        (
            "<meta http-equiv=Content-Type content='text/html; charset=shift_jis'><p>日本語</p>".encode("shift_jis"),
            "日本語",
        ),
        ("<?xml version='1.0' encoding='windows-1251'?><html><p>Привет</p></html>".encode("cp1251"), "Привет"),
        ("<p>Größe und schöne Straße für Mädchen</p>".encode("cp1252"), "Größe und schöne Straße für Mädchen"),
        (
            "<meta charset='utf-8'><p>Größe für Mädchen und Übergröße</p>".encode("cp1252"),
            "Größe für Mädchen und Übergröße",
        ),
        ("<p>Größe</p>".encode("utf-16"), "Größe"),
        ("<meta charset='nonsense'><p>Größe</p>".encode(), "Größe"),
        ("<meta charset='hex'><p>Größe</p>".encode(), "Größe"),
    ],
)
def test_the_encoding_is_the_declared_one_or_found(data: bytes, expected: str) -> None:
    assert read(data, "a.html").text == expected


def test_the_date_is_the_one_it_names() -> None:
    assert read(b"<meta property='article:published_time' content='2024-02-03T10:00'><p>x", "a.html").date == 20240203
    assert read(b"<meta name=viewport content='2024-02-03'><meta name=date content=soon><p>x", "a.html").date is None


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"<script>x</script>", b"<!-- only a comment -->"])
def test_a_page_without_text_is_refused(data: bytes) -> None:
    with pytest.raises(EmptyDocumentError):
        read(data, "a.html")


def test_a_picture_called_html_is_refused() -> None:
    with pytest.raises(DamagedError):
        read(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 20, "a.html")


def test_deep_nesting_is_read_or_refused_but_never_cut_off() -> None:
    def nested(depth: int, tag: str) -> bytes:
        return f"<p>before</p>{f'<{tag}>' * depth}deep{f'</{tag}>' * depth}<p>after</p>".encode()

    assert read(nested(1000, "div"), "a.html").text == "before\n\ndeep\n\nafter"
    assert read(nested(1000, "font"), "a.html").text == "before\n\ndeep\n\nafter"
    with pytest.raises(ParseLimitError, match="nested"):
        read(nested(100_000, "div"), "a.html")


@pytest.mark.parametrize(
    "bomb",
    [
        "<table>" + "<tr><td colspan=99999999 rowspan=99999999>x<td>y" * 2000 + "</table>",
        "<ul><li>" * 800 + "x",
        "<p>" + " " * 500_000 + "x",
        "<pre>" + "\n" * 500_000 + "x",
        "<table><tr><td>" * 600 + "x",
        "<p>x" + "<br>" * 100_000 + "y",
        "<meta charset=" + "a" * 100_000 + "><p>x",
        '<!DOCTYPE html [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><p>x&b;</p>',
    ],
)
def test_markup_made_to_take_time_does_not(bomb: str) -> None:
    started = time.monotonic()
    assert "x" in read(bomb.encode(), "a.html").text
    assert time.monotonic() - started < 5


def test_a_chunk_from_the_middle_of_a_long_table_says_what_its_columns_are() -> None:
    rows = "".join(f"<tr><td>article {n}</td><td>{n}.50</td></tr>" for n in range(200))
    parsed = body(f"<h1>Prices</h1><p>All in euros.</p><table><tr><td>Article</td><td>Price</td></tr>{rows}</table>")
    middle = [one for one in chunks(parsed) if "article 100 |" in one.text]
    assert middle[0].heading == "Prices > Article | Price"


MARKUP = st.lists(
    st.sampled_from(
        [
            "<p>",
            "</p>",
            "<h1>",
            "</h1>",
            "<h2>",
            "<table>",
            "<tr>",
            "<td>",
            "<th>",
            "</table>",
            "<ul>",
            "<ol>",
            "<li>",
            "</ul>",
            "<br>",
            "<pre>",
            "</pre>",
            "<div style='break-before:page'>",
            "</div>",
            "<b>",
            "</b>",
            "<caption>",
        ]
    )
    | st.text("abc 1$&;\n", max_size=6),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(pieces=MARKUP)
def test_whatever_the_markup_no_text_is_lost_and_offsets_are_true(pieces: list[str]) -> None:
    shown = unescape("".join(piece for piece in pieces if not piece.startswith("<")))  # `&ac;` is a character
    try:
        text = read("".join(pieces).encode(), "a.html").text
    except EmptyDocumentError:
        text = ""
    assert sum(text.count(letter) for letter in "abc") >= sum(shown.count(letter) for letter in "abc")
