"""Zip archives on their way in: the files in one, within bounds, written where nothing else lies."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rag.errors import DamagedError, EncryptedError, FolderError, TooLargeError
from rag.ingestion import Upload, shown_name
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


def is_archive(name: str) -> bool:
    """Whether a file of that name is unpacked, and what is in it ingested."""
    return name.lower().endswith(".zip")


def unpack(archive: Upload, folder: Path, settings: Settings) -> tuple[list[Upload], list[str]]:
    """The readable files of an archive, unpacked into `folder` under numbers, and the names of the others.

    A file is called what it is called in the archive, without its folders unless two are called the same. Raises
    DamagedError, EncryptedError, and TooLargeError before anything large is unpacked.
    """
    name = shown_name(archive.name)
    try:
        with zipfile.ZipFile(archive.path) as opened:
            entries = list(_entries(opened))
            _check(name, opened, entries)
            readable = [one for one in entries if media_type(one.filename) is not None]
            skipped = [shown_name(one.filename) for one in entries if media_type(one.filename) is None]
            names = _names(readable)
            uploads = [
                Upload(_unpacked(opened, one, folder / str(number), settings), names[one.filename])
                for number, one in enumerate(readable)
            ]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DamagedError(f"{name} is damaged or no ordinary zip: pack it anew.") from error
    except RuntimeError as error:  # so zipfile asks for a password
        raise EncryptedError(f"{name} asks for a password: unpack it and upload the files.") from error
    except FileNotFoundError as error:
        raise DamagedError(f"{name} is not there. Check the path.") from error
    except OSError as error:
        raise FolderError(f"{name} could not be unpacked ({error.strerror}). Free some disk space.") from error
    return uploads, skipped


def _entries(opened: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Its files, without those that programs hide in archives."""
    for entry in opened.infolist():
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        if not entry.is_dir() and not any(part.startswith(".") or part == "__MACOSX" for part in parts if part != ".."):
            yield entry


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


def _names(entries: list[zipfile.ZipInfo]) -> dict[str, str]:
    times = Counter(shown_name(one.filename) for one in entries)
    return {
        one.filename: shown_name(one.filename)
        if times[shown_name(one.filename)] == 1
        else shown_name(one.filename.replace("\\", "/").strip("/").replace("/", " - "))
        for one in entries
    }


def _unpacked(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, settings: Settings) -> Path:
    """`zipfile` reads no more than an entry says it has, so one that lies about its size is damaged, not large."""
    left = settings.max_file_mb * 1_000_000 + 1  # one more than allowed, so that intake says so
    with opened.open(entry) as reading, target.open("wb") as writing:
        while left > 0 and (piece := reading.read(min(_PIECE, left))):
            writing.write(piece)
            left -= len(piece)
    return target
