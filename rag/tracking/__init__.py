"""MLflow: studies, traces of answers and champions are told to it, so that they open in the standard tool as well.

What is told, and what still waits, is known to our own files alone; MLflow's are derived from them. It is told by a
process of its own (`exporter`), as MLflow takes seconds to import and a quarter of a gigabyte: the dashboard does
neither. Nothing that somebody waits for waits for MLflow.
"""

from __future__ import annotations

from rag.tracking.opening import ANSWERS, STUDIES
from rag.tracking.pages import Pages
from rag.tracking.place import SERVER, Place, place_of
from rag.tracking.process import Exporting
from rag.tracking.sending import is_ready

__all__ = ["ANSWERS", "SERVER", "STUDIES", "Exporting", "Pages", "Place", "is_ready", "place_of"]
