"""The leaderboard's table: a page of runs, each beside the baseline in words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from rag.records import Promotion, Run, RunState
from rag.workspace import TOO_FEW, Standing
from ui.experiments.address import METRIC, MOST_RUNS, RUNS, look_at, now
from ui.experiments.words import PARAMETERS, STATES, apart, metric_help, signed, value

CHANGED = "Other than the baseline"
VERDICT, DIFFERENCE, BETWEEN, MARK = "Beside the baseline", "Difference", "Between", "Mark"
FAILED = "Failed"
_SEEN = "experiments-board-seen"


def draw_table(
    runs: Sequence[Run],
    first: int,
    names: Sequence[str],
    metrics: Sequence[str],
    standings: Mapping[str, Standing],
    marks: Mapping[str, Promotion],
    held: Run | None,
) -> None:
    """Draw runs from the rank `first` on. `names` are the parameters that differ, `metrics` the figures: the first
    orders the runs. `held` is the baseline."""
    ids = [one.id for one in runs]
    failures = any(one.metrics.get("errors") for one in runs)
    chosen = [one for one in now(RUNS) or [] if one in ids]
    table = _key(digest([*ids, *metrics, held.id if held else ""]), chosen)

    def clicked() -> None:
        selection = st.session_state[table].selection
        rows = [ids[row] for row in selection.rows if row < len(ids)]
        others = [one for one in now(RUNS) or [] if one not in ids]
        look_at(RUNS, [*others, *rows][-MOST_RUNS:])
        st.session_state[_SEEN] = (st.session_state[_SEEN][0], rows)
        if selection.columns and selection.columns[0] in metrics:
            look_at(METRIC, selection.columns[0])

    rows = [
        {
            "#": rank if metrics[0] in one.metrics else None,
            **_row(one, names, metrics, standings.get(one.id), marks, held, failures),
        }
        for rank, one in enumerate(runs, first)
    ]
    if not any(one[MARK] for one in rows):
        rows = [{name: cell for name, cell in one.items() if name != MARK} for one in rows]
    st.space("xxsmall")  # where the table's toolbar appears
    st.dataframe(
        rows,
        hide_index=True,
        key=table,
        on_select=clicked,
        selection_mode=["multi-row", "single-column"],
        selection_default={"selection": {"rows": [row for row, one in enumerate(ids) if one in chosen]}},
        column_config=_columns(names, metrics),
        height="content",
        placeholder="–",
        alt="Runs, the best first",
    )


def _key(shown: str, chosen: list[str]) -> str:
    """The table's key: another one for other rows, as the browser knows what is marked by the numbers of rows, and when
    something is marked or not by other means than a click in the table. A click in it leaves the table where it is:
    otherwise it would be drawn anew, and what is below it would move away under the pointer."""
    (before, number), marked = st.session_state.get(_SEEN, (("", 0), []))
    if before != shown or set(marked) != set(chosen):
        number += 1
    st.session_state[_SEEN] = ((shown, number), chosen)
    return f"experiments-board-{shown}-{number}"


def _row(
    run: Run,
    names: Sequence[str],
    metrics: Sequence[str],
    standing: Standing | None,
    marks: Mapping[str, Promotion],
    baseline: Run | None,
    failures: bool,
) -> dict[str, Any]:
    """A run as a row. Cells show their text literally, so nothing needs escaping."""
    first, *others = metrics
    is_baseline = baseline is not None and run.id == baseline.id
    state = "" if run.state is RunState.FINISHED else STATES[run.state]
    given = asdict(run.configuration)
    found = standing.difference if standing and standing.difference and standing.difference.questions else None
    changed = {CHANGED: apart(run.configuration, baseline.configuration) or None} if baseline else {}
    return {
        **changed,
        first: run.metrics.get(first),
        VERDICT: "the baseline" if is_baseline else (standing.verdict if standing and found else state) or None,
        DIFFERENCE: _shown(found.mean if found else _apart(run, baseline, first), first),
        BETWEEN: f"{signed(found.low)} and {signed(found.high)}" if found and found.enough else None,
        **({FAILED: run.metrics.get("errors")} if failures else {}),
        MARK: ", ".join(alias for alias, one in marks.items() if is_promoted(run, one)) or None,
        **{PARAMETERS[one].name: value(one, given[one]) for one in names},
        **{one: run.metrics.get(one) for one in others},
    }


def _apart(run: Run, baseline: Run | None, metric: str) -> float | None:
    """How far a run is from the baseline in what is no mean over questions, such as a percentile of times."""
    if baseline is None or run.id == baseline.id or not {metric} <= run.metrics.keys() & baseline.metrics.keys():
        return None
    return run.metrics[metric] - baseline.metrics[metric]


def _shown(number: float | None, metric: str) -> float | None:
    """0 for what would be shown as 0 with a sign."""
    digits = 1 if metric.startswith("latency") else 3
    return 0.0 if number is not None and not round(number, digits) else number


def is_promoted(run: Run, promotion: Promotion) -> bool:
    """Whether a promotion is of this run, or of one that was configured alike."""
    return run.id == promotion.run if promotion.run else run.configuration == promotion.configuration


def verdict(standing: Standing | None) -> str:
    """How a run stands beside the baseline, in words; empty if that cannot be said."""
    if standing is None or standing.difference is None or not standing.difference.questions:
        return ""
    found = standing.difference
    if not found.enough:
        return f"{TOO_FEW}: {signed(found.mean)}"
    return f"{standing.verdict}: {signed(found.mean)} (between {signed(found.low)} and {signed(found.high)})"


def _columns(names: Sequence[str], metrics: Sequence[str]) -> dict[str, Any]:
    figures = {
        one: st.column_config.NumberColumn(
            format="%.1f ms" if one.startswith("latency") else "%.3f", width=92, help=metric_help(one)
        )
        for one in metrics
    }
    values = {PARAMETERS[one].name: st.column_config.TextColumn(help=PARAMETERS[one].help) for one in names}
    return {
        "#": st.column_config.NumberColumn(width=40, pinned=True),
        CHANGED: st.column_config.TextColumn(width=210, help="What is set in another way than in the baseline."),
        VERDICT: st.column_config.TextColumn(
            width=136,
            help="“No real difference”: other questions of this kind might as well show the contrary. “Too few "
            "questions”: nothing can be said.",
        ),
        DIFFERENCE: st.column_config.NumberColumn(
            format="%+.1f ms" if metrics[0].startswith("latency") else "%+.3f",
            width=84,
            help="To the baseline, over the same questions.",
        ),
        BETWEEN: st.column_config.TextColumn(
            width=136, help="Where the true difference lies in 95 of 100 cases, judged by drawing the questions anew."
        ),
        MARK: st.column_config.TextColumn(
            width=110, help="The champion answers on the Ask page. The challenger is who may follow it."
        ),
        **values,
        **figures,
        FAILED: st.column_config.NumberColumn(
            format="%d", width=64, help="Questions that failed. Each counts as one for which nothing was found or said."
        ),
    }


def digest(what: Sequence[str]) -> str:
    """A short name for them in keys."""
    return hashlib.blake2b("\n".join(what).encode(errors="surrogatepass"), digest_size=8).hexdigest()
