"""How parallel coordinates are drawn: each run a line through its values, for Vega-Lite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SHORT = "length(datum.label) < 6"
_WRITTEN: Sequence[tuple[str, Mapping[str, Any]]] = (
    (f"datum.place == 0 && {_SHORT}", {"align": "right", "dx": -6}),
    (f"datum.place == 1 && {_SHORT}", {"align": "left", "dx": 6}),
    (f"datum.place == 0 && !({_SHORT})", {"align": "left", "dy": -9, "dx": -20}),
    (f"datum.place == 1 && !({_SHORT})", {"align": "right", "dy": -9, "dx": 20}),
    ("datum.place > 0 && datum.place < 1", {"dy": -9}),
)
"""Where a value is written beside its place: outwards, off the lines, where it is short enough for a narrow screen."""


def parallel_spec(metric: str, axes: Sequence[str]) -> dict[str, Any]:
    """Rows have the `run`, its `quality` by the metric, how `wide` its line is, the `axis` and its `order`, the `place`
    on it from 0 to 1, and as `label` the value there where it is to be written."""
    # Axes lie below each other, so that their names have room on a narrow screen as well.
    axis = {"labelLimit": 170, "grid": True, "labelOverlap": False}
    scale = {"range": ["#6b8fc2", "#e07b1a"]}
    legend = {"orient": "top", "format": ".3f", "tickCount": 3, "gradientLength": 160}
    across = {"field": "place", "type": "quantitative", "axis": None, "scale": {"domain": [-0.16, 1.24]}}
    down = {"field": "axis", "type": "ordinal", "sort": list(axes), "title": None, "axis": axis}
    lines = {
        "name": "lines",
        "mark": {"type": "line", "cursor": "pointer", "opacity": 0.75, "point": False},
        "encoding": {
            "order": {"field": "order", "type": "quantitative"},
            "detail": {"field": "run", "type": "nominal"},
            "strokeWidth": {"field": "wide", "type": "quantitative", "scale": None},
            "color": {"field": "quality", "type": "quantitative", "title": metric, "scale": scale, "legend": legend},
            "tooltip": [
                {"field": "Run", "type": "nominal"},
                {"field": "quality", "type": "quantitative", "title": metric, "format": ".3f"},
            ],
        },
    }
    values: list[dict[str, Any]] = [
        {
            "transform": [{"filter": f"datum.label != '' && {where}"}],
            "mark": {**how, "type": "text", "fontSize": 11, "color": "#808080", "tooltip": None},
            "encoding": {"text": {"field": "label", "type": "nominal"}},
        }
        for where, how in _WRITTEN
    ]
    pick = {"type": "point", "fields": ["run"], "toggle": False}
    return {
        "params": [{"name": "pick", "select": pick, "views": ["lines"]}],
        "encoding": {"x": across, "y": down | {"scale": {"padding": 0.4}}},
        "layer": [lines, *values],
    }
