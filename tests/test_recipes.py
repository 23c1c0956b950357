"""Collections with a recipe of their own: made and searched with their own model, whatever the settings say."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.embedding import Embedder
from rag.errors import ConfigurationError, FingerprintError, InputError, ModelError
from rag.recipes import Recipes, checked_recipe, cuts_alike
from rag.records import Collection, Recipe, State
from rag.settings import Settings, load_settings
from rag.store import store_name
from rag.workspace import Workspace
from tests.conftest import outcomes

pytestmark = pytest.mark.end_to_end

Make = Callable[..., Workspace]
RENT = "How high is the yearly rent?"
EXACT = Recipe("bundled", "fp32", 60)


def give_recipe(workspace: Workspace, recipe: Recipe, name: str = "documents") -> Collection:
    """An empty collection that is made in a way of its own."""
    made = workspace.recipes.fingerprint_with(recipe) if recipe.model else {"dimension": "384"}
    workspace.catalog.create_collection(name, store_name(name), made)
    set_recipe(workspace, recipe, name)
    return workspace.collection(name)


def set_recipe(workspace: Workspace, recipe: Recipe, name: str = "documents") -> None:
    values = json.dumps({"model": recipe.model, "precision": recipe.precision, "chunk_tokens": recipe.chunk_tokens})
    with workspace.catalog.write() as connection:
        connection.exec_driver_sql("UPDATE collections SET recipe = ? WHERE name = ?", (values, name))


def test_a_collection_with_a_recipe_is_made_and_searched_in_its_own_way_beside_one_that_follows_the_settings(
    workspace: Workspace, notes: Path
) -> None:
    give_recipe(workspace, EXACT, "exact")
    assert outcomes(workspace.ingest([notes], "exact")) == {"lease.md": "ready"}
    assert outcomes(workspace.ingest([notes])) == {"lease.md": "ready"}
    [mine], [usual] = workspace.documents("exact"), workspace.documents("documents")
    assert mine.chunks > usual.chunks
    assert {one.id.split("-")[1] for one in workspace.chunks(mine)} == {"60"}
    for name in ("exact", "documents"):
        hit = workspace.search(RENT, collection=name)[0]
        assert "84,000" in hit.chunk.text
        embedder = workspace.recipes.embedder_of(workspace.collection(name))
        own = float(embedder.encode([hit.chunk.embedded])[0] @ embedder.encode_query(RENT))
        assert hit.scores["dense"] == pytest.approx(own, abs=2e-3)
        answer = workspace.ask(RENT, collection=name)
        assert "84,000" in answer.text
        assert workspace.text(mine.id, name)[answer.citations[0].start : answer.citations[0].end] in answer.text
    assert workspace.check() == []


def test_it_outlives_settings_that_refuse_the_others(make_workspace: Make, notes: Path) -> None:
    first = make_workspace()
    give_recipe(first, EXACT, "exact")
    list(first.ingest([notes], "exact"))
    list(first.ingest([notes]))
    first.close()
    second = make_workspace(chunk_tokens=100)
    assert "84,000" in second.ask(RENT, collection="exact").text
    with pytest.raises(FingerprintError, match="reembed"):
        second.search(RENT)
    assert outcomes(second.rebuild("exact")) == {"lease.md": "ready"}
    assert {one.id.split("-")[1] for one in second.chunks(second.documents("exact")[0])} == {"60"}


def test_what_will_happen_to_a_file_is_told_for_the_collection_that_it_goes_into(
    workspace: Workspace, notes: Path
) -> None:
    give_recipe(workspace, EXACT, "exact")
    there, usual = workspace.preflight(notes, "exact"), workspace.preflight(notes)
    assert there.chunks > usual.chunks
    assert len(workspace.preview(there, "exact")) == there.chunks
    assert there.seconds is not None
    assert "embedding bundled fp32" in workspace.catalog.speeds()


def test_where_nobody_knows_the_model_words_are_searched_alone(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes, recipe]))
    set_recipe(workspace, Recipe("", "", 200))
    hits = workspace.search(RENT)
    assert "84,000" in hits[0].chunk.text
    assert all("dense" not in hit.ranks for hit in hits)
    assert "late" in hits[0].ranks
    assert workspace.search("zzz qqq") == []
    assert "84,000" in workspace.ask(RENT).text
    document = workspace.document("lease.md")
    assert workspace.explain(RENT, document.id, 1).rank == 1
    assert workspace.overview(document.id).answer.text
    assert {one.problem.split(":")[0] for one in workspace.check()} == {"they were not checked"}


def test_nothing_can_be_added_where_nobody_knows_the_model(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes]))
    set_recipe(workspace, Recipe("", "", 200))
    [event] = workspace.ingest([recipe])
    assert event.outcome == "failed"
    assert "Re-embed it" in event.reason
    with pytest.raises(FingerprintError, match="Re-embed"):
        list(workspace.rebuild("documents"))
    assert list(workspace.rebuild()) == []  # of all there are, it leaves this one alone
    assert "84,000" in workspace.search(RENT)[0].chunk.text


def test_a_recipe_whose_model_is_not_there_says_so(workspace: Workspace, notes: Path) -> None:
    list(workspace.ingest([notes]))
    set_recipe(workspace, Recipe("nobody/no-such-model", "int8", 200))
    with pytest.raises(ModelError, match="nobody/no-such-model"):
        workspace.search(RENT)


def test_a_model_is_loaded_once_by_racing_threads_and_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch, embedder: Embedder
) -> None:
    loaded, slow = [], threading.Event()

    def load(settings: Settings) -> Embedder:
        loaded.append(settings.embedding_precision)
        if settings.embedding_precision == "fp32":
            slow.wait(20)
        return embedder

    monkeypatch.setattr("rag.recipes.load_embedder", load)
    recipes = Recipes(load_settings())
    large = Collection("large", "large-1", {}, datetime.now(UTC), recipe=EXACT)
    threads = [threading.Thread(target=recipes.embedder_of, args=(large,)) for _ in range(16)]
    for one in threads:
        one.start()
    assert recipes.embedder_of(None) is embedder  # while the large one is still being loaded
    slow.set()
    for one in threads:
        one.join()
    assert sorted(loaded) == ["fp32", "int8"]


def test_a_key_goes_to_no_other_provider_than_it_is_set_for() -> None:
    recipes = Recipes(
        load_settings(embedding_model="openai:small", embedding_api_key="sk-secret1", embedding_base_url="http://here")
    )
    same, other = (recipes.with_recipe(Recipe(one, "int8", 200)) for one in ("openai:large", "cohere:v3"))
    assert (same.embedding_api_key.get_secret_value(), same.embedding_base_url) == ("sk-secret1", "http://here")
    assert (other.embedding_api_key.get_secret_value(), other.embedding_base_url) == ("", "")


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (Recipe("  ", "int8", 200), "Name an embedding model"),
        (Recipe("a\nb", "int8", 200), "Name an embedding model"),
        (Recipe("bundled", "int4", 200), "int8 and fp32"),
        (Recipe("bundled", "int8", 31), "between 32"),
        (Recipe("bundled", "int8", 2001), "between 32"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(recipe: Recipe, says: str) -> None:
    with pytest.raises(InputError, match=says):
        checked_recipe(recipe)


def test_passages_longer_than_the_model_reads_are_refused(workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError, match="Choose 200 or less"):
        workspace.recipes.fingerprint_with(Recipe("bundled", "int8", 1000))


def test_texts_are_cut_alike_whatever_the_precision() -> None:
    assert cuts_alike(Recipe("bundled", "int8", 200), Recipe("bundled", "fp32", 200))
    assert not cuts_alike(Recipe("bundled", "int8", 200), Recipe("bundled", "int8", 100))
    assert not cuts_alike(Recipe("bundled", "int8", 200), Recipe("other", "int8", 200))
    assert not cuts_alike(Recipe("", "", 200), Recipe("", "", 200))


def test_the_evidence_names_the_model_of_the_collection_that_was_asked(workspace: Workspace, notes: Path) -> None:
    give_recipe(workspace, EXACT, "exact")
    list(workspace.ingest([notes], "exact"))
    assert workspace._told_settings({"exact"})["Embedding model"] == "bundled, fp32"
    assert workspace._told_settings({"exact"})["Tokens in a passage"] == "60"
    assert workspace.documents("exact")[0].state is State.READY
