"""The last step of an upload: what was chosen is reviewed while it is checked, and added whenever the reader likes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rag.records import IngestEvent
from rag.workspace import Workspace
from ui.basket import Basket, Item
from ui.errors import friendly_errors
from ui.preflight import ask_passwords, draw_table, explain, look_into
from ui.progress import POLL_SECONDS, hand_in, remember
from ui.review import Review, totals
from ui.text import counted

REPLACE, KEEP = "Replace the old version", "Keep both"
GONE = "It was checked too long ago, and what was kept of it has been removed: choose it again."


def chosen_files() -> Basket:
    """This session's basket."""
    if "basket" not in st.session_state:
        st.session_state["basket"] = Basket()
    basket: Basket = st.session_state["basket"]
    return basket


def review(workspace: Workspace, basket: Basket, collection: str, tags: Sequence[str]) -> None:
    """What will happen to the chosen files, filled in while they are checked, and the button that adds them."""
    basket.check(workspace, collection)
    checking = Review.of(basket, collection).pending() > 0
    st.fragment(_draw, run_every=POLL_SECONDS if checking else None)(workspace, basket, collection, tags, checking)


def _draw(workspace: Workspace, basket: Basket, collection: str, tags: Sequence[str], was_checking: bool) -> None:
    with friendly_errors():
        shown = Review.of(basket, collection)
        if not shown.items:
            st.rerun()
        _heading(basket, shown)
        draw_table(shown, workspace.settings)
        st.markdown(totals(shown, workspace.settings))
        if ask_passwords(basket, shown):
            st.rerun()
        replaces = _choose_versions(shown)
        if _add_button(shown):
            _add(workspace, basket, shown, replaces, tags)
            st.rerun()
        explain(shown, workspace.settings)
        look_into(workspace, basket, shown)
        if was_checking and not shown.pending():  # only now: above, the click that began this run would be lost
            st.rerun()


def _heading(basket: Basket, shown: Review) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Before they are added", anchor=False)
        st.button("Take all out", type="tertiary", on_click=basket.remove, args=(shown.items,))
    total = sum(not one.is_archive for one in shown.items)
    if shown.pending():
        number = total - shown.pending()
        st.progress(number / total, text=f"Checking {number + 1:,} of {total:,} · you need not wait for it")


def _choose_versions(shown: Review) -> bool:
    """Whether files replace documents of the same name."""
    if new := shown.new_versions():
        are = "is a new version of a document" if len(new) == 1 else "are new versions of documents"
        label = f"{counted(len(new), 'file')} {are} that is there already"
    else:
        label = "If a document of the same name is there already"
    choice = st.segmented_control(
        label,
        [REPLACE, KEEP],
        default=REPLACE,
        required=True,
        key="versions",
        persist_state="session",
        help="The old version is searched until the new one is ready. Passages that stayed the same are not made anew.",
    )
    return choice == REPLACE


def _add_button(shown: Review) -> bool:
    number = len(shown.to_add())
    label = f"Add {counted(number, 'file')}" if number else "Nothing to add"
    return st.button(label, type="primary", icon=":material/add:", disabled=not number)


def _add(workspace: Workspace, basket: Basket, shown: Review, replaces: bool, tags: Sequence[str]) -> None:
    """Hand in what can be added and say what is left out; what needs a password stays. Not interrupted on the way."""
    with st.spinner("Adding them…"):
        adding = [*shown.to_add(), *shown.duplicates()]
        there = [one for one in adding if one.upload.path.is_file()]
        replacing = [one.upload for one in there if replaces and one.name not in shown.repeated]
        others = [one.upload for one in there if not replaces or one.name in shown.repeated]
        events = [
            *hand_in(workspace, replacing, shown.collection, True, tags),
            *hand_in(workspace, others, shown.collection, False, tags),
            *(_refused(one, one.found.problem) for one in shown.unreadable() if one.found is not None),
            *(_refused(one, GONE) for one in adding if one not in there),
        ]
        remember(shown.collection, events)
        basket.remove([*adding, *shown.unreadable()])


def _refused(item: Item, reason: str) -> IngestEvent:
    return IngestEvent("", item.name, None, "queued", outcome="failed", reason=reason)
