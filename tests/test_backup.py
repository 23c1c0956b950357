"""The restore drill: a collection is saved, everything is erased, and what is restored is what there was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rag.records import Hit, State
from rag.workspace import Workspace
from tests.pdfs import picture_pdf
from tests.test_ocr import picture

QUESTIONS = ("How high is the rent?", "When does the lease begin?", "How is rye bread made?", "roof lifts outer walls")
ULP = 2e-8
"""Chroma makes what it is given of length 1, and what it gave back was already: one step of a float32 between them."""


def state_of(workspace: Workspace, name: str) -> dict[str, Any]:
    """All that a reader could notice of a collection."""
    collection = workspace.collection(name)
    documents = workspace.documents(name)
    return {
        "collection": {**asdict(collection), "name": "", "id": "", "store_name": ""},
        "documents": [{**asdict(one), "collection": "", "batch": 0} for one in documents],
        "texts": [workspace.text(one.id, name) for one in documents],
        "pages": [workspace.pages(one) for one in documents],
        "chunks": [workspace.chunks(one) for one in documents],
        "originals": [workspace.original(one) for one in documents],
    }


def vectors_of(workspace: Workspace, name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    store_name = workspace.collection(name).store_name
    ids = sorted(workspace.store.all_ids(store_name))
    return workspace.store.vectors(store_name, ids), workspace.store.companion.tokens(store_name, ids)


def found(hits: list[Hit]) -> list[Any]:
    return [(one.chunk, one.name, one.score, one.ranks, one.passage) for one in hits]


def answers_of(workspace: Workspace, name: str) -> list[Any]:
    asked = [workspace.ask(one, collection=name) for one in QUESTIONS]
    return [(one.text, one.citations, one.abstained, found(list(one.hits))) for one in asked]


def test_what_is_restored_is_what_there_was(
    make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path
) -> None:
    workspace = make_workspace()
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing of the kind")
    scanned = tmp_path / "scan.pdf"
    scanned.write_bytes(picture_pdf(picture({(60, 60): "The boiler was replaced in 2021"})))
    list(workspace.ingest([notes, recipe], "letters", tags=["home", "2024"]))
    list(workspace.ingest([scanned, tmp_path / "broken.pdf"], "letters"))
    before, (vectors, tokens), answers = (of(workspace, "letters") for of in (state_of, vectors_of, answers_of))
    assert {one["state"] for one in before["documents"]} == {State.READY, State.FAILED}
    assert any(one["ocr_pages"] for one in before["documents"])

    told: list[float] = []
    manifest = workspace.export("letters", tmp_path / "letters.zip", lambda far, _: told.append(far))
    assert (manifest.documents, manifest.passages) == (4, sum(one["chunks"] for one in before["documents"]))
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1
    workspace.erase()
    assert workspace.collections() == []
    assert list(workspace.folder.files.iterdir()) == []

    other = make_workspace(data_dir=tmp_path / "elsewhere")
    assert other.manifest(tmp_path / "letters.zip").name == "letters"
    for one, name in ((workspace, ""), (other, "letters of another")):
        restored = one.restore(tmp_path / "letters.zip", name)
        assert restored.name == (name or "letters")
        assert state_of(one, restored.name) == before
        again, signs = vectors_of(one, restored.name)
        assert again.keys() == vectors.keys()
        assert all(np.abs(again[each] - vectors[each]).max() <= ULP for each in vectors)
        assert signs.keys() == tokens.keys()
        assert all(np.array_equal(signs[each], tokens[each]) for each in tokens)
        assert answers_of(one, restored.name) == answers
        assert one.check() == []
        assert one.search("boiler", collection=restored.name)[0].chunk.text.startswith("The boiler")


def test_a_backup_says_the_vectors_to_the_bit(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    from rag.backup import Backup

    list(workspace.ingest([notes]))
    workspace.export("documents", tmp_path / "saved.zip")
    vectors, tokens = vectors_of(workspace, "documents")
    backup = Backup(tmp_path / "saved.zip", workspace.catalog.schema)
    for part in backup.parts():
        for some in part.vectors:
            for one, vector, signs in zip(some.ids, some.vectors, some.tokens, strict=True):
                assert vector.tobytes() == vectors.pop(one).tobytes()
                assert np.array_equal(signs, tokens.pop(one))
    assert not vectors
    assert not tokens
