"""An HTML file as a tree, what it says of itself, and which elements of it are shown."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from rag.errors import EmptyDocumentError, ParseLimitError
from rag.parsing.outline import created_on
from rag.parsing.text import decode, require_text

HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = {
    *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "dir"),
    *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "hr", "html"),
    *("legend", "li", "main", "menu", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead"),
    *("tr", "ul", *HEADINGS),
}
_LEFT_OUT = {
    *("script", "style", "template", "noscript", "iframe", "frame", "object", "embed", "svg", "canvas", "audio"),
    *("video", "map", "nav", "select", "textarea", "button", "datalist", "head", "ix:header", "ix:hidden"),
}
_ALWAYS_KEPT = {"html", "body", "main"}
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_DATES = {
    *("article:published_time", "citation_publication_date", "date", "datepublished", "dc.date", "dc.date.issued"),
    *("dcterms.created", "dcterms.date", "dcterms.issued", "og:published_time", "pubdate", "publication_date"),
}
_DECLARATION = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})|<meta[^>]{0,400}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096  # bytes


@dataclass(frozen=True, slots=True)
class HtmlSource:
    root: Any
    title: str
    date: int | None


def read_source(data: bytes) -> HtmlSource:
    """Raises EmptyDocumentError, ParseLimitError, and DamagedError for what is not text."""
    text = _declared(data) or decode(data)
    if not text.strip():
        raise EmptyDocumentError("The file is empty: upload one with content.")
    require_text(text)
    root = _tree(text)
    title = next(root.iter("title"), None)
    return HtmlSource(root, "" if title is None else title.text or "", _date(root))


def is_shown(element: Any) -> bool:
    if element.tag in _LEFT_OUT:
        return False
    hides = "hidden" in element.attrib or _HIDDEN.search(element.get("style", ""))
    return not hides or element.tag in _ALWAYS_KEPT


def _declared(data: bytes) -> str | None:
    """The text in the encoding that the file names, None where it names none that fits."""
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    match = _DECLARATION.search(data[:_DECLARED_WITHIN])
    if match is None:
        return None
    try:
        encoding = codecs.lookup((match.group(1) or match.group(2)).decode()).name
        return data.decode("cp1252" if encoding in ("iso8859-1", "ascii") else encoding)  # as browsers do
    except (LookupError, UnicodeError):
        return None


def _tree(text: str) -> Any:
    # With huge_tree the depth is 2,048 instead of 256, which is soon reached where tags are never closed, and what
    # is deeper would be missing without a word. HTML has no entities of its own that could grow.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, no_network=True)
    root = etree.fromstring(text.encode(), parser)
    if any(error.type_name == "ERR_RESOURCE_LIMIT" for error in parser.error_log):
        raise ParseLimitError("The HTML is nested too deeply to be read: open it in a browser and save it as a PDF.")
    if root is None:
        raise EmptyDocumentError("The file has no text in it: upload one with content.")
    return root


def _date(root: Any) -> int | None:
    for meta in root.iter("meta"):
        name = meta.get("name") or meta.get("property") or meta.get("itemprop") or ""
        if name.lower() in _DATES and (found := created_on(re.sub("[-/]", "", meta.get("content", "")))):
            return found
    return None
