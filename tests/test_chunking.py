"""Chunks are exact spans, on borders, never across pages."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.chunking import chunk, sentence_spans
from rag.embedding import Embedder
from rag.records import Heading, Page, ParsedDocument


def words(text: str) -> list[tuple[int, int]]:
    """A tokenizer for tests: a token is a run of non-space."""
    return [match.span() for match in re.finditer(r"\S+", text)]


def document(*texts: str, headings: tuple[Heading, ...] = ()) -> ParsedDocument:
    pages, start = [], 0
    for number, text in enumerate(texts, start=1):
        pages.append(Page(number, text, start))
        start += len(text) + 2
    return ParsedDocument("title", "text/plain", "\n\n".join(texts), tuple(pages), headings, "test")


def sentence(number: int, length: int = 10) -> str:
    return " ".join(["Sentence", f"n{number}", *(["word"] * (length - 3)), "end."])


def test_a_short_page_is_one_chunk_without_the_space_around_it() -> None:
    (only,) = chunk(document("  \n Hello there.  \n"), "d", 200, words)
    assert (only.text, only.page) == ("Hello there.", 1)


def test_chunks_end_at_sentences_and_are_about_full() -> None:
    text = " ".join(sentence(number) for number in range(60))
    chunks = chunk(document(text), "d", 100, words)
    assert all(one.text.endswith("end.") for one in chunks)
    assert all(one.text.startswith("Sentence") for one in chunks)
    sizes = [len(words(one.text)) for one in chunks]
    assert max(sizes) <= 115
    assert min(sizes[:-1]) >= 60


def test_a_paragraph_border_is_preferred_to_a_sentence() -> None:
    first = " ".join(sentence(number) for number in range(8))
    second = " ".join(sentence(number) for number in range(8, 20))
    chunks = chunk(document(f"{first}\n\n{second}"), "d", 100, words)
    assert chunks[0].text == first


def test_no_chunk_crosses_a_page_and_empty_pages_give_none() -> None:
    chunks = chunk(document("One page.", "", "Another page."), "d", 200, words)
    assert [(one.page, one.text) for one in chunks] == [(1, "One page."), (3, "Another page.")]


def test_headings_begin_chunks_and_their_path_is_kept_beside_the_text() -> None:
    parts = ["# A", " ".join(sentence(n) for n in range(6)), "## B", " ".join(sentence(n) for n in range(6))]
    text = "\n\n".join(parts)
    headings = (Heading(1, "A", 0), Heading(2, "B", text.index("## B")))
    chunks = chunk(document(text, headings=headings), "d", 100, words)
    assert [one.heading for one in chunks] == ["A", "A > B"]
    assert chunks[1].text.startswith("## B")


def test_what_is_embedded_says_what_the_document_and_its_part_are_called_in_a_few_words() -> None:
    headed = (Heading(1, "Rent", 0), Heading(2, "of " + "a very " * 30 + "long lease", 0))
    (called,) = chunk(document("It is high.", headings=headed), "d", 200, words, "harbour_lease.txt")
    (alone,) = chunk(document("It is high."), "d", 200, words)
    assert called.title == "harbour lease: title"
    header, text = called.embedded.split("\n")
    assert (header[:24], header[-10:], text) == ("harbour lease: title > a", "long lease", "It is high.")
    assert len(header) < 150
    assert (alone.text, alone.embedded) == ("It is high.", "title\nIt is high.")
    assert called.digest != alone.digest


def test_a_heading_of_the_same_level_ends_the_one_before() -> None:
    body = " ".join(sentence(n) for n in range(9))
    text = f"{body}\n\n{body}\n\n{body}"
    second, third = text.index("\n\n") + 2, text.rindex("\n\n") + 2
    headings = (Heading(1, "A", 0), Heading(2, "A1", second), Heading(1, "B", third))
    assert [one.heading for one in chunk(document(text, headings=headings), "d", 90, words)] == ["A", "A > A1", "B"]


def path_at(headings: tuple[Heading, ...], place: int) -> str:
    """The heading of a chunk that begins at `place` of a page of one-letter words."""
    text = "x " * 100
    found = chunk(document(text, headings=headings), "d", 1, words)
    return next(one.heading for one in found if one.start == place)


def test_after_the_end_of_a_heading_the_path_is_what_it_was_before() -> None:
    headings = (Heading(1, "A", 0), Heading(2, "A1", 10), Heading(9, "T", 20, end=40), Heading(1, "B", 60))
    paths = {place: path_at(headings, place) for place in (0, 10, 20, 38, 40, 58, 60)}
    assert paths == {0: "A", 10: "A > A1", 20: "A > A1 > T", 38: "A > A1 > T", 40: "A > A1", 58: "A > A1", 60: "B"}


def test_headings_that_end_may_lie_within_each_other_and_follow_each_other() -> None:
    within = (Heading(9, "Outer", 0, end=60), Heading(9, "Inner", 20, end=40), Heading(10, "Deep", 22, end=40))
    assert [path_at(within, place) for place in (0, 20, 22, 40, 60)] == ["Outer", "Inner", "Inner > Deep", "Outer", ""]
    following = (Heading(9, "One", 0, end=20), Heading(9, "Two", 20, end=40))
    assert [path_at(following, place) for place in (0, 18, 20, 40)] == ["One", "One", "Two", ""]
    overlapping = (Heading(9, "One", 0, end=30), Heading(9, "Two", 20, end=40))
    assert [path_at(overlapping, place) for place in (0, 20, 30, 40)] == ["One", "Two", "Two", ""]


def test_a_real_heading_within_what_ends_stays_after_it() -> None:
    headings = (Heading(9, "T", 0, end=40), Heading(2, "H", 20))
    assert [path_at(headings, place) for place in (0, 20, 40, 60)] == ["T", "H", "H", "H"]


def test_a_table_begins_a_chunk_with_its_header() -> None:
    rows = "\n".join(f"article{n} | {n}.50" for n in range(60))
    prose = " ".join(sentence(n) for n in range(7))
    text = f"{prose}\n\nArticle | Price\n{rows}\n\n{prose}"
    table = Heading(9, "Article | Price", text.index("Article"), end=text.index(f"\n\n{prose}"))
    chunks = chunk(document(text, headings=(table,)), "d", 100, words)
    assert chunks[0].text == prose
    assert chunks[1].text.startswith("Article | Price\narticle0 |")
    assert {one.heading for one in chunks if one.text.startswith("article")} == {"Article | Price"}
    assert chunks[-1].heading in ("", "Article | Price")


def test_text_without_any_border_is_still_cut() -> None:
    letters = "x" * 5000
    each = [(at, at + 1) for at in range(5000)]
    chunks = chunk(document(letters), "d", 200, lambda text: each[: len(text)])
    assert "".join(one.text for one in chunks) == letters


def test_a_run_of_letters_that_the_model_takes_for_one_word_is_cut_like_others(embedder: Embedder) -> None:
    chunks = chunk(document("x" * 30_000), "d", 200, embedder.token_offsets)
    assert max(len(one.text) for one in chunks) < 1000
    assert "".join(one.text for one in chunks) == "x" * 30_000


def test_a_very_long_page_is_cut_block_by_block_without_losing_anything() -> None:
    text = "\n".join(sentence(number) for number in range(9000))
    chunks = chunk(document(text), "d", 200, words)
    assert " ".join(one.text for one in chunks).split() == text.split()
    assert all(text[one.start : one.end] == one.text for one in chunks)


def test_ids_are_the_same_each_time_and_differ_by_document_and_settings() -> None:
    text = " ".join(sentence(number) for number in range(60))
    first = [one.id for one in chunk(document(text), "d", 100, words)]
    assert first == [one.id for one in chunk(document(text), "d", 100, words)]
    assert not set(first) & {one.id for one in chunk(document(text), "e", 100, words)}
    assert not set(first) & {one.id for one in chunk(document(text), "d", 90, words)}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pages=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), max_size=4))
def test_whatever_the_text_every_chunk_is_its_span_and_nothing_is_lost(pages: list[str]) -> None:
    parsed = document(*pages)
    chunks = chunk(parsed, "d", 32, words)
    assert all(parsed.text[one.start : one.end] == one.text for one in chunks)
    assert all(one.text == one.text.strip() for one in chunks)
    for page in parsed.pages:
        kept = "".join(one.text for one in chunks if one.page == page.number)
        assert "".join(kept.split()) == "".join(page.text.split())


def test_with_the_models_own_tokenizer_no_chunk_is_cut_off_by_the_model(embedder: Embedder) -> None:
    text = " ".join(f"Überraschung 🎉 number {number}, said Ms. Łuczak of Pérez & Co." for number in range(300))
    chunks = chunk(document(text), "d", 200, embedder.token_offsets)
    assert all(text[one.start : one.end] == one.text for one in chunks)
    assert max(len(embedder.token_offsets(one.text)) for one in chunks) <= embedder.max_tokens - 2


def texts(passage: str) -> list[str]:
    return [passage[start:end] for start, end in sentence_spans(passage)]


def test_sentences_are_told_apart_from_abbreviations_and_numbers() -> None:
    passage = "Mr. Smith paid $1,577.50 to Acme Inc. on Jan. 5. He was late! Was it e.g. the bank? Yes."
    assert texts(passage) == [
        "Mr. Smith paid $1,577.50 to Acme Inc. on Jan. 5.",
        "He was late!",
        "Was it e.g. the bank?",
        "Yes.",
    ]


def test_a_heading_line_stands_alone_and_wrapped_lines_stay_together() -> None:
    passage = (
        "Results of operations\nRevenue rose by four percent because prices rose and because two new plants\n"
        "began to deliver in the spring. Costs fell."
    )
    assert texts(passage)[0] == "Results of operations"
    assert texts(passage)[1].startswith("Revenue rose")
    assert texts(passage)[1].endswith("spring.")


def test_the_rows_of_a_table_stay_with_their_header() -> None:
    passage = "Segment 2023 2024\nPumps 212.4 238.9\nStorage 31.2 44.6\nThe table shows revenue by segment in millions."
    assert texts(passage)[0] == "Segment 2023 2024\nPumps 212.4 238.9\nStorage 31.2 44.6"


def test_no_sentence_is_longer_than_asked() -> None:
    passage = "\n".join(f"Row {number} 1.0 2.0 3.0" for number in range(200))
    assert max(len(one) for one in texts(passage)) <= 600
    assert "".join("".join(texts(passage)).split()) == "".join(passage.split())
