"""The conversations that are kept, below the menu of the Ask page: found, opened, renamed, deleted and brought back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from rag.records import Conversation
from rag.workspace import LONGEST_SEARCH, Removed, Workspace
from ui.dialogs import close_dialog, open_dialog, run_page, run_page_if_asked
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

# Names as in a list, from the left on and close together; what can be done with each is behind three dots. How far
# indexing is stays at the foot of the sidebar.
_STYLE = """<style>
.st-key-history button { min-height: 2.1rem; padding-top: .1rem; padding-bottom: .1rem; }
.st-key-history [class*=st-key-open-talk] button { padding-left: .5rem; padding-right: .5rem; }
.st-key-history [class*=st-key-open-talk] button > div { width: 100%; justify-content: flex-start; text-align: left; }
.st-key-history [class*=st-key-change-talk] button :is(div[aria-hidden], [data-testid=stMarkdownContainer]) {
  position: absolute; clip-path: inset(50%); }
[data-testid=stSidebarUserContent] [data-testid=stVerticalBlock] > :has(.st-key-indexing) { order: 1; }
</style>"""


def draw_history(workspace: Workspace) -> None:
    """The list in the sidebar, which a click in it draws anew without the page."""
    if not workspace.settings.demo:
        with st.sidebar.container(key="history", gap="xsmall"):
            _draw(workspace)


@st.fragment
def _draw(workspace: Workspace) -> None:
    run_page_if_asked()
    with friendly_errors():
        shown = st.session_state.setdefault("talks-shown", AT_ONCE)
        text = st.session_state.get("search-talks") or ""
        found = workspace.conversations(reader(), text, shown + 1)
        if not (found or text or "removed" in st.session_state):
            return
        st.html(_STYLE)
        st.space("small")
        st.text_input(
            "Search conversations",
            key="search-talks",
            placeholder="Search conversations",
            icon=":material/search:",
            label_visibility="collapsed",
            max_chars=LONGEST_SEARCH,
            on_change=st.session_state.__setitem__,
            args=("talks-shown", AT_ONCE),
        )
        _draw_removed(workspace)
        if text and not found:
            st.caption("No conversation has these words.")
        now, before = datetime.now(UTC), ""
        for one in found[:shown]:
            if (heading := period(one.updated_at, now)) != before:
                st.caption(heading)
                before = heading
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
    with st.container(horizontal=True, vertical_alignment="center", gap=None, wrap=False):
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
            f"Rename or delete “{title}”",  # not seen, but read out
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
        run_page()


def _change(workspace: Workspace, one: Conversation) -> None:
    if st.session_state[f"change-talk-{one.id}"] == RENAME:
        open_dialog(rename, workspace, one)
    else:
        _delete(workspace, one)


def _delete(workspace: Workspace, one: Conversation) -> None:
    with friendly_errors():
        current = one.id == talk().id
        st.session_state["removed"] = (workspace.delete_conversation(one.id, one.owner), current)
        if current:
            new_talk()
            run_page()


def _draw_removed(workspace: Workspace) -> None:
    """What was deleted last, until the page is loaded anew: nobody else has it then."""
    if "removed" in st.session_state:
        removed: Removed = st.session_state["removed"][0]
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            st.caption(f"“{escape_markdown(shortened(removed.conversation.title, 30))}” is deleted.", width="stretch")
            st.button("Undo", key="restore-talk", on_click=_restore, args=(workspace,))


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


def period(when: datetime, now: datetime) -> str:
    """`Today`, `Yesterday`, `Last 7 days`, `Earlier`; days are those of where Footnote runs."""
    days = (now.astimezone().date() - when.astimezone().date()).days
    periods = ((0, "Today"), (1, "Yesterday"), (7, "Last 7 days"))
    return next((words for limit, words in periods if days <= limit), "Earlier")


def age(when: datetime, now: datetime) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `22 Nov 2026`."""
    passed = now - when
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{passed.seconds // 60} min ago"
    return f"{passed.seconds // 3600} h ago" if passed < timedelta(days=1) else day(when.astimezone())
