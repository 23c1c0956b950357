"""The page that a footnote or a source is from: as it looks, with the quoted words boxed, or its text.

It lies at the right of a wide window, over what is read on a narrow one. What is open is kept in the session, and a
click in it draws only it again.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rag.errors import DocumentError, NotFoundError
from rag.records import Document, PageView
from rag.workspace import Workspace, has_image
from ui.dialogs import close_dialog, run_page
from ui.errors import friendly_errors
from ui.labels import heading_path, place
from ui.originals import download_button
from ui.passages import Passage, page_html, passage_html
from ui.text import escape_markdown, message_markdown

PAGE, LARGER, TEXT = "Page", "Larger", "Text"
WIDTHS = {PAGE: 100, LARGER: 175}
"""Of the page, in percent of the viewer's."""

_STYLE = """<style>
.st-key-viewer { position: fixed; inset: 0 0 0 auto; width: min(46rem, 100%); padding: 0 1.25rem 2rem; overflow: auto;
  overscroll-behavior: contain; background: GROUND; border-left: 1px solid rgba(128,128,128,.35); z-index: 999995;
  box-shadow: -1rem 0 2rem rgba(0,0,0,.12); flex-wrap: nowrap; }
.st-key-viewer > :has(> .st-key-viewer-bar) { position: sticky; top: 0; left: 0; z-index: 2; }
.st-key-viewer-bar { padding: .75rem 0 .5rem; background: GROUND; box-shadow: -1.25rem 0 GROUND, 1.25rem 0 GROUND; }
@media (max-width: 40rem), (hover: none) { .st-key-viewer [aria-label^="Shortcut"] { display: none; } }
@media (min-width: 1240px) {
  .st-key-viewer { top: 3.75rem; width: 46vw; box-shadow: none; z-index: 100; }
  .stApp:has(.st-key-viewer) :is([data-testid=stMainBlockContainer], [data-testid=stBottomBlockContainer]) {
    margin: 0; max-width: none; padding-right: calc(46vw + 2rem); padding-left: 2rem; }
}
</style>"""
_BOX = (
    "position:absolute;background:rgba(242,182,50,.38);mix-blend-mode:multiply;border-radius:2px;"
    "outline:1.5px solid rgba(176,112,0,.9)"
)
_TO_THE_QUOTE = """<script>
{ const viewer = document.querySelector('.st-key-viewer'), quote = viewer?.querySelector('[data-quote], mark');
  if (quote) viewer.scrollTop += quote.getBoundingClientRect().top - viewer.clientHeight / 2;
  if (viewer && !viewer.contains(document.activeElement)) {
    Object.assign(viewer, {tabIndex: -1, role: 'region', ariaLabel: 'The page that is quoted'});
    viewer.focus({preventScroll: true}); } }
</script>"""
"""Also puts the keyboard there: a field for text would keep the arrow keys that turn pages."""


@dataclass(slots=True)
class Viewer:
    """What is open: one of the `passages` of an answer, `at`; `page` is where the reader has turned to from there."""

    passages: Sequence[Passage]
    at: int
    page: int

    @property
    def passage(self) -> Passage:
        """The passage that is open."""
        return self.passages[self.at]

    def jump(self, at: int) -> None:
        """Go to another passage."""
        self.at, self.page = at, self.passages[at].page

    def turn(self, pages: int) -> None:
        """Go some pages on, or back."""
        self.page += pages


def open_viewer(passages: Sequence[Passage], at: int = 0) -> None:
    """Open one of some passages; for callbacks."""
    st.session_state["viewer"] = (st.session_state["page"], Viewer(passages, at, passages[at].page))
    close_dialog()
    run_page()


def close_viewer() -> None:
    """Close it; for callbacks."""
    st.session_state.pop("viewer", None)


def draw_viewer(workspace: Workspace, page: str) -> None:
    """Draw what was opened on this page; what was left open on another one is closed."""
    where, _ = st.session_state.get("viewer", (page, None))
    if where != page:
        close_viewer()
    elif "viewer" in st.session_state:
        _viewer(workspace)


@st.fragment
def _viewer(workspace: Workspace) -> None:
    if "viewer" not in st.session_state:  # closed: what is read is as wide as before
        st.rerun()
    viewer: Viewer = st.session_state["viewer"][1]
    ground = st.get_option(f"theme.{st.context.theme.type or 'light'}.backgroundColor")
    st.html(_STYLE.replace("GROUND", ground))
    with st.container(key="viewer"), friendly_errors():
        document = _document(workspace, viewer.passage)
        with st.container(key="viewer-bar", gap="xsmall"):
            _title(viewer)
            shown = _controls(viewer, document) if document else TEXT
        if document is None:
            st.caption("The document has been deleted since. This is what was quoted from it.")
            st.html(passage_html(viewer.passage))
        else:
            _draw_page(workspace, document, viewer, shown)
            download_button(workspace, document, "viewer")
        st.html(f"<!-- {viewer.at} {viewer.page} {shown} -->{_TO_THE_QUOTE}", unsafe_allow_javascript=True)


def _document(workspace: Workspace, passage: Passage) -> Document | None:
    try:
        return workspace.document(passage.document, passage.collection)
    except NotFoundError:
        return None


def _title(viewer: Viewer) -> None:
    passage = viewer.passage
    number = rf"**\[{passage.number}\]** " if passage.number else ""
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        st.markdown(f"{number}**{escape_markdown(passage.name)}**", width="stretch")
        st.button(
            "Close", key="viewer-close", icon=":material/close:", type="tertiary", shortcut="Esc", on_click=close_viewer
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


def _controls(viewer: Viewer, document: Document) -> str:
    """Buttons for turning pages, and what is to be shown: PAGE, LARGER or TEXT."""
    where = f"{place(document.name, viewer.page)} of {document.pages:,}"
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        _step(viewer, "Previous", ":material/chevron_left:", "Left", -1, disabled=viewer.page <= 1)
        st.markdown(where, width="content")
        _step(viewer, "Next", ":material/chevron_right:", "Right", 1, disabled=viewer.page >= document.pages)
        if not has_image(document.media_type):
            return TEXT
        shown = st.segmented_control(
            "How to show it", (PAGE, LARGER, TEXT), default=PAGE, required=True, label_visibility="collapsed"
        )
        return str(shown)


def _step(viewer: Viewer, words: str, icon: str, shortcut: str, pages: int, disabled: bool) -> None:
    key = f"viewer-{words.lower()}"
    st.button(words, key=key, icon=icon, shortcut=shortcut, disabled=disabled, on_click=viewer.turn, args=(pages,))


def _draw_page(workspace: Workspace, document: Document, viewer: Viewer, shown: str) -> None:
    passage, page = viewer.passage, workspace.page(document, viewer.page)
    quoted = page.number == passage.page
    start, end = (passage.start, passage.end) if quoted else (page.start, page.start)
    if passage.heading and quoted:
        st.caption(heading_path(passage.heading))
    if page.ocr is not None:
        st.caption(
            f":orange[:material/document_scanner: Read by OCR (confidence {page.ocr:.0%}): check it against the page.]"
        )
    try:
        view = None if shown == TEXT else workspace.view(document, page, start, end)
    except DocumentError as error:
        st.warning(message_markdown(str(error)), icon=":material/hide_image:")
        view = None
    if view is None:
        st.html(page_html(page, start, end, passage.inside if quoted else ()))
    else:
        alt = f"{place(document.name, page.number).capitalize()} of {document.name}"
        st.html(image_html(view, alt, WIDTHS[shown]))


def image_html(view: PageView, alt: str, width: int) -> str:
    """A page's image with its boxes drawn over it, `width` percent of what is around it."""
    boxes = "".join(
        f'<div data-quote style="{_BOX};left:{left:.3%};top:{top:.3%};'
        f'width:{right - left:.3%};height:{bottom - top:.3%}"></div>'
        for left, top, right, bottom in view.boxes
    )
    image = base64.b64encode(view.image).decode()
    marked = f"{alt}, with the quoted words boxed" if view.boxes else alt
    return (
        f'<div style="position:relative;width:{width}%;background:#fff;border:1px solid rgba(128,128,128,.35)">'
        f'<img alt="{html.escape(marked)}" src="data:image/png;base64,{image}" '
        f'style="display:block;width:100%;aspect-ratio:{view.width}/{view.height}">{boxes}</div>'
    )
