"""Studies: started, watched while they go on, cancelled, started again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from rag.records import Run, RunState, Study
from rag.workspace import Workspace
from ui.dialogs import close_dialog, open_dialog
from ui.errors import friendly_errors
from ui.experiments.address import CONTEST, VIEW, look_at
from ui.experiments.new_study import draw_form
from ui.experiments.words import STATES
from ui.shell import say
from ui.text import about, counted, day, escape_markdown, message_markdown, settled

POLL_SECONDS = 1.0
SHOWN = 10
REASONS = 3
"""Of failures, that are shown of a study."""
OPEN = (RunState.QUEUED, RunState.RUNNING)
_ICONS = {
    RunState.QUEUED: ":material/schedule:",
    RunState.RUNNING: ":material/play_circle:",
    RunState.FINISHED: ":material/check_circle:",
    RunState.FAILED: ":material/error:",
    RunState.CANCELLED: ":material/cancel:",
}


def draw_studies(workspace: Workspace) -> None:
    """Draw the view."""
    studies = [one for contest in workspace.contests() for one in contest.studies]
    if not workspace.settings.demo:
        draw_form(workspace, first=not studies)
    elif not studies:
        st.markdown("No study was made for this demo.")
    busy = any(one.state in OPEN for one in studies)
    st.fragment(_list, run_every=POLL_SECONDS if busy else None)(workspace, busy)


def _list(workspace: Workspace, was_busy: bool) -> None:
    with friendly_errors():
        contests = workspace.contests()
        studies = sorted((one for each in contests for one in each.studies), key=lambda one: one.created_at)[::-1]
        runs: dict[str, list[Run]] = {}
        for run in (one for each in contests for one in each.runs):
            runs.setdefault(run.study, []).append(run)
        if was_busy and not any(one.state in OPEN for one in studies):
            st.rerun()  # the page, which then looks no more
        waiting = [one for one in studies if one.state is RunState.QUEUED]
        for one in studies[:SHOWN]:
            ahead = len(waiting) - 1 - waiting.index(one) if one in waiting else 0
            _study(workspace, one, runs.get(one.id, []), ahead)
        if len(studies) > SHOWN:
            with st.expander(f"{counted(len(studies) - SHOWN, 'earlier study').replace('studys', 'studies')}"):
                for one in studies[SHOWN:]:
                    _study(workspace, one, runs.get(one.id, []), 0)


def _study(workspace: Workspace, study: Study, runs: Sequence[Run], ahead: int) -> None:
    with st.container(border=True, gap="xsmall", key=f"one-study-{study.id}"):
        when = study.created_at.astimezone()
        st.markdown(f"{_ICONS[study.state]} **{escape_markdown(study.name)}** · {STATES[study.state]}")
        st.caption(
            f"{escape_markdown(study.set_name)} in {escape_markdown(study.collection)} · "
            f"{counted(len(runs), 'run')} of {counted(study.total // max(1, len(runs)), 'question')} · "
            f"{day(when)}, {when:%H:%M}"
        )
        if study.state is RunState.RUNNING:
            _progress(study)
        elif study.state is RunState.QUEUED:
            st.caption(f"{counted(ahead, 'study').replace('studys', 'studies')} before it." if ahead else "It is next.")
        elif study.reason:
            kind = st.error if study.state is RunState.FAILED else st.caption
            kind(message_markdown(study.reason))
        if study.state is RunState.FINISHED:
            _failed(runs)
        with st.container(horizontal=True):
            _buttons(workspace, study)


def _failed(runs: Sequence[Run]) -> None:
    """Why some of its runs failed, or some of their questions."""
    reasons = Counter(one.reason for one in runs if one.reason)
    for reason, number in reasons.most_common(REASONS):
        st.caption(f":orange[:material/warning:] {counted(number, 'run')}: {message_markdown(reason)}")


def _progress(study: Study) -> None:
    share = min(1.0, study.done / study.total) if study.total else 0.0
    st.progress(share, text=f"{study.done:,} of {study.total:,} questions{_left(study)}")
    if study.reason:
        st.caption(message_markdown(study.reason))


def _left(study: Study) -> str:
    """How long it will still take, from how fast it was while this session looked on; empty until that is known."""
    key = f"study-pace-{study.id}"
    began, first, shown = st.session_state.get(key, (time.monotonic(), study.done, None))
    done, passed = study.done - first, time.monotonic() - began
    if done > 0 and passed > 2:
        shown = settled((study.total - study.done) * passed / done, shown)
    st.session_state[key] = (began, first, shown)
    return f" · {about(shown)} left" if shown is not None else ""


def _buttons(workspace: Workspace, study: Study) -> None:
    demo = workspace.settings.demo
    if study.state in OPEN:
        if not demo:
            st.button(
                "Cancel",
                key=f"cancel-{study.id}",
                icon=":material/close:",
                on_click=_cancel,
                args=(workspace, study.id),
            )
        return
    if study.state is RunState.FINISHED or study.done:
        st.button(
            "Leaderboard",
            key=f"board-{study.id}",
            icon=":material/leaderboard:",
            on_click=_see,
            args=(f"{study.set_version}-{study.data_version}",),
        )
    if demo:
        return
    if study.state is not RunState.FINISHED:
        st.button(
            "Go on",
            key=f"again-{study.id}",
            icon=":material/play_arrow:",
            help="With the runs that have not finished, and the questions that they have not asked. If the documents "
            "have changed since, these runs are made anew, in a study of their own.",
            on_click=_again,
            args=(workspace, study.id),
        )
    st.button(
        "Delete",
        key=f"delete-{study.id}",
        icon=":material/delete:",
        type="tertiary",
        on_click=open_dialog,
        args=(delete_study, workspace, study),
    )


def _cancel(workspace: Workspace, study: str) -> None:
    with friendly_errors():
        workspace.cancel_study(study)


def _see(contest: str) -> None:
    look_at(CONTEST, contest)
    look_at(VIEW, "Leaderboard")
    st.session_state["run-page"] = True


def _again(workspace: Workspace, study: str) -> None:
    with friendly_errors():
        found = workspace.experiments.study(study)
        if found.rehearsed:  # of what is in the making now, and not of passages made for a study
            asked = workspace.experiments.questions_of(found.set_version, found.set_name)
            workspace.rehearse(asked, workspace.measured_on(found).name)
        elif workspace.study_again(study).id != study:
            say(f"The documents have changed: {escape_markdown(found.name)} goes on in a study of its own.")
            return
        say(f"{escape_markdown(found.name)} goes on.")


@st.dialog("Delete this study?", icon=":material/delete:", on_dismiss=close_dialog)
def delete_study(workspace: Workspace, study: Study) -> None:
    """Ask, then delete a study with its runs."""
    st.markdown(
        f"**{escape_markdown(study.name)}** will be removed with its runs and all that was measured. Its question set "
        "stays, and so does a champion that was promoted from it. This cannot be undone."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="keep-study", on_click=close_dialog):
            st.rerun()
        if st.button("Delete", key="really-delete-study", type="primary", on_click=_delete, args=(workspace, study)):
            st.rerun()


def _delete(workspace: Workspace, study: Study) -> None:
    close_dialog()
    with friendly_errors():
        workspace.delete_study(study.id)
        say(f"Deleted {escape_markdown(study.name)}.")
