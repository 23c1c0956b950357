"""Files in, pages of text out: `parse_file` reads a file in a child process with limits."""

from rag.parsing.media import READABLE, media_type
from rag.parsing.sandbox import parse_file

__all__ = ["READABLE", "media_type", "parse_file"]
