"""Calibration: from evidence to the probability that the passages answer, by a logistic model that was fitted once.

The model lies beside this file and can be read; `scripts/fit_abstaining.py` made it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "calibration.json"


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic model of standardised features; a product of two is named `one * other`."""

    features: Mapping[str, tuple[float, float, float]]
    """Name -> mean, scale and weight."""
    bias: float

    def probability(self, evidence: Mapping[str, float]) -> float:
        """In (0, 1)."""
        logit = self.bias
        for name, (mean, scale, weight) in self.features.items():
            logit += weight * (evidence[name] - mean) / scale
        return 1.0 / (1.0 + math.exp(-logit))


@dataclass(frozen=True, slots=True)
class Calibration:
    """`answers`: the hits answer the question; `near`: they are near to it, answering or not, if its probability is
    `near_from` at least."""

    answers: Model
    near: Model
    near_from: float


@cache
def calibration(has_tokens: bool) -> Calibration:
    """The one for embedding models with vectors of tokens, or for those without."""
    data = json.loads(FILE.read_text(encoding="utf-8"))["tokens" if has_tokens else "words"]
    return Calibration(_model(data["answers"]), _model(data["near"]), data["near_from"])


def _model(data: Mapping[str, Any]) -> Model:
    features = {name: (one["mean"], one["scale"], one["weight"]) for name, one in data["features"].items()}
    return Model(features, data["bias"])
