"""Passages: what is read of a hit beyond its chunk, and without what has nothing to do with the question."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.records import Chunk, Hit, Passage
from rag.retrieval import with_passages
from rag.workspace import Workspace
from tests.pdfs import text_pdf

SENTENCES = [
    "The harbour was built by the guild of the weavers.",
    "Its lamp burns whale oil and is cleaned on Fridays.",
    "The keeper of the lamp is paid forty crowns a year.",
    "Of these forty crowns the keeper must buy the oil for the lamp.",
    "Gulls nest on the roof in spring and are left alone.",
]
TEXT = " ".join(SENTENCES)


def place(sentence: int) -> tuple[int, int]:
    start = TEXT.index(SENTENCES[sentence])
    return start, start + len(SENTENCES[sentence])


def hit(first: int, last: int, number: int = 0) -> Hit:
    start, end = place(first)[0], place(last)[1]
    return Hit(Chunk(f"d-{number}", "d", 1, start, end, "", TEXT[start:end]), "a.txt", 1.0)


def sharing(text: str) -> float:
    return sum(word in text for word in ("crown", "keeper", "lamp", "paid"))


def read(*hits: Hit) -> list[str]:
    around = {one.chunk.id: Passage(0, len(TEXT), TEXT) for one in hits}
    found = with_passages(hits, around, sharing)
    assert all(TEXT[one.span[0] : one.span[1]] == one.text for one in found)
    return [one.text for one in found]


def test_a_passage_goes_on_with_sentences_that_speak_of_the_question() -> None:
    assert read(hit(2, 2)) == [" ".join(SENTENCES[1:4])]


def test_a_sentence_that_a_chunk_cuts_is_read_to_its_end() -> None:
    start, end = place(2)
    cut = Hit(Chunk("d-0", "d", 1, start + 4, end, "", TEXT[start + 4 : end]), "a.txt", 1.0)
    assert read(cut) == [" ".join(SENTENCES[1:4])]


def test_passages_do_not_have_the_same_text_twice() -> None:
    assert read(hit(2, 2), hit(3, 3, 1)) == [" ".join(SENTENCES[1:3]), SENTENCES[3]]


def test_only_passages_further_down_lose_what_does_not_speak_of_the_question() -> None:
    long = hit(0, 4)
    assert read(long) == [TEXT]
    elsewhere = [Hit(Chunk(f"e-{n}", "e", 1, 0, 3, "", "The"), "b.txt", 1.0) for n in range(2)]
    found = with_passages([*elsewhere, long], {"d-0": Passage(0, len(TEXT), TEXT)}, sharing)
    assert found[2].text == " ".join(SENTENCES[1:])
    assert [one.passage for one in found[:2]] == [None, None]


def test_a_chunk_with_none_of_the_words_is_its_own_passage() -> None:
    assert read(hit(4, 4)) == [SENTENCES[4]]


def test_what_lies_between_two_passages_belongs_to_one_of_them() -> None:
    first, second = read(hit(0, 0), hit(3, 3, 1))
    assert (TEXT.index(first) + len(first)) <= TEXT.index(second)


@pytest.mark.end_to_end
def test_passages_stay_on_their_pages(workspace: Workspace, tmp_path: Path) -> None:
    source = tmp_path / "pages.pdf"
    first, second = "The keeper of the lamp is paid forty crowns.", "The keeper of the lamp buys the oil."
    source.write_bytes(text_pdf([first, second]))
    list(workspace.ingest([source]))
    found = workspace.search("What is the keeper of the lamp paid?")
    assert {(one.chunk.page, one.text) for one in found} == {(1, first), (2, second)}
