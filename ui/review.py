"""What will become of the chosen files: sorted, as rows of a table, and summed up. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rag.records import Preflight
from rag.settings import Settings
from ui.basket import Basket, Item
from ui.text import bytes_as_text, counted, duration


@dataclass(frozen=True, slots=True)
class Review:
    """Chosen files sorted by what will become of them in a collection."""

    items: tuple[Item, ...]
    collection: str
    repeated: frozenset[str]

    @classmethod
    def of(cls, basket: Basket, collection: str) -> Review:
        return cls(tuple(basket.items), collection, frozenset(basket.repeated_names()))

    def found(self) -> list[Preflight]:
        """What was found so far."""
        return [found for one in self.items if (found := one.checked(self.collection)) is not None]

    def locked(self) -> list[Item]:
        """Files that need a password."""
        return [one for one in self.items if (found := one.checked(self.collection)) and found.encrypted]

    def unreadable(self) -> list[Item]:
        """Files with another problem."""
        return [
            one
            for one in self.items
            if (found := one.checked(self.collection)) and found.problem and not found.encrypted
        ]

    def duplicates(self) -> list[Item]:
        """Files that are there already, and replace nothing."""
        return [one for one in self.items if is_duplicate(one.checked(self.collection))]

    def new_versions(self) -> list[Item]:
        return [one for one in self.items if (found := one.checked(self.collection)) and found.replaces]

    def to_add(self) -> list[Item]:
        """What there is no reason to leave out, checked or not."""
        left_out = [id(one) for one in (*self.locked(), *self.unreadable(), *self.duplicates())]
        return [one for one in self.items if id(one) not in left_out]

    def pending(self) -> int:
        return sum(one.pending(self.collection) for one in self.items)


def is_duplicate(found: Preflight | None) -> bool:
    """Whether adding the file would change nothing."""
    return found is not None and found.duplicate_of is not None and not found.replaces


def table(review: Review, settings: Settings) -> list[dict[str, Any]]:
    """The files as rows. Table cells show their text literally, so nothing needs escaping."""
    return [_row(one, one.checked(review.collection), one.name in review.repeated, settings) for one in review.items]


def _row(item: Item, found: Preflight | None, repeated: bool, settings: Settings) -> dict[str, Any]:
    known = found if found is not None and not found.problem else Preflight(item.name)
    return {
        "Document": item.name,
        "What happens": _note(item, found, repeated, settings),
        "Pages": known.pages or None,
        "No text": len(known.blank_pages) or None,
        "Passages": known.chunks or None,
        "New": known.new_chunks if known.pages else None,
        "Size": bytes_as_text(item.bytes),
        "Time": "" if is_duplicate(found) else _time(known, settings),
    }


def _note(item: Item, found: Preflight | None, repeated: bool, settings: Settings) -> str:
    if item.is_archive:
        return "Unpacked when added"
    if item.unknown:
        return "Could not be checked"
    if found is None:
        return "…"
    if found.encrypted:
        return "Needs its password"
    if found.problem:
        return "Left out: cannot be read"
    if found.duplicate_of is not None and is_duplicate(found):
        return f"Left out: already there{_as_name(found)}"
    notes = ["New version"] if found.replaces else ["New"]
    if repeated:
        notes = ["Same name twice: both kept"]
    if found.blank_pages and not settings.ocr:
        notes.append("OCR is off")
    return " · ".join(notes)


def _as_name(found: Preflight) -> str:
    there = found.duplicate_of
    return f" as {there.name}" if there is not None and there.name != found.name else ""


def _time(found: Preflight, settings: Settings) -> str:
    if not found.pages:
        return ""
    if found.seconds is None:
        return "with OCR" if found.blank_pages and settings.ocr else ""
    return duration(found.seconds)


def totals(review: Review, settings: Settings) -> str:
    """What all files that will be added come to, in Markdown."""
    adding = [one.checked(review.collection) for one in review.to_add()]
    found = [one for one in adding if one is not None]
    pages, blank = sum(one.pages for one in found), sum(len(one.blank_pages) for one in found)
    chunks, new = sum(one.chunks for one in found), sum(one.new_chunks for one in found)
    parts = [counted(len(review.items), "file"), f"**{counted(pages, 'page')}**", f"**{counted(chunks, 'passage')}**"]
    if blank:
        parts[1] += f" ({blank:,} without text)"
    if new != chunks:
        parts[2] += f" ({new:,} new)"
    seconds = [one.seconds for one in found if one.seconds is not None]
    if seconds:
        parts.append(f"**about {duration(sum(seconds))}** on this machine")
    unmeasured = sum(len(one.blank_pages) for one in found if one.seconds is None)
    if unmeasured and settings.ocr:
        parts.append(f"plus OCR of {counted(unmeasured, 'page')}")
    return " · ".join(parts) + (" so far" if review.pending() else "")
