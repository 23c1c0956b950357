"""The catalog's schema, as numbered migrations. Add one; never edit one that has been released."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sql

from rag.errors import FolderError

Migrations = tuple[tuple[str | Callable[[sql.Connection], None], ...], ...]
"""Each is a sequence of statements and of functions that take part in the transaction."""


def page_texts(connection: sql.Connection) -> None:
    """Write beside each page what its document's text has there. A text is read once: SQLite's `substr` would go
    through it from its beginning for each page."""
    for mine in connection.exec_driver_sql("SELECT collection_id, document_id FROM texts").all():
        one = "SELECT text FROM texts WHERE collection_id = ? AND document_id = ?"
        text = connection.exec_driver_sql(one, tuple(mine)).scalar_one()
        pages = connection.exec_driver_sql(
            'SELECT number, start, "end" FROM pages WHERE collection_id = ? AND document_id = ?', tuple(mine)
        )
        rows = [(text[start:end], *mine, number) for number, start, end in pages]
        if rows:
            update = "UPDATE pages SET text = ? WHERE collection_id = ? AND document_id = ? AND number = ?"
            connection.exec_driver_sql(update, rows)


MIGRATIONS: Migrations = (
    (  # 1: collections, documents, their text, pages and chunk spans
        """CREATE TABLE collections (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, store_name TEXT NOT NULL UNIQUE,
            fingerprint TEXT NOT NULL, created_at TEXT NOT NULL)""",
        """CREATE TABLE documents (
            collection_id TEXT NOT NULL REFERENCES collections (id), id TEXT NOT NULL, name TEXT NOT NULL,
            state TEXT NOT NULL, added_at TEXT NOT NULL, title TEXT NOT NULL, media_type TEXT NOT NULL,
            bytes INTEGER NOT NULL, pages INTEGER NOT NULL, chunks INTEGER NOT NULL, date INTEGER NOT NULL,
            tags TEXT NOT NULL, reason TEXT NOT NULL, seconds REAL NOT NULL, stage TEXT NOT NULL,
            done INTEGER NOT NULL, total INTEGER NOT NULL, replaces BOOLEAN NOT NULL DEFAULT 0,
            PRIMARY KEY (collection_id, id))""",
        """CREATE TABLE texts (
            collection_id TEXT NOT NULL, document_id TEXT NOT NULL, text TEXT NOT NULL,
            PRIMARY KEY (collection_id, document_id))""",
        """CREATE TABLE pages (
            collection_id TEXT NOT NULL, document_id TEXT NOT NULL, number INTEGER NOT NULL,
            start INTEGER NOT NULL, "end" INTEGER NOT NULL, label TEXT NOT NULL, char_map TEXT NOT NULL,
            PRIMARY KEY (collection_id, document_id, number))""",
        """CREATE TABLE chunks (
            collection_id TEXT NOT NULL, id TEXT NOT NULL, document_id TEXT NOT NULL, position INTEGER NOT NULL,
            page INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, heading TEXT NOT NULL,
            PRIMARY KEY (collection_id, id))""",
    ),
    (  # 2: which parser read a document; chunks of a document without a scan
        "ALTER TABLE documents ADD COLUMN parser TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX chunks_of_a_document ON chunks (collection_id, document_id, position)",
    ),
    (  # 3: the queue's batches, how documents were read and how long it took, equal chunks, OCR, speeds
        "ALTER TABLE documents ADD COLUMN batch INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE documents ADD COLUMN engines TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE documents ADD COLUMN timings TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE documents ADD COLUMN ocr_pages INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE documents ADD COLUMN ocr_confidence REAL NOT NULL DEFAULT 0",
        "ALTER TABLE pages ADD COLUMN ocr REAL",
        "ALTER TABLE chunks ADD COLUMN digest TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX equal_chunks ON chunks (collection_id, digest)",
        "CREATE INDEX documents_by_state ON documents (state, added_at)",
        """CREATE TABLE ocr (
            document_id TEXT NOT NULL, number INTEGER NOT NULL, engine TEXT NOT NULL, lines TEXT NOT NULL,
            PRIMARY KEY (document_id, engine, number))""",
        "CREATE TABLE speeds (stage TEXT PRIMARY KEY, units REAL NOT NULL, seconds REAL NOT NULL)",
    ),
    (  # 4: which documents were cancelled or wait for a password, and did not fail otherwise
        "ALTER TABLE documents ADD COLUMN failure TEXT NOT NULL DEFAULT ''",
        "UPDATE documents SET failure = 'cancelled' WHERE state = 'failed' AND reason LIKE 'It was cancelled.%'",
        "UPDATE documents SET failure = 'locked' WHERE state = 'failed' AND reason LIKE 'The PDF asks for a password%'",
    ),
    (  # 5: pages that could not be read; until now they were kept as read, without lines. Namesakes without a scan
        "ALTER TABLE documents ADD COLUMN unread_pages INTEGER NOT NULL DEFAULT 0",
        "DELETE FROM ocr WHERE lines = '[]'",
        "CREATE INDEX documents_by_name ON documents (collection_id, name, added_at)",
    ),
    (  # 6: documents that are searched while they are read anew
        "ALTER TABLE documents ADD COLUMN served BOOLEAN NOT NULL DEFAULT 0",
    ),
    (  # 7: the languages that documents are in
        "ALTER TABLE documents ADD COLUMN language TEXT NOT NULL DEFAULT ''",
    ),
    (  # 8: under which headings each part of a text stands
        """CREATE TABLE headings (
            collection_id TEXT NOT NULL, document_id TEXT NOT NULL, start INTEGER NOT NULL, path TEXT NOT NULL,
            PRIMARY KEY (collection_id, document_id, start))""",
    ),
    (  # 9: the text of each page beside it: to cut a passage out of a long document's text reads all that is before it
        "ALTER TABLE pages ADD COLUMN text TEXT NOT NULL DEFAULT ''",
        page_texts,
    ),
    (  # 10: collections with a recipe of their own, shadows, links and renamed ones; deletions that can be undone; what
        # was edited by hand and is not in the indexes yet; documents that are taken from another collection; what
        # documents said before they were replaced; passages that were corrected or put away
        "ALTER TABLE collections ADD COLUMN recipe TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE collections ADD COLUMN shadow_of TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE collections ADD COLUMN linked TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE former_names (name TEXT PRIMARY KEY, collection_id TEXT NOT NULL)",
        "ALTER TABLE documents ADD COLUMN was TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE documents ADD COLUMN deleted_at TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE documents ADD COLUMN edited TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE documents ADD COLUMN stale INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE documents ADD COLUMN relabel BOOLEAN NOT NULL DEFAULT 0",
        "ALTER TABLE documents ADD COLUMN taken_from TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE documents ADD COLUMN moves BOOLEAN NOT NULL DEFAULT 0",
        """CREATE TABLE versions (
            collection_id TEXT NOT NULL, document_id TEXT NOT NULL, name TEXT NOT NULL, replaced_by TEXT NOT NULL,
            added_at TEXT NOT NULL, replaced_at TEXT NOT NULL, bytes INTEGER NOT NULL, pages INTEGER NOT NULL,
            chunks INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (collection_id, document_id))""",
        """CREATE TABLE overlays (
            collection_id TEXT NOT NULL, chunk_id TEXT NOT NULL, document_id TEXT NOT NULL,
            start INTEGER NOT NULL, "end" INTEGER NOT NULL, text TEXT, heading TEXT, state TEXT NOT NULL,
            edited_at TEXT NOT NULL, PRIMARY KEY (collection_id, chunk_id))""",
        "CREATE INDEX overlays_of_a_document ON overlays (collection_id, document_id)",
    ),
)


def version(connection: sql.Connection) -> int:
    """The schema of a file; 0 for a new one."""
    if not sql.inspect(connection).has_table("schema_version"):
        return 0
    return int(connection.exec_driver_sql("SELECT coalesce(max(version), 0) FROM schema_version").scalar_one())


def migrate(connection: sql.Connection, migrations: Migrations) -> None:
    """Bring the file to the newest schema, within the caller's transaction.

    Raises FolderError if it was written by a newer Footnote.
    """
    current, latest = version(connection), len(migrations)
    if current > latest:
        raise FolderError(
            f"This data folder was written by a newer version of Footnote (schema {current}, this one knows {latest}). "
            "Update Footnote, or choose another folder with RAG_DATA_DIR."
        )
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    for number in range(current, latest):
        for step in migrations[number]:
            if callable(step):
                step(connection)
            else:
                connection.exec_driver_sql(step)
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (?)", (number + 1,))
