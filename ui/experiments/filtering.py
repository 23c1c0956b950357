"""The leaderboard's filter: words of what runs are set to. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

from rag.records import Configuration, Run
from ui.experiments.words import PARAMETERS, value


def filtered(runs: Sequence[Run], wanted: str) -> list[Run]:
    """Runs of which, for each part of `wanted`, a parameter has all words; parts are divided by commas, semicolons and
    dots in the middle. What is a number is one of the parameter's numbers, and not a part of it."""
    parts = [part.split() for part in re.split(r"[,;·]", wanted.lower())]
    parts = [words for words in parts if words]
    return [one for one in runs if all(_says(one.configuration, words) for words in parts)]


def example(runs: Sequence[Run], names: Sequence[str]) -> str:
    """What could be filtered for: a value that some of the runs have, of a parameter in which they differ."""
    if not runs or not names:
        return ""
    return _said(runs[-1].configuration, names[-1])


def _says(configuration: Configuration, words: Sequence[str]) -> bool:
    return any(_has(_said(configuration, name).lower(), words) for name in PARAMETERS)


def _said(configuration: Configuration, name: str) -> str:
    return f"{PARAMETERS[name].name} {value(name, asdict(configuration)[name])}"


def _has(text: str, words: Sequence[str]) -> bool:
    there = text.split()
    return all(one in there if _is_number(one) else one in text for one in words)


def _is_number(word: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", word) is not None
