"""The leaderboard's table: a page of runs, each beside the baseline in words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from rag.records import Promotion, Run, RunState
from rag.workspace import Standing
from ui.experiments.address import MOST_RUNS, RUNS, look_at, now
from ui.experiments.words import STATES, described, metric_help

_MARKS = {"champion": "🏆 champion", "challenger": "challenger"}


def draw_table(
    runs: Sequence[Run],
    names: Sequence[str],
    metrics: Sequence[str],
    standings: Mapping[str, Standing],
    marks: Mapping[str, Promotion],
    baseline: str,
) -> None:
    """Draw it. `names` are the parameters that differ, `metrics` the columns; the first orders the runs."""
    ids = [one.id for one in runs]
    chosen = [one for one in now(RUNS) or [] if one in ids]
    # Another key for other rows: what is marked is known to the browser by the numbers of the rows.
    table = f"experiments-board-{digest([*ids, *metrics, *chosen, baseline])}"

    def clicked() -> None:
        rows = [ids[row] for row in st.session_state[table].selection.rows if row < len(ids)]
        others = [one for one in now(RUNS) or [] if one not in ids]
        look_at(RUNS, [*others, *rows][-MOST_RUNS:])

    st.space("xxsmall")  # where the table's toolbar appears
    st.dataframe(
        [_row(one, names, metrics, standings.get(one.id), marks, one.id == baseline) for one in runs],
        hide_index=True,
        key=table,
        on_select=clicked,
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [row for row, one in enumerate(ids) if one in chosen]}},
        column_config=_columns(metrics),
        placeholder="–",
        alt="Runs, the best first",
    )


def _row(
    run: Run,
    names: Sequence[str],
    metrics: Sequence[str],
    standing: Standing | None,
    marks: Mapping[str, Promotion],
    is_baseline: bool,
) -> dict[str, Any]:
    """A run as a row. Cells show their text literally, so nothing needs escaping."""
    first, *others = metrics
    state = "" if run.state is RunState.FINISHED else STATES[run.state]
    mark = ", ".join(_MARKS[alias] for alias, one in marks.items() if is_promoted(run, one))
    return {
        "Run": described(run.configuration, names),
        first: run.metrics.get(first),
        "Beside the baseline": "the baseline" if is_baseline else verdict(standing) or state,
        "Mark": mark or None,
        **{one: run.metrics.get(one) for one in others},
    }


def is_promoted(run: Run, promotion: Promotion) -> bool:
    """Whether a promotion is of this run, or of one that was configured alike."""
    return run.id == promotion.run if promotion.run else run.configuration == promotion.configuration


def verdict(standing: Standing | None) -> str:
    """How a run stands beside the baseline, in words; empty if that cannot be said."""
    if standing is None or standing.difference is None or not standing.difference.questions:
        return ""
    found = standing.difference
    return f"{standing.verdict}: {found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def _columns(metrics: Sequence[str]) -> dict[str, Any]:
    number = {
        one: st.column_config.NumberColumn(
            format="%.0f ms" if one.startswith("latency") else "%.3f", width=84, help=metric_help(one)
        )
        for one in metrics
    }
    return {
        "Run": st.column_config.TextColumn(
            width=250, pinned=True, help="What differs between the runs that are ranked."
        ),
        "Beside the baseline": st.column_config.TextColumn(
            width=250,
            help="The difference to the baseline, and in brackets between which values it lies when the questions are "
            "drawn anew: “no real difference” if that may be none at all.",
        ),
        "Mark": st.column_config.TextColumn(
            width=100, help="The champion answers on the Ask page. The challenger is who may follow it."
        ),
        **number,
    }


def digest(what: Sequence[str]) -> str:
    """A short name for them in keys."""
    return hashlib.blake2b("\n".join(what).encode(errors="surrogatepass"), digest_size=8).hexdigest()
