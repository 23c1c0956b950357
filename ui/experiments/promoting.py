"""Which run answers on the Ask page: promoted after a look at what changes, rolled back, and who decided when."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st

from rag.errors import NotFoundError
from rag.records import AS_SET, Configuration, Promotion, Run, Study
from rag.workspace import Contest, Workspace
from ui.answerers import sent_to
from ui.dialogs import close_dialog, open_dialog
from ui.door import reader
from ui.errors import friendly_errors
from ui.experiments.address import METRIC, now
from ui.experiments.words import PARAMETERS, apart, value
from ui.places import ASK, link_to_reembedding
from ui.shell import say
from ui.text import counted, day, escape_markdown

CHAMPION, CHALLENGER = "champion", "challenger"
_ALIASES = {
    CHAMPION: "Champion: it answers on the Ask page",
    CHALLENGER: "Challenger: noted, nothing else changes",
}
SHOWN = 20
"""Of the history."""


@st.dialog("Promote this run", icon=":material/trophy:", width="medium", on_dismiss=close_dialog)
def promote(workspace: Workspace, contest: Contest, run: Run) -> None:
    """Say what changes, ask who decides, then give the run its mark."""
    study = _study(contest, run)
    with friendly_errors():
        collection = workspace.measured_on(study).name
        alias = st.radio("As", list(_ALIASES), format_func=_ALIASES.__getitem__, key=f"promote-as-{run.id}")
        before = workspace.promoted_runs(study).get(alias)
        held = before.configuration if before else workspace.configuration(collection)
        _changes(held, run.configuration, f"the {alias} now" if before else "as it is set")
        if alias == CHAMPION:
            _effect(workspace, collection, run.configuration, "It can be taken back on this page.")
        if workspace.has_changed(study):
            st.warning(
                f"{escape_markdown(collection)} has other documents or corrections now than when this was "
                "measured, so it may do better or worse than the figures say. To know, start the study again.",
                icon=":material/history:",
            )
        with st.form(f"promote-{run.id}", border=False):
            by = st.text_input(
                "Who decides", reader(), max_chars=100, placeholder="Your name", key=f"promote-by-{run.id}"
            )
            pressed = st.form_submit_button("Promote", type="primary", icon=":material/trophy:")
        if pressed:
            _keep_baseline(workspace, contest)
            workspace.promote(run.id, alias, " ".join((by or "").split()))
            close_dialog()
            waits = alias == CHAMPION and bool(workspace.answering(collection)[1])
            then = " It answers once the collection is re-embedded for it." if waits else ""
            say(f"It is the {alias} of {escape_markdown(collection)} now.{then}")
            st.rerun()


def _study(contest: Contest, run: Run) -> Study:
    """Studies of one contest may have asked collections of the same documents: each run counts for its own."""
    return next(one for one in contest.studies if one.id == run.study)


def _keep_baseline(workspace: Workspace, contest: Contest) -> None:
    """What runs are held against stays: else who has just been promoted would be, and what it gains could not be seen
    any more."""
    metric = now(METRIC)
    if metric:
        kept = f"experiments-baseline-{contest.key}"
        st.session_state[kept] = st.session_state.get(kept) or workspace.baseline_of(contest, metric)


def why_not_promoted(workspace: Workspace, contest: Contest, run: Run) -> str:
    """Why a run cannot be promoted now; empty if it can."""
    try:
        champion = workspace.champion(workspace.measured_on(_study(contest, run)).name)
    except NotFoundError:
        return "Its collection has been deleted."
    return "It is the champion already." if champion is not None and champion.run == run.id else ""


def _changes(before: Configuration, after: Configuration, called: str) -> None:
    old, new = asdict(before), asdict(after)
    rows = [
        {
            "": word.name,
            called: escape_markdown(_said(name, old[name])),
            "then": escape_markdown(_said(name, new[name])),
        }
        for name, word in PARAMETERS.items()
        if old[name] != new[name]
    ]
    if rows:
        st.markdown("**What changes**")
        st.table(rows, border="horizontal")
    else:
        st.markdown("Nothing changes: it is configured so already.")


def _said(name: str, given: Any) -> str:
    # A run that only finds passages says nothing of who answers: that stays as it is set.
    return "as it is set" if name == "answerer" and not given else value(name, given)


def _effect(workspace: Workspace, collection: str, configuration: Configuration, then: str = "") -> None:
    """What that means for those who ask, and for their documents."""
    if configuration.index != workspace.configuration(collection).index:
        passages = counted(workspace.collection(collection).chunks, "passage")
        st.warning(
            f"It wants its passages made in another way. Until {escape_markdown(collection)} is re-embedded so (its "
            f"{passages} are made anew on the Collections page), questions are answered as they are now.",
            icon=":material/refresh:",
        )
    else:
        who = f"Whoever asks in {escape_markdown(collection)}"
        st.info(f"{who} is answered so from the next question on. {then}".strip(), icon=":material/forum:")
    _who_answers(workspace, configuration)


def _who_answers(workspace: Workspace, configuration: Configuration) -> None:
    """Where the configuration names somebody, whether documents leave this machine for it."""
    answerer, why_not = workspace.answerer_named(configuration)
    if why_not:
        st.warning(
            f"{escape_markdown(why_not)} Passages are found as this run finds them; who answers stays as it is.",
            icon=":material/key_off:",
        )
    elif configuration.answerer and answerer.settings.llm:
        st.warning(
            f"**{escape_markdown(sent_to(answerer.settings))} writes the answers then.** Each question, the passages "
            "found for it and the last questions and answers of the conversation are sent there, for everybody who has "
            "chosen nobody else.",
            icon=":material/outgoing_mail:",
        )
    elif configuration.answerer and workspace.settings.llm:
        st.info(
            f"Answers are quoted word for word then: {escape_markdown(sent_to(workspace.settings))} writes none, and "
            "nothing is sent to it.",
            icon=":material/format_quote:",
        )


def draw_promoted(workspace: Workspace, contest: Contest) -> None:
    """Who is champion and challenger, who was, and the way back."""
    try:
        collection = workspace.measured_on(contest.newest).name
        histories = {alias: workspace.promotions(collection, alias) for alias in (CHAMPION, CHALLENGER)}
    except NotFoundError:
        called = escape_markdown(contest.newest.collection)
        st.caption(f"The collection {called} has been deleted: nothing of it can be promoted.")
        return
    count = sum(map(len, histories.values()))
    if not count:
        return
    _, why_not = workspace.answering(collection)
    if why_not:
        st.warning(escape_markdown(why_not), icon=":material/refresh:")
    with st.container(horizontal=True):
        if why_not and not workspace.settings.demo:
            link_to_reembedding(collection)
        st.page_link(ASK, label="Ask with it", icon=":material/forum:", query_params={"collection": collection})
    with st.expander(f"Who was promoted · {count:,}", icon=":material/history:", key=f"promoted-{contest.key}"):
        for alias, history in histories.items():
            for number, one in enumerate(history[:SHOWN]):
                _entry(one, not number, workspace.configuration(collection))
            if len(history) > SHOWN:
                st.caption(f"And {len(history) - SHOWN:,} before.")
            if not workspace.settings.demo and workspace.champion(collection, alias) is not None:
                before = workspace.before(collection, alias)
                st.button(
                    f"Go back to the {alias} before" if before else f"Have no {alias} any more",
                    key=f"roll-back-{alias}-{contest.key}",
                    icon=":material/undo:",
                    on_click=open_dialog,
                    args=(roll_back, workspace, collection, alias),
                )


def _entry(one: Promotion, is_now: bool, usual: Configuration) -> None:
    local = one.at.astimezone()
    who = f"by {escape_markdown(one.by)}" if one.by else "by somebody who gave no name"
    taken_away = one.back_to == AS_SET
    what = "nobody" if taken_away else escape_markdown(apart(one.configuration, usual)) or "all as it is set"
    state = "**now**" if is_now else "before"
    state += ", gone back to" if one.back_to else ""
    st.markdown(f"{one.alias.capitalize()}, {state}: {what}  \n:small[{day(local)}, {local:%H:%M}, {who}]")


@st.dialog("Go back?", icon=":material/undo:", on_dismiss=close_dialog)
def roll_back(workspace: Workspace, collection: str, alias: str) -> None:
    """Ask, then give the mark back to who had it before, or to nobody."""
    with friendly_errors():
        mine, before = workspace.champion(collection, alias), workspace.before(collection, alias)
        if mine is None:
            st.markdown("There is none to go back to any more.")
            return
        then = before.configuration if before else workspace.configuration(collection)
        if before is None:
            st.markdown(f"There was no {alias} before: nobody is {alias} then, and all is as it is set.")
        _changes(mine.configuration, then, f"the {alias} now")
        if alias == CHAMPION:
            _effect(workspace, collection, then)
        with st.form(f"roll-back-{alias}", border=False):
            by = st.text_input("Who decides", reader(), max_chars=100, placeholder="Your name", key="roll-back-by")
            pressed = st.form_submit_button("Go back", type="primary", icon=":material/undo:")
        if pressed:
            workspace.roll_back(" ".join((by or "").split()), collection, alias)
            close_dialog()
            said = f"The {alias} of {escape_markdown(collection)} is the one before."
            say(said if before else f"{escape_markdown(collection)} has no {alias} any more.")
            st.rerun()
