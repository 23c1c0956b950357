"""How a backup is laid out: the names in the zip, the columns of its tables, the manifest's JSON."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pyarrow as pa

from rag.catalog import KEPT_TABLES, Column, columns_of
from rag.errors import DamagedError
from rag.records import Entry, Linked, Manifest, Recipe

FORMAT = "footnote-collection"
VERSION = 1
MANIFEST = "manifest.json"
VECTORS = "vectors"
TABLES = (*KEPT_TABLES, VECTORS)
LONGEST_MANIFEST = 100_000_000
"""Bytes: of a few hundred thousand documents."""
ORIGINAL = re.compile(r"(originals|unlocked)/([0-9a-f]{32})")
DOCUMENT_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KINDS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def table_entry(table: str) -> str:
    """Where a table is in the zip."""
    return f"tables/{table}.parquet"


def schema_of(table: str) -> pa.Schema:
    """The columns of a table as it is written. Vectors are float32, signs those of the passage's token vectors, eight
    dimensions a byte, `tokens` of them; NULL where the model has none."""
    if table == VECTORS:
        number = pa.field("element", pa.float32(), nullable=False)
        return pa.schema(
            [
                pa.field("document_id", pa.string(), nullable=False),
                pa.field("id", pa.string(), nullable=False),
                pa.field("vector", pa.list_(number), nullable=False),
                pa.field("tokens", pa.int64()),
                pa.field("signs", pa.binary()),
            ]
        )
    return pa.schema([_field(one) for one in columns_of(KEPT_TABLES[table])])


def _field(column: Column) -> pa.Field:
    return pa.field(column.name, _KINDS[column.kind], nullable=column.empty)


def manifest_json(manifest: Manifest) -> bytes:
    """The manifest as it is written."""
    linked = manifest.linked
    return json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "name": manifest.name,
            "made_at": manifest.made_at.isoformat(),
            "created_at": manifest.created_at.isoformat(),
            "footnote": manifest.footnote,
            "schema": manifest.schema,
            "fingerprint": dict(manifest.fingerprint),
            "recipe": {
                "model": manifest.recipe.model,
                "precision": manifest.recipe.precision,
                "chunk_tokens": manifest.recipe.chunk_tokens,
            },
            "linked": {"place": linked.place, "name": linked.name, "read_at": linked.read_at.isoformat()}
            if linked
            else None,
            "counts": dict(manifest.counts),
            "without_original": list(manifest.without_original),
            "left_out": list(manifest.left_out),
            "entries": {name: {"size": one.size, "sha256": one.sha256} for name, one in manifest.entries.items()},
        },
        indent=1,
        ensure_ascii=False,
    ).encode()


def read_manifest(text: bytes, name: str, schema: int, size: int) -> Manifest:
    """The manifest of a backup called `name`, of `size` bytes; `schema` is that of the catalog here.

    Raises DamagedError for what is no backup of ours, or one of a newer Footnote.
    """
    try:
        said = json.loads(text)
        if said["format"] != FORMAT:
            raise KeyError("format")
        if _number(said["version"]) > VERSION or _number(said["schema"]) > schema:
            raise DamagedError(
                f"{name} was written by a newer Footnote ({str(said['footnote'])[:20]}). Update Footnote, then try "
                "again."
            )
        return _manifest(said, size)
    except DamagedError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"{name} is no backup of a collection: its manifest cannot be read.") from error


def _manifest(said: dict[str, Any], size: int) -> Manifest:
    recipe, linked = said["recipe"], said["linked"]
    ids = [_matching(DOCUMENT_ID, one) for one in said["without_original"]]
    return Manifest(
        name=_text(said["name"], 100),
        made_at=_moment(said["made_at"]),
        created_at=_moment(said["created_at"]),
        footnote=_text(said["footnote"], 40),
        schema=_number(said["schema"]),
        fingerprint={_text(one, 40): _text(value, 300) for one, value in said["fingerprint"].items()},
        recipe=Recipe(_text(recipe["model"], 300), _text(recipe["precision"], 10), _number(recipe["chunk_tokens"])),
        counts={_text(one, 40): _number(value) for one, value in said["counts"].items()},
        entries={
            _text(name, 80): Entry(_number(one["size"]), _matching(_SHA256, one["sha256"]))
            for name, one in said["entries"].items()
        },
        linked=Linked(_text(linked["place"], 1000), _text(linked["name"], 600), _moment(linked["read_at"]))
        if linked
        else None,
        without_original=tuple(ids),
        left_out=tuple(_text(one, 1000) for one in said["left_out"]),
        bytes=size,
    )


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise TypeError("a text was expected")
    value.encode()  # a lone surrogate raises ValueError
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 62:
        raise TypeError("a number was expected")
    return value


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(value)
    return value


def _moment(value: Any) -> datetime:
    found = datetime.fromisoformat(_text(value, 60))
    if found.tzinfo is None:
        raise ValueError(value)
    return found
