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
        _heading(shown)
        draw_table(shown, workspace.settings)
        st.markdown(totals(shown, workspace.settings))
        if ask_passwords(basket, shown):
            st.rerun()
        replaces = _choose_versions(shown)
        with st.container(horizontal=True):
            pressed = _add_button(shown)
            st.button("Take all out", type="tertiary", on_click=basket.remove, args=(shown.items,))
        if pressed:
            _add(workspace, basket, shown, replaces, tags)
            st.rerun()
        explain(shown, workspace.settings)
        look_into(workspace, basket, shown)
        if was_checking and not shown.pending():  # only now: above, the click that began this run would be lost
            st.rerun()


def _heading(shown: Review) -> None:
    st.subheader("Before they are added", anchor=False)
    total = len(shown.items)
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
    chosen = shown.to_add()
    archives = sum(one.is_archive for one in chosen)
    files = [counted(len(chosen) - archives, "file")] if len(chosen) > archives else []
    label = " and ".join([*files, *([counted(archives, "archive")] if archives else [])])
    return st.button(
        f"Add {label}" if chosen else "Nothing to add",
        type="primary",
        icon=":material/add:",
        disabled=not chosen,
        key="add",  # else a click is lost if its label changes meanwhile
    )


def _add(workspace: Workspace, basket: Basket, shown: Review, replaces: bool, tags: Sequence[str]) -> None:
    """Hand in what can be added and say what is left out; what needs a password stays. Not interrupted on the way."""
    with st.spinner("Adding them…"):
        adding = shown.to_add()
        with basket.giving(adding):
            there = [one for one in adding if one.path.is_file()]
            taken = hand_in(workspace, [one.upload for one in there], shown.collection, replaces, tags)
        events = [
            *taken,
            *(_left_out(one, one.found.problem) for one in shown.unreadable() if one.found is not None),
            *(_left_out(one, GONE) for one in adding if one not in there),
            *(_duplicate(one, shown) for one in shown.duplicates()),
        ]
        remember(shown.collection, events)
        basket.remove([*adding, *shown.unreadable(), *shown.duplicates()])


def _left_out(item: Item, reason: str) -> IngestEvent:
    return IngestEvent("", item.name, None, "queued", outcome="skipped", reason=reason)


def _duplicate(item: Item, shown: Review) -> IngestEvent:
    """What is there already is not handed in: whatever it might replace, nothing is to change."""
    there = item.found.duplicate_of if item.found is not None else None
    if there is None:
        reason = f"The same bytes were given twice, first as {shown.twins[id(item)]}."
        return IngestEvent("", item.name, None, "queued", outcome="duplicate", reason=reason)
    reason = f"Already in {there.collection!r} as {there.name}."
    return IngestEvent("", item.name, there.id, "queued", outcome="duplicate", reason=reason)
