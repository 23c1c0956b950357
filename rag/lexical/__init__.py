"""The lexical index: which chunks have a question's words, ranked by BM25, one tantivy index per collection.

Derived from the catalog and rebuilt from it. Safe to use from threads: many search while one writes, and a search
sees a document as it was before a write or after it. Who may write is decided by the folder's owner; any process
may read, and sees what was committed at its next search.
"""

from __future__ import annotations

import math
import shutil
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tantivy

from rag.errors import FolderInUseError, RagError, StorageError, StoreDamagedError
from rag.lexical.naming import FRONT_CHARS, FRONT_WEIGHT, name_terms, plain_periods, title_terms
from rag.lexical.words import (
    ENGLISH,
    NAMING,
    VERSION,
    chunks_query,
    content_terms,
    document_row,
    naming_query,
    prepared,
    question_query,
    row,
    schema,
    terms,
)
from rag.records import Chunk, Document, document_label

__all__ = ["Lexical"]

_VERSION_FILE = "version"
_META = "meta.json"
FRONT_CHUNKS = 5
_HEAP = 15_000_000  # bytes; the least that tantivy takes


@dataclass(frozen=True, slots=True)
class _Reader:
    index: tantivy.Index
    stamp: tuple[int, ...]
    searcher: tantivy.Searcher


class Lexical:
    """The lexical indexes under one folder, a subfolder for each physical collection name; words are those of
    `language`.

    Every method raises StoreDamagedError where an index is damaged, from another version or for another language,
    except `drop`.
    """

    def __init__(self, folder: Path, language: str = ENGLISH) -> None:
        self._folder = folder
        self._language = language
        self._version = f"{VERSION} {language}"
        self._writing = threading.Lock()
        self._opening = threading.Lock()
        self._readers: dict[str, _Reader] = {}

    # -- writing -----------------------------------------------------------------------------------

    def replace(self, name: str, document: Document, chunks: Iterable[Chunk]) -> None:
        """Make `chunks` the document's chunks, whatever it had, in one commit. Doing it twice changes nothing.

        Raises StorageError if it cannot be written, and what going through `chunks` raises; then the document is as it
        was.
        """
        front: list[str] = []
        label = f"{document_label(document.name, document.title)} {document.name}"
        with self._writer(name) as writer:
            writer.delete_documents_by_term("document", document.id)
            for chunk in chunks:
                writer.add_document(row(document, chunk))
                front += [chunk.text] if len(front) < FRONT_CHUNKS else []
            if front:
                writer.add_document(
                    document_row(document.id, plain_periods(label), plain_periods(" ".join(front)[:FRONT_CHARS]))
                )

    def remove(self, name: str, document_ids: Sequence[str]) -> None:
        """Take the documents out, in one commit. No error for those that are not there."""
        if self._reader(name) is None:
            return
        with self._writer(name) as writer:
            for document_id in document_ids:
                writer.delete_documents_by_term("document", document_id)

    def drop(self, name: str) -> None:
        """Delete the index, damaged or not; no error if there is none."""
        with self._writing, self._opening:
            self._readers.pop(name, None)
            try:
                shutil.rmtree(self._folder / name)
            except FileNotFoundError:
                return
            except OSError as error:
                raise _inaccessible(name, error) from error

    def close(self) -> None:
        """Let go of the files. What is searched afterwards is opened again."""
        with self._opening:
            self._readers.clear()

    # -- words -------------------------------------------------------------------------------------

    def terms(self, text: str) -> list[str]:
        """The different words of a text as the index knows them, in the order they come."""
        return terms(text, self._language)

    def content_terms(self, text: str) -> list[str]:
        """As `terms`, without words that say nothing, unless there are no others."""
        return content_terms(text, self._language)

    def sharing(self, name: str, question: str) -> Callable[[str], float]:
        """What tells how much a text has of a question's words: the sum of their rarity."""
        telling = self.rarity(name, self.content_terms(question))
        return lambda text: sum(telling.get(term, 0.0) for term in self.terms(text))

    # -- reading -----------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The collections that have an index, damaged ones included, sorted."""
        return sorted(one.name for one in self._folder.glob("*") if one.is_dir())

    def size(self, name: str) -> int:
        """Chunks in the index; 0 if there is none."""
        return len(self.chunk_ids(name))

    def chunk_ids(self, name: str, document_id: str | None = None) -> set[str]:
        """Ids of the chunks that are there, of all documents or of one."""
        query = chunks_query(None if document_id is None else [document_id])
        return {chunk_id for chunk_id, _ in self._found(name, query)}

    def search(
        self, name: str, question: str, n: int, documents: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The `n` chunks that match best as (chunk id, BM25 score above 0), best first; of `documents` only, if given.

        Any question at all: one without words, or an index that is not there, finds nothing.
        """
        query = question_query(question, documents, self._language)
        return self._found(name, query, n) if query is not None and n > 0 else []

    def rarity(self, name: str, words: Collection[str], fields: Sequence[str] = ("text",)) -> dict[str, float]:
        """How much terms tell (BM25's idf, 0 and more): of chunks' text, or of documents' own rows with NAMING."""
        reader = self._reader(name)
        if reader is None:
            return {}
        with _damage_in_words(name):
            kind = "chunk" if "text" in fields else "document"
            total = reader.searcher.doc_freq("kind", kind)
            often = {one: max(reader.searcher.doc_freq(field, one) for field in fields) for one in words}
        return {one: math.log(1 + (total - n + 0.5) / (n + 0.5)) for one, n in often.items() if n <= total}

    def named(
        self, name: str, question: str, n: int, documents: Collection[str] | None = None
    ) -> list[tuple[str, float, float]]:
        """The `n` documents that a question names most, as (document id, score above 0, coverage), of `documents` only,
        if given. Coverage: which share in [0, 1] of what looks like a name in the question, by rarity, is its."""
        names, words = (find(question, self._language) for find in (name_terms, title_terms))
        telling = self.rarity(name, {*names, *words}, NAMING)
        wanted = {
            one: {"label": value, **({"front": value * FRONT_WEIGHT} if one in names else {})}
            for one, value in telling.items()
        }
        found = self._found(name, naming_query(wanted, documents), n, "document")
        whole = sum(telling.get(one, 0.0) for one in names)
        return [
            (document, score, self._coverage(name, document, names, telling) / (whole or 1.0))
            for document, score in found
        ]

    def _coverage(self, name: str, document: str, names: Sequence[str], telling: Mapping[str, float]) -> float:
        wanted = {one: dict.fromkeys(NAMING, telling[one]) for one in names if one in telling}
        return sum(score for _, score in self._found(name, naming_query(wanted, [document]), 1, "document"))

    def _found(
        self, name: str, query: tantivy.Query | None, n: int | None = None, field: str = "chunk"
    ) -> list[tuple[str, float]]:
        reader = self._reader(name)
        if query is None or reader is None or not reader.searcher.num_docs:  # tantivy panics when asked for none
            return []
        searcher = reader.searcher
        with _damage_in_words(name):
            hits = searcher.search(query, min(n or searcher.num_docs, searcher.num_docs), count=False).hits
            found = [(str(searcher.doc(address).get_first(field)), float(score)) for score, address in hits]
        return sorted(found, key=lambda one: (-one[1], one[0]))

    # -- opening -----------------------------------------------------------------------------------

    def _reader(self, name: str) -> _Reader | None:
        """The index as last committed, by whichever process; None if nothing was ever written."""
        stamp = self._stamp(name)
        reader = self._readers.get(name)
        if stamp is None or (reader and reader.stamp == stamp):
            return reader if stamp else None
        with self._opening, _damage_in_words(name):
            stamp, reader = self._stamp(name), self._readers.get(name)
            if stamp is None:
                return None
            index = reader.index if reader else self._open(name)
            index.reload()
            self._readers[name] = _Reader(index, stamp, index.searcher())
            return self._readers[name]

    def _stamp(self, name: str) -> tuple[int, ...] | None:
        # Each commit puts a new file in the place of the last: a look at it is cheaper than asking tantivy.
        try:
            meta = (self._folder / name / _META).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _inaccessible(name, error) from error
        return meta.st_mtime_ns, meta.st_ino, meta.st_size

    def _open(self, name: str) -> tantivy.Index:
        folder = self._folder / name
        version = folder / _VERSION_FILE
        if not version.exists() or version.read_text(encoding="utf-8") != self._version:
            raise StoreDamagedError(
                f"The word index of {name!r} was made by another version, or for another RAG_LANGUAGE. Nothing is "
                "lost: `python -m rag check --repair` makes it anew."
            )
        return prepared(tantivy.Index.open(str(folder)), self._language)

    def _create(self, name: str) -> tantivy.Index:
        folder = self._folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # First, so that a kill in between leaves an index that was never begun.
            (folder / _VERSION_FILE).write_text(self._version, encoding="utf-8")
            return prepared(tantivy.Index(schema(), str(folder)), self._language)
        except (OSError, ValueError) as error:
            raise _inaccessible(name, error) from error

    @contextmanager
    def _writer(self, name: str) -> Iterator[tantivy.IndexWriter]:
        """A writer whose work is committed at the end, or dropped if anything fails; then merged, then closed."""
        with self._writing:
            reader = self._reader(name)
            index = reader.index if reader else self._create(name)
            with _damage_in_words(name):
                try:
                    writer = index.writer(_HEAP, num_threads=1)
                except ValueError as error:
                    raise _inaccessible(name, error) from error
                try:
                    yield writer
                    writer.commit()
                except ValueError as error:
                    raise _inaccessible(name, error) from error
                finally:
                    writer.wait_merging_threads()


@contextmanager
def _damage_in_words(name: str) -> Iterator[None]:
    """Errors and panics of tantivy are damage; a panic is no `Exception` and has no importable name."""
    try:
        yield
    except RagError:
        raise
    except BaseException as error:
        if not isinstance(error, ValueError | OSError) and type(error).__name__ != "PanicException":
            raise
        raise StoreDamagedError(
            f"The word index of {name!r} is damaged, probably by a crash. Nothing is lost: `python -m rag check "
            "--repair` makes it anew."
        ) from error


def _inaccessible(name: str, error: Exception) -> StorageError:
    if "LockBusy" in str(error):
        return FolderInUseError(f"Another process is writing the word index of {name!r}. Try again when it is done.")
    why = " ".join(str(error).split())[:200]
    return StorageError(
        f"The word index of {name!r} cannot be opened or written ({why}). Make room or make the data folder "
        "writable, then try again; if it stays so, run `python -m rag check --repair`."
    )
