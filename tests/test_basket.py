"""The files that were chosen and not added yet."""

from __future__ import annotations

import io
import time
from pathlib import Path

from rag.records import Preflight
from rag.workspace import Unpacked, Upload, Workspace
from ui.basket import Basket


def test_files_have_names_of_their_own_and_keep_those_they_were_checked_under(workspace: Workspace) -> None:
    basket = Basket()
    basket.take([("letters/2023/letter.txt", io.BytesIO(b"a"))])
    assert [one.name for one in basket.items] == ["letter.txt"]
    basket.take([("letters/2024/letter.txt", io.BytesIO(b"b"))])
    assert [one.name for one in basket.items] == ["letters - 2023 - letter.txt", "letters - 2024 - letter.txt"]
    basket.check(workspace, "documents")
    while any(one.pending("documents") for one in basket.items):
        time.sleep(0.05)
    basket.take([("letter.txt", io.BytesIO(b"c")), ("letter.txt", io.BytesIO(b"d"))])
    assert [one.name for one in basket.items] == [
        "letters - 2023 - letter.txt",
        "letters - 2024 - letter.txt",
        "letter.txt",
        "letter (2).txt",
    ]
    assert [one.found.name for one in basket.items if one.found] == [one.name for one in basket.items[:2]]


def test_a_check_that_ends_while_a_file_is_handed_in_moves_it_nowhere(tmp_path: Path) -> None:
    basket = Basket()
    basket.take([("pier.txt", io.BytesIO(b"oak"))])
    item = basket.items[0]
    kept = tmp_path / "kept"
    kept.write_bytes(b"oak")
    with basket.giving([item]):
        basket.note(item, "documents", Preflight("pier.txt", document="1"), Upload(kept, "pier.txt"))
        assert item.path.read_bytes() == b"oak"
        assert item.path != kept
    basket.note(item, "documents", Preflight("pier.txt", document="1"), Upload(kept, "pier.txt"))
    assert item.path == kept


def test_what_comes_out_of_an_archive_that_was_taken_out_meanwhile_is_thrown_away(tmp_path: Path) -> None:
    basket = Basket()
    basket.take([("letters.zip", io.BytesIO(b"zip"))])
    archive = basket.items[0]
    folder = archive.path.parent
    (tmp_path / "0").write_bytes(b"a letter")
    basket.remove([archive])
    basket.unpack(archive, Unpacked([Upload(tmp_path / "0", "letters.zip/letter.txt")], []))
    assert basket.items == []
    assert list(folder.iterdir()) == []
