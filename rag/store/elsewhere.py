"""A Chroma that is not ours: a folder or a server that another program filled. It is read, and never written.

A folder is not opened where it lies: Chroma writes into what it opens, brings it to its own version, and loses vectors
if another process has it open too. So it is copied, and the copy is opened, first in a process of its own.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray

from rag.errors import FolderError, InputError, NotFoundError, RagError, StorageError, StoreDamagedError
from rag.records import Foreign
from rag.settings import Settings
from rag.store.connect import disconnect, examine, open_folder, open_server

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

DATABASE = "chroma.sqlite3"
ROWS = 500
"""Rows read at a time; with long texts and vectors that is some MB."""
_INDEX = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMES_OF_MODELS = ("embedding_model", "embedding_model_name", "model_name")
_PROVIDERS = {"openai": "openai", "cohere": "cohere", "ollama": "ollama", "mistral": "mistralai"}


class ForeignRow(NamedTuple):
    """A row: its text, its flat metadata, its vector, (dimension,), as it was stored."""

    id: str
    text: str
    metadata: Mapping[str, Any]
    vector: NDArray[np.float32]


class Elsewhere:
    """An open Chroma that is not ours. Raises StorageError in words."""

    def __init__(self, client: ClientAPI, place: str) -> None:
        self._client, self._place = client, place

    def collections(self) -> list[Foreign]:
        """What is in it, by name."""
        with self._in_words():
            found = [self._foreign(one) for one in self._client.list_collections()]
        return sorted(found, key=lambda one: one.name)

    def metadata(self, name: str) -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
        """The ids of all rows with their metadata, some at a time, in the order that they were added."""
        offset = 0
        while True:
            with self._in_words():
                some = self._collection(name).get(include=["metadatas"], limit=ROWS, offset=offset)
            ids = some["ids"]
            if not ids:
                return
            yield [(one, data or {}) for one, data in zip(ids, some["metadatas"] or [None] * len(ids), strict=True)]
            offset += len(ids)

    def rows(self, name: str, ids: Sequence[str]) -> Iterator[ForeignRow]:
        """Rows by id, in that order; those that are gone by now are left out. Raises StoreDamagedError if Chroma has
        lost their vectors."""
        for first in range(0, len(ids), ROWS):
            wanted = list(ids[first : first + ROWS])
            with self._in_words():
                some = self._collection(name).get(ids=wanted, include=["documents", "metadatas", "embeddings"])
            there, vectors = some["ids"], some["embeddings"]
            if vectors is None or len(vectors) != len(there):
                raise StoreDamagedError(
                    f"The collection {name!r} in {self._place} has rows without vectors: it is damaged. Repair it with "
                    "the program that filled it."
                )
            texts, metadata = some["documents"] or [None] * len(there), some["metadatas"] or [None] * len(there)
            found = {
                one: ForeignRow(one, text or "", data or {}, np.asarray(vector, np.float32))
                for one, text, data, vector in zip(there, texts, metadata, vectors, strict=True)
            }
            yield from (found[one] for one in wanted if one in found)

    def _collection(self, name: str) -> Any:
        return self._client.get_collection(name, embedding_function=None)

    def _foreign(self, one: Any) -> Foreign:
        settings, metadata = one.configuration_json or {}, one.metadata or {}
        space = next(
            (str(made["space"]) for made in settings.values() if isinstance(made, dict) and "space" in made), ""
        )
        return Foreign(
            one.name, one.count(), str(metadata.get("hnsw:space") or space), _named(settings, metadata), dict(metadata)
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except RagError:
            raise
        except Exception as error:  # Chroma raises its own kinds, and bare Exceptions for what a proxy answers
            why = " ".join(str(error).split())[:200]
            raise StorageError(
                f"{self._place} could not be read ({why or type(error).__name__}). Check that it is a Chroma folder or "
                "server, and that it answers."
            ) from error


def _named(settings: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """The embedding model that a collection names, as the setting `embedding_model` does; empty if none."""
    for key in _NAMES_OF_MODELS:
        if isinstance(metadata.get(key), str):
            return str(metadata[key])
    made = settings.get("embedding_function") or {}
    kind, about = made.get("name", ""), made.get("config") or {}
    model = str(about.get("model_name") or about.get("model") or "")
    if kind == "default":
        return "bundled"
    if kind == "sentence_transformer":
        return model
    return f"{_PROVIDERS[kind]}:{model}" if kind in _PROVIDERS and model else ""


def is_address(place: str) -> bool:
    """Whether a place is a server's address, and not a folder."""
    return place.startswith(("http://", "https://"))


@contextmanager
def elsewhere(place: str, settings: Settings, scratch: Path) -> Iterator[Elsewhere]:
    """Open what is at a place, an address or a folder; a folder's copy goes into `scratch` and is removed again.

    Raises InputError and NotFoundError for what is no Chroma, StoreDamagedError, StorageError, FolderError.
    """
    if is_address(place):
        with _client(_server(place, settings)) as client:
            yield Elsewhere(client, place)
        return
    source = Path(place).expanduser()
    if not source.is_dir():
        raise NotFoundError(f"There is no folder {place}. Check the path, or give the address of a Chroma server.")
    if not (source / DATABASE).is_file():
        raise InputError(
            f"{place} is no folder of Chroma's: it has no {DATABASE}. Give the folder that was the persist directory."
        )
    try:
        _copy(source, scratch)
        try:
            examine(scratch)
        except StoreDamagedError as error:
            raise StoreDamagedError(
                f"{place} cannot be read: it is damaged, or was being written just now, or is from a version of Chroma "
                "that this one does not know. Try again while no other program has it open."
            ) from error
        with _client(open_folder(scratch)) as client:
            yield Elsewhere(client, place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _client(client: ClientAPI) -> Iterator[ClientAPI]:
    try:
        yield client
    finally:
        disconnect(client)


def _server(place: str, settings: Settings) -> ClientAPI:
    try:
        parts = urlsplit(place)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 8000)
    except ValueError:
        host, port = None, 0
    if not host or parts.username:
        raise InputError(f"{place} is no address of a Chroma server. Write it like http://localhost:8000.")
    ours = (host, port) == (settings.chroma_host, settings.chroma_port)
    there = settings.model_copy(
        update={
            "chroma_mode": "server",
            "chroma_host": host,
            "chroma_port": port,
            "chroma_ssl": parts.scheme == "https",
            # What is set for one server is told to no other.
            **(
                {}
                if ours
                else {"chroma_headers": {}, "chroma_tenant": "default_tenant", "chroma_database": "default_database"}
            ),
        }
    )
    try:
        return open_server(there)
    except httpx.HTTPError as error:
        raise StorageError(f"The Chroma server at {place} does not answer ({error}). Start it, or check it.") from error


def _copy(source: Path, target: Path) -> None:
    """Copy Chroma's folder: its database as of one moment, and then its indexes."""
    try:
        target.mkdir(parents=True)
        with (
            closing(sqlite3.connect(f"{(source / DATABASE).resolve().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(target / DATABASE)) as writing,
        ):
            reading.backup(writing, pages=4096)
        for folder in source.iterdir():
            if folder.is_dir() and not folder.is_symlink() and _INDEX.fullmatch(folder.name):
                (target / folder.name).mkdir()
                for file in folder.iterdir():
                    if file.is_file() and not file.is_symlink():
                        shutil.copyfile(file, target / folder.name / file.name)
    except sqlite3.DatabaseError as error:
        raise StoreDamagedError(
            f"{source / DATABASE} cannot be read ({error}): it is damaged, or no database of Chroma's."
        ) from error
    except OSError as error:
        raise FolderError(
            f"{source} could not be copied to be read ({error.strerror}). Free some disk space, or make it readable."
        ) from error
