"""Question sets: uploaded, made from what readers said, corrected in a table, kept in versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from rag.errors import RagError
from rag.records import Gold, KeptSet
from rag.workspace import Workspace, changes, from_rows, set_as_jsonl, to_rows
from ui.dialogs import close_dialog, open_dialog
from ui.errors import friendly_errors
from ui.experiments.adding_sets import COLUMNS, offer_new
from ui.experiments.address import SET, VIEW, key, look_at, now
from ui.experiments.drafts import drafts, draw_editor, drop_draft, keep_draft
from ui.places import UPLOAD
from ui.shell import say
from ui.text import counted, day, escape_markdown

MOST_EDITED = 1_000
"""Rows that are edited in the page; larger sets are edited where they are from."""
VERSIONS_SHOWN = 12


def draw_sets(workspace: Workspace) -> None:
    """Draw the view."""
    kept = workspace.question_sets()
    names = list(dict.fromkeys(one.name for one in kept))
    if not workspace.settings.demo:
        offer_new(workspace, names)
    if not names:
        st.markdown(
            "There is no question set yet. A set is a list of questions of which you know the answers, or where they "
            "stand. With it, ways of finding and answering can be told apart: start with twenty questions that people "
            "really ask."
        )
        if not any(one.documents for one in workspace.collections()):
            st.markdown("There are no documents to ask yet, without which a set measures nothing: upload some too.")
            st.page_link(UPLOAD, label="Upload documents", icon=":material/upload_file:")
        return
    if now(SET) not in names:
        look_at(SET, names[0])
    unsaved = set(drafts())
    st.selectbox(
        "Question set",
        names,
        key=key(SET),
        format_func=lambda one: f"{one} (not saved)" if one in unsaved and one != now(SET) else one,
        persist_state="session",
    )
    name = now(SET)
    versions = [one for one in kept if one.name == name]
    shown = _choose_version(workspace, versions)
    questions = workspace.experiments.question_set(name, shown.version).questions
    st.caption(f"{counted(len(questions), 'question')} · {covered(questions)}")
    rows = _table(workspace, shown, questions, is_newest=shown is versions[0])
    _actions(workspace, shown, questions, rows)


def covered(questions: Sequence[Gold]) -> str:
    """How much is known of them, which is what can be measured."""
    parts = (
        (sum(bool(one.answers) for one in questions), "with the expected answer"),
        (sum(bool(one.document) for one in questions), "with its document"),
        (sum(bool(one.pages) for one in questions), "with its page"),
        (sum(bool(one.quotes) for one in questions), "with a quote"),
        (sum(not one.answerable for one in questions), "that no document answers"),
    )
    return ", ".join(f"{number:,} {words}" for number, words in parts if number) or "nothing is known of the answers"


def _choose_version(workspace: Workspace, versions: Sequence[KeptSet]) -> KeptSet:
    """The version that is looked at; the newest unless another is chosen."""
    if len(versions) == 1:
        return versions[0]
    listed = versions[:VERSIONS_SHOWN]
    words = {}
    for number, one in enumerate(listed):
        when = one.created_at.astimezone()
        before = versions[number + 1] if number + 1 < len(versions) else None
        changed = str(workspace.set_changes(one.name, before.version, one.version)) if before else "the first"
        words[one.version] = f"{one.version[:6]} · {day(when)} {when:%H:%M} · {changed}"
    chosen = st.selectbox(
        f"Version, of {len(versions):,}",
        list(words),
        key=f"experiments-version-{versions[0].name}-{versions[0].version}",
        format_func=lambda one: words.get(one, one),
        help="A version is never changed: what is saved becomes the newest, and studies keep the one that they asked.",
    )
    return next(one for one in versions if one.version == chosen)


def _table(
    workspace: Workspace, shown: KeptSet, questions: Sequence[Gold], is_newest: bool
) -> list[dict[str, Any]] | None:
    """The questions; what has become of them in the table, None where they cannot be changed."""
    rows = [row | {"page": [str(page) for page in row["page"]]} for row in to_rows(questions)]
    if workspace.settings.demo or not is_newest or len(rows) > MOST_EDITED:
        st.space("xxsmall")
        st.dataframe(rows, column_config=COLUMNS, hide_index=True, alt="The questions of this version")
        if len(rows) > MOST_EDITED:
            st.caption("So many are not edited here: download them, change them, and upload them under the same name.")
        elif not is_newest:
            st.caption("An earlier version can be looked at and downloaded. To go back to it, keep it anew.")
        return None
    return draw_editor(shown, rows, COLUMNS)


def _actions(
    workspace: Workspace, shown: KeptSet, questions: Sequence[Gold], rows: list[dict[str, Any]] | None
) -> None:
    changed = None if rows is None else _read(rows)
    tidy = questions if rows is None else _read(to_rows(questions))
    before = questions if isinstance(tidy, RagError) else tidy  # as a table gives them: else much would look changed
    is_changed = isinstance(changed, RagError) or (changed is not None and tuple(changed) != tuple(before))
    if rows is not None:
        _tell_unsaved(shown, before, rows, changed if is_changed else None)
    with st.container(horizontal=True):
        if isinstance(changed, list) and is_changed:
            st.button(
                "Save as a new version",
                type="primary",
                icon=":material/save:",
                key="experiments-save-set",
                on_click=_save,
                args=(workspace, shown.name, changed),
            )
        if is_changed:
            st.button(
                "Discard changes",
                icon=":material/undo:",
                key="experiments-discard",
                on_click=drop_draft,
                args=(shown.name,),
            )
        if rows is None and not workspace.settings.demo and shown is not _newest(workspace, shown.name):
            st.button(
                "Keep it anew as the newest",
                icon=":material/restore:",
                on_click=_save,
                args=(workspace, shown.name, questions),
            )
        if not workspace.settings.demo:
            st.button(
                "Start a study with it",
                icon=":material/science:",
                disabled=is_changed,
                help="Save the changes first: studies ask the newest version." if is_changed else None,
                on_click=_study_with,
                args=(shown.name,),
            )
        st.download_button(
            "Download",
            set_as_jsonl(questions),
            "question-set.jsonl",
            "application/jsonl",
            icon=":material/download:",
            on_click="ignore",
            help="One question a line, in a form that can be uploaded again",
        )
        if not workspace.settings.demo:
            st.button(
                "Delete", icon=":material/delete:", on_click=open_dialog, args=(delete_set, workspace, shown.name)
            )


def _tell_unsaved(
    shown: KeptSet, questions: Sequence[Gold], rows: list[dict[str, Any]], changed: list[Gold] | RagError | None
) -> None:
    """Keep what is not saved, and say what that is."""
    if changed is None:
        drop_draft(shown.name)
        return
    version = keep_draft(shown, rows)
    if isinstance(changed, RagError):
        st.error(escape_markdown(str(changed)), icon=":material/error:")
        return
    st.caption(
        f":orange[:material/edit:] Not saved yet: {changes(questions, changed)}. You can look at something else "
        "meanwhile; when the page is closed or loaded anew, it is lost."
    )
    if version != shown.version:
        st.warning(
            f"This set has been saved by somebody else since you began to change it (then {version[:6]}, now "
            f"{shown.version[:6]}). What you save becomes the newest version, without what they changed.",
            icon=":material/group:",
        )


def _newest(workspace: Workspace, name: str) -> KeptSet | None:
    return next((one for one in workspace.question_sets() if one.name == name), None)


def _read(rows: Sequence[Mapping[str, Any]]) -> list[Gold] | RagError:
    try:
        return from_rows(rows)
    except RagError as error:
        return error


def _save(workspace: Workspace, name: str, questions: Sequence[Gold]) -> None:
    with friendly_errors():
        kept = workspace.keep_questions(name, questions)
        drop_draft(name)
        say(f"Saved {counted(kept.questions, 'question')} as the newest version.")


def _study_with(name: str) -> None:
    st.session_state["study-set"] = name
    st.session_state["study-open"] = True
    look_at(VIEW, "Studies")


@st.dialog("Delete this question set?", icon=":material/delete:", on_dismiss=close_dialog)
def delete_set(workspace: Workspace, name: str) -> None:
    """Ask, then delete a set in all its versions."""
    versions = [one for one in workspace.question_sets() if one.name == name]
    st.markdown(
        f"**{escape_markdown(name)}** will be removed in {'its' if len(versions) == 1 else 'all'} "
        f"{counted(len(versions), 'version')}. Studies keep the questions that they asked."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep", key="keep-set", on_click=close_dialog):
            st.rerun()
        if st.button("Delete", key="really-delete-set", type="primary", on_click=_delete, args=(workspace, name)):
            st.rerun()


def _delete(workspace: Workspace, name: str) -> None:
    close_dialog()
    with friendly_errors():
        workspace.remove_questions(name)
        drop_draft(name)
        look_at(SET, None)
        say(f"Deleted the question set {escape_markdown(name)}.")
