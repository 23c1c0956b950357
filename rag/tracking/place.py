"""Where MLflow is, and where its files lie if they are ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rag.folder import Folder
from rag.settings import Settings

SNAPSHOT, SERVER = "snapshot", "server"
"""Where a registered model has its collection: with it, or on a Chroma server, which it is asked on as it is then."""


@dataclass(frozen=True, slots=True)
class Place:
    """`uri` is as MLflow takes it. `folder` has our lock and notes, and with `ours` MLflow's database and artifacts."""

    uri: str
    folder: Path
    ours: bool

    @property
    def is_server(self) -> bool:
        """Whether it is a server, which sees to its own database and has its own pages."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def artifacts(self) -> str | None:
        """Where artifacts go; None where MLflow decides that. Beside another SQLite file it is the folder that MLflow
        takes where it is started, which would be wherever the dashboard happens to run."""
        if self.ours:
            return (self.folder / "artifacts").as_uri()
        _, scheme, file = self.uri.partition("sqlite:///")
        return (Path(file).resolve().parent / "mlruns").as_uri() if scheme and file else None

    @property
    def bundles(self) -> Path:
        """Where collections wait that a champion is to take along."""
        return self.folder / "bundles"

    def bundle(self, promotion: int) -> Path:
        """A collection as it was when its champion was promoted."""
        return self.bundles / f"{promotion}.zip"

    def reference(self, promotion: int) -> Path:
        """Where the collection is, if it stays on a Chroma server instead."""
        return self.bundles / f"{promotion}.json"

    def is_packed(self, promotion: int) -> bool:
        """Whether all is there that a champion takes along."""
        return self.bundle(promotion).exists() or self.reference(promotion).exists()

    @property
    def exporter_lock(self) -> Path:
        return self.folder / "exporter.lock"

    @property
    def trouble(self) -> Path:
        """Has why the last attempt ended; empty if it went well."""
        return self.folder / "trouble.txt"


def place_of(settings: Settings, folder: Folder) -> Place:
    """As the settings say, else SQLite in the data folder, by its absolute path; that is ours by whomever it is named:
    MLflow itself puts its address into the environment."""
    given, own = settings.mlflow_tracking_uri.strip(), f"sqlite:///{(folder.mlflow / 'mlflow.db').as_posix()}"
    return Place(given or own, folder.mlflow, given in ("", own))
