"""Which rows of a foreign collection make one document, in which order, and what their metadata says."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

SOURCES = ("source", "file_path", "file_name", "filename", "ref_doc_id", "doc_id", "document_id", "url")
"""Metadata that says of which document a row is: the first of these that it has."""
_PLACES = ("start_index", "chunk_index", "chunk", "chunk_id", "chunk_number", "position", "index", "seq")
_DATES = ("date", "creation_date", "creationdate", "created_at", "published", "last_modified_date", "moddate")
_TITLES = ("title", "document_title", "Title")
_HEADINGS = ("heading", "section", "header_path", "section_title")
_HEADERS = re.compile(r"(?:Header|H|header_)[ _]?([1-6])")
_DATE = re.compile(r"(?:D:)?((?:19|20)\d\d)[-/.]?(0[1-9]|1[0-2])[-/.]?(0[1-9]|[12]\d|3[01])")
_NOTHING = ("", "None")
LONGEST_NAME, LONGEST_TITLE, LONGEST_TAG = 200, 300, 60


@dataclass(slots=True)
class Group:
    """The rows of one document: their ids in the order they are read, and the pages they are on. `labels` has what a
    page is called where that is not its number."""

    source: str
    ids: list[str] = field(default_factory=list)
    pages: array[int] = field(default_factory=lambda: array("q"))
    places: array[int] = field(default_factory=lambda: array("q"))
    labels: dict[int, str] = field(default_factory=dict)

    @property
    def paged(self) -> bool:
        """Whether its rows say on which pages they are."""
        return any(page >= 0 for page in self.pages)

    def order(self) -> None:
        """Put the rows in the order they are read: by page and place, and where that is not known as they came."""
        ranked = sorted(range(len(self.ids)), key=lambda at: (self.pages[at], self.places[at]))
        self.ids = [self.ids[at] for at in ranked]
        self.pages = array("q", (self.pages[at] for at in ranked))
        self.places = array("q")


def groups(rows: Iterable[list[tuple[str, Mapping[str, Any]]]], collection: str) -> list[Group]:
    """The documents of a foreign collection, by the metadata of its rows; those that name none are one document, called
    as the collection."""
    found: dict[str, Group] = {}
    from_zero = False
    for some in rows:
        for one, metadata in some:
            source = source_of(metadata) or collection
            group = found.setdefault(source, Group(source))
            page, label = page_of(metadata)
            from_zero = from_zero or (page == 0 and "page" in metadata)
            group.ids.append(one)
            group.pages.append(page)
            group.places.append(place_of(metadata, len(group.places)))
            if label:
                group.labels.setdefault(page, label)
    for group in found.values():
        group.order()
        if from_zero:
            group.pages = array("q", (page + 1 if page >= 0 else page for page in group.pages))
            group.labels = {page + 1: label for page, label in group.labels.items()}
    return list(found.values())


def source_of(metadata: Mapping[str, Any]) -> str:
    """What says of which document a row is; empty if nothing does."""
    for key in SOURCES:
        value = metadata.get(key)
        if isinstance(value, str) and value.strip() not in _NOTHING:
            return value.strip()
    return ""


def page_of(metadata: Mapping[str, Any]) -> tuple[int, str]:
    """The page of a row as its metadata has it, -1 if that says none, and its label if that is another than a number.

    LangChain counts pages from 0 in `page`, LlamaIndex has what is printed in `page_label`.
    """
    label = str(metadata.get("page_label") or "").strip()
    for key in ("page", "page_number"):
        number = _whole(metadata.get(key))
        if number is not None and number >= 0:
            return number, label
    number = _whole(label)
    return (number, "") if number is not None and number >= 0 else (-1, "")


def place_of(metadata: Mapping[str, Any], arrived: int) -> int:
    """What a row's place on its page goes by."""
    for key in _PLACES:
        number = _whole(metadata.get(key))
        if number is not None:
            return number
    number = _whole(node_of(metadata).get("start_char_idx"))
    return arrived if number is None else number


def node_of(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """What LlamaIndex keeps of a row's node; empty if it is none of its."""
    kept = metadata.get("_node_content")
    if not isinstance(kept, str):
        return {}
    try:
        found = json.loads(kept)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def title_of(metadata: Mapping[str, Any]) -> str:
    """The document's own title."""
    return _first_text(metadata, _TITLES)[:LONGEST_TITLE]


def date_of(metadata: Mapping[str, Any]) -> int:
    """The document's own date as yyyymmdd; 0 if it has none."""
    for key in _DATES:
        if found := _DATE.match(str(metadata.get(key) or "")):
            return int("".join(found.groups()))
    return 0


def tags_of(metadata: Mapping[str, Any]) -> list[str]:
    """Words that it was sorted by."""
    given = metadata.get("tags", metadata.get("tag"))
    values = given if isinstance(given, list) else str(given).split(",") if isinstance(given, str) else []
    tags = (" ".join(str(one).split()) for one in values)
    return list(dict.fromkeys(one for one in tags if one and len(one) <= LONGEST_TAG and one.isprintable()))


def heading_of(metadata: Mapping[str, Any]) -> str:
    """The path of headings above a row."""
    levels = {int(found[1]): str(value) for key, value in metadata.items() if (found := _HEADERS.fullmatch(key))}
    path = " > ".join(" ".join(levels[one].split()) for one in sorted(levels))
    return path or _first_text(metadata, _HEADINGS)


def name_of(source: str) -> str:
    """What a document is called: its file's name. What is kept of it is its text, and its name says so."""
    last = re.split(r"[\\/]", source.rstrip("\\/"))[-1]
    shown = "".join(one if one.isprintable() else " " for one in last)
    return f"{' '.join(shown.split())[:LONGEST_NAME] or 'document'}.txt"


def _first_text(metadata: Mapping[str, Any], keys: Iterable[str]) -> str:
    texts = (metadata.get(key) for key in keys)
    return next((" ".join(one.split()) for one in texts if isinstance(one, str) and one.strip()), "")


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 1 << 40 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1 << 40 else None
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip(), re.ASCII) else None
