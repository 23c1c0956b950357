"""Answers and what they rest on, to be kept or sent: as one HTML file that needs nothing else, and as Markdown."""

from rag.evidence.images import small_image
from rag.evidence.inert import inert_markdown
from rag.evidence.markdown import answer_markdown, evidence_markdown
from rag.evidence.pack import evidence_html
from rag.evidence.plain import answer_text

__all__ = ["answer_markdown", "answer_text", "evidence_html", "evidence_markdown", "inert_markdown", "small_image"]
