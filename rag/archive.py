"""Zip archives on their way in: the files in one, within bounds, written where nothing else lies."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rag.errors import DamagedError, EncryptedError, FolderError, TooLargeError
from rag.ingestion import Upload, is_archive, shown_name
from rag.parsing import media_type
from rag.settings import Settings

MOST_FILES = 10_000
LARGEST_RATIO = 100
"""Of the unpacked bytes to the packed ones, judged where they are many."""
JUDGED_BYTES = 50_000_000
MOST_BYTES = 4_000_000_000
"""Of all files together, unpacked."""
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What `zipfile` unpacks piece by piece; of the other ways it unpacks a whole block, however large that becomes."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out of an archive: its readable files, for as long as it is held open, and of each other file the name
    and why it is left out."""

    uploads: list[Upload]
    skipped: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that was looked into and not unpacked yet."""

    upload: Upload
    readable: list[zipfile.ZipInfo]
    skipped: list[tuple[str, str]]

    @property
    def paths(self) -> list[str]:
        """Of the readable files: where they lie, the archive's own name included."""
        name = shown_name(self.upload.name)
        return ["/".join((name, *_parts(one))) for one in self.readable]

    def unpack(self, folder: Path, settings: Settings) -> list[Upload]:
        """Write the readable files into `folder`, under numbers. They are called what `paths` says.

        Raises DamagedError, EncryptedError, FolderError.
        """
        with _opened(self.upload) as opened:
            files = [_unpacked(opened, one, folder / str(number), settings) for number, one in enumerate(self.readable)]
        return [Upload(file, path) for file, path in zip(files, self.paths, strict=True)]


def look_into(upload: Upload) -> Archive:
    """What is in an archive. Raises DamagedError, EncryptedError, TooLargeError where it would unpack to too much."""
    with _opened(upload) as opened:
        entries = list(_entries(opened))
        _check(shown_name(upload.name), opened, entries)
    readable = [one for one in entries if media_type(one.filename) is not None]
    skipped = [
        (shown_name(one.filename), _why_not(one.filename, upload))
        for one in entries
        if media_type(one.filename) is None
    ]
    return Archive(upload, readable, skipped)


def _why_not(name: str, archive: Upload) -> str:
    inside = f"In {shown_name(archive.name)}"
    if is_archive(name):
        return f"{inside}; an archive within an archive is not opened: unpack it, and add what is in it."
    return f"{inside}, of no kind that can be read."


@contextmanager
def _opened(archive: Upload) -> Iterator[zipfile.ZipFile]:
    """The archive, and in words whatever goes wrong with it."""
    name = shown_name(archive.name)
    try:
        with zipfile.ZipFile(archive.path) as opened:
            yield opened
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DamagedError(f"{name} is damaged or no ordinary zip: pack it anew.") from error
    except RuntimeError as error:  # so zipfile asks for a password
        raise EncryptedError(f"{name} asks for a password: unpack it and upload the files.") from error
    except FileNotFoundError as error:
        raise DamagedError(f"{name} is not there. Check the path.") from error
    except OSError as error:
        raise FolderError(f"{name} could not be unpacked ({error.strerror}). Free some disk space.") from error


def _entries(opened: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Its files, without those that programs hide in archives."""
    for entry in opened.infolist():
        if not entry.is_dir() and not any(part.startswith(".") or part == "__MACOSX" for part in _parts(entry)):
            yield entry


def _parts(entry: zipfile.ZipInfo) -> list[str]:
    """Its folders and its name."""
    return [part for part in PurePosixPath(entry.filename.replace("\\", "/")).parts if part not in ("..", "/")]


def _check(name: str, opened: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    if len(opened.infolist()) > MOST_FILES:
        raise TooLargeError(f"{name} has more than {MOST_FILES:,} files: split it.")
    if any(one.compress_type not in _BOUNDED for one in entries):
        raise DamagedError(f"{name} is no ordinary zip: pack it anew.")
    unpacked = sum(one.file_size for one in entries)
    packed = sum(one.compress_size for one in entries)
    if unpacked > MOST_BYTES:
        raise TooLargeError(f"{name} unpacks to more than {MOST_BYTES / 1e9:.0f} GB: split it.")
    if unpacked > JUDGED_BYTES and unpacked > LARGEST_RATIO * max(packed, 1):
        raise TooLargeError(f"{name} unpacks to over {LARGEST_RATIO} times its size: unpack it and upload the files.")


def _unpacked(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, settings: Settings) -> Path:
    """`zipfile` reads no more than an entry says it has, so one that lies about its size is damaged, not large."""
    left = settings.max_file_mb * 1_000_000 + 1  # one more than allowed, so that intake says so
    with opened.open(entry) as reading, target.open("wb") as writing:
        while left > 0 and (piece := reading.read(min(_PIECE, left))):
            writing.write(piece)
            left -= len(piece)
    return target
