"""The rehearsal of a swap: chosen, watched while it goes on, and its verdict where the swap is decided."""

from __future__ import annotations

import streamlit as st

from rag.records import KeptSet, QuestionSet, Rehearsal, RunState
from rag.workspace import Workspace
from ui.collections.rehearsed import draw_rehearsed, draw_verdict
from ui.dialogs import close_dialog, run_page_if_asked
from ui.door import reader
from ui.errors import friendly_errors
from ui.places import EXPERIMENTS
from ui.shell import say
from ui.text import counted, escape_markdown, message_markdown

POLL_SECONDS = 1.0
FROM_READERS = "From feedback"
"""What the set is called that is made of what readers said."""
WHAT = (
    "The questions of a set are asked of both versions, in the background. You then see which are answered from better "
    "passages, which from worse ones, and what it costs."
)
_UNREHEARSED = "Nobody has rehearsed this swap: whether the new version finds better or worse passages is not known."


def draw_rehearsal(workspace: Workspace, name: str) -> None:
    """The rehearsal of what is ready to take a collection's place: how it went, or what begins one."""
    found = workspace.rehearsal(name)
    busy = found is not None and found.working
    st.fragment(_draw, run_every=POLL_SECONDS if busy else None)(workspace, name, busy)


def draw_before_swap(workspace: Workspace, name: str) -> None:
    """Within the question whether to swap: the verdict of the rehearsal, or that there is none, and what makes one; and
    what becomes of the champion."""
    _tell_of_champion(workspace, name)
    found = workspace.rehearsal(name)
    if found is not None and found.speaks:
        draw_verdict(workspace, found)
        return
    if found is not None and found.working:
        st.info("A rehearsal of it is still going on.", icon=":material/hourglass_top:")
        return
    st.info(_UNREHEARSED if found is None else _why_silent(found), icon=":material/theater_comedy:")
    sets = newest_sets(workspace)
    if sets and st.button(
        "Rehearse first",
        key="rehearse-first",
        icon=":material/theater_comedy:",
        help=f"Asks the {counted(sets[0].questions, 'question')} of {escape_markdown(sets[0].name)}",
    ):
        workspace.rehearse(workspace.experiments.question_set(sets[0].name), name)
        close_dialog()
        say(f"Asking {counted(sets[0].questions, 'question')} of both versions.")
        st.rerun()


def _tell_of_champion(workspace: Workspace, name: str) -> None:
    """Whether the champion answers after the swap as it does now: it does if passages are made as it wants them."""
    champion, making = workspace.champion(name), workspace.reembedding(name)
    if champion is None or making is None:
        return
    now, then = (champion.configuration.recipe == one for one in (workspace.recipe_now(name), making.recipe))
    if now and not then:
        st.warning(
            "The champion wants passages as they are made now: once the new version is swapped in, it does not answer "
            "any more. An earlier champion for passages as the new version has them answers then, if there was one, "
            "else questions are answered as it is set.",
            icon=":material/trophy:",
        )
    elif then and not now:
        st.info("The champion wants passages made just so: it answers from the swap on.", icon=":material/trophy:")


def newest_sets(workspace: Workspace) -> list[KeptSet]:
    """Each question set in its newest version, the newest first."""
    newest: dict[str, KeptSet] = {}
    for one in workspace.question_sets():
        newest.setdefault(one.name, one)
    return list(newest.values())


# -- the panel --------------------------------------------------------------------------------------------------------


def _draw(workspace: Workspace, name: str, busy: bool) -> None:
    run_page_if_asked()
    with friendly_errors():
        found = workspace.rehearsal(name)
        if busy != (found is not None and found.working) or workspace.reembedding(name) is None:
            st.rerun()
        with st.container(border=True, key="rehearsal"):
            if found is not None and found.working:
                _progress(workspace, found)
                return
            if found is None:
                st.markdown("**Rehearse the swap**")
                st.caption(WHAT)
            else:
                _ended(workspace, found)
            _offer(workspace, name, again=found is not None)


def _progress(workspace: Workspace, found: Rehearsal) -> None:
    study = found.study
    st.markdown("**Rehearsing the swap**")
    share = min(1.0, study.done / study.total) if study.total else 0.0
    asked = f"{study.done:,} of {counted(study.total, 'question')} asked, half of them of each version"
    if study.state is RunState.QUEUED:
        asked = "It begins as soon as no other study is going on."
    st.progress(share, text=asked)
    st.button(
        "Cancel",
        key=f"cancel-rehearsal-{study.id}",
        icon=":material/close:",
        on_click=_cancel,
        args=(workspace, study.id),
    )


def _ended(workspace: Workspace, found: Rehearsal) -> None:
    """How it went, as far as it went."""
    asked = f"the {counted(found.study.total // 2, 'question')} of {escape_markdown(found.study.set_name)}"
    st.markdown(f"**The rehearsal of the swap**, with {asked}")
    if not found.speaks:
        st.warning(_why_silent(found), icon=":material/history:" if found.whole else ":material/error:")
    if found.whole:
        draw_rehearsed(workspace, found)


def _why_silent(found: Rehearsal) -> str:
    """Why a rehearsal that has ended says nothing of the swap, in Markdown."""
    if found.whole or (found.outdated and found.study.state is not RunState.CANCELLED):
        return f"The last rehearsal is out of date. {message_markdown(found.outdated)}"
    if found.study.state is RunState.CANCELLED:
        return "The last rehearsal was cancelled before all questions had been asked."
    failed = [
        f"{said} could not be asked: {message_markdown(run.reason)}"
        for said, run in zip(("The collection as it is", "The new version"), found.runs, strict=True)
        if run.state is RunState.FAILED and run.reason
    ]
    return " ".join(failed) or message_markdown(found.study.reason)


def _offer(workspace: Workspace, name: str, again: bool) -> None:
    """What begins one."""
    sets = {one.name: one for one in newest_sets(workspace)}
    readers = workspace.questions_from_readers(reader(), name)
    offered = [*sets, *([""] if readers else [])]
    if not offered:
        st.markdown("There is no question set yet. A few questions with the page that answers each are enough.")
        st.page_link(
            EXPERIMENTS,
            label="Make a question set",
            icon=":material/quiz:",
            query_params={"view": "Question sets"},
        )
        return

    def called(one: str) -> str:
        if one not in sets:
            return f"What you confirmed and judged · {counted(len(readers), 'question')}"
        return f"{one} · {counted(sets[one].questions, 'question')}"

    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Question set", offered, key=f"rehearse-set-{name}", format_func=called)
        st.button(
            "Rehearse again" if again else "Rehearse",
            key=f"rehearse-{name}",
            icon=":material/theater_comedy:",
            on_click=_start,
            args=(workspace, name, chosen),
        )


def _start(workspace: Workspace, name: str, chosen: str) -> None:
    with friendly_errors():
        asked = (
            workspace.experiments.question_set(chosen)
            if chosen
            else QuestionSet(FROM_READERS, tuple(workspace.questions_from_readers(reader(), name)))
        )
        workspace.rehearse(asked, name)


def _cancel(workspace: Workspace, study: str) -> None:
    with friendly_errors():
        workspace.cancel_study(study)
