"""Whether a backup holds together: everything is looked at before anything is written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from rag.backup.layout import DOCUMENT_ID
from rag.backup.reading import Backup, Part, VectorRows
from rag.catalog import Catalog
from rag.catalog.moving import is_read
from rag.catalog.tables import to_document, to_ocr, to_page
from rag.errors import DamagedError
from rag.records import Far, State, document_of, position_of, unheard

LONGEST_NAME = 1000
"""Characters of a document's name, far more than a file's may have."""
UNIT = 0.01
"""How far from 1 the length of a vector may be."""
SUMS = 0.5
"""The share of the time that reading everything takes."""


class _Row:
    """A row of a table as the catalog's functions take it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def check(backup: Backup, catalog: Catalog, far: Far = unheard) -> None:
    """Raises DamagedError, naming what is wrong, unless all of it is as `export` writes it."""
    backup.check_sums(lambda done, what: far(SUMS * done, what))
    backup.check_tables(catalog.needed)
    whole = max(1, backup.manifest.documents)
    seen: set[str] = set()
    for done, part in enumerate(backup.parts()):
        far(SUMS + (1 - SUMS) * done / whole, "checking")
        try:
            _check_document(backup, part, seen)
        except DamagedError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise backup.damaged("what it says of a document cannot be read") from error
    _check_files(backup, seen)
    _check_versions(backup)


def _require(backup: Backup, holds: bool, why: str) -> None:
    if not holds:
        raise backup.damaged(why)


def _check_document(backup: Backup, part: Part, seen: set[str]) -> None:
    row, rows = part.row, part.rows
    document = to_document({**row, "collection": backup.manifest.name})  # type: ignore[arg-type]  # it has all it needs
    _require(backup, bool(DOCUMENT_ID.fullmatch(document.id)), "a document in it has no proper id")
    _require(backup, document.id not in seen, "a document is in it twice")
    seen.add(document.id)
    named = 0 < len(document.name) <= LONGEST_NAME and "\x00" not in document.name
    _require(
        backup, named and all(isinstance(tag, str) for tag in document.tags), "a document in it has no proper name"
    )
    _require(backup, document.added_at.tzinfo is not None, "a document in it was added at no time")
    _require(backup, document.state not in (State.DELETING, State.INDEXING), "a document in it is half deleted or read")
    numbers = (document.seconds, document.ocr_confidence, *document.timings.values())
    _require(backup, all(math.isfinite(one) for one in numbers), "a document in it has no proper numbers")
    kept = backup.has(f"originals/{document.id}") != (document.id in backup.manifest.without_original)
    _require(backup, kept, "the file of a document is missing")
    for one in rows["ocr"]:
        to_ocr(_Row(one))  # type: ignore[arg-type]  # it has all it needs
    if is_read(row):
        _check_text(backup, part, document.chunks)
    else:
        others = [name for name, some in rows.items() if some and name != "ocr"]
        _require(backup, not others and next(part.vectors, None) is None, "a document in it was not read, and has text")


def _check_text(backup: Backup, part: Part, count: int) -> None:
    rows, document_id = part.rows, part.row["id"]
    _require(backup, len(rows["texts"]) == 1, "the text of a document is missing")
    text = rows["texts"][0]["text"]
    pages: dict[int, dict[str, Any]] = {}
    for one in rows["pages"]:
        page = to_page(_Row(one))  # type: ignore[arg-type]  # it has all it needs
        pairs = all(isinstance(each, int) for pair in page.char_map for each in pair)
        there = 0 <= one["start"] <= one["end"] <= len(text) and text[one["start"] : one["end"]] == one["text"]
        _require(backup, there and pairs and page.number not in pages, "a page in it is not what its text says")
        pages[page.number] = one
    chunks = rows["chunks"]
    _require(backup, len(chunks) == count, "passages of a document are missing")
    for position, one in enumerate(chunks):
        on = pages.get(one["page"])
        own = document_of(one["id"]) == document_id and position_of(one["id"]) == position == one["position"]
        inside = on is not None and on["start"] <= one["start"] <= one["end"] <= on["end"]
        _require(backup, own and inside, "a passage in it does not lie where it says")
    ids = {one["id"] for one in chunks}
    for one in rows["headings"]:
        _require(backup, 0 <= one["start"] <= len(text), "a heading in it lies outside its text")
    for one in rows["overlays"]:
        proper = one["chunk_id"] in ids and 0 <= one["start"] <= one["end"] <= len(text)
        _require(backup, proper, "a corrected passage in it is none of its document's")
    changed = {one["chunk_id"] for one in rows["overlays"] if one["state"]}
    _check_vectors(backup, part, ids, changed)


def _check_vectors(backup: Backup, part: Part, ids: Set[str], changed: Set[str]) -> None:
    left = set(ids)
    for some in part.vectors:
        _require(
            backup, left.issuperset(some.ids) and len(set(some.ids)) == len(some.ids), "it has vectors of no passage"
        )
        left.difference_update(some.ids)
        _check_numbers(backup, some)
    needed = bool(backup.manifest.recipe.model) and part.row["state"] != State.SEARCHABLE
    complete = not needed or left <= changed
    _require(backup, complete, "the vectors of a document are missing")


def _check_numbers(backup: Backup, some: VectorRows) -> None:
    dimension = backup.manifest.fingerprint.get("dimension", "")
    _require(backup, str(some.vectors.shape[1]) == dimension, f"its vectors have not the dimension {dimension}")
    lengths = np.linalg.norm(some.vectors, axis=1)
    fine = np.isfinite(lengths).all() and (np.abs(lengths[lengths > 0] - 1) < UNIT).all()
    _require(backup, bool(fine), "it has vectors that are not finite, or not of length 1")


def _check_files(backup: Backup, seen: Set[str]) -> None:
    kept = {name.partition("/")[2] for name in backup.manifest.entries if not name.startswith("tables/")}
    _require(backup, kept <= seen and set(backup.manifest.without_original) <= seen, "it has files of no document")


def _check_versions(backup: Backup) -> None:
    seen: set[str] = set()
    for rows in backup.batches("versions"):
        for one in rows:
            proper = bool(DOCUMENT_ID.fullmatch(one["document_id"])) and one["document_id"] not in seen
            _require(backup, proper, "what it says of replaced documents cannot be read")
            seen.add(one["document_id"])
            json.dumps(one)
