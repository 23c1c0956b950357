"""Footnote's engine: documents in, pages, chunks and vectors; a question in, hits, an answer and its footnotes.

Nothing in this package imports Streamlit. The door is `rag.workspace.Workspace`.
"""

__version__ = "0.1.0"
