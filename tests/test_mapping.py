"""The map of a collection's vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag.mapping import Plane
from rag.workspace import Workspace, maps

RENT = "How high is the rent?"


def test_a_plane_shows_what_differs_most() -> None:
    random = np.random.default_rng(7)
    vectors = np.zeros((50, 10), np.float32)
    vectors[:, 3], vectors[:, 8] = 10 * random.normal(size=50), 5 * random.normal(size=50)
    vectors += 0.01 * random.normal(size=vectors.shape).astype(np.float32)
    plane = Plane(vectors)
    assert plane.kept > 0.999
    places = plane.place(vectors)
    assert abs(np.corrcoef(places[:, 0], vectors[:, 3])[0, 1]) > 0.99
    assert abs(np.corrcoef(places[:, 1], vectors[:, 8])[0, 1]) > 0.99
    # Distances in the plane are those there are, for there is nothing else.
    apart = np.linalg.norm(places[0] - places[1]), np.linalg.norm(vectors[0] - vectors[1])
    assert apart[0] == pytest.approx(apart[1], rel=0.01)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_or_equal_vectors_have_a_place(rows: int) -> None:
    vectors = np.ones((rows, 4), np.float32)
    plane = Plane(vectors)
    assert plane.place(vectors).shape == (rows, 2)
    assert np.isfinite(plane.place(vectors)).all()
    assert 0 <= plane.kept <= 1


@pytest.mark.end_to_end
def test_every_passage_has_a_place_and_alike_ones_lie_together(workspace: Workspace, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"rent {number}.txt").write_text(f"The yearly rent of flat {number} is {number + 1},000 euros.")
        (tmp_path / f"bread {number}.txt").write_text(f"Bake the rye bread for {number + 40} minutes in a hot oven.")
    list(workspace.ingest(sorted(tmp_path.glob("*.txt")), tags=["x"]))
    found = workspace.map()
    assert {one.chunk.id for one in found.points} == set().union(*workspace.catalog.all_chunk_ids("documents").values())
    assert found.chunks == 16
    rents = [(one.x, one.y) for one in found.points if "rent" in one.chunk.text]
    breads = [(one.x, one.y) for one in found.points if "bread" in one.chunk.text]
    between = np.linalg.norm(np.mean(rents, axis=0) - np.mean(breads, axis=0))
    assert between > 3 * max(np.std(rents, axis=0).max(), np.std(breads, axis=0).max())
    hits = workspace.search(RENT, 3)
    fallen = workspace.fall(RENT, [hit.chunk.id for hit in hits])
    assert fallen is not None
    assert [one.chunk.id for one in fallen.hits] == [hit.chunk.id for hit in hits]
    here = np.array([fallen.x, fallen.y])
    assert np.linalg.norm(here - np.mean(rents, axis=0)) < np.linalg.norm(here - np.mean(breads, axis=0))


@pytest.mark.end_to_end
def test_the_map_follows_the_documents(workspace: Workspace, notes: Path, recipe: Path) -> None:
    list(workspace.ingest([notes]))
    before = workspace.map()
    assert workspace.map() is before, "it was drawn again although nothing has changed"
    list(workspace.ingest([recipe]))
    assert len(workspace.map().points) == len(before.points) + 1
    workspace.delete("lease.md")
    assert {one.chunk.title for one in workspace.map().points} == {"bread"}
    workspace.delete("bread.txt")
    assert workspace.map().points == ()
    assert workspace.fall(RENT, []) is None


@pytest.mark.end_to_end
def test_a_large_collection_is_sampled_from_all_over(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "MAPPED", 10)
    for number in range(30):
        (tmp_path / f"{number:02}.txt").write_text(f"Ship {number} carries {number} tons of grain.")
    list(workspace.ingest(sorted(tmp_path.glob("*.txt"))))
    found = workspace.map()
    assert (len(found.points), found.chunks) == (10, 30)
    hits = workspace.search("How much grain does ship 17 carry?", 5)
    fallen = workspace.fall("How much grain does ship 17 carry?", [hit.chunk.id for hit in hits])
    assert fallen is not None
    assert len(fallen.hits) == len(hits), "a hit that is not in the sample has its place all the same"
