"""Collections made elsewhere: what LangChain or LlamaIndex filled is read, searched and asked, and never written."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import chromadb
import numpy as np
import pytest

from rag.embedding import BundledEmbedder, Embedder
from rag.errors import InputError, NotFoundError, ReadOnlyError, StoppedError, StorageError, StoreDamagedError
from rag.records import State
from rag.workspace import Workspace
from tests.chroma_server import ChromaServer
from tests.foreign import PAGES, Strange, by_langchain, by_llama_index

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning"),  # Chroma's, on opening
]
RENT = "How high is the yearly rent?"


def contents(folder: Path) -> dict[str, str]:
    files = (one for one in folder.rglob("*") if one.is_file())
    return {str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}


@pytest.mark.parametrize("fill", [by_langchain, by_llama_index])
def test_what_others_filled_is_searched_asked_and_left_alone(
    fill: Callable[..., Path], workspace: Workspace, embedder: Embedder, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "theirs", embedder)
    before = contents(folder)
    (there,) = workspace.foreign(str(folder))
    assert (there.name, there.rows) == ("leases", 5)
    collection = workspace.link(str(folder))
    assert contents(folder) == before
    assert collection.linked is not None
    assert (collection.name, collection.linked.name, collection.linked.place) == ("leases", "leases", str(folder))
    assert (collection.documents, collection.chunks) == (2, 5)
    assert collection.recipe is None  # it is the model that is set

    documents = {one.name: one for one in workspace.documents("leases")}
    assert documents.keys() == {"lease.pdf.txt", "bread.pdf.txt"}
    lease = documents["lease.pdf.txt"]
    assert (lease.state, lease.pages, lease.chunks, lease.language) == (State.READY, 2, 3, "en")
    assert [(one.page, one.text) for one in workspace.chunks(lease)] == [
        (1 + page, text) for _, page, text in PAGES[:3]
    ]
    text = workspace.text(lease.id, "leases")
    assert workspace.original(lease) == text.encode()
    assert all(text[one.start : one.end] == one.text for one in workspace.chunks(lease))

    best = workspace.search(RENT, k=2, collection="leases")[0]
    assert best.chunk.text == PAGES[0][2]
    assert best.ranks["dense"] == best.ranks["lexical"] == 1
    answer = workspace.ask(RENT, collection="leases")
    assert "84,000 euros" in answer.text
    assert (answer.citations[0].name, answer.citations[0].page) == ("lease.pdf.txt", 1)
    assert workspace.check() == []

    restored = workspace.restore(_saved(workspace, tmp_path, "leases"), "copy")
    assert restored.linked == collection.linked


def _saved(workspace: Workspace, folder: Path, name: str) -> Path:
    workspace.export(name, folder / f"{name}.zip")
    return folder / f"{name}.zip"


def test_the_neighbours_are_those_that_its_own_program_finds(
    workspace: Workspace, embedder: Embedder, tmp_path: Path
) -> None:
    folder = by_langchain(tmp_path / "theirs", embedder)
    collection = workspace.link(str(folder), name="linked")
    ours = workspace.store.nearest(collection.store_name, embedder.encode_query(RENT), 5)
    client = chromadb.PersistentClient(str(folder), settings=chromadb.Settings(anonymized_telemetry=False))
    theirs = client.get_collection("leases", embedding_function=None).query(embedder.encode_query(RENT), n_results=5)
    client.close()
    texts = workspace.catalog.chunks_by_id("linked", [one for one, _ in ours])
    assert [texts[one].text for one, _ in ours] == theirs["documents"][0]


def test_the_model_is_found_out_by_measuring(workspace: Workspace, tmp_path: Path) -> None:
    folder = by_langchain(tmp_path / "theirs", BundledEmbedder("fp32"))
    collection = workspace.link(str(folder), name="measured")
    assert collection.recipe is not None
    assert (collection.recipe.model, collection.recipe.precision) == ("bundled", "fp32")
    assert collection.fingerprint["precision"] == "fp32"
    best = workspace.search(RENT, collection="measured")[0]
    assert (best.chunk.text, best.ranks["dense"]) == (PAGES[0][2], 1)
    assert workspace.check() == []


def test_an_unknown_model_is_said_to_be_unknown(workspace: Workspace, tmp_path: Path) -> None:
    folder = by_langchain(tmp_path / "theirs", Strange())
    collection = workspace.link(str(folder), name="strange")
    assert collection.recipe is not None
    assert collection.recipe.model == ""
    assert collection.fingerprint["dimension"] == "96"
    stored = workspace.store.vectors(collection.store_name, workspace.store.all_ids(collection.store_name))
    assert len(stored) == 5
    assert all(np.linalg.norm(one) == pytest.approx(1, abs=1e-5) for one in stored.values())
    ranks = workspace.search(RENT, collection="strange")[0].ranks
    assert "lexical" in ranks
    assert "dense" not in ranks
    assert "84,000" in workspace.ask(RENT, collection="strange").text
    assert workspace.restore(_saved(workspace, tmp_path, "strange"), "copy").recipe == collection.recipe
    with pytest.raises(InputError, match="bundled does not make the vectors that are in leases"):
        workspace.link(str(folder), name="again", model="bundled")
    assert [one.name for one in workspace.collections()] == ["copy", "strange"]


def test_it_is_read_only_and_can_be_deleted_as_a_whole(
    workspace: Workspace, embedder: Embedder, notes: Path, tmp_path: Path
) -> None:
    workspace.link(str(by_langchain(tmp_path / "theirs", embedder)), name="theirs")
    document = workspace.documents("theirs")[0]
    for forbidden in (
        lambda: list(workspace.ingest([notes], "theirs")),
        lambda: workspace.preflight(notes, "theirs"),
        lambda: workspace.delete(document.id, "theirs"),
    ):
        with pytest.raises(ReadOnlyError, match="read it again"):
            forbidden()
    assert len(workspace.documents("theirs")) == 2
    workspace.delete_collection("theirs")
    assert workspace.collections() == []


def test_reading_again_takes_the_place_of_what_was_read(
    workspace: Workspace, embedder: Embedder, tmp_path: Path
) -> None:
    folder = by_langchain(tmp_path / "theirs", embedder)
    first = workspace.link(str(folder), name="theirs")
    by_langchain(folder, embedder, rows=[("oven.pdf", 0, "The oven is cleaned every Friday.")])  # over row 0
    seen: list[int] = []
    again = workspace.read_again("theirs", far=lambda _, __: seen.append(len(workspace.documents("theirs"))))
    assert set(seen) == {2}  # until all of it is there, it is as it was
    assert (again.name, again.created_at) == ("theirs", first.created_at)
    assert again.store_name != first.store_name
    assert {one.name for one in workspace.documents("theirs")} == {"lease.pdf.txt", "bread.pdf.txt", "oven.pdf.txt"}
    assert workspace.store.names() == [again.store_name]
    assert workspace.lexical.names() == [again.store_name]
    assert "Friday" in workspace.ask("When is the oven cleaned?", collection="theirs").text
    with pytest.raises(NotFoundError, match="There is no folder"):
        workspace.read_again("theirs", place=str(tmp_path / "nowhere"))
    assert workspace.collection("theirs").store_name == again.store_name


def test_without_sources_and_pages_it_is_one_document(workspace: Workspace, embedder: Embedder, tmp_path: Path) -> None:
    client = chromadb.PersistentClient(str(tmp_path / "theirs"), settings=chromadb.Settings(anonymized_telemetry=False))
    made = client.create_collection("plain", embedding_function=None)
    texts = [f"Clause {number} says what clause {number} says." for number in range(3)] + [""]
    made.add(ids=list("abcd"), documents=texts, embeddings=embedder.encode(texts))
    client.close()
    workspace.link(str(tmp_path / "theirs"))
    (document,) = workspace.documents("plain")
    assert (document.name, document.pages, document.chunks) == ("plain.txt", 1, 3)


def test_titles_dates_tags_headings_and_labels_are_kept(
    workspace: Workspace, embedder: Embedder, tmp_path: Path
) -> None:
    about = {
        "title": "Lease of the office",
        "creationdate": "2024-03-01T10:00:00+00:00",
        "tags": "home, 2024",
        "Header 1": "Rent",
        "Header 2": "Amount",
        "page_label": "iv",
    }
    folder = by_langchain(tmp_path / "theirs", embedder, rows=PAGES[:1], **about)
    workspace.link(str(folder))
    (document,) = workspace.documents("leases")
    assert (document.title, document.date, document.tags) == ("Lease of the office", 20240301, ("home", "2024"))
    assert workspace.chunks(document)[0].heading == "Rent > Amount"
    assert workspace.pages(document)[0].label == "iv"
    assert workspace.search(RENT, where={"tag": "home"}, collection="leases")


def test_a_server_is_only_read(workspace: Workspace, embedder: Embedder, tmp_path: Path) -> None:
    server = ChromaServer(by_langchain(tmp_path / "theirs", embedder))
    server.start()
    place = f"http://127.0.0.1:{server.port}"
    try:
        workspace.link(f"{place}/", name="served")
        assert "84,000" in workspace.ask(RENT, collection="served").text
    finally:
        server.stop()
    assert "84,000" in workspace.ask(RENT, collection="served").text  # it is here now
    with pytest.raises(StorageError, match="does not answer"):
        workspace.read_again("served")
    assert workspace.collection("served").documents == 2


def test_what_cannot_be_read_is_said(workspace: Workspace, embedder: Embedder, notes: Path, tmp_path: Path) -> None:
    list(workspace.ingest([notes]))
    for ours in (workspace.folder.path, workspace.folder.chroma):
        with pytest.raises(InputError, match="data folder of Footnote's"):
            workspace.link(str(ours))
    with pytest.raises(NotFoundError, match="There is no folder"):
        workspace.link(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="no folder of Chroma's"):
        workspace.link(str(tmp_path))
    with pytest.raises(InputError, match="no address"):
        workspace.link("http://")
    empty = tmp_path / "empty"
    chromadb.PersistentClient(str(empty), settings=chromadb.Settings(anonymized_telemetry=False)).close()
    with pytest.raises(NotFoundError, match="no collection"):
        workspace.link(str(empty))
    folder = by_langchain(tmp_path / "several", embedder)
    by_langchain(folder, embedder, "others")
    with pytest.raises(InputError, match=r"leases \(5 rows\), others \(5 rows\)"):
        workspace.link(str(folder))
    with pytest.raises(InputError, match="already"):
        workspace.link(str(folder), "others", "documents")
    with pytest.raises(NotFoundError, match="no collection 'third'"):
        workspace.link(str(folder), "third")
    torn = by_langchain(tmp_path / "torn", embedder)
    with (torn / "chroma.sqlite3").open("r+b") as file:
        file.seek(0)
        file.write(b"nothing of the kind")
    with pytest.raises(StoreDamagedError, match=r"chroma\.sqlite3"):
        workspace.link(str(torn))
    other = tmp_path / "other"
    other.mkdir()
    sqlite3.connect(other / "chroma.sqlite3").executescript("CREATE TABLE migrations (version INTEGER); VACUUM;")
    with pytest.raises(StorageError):
        workspace.link(str(other))
    assert [one.name for one in workspace.collections()] == ["documents"]
    assert [one.name for one in workspace.folder.transit.iterdir()] == []


def test_it_can_be_stopped_on_the_way(workspace: Workspace, embedder: Embedder, tmp_path: Path) -> None:
    folder = by_langchain(tmp_path / "theirs", embedder)

    def enough(fraction: float, _: str) -> None:
        if fraction > 0.7:
            raise StoppedError("enough")

    with pytest.raises(StoppedError):
        workspace.link(str(folder), far=enough)
    assert workspace.collections() == []
    assert workspace.store.names() == []
    assert workspace.lexical.names() == []
    assert list(workspace.folder.transit.iterdir()) == []


def test_it_is_read_in_the_background(workspace: Workspace, embedder: Embedder, tmp_path: Path) -> None:
    folder = by_langchain(tmp_path / "theirs", embedder)
    move = workspace.begin_link(str(folder), "leases", "theirs")
    while not (now := workspace.errands.all()[0]).over:
        threading.Event().wait(0.05)
    assert (now.id, now.problem, now.collection) == (move.id, "", "theirs")
    assert workspace.collection("theirs").documents == 2
