"""The ways to reach Chroma: in memory, a folder of ours, a server, Chroma Cloud."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from rag.errors import FolderError, StoreDamagedError, StoreUnavailableError
from rag.settings import Settings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

DIRTY = "in-use"
"""The file in Chroma's folder that is there while somebody has it open, and after a crash."""

_PROBE = "import sys; from rag.store.connect import probe; probe(sys.argv[1])"
_PROBE_SECONDS = 600


def connect(settings: Settings, folder: Path) -> ClientAPI:
    """Open Chroma; raises StoreUnavailableError, StoreDamagedError. Not safe to run twice at once."""
    openers: dict[str, Callable[[], ClientAPI]] = {
        "memory": _ephemeral,
        "persistent": lambda: _owned(folder),
        "server": lambda: open_server(settings),
        "cloud": lambda: _cloud(settings),
    }
    return openers[settings.chroma_mode]()


def probe(folder: str) -> None:
    """Open every collection of a folder and search it once; a damaged index ends the process."""
    client = open_folder(Path(folder))
    for collection in client.list_collections():
        some = client.get_collection(collection.name, embedding_function=None)
        first = some.get(limit=1, include=["embeddings"])["embeddings"]
        if first is not None and len(first):
            some.query(query_embeddings=first, n_results=5, include=["distances"])
    client.close()  # type: ignore[attr-defined]  # ClientAPI does not name what every client has


def disconnect(client: ClientAPI) -> None:
    """Close a client and the connections that a server's client would leave open."""
    sessions = _sessions(client)
    client.close()  # type: ignore[attr-defined]  # ClientAPI does not name what every client has
    for session in sessions:
        session.close()


def _sessions(client: Any) -> list[httpx.Client]:
    """The HTTP sessions of a server's client: its own and that of the administrator inside it; else none."""
    servers = (client._server, client._admin_client._server)
    return [server._session for server in servers if hasattr(server, "_session")]


def _chroma_settings() -> Any:
    from chromadb.config import Settings as ChromaSettings

    return ChromaSettings(anonymized_telemetry=False)


def _ephemeral() -> ClientAPI:
    import chromadb
    from chromadb.api.client import AdminClient

    # Ephemeral clients of one process share their data unless they differ in the database.
    settings = _chroma_settings()
    client = chromadb.EphemeralClient(settings=settings)
    admin = AdminClient.from_system(client._system)  # type: ignore[attr-defined]
    database = f"memory-{uuid.uuid4().hex}"
    admin.create_database(database)
    client.set_database(database)
    return client


def open_folder(folder: Path) -> ClientAPI:
    """Chroma on a folder that nobody else has open."""
    import chromadb

    return chromadb.PersistentClient(str(folder), settings=_chroma_settings())


def _owned(folder: Path) -> ClientAPI:
    dirty = folder / DIRTY
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if dirty.exists():  # the last owner did not close
            examine(folder)
        dirty.touch()
    except OSError as error:
        raise FolderError(
            f"The index in {folder} cannot be written ({error.strerror}). Make the data folder writable, or choose "
            "another with RAG_DATA_DIR."
        ) from error
    return open_folder(folder)


def examine(folder: Path) -> None:
    """Raises StoreDamagedError if a folder cannot be opened: torn index files can end the process that opens them, so
    another opens first."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", _PROBE, str(folder)]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, timeout=_PROBE_SECONDS, check=False)  # noqa: S603
        damaged = done.returncode != 0
    except subprocess.TimeoutExpired:
        damaged = True
    if damaged:
        raise StoreDamagedError(
            f"The index in {folder} is damaged, probably by a crash. Nothing is lost: `python -m rag rebuild` makes it "
            "anew from the documents that are kept."
        )


def open_server(settings: Settings) -> ClientAPI:
    """Chroma on a server. Raises StoreUnavailableError if it does not answer in time."""
    import chromadb

    scheme = "https" if settings.chroma_ssl else "http"
    address = f"{scheme}://{settings.chroma_host}:{settings.chroma_port}/api/v2/heartbeat"
    try:  # Chroma's own client would wait for ever
        httpx.get(address, headers=settings.chroma_headers, timeout=settings.chroma_timeout).raise_for_status()
        client = chromadb.HttpClient(
            host=settings.chroma_host,
            port=settings.chroma_port,
            ssl=settings.chroma_ssl,
            headers=dict(settings.chroma_headers),  # Chroma adds to it
            settings=_chroma_settings(),
            tenant=settings.chroma_tenant,
            database=settings.chroma_database,
        )
    except (httpx.HTTPError, ValueError) as error:
        raise unreachable(settings, error) from error
    return _with_deadline(client, settings)


def _cloud(settings: Settings) -> ClientAPI:
    import chromadb
    from chromadb.errors import ChromaError

    key = settings.chroma_api_key.get_secret_value()
    if not key:
        raise StoreUnavailableError("Chroma Cloud needs a key: set RAG_CHROMA_API_KEY, or another RAG_CHROMA_MODE.")
    try:
        client = chromadb.CloudClient(settings.chroma_tenant, settings.chroma_database, key, _chroma_settings())
    except (ChromaError, ValueError) as error:
        raise unreachable(settings, error) from error
    return _with_deadline(client, settings)


def _with_deadline(client: ClientAPI, settings: Settings) -> ClientAPI:
    for session in _sessions(client):
        session.timeout = httpx.Timeout(settings.chroma_timeout)
    return client


def unreachable(settings: Settings, error: Exception) -> StoreUnavailableError:
    where = "Chroma Cloud" if settings.chroma_mode == "cloud" else f"{settings.chroma_host}:{settings.chroma_port}"
    return StoreUnavailableError(
        f"The Chroma server at {where} does not answer ({error or type(error).__name__}). Start it with `chroma run`, "
        "or check RAG_CHROMA_HOST, RAG_CHROMA_PORT and RAG_CHROMA_SSL."
    )
