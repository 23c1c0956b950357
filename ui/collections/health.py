"""Whether what is derived of a collection agrees with the catalog, and what can be done if not."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from rag.records import Collection, Health
from rag.workspace import Workspace
from ui.dialogs import close_dialog, open_dialog
from ui.errors import friendly_errors
from ui.shell import say
from ui.text import about, counted, escape_markdown, message_markdown, shortened

QUICK, THOROUGH, REPAIR = "quick", "thorough", "repair"
SHOWN = 20
"""Findings listed."""
_DOING = {
    QUICK: "Comparing the index with the catalog…",
    THOROUGH: "Reading files, searching for passages, embedding samples…",
    REPAIR: "Repairing. Nobody can search until this is done…",
}


def draw_health(workspace: Workspace, collection: Collection) -> None:
    """What the last look found, and buttons to look again and to mend."""
    if how := st.session_state.pop(f"examine-{collection.name}", None):
        _examine(workspace, collection, how)
    found = workspace.health(collection)
    _tell(found)
    with st.container(horizontal=True):
        _button(collection, "Check", QUICK, ":material/rule:", "Are all passages in Chroma and in the index of words?")
        _button(
            collection,
            "Check thoroughly",
            THOROUGH,
            ":material/troubleshoot:",
            "Also reads the files, searches for passages by their own vectors, and embeds a sample of them anew.",
        )
        if found is not None and any(not one.repaired for one in found.findings):
            _button(collection, "Repair", REPAIR, ":material/build:", "Mends what was found, as far as that goes.")
        if collection.linked is None:  # what was read from elsewhere has no files here: it is read again from there
            st.button(
                "Index anew",
                key=f"rebuild-{collection.name}",
                icon=":material/restart_alt:",
                help="Reads and embeds every document of the collection again, from the kept files.",
                on_click=open_dialog,
                args=(confirm_rebuild, workspace, collection),
            )


def _button(collection: Collection, words: str, how: str, icon: str, means: str) -> None:
    key = f"{how}-check-{collection.name}"
    st.button(words, key=key, icon=icon, help=means, on_click=_ask_for, args=(collection, how))


def _ask_for(collection: Collection, how: str) -> None:
    st.session_state[f"examine-{collection.name}"] = how


def _examine(workspace: Workspace, collection: Collection, how: str) -> None:
    bar = st.progress(0.0, text=_DOING[how])

    def told(share: float) -> None:
        bar.progress(min(share, 1.0), text=_DOING[how])

    with friendly_errors():
        workspace.examine(collection.name, how == THOROUGH, how == REPAIR, told)
    bar.empty()


def _tell(found: Health | None) -> None:
    if found is None:
        st.markdown("Nobody has looked since Footnote was started.")
        return
    when = (datetime.now(UTC) - found.checked_at).total_seconds()
    ago = "just now" if when < 60 else f"{about(when)} ago"
    how = "thoroughly" if found.thorough else "quickly"
    if not found.findings:
        st.success(
            f"All is well: {counted(found.passages, 'passage')}, checked {how} {ago}.", icon=":material/check_circle:"
        )
        return
    mended = sum(one.repaired for one in found.findings)
    left = len(found.findings) - mended
    said = [f"{counted(left, 'problem')} found" for _ in range(left > 0)]
    said += [f"{counted(mended, 'problem')} repaired" for _ in range(mended > 0)]
    message = f"{', '.join(said)}, checked {how} {ago}."
    if left:
        st.warning(message, icon=":material/error:")
    else:
        st.success(message, icon=":material/build:")
    with st.expander("What was found"):
        for one in found.findings[:SHOWN]:
            done = " :green[Repaired.]" if one.repaired else ""
            st.markdown(f"**{escape_markdown(shortened(one.what, 60))}**: {message_markdown(one.problem)}.{done}")
        if len(found.findings) > SHOWN:
            st.caption(f"And {len(found.findings) - SHOWN:,} more.")


@st.dialog("Index this collection anew?", icon=":material/restart_alt:", on_dismiss=close_dialog)
def confirm_rebuild(workspace: Workspace, collection: Collection) -> None:
    """Ask, then queue all of a collection."""
    st.markdown(
        f"The {counted(collection.documents, 'document')} of **{escape_markdown(collection.name)}** will be read and "
        "embedded again from the kept files. Each can be found again as soon as it is done. Nothing is lost if this is "
        "interrupted."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Leave it", key="leave", on_click=close_dialog):
            st.rerun()
        pressed = st.button("Index anew", key="really-rebuild", type="primary")
    if pressed:
        with friendly_errors():  # the dialog stays with what went wrong
            queued = workspace.begin_rebuild(collection.name)
            close_dialog()
            say(f"{counted(len(queued), 'document')} will be indexed anew.")
            st.rerun()
