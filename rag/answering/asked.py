"""What a question asks for, by the words it is made of: English, and plain rules only."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

Terms = Callable[[str], Sequence[str]]
"""The words of a text as the index knows them: lower case, stemmed."""

STOP_WORDS = frozenset(
    {"a", "about", "an", "and", "are", "as", "at", "be", "been", "being", "by", "can", "could", "did", "do"}
    | {"does", "for", "from", "had", "has", "have", "having", "how", "i", "if", "in", "into", "is", "it"}
    | {
        "its",
        "may",
        "many",
        "me",
        "might",
        "much",
        "my",
        "of",
        "on",
        "or",
        "our",
        "shall",
        "should",
        "so",
        "than",
        "that",
    }
    | {"the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were"}
    | {"what", "when", "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your"}
)
"""Words that every question has and that say nothing about what it asks for."""

_WORD = re.compile(r"\S+")
_BARE = re.compile(r"\W")
_OUTER = " \"“”‘’'()[],.;:?!"
_NUMBER_WORDS = frozenset(
    {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
    | {"twenty", "thirty", "forty", "fifty", "hundred", "thousand", "million", "billion", "trillion", "dozen"}
    | {"half", "third", "quarter", "twice"}
)
_DATE = re.compile(
    r"\b(?:1\d|20)\d\ds?\b|\bcentur(?:y|ies)\b|\b\d{1,2}(?:st|nd|rd|th)\b|\b(?:19|20)?\d0s\b"
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
)
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
# The day of a date, the number of a note.
_COUNTS_NOTHING = re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?\s+\d{1,2}\W*$|\(\d\d?\)$")
_TOKEN = re.compile(r"[\w][\w.,%'’&$€£-]*|[$€£%]\S*")


class Kind(StrEnum):
    """What an answer must have in it."""

    NUMBER = "number"
    DATE = "date"
    PERSON = "person"
    PLACE = "place"
    OTHER = "other"


_MEASURES = (
    *("many", "much", "long", "old", "far", "large", "big", "tall", "high", "often", "fast", "deep", "heavy", "wide"),
    *("great", "expensive", "frequently", "quickly", "soon", "late", "early", "strong", "hot", "cold"),
)
"""What is measured by a question with "how": the answer need not have the word."""
_KINDS = (
    (
        Kind.NUMBER,
        rf"\bhow (?:{'|'.join(_MEASURES)})\b|\bpercentage\b"
        r"|\b(?:what|which) (?:\w+ )?(?:number|percent\w*|amount|population|size|share|rate|ratio|age|distance"
        r"|total)\b",
    ),
    (Kind.DATE, r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:year|date|day|month|century|decade|time|period)\b"),
    (Kind.PERSON, r"\bwho(?:m|se)?\b"),
    (
        Kind.PLACE,
        r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|country|state|place|region|town|river|location|continent|area)\b",
    ),
)


_SEVERAL = re.compile(
    r"^(?:list|name|enumerate|compare|summari[sz]e)\b|\b(?:compare[ds]?|comparison|difference between|versus|vs)\b"
    r"|\b(?:what|which|who) (?:are|were)\b|\b(?:what|which) (?:\w+ ){0,2}\w{3,}s (?:are|were|do|did|have|has)\b"
    r"|\b(?:what|which) (?:two|three|four|five|several|various|different|types|kinds)\b|\bboth\b"
)


_JOINED = re.compile(r"\s*(?:and|or|versus|vs\.?|to|with|than)\s*(?:the\s+)?")
_SINGULAR = re.compile(r"\b(?:is|was|has|does)\b")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the question at `text[start:end]`: its terms, and whether it looks like a name or a number."""

    start: int
    end: int
    text: str
    terms: tuple[str, ...]
    is_name: bool
    is_number: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart. `words` are its content words."""

    text: str
    kind: Kind
    several: bool
    words: tuple[Word, ...]

    @property
    def terms(self) -> list[str]:
        """Those of all content words, in their order."""
        return [term for word in self.words for term in word.terms]


def take_apart(question: str, terms: Terms) -> Asked:
    """The question by its words."""
    places = list(_WORD.finditer(question))
    words = [_word(places, index, terms) for index in range(len(places))]
    content = tuple(word for word in words if word is not None)
    lower = question.lower()
    kind = next((kind for kind, pattern in _KINDS if re.search(pattern, lower)), Kind.OTHER)
    return Asked(question, kind, _asks_for_several(lower, content), content)


def _word(places: Sequence[re.Match[str]], index: int, terms: Terms) -> Word | None:
    text = places[index].group().strip(_OUTER)
    text = re.sub(r"['’]s$", "", text)
    bare = _BARE.sub("", text.lower())
    measured = bare in _MEASURES and index > 0 and places[index - 1].group().lower() == "how"
    if measured or not bare or bare in STOP_WORDS:
        return None
    first = index == 0 or places[index - 1].group().endswith((".", "?", "!", ":"))
    capitals = sum(map(str.isupper, text))
    is_number = any(map(str.isdigit, text))
    return Word(
        places[index].start(),
        places[index].end(),
        text,
        tuple(terms(text)),
        is_name=capitals > 1 or (capitals == 1 and not first and text[0].isupper()),
        is_number=is_number,
    )


def _asks_for_several(lower: str, words: Sequence[Word]) -> bool:
    """Whether it asks for a list, or for the same of two names or years; "Holt and Sons was" is one name."""
    marks = [word for word in words if word.is_name or word.is_number]
    joined = [
        (one, other) for one, other in pairwise(marks) if _JOINED.fullmatch(lower, one.end, other.start) is not None
    ]
    singular = _SINGULAR.search(lower) is not None
    return _SEVERAL.search(lower) is not None or any(
        (one.is_number and other.is_number) or not singular for one, other in joined
    )


def answer_spans(kind: Kind, question: str, text: str) -> list[tuple[int, int]]:
    """Where in `text` something stands that may be what is asked for, and that the question does not say itself."""
    if kind is Kind.OTHER:
        return []
    said = set(re.findall(r"\w+", question.lower()))
    found = []
    for match in _TOKEN.finditer(text):
        word = match.group().strip(".,'’-")
        if kind is Kind.NUMBER and _COUNTS_NOTHING.search(text[max(0, match.start() - 12) : match.end() + 1]):
            continue
        if word and word.lower() not in said and _fits(kind, word, first=match.start() == 0):
            found.append((match.start(), match.start() + len(match.group().rstrip(".,'’-"))))
    return found


def _fits(kind: Kind, word: str, first: bool) -> bool:
    if kind is Kind.NUMBER:
        return (any(map(str.isdigit, word)) and not _YEAR.fullmatch(word)) or word.lower() in _NUMBER_WORDS
    if kind is Kind.DATE:
        return _DATE.search(word) is not None
    return word[0].isupper() and not first and word.lower() not in STOP_WORDS
