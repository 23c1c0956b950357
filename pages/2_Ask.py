"""Ask: a conversation whose answers have footnotes that open the passage they quote."""

import streamlit as st

from rag.records import QUOTING
from ui.address import follow_address, tell_address
from ui.answerers import answerer_of, changed_since
from ui.answers import draw
from ui.asking import ask, offer
from ui.champion import draw_champion
from ui.history import draw_history
from ui.inview import BAR, bring_into_view, make_room, turn_key
from ui.models import model_button
from ui.overviews import offer_overview
from ui.places import UPLOAD
from ui.samples import example_questions
from ui.search import choose_search, draw_chips, only_by_words, search_in_words, search_now, usual_search
from ui.sharing import save_button
from ui.shell import heading, page
from ui.talk import draw_notice, draw_trouble, keep, keeping, new_talk, resume
from ui.text import counted
from ui.turns import Turn

FEW = 50  # documents among which samples are looked for, to offer questions about them
VECTORS = (
    "Vectors are numbers that stand for the meaning of a passage, so that a question is matched in other words too. "
    "Making them takes longer than reading a document."
)

with page("Ask") as workspace:
    turns = resume(workspace)
    collections = {one.name: one for one in workspace.collections() if one.documents}
    names = list(collections)
    if not names and not turns:
        draw_history(workspace)
        waiting = workspace.totals().unfinished
        heading("Ask")
        st.markdown(
            f"{counted(waiting, 'document')} will be ready in a moment."
            if waiting
            else "There is nothing to ask about yet."
        )
        if not workspace.settings.demo:
            words = "See the progress" if waiting else "Upload documents"
            st.page_link(UPLOAD, label=words, icon=":material/upload_file:")
        st.stop()

    names = names or [workspace.settings.collection]
    usual = usual_search(workspace, names)
    follow_address(workspace, names)
    question = st.bottom.chat_input("Ask about your documents", key="question", submit_mode="stop")
    question = (question or "").strip() or st.session_state.pop("example", None)
    with st.container(key=BAR):
        with heading("Ask"):
            if (turns or question) and st.button("New conversation", icon=":material/add_comment:"):
                new_talk()
                question = None
            if len(turns) + bool(question) > 1:
                save_button(workspace, turns, "conversation", whole=True)
            model_button(workspace, search_now(workspace, names).collection)
            with st.popover("Where to look", icon=":material/tune:"):
                search = choose_search(workspace, names)
        there, first = workspace.matching(search, FEW)
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            draw_chips(workspace, search)
            offer_overview(first[:2])
        tell_address(search, usual)
        st.caption(search_in_words(search, there, answerer_of(workspace, search.collection).settings))
        draw_champion(workspace, search.collection)
        if partly := only_by_words(workspace.facets(search.collection), collections.get(search.collection)):
            st.caption(partly, help=VECTORS)

    written = turns[-1].answer.model if turns and turns[-1].answer else QUOTING
    if other := changed_since(workspace, search.collection, written):
        st.caption(f":material/swap_horiz: {other}")

    if question:
        turns.append(Turn(question, search))
        keep(workspace)
    draw_history(workspace)
    draw_notice()
    beginning = st.empty()  # cleared at once by the first question, not only when its answer is complete
    if not turns:
        with beginning.container():
            offer(example_questions(first))

    make_room()
    for number, turn in enumerate(turns):
        with st.container(key=turn_key(turn)):
            new = bool(question) and turn is turns[-1]
            with st.chat_message("user", avatar=":material/person:"):
                st.text(turn.question)
            bring_into_view(turn, latest=turn is turns[-1])
            with st.chat_message("assistant", avatar=":material/format_quote:"):
                place = st.empty()
                if new:
                    with keeping(workspace, turn):
                        ask(workspace, turn, turns[:number], place)
                with place.container():  # takes the place of the words that came, so that nothing jumps
                    again = draw(workspace, turn)
                if again:
                    with keeping(workspace, turn):
                        ask(workspace, turn, turns[:number], st.empty())
                    st.rerun()
    draw_trouble()
