"""A file on its way in: where its bytes are, what it is called, and whether it can be taken at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rag.errors import DocumentError, EmptyDocumentError, NotFoundError, TooLargeError, UnsupportedTypeError
from rag.parsing import READABLE, media_type
from rag.settings import Settings


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to ingest: where its bytes are and what it is called. The name is data, never a path."""

    path: Path
    name: str


def shown_name(name: str) -> str:
    """The last part of a name as it was given, without control characters; for showing only."""
    readable = name.encode(errors="replace").decode()  # names on disk need not be UTF-8
    last = re.split(r"[\\/]", readable)[-1]
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip()[-255:] or "unnamed"


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
