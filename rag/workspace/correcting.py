"""Passages of a workspace corrected and put away by hand, and brought back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from rag.errors import InputError, NotFoundError
from rag.records import Chunk, ChunkState, Document, ListedChunk, Overlay
from rag.workspace.finding import Finding

LONGEST_HEADING = 500
"""Characters."""


class Correcting(Finding):
    """Corrections. A document's text is never changed: what is changed of a passage lies over it.

    Each method returns what lay over the passage before, to be given to `put_back`. All raise NotFoundError for a
    passage that is not there, InputError for one whose document is not ready, ReadOnlyError, FolderInUseError.
    """

    def edit_chunk(
        self, collection: str, chunk: str, text: str | None = None, heading: str | None = None
    ) -> Overlay | None:
        """Give a passage another text, another heading, or both; None leaves it. It is cited as edited from now on, and
        what equals what was read is as read again. Raises InputError for an empty text or one that is too long."""
        listed, document = self._correctable(collection, chunk)
        before = listed.overlay
        now = before or _overlay(listed)
        if text is not None:
            now = replace(now, text=_checked_text(text, listed.printed))
        if heading is not None:
            now = replace(now, heading=_checked_heading(heading, listed.printed_heading))
        if before is None or (now.text, now.heading) != (before.text, before.heading):
            now = replace(now, edited_at=datetime.now(UTC))
        own = listed.printed if now.text is None else now.text
        above = listed.printed_heading if now.heading is None else now.heading
        self.ingestion.corrections.require_room(document, replace(listed.chunk, text=own, heading=above))
        return self._lay(document, listed, now)

    def hide_chunk(self, collection: str, chunk: str) -> Overlay | None:
        """Put a passage away: it is not found any more, until it is shown again."""
        return self._in_state(collection, chunk, ChunkState.HIDDEN)

    def show_chunk(self, collection: str, chunk: str) -> Overlay | None:
        """Have a passage found again, corrected as it was."""
        return self._in_state(collection, chunk, ChunkState.SHOWN)

    def delete_chunk(self, collection: str, chunk: str) -> Overlay | None:
        """Put a passage away, and list it no more among those that are hidden. The document stays as it is."""
        return self._in_state(collection, chunk, ChunkState.DELETED)

    def restore_chunk(self, collection: str, chunk: str) -> Overlay | None:
        """Have a passage as it was read, whatever was changed of it."""
        return self.put_back(collection, chunk, None)

    def put_back(self, collection: str, chunk: str, before: Overlay | None) -> Overlay | None:
        """Undo a change: `before` is what that returned."""
        listed, document = self._correctable(collection, chunk)
        return self._lay(document, listed, before)

    def printed(self, collection: str, chunk: Chunk) -> str:
        """What the document says at a passage's place; empty if it has been deleted."""
        return self.catalog.passage(collection, chunk.document_id, chunk.start, chunk.end)

    def unapplied(self, collection: str) -> list[Overlay]:
        """What was changed of passages that are not there any more: their documents were cut in another way since. They
        lie over them again where the same cuts come back."""
        return self.catalog.unapplied(self.collection(collection).name)

    def forget_unapplied(self, collection: str, chunk: str) -> None:
        """Forget one of them for good; nothing for what applies."""
        self._require_writable()
        self.catalog.forget_overlay(self._unlinked(collection), chunk)

    def _in_state(self, collection: str, chunk: str, state: ChunkState) -> Overlay | None:
        listed, document = self._correctable(collection, chunk)
        return self._lay(document, listed, replace(listed.overlay or _overlay(listed), state=state))

    def _lay(self, document: Document, listed: ListedChunk, overlay: Overlay | None) -> Overlay | None:
        if overlay is not None and (overlay.text, overlay.heading, overlay.state) == (None, None, ChunkState.SHOWN):
            overlay = None
        if overlay != listed.overlay:
            with self._gate.shared():
                self.ingestion.corrections.lay(document, listed.chunk.id, overlay)
        return listed.overlay

    def _correctable(self, collection: str, chunk: str) -> tuple[ListedChunk, Document]:
        self._require_writable()
        name = self._unlinked(collection)
        self._require_ownership()
        listed = self.catalog.listed_passages(name, [chunk])
        if not listed:
            raise NotFoundError("This passage is not there any more: its document was deleted, or cut anew.")
        return listed[0], self.catalog.document(name, listed[0].chunk.document_id)

    def _unlinked(self, collection: str) -> str:
        self._require_own(collection)
        return self.collection(collection).name


def _overlay(listed: ListedChunk) -> Overlay:
    chunk = listed.chunk
    return Overlay(chunk.id, chunk.document_id, chunk.start, chunk.end, edited_at=datetime.now(UTC))


def _checked_text(text: str, printed: str) -> str | None:
    """A passage's new text; None if it is what was read. Raises InputError."""
    text = _whole(text.replace("\r\n", "\n")).strip("\n")
    if not text.strip():
        raise InputError("A passage without text cannot be found. Put it away instead, or write what it is to say.")
    return None if text.strip() == printed.strip() else text


def _checked_heading(heading: str, printed: str) -> str | None:
    heading = " ".join(_whole(heading).split())
    if len(heading) > LONGEST_HEADING:
        raise InputError(f"A heading has {LONGEST_HEADING} characters at most. Shorten it.")
    return None if heading == " ".join(printed.split()) else heading


def _whole(text: str) -> str:
    """Without halves of characters and NUL, which cannot be kept."""
    return text.encode(errors="replace").decode().replace("\0", "")
