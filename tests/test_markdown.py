"""Answers as Markdown: footnotes with their places, and nothing in a quote that does something where it is pasted."""

from __future__ import annotations

import pytest

from rag.records import Answer, Citation, Claim, Overview, Section, Verdict
from rag.workspace import answer_markdown


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
        ("![x](http://evil.test/a.png)", "\\!\\[x\\](http\\://evil.test/a.png)"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("# Approved", "\\# Approved"),
        ("- **yes**", "\\- \\*\\*yes\\*\\*"),
        ("3. third", "3\\. third"),
        ("[^1]: other.pdf", "\\[\\^1\\]: other.pdf"),
        ("www.evil.test", "www\\.evil.test"),
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
