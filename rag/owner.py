"""Who owns a data folder: one process at a time, which alone opens the indexes in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rag.errors import FolderError, FolderInUseError


class Owned:
    """A folder that a process can own, its path resolved so that two spellings are one folder. Created if missing."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.path / "owner.lock", thread_local=False)
            (self.path / "owner.lock").touch()

    @property
    def _note(self) -> Path:
        return self.path / "owner.json"

    def own(self, role: str) -> None:
        """Become the owner, for as long as the process lives or until `release`.

        Raises FolderInUseError at once, naming who owns it.
        """
        try:
            with self._writing():
                self._lock.acquire(timeout=0)
                self._describe(role, works=False)
        except Timeout:
            raise FolderInUseError(
                f"The data folder {self.path} is in use by {self.owner()}. Close that, or run a Chroma server "
                "(`chroma run`) and let both use it with RAG_CHROMA_MODE=server."
            ) from None

    def works(self, role: str) -> None:
        """Note that this owner works off what others queue."""
        with self._writing():
            self._describe(role, works=True)

    def _describe(self, role: str, works: bool) -> None:
        self._note.write_text(json.dumps({"pid": os.getpid(), "role": role, "works": works}), encoding="utf-8")

    @property
    def owned(self) -> bool:
        """Whether this process is the owner."""
        return bool(self._lock.is_locked)

    def owner(self) -> str:
        """Who owns the folder, for people."""
        note = self._read_note()
        return f"another process ({note['role']}, process {note['pid']})" if note else "another process"

    def owner_works(self) -> bool:
        """Whether the owner said that it works off what others queue."""
        return bool(self._read_note().get("works"))

    def _read_note(self) -> dict[str, object]:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # being written, or never was
            return {}
        return note if isinstance(note, dict) and {"role", "pid"} <= set(note) else {}

    def release(self) -> None:
        self._lock.release()

    @contextmanager
    def _writing(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except Timeout:
            raise
        except OSError as error:
            what = f"{name} could not be kept: the data folder" if name else "The data folder"
            raise FolderError(
                f"{what} {self.path} cannot be written ({error.strerror}). Free some disk space or make it writable, "
                "or choose another with --data-dir or RAG_DATA_DIR."
            ) from error
