"""The Collections page: a rehearsal is chosen, watched, read, and its verdict stands where the swap is decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rag.records import Gold, QuestionSet, Recipe
from rag.settings import load_settings
from rag.workspace import Workspace, grid, open_workspace
from tests.studying import ended, fill, questions
from tests.test_pages import close, healthy, labels, on_loopback, plain, press, start, until  # noqa: F401 - fixture
from tests.test_reembedding import wait

pytestmark = pytest.mark.end_to_end

HOSTILE = "![x](http://evil.example/a) **b** $c$ :red[d]"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The one that the pages open, with six reports and a version in short passages that is ready to be swapped in."""
    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "data"))
    made = open_workspace(load_settings(), "the dashboard")
    fill(made, tmp_path)
    made.reembed(None, Recipe("bundled", "int8", 40))
    assert wait(made).whole
    yield made
    close(tmp_path / "data")


def upkeep() -> AppTest:
    app = start("3_Collections")
    app.button_group(key="collections_view").set_value("Upkeep")
    return healthy(app.run())


def verdicts(app: AppTest) -> list[str]:
    return [one.value for one in (*app.info, *app.success, *app.error, *app.warning)]


def said(app: AppTest, words: str) -> bool:
    return any(words in one for one in verdicts(app))


def test_without_a_question_set_it_says_where_to_make_one(workspace: Workspace) -> None:
    app = upkeep()
    assert "There is no question set yet" in plain(app)
    assert "Make a question set" in [one.proto.label for one in app.get("page_link")]
    assert "Rehearse" not in labels(app)
    app = press(app, "Swap in")
    assert said(app, "Nobody has rehearsed this swap")
    assert "Rehearse first" not in labels(app)
    press(app, "Swap it in")
    assert workspace.reembedding() is None, "nobody has to rehearse"


def test_a_rehearsal_says_what_is_won_and_lost_and_the_swap_says_so_too(workspace: Workspace) -> None:
    workspace.keep_questions("Towns", questions().questions)
    app = press(upkeep(), "Rehearse")
    app = until(app, lambda one: "The rehearsal of the swap" in plain(one))
    found = workspace.rehearsal()
    assert found is not None
    assert "of both versions" not in plain(app)
    outcome = workspace.outcomes(found, "nDCG@5")
    counts = f"{len(outcome.won)} found better, {len(outcome.lost)} found worse, {outcome.same} as before"
    assert said(app, counts)
    assert "Judged by" in [one.label for one in app.selectbox]
    costs = app.table[-1].value
    assert list(costs["Now"])[2] == str(workspace.collection().chunks)
    app = healthy(app.selectbox(key=f"rehearsed-by-{found.study.id}").set_value("span precision").run())
    assert said(app, "The new version finds better passages")
    assert said(app, "12 found better, 0 found worse, 0 as before. 7 more cannot be judged")
    won = workspace.outcomes(found, "span precision").won[0]
    app = healthy(app.button(key=f"rehearsed-{found.study.id}-{won}").click().run())
    assert {"Now", "New version"} <= {one.value.strip("*") for one in app.markdown}
    assert "It stands in" in plain(app)
    assert len([one for one in labels(app) if one.startswith("1. ")]) == 2, "what both found, side by side"
    app = press(app, "Close")
    assert "It stands in" not in plain(app)
    app = press(app, "Swap in")
    assert sum(counts in one for one in verdicts(app)) == 1, "by the usual figure"
    press(app, "Swap it in")
    assert "rehearsal" not in plain(upkeep()).lower()


def test_what_has_changed_since_is_said_here_and_at_the_swap(workspace: Workspace) -> None:
    ended(workspace, workspace.rehearse(questions()))
    workspace.delete("borlo.md")
    wait(workspace)
    app = upkeep()
    assert said(app, "The last rehearsal is out of date")
    assert "Rehearse again" in labels(app)
    app = press(app, "Swap in")
    assert sum("out of date" in one for one in verdicts(app)) == 2
    app = press(app, "Rehearse first")
    app = until(app, lambda one: "Rehearse again" in labels(one))
    assert not said(app, "out of date")


def test_it_can_be_cancelled_and_begun_again(workspace: Workspace) -> None:
    study = workspace.rehearse(QuestionSet("Many", questions().questions * 60))
    app = upkeep()
    assert "Rehearsing the swap" in plain(app)
    app = press(app, "Cancel")
    ended(workspace, study)
    app = until(app, lambda one: "Rehearse again" in labels(one))
    assert said(app, "was cancelled before all questions had been asked")


def test_feedback_is_a_question_set_as_well(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Gold(f"{HOSTILE} What did the harbour of Arvika earn?", document="arvika.md", pages=(1,))]
    monkeypatch.setattr(type(workspace), "questions_from_readers", lambda *_: rows)
    app = upkeep()
    [box] = [one for one in app.selectbox if one.label == "Question set"]
    assert box.options == ["What you confirmed and judged · 1 question"]
    app = until(press(app, "Rehearse"), lambda one: "Rehearse again" in labels(one))
    assert "the 1 question of From feedback" in plain(app)


def test_questions_are_shown_as_they_are(workspace: Workspace) -> None:
    asked = [
        Gold(f"{HOSTILE} {one.question}", one.answers, one.document, one.pages, one.quotes)
        for one in questions().questions
    ]
    ended(workspace, workspace.rehearse(QuestionSet(HOSTILE, tuple(asked))))
    app = upkeep()
    found = workspace.rehearsal()
    assert found is not None
    app = healthy(app.selectbox(key=f"rehearsed-by-{found.study.id}").set_value("span precision").run())
    named = [one.label for one in app.button]
    assert any("evil" in one for one in named)
    shown = [*named, *(one.value for one in (*app.markdown, *app.caption)), *verdicts(app)]
    assert not any("![x]" in one or ":red[d]" in one for one in shown)


def test_a_champion_that_will_fall_silent_is_named_before_the_swap(workspace: Workspace) -> None:
    study = ended(workspace, workspace.start_study("k", questions(1), None, grid({"k": 3}, workspace.configuration())))
    workspace.promote(study.runs[0].id)
    assert said(press(upkeep(), "Swap in"), "it does not answer any more")


def test_a_set_that_locates_nothing_says_that_nothing_can_be_judged(workspace: Workspace) -> None:
    ended(workspace, workspace.rehearse(QuestionSet("Bare", (Gold("What did the harbour of Arvika earn?"),))))
    app = upkeep()
    assert said(app, "No question of this set says where its answer stands")
    assert "Time to find passages, half of the questions" in list(app.table[-1].value[""])


def test_started_again_from_the_experiments_page_it_is_a_rehearsal_again(workspace: Workspace) -> None:
    study = workspace.rehearse(QuestionSet("Many", questions().questions * 60))
    workspace.cancel_study(study.id)
    ended(workspace, study)
    app = start("4_Experiments")
    app = healthy(app.button_group(key="experiments-view").set_value("Studies").run())
    press(app, "Go on")
    found = workspace.rehearsal()
    assert found is not None
    assert found.study.id != study.id
    assert found.working
    workspace.cancel_study(found.study.id)
