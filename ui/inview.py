"""What stays in view: the question that was just asked with its answer, and on large windows what is asked of whom."""

from __future__ import annotations

import streamlit as st

from ui.turns import Turn

BAR = "ask-bar"
"""Key of the container that stays at the top: the title, what is chosen, and who answers."""

# Below a new question there is room for its answer, so that it can be at the top. The box for questions is put into
# `st.bottom` by name: placed there by itself, Streamlit would follow whatever grows at the page's end, an answer, or
# sources that are unfolded, and hide where it begins.
_STYLE = """<style>
LATEST { min-height: calc(100dvh - 8rem); }
@media (min-width: 800px) and (min-height: 700px) {
  LATEST { min-height: calc(100dvh - 14rem); }
  .stApp:not(:has(.st-key-viewer)) [data-testid=stLayoutWrapper]:has(> .st-key-ask-bar) {
    position: sticky; top: 1.5rem; z-index: 90; }
  .st-key-ask-bar { background: GROUND; padding: 1.5rem 0 .5rem; margin-top: -1.5rem;
    box-shadow: -6px 0 GROUND, 6px 0 GROUND; }
}
</style>"""
_LATEST = "[data-testid=stLayoutWrapper]:nth-last-child(1 of :has(> [class*=st-key-turn-])) > [class*=st-key-turn-]"
"""Not by its key: the style of the one before would last until all is drawn, and then move what is in view."""
_SCROLL = """<script>{
  const turn = document.querySelector('.st-key-turn-LATEST'), main = document.querySelector('[data-testid=stMain]');
  const bar = document.querySelector('.st-key-ask-bar');
  const above = () => bar && getComputedStyle(bar.parentElement).position === 'sticky'
    ? bar.getBoundingClientRect().bottom + 12 : 72;  // below the bar, or below Streamlit's header
  if (turn && main) for (let times = 0; times < 2; times++)  // the bar sticks only once it was scrolled to
    main.scrollTop += turn.getBoundingClientRect().top - above();
}</script>"""


def turn_key(turn: Turn) -> str:
    """Key of the container that a turn is drawn in."""
    return f"turn-{turn.key}"


def make_room() -> None:
    """Let there be room below the latest turn."""
    ground = st.get_option(f"theme.{st.context.theme.type or 'light'}.backgroundColor")
    st.html(_STYLE.replace("LATEST", _LATEST).replace("GROUND", ground))


def bring_into_view(turn: Turn, latest: bool) -> None:
    """Go to the latest turn when it is new here: asked, opened, or come back to.

    For the other turns there is something invisible, so that what follows it keeps its place when there are more turns:
    what has moved is drawn twice for a moment.
    """
    here = st.session_state.get("page") == "Ask"
    if latest and not (here and st.session_state.get("in-view") == turn.id):
        st.session_state["in-view"] = turn.id
        st.html(_SCROLL.replace("LATEST", turn.key), unsafe_allow_javascript=True)
    else:
        st.html("<script></script>", unsafe_allow_javascript=True)
