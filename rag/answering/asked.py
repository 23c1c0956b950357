"""What a question asks for, by the words it is made of: English, and plain rules only."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from rag.answering.naming import is_form
from rag.language import STOP_WORDS

Terms = Callable[[str], Sequence[str]]
"""The words of a text as the index knows them: lower case, stemmed."""

_EMPTY = STOP_WORDS | {"many", "much"}

_WORD = re.compile(r"\S+")
_BARE = re.compile(r"\W")
_OUTER = " \"“”‘’'()[],.;:?!"


class Kind(StrEnum):
    """What an answer must have in it."""

    NUMBER = "number"
    AMOUNT = "amount"
    """A figure: of money, a rate, a size."""
    DATE = "date"
    PERSON = "person"
    PLACE = "place"
    OTHER = "other"


_MEASURES = (
    *("many", "much", "long", "old", "far", "large", "big", "tall", "high", "often", "fast", "deep", "heavy", "wide"),
    *("great", "expensive", "frequently", "quickly", "soon", "late", "early", "strong", "hot", "cold"),
)
"""What is measured by a question with "how": the answer need not have the word."""
_AMOUNTS = (
    r"(?:revenues?|sales|turnover|earnings|income|profits?|loss(?:es)?|ebita|ebitda?|eps|costs?|expenses?"
    r"|expenditures?|spending|debts?|deficits?|surplus|cash|cash flows?|liquidity|assets|liabilities|equity|value"
    r"|prices?|rent|fees?|charges?|deposit|margin|rates?|shares?|dividends?|salary|wages?|pay|bonus|headcount"
    r"|workforce|capacity|budget|tax|interest|premium|penalty|fine|discount|rebate|refund|cap|limit|threshold"
    r"|backlog|order intake|volume|yield|growth|output|guidance|weight|height|length|width|depth|speed"
    r"|temperature|density|duration)"
)
"""Names of what is measured: "what was the rent" asks for a figure."""
_KINDS = (
    (
        Kind.AMOUNT,
        r"\b(?:what|which)(?:['’]s)? (?:(?!(?:of|for|in|on|at|by|to|with|from|kind|type|source|effect|reason|role) )"
        rf"\S+ ){{0,8}}?{_AMOUNTS}(?: (?:increase|decrease|change|growth|rise|fall|decline))?"
        r"(?=\W*$|[?,;]| (?:of|in|for|at|on|per|from|to|as|under|during|by|after|before|if|when|and|does|did|do|is"
        r"|was|were|are|has|had|will|can|must|appl\w+)\b)",
    ),
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
    r"|\b(?:what|which|who) (?:are|were)\b|\b(?:what|which) (?:\w+ ){0,2}\w{3,}s (?:are|were|do|does|did|have|has)\b"
    r"|\b(?:what|which) (?:two|three|four|five|several|various|different|types|kinds)\b|\bboth\b"
    r"|\bin the (?:\w+ ){1,3}and in the\b"
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

    @property
    def marks(self) -> list[str]:
        """Those of its names and numbers, without what a firm is: "Inc." is in no passage's way."""
        marks = (word for word in self.words if (word.is_name or word.is_number) and not is_form(word.text))
        return [term for word in marks for term in word.terms]


def take_apart(question: str, terms: Terms) -> Asked:
    """The question by its words."""
    places = list(_WORD.finditer(question))
    words = [_word(places, index, terms) for index in range(len(places))]
    content = tuple(word for word in words if word is not None)
    lower = question.lower()
    kind = _kind(lower)
    several = _asks_for_several(lower, content, kind)
    return Asked(question, kind, several, _without_forms(content, question))


def _without_forms(words: Sequence[Word], question: str) -> tuple[Word, ...]:
    """Without what a firm is where its name is said before it: "Holt Company" is "Holt"."""
    before = (None, *words)
    return tuple(
        word
        for word, last in zip(words, before, strict=False)
        if not (
            last and last.is_name and word.is_name and is_form(word.text) and question[last.end : word.start].isspace()
        )
    )


def _kind(lower: str) -> Kind:
    """What is asked for first: of "who did it, and when" the person."""
    found = [(match.start(), kind) for kind, pattern in _KINDS if (match := re.search(pattern, lower))]
    return min(found, key=lambda one: one[0], default=(0, Kind.OTHER))[1]


def _word(places: Sequence[re.Match[str]], index: int, terms: Terms) -> Word | None:
    text = places[index].group().strip(_OUTER)
    text = re.sub(r"['’]s$", "", text)
    bare = _BARE.sub("", text.lower())
    measured = bare in _MEASURES and index > 0 and places[index - 1].group().lower() == "how"
    if measured or not bare or bare in _EMPTY:
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


def _asks_for_several(lower: str, words: Sequence[Word], kind: Kind) -> bool:
    """Whether it asks for a list ("what were its sales" does not) or for the same of two names or years;
    "Holt and Sons was" is one name."""
    marks = [word for word in words if word.is_name or word.is_number]
    joined = [
        (one, other) for one, other in pairwise(marks) if _JOINED.fullmatch(lower, one.end, other.start) is not None
    ]
    singular = _SINGULAR.search(lower) is not None
    found = _SEVERAL.search(lower)
    listed = found is not None and not (kind is Kind.AMOUNT and found.group() in ("what are", "what were"))
    return listed or any((one.is_number and other.is_number) or not singular for one, other in joined)
