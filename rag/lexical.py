"""The lexical index: which chunks have a question's words, ranked by BM25, one tantivy index per collection.

Derived from the catalog and rebuilt from it. Safe to use from threads: many search while one writes, and a search
sees a document as it was before a write or after it. Who may write is decided by the folder's owner; any process
may read, and sees what was committed at its next search.
"""

from __future__ import annotations

import re
import shutil
import threading
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tantivy

from rag.errors import FolderInUseError, RagError, StorageError, StoreDamagedError
from rag.records import Chunk, Document

VERSION = "1"
"""Of the fields and the analyzer together: raise it when either changes, and older indexes ask to be rebuilt."""
BOOSTS = {"text": 1.0, "heading": 0.3, "title": 0.2}
"""What a word counts in the chunk's text, in the headings above it, and in its document's title and file name."""
MAX_TERMS = 128
"""Different words of a question that are searched for, the first ones: a pasted page must not take seconds."""

_VERSION_FILE = "version"
_META = "meta.json"
_HEAP = 15_000_000  # bytes; the least that tantivy takes

# Scripts that put no spaces between words: every character is a term.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
_WORD = rf"[[\p{{L}}\p{{Nd}}]--[{_UNSPACED}]]+"
# 3.5, 1.01, 10K, 2023Q2; one character of an unspaced script; growth, FY2018, AT&T, company's
_TOKEN = rf"\p{{Nd}}+(?:\.\p{{Nd}}+)*[\p{{L}}\p{{Nd}}]*|[{_UNSPACED}]|{_WORD}(?:[&'’]{_WORD})*"
_MAX_TOKEN_BYTES = 64

# What is written in two ways becomes one: 1,577 and 1577, 10-K and 10K, S-1 and S1, U.S. and US.
_JOINT = re.compile(
    r"[,.\-\u2010\u2011](?:(?<=\d,)(?=\d{3}(?!\d))"
    r"|(?<=\d[-\u2010\u2011])(?=[a-z]\b)|(?<=\b[a-z][-\u2010\u2011])(?=\d)|(?<=\b[a-z]\.)(?=[a-z]\b))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Reader:
    index: tantivy.Index
    stamp: tuple[int, ...]
    searcher: tantivy.Searcher


class Lexical:
    """The lexical indexes under one folder, a subfolder for each physical collection name.

    Every method raises StoreDamagedError where an index is damaged or from another version, except `drop`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = threading.Lock()
        self._opening = threading.Lock()
        self._readers: dict[str, _Reader] = {}

    # -- writing -----------------------------------------------------------------------------------

    def replace(self, name: str, document: Document, chunks: Iterable[Chunk]) -> None:
        """Make `chunks` the document's chunks, whatever it had, in one commit. Doing it twice changes nothing.

        Raises StorageError if it cannot be written; then the document is as it was.
        """
        rows = [_row(document, chunk) for chunk in chunks]
        with self._writer(name) as writer:
            writer.delete_documents_by_term("document", document.id)
            for row in rows:
                writer.add_document(row)

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
                raise _unwritable(name, error) from error

    def close(self) -> None:
        """Let go of the files. What is searched afterwards is opened again."""
        with self._opening:
            self._readers.clear()

    # -- reading -----------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The collections that have an index, damaged ones included, sorted."""
        return sorted(one.name for one in self._folder.iterdir()) if self._folder.exists() else []

    def size(self, name: str) -> int:
        """Chunks in the index; 0 if there is none."""
        reader = self._reader(name)
        return reader.searcher.num_docs if reader else 0

    def chunk_ids(self, name: str, document_id: str | None = None) -> set[str]:
        """Ids of the chunks that are there, of all documents or of one."""
        query = tantivy.Query.all_query() if document_id is None else _among([document_id])
        return {chunk_id for chunk_id, _ in self._found(name, query)}

    def search(
        self, name: str, question: str, n: int, documents: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """The `n` chunks that match best as (chunk id, BM25 score above 0), best first; of `documents` only, if given.

        Any question at all: one without words, or an index that is not there, finds nothing.
        """
        words = terms(question)[:MAX_TERMS]
        if not words or n < 1 or (documents is not None and not documents):
            return []
        query = _any_of(words)
        if documents is not None:
            query = _both(query, tantivy.Query.const_score_query(_among(documents), 0.0))
        return self._found(name, query, n)

    def _found(self, name: str, query: tantivy.Query, n: int | None = None) -> list[tuple[str, float]]:
        reader = self._reader(name)
        if reader is None or not reader.searcher.num_docs:  # tantivy ends in a panic when asked for none
            return []
        searcher = reader.searcher
        with _damage_in_words(name):
            hits = searcher.search(query, min(n or searcher.num_docs, searcher.num_docs), count=False).hits
            found = [(str(searcher.doc(address).get_first("chunk")), float(score)) for score, address in hits]
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
        except FileNotFoundError:
            return None
        return meta.st_mtime_ns, meta.st_ino, meta.st_size

    def _open(self, name: str) -> tantivy.Index:
        folder = self._folder / name
        version = folder / _VERSION_FILE
        if not version.exists() or version.read_text(encoding="utf-8") != VERSION:
            raise StoreDamagedError(
                f"The word index of {name!r} was made by another version. Nothing is lost: `python -m rag check "
                "--repair` makes it anew."
            )
        return _prepared(tantivy.Index.open(str(folder)))

    def _create(self, name: str) -> tantivy.Index:
        folder = self._folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # First, so that a kill in between leaves an index that was never begun.
            (folder / _VERSION_FILE).write_text(VERSION, encoding="utf-8")
            return _prepared(tantivy.Index(_schema(), str(folder)))
        except (OSError, ValueError) as error:
            raise _unwritable(name, error) from error

    @contextmanager
    def _writer(self, name: str) -> Iterator[tantivy.IndexWriter]:
        """A writer whose work is committed at the end, or dropped if anything fails; then merged, then closed."""
        with self._writing:
            reader = self._reader(name)
            index = reader.index if reader else self._create(name)
            try:
                writer = index.writer(_HEAP, num_threads=1)
            except ValueError as error:
                raise _unwritable(name, error) from error
            try:
                yield writer
                writer.commit()
            except ValueError as error:
                raise _unwritable(name, error) from error
            finally:
                writer.wait_merging_threads()


def terms(text: str) -> list[str]:
    """The different words of a text as the index knows them, in the order they come."""
    return list(dict.fromkeys(_analyzer().analyze(_plain(text))))


def _plain(text: str) -> str:
    return _JOINT.sub("", unicodedata.normalize("NFC", text))


def _row(document: Document, chunk: Chunk) -> tantivy.Document:
    return tantivy.Document(
        chunk=chunk.id,
        document=document.id,
        text=_plain(chunk.text),
        heading=_plain(chunk.heading),
        title=_plain(f"{document.title} {document.name}"),
    )


@cache
def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("chunk", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("document", tokenizer_name="raw", index_option="basic")
    for field in BOOSTS:
        builder.add_text_field(field, tokenizer_name="words", index_option="freq")
    return builder.build()


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    filters = tantivy.Filter
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_TOKEN))
        .filter(filters.remove_long(_MAX_TOKEN_BYTES))
        .filter(filters.lowercase())
        .filter(filters.ascii_fold())
        .filter(filters.stemmer("english"))
        .build()
    )


def _prepared(index: tantivy.Index) -> tantivy.Index:
    index.register_tokenizer("words", _analyzer())
    index.config_reader("manual")  # else a thread looks at the folder twice a second
    return index


def _any_of(words: Sequence[str]) -> tantivy.Query:
    """Built from terms: tantivy's query language has operators, and refuses many an ordinary question."""
    query = tantivy.Query
    return query.boolean_query(
        [
            (tantivy.Occur.Should, query.boost_query(query.term_query(_schema(), field, word, "freq"), boost))
            for word in words
            for field, boost in BOOSTS.items()
        ]
    )


def _among(documents: Collection[str]) -> tantivy.Query:
    return tantivy.Query.term_set_query(_schema(), "document", list(documents))


def _both(one: tantivy.Query, other: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, one), (tantivy.Occur.Must, other)])


@contextmanager
def _damage_in_words(name: str) -> Iterator[None]:
    """tantivy's errors and panics while reading are damage; a panic is no `Exception` and has no importable name."""
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


def _unwritable(name: str, error: Exception) -> StorageError:
    if "LockBusy" in str(error):
        return FolderInUseError(f"Another process is writing the word index of {name!r}. Try again when it is done.")
    why = " ".join(str(error).split())[:200]
    return StorageError(
        f"The word index of {name!r} cannot be written ({why}). Make room or make the data folder writable, then try "
        "again; if it stays so, run `python -m rag check --repair`."
    )
