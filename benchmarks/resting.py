"""Index PDFs in a process that stays, as the dashboard's does, for benchmarks to see whether its memory returns.

    python benchmarks/resting.py DATA_FOLDER SECONDS FILE.pdf ...

The first file warms it up. Prints one JSON line: memory in MB of the process and of it with its children, before the
other files and after them, at rest for SECONDS.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psutil
from measuring import ROOT, tree_mb

sys.path.insert(0, str(ROOT))

from rag.settings import load_settings
from rag.workspace import open_workspace

WARM_UP_SECONDS = 5.0


def main() -> None:
    data, seconds, first, *others = sys.argv[1:]
    me = psutil.Process()
    with open_workspace(load_settings(data_dir=Path(data))) as workspace:
        list(workspace.ingest([Path(first)]))
        time.sleep(min(WARM_UP_SECONDS, float(seconds)))
        before = tree_mb(me)
        list(workspace.ingest([Path(path) for path in others]))
        time.sleep(float(seconds))
        print(json.dumps({"before": before, "after": tree_mb(me)}))


if __name__ == "__main__":
    main()
