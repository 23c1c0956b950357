"""The form that starts a study: what is asked, of which documents, and which ways are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import streamlit as st

from rag.errors import RagError
from rag.records import QUOTING, Configuration
from rag.workspace import Estimate, Workspace, grid
from ui.errors import friendly_errors, show_error
from ui.experiments.address import CONTEST, VIEW, key, look_at
from ui.experiments.measurable import draw_measurable
from ui.experiments.words import PARAMETERS, Word, value
from ui.places import UPLOAD
from ui.shell import MESSAGE
from ui.text import about, counted, escape_markdown, message_markdown
from ui.whole import write_down

_OFFERED: Mapping[str, Sequence[Any]] = {
    "chunk_tokens": (50, 100, 150, 200, 300, 400),
    "overlap": (0, 20, 40),
    "headers": (True, False),
    "k": (3, 5, 8, 10),
    "lexical": (0.0, 0.5, 1.0, 2.0),
    "dense": (0.0, 0.25, 0.5, 1.0),
    "late": (0.0, 1.0, 2.0, 4.0),
    "routed": (0.0, 0.35, 0.7, 1.0),
    "reranker": ("",),
    "precision": ("int8", "fp32"),
    "model": ("bundled",),
    "answerer": ("", QUOTING),
    "abstain_below": (0.0, 0.1, 0.23, 0.4),
}
"""Values to tick; what is set is always among them."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "How passages are cut": ("chunk_tokens", "overlap", "headers"),
    "How they are found": ("k", "lexical", "dense", "late", "routed", "reranker"),
    "Models and answers": ("model", "precision", "answerer", "abstain_below"),
}
REMAKES = ("model", "precision", "chunk_tokens", "overlap", "headers")
_TYPED = {
    "reranker": "Type the name of a cross-encoder",
    "model": "Type a model's name",
    "answerer": "Type provider:model",
}
"""Parameters whose values may be typed, and what to type."""
OPEN = "study-open"


def draw_form(workspace: Workspace, first: bool) -> None:
    """The form, folded away where there are studies. Its values are read at each change, so that it always says what
    comes of them."""
    names = list(dict.fromkeys(one.name for one in workspace.question_sets()))
    collections = [one.name for one in workspace.collections() if one.documents]
    if not collections:
        st.markdown("There are no documents to ask yet. Upload some, then come back.")
        st.page_link(UPLOAD, label="Upload documents", icon=":material/upload_file:")
        return
    if not names:
        st.markdown("A study needs a question set: its questions are asked in each way that you try.")
        st.button("Go to question sets", icon=":material/quiz:", on_click=look_at, args=(VIEW, "Question sets"))
        return
    st.session_state.setdefault(OPEN, first)
    st.toggle("New study", key=OPEN, persist_state="session")
    if not st.session_state[OPEN]:
        return
    with st.container(border=True, key="new-study"), friendly_errors():
        _form(workspace, names, collections)


def _form(workspace: Workspace, names: Sequence[str], collections: Sequence[str]) -> None:
    with st.container(horizontal=True):
        asked = st.selectbox("Question set", names, key="study-set", persist_state="session")
        collection = st.selectbox("Collection", collections, key="study-collection", persist_state="session")
    usual = workspace.configuration(collection)
    st.markdown("**What is tried**: each combination of the values that you tick. The rest stays as it is now.")
    values: dict[str, list[Any]] = {}
    for title, parameters in GROUPS.items():
        with st.expander(title, expanded=title != "Models and answers", key=f"study-group-{parameters[0]}"):
            columns = st.columns(2)
            for number, one in enumerate(parameters):
                with columns[number % 2]:
                    values[one] = _values(workspace, one, getattr(usual, one), collection)
    try:
        configurations = grid(values, usual)
    except RagError as error:
        show_error(error)
        return
    configurations = _possible(workspace, configurations)
    if not configurations:
        return
    questions = workspace.experiments.question_set(asked).questions
    place = st.container()  # filled last: once it says what is started, that is what the button starts
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name of the study", key="study-name", placeholder=_name(asked, configurations), max_chars=100
        )
        st.button(
            "Start",
            type="primary",
            icon=":material/play_arrow:",
            key="study-start",
            on_click=_start,
            args=(workspace, name or _name(asked, configurations), asked, collection, configurations),
        )
    with place:
        many = len(questions)
        estimate = workspace.estimate(collection, many, configurations)
        _told(estimate, many, workspace.is_corrected(collection))
        draw_measurable(workspace, questions, collection, configurations)


def _possible(workspace: Workspace, configurations: Sequence[Configuration]) -> list[Configuration]:
    """Those that can be made; of the others is said why they cannot."""
    impossible = workspace.impossible(configurations)
    if impossible:
        left = "None of these runs can be made"
        if len(impossible) < len(configurations):
            left = f"{len(impossible):,} of {counted(len(configurations), 'run')} cannot be made, and are left out"
        for reason in dict.fromkeys(impossible.values()):
            st.warning(f"{left}: {message_markdown(reason)}", icon=":material/warning:")
    return [one for one in configurations if one not in impossible]


def _values(workspace: Workspace, name: str, usual: Any, collection: str) -> list[Any]:
    """The values of a parameter that are ticked; what is set if none is."""
    word = PARAMETERS[name]
    offered = list(dict.fromkeys([*_readable(workspace, name, collection), *_others(workspace, name), usual]))
    offered = sorted(offered) if not isinstance(usual, str | bool) else offered
    widget = f"study-{name}-{collection}"
    if name in _TYPED:
        chosen = st.multiselect(
            word.name,
            offered,
            default=[usual],
            key=widget,
            format_func=lambda one: value(name, one),
            help=_help(word, name),
            accept_new_options=True,
            placeholder=_TYPED[name],
            persist_state="session",
        )
    else:
        chosen = st.pills(
            word.name,
            offered,
            default=[usual],
            selection_mode="multi",
            key=widget,
            format_func=lambda one: escape_markdown(value(name, one)),
            help=_help(word, name),
            persist_state="session",
        )
    return list(chosen) or [usual]


def _readable(workspace: Workspace, name: str, collection: str) -> Sequence[Any]:
    """The values to offer, without passages that the collection's model could not read to their end."""
    if name != "chunk_tokens":
        return _OFFERED[name]
    ways = [replace(workspace.configuration(collection), chunk_tokens=one, overlap=0) for one in _OFFERED[name]]
    impossible = workspace.impossible(ways)
    return [one.chunk_tokens for one in ways if one not in impossible]


def _others(workspace: Workspace, name: str) -> list[str]:
    settings = workspace.settings
    if name == "answerer" and settings.llm:
        return [settings.llm]
    return [settings.reranker] if name == "reranker" and settings.reranker else []


def _help(word: Word, name: str) -> str:
    remade = " Passages are made anew for each value, beside those that are there." if name in REMAKES else ""
    return f"{escape_markdown(word.help)}{remade}"


def _told(found: Estimate, questions: int, corrected: bool) -> None:
    """What comes of it."""
    st.markdown(
        f"**{counted(found.configurations, 'run')}** of {counted(questions, 'question')} each · {about(found.seconds)}"
    )
    if found.indexes:
        indexes = "one index has" if found.indexes == 1 else f"{found.indexes:,} indexes have"
        st.caption(
            f"For that, {indexes} to be built beside the collection, unless an earlier study did. The collection stays "
            "as it is, and questions are answered meanwhile."
        )
        if corrected:
            st.caption(
                "Passages of the collection were corrected by hand. Runs whose passages are made anew do not have "
                "these corrections, which is no fault of how they are cut: mind that when you compare them."
            )
    if found.asks:
        st.warning(
            f"A language model is asked {found.asks:,} times, with passages of your documents. A provider may charge "
            "for it.",
            icon=":material/payments:",
        )


def _name(asked: str, configurations: Sequence[Configuration]) -> str:
    number = len(configurations)
    return f"{asked[:50]}, {counted(number, 'run')}, {datetime.now().astimezone():%d %b}"


def _start(
    workspace: Workspace, name: str, asked: str, collection: str, configurations: Sequence[Configuration]
) -> None:
    with friendly_errors():
        study = workspace.start_study(name, workspace.experiments.question_set(asked), collection, configurations)
        contest = f"{study.set_version}-{study.data_version}"
        message = f"Started {escape_markdown(study.name)}."
        write_down({key(CONTEST): contest, OPEN: False, "study-name": "", MESSAGE: message})
