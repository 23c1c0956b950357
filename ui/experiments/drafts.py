"""Questions that were changed in their table and are not saved yet: kept while the reader looks at something else.

Streamlit forgets what was typed into a table once that is not drawn any more. So what has become of a set's rows is
kept in the session under the set's name, and the table begins with it when it is drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from rag.records import KeptSet

Row = Mapping[str, Any]
_DRAFTS, _TABLE = "experiments-drafts", "experiments-draft-table"


def draw_editor(shown: KeptSet, rows: Sequence[Row], columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A table of a set's questions in which they can be changed; what has become of its rows."""
    table = _table(shown)
    if table not in st.session_state:  # drawn for the first time, or again: what was typed is in the draft alone
        begun = _drafts().get(shown.name, (shown.version, rows))[1]
        st.session_state[_TABLE] = (table, begun)
    edited = st.data_editor(
        st.session_state[_TABLE][1],
        column_config=dict(columns),
        hide_index=True,
        num_rows="dynamic",
        key=table,
        alt="The questions, to be changed: double-click a cell, or add a row at the end",
    )
    return [dict(one) for one in edited]


def keep_draft(shown: KeptSet, rows: Sequence[Row]) -> str:
    """Keep rows that differ from those of the set's newest version, `shown`. The version that they were made from."""
    version, _ = _drafts().get(shown.name, (shown.version, rows))
    _drafts()[shown.name] = (version, rows)
    return version


def drop_draft(name: str) -> None:
    """Forget what was changed in a set: it was saved, or is not wanted."""
    if _drafts().pop(name, None) is not None:
        number = f"{_TABLE}-number"  # another table, as the browser keeps what was typed into this one
        st.session_state[number] = st.session_state.get(number, 0) + 1


def drafts() -> list[str]:
    """The sets with changes that are not saved."""
    return list(_drafts())


def _drafts() -> dict[str, tuple[str, Sequence[Row]]]:
    found: dict[str, tuple[str, Sequence[Row]]] = st.session_state.setdefault(_DRAFTS, {})
    return found


def _table(shown: KeptSet) -> str:
    return f"experiments-edit-{shown.name}-{shown.version}-{st.session_state.get(f'{_TABLE}-number', 0)}"
