"""The headings of a Markdown file (CommonMark's ATX and setext headings), with their offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.parsing.media import clean_title
from rag.records import Heading

_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_CLOSING = re.compile(r"(?:^|[ \t])#+[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_OTHER_BLOCK = re.compile(r" {0,3}(?:[-+*][ \t]|\d{1,9}[.)][ \t]|>|\||<)")
_INDENTED = re.compile(r" {4}|\t")


def headings(text: str) -> tuple[Heading, ...]:
    """The headings outside of fenced code and front matter, offsets into `text`."""
    found: list[Heading] = []
    paragraph: list[tuple[int, str]] = []
    in_other_block = False  # a list, quote or table: what follows belongs to it until a blank line
    for offset, line in _prose(text):
        if paragraph and (underline := _UNDERLINE.match(line)):
            _add(found, 1 if underline.group(1)[0] == "=" else 2, [part for _, part in paragraph], paragraph[0][0])
            paragraph = []
        elif atx := _ATX.match(line):
            _add(found, len(atx.group(1)), [_CLOSING.sub("", atx.group(2) or "")], offset)
            paragraph, in_other_block = [], False
        elif not line.strip():
            paragraph, in_other_block = [], False
        elif _OTHER_BLOCK.match(line) or (not paragraph and _INDENTED.match(line)):
            paragraph, in_other_block = [], True
        elif not in_other_block:
            paragraph.append((offset, line))
    return tuple(found)


def _add(found: list[Heading], level: int, lines: list[str], offset: int) -> None:
    title = clean_title(" ".join(lines))
    if title:
        found.append(Heading(level, title, offset))


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their offsets, without front matter; fenced code is one blank line."""
    fence = ""
    for offset, line in _without_front_matter(text):
        opening = _FENCE.match(line)
        if fence:
            closes = opening and opening.group(1).startswith(fence) and not opening.group(2).strip()
            fence = "" if closes else fence
        elif opening:
            fence = opening.group(1)
            yield offset, ""
        else:
            yield offset, line


def _without_front_matter(text: str) -> Iterator[tuple[int, str]]:
    lines = [(match.start(), match.group(1)) for match in _LINE.finditer(text)]
    if lines[0][1].rstrip() == "---":
        for number, (_, line) in enumerate(lines[1:], start=1):
            if line.rstrip() in ("---", "..."):
                return iter(lines[number + 1 :])
    return iter(lines)
