"""What a document was before it was replaced: its versions, what changed, and the way back."""

from __future__ import annotations

import html
from functools import partial

import streamlit as st

from rag.records import Change, Changes, Document, Kind, Version
from rag.workspace import Workspace
from ui.collections.acting import done
from ui.collections.table import open_next
from ui.dialogs import close_dialog, give_way, open_dialog
from ui.errors import friendly_errors
from ui.text import bytes_as_text, counted, day, escape_markdown

NEXT, NOW = "The next version", "What it is now"
_PIECES = {
    Kind.SAME: "{}",
    Kind.ADDED: '<ins style="background:rgba(46,160,67,.25);text-decoration:none;border-radius:.2rem">{}</ins>',
    Kind.REMOVED: '<del style="background:rgba(218,54,51,.22);border-radius:.2rem">{}</del>',
}
_KINDS = {Kind.ADDED: "Added", Kind.REMOVED: "Removed", Kind.CHANGED: "Changed"}


def draw_versions(workspace: Workspace, document: Document) -> None:
    """The versions of a document, if it has any, the last first."""
    versions = workspace.versions(document)
    if not versions:
        return
    label = counted(len(versions), "earlier version")
    with st.expander(label, icon=":material/history:", key=f"versions-{document.id}"):
        later: Document | Version = document
        for one in versions:
            _draw(workspace, one, later, document)
            later = one


def _draw(workspace: Workspace, version: Version, later: Document | Version, document: Document) -> None:
    key = f"{version.collection}-{version.document}"
    pages = f"{counted(version.pages, 'page')} · " if version.pages > 1 else ""
    with st.container(border=True, gap="xsmall"):
        st.markdown(
            f"Added {day(version.added_at)}, replaced {day(version.replaced_at)} at "
            f"{version.replaced_at.astimezone():%H:%M}"
            f"  \n:small[{pages}{counted(version.chunks, 'passage')} · {bytes_as_text(version.bytes)}]"
        )
        with st.container(horizontal=True, gap="xsmall"):
            st.button(
                "What changed then",
                key=f"changed-{key}",
                icon=":material/difference:",
                type="tertiary",
                on_click=open_dialog,
                args=(show_changes, workspace, version, later, document),
            )
            st.download_button(
                "Download",
                data=partial(workspace.original_of, version),
                file_name=version.name,
                mime="application/octet-stream",  # never shown by the browser, as other originals
                key=f"old-original-{key}",
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
            )
            if not workspace.settings.demo and st.button(
                "Bring this version back",
                key=f"back-{key}",
                icon=":material/settings_backup_restore:",
                type="tertiary",
                help="It is read anew and takes the place of the present one, which is then an earlier version.",
            ):
                with friendly_errors():
                    back = workspace.bring_back(version)
                    open_next(version.collection, back.id)
                    done("The version is being read anew. The present one is searched until it is ready.")


@st.dialog("What changed", width=880, icon=":material/difference:", on_dismiss=close_dialog)
def show_changes(workspace: Workspace, version: Version, later: Document | Version, document: Document) -> None:
    """What is otherwise in a later version of a document, or in what it is now."""
    give_way(show_changes)
    with friendly_errors():
        to = NEXT
        if later != document:
            to = st.segmented_control("Compared with", [NEXT, NOW], default=NEXT, required=True, key="compared")
        with st.spinner("Comparing…"):
            found = workspace.changed(version, document if to == NOW else later)
        name, since = escape_markdown(version.name), day(version.added_at)
        st.markdown(f"**{name}**, from the version of {since} on: {_summed(found)}")
        for one in found.shown:
            st.html(change_html(one))
        if found.total > len(found.shown):
            st.caption(f"And {found.total - len(found.shown):,} more.")


def _summed(found: Changes) -> str:
    if not found.total:
        return "nothing it says has changed."
    parts = ((found.changed, "changed"), (found.added, "added"), (found.removed, "removed"))
    return f"{', '.join(f'{number:,} {what}' for number, what in parts if number)}, in paragraphs or sentences."


def change_html(change: Change) -> str:
    """A change as HTML: what was added on green ground, what was removed struck out on red."""
    words, before = "", Kind.SAME
    for kind, text in change.pieces:
        # What was removed and what came in its place touch each other, and would read as one word.
        words += " " if Kind.SAME not in (before, kind) and not words[-1:].isspace() else ""
        words += _PIECES[kind].format(html.escape(text))
        before = kind
    return (
        f'<p style="margin:0 0 .2rem;font-size:.8rem;opacity:.7">{_KINDS[change.kind]}</p>'
        f'<p style="margin:0;overflow-wrap:break-word;line-height:1.55" dir="auto">{words}</p>'
    )
