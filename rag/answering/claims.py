"""What an answer claims: its sentences, without those that say nothing; their words, names and negations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

Sentences = Callable[[str], list[tuple[int, int]]]
"""The (start, end) of each sentence of a text."""

FOOTNOTE = re.compile(r"\[(\d{1,3})\]")

_LINE = re.compile(r"[^\n]+")
_MARKER = re.compile(r"\s*(?:(?:[-*+•–]|\d{1,3}[.)]|#{1,6}|>)\s+|\|)*\s*")
_NO_CLAIM = re.compile(r"[\s|:=*_-]*|\s*(?:```|~~~|#{1,6}\s).*")
_TABLE_RULE = re.compile(r"\n[\s|:-]*-[\s|:-]*(?:\n|\Z)")
"""The line under the names of a table's columns, or under a heading."""
_MARKUP = re.compile(r"\[\d{1,3}\]|[*_`~|]")
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+(?:['’&.-](?:(?![{_UNSPACED}])\w)+)*")
_NAME = re.compile(r"\b(?:[A-ZÀ-ÖØ-Þ][\w&’'-]*|[a-z]+[A-Z]\w*|\w*\d[\w-]*[A-Za-z][\w-]*)")
_FISCAL = re.compile(r"FY\d*", re.IGNORECASE)
_ABSENT = re.compile(
    r"(?:\W*(?:however|but|unfortunately|also|beyond that)\b,?)?\W*(?:(?:the|these|those|my|your|provided|given|"
    r"available|cited|numbered)\s+)*(?:sources?|documents?|passages?|excerpts?|texts?|materials?)\s+(?:do|does|did)\s*(?:n[o’']t|not)"
    r"\b(?![^.]*[,;]\s*(?:but|however)\b)"
    r"|.*\b(?:not|n[o’']t|nowhere)\s+(?:\w+\s+)?(?:mentioned|stated|specified|given|provided|said|found|answered|included|"
    r"covered)\s+(?:in|by)\s+(?:the|these|any)\s+(?:\w+\s+)?(?:sources?|documents?|passages?|texts?)\W*$",
    re.IGNORECASE,
)
_CONNECTIVE = re.compile(
    r"\W*(?:here (?:is|are)|see (?:below|above)|let me know|in (?:summary|short|conclusion)|to (?:summari[sz]e|sum up)|"
    r"(?:i )?hope (?:this|that)|(?:sure|certainly|of course)\b|as (?:follows|asked)|based on (?:the|these|your)|"
    r"according to (?:the|these|your)|from (?:the|these|your)|the following|below)\b"
    r"[^\d]{0,80}$",
    re.IGNORECASE,
)
_ABOUT_SOURCES = re.compile(r"\b(?:sources?|documents?|passages?|summary|answer|overview|points?|details?)\b|:\W*$")
# Words that every sentence has and that say nothing about what it claims.
_EMPTY = """
a about after again all also an and any are as at be because been before being both but by can could did do does
during each for from further had has have he her here hers him his how i if in into is it its itself may me might
more most must my of on once only or other our out over own said same shall she should so some such than that the
their them then there these they this those through to too under until up upon very was we were what when where  which
while who whom whose why will with would you your
"""
EMPTY_WORDS = frozenset(_EMPTY.split())
NEGATIONS = frozenset({"not", "no", "never", "neither", "nor", "none", "nobody", "nothing", "cannot"})
_NO_NEGATION = re.compile(
    r"\bnot only\b|\bno (?:later|earlier|less|more|fewer|sooner|longer) than\b|\bnot (?:later|less|more|fewer) than\b"
    r"|\bno\. ?(?=\d)|\bwhether or not\b",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"n[’']t\b|\b(?:fail\w*|refus\w*|declin\w*|unable)\s+to\b|\b(?:barred|prohibited|prevented)\s+from\b", re.IGNORECASE
)
_UN = re.compile(r"\bun(?!ited|der)(?=\w{3,}(?:ed|able)\b)", re.IGNORECASE)
# "not before 3 March 2027" denies nothing of what happens from then on.
_DATE = re.compile(
    r"\d[\d.,]*|\b(?:jan|febr?|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)(?:uary|ch|il|ust|em?ber|ober)?\b",
    re.IGNORECASE,
)
_MODAL = re.compile(
    r"\b(?:may|must|shall|can|cannot|will|should|could|would|ha(?:s|ve) to)\s+(?:(?:not|also|only|never|always)\s+)*"
    r"(?:be\s+)?([a-z]+)"
)
_FORBIDS = re.compile(
    r"\b(?:prohibited|forbidden|barred|banned|disallowed|impossible|false|untrue|denied|denies|rumou?rs?)\b",
    re.IGNORECASE,
)
_OPPOSITES = (
    (
        r"ris(?:e|es|en|ing)|rose|rais\w*|increas\w*|grew|grow\w*|climbed|gain\w*|up",
        r"f[ae]ll\w*|decreas\w*|declin\w*|drop\w*|shrank|down",
    ),
    (r"higher|more|above|exceed\w*", r"lower|less|fewer|below"),
    (r"profits?|profitable", r"loss(?:es)?|lossmaking"),
    (r"maximum|at most", r"minimum|at least"),
    (r"approv\w*|accept\w*|agreed", r"reject\w*|refus\w*|declined|denied"),
    (r"includ\w*", r"exclud\w*"),
    (r"before", r"after"),
    (r"with", r"without"),
    (r"only the|solely|exclusively", r"either|both"),
    (r"buyer|lessee|tenant|borrower", r"seller|supplier|lessor|landlord|lender"),
)
_DIRECTIONS = tuple((re.compile(rf"\b(?:{a})\b", re.I), re.compile(rf"\b(?:{b})\b", re.I)) for a, b in _OPPOSITES)
_ENDINGS = re.compile(r"(?:['’]s?|ings?|edly|ed|ies|es|s|ly|ions?|ments?|e|y)$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text[start:end]` of an answer, its footnotes included; `bare` is what it says without them and Markdown."""

    start: int
    end: int
    bare: str
    citations: tuple[int, ...]


def claims(text: str, sentences: Sentences) -> list[Sentence]:
    """The sentences, list items and table rows of an answer's Markdown that claim something."""
    found = [_sentence(text, start, end) for start, end in _spans(text, sentences)]
    return [one for one in found if _claims(one)]


def _spans(text: str, sentences: Sentences) -> Iterator[tuple[int, int]]:
    """Where the sentences of each line are, the footnotes after a sentence's full stop within it."""
    for line in _LINE.finditer(text):
        if _NO_CLAIM.fullmatch(line[0]) or _TABLE_RULE.match(text, line.end()):
            continue
        marker = _MARKER.match(line[0])
        first = line.start() + (marker.end() if marker else 0)
        last = line.start() + len(line[0].rstrip(" \t|"))
        masked = _MARKUP.sub(lambda markup: " " * len(markup[0]), text[first:last])
        if not masked.strip():
            continue
        inner = sentences(masked) if line[0].lstrip()[:1] != "|" else [(0, last - first)]
        starts = [first, *(_opening(text, first + start) for start, _ in inner[1:]), last]
        for start, following in pairwise(starts):
            end = start + len(text[start:following].rstrip())
            if end > start:
                yield start, end


def _opening(text: str, start: int) -> int:
    """Where a sentence begins whose first letter is at `start`: before the emphasis that opens there."""
    while start and text[start - 1] in "*_`~":
        start -= 1
    return start


def _sentence(text: str, start: int, end: int) -> Sentence:
    numbers = [int(one) for one in FOOTNOTE.findall(text[start:end])]
    bare = re.sub(r"\s*\[\d{1,3}\]", "", text[start:end])
    return Sentence(start, end, " ".join(re.sub(r"[*_`~|]", " ", bare).split()), tuple(dict.fromkeys(numbers)))


def _claims(sentence: Sentence) -> bool:
    """Whether it says something about the world, and not about the answer, or that the sources are silent."""
    bare = sentence.bare
    if content(bare) <= {"yes"} or bare.endswith("?") or _ABSENT.match(bare):
        return False
    if bare.endswith(":") and not re.search(r"\d", bare) and not sentence.citations:
        return False
    return not (not sentence.citations and _CONNECTIVE.match(bare) and _ABOUT_SOURCES.search(bare))


def words(text: str) -> list[str]:
    """The words of a text in lower case, figures without separators, possessives without their end."""
    plain = re.sub(r"(?<=\d)[,\u00a0\u202f'’](?=\d{3}(?!\d))", "", text)
    plain = re.sub(r"(?<=\w)[-\u00ad]\n(?=\w)", "", plain).replace("’", "'")
    return [re.sub(r"'s$", "", word).lower() for word in _WORD.findall(plain)]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without its usual English endings, the last of a few forms of one."""
    cut = _ENDINGS.sub("", word)
    cut = cut if len(cut) >= 3 else word
    return cut[:-1] if len(cut) > 4 and cut[-1] == cut[-2] else cut


def content(text: str) -> set[str]:
    """The stems of the words that say something."""
    return {stem(word) for word in words(text) if word not in EMPTY_WORDS and word not in NEGATIONS}


def names(text: str, known: Sequence[str] = ()) -> list[str]:
    """The words of a text that name something: in capitals, or a code with figures in it.

    The first word counts where `known`, which has words that are names elsewhere, has it, or where it cannot be
    anything else.
    """
    return [word for run in name_runs(text, known) for word in run]


def name_runs(text: str, known: Sequence[str] = ()) -> list[tuple[str, ...]]:
    """The same, those that stand together, as "Harbour Street", in one."""
    runs: list[tuple[str, ...]] = []
    last = 0
    for match in _NAME.finditer(text):
        name = re.sub(r"['’]s?$", "", match[0])
        first = not re.search(r"\w", text[: match.start()]) or re.search(r"(?:[.!?:]|\n)\W*$", text[: match.start()])
        if _FISCAL.fullmatch(name):  # a figure
            continue
        sure = bool(re.search(r"[A-Z].*[A-Z]|\d", name)) or name in known
        if name.lower() not in EMPTY_WORDS | NEGATIONS and name != "I" and (sure or not first):
            together = runs and not text[last : match.start()].strip()
            runs[-1:] = [(*runs[-1], name)] if together else [*runs[-1:], (name,)]
            last = match.end()
    return runs


def verbs_after_modals(text: str) -> list[str]:
    """What it says that may, must, can or will be done, or be: "sublet" in "may not sublet"."""
    return [one for one in _MODAL.findall(text) if one not in EMPTY_WORDS]


def denied(text: str) -> set[str]:
    """The stems of the words that a text has only in clauses that it denies."""
    plain = _UN.sub("not ", _DENIES.sub(" not", _NO_NEGATION.sub(" ", text)))
    found: set[str] = set()
    affirmed: set[str] = set()
    for clause in re.split(r"[,;:.()]\s|\b(?:but|and|except|unless|or (?=(?:the|if)\b))\b", plain):
        if _FORBIDS.search(clause) or NEGATIONS & set(words(clause)):
            found |= content(_DATE.sub(" ", clause))
        else:
            affirmed |= content(clause)
    return found - affirmed


def goes_that_way(word: str, text: str) -> bool:
    """Whether a text has a word for the same direction: "increase" for "rise"."""
    return any(side.fullmatch(word) and side.search(text) for pair in _DIRECTIONS for side in pair)


def opposed(text: str, other: str) -> str:
    """The pair of opposites of which one text has the one and the other the other only; else empty."""
    for pair in _DIRECTIONS:
        mine, theirs = ([bool(side.search(one)) for side in pair] for one in (text, other))
        if sorted(mine) == sorted(theirs) == [False, True] and mine != theirs:
            sides = [side.search(one) for one in (text, other) for side in pair]
            return " / ".join(side[0].lower() for side in sides if side)
    return ""
