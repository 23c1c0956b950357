"""What files are called when they come in together."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some

from rag.ingestion import as_uploads, distinct_names, shown_name


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    paths = ["folder/2023/letter.txt", "folder/2024/letter.txt", "b\\y.txt", "z.txt"]
    assert distinct_names(paths) == ["folder - 2023 - letter.txt", "folder - 2024 - letter.txt", "y.txt", "z.txt"]


def test_files_in_archives_are_told_apart_by_their_folders_and_only_then_by_the_archives() -> None:
    assert distinct_names(["a.zip/2023/x.txt", "a.zip/2024/x.txt"]) == ["2023 - x.txt", "2024 - x.txt"]
    assert distinct_names(["alpha.zip/notes.txt", "beta.zip/notes.txt"]) == [
        "alpha.zip - notes.txt",
        "beta.zip - notes.txt",
    ]


def test_what_nothing_tells_apart_is_numbered() -> None:
    assert distinct_names(["x.txt", "x.txt", "x (2).txt", "README", "README"]) == [
        "x.txt",
        "x (3).txt",
        "x (2).txt",
        "README",
        "README (2)",
    ]


@given(some.lists(some.text(alphabet="ab/. -()2\\\0z", max_size=12), max_size=8))
def test_names_are_distinct_whatever_the_paths_and_stay_as_they_are(paths: list[str]) -> None:
    names = distinct_names(paths)
    assert len(set(names)) == len(paths)
    assert [shown_name(one) for one in names] == names
    assert distinct_names(names) == names


def test_paths_are_called_by_what_follows_the_folder_they_share(tmp_path: Path) -> None:
    files = [tmp_path / "v1" / "a.txt", tmp_path / "v2" / "a.txt"]
    assert [one.name for one in as_uploads(files)] == ["v1/a.txt", "v2/a.txt"]
    assert [one.name for one in as_uploads(files[:1])] == ["a.txt"]
    assert [one.name for one in as_uploads(files, given=[tmp_path])] == [
        f"{tmp_path.name}/v1/a.txt",
        f"{tmp_path.name}/v2/a.txt",
    ]
