"""What a DOCX says beside its text: styles by their outline level, notes, and which sections begin a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rag.parsing.container import xml
from rag.parsing.draft import DEEPEST_HEADING
from rag.parsing.tables import clean_cell

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"

_PROPERTIES = f"{W}pPr"
_NAME = re.compile(r"(?:heading ([1-9])|title)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Style:
    """What a style says of a paragraph, None where it says nothing. `level` is from 1 for headings, 0 for others."""

    level: int | None = None
    is_list: bool | None = None
    breaks_page: bool | None = None

    def over(self, base: Style) -> Style:
        """This style where it says something, else `base`."""
        return Style(
            base.level if self.level is None else self.level,
            base.is_list if self.is_list is None else self.is_list,
            base.breaks_page if self.breaks_page is None else self.breaks_page,
        )


class Styles:
    """The styles of a document, resolved. Word's own have English names in every language's files."""

    def __init__(self, styles: Any) -> None:
        self._elements = {one.get(f"{W}styleId"): one for one in styles.iter(f"{W}style")}
        self._resolved: dict[str | None, Style] = {}
        normal = [key for key, one in self._elements.items() if one.get(f"{W}default") and _is_for_paragraphs(one)]
        self._default = normal[0] if normal else None

    def of(self, paragraph: Any) -> Style:
        """The paragraph's own properties over its style's."""
        properties = paragraph.find(_PROPERTIES)
        return _own(properties).over(self._named(_value(properties, "pStyle") or self._default))

    def _named(self, key: str | None) -> Style:
        if key not in self._resolved:
            self._resolved[key] = self._resolve(key)
        return self._resolved[key]

    def _resolve(self, key: str | None) -> Style:
        style, seen = Style(), set[str | None]()
        while key in self._elements and key not in seen:
            seen.add(key)
            element = self._elements[key]
            style = style.over(_own(element.find(_PROPERTIES))).over(_by_name(_value(element, "name") or ""))
            key = _value(element, "basedOn")
        return style


def notes(part: Any, kind: str) -> dict[str, str]:
    """The text of each footnote or endnote (`kind` is `footnotes` or `endnotes`) by its id."""
    found: dict[str, str] = {}
    for relation in part.rels.values():
        if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
            for note in xml(relation.target_part.blob):
                text = clean_cell(" ".join(one.text or "" for one in note.iter(f"{W}t")))
                if note.get(f"{W}type") in (None, "normal") and text:
                    found[note.get(f"{W}id")] = text
    return found


def section_breaks(body: Any) -> frozenset[int]:
    """Which sections end with a page, counted from 1: the kind of a break is noted with the section after it."""
    kinds = [_value(section, "type") for section in body.iter(f"{W}sectPr")]
    return frozenset(number for number, kind in enumerate(kinds) if number and kind != "continuous")


def _is_on(element: Any) -> bool | None:
    """Word's switches: there without a value is on. None where there is none."""
    return None if element is None else element.get(f"{W}val") not in ("0", "false", "off")


def _own(properties: Any) -> Style:
    if properties is None:
        return Style()
    outline, numbering = _value(properties, "outlineLvl"), properties.find(f"{W}numPr")
    level = None if outline is None else int(outline) + 1
    return Style(
        0 if level is not None and level > DEEPEST_HEADING + 1 else level,
        None if numbering is None else _value(numbering, "numId") != "0",
        _is_on(properties.find(f"{W}pageBreakBefore")),
    )


def _by_name(name: str) -> Style:
    match = _NAME.fullmatch(name)
    return Style(int(match.group(1) or 1), None, None) if match else Style()


def _is_for_paragraphs(style: Any) -> bool:
    return bool(style.get(f"{W}type") == "paragraph")


def _value(element: Any, tag: str) -> str | None:
    child = None if element is None else element.find(f"{W}{tag}")
    return None if child is None else child.get(f"{W}val")
