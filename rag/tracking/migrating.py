"""Brings MLflow's database up to date, in a process that ends: `python -m rag.tracking.migrating FOLDER`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rag.errors import ConfigurationError
from rag.folder import Folder
from rag.settings import Settings, load_settings, tracking_environment
from rag.tracking.place import Place, place_of

SECONDS = 180.0
_PROJECT = Path(__file__).resolve().parents[2]


def migrate(settings: Settings, place: Place) -> None:
    """Do it, unless MLflow is a server, which sees to its own. Raises ConfigurationError."""
    if place.is_server:
        return
    command = [sys.executable, "-m", "rag.tracking.migrating", str(place.folder.parent)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            cwd=_PROJECT,
            env=tracking_environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError("MLflow's database is busy. Close what else uses it, then try again.") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ConfigurationError(
            f"MLflow could not be opened ({settings.redacted(said[-1])[:300] if said else 'it said nothing'}). Check "
            "RAG_MLFLOW_TRACKING_URI."
        )


def main(arguments: list[str]) -> int:
    from rag.tracking.opening import open_mlflow

    settings = load_settings(data_dir=Path(arguments[0]))
    open_mlflow(place_of(settings, Folder(settings.data_dir)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
