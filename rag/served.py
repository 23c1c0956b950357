"""The champion as a model that MLflow serves: its collection and its configuration, without anything else of ours.

MLflow runs this file as code ("models from code"): nothing is pickled. The collection is unpacked when the first
question comes, not when the model is loaded.
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


class Footnote(PythonModel):
    """Takes rows with a `question`, gives a row for each: `answer`, `abstained`, `confidence` and `citations`."""

    def load_context(self, context: Any) -> None:
        """Note where the files are; none is opened."""
        self._artifacts: Mapping[str, str] = context.artifacts
        self._opening = threading.Lock()
        self._opened: Workspace | None = None

    def predict(self, context: Any, model_input: DataFrame, params: Any = None) -> list[dict[str, Any]]:  # noqa: ARG002
        """Raises what `Workspace.ask` raises. The signature says which columns there are, so that of all types MLflow
        makes no schema of this one, and does not ask for another."""
        workspace, configuration = self._workspace(), self._configuration()
        asked = model_input["question"].tolist()
        return [_row(workspace.ask(question, configuration=configuration)) for question in asked]

    def _configuration(self) -> Configuration:
        from rag.experiments import to_configuration

        return to_configuration(json.loads(Path(self._artifacts["configuration"]).read_text(encoding="utf-8")))

    def _workspace(self) -> Workspace:
        """The unpacked collection, in a folder that goes with this process."""
        from rag.settings import load_settings
        from rag.workspace import Workspace

        with self._opening:
            if self._opened is None:
                self._folder = tempfile.TemporaryDirectory(prefix="footnote-")
                settings = load_settings(
                    data_dir=Path(self._folder.name),
                    chroma_mode="persistent",
                    collection="champion",
                    mlflow=False,
                    traces_kept=0,
                    demo=False,
                    abstain_below=self._configuration().abstain_below,
                )
                opened = Workspace(settings, "a served model")
                opened.restore(Path(self._artifacts["collection"]), "champion")
                self._opened = opened
            return self._opened


def _row(answer: Answer) -> dict[str, Any]:
    return {
        "answer": answer.text,
        "abstained": answer.abstained,
        "confidence": answer.confidence if answer.confidence is not None else float("nan"),
        "citations": [
            {"number": one.number, "document": one.name, "page": one.page, "quote": one.quote}
            for one in answer.citations
        ],
    }


set_model(Footnote())
