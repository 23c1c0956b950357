"""Chunks that share text with the one before, and chunks without headers: other ids, never other habits by default."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.chunking import chunk
from rag.errors import ConfigurationError, FingerprintError, InputError
from rag.recipes import checked_recipe, cuts_alike
from rag.records import Chunk, Collection, Heading, Page, ParsedDocument, Recipe, chunk_id
from rag.workspace import Workspace

WORDS = "The fee of the boat is due in March. It rises each year by two percent. Whoever is late pays more. " * 20


def words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


def parsed(*pages: str, headings: tuple[Heading, ...] = ()) -> ParsedDocument:
    made, start = [], 0
    for number, text in enumerate(pages, start=1):
        made.append(Page(number, text, start))
        start += len(text) + 1
    return ParsedDocument("Fees", "text/plain", "\n".join(pages), tuple(made), headings, "test")


def cut(document: ParsedDocument, tokens: int = 40, overlap: int = 0, headers: bool = True) -> list[Chunk]:
    return chunk(document, "d", tokens, words, "fees.txt", overlap, headers)


def test_each_chunk_of_a_page_has_the_end_of_the_one_before_and_begins_with_a_sentence() -> None:
    document = parsed(WORDS, WORDS)
    chunks = cut(document, overlap=12)
    for before, after in pairwise(chunks):
        if before.page != after.page:
            assert after.start == document.pages[1].start
            continue
        shared = document.text[after.start : before.end]
        assert 6 <= len(shared.split()) <= 12
        assert after.text.startswith(("The", "It", "Whoever"))
        assert after.end > before.end
    assert all(len(one.text.split()) <= 46 for one in chunks)
    assert all(one.text == document.text[one.start : one.end] for one in chunks)


@given(
    st.lists(st.sampled_from(["word ", "a. B", "\n\n", "x" * 70, "  ", "\n", "end. Next ", "日本語。"]), max_size=120),
    st.integers(2, 30),
    st.data(),
)
def test_whatever_the_text_all_of_it_is_in_some_chunk_and_cutting_ends(
    parts: list[str], tokens: int, data: st.DataObject
) -> None:
    text = "".join(parts)
    headings = tuple(
        Heading(1, f"H{at}", at) for at in sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
    )
    chunks = cut(parsed(text, headings=headings), tokens, data.draw(st.integers(0, tokens // 2)))
    covered = set[int]().union(*(range(one.start, one.end) for one in chunks))
    assert {at for at, letter in enumerate(text) if not letter.isspace()} <= covered
    assert all(before.start <= after.start and before.end < after.end for before, after in pairwise(chunks))


def test_a_chunk_belongs_to_the_heading_of_what_is_new_in_it() -> None:
    first, second = WORDS[:700], WORDS[:700]
    headings = (Heading(1, "Boats", 0), Heading(1, "Carts", len(first)))
    chunks = cut(parsed(first + second, headings=headings), overlap=15)
    assert [one.heading for one in chunks] == sorted(one.heading for one in chunks)
    carts = next(one for one in chunks if one.heading == "Carts")
    assert carts.start < len(first) < carts.end


def test_settings_are_in_the_ids_and_usual_ones_are_as_they_were() -> None:
    assert chunk_id("d", 200, 7) == "d-200-000007"
    ids = {
        cut(parsed(WORDS), overlap=overlap, headers=headers)[0].id for overlap in (0, 12) for headers in (True, False)
    }
    assert ids == {"d-40-000000", "d-40o12-000000", "d-40b-000000", "d-40o12b-000000"}


def test_without_headers_the_text_alone_is_embedded() -> None:
    document = parsed(WORDS, headings=(Heading(1, "Boats", 0),))
    with_header, without = cut(document)[0], cut(document, headers=False)[0]
    assert with_header.embedded == f"{with_header.title} > Boats\n{with_header.text}"
    assert without.embedded == without.text == with_header.text
    assert without.digest != with_header.digest
    assert Chunk("document-b-000001", "document-b", 1, 0, 4, "Head", "text", "Title").embedded != "text"


def test_a_collection_made_with_an_overlap_is_searched_and_refused_to_others(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    path = tmp_path / "fees.txt"
    path.write_text(WORDS, encoding="utf-8")
    with make_workspace(chunk_tokens=60, chunk_overlap=20, chunk_headers=False) as made:
        list(made.ingest([path]))
        (document,) = made.documents()
        chunks = made.catalog.chunks(document)
        assert all(after.start < before.end for before, after in pairwise(chunks))
        hits = made.search("When is the fee due?")
        assert {hit.chunk.id for hit in hits} <= {one.id for one in chunks}
        assert all("-60o20b-" in hit.chunk.id for hit in hits)
        assert made.check() == []
    usual = make_workspace(chunk_tokens=60)
    with pytest.raises(FingerprintError, match="borders 1, overlap 20, bare"):
        usual.search("When is the fee due?")


def test_usual_collections_are_called_what_they_were(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    made = workspace.collection().fingerprint
    assert {one: made[one] for one in ("chunking", "chunk_tokens", "header")} == {
        "chunking": "borders 1",
        "chunk_tokens": "200",
        "header": "title > heading 1",
    }


def test_recipes_say_how_much_is_shared_and_refuse_too_much(make_workspace: Callable[..., Workspace]) -> None:
    assert checked_recipe(Recipe("bundled", "int8", 100, 50, False)) == Recipe("bundled", "int8", 100, 50, False)
    for overlap in (51, -1):
        with pytest.raises(InputError, match="50 at most"):
            checked_recipe(Recipe("bundled", "int8", 100, overlap))
    workspace = make_workspace(chunk_tokens=100, chunk_overlap=60)
    plain, same, sharing, bare = (
        Collection("", "", workspace.recipes.fingerprint_with(Recipe("bundled", *made)), datetime.now(UTC))
        for made in (("int8", 100), ("fp32", 100), ("int8", 100, 20), ("int8", 100, 0, False))
    )
    assert cuts_alike(plain, same)
    assert not cuts_alike(plain, sharing)
    assert not cuts_alike(plain, bare)
    with pytest.raises(ConfigurationError, match="RAG_CHUNK_OVERLAP"):
        workspace.recipes.fingerprint_of(None)
