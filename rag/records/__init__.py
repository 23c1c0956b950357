"""The nouns of Footnote: frozen, without behaviour beyond derived facts, without I/O.

All offsets are 0-based code points into a document's extracted text, end exclusive, so that
`text[start:end]` is the thing itself. All page numbers are 1-based.
"""

from rag.records.answers import (
    DOUBTFUL,
    QUOTING,
    Abstention,
    Answer,
    AnswerPiece,
    Citation,
    Claim,
    Exchange,
    Overview,
    Section,
    Verdict,
)
from rag.records.documents import (
    UNFINISHED,
    VISIBLE,
    Box,
    Collection,
    Document,
    Failure,
    Heading,
    OcrLine,
    OcrPage,
    Page,
    PageView,
    ParsedDocument,
    State,
    Visible,
)
from rag.records.evidence import Asked, Evidence, Exhibit, Original, Proof
from rag.records.ingestion import Finding, IngestEvent, Preflight, Progress
from rag.records.passages import Chunk, Explanation, Hit, Passage, chunk_id, document_label, document_of, position_of
from rag.records.searches import Search

__all__ = [
    "DOUBTFUL",
    "QUOTING",
    "UNFINISHED",
    "VISIBLE",
    "Abstention",
    "Answer",
    "AnswerPiece",
    "Asked",
    "Box",
    "Chunk",
    "Citation",
    "Claim",
    "Collection",
    "Document",
    "Evidence",
    "Exchange",
    "Exhibit",
    "Explanation",
    "Failure",
    "Finding",
    "Heading",
    "Hit",
    "IngestEvent",
    "OcrLine",
    "OcrPage",
    "Original",
    "Overview",
    "Page",
    "PageView",
    "ParsedDocument",
    "Passage",
    "Preflight",
    "Progress",
    "Proof",
    "Search",
    "Section",
    "State",
    "Verdict",
    "Visible",
    "chunk_id",
    "document_label",
    "document_of",
    "position_of",
]
