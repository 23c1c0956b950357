"""The restore drill: a collection is saved, everything is erased, and what is restored is what there was."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.catalog.tables import versions
from rag.cli import main
from rag.errors import FolderError, InputError, NotFoundError, StoppedError
from rag.records import Errand, Hit, Move, Recipe, State
from rag.workspace import Upload, Workspace
from tests.pdfs import encrypted_pdf, picture_pdf, text_pdf
from tests.test_ocr import picture

ROOT = Path(__file__).resolve().parent.parent
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


def saved(workspace: Workspace, folder: Path, name: str = "documents", **given: Any) -> Path:
    target = folder / f"{name}.zip"
    workspace.export(name, target, **given)
    return target


def other_texts(folder: Path, number: int) -> list[Path]:
    paths = [folder / f"letter {place}.txt" for place in range(number)]
    for place, path in enumerate(paths):
        path.write_text(f"Letter {place}: the invoice {1000 + place} was paid on day {place}.\n")
    return paths


def test_what_happens_meanwhile_is_whole_in_it_or_not_at_all(
    make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path
) -> None:
    workspace = make_workspace()
    letters = other_texts(tmp_path, 6)
    list(workspace.ingest(letters))
    done: list[str] = []

    def meanwhile(fraction: float, stage: str) -> None:
        if not done and stage == "letter 3.txt":
            workspace.delete(workspace.document("letter 0.txt").id)  # it has been taken already
            workspace.delete(workspace.document("letter 5.txt").id)  # its turn would still come
            letters[1].write_text("Letter 1, second version: the invoice was cancelled.")
            list(workspace.ingest([letters[1]], replace_namesakes=True))  # it has been taken in its first version
            list(workspace.ingest([notes]))
            done.append(stage)
        assert workspace.search("invoice")  # nobody waits for it

    target = saved(workspace, tmp_path, far=meanwhile)
    manifest = workspace.manifest(target)
    assert sorted(manifest.left_out) == ["letter 0.txt", "letter 1.txt", "letter 5.txt"]
    other = make_workspace(data_dir=tmp_path / "other")
    other.restore(target)
    for one in (workspace, other):
        assert one.check() == []
    assert state_of(other, "documents") == state_of(workspace, "documents")
    names = [one.name for one in other.documents()]
    assert names == ["lease.md", "letter 1.txt", "letter 2.txt", "letter 3.txt", "letter 4.txt"]
    assert "cancelled" in other.text(other.document("letter 1.txt").id)


def test_what_was_not_finished_goes_on_where_it_is_restored(
    make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path
) -> None:
    workspace = make_workspace()
    for path in (notes, recipe):
        workspace.ingestion.intake.accept(Upload(path, path.name), "documents", tags=("waiting",))
    workspace.ingestion.read_next()  # the first is searchable by words by now
    assert {one.state for one in workspace.documents()} == {State.QUEUED, State.SEARCHABLE}
    target = saved(workspace, tmp_path)
    other = make_workspace(data_dir=tmp_path / "other")
    other.restore(target)
    other.drain()
    assert {(one.name, one.state, one.tags) for one in other.documents()} == {
        ("lease.md", State.READY, ("waiting",)),
        ("bread.txt", State.READY, ("waiting",)),
    }
    assert other.check() == []


def test_a_pdf_that_was_opened_with_a_password_stays_open(
    make_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = make_workspace()
    locked = tmp_path / "locked.pdf"
    locked.write_bytes(encrypted_pdf(text_pdf(["The rent is 84,000 euros."]), "secret"))
    list(workspace.ingest([locked], password="secret"))
    other = make_workspace(data_dir=tmp_path / "other")
    other.restore(saved(workspace, tmp_path))
    (document,) = other.documents()
    assert document.state is State.READY
    assert other.original(document) == locked.read_bytes()
    assert other.view(document, other.page(document, 1)) is not None


def test_corrections_and_what_was_replaced_come_along(
    make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path
) -> None:
    workspace = make_workspace()
    list(workspace.ingest([notes, recipe]))
    old = workspace.document("lease.md").id
    notes.write_text(notes.read_text(encoding="utf-8").replace("84,000", "96,000"), encoding="utf-8")
    list(workspace.ingest([notes], replace_namesakes=True))
    document = workspace.document("lease.md")
    rent, repairs = (
        next(one for one in workspace.chunks(document) if word in one.text) for word in ("96,000", "landlord")
    )
    workspace.edit_chunk("documents", rent.id, "The yearly rent is 97,000 euros since the last letter.")
    workspace.hide_chunk("documents", repairs.id)
    workspace.drain()
    target = saved(workspace, tmp_path)
    other = make_workspace(data_dir=tmp_path / "other")
    other.restore(target)
    assert state_of(other, "documents") == state_of(workspace, "documents")
    assert answers_of(other, "documents") == answers_of(workspace, "documents")
    citation = other.ask(QUESTIONS[0]).citations[0]
    assert "97,000" in citation.quote
    assert citation.edited is not None
    assert other.check() == []
    assert other.folder.original(old).read_bytes() == workspace.folder.original(old).read_bytes()
    assert len(list(versions_of(other))) == len(list(versions_of(workspace))) == 1
    other.show_chunk("documents", repairs.id)
    other.drain()
    assert other.check() == []


def versions_of(workspace: Workspace) -> list[Any]:
    with workspace.catalog.read() as connection:
        return list(connection.execute(versions.select()))


def test_a_collection_comes_with_its_own_model(
    make_workspace: Callable[..., Workspace], notes: Path, tmp_path: Path
) -> None:
    workspace = make_workspace()
    list(workspace.ingest([notes]))
    other = make_workspace(data_dir=tmp_path / "other", embedding_precision="fp32", chunk_tokens=100)
    restored = other.restore(saved(workspace, tmp_path))
    assert restored.recipe == Recipe("bundled", "int8", 200)
    assert answers_of(other, "documents") == answers_of(workspace, "documents")
    assert other.check() == []


def test_a_backup_does_not_decide_where_questions_go(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    list(workspace.ingest([notes]))
    manifest = workspace.manifest(saved(workspace, tmp_path))
    for model, kept in (("openai:text-embedding-3-small", ""), (str(tmp_path), ""), ("org/small", "org/small")):
        there = replace(manifest, recipe=replace(manifest.recipe, model=model))
        assert workspace.recipe_here(there).model == kept


def test_a_name_that_is_taken_is_not_taken_again(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    list(workspace.ingest([notes]))
    target = saved(workspace, tmp_path)
    with pytest.raises(InputError, match="already"):
        workspace.restore(target)
    assert workspace.free_name("documents") == "documents (2)"
    workspace.restore(target, workspace.free_name("documents"))
    assert workspace.free_name("documents") == "documents (3)"
    assert workspace.check() == []
    with pytest.raises(InputError, match="is there already"):
        workspace.export("documents", target)
    with pytest.raises(NotFoundError, match="no folder"):
        workspace.export("documents", tmp_path / "nowhere" / "file.zip")
    workspace.delete_collection("documents")
    assert workspace.check() == []
    assert workspace.search("rent", collection="documents (2)")  # the file is still there for it
    assert workspace.original(workspace.documents("documents (2)")[0]) == notes.read_bytes()


def test_a_full_disk_leaves_no_half_file(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.pdf"
    big.write_bytes(b"%PDF-1.4" + os.urandom(6_000_000))
    list(workspace.ingest([notes, big]))
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, limits[1]))
    try:
        with pytest.raises(FolderError, match="Free some disk space"):
            saved(workspace, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not (tmp_path / "documents.zip").exists()
    assert list(tmp_path.glob("*.part")) == []
    assert list(workspace.folder.transit.iterdir()) == []
    assert saved(workspace, tmp_path).exists()


def test_a_file_that_is_gone_is_said_and_the_rest_is_saved(
    make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path
) -> None:
    workspace = make_workspace()
    list(workspace.ingest([notes, recipe]))
    lost, altered = (workspace.document(name).id for name in ("lease.md", "bread.txt"))
    workspace.folder.original(lost).unlink()
    workspace.folder.original(altered).write_bytes(b"rotten")
    target = saved(workspace, tmp_path)
    assert workspace.manifest(target).without_original == tuple(sorted([lost, altered]))
    other = make_workspace(data_dir=tmp_path / "other")
    other.restore(target)
    assert "84,000" in other.ask(QUESTIONS[0]).text
    with pytest.raises(NotFoundError):
        other.original(other.document(lost))


@pytest.mark.end_to_end
@pytest.mark.parametrize("moment", [0.1, 0.55, 0.9, 0.94])
def test_killed_on_the_way_nothing_of_it_is_there(
    make_workspace: Callable[..., Workspace], notes: Path, recipe: Path, tmp_path: Path, moment: float
) -> None:
    workspace = make_workspace()
    list(workspace.ingest([notes, recipe]))
    target = saved(workspace, tmp_path)
    other = tmp_path / "other"
    code = (
        "import os, signal; from pathlib import Path; from rag.settings import load_settings\n"
        "from rag.workspace import Workspace\n"
        f"def far(done, _):\n    if done >= {moment}: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Workspace(load_settings(data_dir=Path({str(other)!r}))).restore(Path({str(target)!r}), far=far)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    after = make_workspace(data_dir=other)
    assert after.collections() == []
    after.ingestion.removal.sweep()
    assert after.store.names() == after.lexical.names() == after.store.companion.names() == []
    assert list(after.folder.transit.glob("*")) == []
    after.restore(target)
    assert after.check() == []
    assert answers_of(after, "documents") == answers_of(workspace, "documents")


def test_it_is_done_in_the_background_and_can_be_stopped(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    list(workspace.ingest([notes]))
    move = ended(workspace, workspace.begin_export("documents"))
    assert move.file is not None
    assert (move.problem, move.manifest is not None) == ("", True)
    copy = tmp_path / "copy.zip"
    shutil.copyfile(move.file, copy)
    with copy.open("rb") as reading:
        received = workspace.receive(reading)
    assert ended(workspace, workspace.begin_restore(received, "back", "copy.zip")).collection == "back"
    assert not received.exists()
    again = ended(workspace, workspace.begin_export("documents"))  # takes the place of the first
    assert [one.id for one in workspace.moves(Errand.EXPORT)] == [again.id]
    assert not move.file.exists()
    bad = tmp_path / "bad.zip"
    bad.write_bytes(copy.read_bytes().replace(b"84,000", b"99,000"))
    failed = ended(workspace, workspace.begin_restore(bad, "bad", "bad.zip"))
    assert "bad.zip cannot be restored" in failed.problem
    workspace.stop_move(failed.id)
    workspace.erase()
    assert workspace.moves(Errand.EXPORT) == []
    assert list(workspace.folder.transit.iterdir()) == []


def ended(workspace: Workspace, move: Move) -> Move:
    while True:
        (now,) = (one for one in workspace.errands.all() if one.id == move.id)
        if now.over:
            return now
        time.sleep(0.02)


def test_stopped_on_the_way_there_is_no_file(workspace: Workspace, notes: Path, tmp_path: Path) -> None:
    list(workspace.ingest([notes]))

    def enough(fraction: float, _: str) -> None:
        if fraction > 0.5:
            raise StoppedError("enough")

    with pytest.raises(StoppedError):
        saved(workspace, tmp_path, far=enough)
    assert not (tmp_path / "documents.zip").exists()
    with pytest.raises(StoppedError):
        workspace.restore(saved(workspace, tmp_path), "other", enough)
    assert [one.name for one in workspace.collections()] == ["documents"]
    assert len(workspace.store.names()) == 1


def test_the_command_line_saves_looks_and_restores(
    make_workspace: Callable[..., Workspace], notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with make_workspace() as workspace:
        list(workspace.ingest([notes]))
        folder = str(workspace.folder.path)
    target = str(tmp_path / "saved.zip")

    def ran(*arguments: str) -> tuple[int, Any]:
        code = main(["--data-dir", folder, "--json", *arguments])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else err

    code, row = ran("export", "documents", target)
    assert (code, row["documents"], row["file"]) == (0, 1, target)
    assert ran("import", "--look", target)[1]["collection"] == "documents"
    code, complaint = ran("import", target)
    assert (code, "Choose another name" in complaint) == (2, True)
    code, row = ran("import", target, "--as", "again")
    assert (code, row["collection"], row["documents"]) == (0, "again", 1)
    assert ran("import", str(notes))[0] == 1
    assert ran("export", "nothing", str(tmp_path / "n.zip"))[0] == 2


def test_a_title_that_is_not_in_the_vectors_yet_is_where_it_is_restored(
    make_workspace: Callable[..., Workspace], notes: Path, tmp_path: Path
) -> None:
    workspace = make_workspace()
    list(workspace.ingest([notes]))
    workspace.worker.stop(None)
    (document,) = workspace.documents()
    workspace.edit(document, document.name, "Quantum chromodynamics of gluons")
    other = make_workspace(data_dir=tmp_path / "other")
    other.restore(saved(workspace, tmp_path))
    other.drain()
    assert [(one.title, one.state) for one in other.documents()] == [("Quantum chromodynamics of gluons", State.READY)]
    assert other.check() == []


def test_nobody_waits_at_closing_for_a_backup_that_waits_for_a_document(
    make_workspace: Callable[..., Workspace], notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace()
    list(workspace.ingest([notes]))
    (document,) = workspace.documents()
    with workspace.ingestion.busy.hold(document):  # as one who embeds it does
        for end in (lambda move: workspace.stop_move(move.id), lambda _: workspace.close()):
            move = workspace.begin_export("documents")
            time.sleep(0.3)
            began = time.monotonic()
            end(move)
            assert time.monotonic() - began < 5
    assert workspace.closed
