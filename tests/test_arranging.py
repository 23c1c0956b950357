"""Arranging a collection: lists by the page, edits, moving and copying, reading anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from rag.embedding import Embedder
from rag.errors import InputError, NotFoundError, ReadOnlyError
from rag.ingestion import Ingestion
from rag.records import Document, Failure, Listing, Order, Standing, State
from rag.workspace import Workspace
from tests.conftest import outcomes

Make = Callable[..., Workspace]


def add(workspace: Workspace, folder: Path, **texts: str) -> dict[str, Document]:
    """Index texts as `NAME.txt`; the documents by those names."""
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
        assert outcomes(workspace.ingest([folder / f"{name}.txt"])) == {f"{name}.txt": "ready"}
    return {one.name.removesuffix(".txt"): one for one in workspace.documents("documents")}


def settled(workspace: Workspace) -> None:
    """Wait until the indexes have what was edited, and nothing is unfinished."""
    until(lambda: workspace.catalog.next_stale() is None and not workspace.unfinished())


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def library(workspace: Workspace, tmp_path: Path) -> dict[str, Document]:
    return add(
        workspace,
        tmp_path,
        apple="The apple harvest of the valley was 400 tonnes.",
        Banana="The banana import was 90 tonnes, which is less than planned. " * 30,
        cherry="The cherry harvest failed.",
    )


# -- lists -----------------------------------------------------------------------------------------


def names(workspace: Workspace, first: int = 0, most: int = 50, **listing: object) -> list[str]:
    listed = workspace.listed(Listing("documents", **listing), first, most)  # type: ignore[arg-type]
    return [one.name.removesuffix(".txt") for one in listed.documents]


def test_a_list_has_pages_and_an_order_over_all_of_them(workspace: Workspace, library: dict[str, Document]) -> None:
    assert names(workspace) == ["apple", "Banana", "cherry"]
    assert names(workspace, 0, 2) + names(workspace, 2, 2) == ["apple", "Banana", "cherry"]
    assert workspace.listed(Listing("documents"), 2, 2).total == 3
    assert names(workspace, order=Order.SIZE, descending=True)[0] == "Banana"
    assert names(workspace, order=Order.PASSAGES, descending=True)[0] == "Banana"
    assert names(workspace, order=Order.ADDED, descending=True) == ["cherry", "Banana", "apple"]


def test_a_list_is_searched_by_name_title_and_tag(workspace: Workspace, library: dict[str, Document]) -> None:
    apple = library["apple"]
    workspace.edit(apple, apple.name, "Orchards of the valley", None, ["Obst", "100%"])
    assert names(workspace, words="orch VALLEY") == ["apple"]
    assert names(workspace, words="obs") == names(workspace, words="100%") == ["apple"]
    assert names(workspace, words="%") == ["apple"], "a sign of SQL's is a sign like any other"
    assert names(workspace, words="banana obst") == []
    assert names(workspace, tag="Obst") == ["apple"]
    assert names(workspace, tag="Obs") == []


def test_a_list_tells_the_failed_from_the_cancelled(workspace: Workspace, library: dict[str, Document]) -> None:
    workspace.worker.stop(None)
    for name, failure in (("apple", None), ("cherry", Failure.CANCELLED)):
        workspace.catalog.retry([library[name]], anew=True)
        queued = workspace.catalog.document("documents", library[name].id)
        workspace.catalog.progress(queued, "reading")
        with workspace.catalog.write() as connection:
            connection.exec_driver_sql("UPDATE documents SET served = 0 WHERE id = ?", (queued.id,))
        workspace.catalog.fail(queued, "damaged", {}, failure)
    assert names(workspace, standing=Standing.FAILED) == ["apple"]
    assert names(workspace, standing=Standing.CANCELLED) == ["cherry"]
    assert names(workspace, standing=Standing.READY) == ["Banana"]
    census = workspace.census("documents")
    assert census.standings == {Standing.FAILED: 1, Standing.CANCELLED: 1, Standing.READY: 1}
    assert census.documents == 3


# -- edits -----------------------------------------------------------------------------------------


def test_tags_hold_at_once_and_nothing_is_embedded_for_them(
    workspace: Workspace, library: dict[str, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    apple = library["apple"]
    workspace.worker.start()
    monkeypatch.setattr(Embedder, "encode_passages", lambda *_: pytest.fail("embedded"))
    assert workspace.retag("documents", [one.id for one in library.values()], add=["fruit"]) == 3
    assert workspace.retag("documents", [apple.id], add=["red"], remove=["fruit"]) == 1
    assert workspace.retag("documents", [apple.id], add=["red"]) == 0
    found = workspace.search("harvest", where={"tag": "fruit"})
    assert {hit.chunk.document_id for hit in found} == {library["Banana"].id, library["cherry"].id}
    settled(workspace)
    store = workspace.collection("documents").store_name
    assert {tuple(one["tag"]) for one in workspace.store.stored(store, apple.id).values()} == {("red",)}
    workspace.retag("documents", [apple.id], remove=["red"])
    settled(workspace)
    assert "tag" not in next(iter(workspace.store.stored(store, apple.id).values()))
    monkeypatch.undo()
    assert workspace.check() == []


def test_another_date_and_another_name_are_known_everywhere(
    workspace: Workspace, library: dict[str, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    apple = library["apple"]
    titled = workspace.edit(apple, "apple.txt", "A titled orchard")
    settled(workspace)
    monkeypatch.setattr(Embedder, "encode_passages", lambda *_: pytest.fail("embedded"))
    workspace.edit(titled, "orchard titled.txt", "A titled orchard", date(2021, 5, 6), ["fruit"])
    settled(workspace)
    monkeypatch.undo()
    (hit,) = workspace.search("harvest of the valley", where={"date": 20210506})
    assert hit.name == "orchard titled.txt"
    assert [one.name for one in workspace.documents()] == ["Banana.txt", "cherry.txt", "orchard titled.txt"]
    store = workspace.collection("documents").store_name
    assert workspace.lexical.named(store, "what is in orchard titled?", 1)[0][0] == apple.id
    assert workspace.check() == []


def test_another_title_embeds_its_passages_anew_while_they_are_found_by_words(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    apple = add(workspace, tmp_path, apple="The harvest of the valley was 400 tonnes.")["apple"]
    store = workspace.collection("documents").store_name
    before = next(iter(workspace.store.vectors(store, workspace.store.chunk_ids(store, apple.id)).values()))
    with monkeypatch.context() as patch:
        patch.setattr(Ingestion, "embed_next", lambda self: False)
        workspace.edit(apple, "apple.txt", "Orchards")
        assert workspace.documents()[0].state is State.SEARCHABLE
        (hit,) = workspace.search("harvest of the valley")
        assert hit.chunk.title.endswith("Orchards")
        workspace.close()
    workspace = make_workspace()  # as after a kill
    workspace.worker.start()
    settled(workspace)
    after = next(iter(workspace.store.vectors(store, workspace.store.chunk_ids(store, apple.id)).values()))
    assert float(before @ after) < 0.999
    assert workspace.check() == []
    assert outcomes(workspace.follow(_reread(workspace, apple))) == {"apple.txt": "ready"}
    assert workspace.documents()[0].title == "Orchards", "reading it anew does not undo what was given by hand"
    assert workspace.check() == []


def _reread(workspace: Workspace, document: Document) -> list[Document]:
    assert workspace.reread(document.collection, [document.id]) == 1
    return [workspace.catalog.document(document.collection, document.id)]


def test_a_title_that_comes_while_a_document_is_embedded_is_the_one_that_counts(
    workspace: Workspace, tmp_path: Path, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apple.txt").write_text("The harvest of the valley was 400 tonnes.")
    encode, titles = embedder.encode_passages, []

    def slowly(texts: list[str]) -> object:
        titles.append(texts[0].partition("\n")[0])
        if len(titles) == 1:
            workspace.edit(workspace.documents()[0], "apple.txt", "Orchards")
        return encode(texts)

    monkeypatch.setattr(embedder, "encode_passages", slowly)
    list(workspace.ingest([tmp_path / "apple.txt"]))
    settled(workspace)
    monkeypatch.undo()
    assert [one.endswith("Orchards") for one in titles] == [False, True]
    assert workspace.check() == []


@pytest.mark.parametrize(
    ("name", "title", "tags", "why"),
    [
        (" ", "", [], "between 1 and 255 characters"),
        ("apple.pdf", "", [], "end in .txt"),
        ("../apple.txt", "", [], "slash"),
        ("apple.txt", "x" * 301, [], "300 characters at most"),
        ("apple.txt", "", ["x" * 61], "60 visible characters"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_changed(
    workspace: Workspace, library: dict[str, Document], name: str, title: str, tags: list[str], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        workspace.edit(library["apple"], name, title, date(2020, 1, 1), tags)
    assert workspace.catalog.document("documents", library["apple"].id) == library["apple"]


def test_what_was_just_edited_is_no_mistake_to_the_check(
    workspace: Workspace, library: dict[str, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.worker.stop(None)
    workspace.retag("documents", [library["apple"].id], add=["fruit"])
    assert workspace.catalog.next_stale() is not None
    assert workspace.check() == []
    assert workspace.catalog.next_stale() is None


def test_a_demo_and_a_document_that_has_gone_are_not_edited(make_workspace: Make, tmp_path: Path) -> None:
    workspace = make_workspace()
    apple = add(workspace, tmp_path, apple="The harvest was 400 tonnes.")["apple"]
    workspace.delete(apple.id)
    with pytest.raises(NotFoundError, match="deleted meanwhile"):
        workspace.edit(apple, "apple.txt")
    workspace.close()
    demo = make_workspace(demo=True)
    for change in (
        lambda: demo.edit(apple, "apple.txt"),
        lambda: demo.retag("documents", [apple.id], ["a"]),
        lambda: demo.trash("documents", [apple.id]),
        lambda: demo.transfer("documents", [apple.id], "others"),
        lambda: demo.reread("documents", [apple.id]),
    ):
        with pytest.raises(ReadOnlyError):
            change()


# -- moving and copying ----------------------------------------------------------------------------


def test_a_copy_takes_texts_and_vectors_over(
    workspace: Workspace, library: dict[str, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.retag("documents", [library["Banana"].id], add=["fruit"])
    settled(workspace)
    monkeypatch.setattr(Embedder, "encode_passages", lambda *_: pytest.fail("embedded"))
    monkeypatch.setattr(type(workspace.reader), "parse", lambda *_: pytest.fail("read"))
    done = workspace.transfer("documents", [library["Banana"].id, library["apple"].id], "fruit of all kinds")
    assert (done.queued, done.copied, done.there) == (2, 2, ())
    settled(workspace)
    monkeypatch.undo()
    there = {one.name: one for one in workspace.documents("fruit of all kinds")}
    assert there.keys() == {"Banana.txt", "apple.txt"}
    assert there["Banana.txt"].tags == ("fruit",)
    banana = library["Banana"]
    assert [one.text for one in workspace.chunks(there["Banana.txt"])] == [one.text for one in workspace.chunks(banana)]
    for question in ("banana import", "400 tonnes"):
        hits = [workspace.search(question, 1, collection=one)[0] for one in ("documents", "fruit of all kinds")]
        assert hits[0].chunk == hits[1].chunk
    assert len(workspace.documents("documents")) == 3
    assert workspace.check() == []
    again = workspace.transfer("documents", [banana.id], "fruit of all kinds")
    assert (again.queued, again.there) == (0, ("Banana.txt",))
    workspace.delete_collection("documents")
    assert workspace.check() == []
    assert workspace.original(there["apple.txt"]).startswith(b"The apple")


def test_a_document_moves_when_it_is_ready_and_not_before(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    apple = add(workspace, tmp_path, apple="The harvest was 400 tonnes.", pear="The pear harvest was 7 tonnes.")[
        "apple"
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Ingestion, "embed_next", lambda self: False)
        workspace.transfer("documents", [apple.id], "others", move=True)
        until(lambda: workspace.documents("others")[0].state is State.SEARCHABLE)
        assert len(workspace.documents("documents")) == 2
        workspace.close()
    workspace = make_workspace()  # as after a kill
    workspace.worker.start()
    settled(workspace)
    assert [one.name for one in workspace.documents("documents")] == ["pear.txt"]
    assert [one.name for one in workspace.documents("others")] == ["apple.txt"]
    until(lambda: not workspace.catalog.uncleared())
    assert workspace.check() == []
    assert workspace.search("harvest", collection="others")[0].chunk.document_id == apple.id


def test_a_collection_made_otherwise_indexes_what_comes_anew(
    make_workspace: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    apple = add(workspace, tmp_path, apple="The harvest was 400 tonnes.")["apple"]
    workspace.edit(apple, "apple.txt", "Orchards", tags=["fruit"])
    settled(workspace)
    workspace.close()
    workspace = make_workspace(chunk_tokens=100)
    done = workspace.transfer("documents", [apple.id], "finer", move=True)
    assert (done.queued, done.copied) == (1, 0)
    settled(workspace)
    (there,) = workspace.documents("finer")
    assert (there.title, there.tags, there.state) == ("Orchards", ("fruit",), State.READY)
    assert workspace.documents("documents") == []


def test_what_fails_in_the_new_collection_stays_in_the_old_one(
    workspace: Workspace, library: dict[str, Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    apple = library["apple"]
    monkeypatch.setattr(type(workspace.lexical), "replace", lambda *_: 1 / 0)
    workspace.transfer("documents", [apple.id], "others", move=True)
    until(lambda: workspace.documents("others")[0].state is State.FAILED)
    monkeypatch.undo()
    assert workspace.catalog.document("documents", apple.id).state is State.READY
    workspace.retry(apple.id, "others")
    settled(workspace)
    assert [one.name for one in workspace.documents("others")] == ["apple.txt"]
    assert apple.id not in {one.id for one in workspace.documents("documents")}


def test_a_collection_is_no_place_to_move_to_from_itself(workspace: Workspace, library: dict[str, Document]) -> None:
    with pytest.raises(InputError, match="already"):
        workspace.transfer("documents", [library["apple"].id], "documents", move=True)
