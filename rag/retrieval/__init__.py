"""Retrieval: a question in, hits out, best first.

Three lists nominate and rank: words (BM25), meaning (dense vectors) and late interaction between the words of question
and passage. A question that names documents gets the lists of those documents as well. The lists are fused by
reciprocal ranks. Which documents may be shown is decided by the catalog's states, not by a filter of the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from rag.embedding import Embedder
from rag.errors import QuestionError
from rag.lexical import Lexical
from rag.records import Chunk, Explanation, Hit, Step, Told, document_of, untold
from rag.retrieval.fusion import USUAL, Tuning, reciprocal_rank_fusion, tuning_of
from rag.retrieval.lists import CANDIDATES, ChunksById, Lists, Vectored
from rag.retrieval.passages import with_passages
from rag.retrieval.scope import Scope
from rag.settings import Settings

__all__ = [
    "PER_PAGE",
    "ChunksById",
    "Lists",
    "Rerank",
    "Retriever",
    "Scope",
    "Tuning",
    "Vectored",
    "Way",
    "checked_question",
    "tuning_of",
    "with_passages",
]

PER_PAGE = 2
"""Hits of one page of a document with several, as long as there are others."""
RERANKED = 20
"""Of the fused list, by a cross-encoder if there is one."""
EXPLAINED = 1000
"""How far down the lists an explanation looks."""


Rerank = Callable[[str, Sequence[str]], Sequence[float]]
"""A question and passages to how well each answers it, in [0, 1]."""


class Way(NamedTuple):
    """How lists are fused, and what ranks the best of them anew (None: nothing)."""

    tuning: Tuning
    rerank: Rerank | None = None


class Retriever:
    """Finds the chunks that answer a question best. Safe to use from threads. Without a `way` it is done as usual: with
    `rerank`, if there is one."""

    def __init__(self, store: Vectored, lexical: Lexical, rerank: Rerank | None = None) -> None:
        self._store = store
        self._lexical = lexical
        self._rerank = rerank

    def search(
        self,
        store_name: str,
        embedder: Embedder,
        scope: Scope,
        question: str,
        k: int,
        chunks_by_id: ChunksById,
        told: Told = untold,
        way: Way | None = None,
    ) -> list[Hit]:
        """The best `k` chunks in scope, by the model that they were embedded with. `question` as `checked_question`
        returns it."""
        return self.best(self.lists(store_name, embedder, scope, question, chunks_by_id), k, told, way)

    def lists(
        self, store_name: str, embedder: Embedder, scope: Scope, question: str, chunks_by_id: ChunksById
    ) -> Lists:
        """What `best` takes, several times if it is to be done in several ways."""
        return Lists(self._store, self._lexical, embedder, store_name, question, scope, chunks_by_id)

    def best(self, lists: Lists, k: int, told: Told = untold, way: Way | None = None) -> list[Hit]:
        """The best `k` chunks for the question of some lists."""
        return _spread(self._ranked(lists, max(CANDIDATES, 2 * k), 2 * k, way, told), k)

    def explain(
        self,
        store_name: str,
        embedder: Embedder,
        scope: Scope,
        question: str,
        k: int,
        chunks: Sequence[Chunk],
        chunks_by_id: ChunksById,
        way: Way | None = None,
    ) -> Explanation:
        """Where the best of some chunks stands in each list, and the step after which it is not among `k` hits."""
        lists = self.lists(store_name, embedder, scope, question, chunks_by_id)
        wanted = {one.id for one in chunks}
        candidates = max(CANDIDATES, 2 * k)
        found = self._ranked(lists, candidates, EXPLAINED, way)
        shown = {hit.chunk.id for hit in _spread(found[: 2 * k], k)}
        for rank, hit in enumerate(found, start=1):
            if hit.chunk.id in wanted:
                below = f"it is number {rank} when the lists are fused, and {k} are shown"
                removed = "" if hit.chunk.id in shown else below
                return Explanation(hit.chunk, hit.ranks, hit.scores, rank, removed)
        deep = self._hits(lists, EXPLAINED, EXPLAINED, self._way(way).tuning)
        best = next((hit for hit in deep if hit.chunk.id in wanted), None)
        if best is None:
            return Explanation(chunks[0], {}, {}, None, f"no list has it among its best {EXPLAINED:,}")
        removed = f"no list has it among its best {candidates}"
        return Explanation(best.chunk, best.ranks, best.scores, None, removed)

    def _way(self, given: Way | None) -> Way:
        return Way(USUAL, self._rerank) if given is None else given

    def _ranked(self, lists: Lists, candidates: int, n: int, given: Way | None, told: Told = untold) -> list[Hit]:
        """The best `n`; the first of them in the order of the cross-encoder, whose score is then theirs."""
        way = self._way(given)
        if way.rerank is None:
            return self._hits(lists, candidates, n, way.tuning, told)
        hits = self._hits(lists, candidates, max(n, RERANKED), way.tuning, told)
        first, rest = hits[:RERANKED], hits[RERANKED:]
        told(Step.RERANK)
        scores = way.rerank(lists.text, [hit.chunk.embedded for hit in first])
        told(Step.RETRIEVE)
        read = [replace(hit, score=round(score, 6)) for hit, score in zip(first, scores, strict=True)]
        read.sort(key=lambda hit: -hit.score)
        read = [
            replace(hit, ranks={**hit.ranks, "reread": rank}, scores={**hit.scores, "reread": hit.score})
            for rank, hit in enumerate(read, start=1)
        ]
        least = read[-1].score if read else 1.0
        return [*read, *(replace(hit, score=round(hit.score * least, 6)) for hit in rest)][:n]

    def _hits(self, lists: Lists, candidates: int, n: int, tuning: Tuning, told: Told = untold) -> list[Hit]:
        ranked = lists.ranked(tuning, candidates, told)
        told(Step.FUSE)
        rankings = ranked.rankings
        fused = reciprocal_rank_fusion({name: [one for one, _ in found] for name, found in rankings.items()}, tuning)
        fused = fused[:n]
        chunks, names = lists.chunks_by_id([one for one, _ in fused]), lists.names
        cosines = lists.cosines(ranked, [one for one, _ in fused])
        hits = []
        for one, score in fused:
            if one in chunks:  # else it has been removed meanwhile
                ranks, scores = _standing(one, rankings)
                scores |= {"dense": round(cosines[one], 6)} if one in cosines else {}
                hits.append(Hit(chunks[one], names[document_of(one)], round(score, 6), ranks, scores))
        return hits


def _standing(
    chunk_id: str, rankings: Mapping[str, Sequence[tuple[str, float]]]
) -> tuple[dict[str, int], dict[str, float]]:
    ranks: dict[str, int] = {}
    scores: dict[str, float] = {}
    for name, ranking in rankings.items():
        for rank, (one, score) in enumerate(ranking, start=1):
            if one == chunk_id:
                ranks[name], scores[name] = rank, round(score, 6)
    return ranks, scores


def _spread(hits: Sequence[Hit], k: int) -> list[Hit]:
    """`k` hits, best first: PER_PAGE of one page at most, as long as there are others and it is not the only page."""
    pages = Counter(document for document, _ in {(hit.chunk.document_id, hit.chunk.page) for hit in hits})
    taken: Counter[tuple[str, int]] = Counter()
    first: list[Hit] = []
    later: list[Hit] = []
    for hit in hits:
        page = (hit.chunk.document_id, hit.chunk.page)
        crowded = pages[hit.chunk.document_id] > 1 and taken[page] >= PER_PAGE
        (later if crowded else first).append(hit)
        taken[page] += 1
    return sorted([*first, *later][:k], key=lambda hit: -hit.score)


def checked_question(question: str, k: int, settings: Settings) -> str:
    """The question without white space around it. Raises QuestionError."""
    try:
        question = question.encode(errors="surrogateescape").decode(errors="replace").strip()  # a shell's odd bytes
    except UnicodeEncodeError as error:
        raise QuestionError(
            "The question has half of a character in it, which is no text: it was cut, or encoded wrongly. Type it "
            "anew."
        ) from error
    if not question:
        raise QuestionError("The question is empty. Type what you want to know.")
    if len(question) > settings.max_question_chars:
        raise QuestionError(
            f"The question has {len(question):,} characters; {settings.max_question_chars:,} are allowed. Shorten it, "
            "or upload the long text as a document and ask about it."
        )
    if not 1 <= k <= 1000:
        raise QuestionError(f"k is {k}; ask for between 1 and 1000 passages.")
    return question
