"""What documents were before they were replaced, and what changed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.catalog import versions
from rag.changes import changes
from rag.chunking import sentence_spans
from rag.errors import InputError, NotFoundError
from rag.records import Document, Kind
from rag.workspace import Workspace
from tests.conftest import outcomes
from tests.test_arranging import settled, until
from tests.test_trash import LONG_AGO, age

Make = Callable[..., Workspace]
FIRST = "The fee is 100 euros.\n\nIt is paid in March.\n\nThe contract ends in 2027."
SECOND = "The fee is 120 euros.\n\nIt is paid in March.\n\nDisputes go to the court of Harbourtown."


def put(workspace: Workspace, folder: Path, text: str, name: str = "contract.txt") -> Document:
    (folder / name).write_text(text)
    assert outcomes(workspace.ingest([folder / name], replace_namesakes=True))[name] == "ready"
    return workspace.document(name)


@pytest.fixture
def contract(workspace: Workspace, tmp_path: Path) -> Document:
    put(workspace, tmp_path, FIRST)
    return put(workspace, tmp_path, SECOND)


def test_what_was_replaced_is_kept_with_its_text_and_its_file(workspace: Workspace, contract: Document) -> None:
    (before,) = workspace.versions(contract)
    assert (before.name, before.replaced_by, before.bytes) == ("contract.txt", contract.id, len(FIRST))
    assert before.added_at < before.replaced_at
    until(lambda: not workspace.catalog.uncleared())
    workspace.ingestion.removal.sweep()
    assert workspace.original_of(before) == FIRST.encode()
    assert [one.id for one in workspace.documents()] == [contract.id]
    assert workspace.check() == []


def test_what_changed_is_told_by_paragraphs_and_words(workspace: Workspace, contract: Document) -> None:
    (before,) = workspace.versions(contract)
    found = workspace.changed(before, contract)
    assert (found.added, found.removed, found.changed) == (1, 1, 1)
    fee, *rest = found.shown
    assert fee.pieces == (
        (Kind.SAME, "The fee is "),
        (Kind.REMOVED, "100"),
        (Kind.ADDED, "120"),
        (Kind.SAME, " euros."),
    )
    assert [one.kind for one in rest] == [Kind.REMOVED, Kind.ADDED]


def test_a_version_is_brought_back_and_the_other_one_is_a_version_then(
    workspace: Workspace, contract: Document
) -> None:
    workspace.retag("documents", [contract.id], add=["signed"])
    (before,) = workspace.versions(contract)
    workspace.bring_back(before)
    settled(workspace)
    (now,) = workspace.documents()
    assert (now.id, now.tags) == (before.document, ("signed",))
    assert workspace.text(now.id) == FIRST
    assert [one.document for one in workspace.versions(now)] == [contract.id]
    assert workspace.search("What is the fee?")[0].chunk.text.startswith("The fee is 100")
    until(lambda: not workspace.catalog.uncleared())
    assert workspace.check() == []


def test_a_new_version_may_be_called_anything_but_is_of_the_same_kind(
    workspace: Workspace, contract: Document, tmp_path: Path
) -> None:
    (tmp_path / "contract final 3.txt").write_text("The fee is 130 euros.")
    replaced = workspace.replace(contract, tmp_path / "contract final 3.txt", "contract final 3.txt")
    settled(workspace)
    assert [one.id for one in workspace.documents()] == [replaced.id]
    assert replaced.name == "contract.txt"
    assert len(workspace.versions(replaced)) == 2
    with pytest.raises(InputError, match=r"not\. Upload it as a document of its own"):
        workspace.replace(replaced, tmp_path / "contract final 3.txt", "contract.pdf")
    with pytest.raises(InputError, match="in the collection already"):
        workspace.replace(replaced, tmp_path / "contract final 3.txt", "same.txt")


def test_the_last_ten_are_kept(workspace: Workspace, tmp_path: Path) -> None:
    ids = [put(workspace, tmp_path, f"The fee is {fee} euros.").id for fee in range(versions.KEPT + 3)]
    now = workspace.document("contract.txt")
    assert [one.document for one in workspace.versions(now)] == ids[2:-1][::-1]
    until(lambda: not workspace.catalog.uncleared())
    workspace.ingestion.removal.sweep()
    assert [workspace.folder.original(one).exists() for one in ids] == [False, False, *[True] * (versions.KEPT + 1)]


def test_they_go_with_the_document_but_not_before_its_deletion_is_past_undoing(
    workspace: Workspace, contract: Document
) -> None:
    (before,) = workspace.versions(contract)
    until(lambda: not workspace.catalog.uncleared())
    workspace.trash("documents", [contract.id])
    workspace.ingestion.removal.clear_all()
    assert workspace.original_of(before)
    workspace.undo_trash("documents", workspace.trashed("documents")[0].at)
    assert workspace.versions(contract) == [before]
    workspace.trash("documents", [contract.id])
    age(workspace, LONG_AGO)
    workspace.ingestion.removal.clear_all()
    assert list(workspace.folder.files.iterdir()) == []
    with pytest.raises(NotFoundError):
        workspace.original_of(before)
    assert workspace.catalog.version_text(before) == ""


@pytest.mark.parametrize("end", ["delete_collection", "erase"])
def test_they_go_with_the_collection_and_with_everything(workspace: Workspace, contract: Document, end: str) -> None:
    until(lambda: not workspace.catalog.uncleared())
    workspace.delete_collection("documents") if end == "delete_collection" else workspace.erase()
    assert list(workspace.folder.files.iterdir()) == []
    with workspace.catalog.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM versions").scalar_one() == 0


def test_they_follow_a_document_to_another_name_and_to_another_collection(
    workspace: Workspace, contract: Document
) -> None:
    renamed = workspace.edit(contract, "agreement.txt", contract.title)
    assert [one.name for one in workspace.versions(renamed)] == ["agreement.txt"]
    settled(workspace)
    workspace.transfer("documents", [contract.id], "legal", move=True)
    settled(workspace)
    (moved,) = workspace.documents("legal")
    assert [one.collection for one in workspace.versions(moved)] == ["legal"]
    until(lambda: not workspace.catalog.uncleared())
    assert workspace.original_of(workspace.versions(moved)[0]) == FIRST.encode()


# -- telling texts apart ---------------------------------------------------------------------------


def test_the_same_text_set_otherwise_has_not_changed() -> None:
    found = changes("One line\nand another.\n\nNext.", "One line and\nanother.\n\n\nNext.", sentence_spans)
    assert found.total == 0
    assert found.shown == ()


def test_the_changes_are_those_of_a_plain_comparison() -> None:
    draw = random.Random(7)  # noqa: S311 - for repeating, not for secrets
    words = ["harbour", "crane", "tide", "fee", "quay", "rope"]
    for _ in range(60):
        before = [" ".join(draw.choices(words, k=6)) for _ in range(30)]
        after = [one for one in before if draw.random() > 0.1]
        for _ in range(3):
            after.insert(draw.randrange(len(after) + 1), " ".join(draw.choices(words, k=6)))
        found = changes("\n\n".join(before), "\n\n".join(after), sentence_spans)
        assert len(before) - found.removed + found.added == len(after)
        rebuilt = [*before]
        for one in found.shown:
            old = "".join(text for kind, text in one.pieces if kind is not Kind.ADDED)
            assert not old or old in rebuilt
        assert found.total <= 12


@pytest.mark.parametrize("what", ["unique", "alike", "one word", "no breaks"])
def test_large_texts_are_compared_in_seconds(what: str) -> None:
    if what == "unique":
        before = "\n\n".join(f"Paragraph {number} tells of {number * 7}." for number in range(40_000))
        after = before.replace("tells of 7", "speaks of 7")
    elif what == "alike":
        before, after = "\n\n".join(["The same."] * 40_000), "\n\n".join(["The same.", "Or not."] * 20_000)
    elif what == "one word":
        before, after = "a\n\n" * 300_000, "b\n\n" * 300_000
    else:
        before, after = "x" * 2_000_000, "x" * 1_999_999 + "y"
    started = time.monotonic()
    found = changes(before, after, sentence_spans)
    assert time.monotonic() - started < 20
    assert found.total > 0
    assert len(found.shown) <= 100
