"""Text that does nothing in whatever program a reader pastes it into: no HTML, image, link or address is read in it.

Programs differ in what they take for code, and some look for addresses only after backslashes are gone. So what starts
something is parted by a word joiner, which is not seen, rather than escaped: that holds inside code and out of it.
"""

from __future__ import annotations

import re

JOINER = "\u2060"
"""Word joiner: it has no width and is no space. Between two characters it keeps what they would start from starting."""

_ADDRESS = re.compile(
    r"\b(?:https?|ftp|mailto|xmpp)\\?:(?=\S)|\bwww(?=\\?\.)|[\w.+-](?=\\?@[\w-])|(?<![:/])/(?=/[\w-]+\.)",
    re.IGNORECASE,
)
# HTML and <addresses>; images; links and what they refer to; characters by number or name, which could spell the rest.
_STARTS = re.compile(r"<(?=[a-z/!?])|!(?=\[)|\](?=[(:])|&(?=#?\w+;)", re.IGNORECASE)
_DIAGRAM = re.compile(r"((?:`{3,}|~{3,})[\s{.]*)mermaid\b", re.IGNORECASE)


def without_addresses(text: str) -> str:
    """`text` in which no web or e-mail address is one."""
    return _ADDRESS.sub(rf"\g<0>{JOINER}", text)


def inert_markdown(text: str) -> str:
    """Hostile Markdown, whose emphasis, lists, tables and code are kept."""
    return _STARTS.sub(rf"\g<0>{JOINER}", without_addresses(_DIAGRAM.sub(r"\1text", text)))
