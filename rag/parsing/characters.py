"""From a page's raw characters to clean text, keeping the way back to PDFium's character index.

PDFium counts UTF-16 units: a character outside the basic plane is two. It ends lines with `\\r\\n`, and where a
line ends in a hyphen and the word may go on, it leaves out the line break and gives a marker for the hyphen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

HYPHEN_MARKER = "\ufffe"
"""A hyphen at the end of a line, in raw text."""

CharMap = tuple[tuple[int, int], ...]

_EVENT = re.compile("\r\n?|[\0\ufffe\ud800-\udfff\U00010000-\U0010ffff]")
_MARKED = re.compile(r"(?<![^\W\d_])([^\W\d_]++)\ufffe(?=([^\W\d_]++))")
_MARKED_WHOLE = re.compile(r"(?<![^\W\d_])[^\W\d_]*+(?:\ufffe[^\W\d_]*+)+")
_LETTERS = re.compile(r"[^\W\d_]++")
_HYPHENATED = re.compile(r"(?<![^\W\d_])(?=([^\W\d_]++-[^\W\d_]++))")


def clean_page(raw: str, joins: frozenset[str] = frozenset()) -> tuple[str, CharMap]:
    """The normalised text of a page and its breakpoints (see `records.Page`).

    `raw` has one character per PDFium index, two for those outside the basic plane, lone surrogates included.
    `joins` are the words, marker included, whose hyphen only divides them.
    """
    dropped = _dropped_hyphens(raw, joins)
    pieces: list[str] = []
    char_map: list[tuple[int, int]] = []
    offset = index = position = 0

    def emit(piece: str) -> None:
        nonlocal offset
        if piece and (not char_map or char_map[-1][1] - char_map[-1][0] != index - offset):
            char_map.append((offset, index))
        pieces.append(piece)
        offset += len(piece)

    for event in _EVENT.finditer(raw):
        run = raw[position : event.start()]
        emit(run)
        index += len(run)
        emit("" if event.start() in dropped else _replacement(event.group()))
        index += 2 if event.group() > "\uffff" else len(event.group())
        position = event.end()
    emit(raw[position:])
    return "".join(pieces), tuple(char_map)


def _replacement(found: str) -> str:
    if found[0] == "\r":
        return "\n"
    if found == "\0":
        return ""
    if found == HYPHEN_MARKER:
        return "-"
    return "\ufffd" if found <= "\uffff" else found


def _dropped_hyphens(raw: str, joins: frozenset[str]) -> set[int]:
    if not joins:
        return set()
    return {match.end(1) for match in _MARKED.finditer(raw) if _key(match) in joins}


def divided_words(pages: Iterable[str]) -> frozenset[str]:
    """The marked words of a document whose hyphen should go (`in|cluding`), the rest keep it (`long|term`).

    The document itself is the dictionary: the spelling it uses more often elsewhere wins. Used nowhere
    else, the hyphen stays if the part after it is a word of its own (`omni|channel`), or begins with a
    capital (`non|German`).
    """
    texts = list(pages)
    marked = {_key(match): match for text in texts for match in _MARKED.finditer(text)}
    if not marked:
        return frozenset()
    seen = _count(texts, {form for match in marked.values() for form in _forms(match)})
    return frozenset(key for key, match in marked.items() if _is_divided(match, seen))


def _key(match: re.Match[str]) -> str:
    return f"{match.group(1)}{HYPHEN_MARKER}{match.group(2)}"


def _forms(match: re.Match[str]) -> tuple[str, str, str]:
    left, right = match.group(1).lower(), match.group(2).lower()
    return f"{left}{right}", f"{left}-{right}", right


def _count(texts: Iterable[str], wanted: set[str]) -> Counter[str]:
    seen: Counter[str] = Counter()
    for text in texts:
        lowered = _MARKED_WHOLE.sub(" ", text).lower()
        for pattern, group in ((_LETTERS, 0), (_HYPHENATED, 1)):
            seen.update(word for match in pattern.finditer(lowered) if (word := str(match.group(group))) in wanted)
    return seen


def _is_divided(match: re.Match[str], seen: Counter[str]) -> bool:
    joined, hyphenated, right = _forms(match)
    if seen[joined] != seen[hyphenated]:
        return seen[joined] > seen[hyphenated]
    starts_a_name = match.group(2)[0].isupper() and not match.group(1).isupper()
    return not starts_a_name and not seen[right]
