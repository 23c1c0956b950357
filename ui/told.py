"""The address that the session told last, where the browser has not heard it yet.

What is clicked moments after the address was changed is sent with the address before, as if the reader had gone back.
Pages follow the address, and would undo what the reader did last.
"""

from __future__ import annotations

import time

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

SECONDS = 10.0
"""How long a browser may take to hear of an address."""
_NOW, _LEFT, _OURS = "address-now", "address-left", "address-ours"

Address = dict[str, list[str]]


def tells_address() -> None:
    """Say that a callback has written the address, which is then not what the browser has sent; for callbacks."""
    st.session_state[_OURS] = True


def begin_address(page: str) -> None:
    """Where a page begins: if the browser has sent an address that was left just now, take the one told since."""
    is_ours = st.session_state.pop(_OURS, False)
    of, told = st.session_state.get(_NOW, (page, _address()))
    if of != page:
        st.session_state.pop(_NOW)
        st.session_state.pop(_LEFT, None)
        return
    left: list[tuple[float, Address]] = st.session_state.get(_LEFT, [])
    sent = _address()
    context = get_script_run_ctx()
    if is_ours or (context is not None and context.is_history_navigation):
        return
    if sent != told and any(sent == one and time.monotonic() - at < SECONDS for at, one in left):
        st.query_params.from_dict(told)


def end_address(page: str) -> None:
    """Where a page ends: remember the address, and when the one before was left."""
    st.session_state.pop(_OURS, None)
    _, before = st.session_state.get(_NOW, (page, {}))
    now = _address()
    if now != before:
        left: list[tuple[float, Address]] = st.session_state.get(_LEFT, [])
        recent = [one for one in left if time.monotonic() - one[0] < SECONDS]
        st.session_state[_LEFT] = [*recent, (time.monotonic(), before)]
    st.session_state[_NOW] = (page, now)


def _address() -> Address:
    return {key: st.query_params.get_all(key) for key in st.query_params}
