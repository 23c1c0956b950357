"""Where in a text something stands that may be what is asked for: figures, dates and names, each whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag.answering.asked import Kind
from rag.language import STOP_WORDS

MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_FULL_DATE = (
    rf"\b{_DAY}(?:\s+of)?\s+{MONTH}(?:,?\s+\d{{4}}\b)?|\b{MONTH}\s+{_DAY}\b(?:,?\s+\d{{4}}\b)?|\b{MONTH},?\s+\d{{4}}\b"
    r"|\b\d{4}-\d\d-\d\d\b|\b\d{1,2}[./]\d{1,2}[./]\d{4}\b"
)
_WHOLE_DATE = re.compile(_FULL_DATE)
_DATE = re.compile(
    rf"{_FULL_DATE}|\b\d{{1,2}}(?:st|nd|rd|th)(?:[\s-]+centur(?:y|ies))?\b(?!\s+[A-Z])|\bcentur(?:y|ies)\b"
    r"|\b\d{1,4}\s(?:BCE?|AD|CE)\b|\b(?:1\d|20)\d\ds?\b|\b(?:19|20)?\d0s\b"
    r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
)
YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_SCALE = r"(?i:percent|per\s+cent|hundred|thousand|million|billion|trillion|bn|mn)"
_FIGURE = re.compile(
    r"(?:[$€£¥]\s?|\b(?:EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|CAD|AUD|INR)\s)?"
    rf"(?<!\w)(?<!\w-)[+-]?\d+(?:[.,]\d+)*(?![\d-])(?:\s?%|(?!st\b|nd\b|rd\b|th\b)[A-Za-z]{{0,3}}\b)(?:\s{_SCALE}\b)?"
)
_COUNT = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty)"
_IN_WORDS = re.compile(
    rf"\b(?:{_COUNT}|hundred|thousand|million|billion|trillion|dozen|half|twice)(?:[\s-](?:{_COUNT}|{_SCALE}))*\b"
    rf"|\b(?:a|{_COUNT})[\s-](?:third|quarter)s?\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"\b(?:revenues?|sales|turnover|earnings|income|profits?|eps|costs?|expenses?|expenditures?|debts?|cash|assets"
    r"|liabilities|equity|prices?|rent|deposit|salary|wages?|budget|dividends?)\b",
    re.IGNORECASE,
)
_OF_CHANGE = re.compile(
    r"\b(?:increase|decrease|change|growth|rise|fall|decline|rate|margin|share of|percent\w*|rose|fell|grow)\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"(?:%|per\s?cent)$", re.IGNORECASE)
_SCALED = re.compile(rf"\s{_SCALE}$", re.IGNORECASE)
# The number of a clause or a note, of an item at the beginning.
_NUMBERS = re.compile(
    r"(?:\b(?:clause|note|notes|page|section|item|article|exhibit|chapter|no\.)\s*|^\s*)\(?$", re.IGNORECASE
)
_TOKEN = re.compile(r"[\w][\w.,%'’&$€£-]*|[$€£%]\S*")


def answer_spans(kind: Kind, question: str, text: str) -> list[tuple[int, int]]:
    """Where in `text` something stands that may be what is asked for, and that the question does not say itself."""
    said = set(re.findall(r"\w+", question.lower()))
    if kind is Kind.OTHER:
        return []
    if kind is Kind.DATE:
        found = [match.span() for match in _DATE.finditer(text)]
    elif kind in (Kind.NUMBER, Kind.AMOUNT):
        found = figures(text, in_words=kind is Kind.NUMBER)
        if kind is Kind.AMOUNT and _MONEY.search(question) and not _OF_CHANGE.search(question):
            found = [(start, end) for start, end in found if not _PERCENT.search(text[start:end])]
    else:
        return list(_names(text, said))
    return [(start, end) for start, end in found if not said.issuperset(re.findall(r"\w+", text[start:end].lower()))]


def figures(text: str, in_words: bool = False) -> list[tuple[int, int]]:
    """The figures of a text: not its dates and years, nor the numbers of its clauses and notes. Of those in words all,
    or only those that are of millions or percent."""
    dates = [match.span() for match in _WHOLE_DATE.finditer(text)]
    found = []
    for match in _FIGURE.finditer(text):
        inside = any(start < match.end() and match.start() < end for start, end in dates)
        if not inside and not YEAR.fullmatch(match.group()) and not _numbers(text, match):
            found.append(match.span())
    for match in _IN_WORDS.finditer(text):
        apart = not any(start < match.end() and match.start() < end for start, end in found)
        if apart and (in_words or _SCALED.search(match.group())):
            found.append(match.span())
    return sorted(found)


def _numbers(text: str, match: re.Match[str]) -> bool:
    """Whether a figure is no figure but the number of something."""
    before = text[max(0, match.start() - 12) : match.start()]
    found = _NUMBERS.search(before)
    if found is None or not match.group().isdigit():
        return False
    at_start = match.start() == len(before) and not before.strip(" (")
    return text[match.end() : match.end() + 1] in (".", ")") if at_start else bool(found.group().strip(" ("))


def _names(text: str, said: set[str]) -> Iterator[tuple[int, int]]:
    """Runs of capitalised words; a word that begins the text only if another follows it."""
    run: list[tuple[int, int]] = []
    for match in [*_TOKEN.finditer(text), None]:
        word = match.group().strip(".,'’-") if match else ""
        fits = bool(word) and word[0].isupper() and word.lower() not in STOP_WORDS and word.lower() not in said
        joins = match is not None and bool(run) and text[run[-1][1] : match.start()].isspace()
        if run and not (fits and joins):
            if run[-1][0] > 0:
                yield run[0][0], run[-1][1]
            run = []
        if fits and match:
            run.append((match.start(), match.start() + len(match.group().rstrip(".,'’-"))))
