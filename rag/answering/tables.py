"""Tables within running text: which lines are rows, and what stands above them that names their columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.answering.asked import Asked, Terms
from rag.answering.spans import MONTH

CELL = " | "
"""What stands between the cells of a row, and between the names of columns."""
LEAD = 5
"""Lines above a table at most that belong to it: its caption, its unit, the names of its columns."""

_FIGURE = r"(?:[$€£]\s?)?[(+–-]?[$€£]?\d[\d.,]*(?:\s?[%)]{1,2})?|[–—-]|n/a|none"
_ENDS_IN_FIGURES = re.compile(rf"(?:^|\s)((?:{_FIGURE})(?:\s+(?:{_FIGURE}))+)\s*$", re.IGNORECASE)
_ENDS_IN_DATE = re.compile(rf"{MONTH}\s+\d{{1,2}},?\s+\d{{4}}\W*$")
_YEARS = re.compile(r"[\s(]*(?:(?:19|20)\d\d[\s)]*)+")
_RULE = re.compile(r"[\s|:+=-]+")
_FIRST_FIGURE = re.compile(r"[\d$€£]")
_PLAIN = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_RANGE = re.compile(r"\d\s*(?:to|–|—|-)\s*(?:below |under )?\d")
_TOTAL = re.compile(r"\W*(?:grand\s+|sub-?)?totals?\b", re.IGNORECASE)
_TAIL = 150  # code points of a line that are looked at
_LONG = 110  # code points: a full line of running text
APART = 2
"""Lines from one row of a table to the next at most."""


def is_row(line: str) -> bool:
    """Whether a line has cells, or ends in at least two figures that are not years or a date."""
    if CELL in line or line.startswith("|"):
        return True
    found = _ENDS_IN_FIGURES.search(line[-_TAIL:])
    return found is not None and not _YEARS.fullmatch(found[1]) and not _ENDS_IN_DATE.search(line)


def is_rule(line: str) -> bool:
    """Whether it only divides the names of columns from what is below them."""
    return _RULE.fullmatch(line) is not None


def rows_of(lines: Sequence[str]) -> list[int]:
    """Which of the lines are rows of a table: there is another one near, or it is the total of what is above."""
    rows = [number for number, line in enumerate(lines) if is_row(line)]
    if rows == [0] and is_total(lines[0]):  # the rest of its table is in the passage before
        return rows
    near = [
        number
        for place, number in enumerate(rows)
        if (place and number - rows[place - 1] <= APART)
        or (place + 1 < len(rows) and rows[place + 1] - number <= APART)
    ]
    return [number for number in near if not _names_columns(lines, number)]


def _names_columns(lines: Sequence[str], number: int) -> bool:
    following = lines[number + 1] if number + 1 < len(lines) else ""
    return is_rule(lines[number]) or (CELL in lines[number] and bool(following) and is_rule(following))


def lead_of(lines: Sequence[str], first: int) -> int:
    """The line from which on it belongs to the table whose first row is line `first`; `first` if there is none."""
    begin = first
    while begin and first - begin < LEAD:
        above = lines[begin - 1].rstrip()
        if above.startswith("#"):
            break
        if is_row(above) and CELL not in above and not is_rule(above):
            break
        if above.endswith((".", "?", "!", ";")) or (len(above) > _LONG and not above.endswith(":")):
            break
        begin -= 1
        if above.endswith(":"):
            break
    return begin


def is_total(row: str) -> bool:
    """Whether a row says that it is the total."""
    return _TOTAL.match(_label(row)) is not None


def total_of(row: str) -> str:
    """What a row is of, without the word that says that it is the total."""
    return _TOTAL.sub("", _label(row))


def fit_of_row(row: str, asked: Asked, terms: Terms) -> float:
    """The share of the words before its figures that the question has, in [0, 1]; it need not say "total"."""
    words = set(terms(total_of(row)))
    return len(words & set(asked.terms)) / len(words) if words else 0.0


def is_in_range(row: str, asked: Asked) -> bool:
    """Whether a row is a range in which a number of the question lies: "400 to 499", "below 10", "2.5 and above"."""
    numbers = [float(word.text.replace(",", "")) for word in asked.words if _PLAIN.fullmatch(word.text)]
    return any(_lies_in(_label(row), number) for number in numbers)


def _label(row: str) -> str:
    cells = [cell for cell in row.strip("| ").split("|") if cell.strip()]
    return cells[0] if len(cells) > 1 else _FIRST_FIGURE.split(row, maxsplit=1)[0]


def _lies_in(label: str, number: float) -> bool:
    bounds = [float(one.replace(",", "")) for one in _PLAIN.findall(label)]
    text = label.lower()
    if len(bounds) == 2 and _RANGE.search(text):
        return bounds[0] <= number <= bounds[1] and not (number == bounds[1] and "below" in text)
    if len(bounds) != 1:
        return False
    if re.search(r"\b(?:below|under|fewer than|less than|up to)\b", text):
        return number < bounds[0] or (number == bounds[0] and "up to" in text)
    return bool(re.search(r"\b(?:above|over|more|from|at least)\b", text)) and number >= bounds[0]
