"""Negation and opposite words, in English: two texts that share all other words may say the contrary."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|neither|nor|without|cannot|unable|hardly|rarely|fail\w*|lack\w*|refus\w*"
    r"|except|unlike|\w+n['’]t)\b",
    re.IGNORECASE,
)
_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "non-", "anti", "anti-")
_LONG = 4  # letters of a word that a prefix turns around
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_PAIRS = """
most least, more less, more fewer, most fewest, great less, major minor, maximum minimum, many few
majority minority, first last, former latter, before after, early late, earlier later, earliest latest, begin end
began ended, start stop, begin finish, start finish, start end, increase decrease, rise fall, rose fell
grow shrink, gain lose, win lose, won lost, high low, higher lower, highest lowest, large small, larger smaller
largest smallest, big small, long short, longer shorter, longest shortest, old new, older newer, oldest newest
old young, older younger, oldest youngest, good bad, better worse, best worst, strong weak, stronger weaker
strongest weakest, fast slow, faster slower, fastest slowest, cheap expensive, rich poor, richest poorest
hot cold, warm cool, hard soft, heavy light, light dark, easy difficult, simple complex, open close, buy sell
bought sold, import export, accept reject, support oppose, allow prohibit, allow forbid, permit forbid
include exclude, enter leave, arrive depart, join leave, attack defend, create destroy, build destroy
encourage discourage, love hate, agree disagree, north south, northern southern, east west, eastern western
northeast southwest, northwest southeast, left right, upper lower, above below, over under, up down
inside outside, internal external, interior exterior, public private, male female, man woman, men women, boy girl
king queen, father mother, son daughter, brother sister, husband wife, always never, all none, same different
similar different, positive negative, success failure, succeed fail, present absent, common rare, active passive
direct indirect, ancient modern, urban rural, true false, alive dead, live die, birth death, born died, ally enemy
friend enemy, victory defeat, peace war, near far, nearest farthest, closest farthest, full empty, wide narrow
deep shallow, thick thin, heat cool, push pull, teach learn, lend borrow, appear disappear, advantage disadvantage
permanent temporary, domestic foreign, civilian military, guilty innocent, liberal conservative
democratic autocratic, voluntary compulsory, optional mandatory, odd even, credit debit, asset liability
profit loss, income expense, supply demand, input output, host guest, front back, top bottom, summer winter
day night, morning evening, sunrise sunset, wet dry, solid liquid, acid base, plus minus
"""


def is_negated(text: str) -> bool:
    """Whether it says that something is not so."""
    return _NEGATION.search(text) is not None


def are_opposed(question: str, text: str, terms: Callable[[str], Sequence[str]]) -> bool:
    """Whether the text has, instead of a word of the question, the opposite of it."""
    opposites = _opposites(terms)
    there = set(terms(text))
    asked = set(terms(question))
    return any(word not in there and not there.isdisjoint(opposites.get(word, frozenset()) - asked) for word in asked)


def differ_by_a_prefix(question: str, text: str) -> bool:
    """Whether a word of one is a word of the other turned around by a prefix: legal and illegal."""
    asked, there = set(_WORD.findall(question.lower())), set(_WORD.findall(text.lower()))
    return _turned(asked, there) or _turned(there - asked, asked)


def _turned(words: set[str], others: set[str]) -> bool:
    return any(
        prefix + word in others and word not in others for word in words if len(word) >= _LONG for prefix in _PREFIXES
    )


@lru_cache(maxsize=4)  # by language; what it is given belongs to an open folder
def _opposites(terms: Callable[[str], Sequence[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in re.split(r",\s*|\n", _PAIRS.strip()):
        one, other = (terms(word)[0] for word in pair.split())
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}
