"""The pictures of what changed between two releases. Numbers arrive as values; words and signs stand beside the colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feecalc.ui.pictures import MUTED, draw, ink

RISE, FALL = "#009E73", "#D55E00"  # as in the other pictures
KIND = {"field": "kind", "type": "nominal", "scale": {"domain": ["rise", "fall", "same"], "range": [RISE, FALL, MUTED]}}


@dataclass(frozen=True)
class Mover:
    """A bar that goes up or down from nothing: its words, its length, and how the length is written."""

    label: str
    length: float
    text: str
    tip: str = ""


def kind(number: float) -> str:
    """Which colour a change has."""
    return "rise" if number > 0 else "fall" if number < 0 else "same"


def movers(given: Sequence[Mover], title: str, alt: str, key: str) -> None:
    """Bars to the right for what rises, to the left for what falls; the words lie above, because a phone has no room beside."""
    values = [
        {"order": order, "label": one.label, "length": one.length, "text": one.text, "tip": one.tip, "kind": kind(one.length)}
        for order, one in enumerate(given)
    ]
    y = {"field": "order", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0, "paddingOuter": 0}}
    said = {"type": "text", "baseline": "middle", "color": ink(), "fontSize": 13, "yOffset": -9}
    spec = {
        "data": {"values": values},
        "height": {"step": 40},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "height": 13, "yOffset": 8},
                "encoding": {
                    "x": {"field": "length", "type": "quantitative", "title": title, "axis": {"tickCount": 5}},
                    "color": {**KIND, "legend": None},
                    "tooltip": [
                        {"field": "label", "title": "What"},
                        {"field": "text", "title": "Change"},
                        {"field": "tip", "title": "From and to"},
                    ],
                },
            },
            {
                "mark": {**said, "align": "left", "limit": {"expr": "width - 130"}},
                "encoding": {"x": {"value": 0}, "text": {"field": "label"}},
            },
            {
                "mark": {**said, "align": "right", "fontWeight": "bold"},
                "encoding": {"x": {"value": "width"}, "text": {"field": "text"}},
            },
        ],
    }
    draw(spec, alt, key)


@dataclass(frozen=True)
class Bin:
    """How many amounts changed by about so much: its words, whether it is a rise, and the count."""

    label: str
    kind: str
    count: int


def distribution(bins: Sequence[Bin], what: str, alt: str, key: str) -> None:
    """Upright bars in the order given, each with its count above it."""
    values = [
        {"order": order, "label": one.label, "kind": one.kind, "count": one.count, "text": f"{one.count:,}"}
        for order, one in enumerate(bins)
    ]
    labels = [one.label for one in bins]
    x = {
        "field": "label",
        "type": "ordinal",
        "sort": labels,
        "title": None,
        "axis": {"labelAngle": -40, "labelOverlap": False, "ticks": False},
    }
    room = 1.12 * max([one.count for one in bins] + [1])  # for the words above the longest bar
    y: dict[str, Any] = {
        "field": "count",
        "type": "quantitative",
        "title": what,
        "axis": {"format": ",d", "tickCount": 4, "tickMinStep": 1},
        "scale": {"domainMax": room},
    }
    spec = {
        "data": {"values": values},
        "height": 220,
        "layer": [
            {
                "mark": {"type": "bar"},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": {**KIND, "legend": None},
                    "tooltip": [{"field": "label", "title": "Change"}, {"field": "text", "title": what}],
                },
            },
            {
                "mark": {"type": "text", "dy": -7, "color": ink(), "fontSize": 11},
                "encoding": {"x": x, "y": y, "text": {"field": "text"}},
            },
        ],
    }
    draw(spec, alt, key)
