"""A file on its way in: where its bytes are, what it is called, and whether it can be taken at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.errors import DocumentError, EmptyDocumentError, NotFoundError, TooLargeError, UnsupportedTypeError
from rag.parsing import READABLE, media_type
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to ingest: where its bytes are and what it is called. The name is data, never a path to read from.

    It may say where the file lay (`folder/2023/letter.txt`), which is shown where others are called the same.
    """

    path: Path
    name: str


def shown_name(name: str) -> str:
    """The last part of a name as it was given, without control characters; for showing only."""
    readable = name.encode(errors="replace").decode()  # names on disk need not be UTF-8
    last = re.split(r"[\\/]", readable)[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip()[-255:].strip() or "unnamed"


def is_archive(name: str) -> bool:
    """Whether a file of that name is unpacked, and what is in it ingested."""
    return name.lower().endswith(".zip")


def distinct_names(paths: Sequence[str]) -> list[str]:
    """What the files of one batch are called, no two the same: the last parts of their paths.

    Where several are the same, with their folders, `2024 - letter.txt`; where those are the same, with the archives
    that they are in, `old.zip - 2024 - letter.txt`; and what is the same even then is numbered, `letter (2).txt`.
    """
    parts = [
        [shown_name(one) for one in re.split(r"[\\/]", path) if one not in _NOWHERE] or [shown_name(path)]
        for path in paths
    ]
    names = [one[-1] for one in parts]
    longer: Callable[[list[str]], list[str]]
    for longer in (_within_archive, list):
        times = Counter(names)
        names = [
            shown_name(" - ".join(longer(one))) if times[name] > 1 else name
            for name, one in zip(names, parts, strict=True)
        ]
    return _numbered(names)


_NOWHERE = ("", ".", "..")


def _within_archive(parts: list[str]) -> list[str]:
    archives = [place for place, part in enumerate(parts[:-1], start=1) if is_archive(part)]
    return parts[max(archives, default=0) :]


def _numbered(names: Sequence[str]) -> list[str]:
    taken = set(names)
    seen: set[str] = set()
    distinct = []
    for name in names:
        stem, dot, extension = name.rpartition(".")
        number, one = 2, name
        while one in seen or (one != name and one in taken):
            one = f"{stem} ({number}){dot}{extension}" if stem else f"{name} ({number})"
            number += 1
        seen.add(one)
        distinct.append(one)
    return distinct


def as_uploads(sources: Sequence[Path | Upload], given: Sequence[Path] = ()) -> list[Upload]:
    """Files to ingest; a path is called by what follows the folder that all paths lie in, or all `given` ones."""
    paths = [one.absolute() for one in given or sources if isinstance(one, Path)]
    folders = set.intersection(*(set(one.parents) for one in paths)) if paths else set()
    shared = max((len(one.parts) for one in folders), default=0)
    return [one if isinstance(one, Upload) else Upload(one, "/".join(one.absolute().parts[shared:])) for one in sources]


def shown_path(path: Path) -> str:
    """A path with what is not UTF-8 in it replaced; for showing only."""
    return str(path).encode(errors="replace").decode()


def checked_kind(upload: Upload, settings: Settings) -> str:
    """The media type of a file that can be taken in.

    Raises DocumentError for what can never be read, NotFoundError for a path that is no file.
    """
    name = shown_name(upload.name)
    if not upload.path.is_file():
        what = "is no ordinary file. Copy it into one" if upload.path.exists() else "is not there. Check the path"
        raise NotFoundError(f"{shown_path(upload.path)} {what}.")
    try:
        with upload.path.open("rb") as file:
            size = file.seek(0, 2)
    except OSError as error:
        raise DocumentError(f"{name} cannot be read ({error.strerror}). Check its permissions.") from error
    if size == 0:
        raise EmptyDocumentError(f"{name} is empty. Check that it was saved or downloaded whole.")
    if size > settings.max_file_mb * 1_000_000:
        raise TooLargeError(
            f"{name} has {size / 1e6:,.0f} MB; the limit is {settings.max_file_mb} MB. Split it, or raise "
            "RAG_MAX_FILE_MB."
        )
    kind = media_type(name)
    if kind is None:
        raise UnsupportedTypeError(f"{name} is not a kind of file that can be read ({READABLE}).")
    return kind
