"""What is looked at, in the page's address, so that a link to it shows the same: the view, what is compared, the runs.

A widget's value lives in the session under its key, as anywhere; here is only the way there from an address and back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

VIEW, CONTEST, METRIC, RUNS, QUESTION, SET = "view", "asked", "metric", "run", "question", "set"
MOST_RUNS = 6
"""Compared at a time."""


def _one(given: Sequence[str]) -> str:
    return given[0]


def _several(given: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(given))[:MOST_RUNS]


def _number(given: Sequence[str]) -> int | None:
    return int(given[0]) - 1 if given[0].isdecimal() and len(given[0]) < 7 else None


_READ: Mapping[str, Callable[[Sequence[str]], Any]] = {
    VIEW: _one,
    CONTEST: _one,
    METRIC: _one,
    RUNS: _several,
    QUESTION: _number,
    SET: _one,
}


def key(part: str) -> str:
    """Where in the session it is."""
    return f"experiments-{part}"


def now(part: str) -> Any:
    """What is looked at; None if nothing is."""
    return st.session_state.get(key(part))


def look_at(part: str, what: Any) -> None:
    """Look at something else from now on; before its widget is drawn, or in callbacks."""
    st.session_state[key(part)] = what


def follow_address() -> None:
    """Look at what the address names, once: afterwards the reader chooses."""
    given = {one: st.query_params.get_all(one) for one in _READ if one in st.query_params}
    if given and given != st.session_state.get("experiments-told"):
        for part, values in given.items():
            look_at(part, _READ[part](values))
    st.session_state["experiments-told"] = given


def tell_address() -> None:
    """Name what is looked at in the address; at the end of a page."""
    told = {part: _written(part) for part in _READ}
    told = {part: values for part, values in told.items() if values}
    there = {one: st.query_params.get_all(one) for one in st.query_params}
    now = {one: values for one, values in there.items() if one not in _READ} | told
    if now != there:
        st.query_params.from_dict(now)  # all at once, as each change alone would be an entry of the browser's history
    st.session_state["experiments-told"] = told


def _written(part: str) -> list[str]:
    what = now(part)
    if what is None or what == "" or what == []:
        return []
    if part == QUESTION:
        return [str(what + 1)] if now(VIEW) == "Compare" else []
    if part == SET:
        return [what] if now(VIEW) == "Question sets" else []
    return list(what) if part == RUNS else [str(what)]
