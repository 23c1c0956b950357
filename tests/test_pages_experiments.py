"""The Experiments page: question sets, studies, leaderboard, plots, comparison, champions, traces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rag.records import Configuration, Found, Gold, QuestionSet, Run, RunState, Study
from rag.settings import load_settings
from rag.workspace import Workspace, grid, open_workspace
from tests.studying import ended, fill, questions
from tests.test_pages import ask, close, data_dir, healthy, labels, on_loopback, plain, press, shown, start  # noqa: F401 - fixtures
from ui.experiments.excerpts import answering, excerpt
from ui.experiments.filtering import example, filtered
from ui.experiments.words import described, differing, signed

pytestmark = pytest.mark.end_to_end
# ruff: noqa: F811 - fixtures

HOSTILE = "**Which** ![x](http://example.com/a.png) <img src=x onerror=alert(1)> :material/home: :red[rent]?"


@pytest.fixture(scope="module")
def studied_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a study of four runs, of which two are better, on six reports of towns."""
    folder = tmp_path_factory.mktemp("studied")
    workspace = open_workspace(load_settings(data_dir=folder / "data", mlflow=False), "the dashboard")
    fill(workspace, folder)
    tried = grid({"k": [1, 3], "lexical": [0.0, 1.0], "dense": [1.0], "late": [0.0], "routed": [0.0]})
    study = ended(workspace, workspace.start_study("Weights", questions(), None, tried))
    assert study.state is RunState.FINISHED
    close(folder / "data")
    yield folder / "data"
    close(folder / "data")


@pytest.fixture
def studied(studied_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace of that folder, shared: for tests that change nothing."""
    monkeypatch.setenv("RAG_DATA_DIR", str(studied_dir))
    monkeypatch.setenv("RAG_MLFLOW", "false")
    return open_workspace(load_settings(), "the dashboard")


@pytest.fixture
def workspace(data_dir: Path, monkeypatch: pytest.MonkeyPatch, notes: Path) -> Workspace:
    """A workspace of its own with one document: for tests that change something."""
    monkeypatch.setenv("RAG_MLFLOW", "false")
    workspace = open_workspace(load_settings(), "the dashboard")
    list(workspace.ingest([notes]))
    return workspace


def view(app: AppTest, name: str) -> AppTest:
    return healthy(app.button_group(key="experiments-view").set_value(name).run())


def best_and_worst(workspace: Workspace) -> tuple[Run, Run]:
    runs = sorted(workspace.experiments.runs(), key=lambda one: (one.metrics["MRR"], one.configuration.k))
    return runs[-1], runs[0]


def compared(workspace: Workspace, *runs: Run) -> AppTest:
    app = start("4_Experiments")
    app.session_state["experiments-run"] = [one.id for one in runs]
    return view(app, "Compare")


def table(app: AppTest, column: str) -> Any:
    """The table that has such a column."""
    return next(one.value for one in app.dataframe if column in one.value.columns)


# -- nothing yet ------------------------------------------------------------------------------------------------------


def test_where_nothing_is_each_view_says_what_to_do_next(data_dir: Path) -> None:
    app = start("4_Experiments")
    assert "There is no question set yet" in shown(app)
    assert "Upload questions" in labels(app)
    assert "There are no documents to ask yet" in shown(app)
    assert "There are no documents to ask yet" in shown(view(app, "Studies"))
    for name in ("Leaderboard", "Plots", "Compare"):
        assert "There are no runs yet" in shown(view(app, name))
    assert "Nothing has been asked yet" in shown(view(app, "Traces"))


def test_the_menu_leads_there(data_dir: Path) -> None:
    assert "Experiments" in [one.proto.label for one in start().get("page_link")]


def test_a_demo_shows_and_starts_nothing(studied: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_DEMO", "true")
    close(studied.folder.path)
    app = start("4_Experiments")
    assert "MRR" in table(view(app, "Leaderboard"), "#").columns
    for name in ("Question sets", "Studies", "Leaderboard", "Plots", "Compare", "Traces"):
        view(app, name)
        forbidden = {"Upload questions", "Start", "Promote", "Delete", "Cancel", "Start a study with it"}
        assert not forbidden & set(labels(app)), name
    close(studied.folder.path)


# -- question sets ----------------------------------------------------------------------------------------------------


def test_an_uploaded_set_is_shown_before_it_is_kept(workspace: Workspace) -> None:
    app = press(start("4_Experiments"), "Upload questions")
    file = b'question,expected_answer,tags\n"How high is the rent?",900 euros,money\nWho owns the moon?,,\n'
    healthy(app.file_uploader(key="experiments-file").set_value(("rent.csv", file, "text/csv")).run())
    assert "2 questions understood" in shown(app)
    assert "No documents and no quotes: what is found cannot be measured" in shown(app)
    assert not workspace.question_sets(), "looking is not keeping"
    press(app, "Keep")
    assert [(one.name, one.questions) for one in workspace.question_sets()] == [("rent", 2)]
    assert "2 questions · 1 with the expected answer" in shown(app)


def test_what_is_left_out_of_a_file_is_said(workspace: Workspace) -> None:
    app = press(start("4_Experiments"), "Upload questions")
    file = "Frage;QUESTION ;Expected Answer;Seite*\n1;How high is the rent?;900 euros;3\n2;Why?;;\n;;x;\n;;;\n"
    healthy(app.file_uploader(key="experiments-file").set_value(("odd.csv", file.encode(), "text/csv")).run())
    assert "2 questions understood" in shown(app)
    assert "1 row has no question" in shown(app)
    assert "The columns “Frage” and “Seite*” are of no name that is known" in plain(app)
    assert "what is found cannot be measured" in shown(app)
    assert "measured by its document alone" not in shown(app), "it has none"


def test_a_file_without_questions_is_refused_in_words(workspace: Workspace) -> None:
    app = press(start("4_Experiments"), "Upload questions")
    healthy(app.file_uploader(key="experiments-file").set_value(("x.csv", b"name,age\nAnna,3\n", "text/csv")).run())
    assert "has no column of questions" in app.error[0].value
    assert "Keep" not in labels(app)


def test_versions_say_what_they_changed(workspace: Workspace) -> None:
    first = (Gold("One?"), Gold("Two?", ("2",)))
    workspace.keep_questions("Numbers", first)
    workspace.keep_questions("Numbers", (Gold("Two?", ("two",)), Gold("Three?")))
    app = start("4_Experiments")
    box = next(one for one in app.selectbox if one.label.startswith("Version"))
    assert "1 added, 1 removed, 1 changed" in box.options[0]
    assert "the first" in box.options[1]
    healthy(box.select_index(1).run())
    press(app, "Keep it anew as the newest")
    assert workspace.experiments.question_set("Numbers").questions == first


UNTIDY = (
    Gold("Who  sails from Arvika? ", (" the fishers", ""), " a.md", (2, 2), ("They sail at dawn. ",), ("sea, ships",)),
    Gold("Who stays?"),
)


@pytest.mark.parametrize("kept", ["now", "before"])
def test_a_set_that_nobody_changed_is_not_called_changed(workspace: Workspace, kept: str) -> None:
    if kept == "now":
        workspace.keep_questions("Sea", UNTIDY)
    else:  # as sets were kept that were kept as they were given
        workspace.experiments.keep_set(QuestionSet("Sea", UNTIDY))
    app = start("4_Experiments")
    assert "Not saved yet" not in shown(app)
    assert not {"Save as a new version", "Discard changes"} & set(labels(app))
    study = next(one for one in app.button if one.label == "Start a study with it")
    assert not study.disabled


def test_studies_of_a_set_kept_before_stay_comparable(workspace: Workspace) -> None:
    version = workspace.experiments.keep_set(QuestionSet("Sea", UNTIDY)).version
    asked = workspace.experiments.question_set("Sea")
    assert workspace.start_study("Again", asked, None, grid({"k": [3]})).set_version == version
    assert (
        workspace.keep_questions("Land", [Gold(" Who  stays? ")]).version
        == QuestionSet("", (Gold("Who stays?"),)).version
    )


def test_a_set_is_deleted_only_after_a_question(workspace: Workspace) -> None:
    workspace.keep_questions("Numbers", [Gold("One?")])
    app = press(start("4_Experiments"), "Delete")
    assert "will be removed" in plain(app)
    healthy(app.button(key="keep-set").click().run())
    assert workspace.question_sets()
    press(app, "Delete")
    healthy(app.button(key="really-delete-set").click().run())
    assert not workspace.question_sets()
    assert "There is no question set yet" in shown(app)


def test_what_readers_put_into_the_evaluation_set_becomes_one(workspace: Workspace) -> None:
    app = press(start("4_Experiments"), "Make one from feedback")
    assert "You have not put a question into the evaluation set yet" in shown(app)
    app = ask(start("2_Ask"), "How high is the rent?")
    turn = app.session_state["turns"][0]
    workspace.judge(app.session_state["talk"].id, turn.kept, 1, hit=turn.answer.hits[0])
    healthy(app.switch_page("pages/4_Experiments.py").run())
    press(app, "Make one from feedback")
    assert "1 question understood" in shown(app)
    press(app, "Keep")
    kept = workspace.experiments.question_set("From feedback").questions
    assert kept == (Gold("How high is the rent?", document="lease.md", pages=(1,)),)


# -- studies ----------------------------------------------------------------------------------------------------------


def test_a_study_says_what_it_comes_to_and_is_started(workspace: Workspace) -> None:
    workspace.keep_questions("Rent", [Gold("How high is the rent?", document="lease.md"), Gold("Who owns the moon?")])
    app = view(start("4_Experiments"), "Studies")
    assert "1 run** of 2 questions each" in shown(app)
    name = workspace.settings.collection
    healthy(app.button_group(key=f"study-k-{name}").set_value([3, 5]).run())
    healthy(app.button_group(key=f"study-chunk_tokens-{name}").set_value([200, 100]).run())
    assert "4 runs** of 2 questions each" in shown(app)
    assert "one index has to be built" in shown(app)
    press(app, "Start")
    study = workspace.experiments.studies()[0]
    assert ended(workspace, study).state is RunState.FINISHED
    made = workspace.experiments.runs(study.id)
    assert {(one.configuration.k, one.configuration.chunk_tokens) for one in made} == {
        (k, tokens) for k in (3, 5) for tokens in (200, 100)
    }
    assert "finished" in shown(healthy(app.run()))


def test_the_form_says_what_a_study_would_not_measure(workspace: Workspace) -> None:
    workspace.keep_questions("Bare", [Gold("Why?"), Gold("When?")])
    workspace.keep_questions(
        "Elsewhere", [Gold("How high is it?", document="lease.md"), Gold("Who?", document="*a*.pdf")]
    )
    workspace.keep_questions("There", [Gold("How high is the rent?", document="Lease")])
    app = view(start("4_Experiments"), "Studies")
    healthy(app.selectbox(key="study-set").select("Bare").run())
    assert "nothing is measured but how long a question takes" in plain(app)
    healthy(app.selectbox(key="study-set").select("Elsewhere").run())
    assert "1 of 2 documents that the questions name is not in documents (*a*.pdf)" in plain(app)
    assert "nothing is measured" not in plain(app)
    healthy(app.selectbox(key="study-set").select("There").run())
    assert not app.warning


def test_passages_too_long_for_the_model_are_not_offered(workspace: Workspace) -> None:
    workspace.keep_questions("Rent", [Gold("How high is the rent?", document="lease.md")])
    app = view(start("4_Experiments"), "Studies")
    lengths = app.button_group(key=f"study-chunk_tokens-{workspace.settings.collection}")
    assert lengths.options == ["50", "100", "150", "200"]
    assert "cannot be made" not in plain(app)


def test_an_impossible_grid_is_refused_before_it_starts(workspace: Workspace) -> None:
    workspace.keep_questions("Rent", [Gold("How high is the rent?")])
    app = view(start("4_Experiments"), "Studies")
    name = workspace.settings.collection
    healthy(app.button_group(key=f"study-lexical-{name}").set_value([0.0]).run())
    healthy(app.button_group(key=f"study-dense-{name}").set_value([0.0]).run())
    assert "needs the lexical or the dense list" in app.error[0].value
    assert "Start" not in labels(app)


def test_studies_that_failed_or_were_cancelled_say_so_and_start_again(workspace: Workspace) -> None:
    kept = workspace.keep_questions("Rent", [Gold("How high is the rent?")])
    for state, reason in ((RunState.FAILED, "The <b>disk</b> is *full*."), (RunState.CANCELLED, "It was cancelled.")):
        run = Run(f"run-{state}", f"study-{state}", workspace.configuration(), state)
        common = ("documents", "Rent", kept.version, "0" * 12)
        made = Study(f"study-{state}", f"*{state}*", *common, state, kept.created_at, (run,), 0, 1, reason)
        workspace.experiments.add_study(made)
    app = view(start("4_Experiments"), "Studies")
    assert "The <b>disk</b> is *full*." in app.error[0].value.replace("\\", "")
    assert r"\*failed\*" in shown(app), "a study's name is shown as it is written"
    healthy(app.button(key="again-study-failed").click().run())
    assert ended(workspace, workspace.experiments.studies()[0]).state is RunState.FINISHED
    healthy(view(app, "Studies").button(key="delete-study-cancelled").click().run())
    healthy(app.button(key="really-delete-study").click().run())
    assert "study-cancelled" not in {one.id for one in workspace.experiments.studies()}


def test_a_cancelled_study_goes_on_where_it_was(workspace: Workspace) -> None:
    asked = QuestionSet("Rent", (Gold("How high is the rent?", document="lease.md"),))
    done = ended(workspace, workspace.start_study("Short", asked, None, grid({"k": [3, 4]})))
    last = done.runs[1].id
    workspace.experiments.end_run(last, RunState.CANCELLED, {})
    workspace.experiments.end_study(done.id, RunState.CANCELLED, "It was cancelled.")
    app = view(start("4_Experiments"), "Studies")
    healthy(app.button(key=f"again-{done.id}").click().run())
    assert [one.id for one in workspace.experiments.studies()] == [done.id], "in its place"
    assert ended(workspace, done).state is RunState.FINISHED
    assert workspace.experiments.run(last).metrics["MRR"] == 1.0
    assert f"again-{done.id}" not in {one.key for one in healthy(app.run()).button}


# -- leaderboard ------------------------------------------------------------------------------------------------------


def test_the_leaderboard_ranks_and_says_what_is_no_difference(studied: Workspace) -> None:
    app = start("4_Experiments")
    app.session_state["experiments-metric"] = "MRR"
    rows = table(view(app, "Leaderboard"), "Beside the baseline")
    best, worst = best_and_worst(studied)
    assert list(rows["MRR"]) == sorted(rows["MRR"], reverse=True)
    assert rows["MRR"][0] == best.metrics["MRR"]
    assert rows["MRR"][3] == worst.metrics["MRR"]
    assert {"Passages found", "Weight of words"} <= set(rows.columns)
    assert "Passage length" not in rows.columns, "only what differs"
    said = list(rows["Beside the baseline"])
    assert said.count("the baseline") == 1
    assert set(said) <= {"the baseline", "no real difference", "better", "worse"}
    for verdict, low_high in zip(said, rows["Between"], strict=True):
        if verdict != "the baseline":
            low, high = map(float, low_high.replace("\N{MINUS SIGN}", "-").split(" and "))
            assert (verdict == "no real difference") == (low <= 0 <= high)


def test_the_figures_can_be_computed_from_what_is_kept_of_each_question(studied: Workspace) -> None:
    best, _ = best_and_worst(studied)
    kept = [one.metrics["MRR"] for one in studied.experiments.scored(best.id) if "MRR" in one.metrics]
    app = start("4_Experiments")
    app.session_state["experiments-metric"] = "MRR"
    assert table(view(app, "Leaderboard"), "MRR")["MRR"][0] == pytest.approx(sum(kept) / len(kept))


def test_an_address_shows_the_same_again(studied: Workspace) -> None:
    best, worst = best_and_worst(studied)
    app = compared(studied, best, worst)
    told = dict(app.query_params)
    assert told["view"] in ("Compare", ["Compare"])
    assert told["run"] == [best.id, worst.id]
    again = start()
    again.switch_page("pages/4_Experiments.py")
    for name, values in told.items():
        again.query_params[name] = values
    healthy(again.run())
    assert again.multiselect(key="experiments-run").value == [best.id, worst.id]


def test_an_address_that_names_what_there_is_not_harms_nothing(studied: Workspace) -> None:
    app = start()
    app.switch_page("pages/4_Experiments.py")
    odd = {"view": "<b>", "asked": "x", "metric": "y", "run": ["a", "b"], "question": "99999", "set": "../"}
    for name, value in odd.items():
        app.query_params[name] = value
    healthy(app.run())
    for name in ("Leaderboard", "Compare", "Question sets"):
        assert not view(app, name).error


def test_what_is_clicked_before_the_browser_knows_the_address_undoes_nothing(
    studied: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = view(start("4_Experiments"), "Leaderboard")
    for seconds, where in ((60.0, "Plots"), (0.0, "Leaderboard")):
        monkeypatch.setattr("ui.told.SECONDS", seconds)
        view(app, "Leaderboard")
        before = {name: app.query_params[name] for name in app.query_params}
        view(app, "Plots")
        for name, values in before.items():
            app.query_params[name] = values
        healthy(app.run())
        assert app.button_group(key="experiments-view").value == where, "who goes back later does go back"


def test_a_metric_that_nobody_chose_follows_the_questions(studied_with_times: Workspace) -> None:
    app = view(start("4_Experiments"), "Leaderboard")
    assert app.selectbox(key="experiments-metric").value == "latency p50", "nothing else was measured there"
    assert "Only how long a question took was measured" in plain(app)
    rows = table(app, "Difference")
    at = list(rows["Beside the baseline"]).index("the baseline")
    apart = rows["latency p50"][1 - at] - rows["latency p50"][at]
    assert rows["Difference"][1 - at] == pytest.approx(apart if round(apart, 1) else 0.0)
    assert "whether a difference is real cannot be said" in shown(app)
    app.session_state["experiments-run"] = [one.id for one in studied_with_times.contests()[0].runs]
    assert list(table(view(app, "Compare"), "Question")["Question"]) == ["Why?"], "how long each question took"
    view(app, "Leaderboard")
    other = next(one for one in app.selectbox(key="experiments-asked").options if one.startswith("Located"))
    healthy(app.selectbox(key="experiments-asked").select(other).run())
    assert app.selectbox(key="experiments-metric").value == "nDCG@3"


@pytest.fixture
def studied_with_times(workspace: Workspace) -> Workspace:
    """Two studies, of which the later one knows nothing of its answers."""
    for name, gold in (("Located", Gold("How high is the rent?", document="lease.md")), ("Bare", Gold("Why?"))):
        made = workspace.start_study(name, QuestionSet(name, (gold,)), None, grid({"k": [3, 4]}))
        assert ended(workspace, made).state is RunState.FINISHED
    return workspace


def test_too_few_questions_are_no_verdict_and_failures_are_counted(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = workspace.lexical.search

    def failing(name: str, question: str, *given: Any, **named: Any) -> Any:
        if question == "When?":
            raise ValueError("no luck")
        return search(name, question, *given, **named)

    monkeypatch.setattr(workspace.lexical, "search", failing)
    asked = [Gold(one, document="lease.md") for one in ("How high is the rent?", "Who lets it?", "When?")]
    made = workspace.start_study("Few", QuestionSet("Few", tuple(asked)), None, grid({"k": [3, 4]}))
    assert ended(workspace, made).state is RunState.FINISHED
    app = start("4_Experiments")
    app.session_state["experiments-metric"] = "MRR"
    rows = table(view(app, "Leaderboard"), "Beside the baseline")
    assert set(rows["Beside the baseline"]) == {"the baseline", "too few questions"}
    assert rows["Between"].isna().all()
    assert list(rows["Failed"]) == [1, 1]
    assert rows["MRR"].max() == pytest.approx(2 / 3), "what failed is missed"
    assert "fewer than 6 questions" in shown(app)
    assert "A question that failed counts as one" in shown(app)


def test_a_champion_without_the_metric_is_not_missing(studied_with_times: Workspace) -> None:
    promoted = studied_with_times.contests()[1].runs[0]
    answered = grid({"answerer": ["extractive"], "k": [3]})
    asked = studied_with_times.experiments.question_set("Located")
    made = studied_with_times.start_study("Answers", asked, None, answered)
    assert ended(studied_with_times, made).state is RunState.FINISHED
    studied_with_times.promote(promoted.id)
    app = start("4_Experiments")
    app.session_state["experiments-metric"] = "abstained"
    view(app, "Leaderboard")
    assert "which it has not measured, so it stands last" in shown(app)
    assert "champion" in list(table(app, "Mark")["Mark"])
    healthy(app.selectbox(key="experiments-metric").set_value("MRR").run())
    assert "at place" in shown(app)
    bare = next(one for one in studied_with_times.contests() if one.newest.set_name == "Bare")
    app.session_state["experiments-asked"] = bare.key
    assert "not asked these questions yet" in shown(healthy(app.run()))


def test_what_was_measured_outlives_its_collection(workspace: Workspace, notes: Path) -> None:
    workspace.create_collection("gone")
    list(workspace.ingest([notes], "gone"))
    asked = QuestionSet("Rent", (Gold("How high is the rent?", document="lease.md"),))
    study = workspace.start_study("Short", asked, "gone", grid({"k": [3, 4]}))
    assert ended(workspace, study).state is RunState.FINISHED
    workspace.delete_collection("gone")
    app = start("4_Experiments")
    run = workspace.experiments.runs()[0]
    app.session_state["experiments-run"] = [run.id]
    app.session_state["experiments-question"] = 0
    view(app, "Leaderboard")
    assert app.button(key=f"promote-{run.id}").disabled
    assert "has been deleted: nothing of it can be promoted" in shown(app)
    assert "not there any more" in shown(view(app, "Compare"))
    view(app, "Plots")
    view(app, "Studies")


def test_runs_are_told_apart_by_what_is_other_than_in_the_baseline(studied: Workspace) -> None:
    best, worst = best_and_worst(studied)
    app = compared(studied, best, worst)
    chips = app.multiselect(key="experiments-run").options
    assert "the baseline" in chips
    assert len(set(chips)) == len(chips)
    assert all("·" not in one or "Passages found" in one for one in chips), "only what differs"
    columns = table(view(app, "Leaderboard"), "Beside the baseline").columns
    assert "Mark" not in columns, "nothing is promoted"
    assert "How near to the top" in shown(app), "what the metric is stands there"


def test_contests_are_told_apart_by_their_questions(workspace: Workspace) -> None:
    for number in (1, 2):
        asked = QuestionSet("Rent", tuple(Gold(f"Who is {one}?", document="lease.md") for one in range(number)))
        ended(workspace, workspace.start_study("Rent", asked, None, grid({"k": [3]})))
    app = view(start("4_Experiments"), "Leaderboard")
    names = app.selectbox(key="experiments-asked").options
    assert names == ["Rent in documents · 2 questions · 1 run", "Rent in documents · 1 question · 1 run"]


def test_runs_that_are_all_alike_say_what_is_other_than_usual() -> None:
    runs = [Run("a", "", Configuration(chunk_tokens=150), RunState.FINISHED)]
    names = differing(runs, Configuration())
    assert described(runs[0].configuration, names) == "Passage length 150"
    assert described(Configuration(), differing(runs[:0])) == "as it is set"


def test_signs_of_differences() -> None:
    assert [signed(one) for one in (0.0312, -0.0004, 0.0, -0.0312)] == ["+0.031", "0", "0", "\N{MINUS SIGN}0.031"]


# -- plots and comparison ---------------------------------------------------------------------------------------------


def test_plots_show_each_run(studied: Workspace) -> None:
    app = view(start("4_Experiments"), "Plots")
    assert len(app.get("vega_lite_chart")) == 2
    assert "no other is both better and faster" in shown(app)


def test_runs_that_no_picture_shows_are_counted(studied_with_times: Workspace) -> None:
    located = next(one for one in studied_with_times.contests() if one.newest.set_name == "Located")
    asked = studied_with_times.experiments.question_set("Located")
    more = studied_with_times.start_study("More", asked, None, grid({"k": [1]}))
    ended(studied_with_times, more)
    app = start("4_Experiments")
    app.session_state["experiments-asked"] = located.key
    app.session_state["experiments-metric"] = "nDCG@3"
    said = plain(view(app, "Plots"))
    assert "1 run of 3 has no nDCG" in said
    assert "so it is not in these pictures" in said


def test_questions_on_other_pages_are_counted_as_well(workspace: Workspace) -> None:
    many = tuple(Gold(f"How high is the rent in month {one}?", document="lease.md") for one in range(30))
    study = workspace.start_study("Many", QuestionSet("Many", many), None, grid({"k": [3, 4]}))
    assert ended(workspace, study).state is RunState.FINISHED
    app = compared(workspace, *workspace.experiments.runs())
    assert "30 questions, 25 on this page" in shown(app)


def test_a_filter_finds_values_and_not_parts_of_them() -> None:
    ways = grid({"routed": [0.0, 0.7], "chunk_tokens": [50, 150], "lexical": [0.0, 1.0]})
    runs = [Run(str(number), "", one, RunState.FINISHED) for number, one in enumerate(ways)]

    def found(wanted: str) -> list[Configuration]:
        return [one.configuration for one in filtered(runs, wanted)]

    assert found("weight of named documents 0") == [one for one in ways if one.routed == 0]
    assert found("passage length 50") == [one for one in ways if one.chunk_tokens == 50]
    both = [one for one in ways if one.chunk_tokens == 150 and one.routed == 0.7]
    assert found("passage length 150 · weight of named documents 0.7") == both
    assert found("LENGTH 150, named 0.7") == both
    assert not found("passage length 400")
    assert found(" , ") == ways
    assert filtered(runs, example(runs, ["chunk_tokens", "routed"])), "what is given as an example finds something"


def test_two_runs_are_compared_question_by_question(studied: Workspace) -> None:
    best, worst = best_and_worst(studied)
    app = compared(studied, best, worst)
    healthy(app.selectbox(key="experiments-metric").set_value("MRR").run())
    assert "beside A, by MRR" in shown(app)
    rows = table(app, "Question")
    assert {"Why, in A", "Why, in B"} <= set(rows.columns)
    assert "those first that all runs together do worst" in shown(app)
    assert len(rows) == 18, "what no document answers has no rank"
    mine, theirs = (studied.experiments.measured(one.id) for one in (best, worst))
    won = sum(theirs[one]["MRR"] > mine[one]["MRR"] for one in mine if "MRR" in mine[one])
    lost = sum(theirs[one]["MRR"] < mine[one]["MRR"] for one in mine if "MRR" in mine[one])
    assert f"{won} better, {lost} worse, {18 - won - lost} equal" in shown(app)
    means = rows[["A", "B"]].mean(axis=1)
    assert list(means) == sorted(means), "the worst first"
    healthy(app.button_group(key="compare-which-True").set_value("Only differences").run())
    if won + lost:
        assert len(table(app, "Question")) == won + lost


def test_what_was_found_for_a_question_stands_side_by_side(studied: Workspace) -> None:
    best, worst = best_and_worst(studied)
    app = start("4_Experiments")
    app.session_state["experiments-run"] = [best.id, worst.id]
    app.session_state["experiments-question"] = 0
    view(app, "Compare")
    assert "What did the harbour of Arvika earn" in plain(app)
    assert "It stands in arvika.md, page 1" in plain(app)
    assert "“The harbour of Arvika earned 117 thousand crowns.”" in plain(app)
    assert "expected" in shown(app)
    found = studied.experiments.scored_at([best.id], 0)[best.id].found
    text = studied.found_text("documents", found[0])
    assert text[:60].split("\n")[-1] in shown(app)
    assert "found" in shown(app).lower()
    healthy(app.button(key=f"diff-open-A-{best.id}-0").click().run())
    assert "viewer" in app.session_state, "its page is opened"


def test_what_answers_is_shown_of_a_passage() -> None:
    text = "The town of Arvika has <b>many</b> streets. " * 4 + "The rent is 900 euros a month. It is due in May."
    found = Found("d", "lease.md", 1, 1000, 1000 + len(text), 1.0)
    at = 1000 + text.index("The rent")
    quoted = answering(found, text, Gold("How high?", quotes=("The rent is 900 euros",)), [("d", at, at + 21)])
    said = excerpt(text, [(start - 1000, end - 1000) for start, end in quoted])
    assert ">The rent is 900 euros</mark> a month." in said
    assert said.startswith("…")
    assert "<b>" not in said
    assert answering(found, text, Gold("How high?", ("900 EUROS",)), []) == [(at + 12, at + 21)]
    assert answering(found, text, Gold("How high?", ("900 EUROS",)), [("d", 0, 9)]) == [], "it has not the quote"
    assert excerpt("<i>", []) == "&lt;i&gt;"


def test_why_a_question_went_wrong_is_said(studied: Workspace) -> None:
    _, worst = best_and_worst(studied)
    rows = table(compared(studied, worst), "Why")
    assert all(one.startswith(("Found at place", "The document", "The right document")) for one in rows["Why"])


# -- champions --------------------------------------------------------------------------------------------------------


@pytest.fixture
def measured(workspace: Workspace) -> Workspace:
    asked = QuestionSet(
        HOSTILE[:80], (Gold(HOSTILE, document="lease.md"), Gold("How high is the rent?", document="lease.md"))
    )
    study = workspace.start_study(HOSTILE[:80], asked, None, grid({"k": [2, 4]}))
    assert ended(workspace, study).state is RunState.FINISHED
    return workspace


def test_a_run_is_promoted_after_a_look_and_rolled_back(measured: Workspace) -> None:
    first, second = measured.experiments.runs()
    app = view(start("4_Experiments"), "Leaderboard")
    for run in (first, second):
        app.session_state["experiments-run"] = [run.id]
        press(healthy(app.run()), "Promote")
        assert "from the next question on" in shown(app)
        app.text_input(key=f"promote-by-{run.id}").set_value("*Anna*")
        healthy(next(one for one in reversed(app.button) if one.label == "Promote").click().run())
    champion = measured.champion()
    assert champion is not None
    assert (champion.run, champion.by) == (second.id, "*Anna*")
    assert "champion" in list(table(app, "Mark")["Mark"])
    assert r"by \*Anna\*" in shown(app)
    press(app, "Go back to the champion before")
    healthy(next(one for one in reversed(app.button) if one.label == "Go back").click().run())
    champion = measured.champion()
    assert champion is not None
    assert champion.configuration == first.configuration


def decide(app: AppTest, words: str) -> AppTest:
    """Press the last button called so, which is that of a dialog."""
    return healthy(next(one for one in reversed(app.button) if one.label == words).click().run())


def links(app: AppTest) -> list[str]:
    return [one.proto.label for one in app.main.get("page_link")]


def test_the_first_promotion_is_taken_back_and_all_is_as_it_is_set(measured: Workspace) -> None:
    first, _ = measured.experiments.runs()
    measured.promote(first.id, by="ann")
    app = view(start("4_Experiments"), "Leaderboard")
    assert "Ask with it" in links(app)
    app.session_state["experiments-run"] = [first.id]
    app = healthy(app.run())
    assert next(one for one in app.button if one.label == "Promote").disabled, "it is the champion already"
    press(app, "Have no champion any more")
    assert "There was no champion before" in shown(app)
    app = decide(app, "Go back")
    assert measured.champion() is None
    assert "Champion, **now**, gone back to: nobody" in shown(app)
    assert not next(one for one in app.button if one.label == "Promote").disabled


def test_what_runs_are_held_against_stays_when_one_is_promoted(measured: Workspace) -> None:
    _, second = measured.experiments.runs()
    app = view(start("4_Experiments"), "Leaderboard")
    before = list(table(app, "Beside the baseline")["Beside the baseline"])
    app.session_state["experiments-run"] = [second.id]
    press(healthy(app.run()), "Promote")
    app = decide(app, "Promote")
    assert list(table(app, "Beside the baseline")["Beside the baseline"]) == before
    assert measured.champion() is not None


def test_other_documents_since_a_study_are_said_before_a_run_of_it_is_promoted(
    measured: Workspace, tmp_path: Path
) -> None:
    run = measured.experiments.runs()[0]
    app = view(start("4_Experiments"), "Leaderboard")
    app.session_state["experiments-run"] = [run.id]
    press(healthy(app.run()), "Promote")
    assert "has other documents" not in shown(app)
    (tmp_path / "more.md").write_text("# More\n\nThere is more of it.")
    list(measured.ingest([tmp_path / "more.md"]))
    assert "has other documents or corrections now" in shown(healthy(app.run()))
    decide(app, "Promote")
    assert measured.champion() is not None


def test_a_champion_that_waits_for_its_passages_has_a_way_there(measured: Workspace) -> None:
    run = measured.experiments.runs()[0]
    measured.promote(run.id, by="*ann*")
    measured.experiments.promote(Configuration(chunk_tokens=150, k=2), "bob", run.id, "documents")
    app = view(start("4_Experiments"), "Leaderboard")
    assert "the champion before it answers" in shown(app)
    assert "Re-embed it" in links(app)
    app = start("2_Ask")
    assert r"\*ann\* chose on" in shown(app)
    assert "until the collection is re-embedded for its new champion" in shown(app)
    assert "Re-embed it" in links(app)
    app = start("3_Collections")
    app.query_params["collection"], app.query_params["view"] = "documents", "Upkeep"
    app = healthy(app.run())
    assert "wants its passages made otherwise:** Passage length 150" in shown(app)
    press(app, "See what that takes")
    press(app, "Start")
    making = measured.reembedding("documents")
    assert making is not None
    assert making.recipe.chunk_tokens == 150


def test_hostile_words_stay_words(measured: Workspace) -> None:
    app = start("4_Experiments")
    for name in ("Question sets", "Studies", "Leaderboard", "Plots", "Compare"):
        app.session_state["experiments-run"] = [one.id for one in measured.experiments.runs()]
        app.session_state["experiments-question"] = 0
        sent = shown(view(app, name))
        assert "![x](" not in sent
        assert "<img src=x" not in sent
        assert ":red[rent]" not in sent


# -- traces -----------------------------------------------------------------------------------------------------------


def test_what_was_done_for_a_question_is_shown(workspace: Workspace) -> None:
    app = ask(start("2_Ask"), "How high is the rent?")
    healthy(app.switch_page("pages/4_Experiments.py").run())
    view(app, "Traces")
    rows = table(app, "Question")
    assert list(rows["Question"]) == ["How high is the rent?"]
    assert len(app.get("vega_lite_chart")) == 1
    assert "How high is the rent" in plain(app)
    assert "Nothing is told to MLflow" in shown(app)
    assert "Its conversation" in [one.proto.label for one in app.main.get("page_link")]
    healthy(app.number_input(key="traces-seconds").set_value(3600.0).run())
    assert "No question was like that" in shown(app)
