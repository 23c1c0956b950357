"""What a word is to the lexical index: its fields, its analyzer, and queries built from terms.

Lower case, without accents, stemmed as English or the language that is set. Numbers and codes are kept whole: 3.5,
1,577, 10-K, FY2018, PP&E, U.S.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import cache, lru_cache

import tantivy

from rag.language import STOP_WORDS
from rag.records import Chunk, Document

VERSION = "2"
"""Of the fields and the analyzer together: raise it when either changes, and older indexes ask to be rebuilt."""
BOOSTS = {"text": 1.0, "heading": 0.3, "title": 0.2}
"""What a word counts in the chunk's text, in the headings above it, and in its document's title and file name."""
NAMING = ("label", "front")
"""The fields of a document's own row."""
ENGLISH = "english"
MAX_TERMS = 128
"""Different words of a question that are searched for, the first ones: a pasted page must not take seconds."""

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


def row(document: Document, chunk: Chunk) -> tantivy.Document:
    """A chunk as the index takes it in."""
    return tantivy.Document(
        kind="chunk",
        chunk=chunk.id,
        document=document.id,
        text=_plain(chunk.text),
        heading=_plain(chunk.heading),
        title=_plain(f"{document.title} {document.name}"),
    )


def document_row(document_id: str, label: str, front: str) -> tantivy.Document:
    """A document as the index takes it in, to be found by its name: what it is called, and what its first pages say."""
    return tantivy.Document(kind="document", document=document_id, label=_plain(label), front=_plain(front))


def terms(text: str, language: str = ENGLISH) -> list[str]:
    """The different words of a text as the index knows them, in the order they come."""
    return _each_term(text, language, False)


def content_terms(text: str, language: str = ENGLISH) -> list[str]:
    """As `terms`, without stop words unless there are no others."""
    return _each_term(text, language, True) or terms(text, language)


def _each_term(text: str, language: str, without_stop_words: bool) -> list[str]:
    """No term has white space in it, so each piece between is looked at alone, and usual ones once."""
    found: dict[str, None] = {}
    for piece in text.split():
        of_piece = _terms_of if len(piece) <= _MAX_TOKEN_BYTES else _terms_of.__wrapped__
        found.update(of_piece(piece, language, without_stop_words))
    return list(found)


@lru_cache(maxsize=50_000)
def _terms_of(piece: str, language: str, without_stop_words: bool) -> dict[str, None]:
    return dict.fromkeys(_analyzer(language, without_stop_words).analyze(_plain(piece)))


def question_query(question: str, documents: Collection[str] | None, language: str = ENGLISH) -> tantivy.Query | None:
    """What finds chunks with any of the question's words, in `documents` only if given; None if nothing can match.

    Built from terms: tantivy's query language has operators, and refuses many an ordinary question.
    """
    words = content_terms(question, language)[:MAX_TERMS]
    if not words or (documents is not None and not documents):
        return None
    clauses = [(tantivy.Occur.Should, _weighted(field, word)) for word in words for field in BOOSTS]
    return _within(tantivy.Query.boolean_query(clauses), documents)


def naming_query(
    wanted: Mapping[str, Mapping[str, float]], documents: Collection[str] | None = None
) -> tantivy.Query | None:
    """What finds documents by `wanted`, term -> field -> what it counts there; of a term the field that counts most
    counts. A document's score is the sum."""
    clauses = [(tantivy.Occur.Should, _best_of(term, fields)) for term, fields in wanted.items() if fields]
    return _within(tantivy.Query.boolean_query(clauses), documents) if clauses else None


def _best_of(term: str, fields: Mapping[str, float]) -> tantivy.Query:
    return tantivy.Query.disjunction_max_query(
        [
            tantivy.Query.const_score_query(tantivy.Query.term_query(schema(), field, term, "basic"), weight)
            for field, weight in fields.items()
        ]
    )


def _within(query: tantivy.Query, documents: Collection[str] | None) -> tantivy.Query:
    if documents is None:
        return query
    within = tantivy.Query.const_score_query(documents_query(documents), 0.0)
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, within)])


def chunks_query(documents: Collection[str] | None = None) -> tantivy.Query:
    """What finds all chunks, or all of some documents."""
    return _within(tantivy.Query.term_query(schema(), "kind", "chunk", "basic"), documents)


def documents_query(documents: Collection[str]) -> tantivy.Query:
    """What finds all rows of the documents."""
    return tantivy.Query.term_set_query(schema(), "document", list(documents))


def prepared(index: tantivy.Index, language: str = ENGLISH) -> tantivy.Index:
    """The index, just opened, with what tantivy does not keep in it."""
    index.register_tokenizer("words", _analyzer(language))
    index.config_reader("manual")  # else a thread looks at the folder twice a second
    return index


@cache
def schema() -> tantivy.Schema:
    """Ids as they are; text by words, with their frequencies but not their places: no phrases are searched for."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("kind", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("chunk", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("document", stored=True, tokenizer_name="raw", index_option="basic")
    for field in NAMING:
        builder.add_text_field(field, tokenizer_name="words", index_option="basic")
    for field in BOOSTS:
        builder.add_text_field(field, tokenizer_name="words", index_option="freq")
    return builder.build()


@cache
def _analyzer(language: str, without_stop_words: bool = False) -> tantivy.TextAnalyzer:
    filters = tantivy.Filter
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_TOKEN))
    builder = builder.filter(filters.remove_long(_MAX_TOKEN_BYTES)).filter(filters.lowercase())
    if without_stop_words:
        empty = filters.custom_stopword(sorted(STOP_WORDS)) if language == ENGLISH else filters.stopword(language)
        builder = builder.filter(empty)
    return builder.filter(filters.ascii_fold()).filter(filters.stemmer(language)).build()


def _weighted(field: str, word: str) -> tantivy.Query:
    return tantivy.Query.boost_query(tantivy.Query.term_query(schema(), field, word, "freq"), BOOSTS[field])


def _plain(text: str) -> str:
    whole = text.encode(errors="ignore").decode()  # a lone half of a surrogate pair is no text to tantivy
    return _JOINT.sub("", unicodedata.normalize("NFC", whole))
