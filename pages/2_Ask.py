"""Ask: a conversation whose answers have footnotes that open the passage they quote."""

import streamlit as st

from ui.answers import draw
from ui.asking import ask, offer
from ui.overviews import offer_overview
from ui.places import UPLOAD
from ui.samples import example_questions
from ui.search import choose_search, covers, only_by_words, search_in_words
from ui.sharing import save_button
from ui.shell import heading, page
from ui.text import counted
from ui.turns import Turn

VECTORS = (
    "Vectors are numbers that stand for the meaning of a passage, so that a question is matched in other words too. "
    "Making them takes longer than reading a document."
)

with page("Ask") as workspace:
    turns: list[Turn] = st.session_state.setdefault("turns", [])
    searchable = [one for one in workspace.documents() if one.visible]
    if not searchable and not turns:
        waiting = workspace.unfinished()
        heading("Ask")
        st.markdown(
            f"{counted(len(waiting), 'document')} will be ready in a moment."
            if waiting
            else "There is nothing to ask about yet."
        )
        if not workspace.settings.demo:
            words = "See the progress" if waiting else "Upload documents"
            st.page_link(UPLOAD, label=words, icon=":material/upload_file:")
        st.stop()

    question = st.chat_input("Ask about your documents", key="question", submit_mode="stop")
    question = (question or "").strip() or st.session_state.pop("example", None)
    with heading("Ask"):
        if (turns or question) and st.button("New conversation", icon=":material/add_comment:"):
            turns.clear()
            question = None
        if turns or question:
            save_button(workspace, turns, "conversation", whole=True)
        beside = st.container(width="content")
        with st.popover("Where to look", icon=":material/tune:"):
            search = choose_search(searchable, workspace.settings)
        with beside:
            offer_overview([one for one in searchable if covers(search, one)])
    st.caption(search_in_words(search, workspace.settings))
    if partly := only_by_words(searchable, workspace.held_back(), search.collection):
        st.caption(f":material/hourglass_top: {partly}", help=VECTORS)

    beginning = st.empty()  # cleared at once by the first question, not only when its answer is complete
    if question:
        turns.append(Turn(question, search))
    elif not turns:
        with beginning.container():
            offer(example_questions(one for one in searchable if covers(search, one)))

    for number, turn in enumerate(turns):
        with st.chat_message("user", avatar=":material/person:"):
            st.text(turn.question)
        with st.chat_message("assistant", avatar=":material/format_quote:"):
            if question and turn is turns[-1]:
                ask(workspace, turn, turns[:number])
            if draw(workspace, turn):
                ask(workspace, turn, turns[:number])
                st.rerun()
