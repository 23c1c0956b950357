"""What will become of the chosen files: sorted, as rows of a table, and summed up. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag.records import Preflight
from rag.settings import Settings
from ui.basket import Basket, Item
from ui.text import about, bytes_as_text, counted, duration


@dataclass(frozen=True, slots=True)
class Review:
    """Chosen files sorted by what will become of them in a collection.

    `twins` are files whose bytes another one has that was chosen before: its name, by the `id()` of their items.
    """

    items: tuple[Item, ...]
    collection: str
    twins: Mapping[int, str]

    @classmethod
    def of(cls, basket: Basket, collection: str) -> Review:
        items = tuple(basket.items)
        return cls(items, collection, _twins(items, collection))

    def found(self) -> list[Preflight]:
        """What was found so far."""
        return [found for one in self.items if (found := one.checked(self.collection)) is not None]

    def locked(self) -> list[Item]:
        """Files that need a password."""
        return [one for one in self._apart() if (found := one.checked(self.collection)) and found.encrypted]

    def unreadable(self) -> list[Item]:
        """Files with another problem."""
        return [
            one
            for one in self._apart()
            if (found := one.checked(self.collection)) and found.problem and not found.encrypted
        ]

    def duplicates(self) -> list[Item]:
        """Files that are there already, or chosen twice."""
        return [one for one in self.items if id(one) in self.twins or is_duplicate(one.checked(self.collection))]

    def new_versions(self) -> list[Item]:
        return [one for one in self.to_add() if (found := one.checked(self.collection)) and found.replaces]

    def _apart(self) -> list[Item]:
        """The files without those chosen twice."""
        return [one for one in self.items if id(one) not in self.twins]

    def to_add(self) -> list[Item]:
        """What there is no reason to leave out, checked or not."""
        left_out = [id(one) for one in (*self.locked(), *self.unreadable(), *self.duplicates())]
        return [one for one in self.items if id(one) not in left_out]

    def pending(self) -> int:
        return sum(one.pending(self.collection) for one in self.items)


def _twins(items: Sequence[Item], collection: str) -> dict[int, str]:
    first: dict[str, str] = {}
    twins = {}
    for one in items:
        found = one.checked(collection)
        if found is None or not found.document or is_duplicate(found):
            continue
        if first.setdefault(found.document, one.name) != one.name:
            twins[id(one)] = first[found.document]
    return twins


def is_duplicate(found: Preflight | None) -> bool:
    """Whether adding the file would change nothing: its bytes are there. Under its own name they may be an older
    version, though, that is wanted back in the place of a newer one."""
    if found is None or found.duplicate_of is None:
        return False
    return not found.replaces or found.duplicate_of.name != found.name


def table(review: Review, settings: Settings) -> list[dict[str, Any]]:
    """The files as rows. Table cells show their text literally, so nothing needs escaping."""
    return [_row(one, review, settings) for one in review.items]


def _row(item: Item, review: Review, settings: Settings) -> dict[str, Any]:
    found = item.checked(review.collection)
    known = found if found is not None and not found.problem else Preflight(item.name)
    counted_yet = known.chunks or not (known.blank_pages and settings.ocr)
    left_out = id(item) in review.twins or is_duplicate(found)
    return {
        "Document": item.name,
        "What happens": _note(item, review, settings),
        "Pages": known.pages or None,
        "No text": len(known.blank_pages) or None,
        "Passages": known.chunks or None,
        "New": known.new_chunks if known.pages and counted_yet and not left_out else None,
        "Size": bytes_as_text(item.bytes) if item.bytes else "",
        "Time": "" if left_out else _time(known, settings),
    }


def _note(item: Item, review: Review, settings: Settings) -> str:
    found = item.checked(review.collection)
    if item.unknown:
        return "Could not be checked"
    if found is None:
        return "Unpacking…" if item.is_archive else "…"
    if found.duplicate_of is not None and is_duplicate(found):
        return f"Already there{_as_name(found)}"
    if id(item) in review.twins:
        return f"The same as {review.twins[id(item)]}"
    if found.encrypted:
        return "Needs its password"
    if found.problem:
        return "Left out: cannot be read"
    notes = ["New version"] if found.replaces else ["New"]
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
    if not found:
        return counted(len(review.items), "file")
    pages, blank = sum(one.pages for one in found), sum(len(one.blank_pages) for one in found)
    without_text = f" ({blank:,} without text)" if blank else ""
    parts = [counted(len(review.items), "file"), f"**{counted(pages, 'page')}**{without_text}"]
    parts.append(_passages(found, blank > 0 and settings.ocr))
    seconds = [one.seconds for one in found if one.seconds is not None]
    if seconds:
        parts.append(f"**{about(sum(seconds))}** on this machine")
    unmeasured = sum(len(one.blank_pages) for one in found if one.seconds is None)
    if unmeasured and settings.ocr:
        parts.append(f"plus OCR of {counted(unmeasured, 'page')}")
    return " · ".join(parts) + (" so far" if review.pending() else "")


def _passages(found: Sequence[Preflight], will_be_more: bool) -> str:
    chunks, new = sum(one.chunks for one in found), sum(one.new_chunks for one in found)
    if will_be_more and not chunks:
        return "passages are counted after OCR"
    some_new = f" ({new:,} new)" if new != chunks else ""
    return f"**{counted(chunks, 'passage')}**{some_new}{' and those that OCR finds' if will_be_more else ''}"
