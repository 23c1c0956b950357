"""The conversations that are kept, below the menu of the Ask page: found, opened, renamed, deleted and brought back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from rag.records import Conversation
from rag.workspace import Removed, Workspace
from ui.dialogs import close_dialog, open_dialog
from ui.door import reader
from ui.errors import friendly_errors
from ui.talk import new_talk, open_talk, talk
from ui.text import day, escape_markdown, shortened

AT_ONCE = 30
"""Conversations shown, and shown more at a time."""
LONGEST = 60
"""Characters of a title that are shown; how many of them are seen depends on the sidebar's width."""
RENAME, DELETE = "Rename", "Delete"
_ICONS = {RENAME: ":material/edit:", DELETE: ":material/delete:"}

# Names as in a list, from the left on, each on one line. How far indexing is stays at the foot of the sidebar.
_STYLE = """<style>
.st-key-history :is([class*=st-key-open-talk]) button { justify-content: flex-start; text-align: left; min-width: 0; }
.st-key-history [class*=st-key-talk-row] { flex-wrap: nowrap; }
[data-testid=stSidebarUserContent] :has(> .st-key-indexing) { order: 1; }
</style>"""


def draw_history(workspace: Workspace) -> None:
    """The list in the sidebar, which a click in it draws anew without the page."""
    if not workspace.settings.demo:
        with st.sidebar.container(key="history", gap="xsmall"):
            _draw(workspace)


@st.fragment
def _draw(workspace: Workspace) -> None:
    if st.session_state.pop("talk-changed", False):
        st.rerun()
    with friendly_errors():
        shown = st.session_state.setdefault("talks-shown", AT_ONCE)
        text = st.session_state.get("search-talks") or ""
        found = workspace.conversations(reader(), text, shown + 1)
        if not (found or text or "removed" in st.session_state):
            return
        st.html(_STYLE)
        st.markdown("**Conversations**")
        st.text_input(
            "Search conversations",
            key="search-talks",
            placeholder="Search conversations",
            icon=":material/search:",
            label_visibility="collapsed",
            on_change=st.session_state.__setitem__,
            args=("talks-shown", AT_ONCE),
        )
        _draw_removed(workspace)
        if text and not found:
            st.caption("No conversation has these words.")
        now = datetime.now(UTC)
        for one in found[:shown]:
            _row(workspace, one, now)
        if len(found) > shown:
            st.button(
                "Show more",
                key="more-talks",
                type="tertiary",
                icon=":material/expand_more:",
                on_click=st.session_state.__setitem__,
                args=("talks-shown", shown + AT_ONCE),
            )
        if workspace.settings.password_hash.get_secret_value() and not reader():
            st.caption("Whoever knows the password sees these conversations.")


def _row(workspace: Workspace, one: Conversation, now: datetime) -> None:
    current = one.id == talk().id
    title = escape_markdown(shortened(one.title, LONGEST))
    with st.container(horizontal=True, vertical_alignment="center", gap=None, key=f"talk-row-{one.id}"):
        st.button(
            f"**{title}**" if current else title,
            key=f"open-talk-{one.id}",
            type="secondary" if current else "tertiary",
            width="stretch",
            wrap=False,
            help=f"{escape_markdown(one.title)} · {age(one.updated_at, now)}",
            on_click=_open,
            args=(workspace, one.id),
        )
        st.menu_button(
            "",
            (RENAME, DELETE),
            key=f"change-talk-{one.id}",
            type="tertiary",
            icon=":material/more_vert:",
            format_func=lambda what: f"{_ICONS[what]} {what}",
            on_click=_change,
            args=(workspace, one),
        )


def _open(workspace: Workspace, conversation: str) -> None:
    with friendly_errors():
        open_talk(workspace, conversation)
        st.session_state["talk-changed"] = True


def _change(workspace: Workspace, one: Conversation) -> None:
    if st.session_state[f"change-talk-{one.id}"] == RENAME:
        open_dialog(rename, workspace, one)
        st.session_state["talk-changed"] = True
    else:
        _delete(workspace, one)


def _delete(workspace: Workspace, one: Conversation) -> None:
    with friendly_errors():
        current = one.id == talk().id
        st.session_state["removed"] = (workspace.delete_conversation(one.id, one.owner), current)
        if current:
            new_talk()
            st.session_state["talk-changed"] = True


def _draw_removed(workspace: Workspace) -> None:
    """What was deleted last, until the page is loaded anew: nobody else has it then."""
    if "removed" in st.session_state:
        removed: Removed = st.session_state["removed"][0]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"Deleted “{escape_markdown(shortened(removed.conversation.title, 40))}”.", width="stretch")
            st.button("Undo", key="restore-talk", icon=":material/undo:", on_click=_restore, args=(workspace,))


def _restore(workspace: Workspace) -> None:
    with friendly_errors():
        removed, current = st.session_state.pop("removed")
        workspace.restore_conversation(removed)
        if current and not st.session_state["turns"]:
            _open(workspace, removed.conversation.id)


@st.dialog("Rename this conversation", icon=":material/edit:", on_dismiss=close_dialog)
def rename(workspace: Workspace, one: Conversation) -> None:
    """Ask for another title."""
    with friendly_errors(), st.form("rename", border=False):
        title = st.text_input("Title", one.title, max_chars=100)
        if st.form_submit_button("Rename", type="primary"):
            try:
                workspace.rename_conversation(one.id, title or "", one.owner)
            finally:
                close_dialog()
            st.rerun()


def age(when: datetime, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `yesterday`, `22 Nov 2026`; the day is that of where Footnote runs."""
    passed = now - when
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{passed.seconds // 60} min ago"
    local, today = when.astimezone(), now.astimezone().date()
    if local.date() == today:
        return f"{passed.seconds // 3600} h ago"
    return "yesterday" if local.date() == today - timedelta(days=1) else day(local)
