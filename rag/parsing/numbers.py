"""Values of a spreadsheet's cells as its reader sees them."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple

_PART = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]|(?P<left_out>\[[^\]]*\]|[_*].)'
    r"|(?P<digits>[0#?][0#?.,]*(?:[eE][+-]0+)?|\.[0#?]+)|(?P<other>.)",
    re.DOTALL,
)
_SECTION_END = re.compile(r'(?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[])*')
_MOST_DECIMALS = 15


class _Format(NamedTuple):
    """How one section of a number format writes a number."""

    prefix: str
    suffix: str
    whole: int
    """The fewest digits before the point."""
    decimals: int
    thousands: bool
    scale: float
    scientific: bool


def shown(value: Any, number_format: str) -> str:
    """`value` (number, boolean, date, time, duration) in its cell's number format; dates are ISO whatever it is."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    if isinstance(value, time):
        return value.isoformat("seconds")
    if isinstance(value, date | timedelta):
        return str(value)
    return _number(value, number_format)


def _number(value: float, number_format: str) -> str:
    positive, *others = _sections(number_format)
    has_own_sign = value < 0 and bool(others)
    layout = _layout(others[0] if has_own_sign else positive)
    if layout is None:
        return str(value) if isinstance(value, int) else f"{value:.15g}"
    scaled = abs(value) * layout.scale
    kind = "e" if layout.scientific else "f"
    digits = f"{scaled:{',' if layout.thousands else ''}.{layout.decimals}{kind}}"
    if not layout.thousands and not layout.scientific:
        digits = digits.zfill(layout.whole + layout.decimals + (layout.decimals > 0))
    sign = "-" if value < 0 and not has_own_sign and re.search("[1-9]", digits) else ""
    return f"{sign}{layout.prefix}{digits}{layout.suffix}".strip()


@cache
def _sections(number_format: str) -> list[str]:
    """For positive numbers, negative ones, zero."""
    sections, place = [], 0
    while place <= len(number_format):
        match = _SECTION_END.match(number_format, place)
        end = match.end() if match else place
        sections.append(number_format[place:end])
        place = end + 1
    return sections


@cache
def _layout(section: str) -> _Format | None:
    """None for a section that says nothing about digits (General, text) or too much (fractions)."""
    around = ["", ""]
    digits = ""
    percents = 0
    for part in _PART.finditer(section):
        if part["digits"]:
            if digits:
                return None
            digits = part["digits"]
        elif not part["left_out"]:
            literal = part["quoted"] or part["escaped"] or part["currency"] or part["other"] or ""
            percents += part["other"] == "%"
            around[bool(digits)] += literal
    if not digits:
        return None
    mantissa = re.split("[eE]", digits)[0]
    whole, _, decimals = mantissa.partition(".")
    trailing = len(mantissa) - len(mantissa.rstrip(","))
    return _Format(
        prefix=around[0],
        suffix=around[1],
        whole=whole.count("0"),
        decimals=min(len(decimals.rstrip(",")), _MOST_DECIMALS),
        thousands="," in whole.rstrip(","),
        scale=100.0**percents / 1000.0**trailing,
        scientific=mantissa != digits,
    )
