"""Saving a collection and restoring it, beside copying the data folder: seconds, MB, and memory at most.

    python benchmarks/backup.py FOLDER
    python benchmarks/backup.py --chunks 50000

FOLDER has the documents to index first; with --chunks they are as many passages that say nothing, to see whether memory
grows with the collection.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.synthetic import Writer  # noqa: E402 - found through the line above
from rag.settings import load_settings  # noqa: E402
from rag.workspace import Workspace  # noqa: E402

STEP = """
import json, resource, sys, time
from pathlib import Path
from rag.settings import load_settings
from rag.workspace import Workspace
data, what, target = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
with Workspace(load_settings(data_dir=data)) as workspace:
    workspace.store.names()
    started = time.monotonic()
    workspace.export("documents", target) if what == "export" else workspace.restore(target)
    seconds = time.monotonic() - started
    chunks = workspace.collection().chunks
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps({"seconds": seconds, "peak": peak, "chunks": chunks}))
"""


def step(data: Path, what: str, target: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", STEP, str(data), what, str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def size_of(path: Path) -> float:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files) / 1e6


def fill(data: Path, folder: Path | None, chunks: int) -> None:
    """Index the documents of a folder, or so many passages that say nothing."""
    if folder is not None:
        command = [sys.executable, "-m", "rag", "--data-dir", str(data), "ingest", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        return
    with Workspace(load_settings(data_dir=data)) as workspace:
        Writer(0).fill(workspace, chunks)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("folder", type=Path, nargs="?")
    given.add_argument("--chunks", type=int, default=0)
    arguments = given.parse_args()
    if (arguments.folder is None) == (arguments.chunks == 0):
        given.error("name a folder, or give --chunks")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, target = folder / "data", folder / "saved.zip"
        fill(data, arguments.folder, arguments.chunks)
        saved = step(data, "export", target)
        restored = step(folder / "other", "import", target)
        started = time.monotonic()
        shutil.copytree(data, folder / "copy")
        copied = time.monotonic() - started
        print(f"{saved['chunks']:,} passages, {size_of(data):.0f} MB data folder")
        print(f"{'':24}{'seconds':>9}{'MB':>9}{'MB of memory at most':>23}")
        for label, seconds, size, peak in (
            ("save", saved["seconds"], size_of(target), saved["peak"]),
            ("check and restore", restored["seconds"], size_of(folder / "other"), restored["peak"]),
            ("copy the data folder", copied, size_of(folder / "copy"), 0.0),
        ):
            print(f"{label:24}{seconds:9.1f}{size:9.0f}{peak or 0:23.0f}")


if __name__ == "__main__":
    main()
