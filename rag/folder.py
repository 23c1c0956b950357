"""The data folder: where things lie in it, and who owns it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

from rag.errors import FolderError, FolderInUseError


class Folder:
    """A data folder, its path resolved so that two spellings are one folder. Created if missing."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        try:
            self.files.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / "owner.lock", thread_local=False)
            (self.path / "owner.lock").touch()
        except OSError as error:
            raise FolderError(
                f"The data folder {self.path} cannot be written ({error.strerror}). Make it writable, or choose "
                "another with --data-dir or RAG_DATA_DIR."
            ) from error

    @property
    def catalog(self) -> Path:
        return self.path / "catalog.sqlite3"

    def catalog_files(self) -> list[Path]:
        """The catalog with its journals."""
        return list(self.path.glob("catalog.sqlite3*"))

    @property
    def chroma(self) -> Path:
        return self.path / "chroma"

    @property
    def files(self) -> Path:
        return self.path / "files"

    def original(self, document_id: str) -> Path:
        """Where a document's bytes are kept: under its id, never its name."""
        return self.files / document_id

    def own(self, role: str, wait: float = 0.0) -> None:
        """Become the owner, for as long as the process lives or until `release`.

        Raises FolderInUseError naming who owns it after `wait` seconds.
        """
        try:
            self._lock.acquire(timeout=wait)
        except Timeout:
            raise FolderInUseError(
                f"The data folder {self.path} is in use by {self.owner()}. Close that, or run a Chroma server "
                "(`chroma run`) and let both use it with RAG_CHROMA_MODE=server."
            ) from None
        note = {"pid": os.getpid(), "role": role}
        (self.path / "owner.json").write_text(json.dumps(note), encoding="utf-8")

    @property
    def owned(self) -> bool:
        """Whether this process is the owner."""
        return bool(self._lock.is_locked)

    def owner(self) -> str:
        """Who owns the folder, for people."""
        try:
            note = json.loads((self.path / "owner.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "another process"
        return f"another process ({note.get('role')}, process {note.get('pid')})"

    def release(self) -> None:
        self._lock.release()

    def size(self) -> int:
        """Bytes of all that is kept here."""
        return sum(one.stat().st_size for one in self.path.rglob("*") if one.is_file())

    def keep(self, document_id: str, source: Path) -> None:
        """Keep a copy of the bytes at `source`; whole or not at all."""
        target = self.original(document_id)
        if target.exists():
            return
        part = target.with_suffix(f".{os.getpid()}.part")
        try:
            shutil.copyfile(source, part)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise FolderError(
                f"{source.name} could not be kept in {self.files} ({error.strerror}). Free some disk space or make "
                "the folder writable, then try again."
            ) from error

    def discard(self, document_id: str) -> None:
        """Remove the kept bytes."""
        self.original(document_id).unlink(missing_ok=True)
