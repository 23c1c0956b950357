"""Which documents a question names: by words of their titles and file names, by names and periods on their first pages.

Periods are written in many ways and become one: FY2018, FY18 and fiscal 2018 are 2018; 2023Q2, Q2 of FY23 and second
quarter of 2023 are q2 and 2023. A name counts in full in a title, and somewhat less on a first page, where only what
looks like a name in the question is looked for.
"""

from __future__ import annotations

import re

from rag.lexical.words import ENGLISH, content_terms, terms

FRONT_CHARS = 1500
"""Of a document's first pages, where it says what it is."""
FRONT_WEIGHT = 0.7
GLUED = (2, 3, 4)
"""Words that a file's name may write as one."""
MOST = 512
"""Different terms of a question that titles are searched for: a pasted page must not take seconds."""

_ORDINALS = {"first": "q1", "second": "q2", "third": "q3", "fourth": "q4"}
_QUARTER = re.compile(r"\b(first|second|third|fourth)[\s-]+(?:fiscal\s+)?quarter\b", re.IGNORECASE)
_YEAR_QUARTER = re.compile(r"(?<![^\W_])((?:19|20)\d\d)[\s_-]?Q([1-4])(?!\d)", re.IGNORECASE)
_QUARTER_YEAR = re.compile(
    r"(?<![^\W_])Q([1-4])(?:\s+of)?[\s_-]?(?:FY)?[\s'’]?((?:19|20)\d\d|\d\d)(?!\d)", re.IGNORECASE
)
_FISCAL = re.compile(r"(?<![^\W_])(?:FY|CY|fiscal year|fiscal)[\s'’]?((?:19|20)\d\d|\d\d)(?!\d)", re.IGNORECASE)
_WORD = re.compile(r"\S+")
_AROUND = "\"“”‘’'()[],.;:?!"
_POSSESSIVE = re.compile(r"['’]s$")
_SENTENCE_END = re.compile(r"[.?!:]$")


def plain_periods(text: str) -> str:
    """The text with its periods written in one way."""
    text = _QUARTER.sub(lambda match: _ORDINALS[match[1].lower()], text)
    text = _YEAR_QUARTER.sub(r" \1 q\2 ", text)
    text = _QUARTER_YEAR.sub(lambda match: f" q{match[1]} {_year(match[2])} ", text)
    return _FISCAL.sub(lambda match: f" {_year(match[1])} ", text)


def _year(digits: str) -> str:
    return digits if len(digits) == 4 else f"20{digits}"


def name_terms(question: str, language: str = ENGLISH) -> list[str]:
    """The terms of what looks like a name, a code or a period: it has a capital letter where a sentence does not
    begin, several of them, or a digit."""
    words = _WORD.findall(plain_periods(question))
    found: dict[str, None] = {}
    for before, raw in zip([".", *words], words, strict=False):
        word = _POSSESSIVE.sub("", raw.strip(_AROUND))
        capitals = sum(map(str.isupper, word))
        begins = _SENTENCE_END.search(before) is not None
        if capitals > 1 or (capitals and not begins) or any(map(str.isdigit, word)):
            found.update(dict.fromkeys(content_terms(word, language)))
    return list(found)[:MOST]


def title_terms(question: str, language: str = ENGLISH) -> list[str]:
    """What may be in a title or a file's name: the question's terms, and neighbours written as one word."""
    plain = plain_periods(question)
    words = re.findall(r"[^\W_]+", plain)
    glued = ("".join(words[at : at + size]) for size in GLUED for at in range(len(words) - size + 1))
    return list(dict.fromkeys([*content_terms(plain, language), *terms(" ".join(glued), language)]))[:MOST]
