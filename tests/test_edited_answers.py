"""Answers from passages that were edited by hand: they say so wherever they are read, copied and kept."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rag.answering.texts import Texts
from rag.cli import main
from rag.records import QUOTING, Answer, Asked, KeptTurn, ListedChunk, Search, Verdict
from rag.workspace import Workspace, answer_markdown, answer_text, as_csv, beside
from tests.conftest import outcomes
from tests.llm_server import Behaviour, language_model_server

HERE = "documents"
RENT = "What is the yearly rent?"
EDITED = "Rent\nThe yearly rent is 96,000 euros, payable monthly. It never rises."


def edited(workspace: Workspace, notes: Path) -> ListedChunk:
    """A lease whose passage on the rent was edited."""
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    every = workspace.listed_chunks(HERE, [one.id for one in workspace.chunks(workspace.document("lease.md"))])
    rent = next(one for one in every if "84,000" in one.chunk.text)
    workspace.edit_chunk(HERE, rent.chunk.id, EDITED)
    return workspace.listed_chunks(HERE, [rent.chunk.id])[0]


def quotes_are_proved(workspace: Workspace, answer: Answer) -> None:
    """Every quote is the document's words at its place, or of an edited passage and has those beside it."""
    for one in (*answer.citations, *(claim.rests_on for claim in answer.ledger if claim.rests_on)):
        there = workspace.text(one.document)[one.start : one.end]
        assert one.printed == there if one.edited else one.quote == there


def test_a_quote_from_an_edited_passage_is_cited_as_edited(workspace: Workspace, notes: Path) -> None:
    rent = edited(workspace, notes)
    answer = workspace.ask(RENT)
    assert "96,000" in answer.text
    cited = answer.citations[0]
    assert (cited.start, cited.end) == (rent.chunk.start, rent.chunk.end)
    assert cited.edited == rent.chunk.edited
    assert cited.quote in EDITED
    assert "84,000" in cited.printed
    assert answer.model == QUOTING
    assert not answer.notice
    quotes_are_proved(workspace, answer)


def test_what_is_not_edited_is_quoted_as_before(workspace: Workspace, notes: Path) -> None:
    edited(workspace, notes)
    answer = workspace.ask("Who repairs the roof?")
    assert "landlord" in answer.text
    assert [one.edited for one in answer.citations] == [None]
    quotes_are_proved(workspace, answer)


def test_a_quote_that_the_edited_passage_does_not_have_is_dropped(workspace: Workspace, notes: Path) -> None:
    from rag.answering.proofs import proved

    edited(workspace, notes)
    answer = workspace.ask(RENT)
    false = replace(answer, citations=(replace(answer.citations[0], quote="The rent is 1 euro."),))
    assert proved(false, workspace.texts()).citations == ()


def test_a_language_models_sentences_rest_on_the_edited_passage(
    make_workspace: Callable[..., Workspace], notes: Path
) -> None:
    said = Behaviour(pieces=["The yearly rent is 96,000 euros, payable monthly [1]."])
    with language_model_server(said) as server:
        workspace = make_workspace(llm="openai:test", llm_base_url=server.openai_url)
        edited(workspace, notes)
        answer = workspace.ask(RENT)
    assert "96,000" in answer.text
    assert answer.citations[0].edited
    assert "84,000" in answer.citations[0].printed
    assert [one.verdict for one in answer.ledger] == [Verdict.EDITED]
    assert answer.ledger[0].reasons[0] == "Passage 1 was edited by hand: the page may say otherwise."
    assert answer.ledger[0].rests_on is not None
    assert answer.ledger[0].rests_on.edited
    quotes_are_proved(workspace, answer)
    pack = workspace.evidence([Asked(RENT, Search(HERE), answer)])
    assert "Rests on an edited passage" in pack
    assert "Word for word in the passage" not in pack


def test_an_overview_says_which_sentences_were_edited(workspace: Workspace, notes: Path) -> None:
    edited(workspace, notes)
    answer = workspace.overview("lease.md").answer
    assert any(one.edited and "84,000" in one.printed for one in answer.citations)
    quotes_are_proved(workspace, answer)


def test_copies_and_evidence_say_what_the_page_says(workspace: Workspace, notes: Path) -> None:
    edited(workspace, notes)
    answer = workspace.ask(RENT)
    assert "from a passage that was edited by hand on" in answer_text(answer)
    assert "the page says otherwise: “" in answer_text(answer)
    assert "84,000" in answer_text(answer)
    assert "84,000" in answer_markdown(answer)
    asked = [Asked(RENT, Search(HERE), answer)]
    for made in (workspace.evidence(asked), workspace.evidence_markdown(asked)):
        assert "edited by hand on" in made
        assert "84,000" in made
        assert "Quoted word for word" not in made.split("How this was made")[0]


def test_the_evaluation_set_has_the_pages_words_and_a_tag(workspace: Workspace, notes: Path) -> None:
    edited(workspace, notes)
    answer = workspace.ask(RENT)
    turn = KeptTurn("t1", RENT, Search(HERE), answer.citations[0].edited, answer)  # type: ignore[arg-type]
    workspace.keep_turn("c1", turn)
    for place in (answer.citations[0], answer.hits[0]):
        row = workspace.add_evaluation_row(turn, "96,000 euros", place)
        assert "84,000" in row.quote
        assert row.tags == ("rests on an edited passage",)
    [told] = csv.DictReader(io.StringIO(as_csv(workspace.evaluation_rows())))
    assert "edited passage" in told["tags"]


def test_a_kept_answer_comes_back_as_edited_and_an_old_one_as_it_was(workspace: Workspace, notes: Path) -> None:
    from rag.conversations.chat_history import to_messages, to_turns

    edited(workspace, notes)
    answer = workspace.ask(RENT)
    turn = KeptTurn("t1", RENT, Search(HERE), answer.citations[0].edited, answer)  # type: ignore[arg-type]
    messages = to_messages(turn)
    assert to_turns(list(messages))[0].answer == answer
    told = json.loads(json.dumps(messages[1].additional_kwargs["answer"]))
    for one in told["citations"]:
        del one["edited"], one["printed"]
    for hit in told["hits"]:
        del hit["chunk"]["edited"]
    messages[1].additional_kwargs["answer"] = told
    old = to_turns(list(messages))[0].answer
    assert old is not None
    assert old.citations[0].edited is None


def test_what_the_page_says_is_shown_from_where_it_is_alike() -> None:
    printed = f"{'Much that is before. ' * 30}The yearly rent is 84,000 euros, payable quarterly. {'And after. ' * 30}"
    shown = beside("The yearly rent is 96,000 euros, payable quarterly.", printed, 80)
    assert shown.startswith("… ")
    assert "The yearly rent is 84,000 euros" in shown
    assert len(shown) < 100


def test_text_that_was_changed_is_not_read_on_into() -> None:
    text = "One stays. Two was hidden. Three stays."
    texts = Texts(lambda _: [], str.split, lambda _, a, b: text[a:b], lambda _: {}, lambda _: {}, lambda *_: "")
    assert texts.around("d", 0, 39) == text
    hidden = replace(texts, corrected={"d": [(11, 26)]})
    assert hidden.around("d", 5, 39) == f"tays. {chr(10) * 15} Three stays."
    assert not hidden.whole("d", 0, 12)
    assert hidden.whole("d", 26, 39)


def test_the_command_line_says_edited(
    workspace: Workspace, notes: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    edited(workspace, notes)
    workspace.close()
    folder = ["--data-dir", str(tmp_path / "data")]
    assert main([*folder, "ask", RENT]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Edited by hand on" in shown
    assert "84,000" in shown
    assert main([*folder, "--json", "search", RENT]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["edited"]
