"""Looking through the passages of a workspace: in order, by words, by patterns, by what they are like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rag.errors import QuestionError
from rag.filters import Filter, parse_where, to_chroma, to_sql
from rag.recipes import is_known
from rag.records import By, ChunkSearch, Collection, FoundChunks, ListedChunk
from rag.store import similarity
from rag.workspace.patterns import MARKS, matching
from rag.workspace.searching import Searching

MOST = 200
"""Chunks that are found by words, a pattern, a likeness or an id."""
LOOKED_AT = 2000
"""Chunks of a ranking among which those that pass a filter are looked for."""
NEAR = 4000
"""Chunks in scope of up to so many are all compared with a text."""
LONGEST = 20_000
"""Characters of what is looked for."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where is looked: `where` as SQL, and the documents that have passages there, by name, each with how many."""

    collection: Collection
    wanted: ChunkSearch
    clause: Filter | None
    where: tuple[str, Mapping[str, Any]]
    counted: Sequence[tuple[str, int]]

    @property
    def documents(self) -> list[str] | None:
        """Their ids; None where all of the collection is looked through."""
        return [one for one, _ in self.counted] if self.where[0] else None

    @property
    def chunks(self) -> int:
        return sum(count for _, count in self.counted)


class Finding(Searching):
    """Finding chunks to be looked at, which need not answer anything."""

    def find_chunks(self, wanted: ChunkSearch) -> FoundChunks:
        """The chunks that are wanted, `wanted.limit` from `wanted.offset` on, and how many there are.

        By words, patterns, likeness and ids MOST are found. Raises QuestionError for what cannot be looked for,
        FilterError, NotFoundError, StorageError.
        """
        if wanted.by is not By.ORDER and not (wanted.text.strip() and len(wanted.text) <= LONGEST):
            raise QuestionError(f"Type what to look for: between 1 and {LONGEST:,} characters.")
        scope = self._scope_of(wanted)
        if wanted.by is By.ORDER:
            return self._in_order(scope)
        if wanted.by is By.REGEX:
            return self._by_pattern(scope)
        if wanted.by is By.ID:
            ids = self.catalog.ids_from(scope.collection.name, wanted.text.strip(), wanted.which, LOOKED_AT)
            return self._ranked(scope, dict.fromkeys(ids, "Its id begins so"))
        return self._by_words(scope) if wanted.by is By.WORDS else self._like(scope)

    def listed_chunks(self, collection: str, ids: Sequence[str]) -> list[ListedChunk]:
        """Chunks as they are now, in that order; those that are not there any more are left out."""
        return self.catalog.listed_passages(self.collection(collection).name, ids)

    def _scope_of(self, wanted: ChunkSearch) -> _Scope:
        found, clause = self.collection(wanted.collection), parse_where(wanted.where or None)
        names = {one.name for one in self.catalog.shown(found.name).values()} if clause else set()
        text, values, by_page = to_sql(clause, names) if clause else ("", {}, False)
        if wanted.document:
            text = f"{text} AND document = :document" if text else "document = :document"
            values = {**values, "document": wanted.document}
        counted = self.catalog.counted(found.name, wanted.which, (text, values), by_page)
        return _Scope(found, wanted, clause, (text, values), counted)

    def _in_order(self, scope: _Scope) -> FoundChunks:
        """Of as few documents as have what is wanted."""
        wanted, chunks, before = scope.wanted, list[ListedChunk](), 0
        last = wanted.offset + wanted.limit
        for document, count in scope.counted:
            if before + count > wanted.offset and before < last:
                first, end = max(wanted.offset - before, 0), min(last - before, count)
                place = (document, wanted.which, scope.where, first, end - first)
                chunks += self.catalog.read_on(scope.collection.name, *place)
            before += count
        return FoundChunks(tuple(chunks), before)

    def _by_pattern(self, scope: _Scope) -> FoundChunks:
        wanted, documents = scope.wanted, [one for one, _ in scope.counted]
        texts = self.catalog.each_text(scope.collection.name, documents, wanted.which, scope.where)
        found = matching(wanted.text, texts, MOST, wanted.any_case)
        listed = self.catalog.listed_passages(scope.collection.name, self._page(wanted, list(found.marks)))
        why = {one: f"It has “{_shortened(said)}”" for one, said in found.said.items()}
        ids, more = tuple(found.marks), len(found.marks) >= MOST and not found.complete
        return FoundChunks(tuple(listed), len(ids), ids, why, found.marks, found.looked, found.complete, more)

    def _by_words(self, scope: _Scope) -> FoundChunks:
        words, name = self.lexical.content_terms(scope.wanted.text), scope.collection.store_name
        typed = {word: piece for piece in reversed(scope.wanted.text.split()) for word in self.lexical.terms(piece)}
        with self._gate.shared():
            ranked = self.lexical.search(name, scope.wanted.text, LOOKED_AT, scope.documents)
        found = self._ranked(scope, {one: f"score {score:.1f}" for one, score in ranked})
        listed = {one.chunk.id: one.chunk for one in self.listed_chunks(scope.collection.name, found.ids)}
        why, marks = dict(found.why), dict[str, tuple[tuple[int, int], ...]]()
        for one, chunk in listed.items():
            there = set(self.lexical.terms(f"{chunk.title} {chunk.heading} {chunk.text}"))
            missing = [f"“{_shortened(typed.get(word, word))}”" for word in words if word not in there]
            without = f" (not {', '.join(missing)})" if missing else ""
            has = len(words) - len(missing)
            why[one] = f"It has {has} of {len(words)} word{'s' * (len(words) > 1)}{without}, {found.why[one]}"
            marks[one] = tuple(islice(self._where(words, chunk.text), MARKS))
        return FoundChunks(found.chunks, found.total, found.ids, why, marks, more=found.more)

    def _where(self, words: Sequence[str], text: str) -> Iterator[tuple[int, int]]:
        """Where in a text words of the index stand, (start, end)."""
        wanted = set(words)
        for piece in re.finditer(r"\S+", text):
            if wanted.isdisjoint(self.lexical.terms(piece[0])):
                continue
            parts = [one.span() for one in re.finditer(r"\w+", piece[0])]
            telling = [(a, b) for a, b in parts if not wanted.isdisjoint(self.lexical.terms(piece[0][a:b]))]
            for start, end in telling or [(0, len(piece[0]))]:
                yield piece.start() + start, piece.start() + end

    def _like(self, scope: _Scope) -> FoundChunks:
        with self._gate.shared():
            found = self._searchable(scope.collection.name)
            if not is_known(found):
                self.recipes.check(found)  # which says what can be done
            vector, name = self.recipes.embedder_of(found).encode([scope.wanted.text])[0], scope.collection.store_name
            if scope.documents is not None and scope.chunks <= NEAR:
                near = self.store.companion.nearest(name, vector, LOOKED_AT, scope.documents)
                ranked = [(one, similarity(score)) for one, score in near]
            else:
                names = {one.name for one in self.catalog.shown(scope.collection.name).values()}
                where = to_chroma(scope.clause, names) if scope.clause else None
                ranked = self.store.nearest(name, vector, MOST if scope.where[0] == "" else LOOKED_AT, where)
        return self._ranked(scope, {one: f"{score:.0%} alike" for one, score in ranked})

    def _ranked(self, scope: _Scope, why: Mapping[str, str]) -> FoundChunks:
        """What of a ranking is wanted."""
        name, wanted = scope.collection.name, scope.wanted
        listed = self.catalog.listed_passages(name, list(why), scope.where, wanted.which)
        more, listed = len(listed) > MOST or len(why) >= LOOKED_AT, listed[:MOST]
        shown = tuple(listed[wanted.offset : wanted.offset + wanted.limit])
        ids = tuple(one.chunk.id for one in listed)
        return FoundChunks(shown, len(ids), ids, {one: why[one] for one in ids}, more=more)

    def _page(self, wanted: ChunkSearch, ids: Sequence[str]) -> Sequence[str]:
        return ids[wanted.offset : wanted.offset + wanted.limit]


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else f"{flat[:60].rstrip()}…"
