"""Writing into the session what must not be written by halves.

Each look at the session is a place where Streamlit may stop a run, as something else has been clicked meanwhile: also
in a callback, of which the rest is never done. What was done before stays done, and must be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import RerunException


def write_down(values: Mapping[str, Any]) -> None:
    """Write all of it into the session, and stop only then if the run is to stop; after work that takes a while."""
    stopped: RerunException | None = None
    for key, value in values.items():
        try:
            st.session_state[key] = value
        except RerunException as asked:  # it is asked once: then it is up to us
            stopped = asked
            st.session_state[key] = value
    if stopped is not None:
        raise stopped
