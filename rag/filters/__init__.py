"""Metadata filters: which documents, and which of their pages, a search may find.

In Python they are built from fields, in JSON they are written as Chroma's `where`; inside there is one form:

    PAGE.between(2, 10) & ~TAG.one_of("draft", "old")
    {"page": {"$gte": 2, "$lte": 10}, "$not": {"tag": {"$in": ["draft", "old"]}}}
"""

from rag.filters.chroma import to_chroma
from rag.filters.clauses import Filter
from rag.filters.fields import DATE, DOCUMENT, NAME, PAGE, TAG, TYPE
from rag.filters.searches import where_of
from rag.filters.sql import to_sql
from rag.filters.written import Where, parse_where

__all__ = [
    "DATE",
    "DOCUMENT",
    "NAME",
    "PAGE",
    "TAG",
    "TYPE",
    "Filter",
    "Where",
    "parse_where",
    "to_chroma",
    "to_sql",
    "where_of",
]
