"""The page that a footnote or a source is from: as it looks, with the quoted words boxed, or its text.

It lies at the right of a wide window, over what is read on a narrow one. A click in it draws only it again.
"""

from __future__ import annotations

import streamlit as st

from rag.errors import DocumentError, NotFoundError
from rag.records import Document, Page
from rag.workspace import Workspace, has_image
from ui.boxed import BACK, STYLE, TO_THE_QUOTE, image_html
from ui.dialogs import run_page_if_asked
from ui.edited import tell_edited, tell_printed
from ui.errors import friendly_errors
from ui.labels import heading_path, place
from ui.originals import download_button
from ui.overviews import overview_button
from ui.passages import Passage, page_html, passage_html
from ui.text import escape_markdown, message_markdown
from ui.viewer import Viewer, close_viewer

PAGE, LARGER, TEXT = "Page", "Larger", "Text"
WIDTHS = {PAGE: 100, LARGER: 175}
"""Of the page, in percent of the viewer's."""


def draw_viewer(workspace: Workspace, page: str) -> None:
    """Draw what was opened on this page; what was left open on another one is closed."""
    where, _ = st.session_state.get("viewer", (page, None))
    if where != page:
        close_viewer()
    if "viewer" in st.session_state:
        _viewer(workspace)
    elif st.session_state.pop("viewer-closed", False):
        st.html(BACK, unsafe_allow_javascript=True)


@st.fragment
def _viewer(workspace: Workspace) -> None:
    run_page_if_asked()
    if "viewer" not in st.session_state:  # closed: what is read is as wide as before
        st.rerun()
    viewer: Viewer = st.session_state["viewer"][1]
    ground = st.get_option(f"theme.{st.context.theme.type or 'light'}.backgroundColor")
    st.html(STYLE.replace("GROUND", ground))
    with st.container(key="viewer"), friendly_errors():
        document = _document(workspace, viewer.passage)
        with st.container(key="viewer-bar", gap="xsmall"):
            _title(workspace, viewer, document)
            page = workspace.page(document, viewer.page) if document else None
            shown = _controls(viewer, document, page) if document and page else TEXT
            if page is None or page.number == viewer.passage.page:
                tell_edited(viewer.passage, _printed(viewer.passage, page))
        if document is None or page is None:
            st.caption("The document has been deleted since. This is what was quoted from it.")
            tell_printed(viewer.passage, viewer.passage.printed)
            st.html(passage_html(viewer.passage))
        else:
            _draw_page(workspace, document, page, viewer, shown)
            download_button(workspace, document, "viewer")
        st.html(TO_THE_QUOTE.replace("SHOWN", _told(viewer, shown)), unsafe_allow_javascript=True)


def _told(viewer: Viewer, shown: str) -> str:
    """What is to be seen, for the viewer's script."""
    return f"{viewer.at} {viewer.page} {shown}"


def _document(workspace: Workspace, passage: Passage) -> Document | None:
    try:
        return workspace.document(passage.document, passage.collection)
    except NotFoundError:
        return None


def _title(workspace: Workspace, viewer: Viewer, document: Document | None) -> None:
    passage = viewer.passage
    number = rf"**\[{passage.number}\]** " if passage.number else ""
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        st.markdown(f"{number}**{escape_markdown(passage.name)}**", width="stretch")
        if document and document.visible:
            overview_button(workspace, document, "viewer-overview", "tertiary")
        st.button(
            "Close",
            key="viewer-close",
            icon=":material/close:",
            type="tertiary",
            shortcut=None if "dialog" in st.session_state else "Esc",  # which closes the dialog above it
            on_click=close_viewer,
        )
    if len(viewer.passages) > 1:
        with st.container(horizontal=True, gap="xxsmall"):
            for at, one in enumerate(viewer.passages):
                st.button(
                    rf"\[{one.number}\]" if one.number else str(at + 1),
                    key=f"viewer-to-{at}",
                    type="primary" if at == viewer.at else "secondary",
                    help=f"{escape_markdown(one.name)}, {place(one.name, one.page)}",
                    on_click=viewer.jump,
                    args=(at,),
                )


def _controls(viewer: Viewer, document: Document, page: Page) -> str:
    """Buttons for turning pages, and what is to be shown: PAGE, LARGER or TEXT."""
    shown = TEXT
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        _step(viewer, "Previous", ":material/chevron_left:", "Left", -1, disabled=viewer.page <= 1)
        _where(viewer, document, page)
        _step(viewer, "Next", ":material/chevron_right:", "Right", 1, disabled=viewer.page >= document.pages)
        if has_image(document.media_type):
            shown = st.segmented_control(
                "How to show it", (PAGE, LARGER, TEXT), default=PAGE, required=True, label_visibility="collapsed"
            )
        if viewer.page != viewer.passage.page:
            st.button(
                "Back to the quote",
                key="viewer-back",
                icon=":material/undo:",
                type="tertiary",
                on_click=viewer.jump,
                args=(viewer.at,),
            )
    return str(shown)


def _where(viewer: Viewer, document: Document, page: Page) -> None:
    """Which page is shown; a click lets the reader type another one's number."""
    where = f"{place(document.name, viewer.page)} of {document.pages:,}"
    if page.label:
        where += f" (printed {escape_markdown(page.label)})"
    if document.pages < 2:
        st.markdown(where, width="content")
        return
    field = f"viewer-page-{viewer.at}-{viewer.page}"  # another one for another page: so it closes by itself
    with st.popover(where, type="tertiary", key=f"{field}-box", help="Go to another page"):
        st.number_input(
            "Go to page", 1, document.pages, viewer.page, key=field, width=160, on_change=viewer.go, args=(field,)
        )


def _step(viewer: Viewer, words: str, icon: str, shortcut: str, pages: int, disabled: bool) -> None:
    key = f"viewer-{words.lower()}"
    st.button(words, key=key, icon=icon, shortcut=shortcut, disabled=disabled, on_click=viewer.turn, args=(pages,))


def _printed(passage: Passage, page: Page | None) -> str:
    """What the page of a passage says at its place; what is known of it where the page is gone."""
    return page.text[passage.start - page.start : passage.end - page.start] if page else passage.printed


def _draw_page(workspace: Workspace, document: Document, page: Page, viewer: Viewer, shown: str) -> None:
    passage = viewer.passage
    quoted = page.number == passage.page
    start, end = (passage.start, passage.end) if quoted else (page.start, page.start)
    if passage.heading and quoted:
        st.caption(heading_path(passage.heading))
    if quoted:
        tell_printed(passage, _printed(passage, page))
    if page.ocr is not None:
        st.caption(
            f":orange[:material/document_scanner: Read by OCR (confidence {page.ocr:.0%}): check it against the page.]"
        )
    try:
        highlights = passage.highlights if quoted else ()
        view = None if shown == TEXT else workspace.view(document, page, start, end, highlights)
    except DocumentError as error:
        st.warning(message_markdown(str(error)), icon=":material/hide_image:")
        view = None
    if view is None:
        seen = page_html(page, start, end, passage.inside if quoted else ())
    else:
        alt = f"{place(document.name, page.number).capitalize()} of {document.name}"
        seen = image_html(view, alt, WIDTHS[shown])
    st.html(f'<div data-shown="{_told(viewer, shown)}">{seen}</div>')
