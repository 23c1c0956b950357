"""Which runs are looked at: those that asked the same questions of the same documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from rag.errors import NotFoundError
from rag.records import Run, RunState
from rag.workspace import Contest, Workspace, lower_is_better, usual_metric
from ui.experiments.address import CONTEST, METRIC, VIEW, key, look_at, now
from ui.experiments.words import differing, metric_help, study_name, when
from ui.text import counted

_USUAL, _BASELINE = "experiments-usual-metric", "experiments-baseline"
_LAST = ("questions", "errors", "located")


def choose_contest(workspace: Workspace) -> Contest | None:
    """What was asked; None if no study was ever started, which is then said."""
    found = {one.key: one for one in workspace.contests()}
    if not found:
        st.markdown(
            "There are no runs yet. A study holds several ways of finding and answering against a set of questions; "
            "each way is a run, and here they are ranked."
        )
        if not workspace.settings.demo:
            st.button("Start a study", icon=":material/science:", on_click=look_at, args=(VIEW, "Studies"))
        return None
    if now(CONTEST) not in found:
        look_at(CONTEST, next(iter(found)))
    st.selectbox(
        "Questions and collection",
        list(found),
        key=key(CONTEST),
        format_func=lambda one: called(found[one], list(found.values())) if one in found else one,
        help="Runs can be compared if they asked the same questions of the same documents.",
        persist_state="session",
    )
    return found[now(CONTEST)]


def called(contest: Contest, others: Sequence[Contest] = ()) -> str:
    """What was asked, in a list: set, how many questions, collection, runs; and when, if others are called so too."""
    name = _named(contest)
    if sum(_named(one) == name for one in others) > 1:
        return f"{name} · {when(contest.newest)}"
    return name


def _named(contest: Contest) -> str:
    newest = contest.newest
    runs = sum(one.study == newest.id for one in contest.runs)
    asked = counted(newest.total // max(1, runs), "question")
    return f"{newest.set_name} in {newest.collection} · {asked} · {counted(len(contest.runs), 'run')}"


def choose_runs(contest: Contest) -> list[Run]:
    """The runs of the studies that were chosen; of all if none was."""
    if len(contest.studies) == 1:
        return list(contest.runs)
    names = {one.id: study_name(one) for one in contest.studies}
    chosen = st.multiselect(
        "Studies",
        list(names),
        key=f"experiments-studies-{contest.key}",
        format_func=lambda one: names.get(one, one),
        placeholder=f"All {len(names):,}",
        persist_state="session",
    )
    return [one for one in contest.runs if one.study in chosen] if chosen else list(contest.runs)


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """The metrics that runs have: those of quality first, then times, then numbers of questions."""
    there = Counter(name for run in runs for name in run.metrics)
    return sorted(there, key=lambda one: (one in _LAST, lower_is_better(one), one.lower()))


def choose_metric(runs: Sequence[Run]) -> str:
    """What runs are ordered by; empty if nothing was measured."""
    there = metrics_of(runs)
    if not there:
        return ""
    if now(METRIC) not in there or now(METRIC) == st.session_state.get(_USUAL):  # which nobody has chosen
        look_at(METRIC, usual_metric(_most(runs)) or there[0])
        st.session_state[_USUAL] = now(METRIC)
    st.selectbox(
        "Metric", there, key=key(METRIC), help=metric_help(now(METRIC)).replace("@", r"\@"), persist_state="session"
    )
    return str(now(METRIC))


def _most(runs: Sequence[Run]) -> list[Run]:
    """Those that answer, or those that only find passages: whichever are more."""
    done = finished(runs)
    answer = [one for one in done if one.configuration.answerer]
    return answer if 2 * len(answer) > len(done) else [one for one in done if not one.configuration.answerer] or answer


def told_apart(workspace: Workspace, contest: Contest, runs: Sequence[Run]) -> list[str]:
    """The parameters by which runs are told apart; of runs that are all set alike those in which they are other than
    what is set now."""
    with suppress(NotFoundError):  # its collection has been deleted; what was measured stays
        return differing(runs, workspace.configuration(contest.newest.collection))
    return differing(runs)


def baseline(workspace: Workspace, contest: Contest, metric: str) -> Run | None:
    """The run that the others are held against: what was chosen for these questions, else the usual one."""
    there = {one.id: one for one in finished(contest.runs) if metric in one.metrics}
    chosen = st.session_state.get(f"{_BASELINE}-{contest.key}", "")
    return there.get(chosen if chosen in there else workspace.baseline_of(contest, metric))


def hold_against(contest: str, run: str) -> None:
    """Hold the others against a run from now on."""
    st.session_state[f"{_BASELINE}-{contest}"] = run


def ranked(runs: Sequence[Run], metric: str) -> list[Run]:
    """The best first, of equal ones the fastest; those without the metric last."""
    sign = 1 if lower_is_better(metric) else -1

    def order(run: Run) -> tuple[bool, float, float]:
        quality = sign * round(run.metrics.get(metric, 0.0), 6)
        return metric not in run.metrics, quality, run.metrics.get("latency p50", 0.0)

    return sorted(runs, key=order)


def finished(runs: Sequence[Run]) -> list[Run]:
    """Those with figures."""
    return [one for one in runs if one.state is RunState.FINISHED]
