"""The champion as a model that MLflow serves: its collection and its configuration, without anything else of ours.

MLflow runs this file as code ("models from code"): nothing is pickled. The collection is opened when the first question
comes, not when the model is loaded. Where it is says `place.json`. Usually it is packed with the model, as it was when
that was promoted. Where Chroma is a server the model refers to it instead, and to the data folder, which has the text
and the lexical index: it answers from the collection as it is then, and there is no second copy of a large one. Keys
are not among it: `RAG_CHROMA_HEADERS`, `RAG_CHROMA_API_KEY` and `RAG_LLM_API_KEY` are set where it is served, and so is
`RAG_LLM`, without which a language model that the configuration names is sent nothing.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from pandas import DataFrame  # type: ignore[import-untyped]  # its types are a package of their own

if TYPE_CHECKING:
    from rag.records import Answer, Configuration
    from rag.workspace import Workspace

CHAMPION = "champion"
"""What the collection is called that a model has with it."""
QUIET: Mapping[str, Any] = {"mlflow": False, "traces_kept": 0, "demo": False}
"""Settings: nothing is kept or told of what a model is asked."""


class Footnote(PythonModel):
    """Takes rows with a `question`, gives a row for each: `answer`, `abstained`, `confidence` and `citations`; `model`
    is who answered, and `notice` what else to know, that the language model that was chosen is not set up here say."""

    def load_context(self, context: Any) -> None:
        """Note where the files are; none is opened."""
        self._artifacts: Mapping[str, str] = context.artifacts
        self._opening = threading.Lock()
        self._opened: Workspace | None = None

    def predict(self, context: Any, model_input: DataFrame, params: Any = None) -> list[dict[str, Any]]:  # noqa: ARG002
        """Raises what `Workspace.ask` raises, and ConfigurationError where the collection is made otherwise by now. The
        signature says which columns there are, so MLflow makes no schema of these types, and does not ask for any."""
        from rag.experiments import to_configuration

        workspace = self._workspace()
        configuration = to_configuration(self._read("configuration"))
        _check(workspace, configuration)
        asked = model_input["question"].tolist()
        return [_row(workspace.ask(question, configuration=configuration)) for question in asked]

    def _read(self, artifact: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(Path(self._artifacts[artifact]).read_text(encoding="utf-8"))
        return read

    def _workspace(self) -> Workspace:
        with self._opening:
            if self._opened is None:
                place = self._read("place")
                self._opened = self._unpacked() if place["kind"] == "snapshot" else _referred_to(place)
            return self._opened

    def _unpacked(self) -> Workspace:
        """The collection that came with the model, in a folder that goes with this process."""
        from rag.settings import load_settings
        from rag.workspace import Workspace

        self._folder = tempfile.TemporaryDirectory(prefix="footnote-")
        abstain_below = self._read("configuration")["abstain_below"]
        where = {"data_dir": Path(self._folder.name), "chroma_mode": "persistent", "collection": CHAMPION}
        opened = Workspace(load_settings(**where, **QUIET, abstain_below=abstain_below), "a served model")
        opened.restore(Path(self._artifacts["collection"]), CHAMPION)
        return opened


def _referred_to(place: Mapping[str, Any]) -> Workspace:
    """The collection on its server, read through the data folder that knows it; others may work on both meanwhile.
    Raises FolderError if that is not on this machine."""
    from rag.errors import FolderError
    from rag.settings import load_settings
    from rag.workspace import Workspace

    folder = Path(place["data_dir"])
    if not folder.is_dir():
        raise FolderError(
            f"The model needs the data folder {folder}, which is not on this machine: serve it where that is, or have "
            "the folder there under the same path."
        )
    names = ("mode", "host", "port", "ssl", "tenant", "database")
    where = {f"chroma_{name}": place[name] for name in names}
    settings = load_settings(data_dir=folder, collection=place["collection"], **where, **QUIET)
    return Workspace(settings, "a served model", share=True)


def _check(workspace: Workspace, configuration: Configuration) -> None:
    from rag.errors import ConfigurationError

    if workspace.configuration().index != configuration.index:
        raise ConfigurationError(
            f"The collection {workspace.settings.collection} is made in another way by now than this model wants it. "
            "Promote a run that was measured on it as it is."
        )


def _row(answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.text,
        "abstained": answer.abstained,
        "confidence": answer.confidence if answer.confidence is not None else float("nan"),
        "citations": [
            {"number": one.number, "document": one.name, "page": one.page, "quote": one.quote}
            for one in answer.citations
        ],
        "model": answer.model,
        "notice": answer.notice,
    }


set_model(Footnote())
