"""The house rules that can be read off the imports."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ANYWHERE = {"rag", "records", "errors", "settings"}
ROOM_OF = {
    "__init__": "rag",
    **{path.stem: "cli" for path in (ROOT / "rag").glob("cli_*.py")},
    "bundled": "embedding",
    "health": "checking",
    "model_sources": "embedding",
}
# part -> what it may import beside ANYWHERE and itself
ALLOWED: dict[str, set[str]] = {
    "records": set(),
    "errors": set(),
    "settings": set(),
    "passwords": set(),
    "memory": set(),
    "filters": {"parsing"},
    "language": set(),
    "owner": set(),
    "folder": {"owner"},
    "catalog": set(),
    "conversations": {"catalog"},
    "traces": {"catalog"},
    "tracking": {"evaluation", "experiments", "folder", "traces"},
    "parsing": {"memory"},
    "changes": set(),
    "chunking": set(),
    "embedding": set(),
    "store": set(),
    "recipes": {"chunking", "embedding", "store"},
    "lexical": {"language"},
    "answering": {"embedding", "language"},
    "evidence": {"parsing"},
    "retrieval": {"chunking", "embedding", "lexical", "store"},
    "ingestion": {"parsing", "chunking", "embedding", "lexical", "store", "catalog", "folder", "language", "recipes"},
    "archive": {"parsing", "ingestion"},
    "backup": {"catalog", "folder", "lexical", "store"},
    "linking": {"backup", "catalog", "embedding", "store"},
    "errands": set(),
    "gate": set(),
    "jobs": {"ingestion", "folder", "gate", "memory"},
    "following": {"archive", "ingestion", "jobs", "catalog", "folder", "gate"},
    "progress": {"catalog"},
    "reranking": {"embedding"},
    "checking": {"catalog", "folder", "lexical", "recipes", "store"},
    "mapping": set(),
    "evaluation": {"parsing", "embedding", "experiments", "gate", "lexical", "retrieval", "store"},
    "experiments": {"catalog"},
    "workspace": {
        "answering",
        "archive",
        "backup",
        "catalog",
        "changes",
        "checking",
        "chunking",
        "conversations",
        "embedding",
        "errands",
        "evaluation",
        "evidence",
        "experiments",
        "filters",
        "folder",
        "following",
        "gate",
        "mapping",
        "ingestion",
        "jobs",
        "language",
        "lexical",
        "linking",
        "parsing",
        "progress",
        "recipes",
        "reranking",
        "retrieval",
        "store",
        "traces",
        "tracking",
    },
    "served": {"experiments", "workspace"},
    "cli": {"workspace", "parsing", "folder", "passwords"},
    "__main__": {"cli"},
    "ui": {"workspace", "passwords"},
    "pages": {"ui", "workspace"},
    "streamlit_app": {"ui", "workspace"},
}
ONLY_IN = {
    "streamlit": {"streamlit_app", "pages", "ui"},
    "fastapi": {"api"},
    "chromadb": {"store"},
    "mlflow": {"served", "tracking"},
    "langchain.chat_models": {"answering"},
    "langchain_community": {"conversations"},
}
# Imports that must wait for the branch that needs them: a cold search must not pay for them.
HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "mlflow",
    "chromadb",
    "langchain",
    "langchain_community",
    "onnxruntime",
}
# rag/bundled.py is imported by load_embedder, for the bundled model only; rag/conversations/chat_history.py with the
# first conversation that is opened or kept; rag/served.py by MLflow.
ITSELF_IMPORTED_LATE = {"bundled.py", "chat_history.py", "served.py"}


def part_of(path: Path) -> str:
    """The name of the house's part that a file belongs to."""
    relative = path.relative_to(ROOT).with_suffix("").parts
    part = relative[1] if relative[0] == "rag" and len(relative) > 1 else relative[0]
    return ROOM_OF.get(part, part)


def sources() -> list[Path]:
    found = [ROOT / "streamlit_app.py"]
    for folder in ("rag", "ui", "pages"):
        found += sorted((ROOT / folder).rglob("*.py"))
    return [path for path in found if path.exists()]


def imported(tree: ast.AST) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.append(node.module or "")
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def parts_imported(path: Path) -> set[str]:
    ours = set()
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        pieces = name.split(".")
        if pieces[0] == "rag" and len(pieces) > 1:
            candidate = ROOT / "rag" / pieces[1]
            if candidate.is_dir() or candidate.with_suffix(".py").exists():
                ours.add(part_of(ROOT / "rag" / f"{pieces[1]}.py"))
        elif pieces[0] in ("ui", "pages", "streamlit_app"):
            ours.add(pieces[0])
    return ours


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_go_down(path: Path) -> None:
    part = part_of(path)
    if part == "rag":
        assert not parts_imported(path)
        return
    assert part in ALLOWED, f"{part} is not in the drawing of the house: add it to ALLOWED"
    assert parts_imported(path) <= ALLOWED[part] | ANYWHERE | {part}


def test_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path in sources():
        graph.setdefault(part_of(path), set()).update(parts_imported(path) - {part_of(path)})
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_libraries_stay_in_their_room(path: Path) -> None:
    names = imported(ast.parse(path.read_text(encoding="utf-8")))
    for library, rooms in ONLY_IN.items():
        if any(name == library or name.startswith(f"{library}.") for name in names):
            assert part_of(path) in rooms, f"{library} is imported in {path.relative_to(ROOT)}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_libraries_are_imported_where_they_are_needed(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name in ITSELF_IMPORTED_LATE:
        return
    top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    assert not {name.split(".")[0] for name in imported(top)} & HEAVY


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_settings_reads_the_environment(path: Path) -> None:
    if part_of(path) != "settings":
        source = path.read_text(encoding="utf-8")
        assert "os.environ" not in source
        assert "getenv" not in source


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
