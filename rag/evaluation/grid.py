"""Grids: which configurations are held against each other, from lists of values, or one after the other."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import product
from typing import Any

from rag.errors import InputError
from rag.records import QUOTING, Configuration

MOST = 500
"""Configurations in a study."""
RANGES: Mapping[str, tuple[float, float]] = {
    "chunk_tokens": (32, 2000),
    "overlap": (0, 1000),
    "k": (1, 100),
    "lexical": (0, 100),
    "dense": (0, 100),
    "late": (0, 100),
    "routed": (0, 100),
    "abstain_below": (0, 1),
}
_USUAL = {one.name: one.default for one in fields(Configuration)}
_MODEL = re.compile(r"[A-Za-z]\w+:\S.*")
_LONGEST = 200


def read_grid(data: bytes, name: str, base: Configuration | None = None) -> list[Configuration]:
    """The configurations in a JSON file: an object of lists, of which each combination is one, or a list of such
    objects. What is not named is as in `base`. Raises InputError."""
    try:
        given = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # which UnicodeDecodeError is
        raise InputError(f"{name} is no JSON ({error}).") from error
    grids = given if isinstance(given, list) else [given]
    if not grids or not all(isinstance(one, Mapping) for one in grids):
        raise InputError(f'{name} should be an object of lists, such as {{"k": [3, 5]}}, or a list of such objects.')
    return checked([one for each in grids for one in grid(each, base)])


def grid(values: Mapping[str, Any], base: Configuration | None = None) -> list[Configuration]:
    """Each combination of the values that are listed by their names, without repetitions; what is not named is as in
    `base`. A value that is no list is one. Raises InputError."""
    lists = {name: _listed(name, value) for name, value in values.items()}
    if math.prod(map(len, lists.values())) > MOST:
        each = " x ".join(f"{len(some)}" for some in lists.values())
        raise InputError(f"{each} are more than {MOST} configurations. Try fewer values at a time.")
    usual = base or Configuration()
    return checked([replace(usual, **dict(zip(lists, some, strict=True))) for some in product(*lists.values())])


def checked(configurations: Sequence[Configuration]) -> list[Configuration]:
    """They, each once. Raises InputError if one of them cannot be used, or there are too many."""
    found = list(dict.fromkeys(configurations))
    if not found:
        raise InputError("There is no configuration to try. Name one at least.")
    if len(found) > MOST:
        raise InputError(f"{len(found):,} are more than {MOST} configurations. Try fewer at a time.")
    for one in found:
        _check(one)
    return found


def _check(one: Configuration) -> None:
    if not (one.lexical or one.dense):
        raise InputError("A configuration needs the lexical or the dense list; late interaction ranks what they find.")
    if one.overlap * 2 > one.chunk_tokens:
        raise InputError(f"Passages of {one.chunk_tokens} tokens cannot share {one.overlap}: half of them at most.")
    if one.answerer and one.answerer != QUOTING and not _MODEL.fullmatch(one.answerer):
        raise InputError(
            f"The answerer {one.answerer!r} is none: leave it empty for retrieval alone, or give {QUOTING} or a "
            "language model as provider:model."
        )
    if not one.model:
        raise InputError("Name an embedding model: bundled, a sentence-transformers name, or provider:model.")
    if one.precision not in ("int8", "fp32"):
        raise InputError(f"The precision {one.precision!r} is not one of int8 and fp32.")


def _listed(name: str, value: Any) -> list[Any]:
    if name not in _USUAL:
        near = difflib.get_close_matches(name, _USUAL, 1)
        meant = f" Did you mean {near[0]}?" if near else f" There are {', '.join(_USUAL)}."
        raise InputError(f"A configuration has no {name!r}.{meant}")
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not values:
        raise InputError(f"The list of {name} is empty. Give one value at least.")
    return [_typed(name, one) for one in values]


def _typed(name: str, value: Any) -> Any:
    """The value as the record has it. Raises InputError."""
    usual = _USUAL[name]
    if isinstance(usual, bool):
        if not isinstance(value, bool):
            raise InputError(f"{name} is true or false, not {value!r}.")
        return value
    if isinstance(usual, str):
        if not isinstance(value, str) or len(value) > _LONGEST or not value.isprintable():
            raise InputError(f"{name} is a text of up to {_LONGEST} characters, not {str(value)[:40]!r}.")
        return value.strip()
    whole = isinstance(usual, int)
    low, high = RANGES[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or (whole and value != int(value)):  # NaN is not between them
        kind = "a whole number" if whole else "a number"
        raise InputError(f"{name} is {kind} between {low:g} and {high:g}, not {_said(value)}.")
    return int(value) if whole else float(value)


def _said(value: Any) -> str:
    try:
        return repr(str(value)[:40])
    except ValueError:  # more digits than Python writes down
        return "a number of thousands of digits"
