"""The pictures of a practice's pages: bars of totals, the causes of a change, payers against Medicare.

Every amount arrives in cents and is drawn in dollars; words lie above their bars, because a phone has no room beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feecalc.money import to_dollars
from feecalc.ui import words
from feecalc.ui.pictures import ACCENT, MUTED, draw, ink

FALL, RISE = "#D55E00", "#009E73"  # as in the other pictures; signs and words tell them apart too
WHOLE = {"format": "$,.0f", "tickCount": 4, "labelOverlap": "greedy"}


@dataclass(frozen=True)
class Bar:
    """One bar: its words, its amount, and what a reduction took off it (drawn muted behind it); cents.

    `instead` is said where there is no amount.
    """

    label: str
    cents: int
    reduced: int = 0
    note: str = ""
    muted: bool = False
    instead: str = ""


def amount(cents: int) -> str:
    """An amount above a bar: whole dollars from a thousand on, where cents would only be noise."""
    sign = "−" if cents < 0 else ""
    return words.money(to_dollars(cents)) if abs(cents) < 100_000 else f"{sign}${round(abs(cents) / 100):,}"


def change(cents: int) -> str:
    """A change with its sign and arrow."""
    if cents == 0:
        return "no change"
    arrow = "▲\u00a0+" if cents > 0 else "▼\u00a0−"
    return f"{arrow}{amount(abs(cents))}"


def bars(given: Sequence[Bar], alt: str, key: str, title: str = "dollars") -> None:
    """Totals as bars, in the order given."""
    values = [
        {
            "order": order,
            "label": bar.label,
            "text": bar.instead or f"{amount(bar.cents)}{f' · {bar.note}' if bar.note else ''}",
            "dollars": bar.cents / 100,
            "end": (bar.cents - bar.reduced) / 100,
            "less": amount(bar.reduced) if bar.reduced else "none",
            "muted": bar.muted,
        }
        for order, bar in enumerate(given)
    ]
    y = {"field": "order", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0, "paddingOuter": 0}}
    x = {"field": "dollars", "type": "quantitative", "title": title, "axis": WHOLE}
    tooltip = [
        {"field": "label", "title": "What"},
        {"field": "text", "title": "Amount"},
        {"field": "less", "title": "Same-day reductions"},
    ]
    said = {"type": "text", "baseline": "middle", "color": ink(), "fontSize": 13, "yOffset": -9}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "bar", "height": 13, "yOffset": 8},
            "encoding": {
                "x": x,
                "color": {"condition": {"test": "datum.muted", "value": MUTED}, "value": ACCENT},
                "tooltip": tooltip,
            },
        },
        {
            "mark": {**said, "align": "left", "limit": {"expr": "width - 150"}},
            "encoding": {"x": {"value": 0}, "text": {"field": "label"}},
        },
        {
            "mark": {**said, "align": "right", "fontWeight": "bold"},
            "encoding": {"x": {"value": "width"}, "text": {"field": "text"}},
        },
    ]
    if any(bar.reduced for bar in given):
        behind = {
            "transform": [{"filter": "datum.end > datum.dollars"}],
            "mark": {"type": "bar", "height": 13, "yOffset": 8, "color": MUTED, "opacity": 0.45},
            "encoding": {"x": x, "x2": {"field": "end"}, "tooltip": tooltip},
        }
        layers.insert(1, behind)
    draw({"data": {"values": values}, "height": {"step": 40}, "encoding": {"y": y}, "layer": layers}, alt, key)


def causes(steps: Sequence[tuple[str, int]], total: int, alt: str, key: str) -> None:
    """What a change is made of: each cause from where the one before left off, and at the end all of them together."""
    values: list[dict[str, Any]] = []
    level = 0
    for label, cents in steps:
        values.append(_step(len(values), label, level, level + cents, "rise" if cents > 0 else "fall"))
        level += cents
    values.append(_step(len(values), "All together", 0, total, "total"))
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
                    "x": {"field": "start", "type": "quantitative", "title": "dollars more or less", "axis": WHOLE},
                    "x2": {"field": "end"},
                    "color": {
                        "field": "kind",
                        "type": "nominal",
                        "scale": {"domain": ["total", "fall", "rise"], "range": [ACCENT, FALL, RISE]},
                        "legend": None,
                    },
                    "tooltip": [{"field": "label", "title": "Cause"}, {"field": "text", "title": "Change"}],
                },
            },
            {
                "mark": {**said, "align": "left", "limit": {"expr": "width - 110"}},
                "encoding": {"x": {"value": 0}, "text": {"field": "label"}},
            },
            {
                "mark": {**said, "align": "right"},
                "encoding": {"x": {"value": "width"}, "text": {"field": "text"}},
            },
        ],
    }
    draw(spec, alt, key)


def _step(order: int, label: str, start: int, end: int, kind: str) -> dict[str, Any]:
    return {
        "order": order,
        "label": label,
        "start": start / 100,
        "end": end / 100,
        "text": change(end - start),
        "kind": kind,
    }


def percents(given: Sequence[tuple[str, int]], alt: str, key: str) -> None:
    """Payers as bars in percent of Medicare (hundredths of a percent), with a line at Medicare's own 100."""
    values = [
        {
            "order": order,
            "label": label,
            "percent": rate / 100,
            "text": f"{rate / 100:,.1f} %",
            "kind": "medicare" if label == "Medicare" and rate == 10_000 else "above" if rate >= 10_000 else "below",
        }
        for order, (label, rate) in enumerate(given)
    ]
    y = {"field": "order", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0, "paddingOuter": 0}}
    said = {"type": "text", "baseline": "middle", "color": ink(), "fontSize": 13, "yOffset": -9}
    colours = {"domain": ["medicare", "below", "above"], "range": [MUTED, FALL, ACCENT]}
    axis = {"format": ".0f", "tickCount": 5}
    spec = {
        "data": {"values": values},
        "height": {"step": 40},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "height": 13, "yOffset": 8},
                "encoding": {
                    "x": {"field": "percent", "type": "quantitative", "title": "percent of Medicare", "axis": axis},
                    "color": {"field": "kind", "type": "nominal", "scale": colours, "legend": None},
                    "tooltip": [{"field": "label", "title": "Payer"}, {"field": "text", "title": "Of Medicare"}],
                },
            },
            {"mark": {"type": "rule", "strokeDash": [4, 3], "color": ink()}, "encoding": {"x": {"datum": 100}, "y": {}}},
            {
                "mark": {**said, "align": "left", "limit": {"expr": "width - 90"}},
                "encoding": {"x": {"value": 0}, "text": {"field": "label"}},
            },
            {
                "mark": {**said, "align": "right", "fontWeight": "bold"},
                "encoding": {"x": {"value": "width"}, "text": {"field": "text"}},
            },
        ],
    }
    draw(spec, alt, key)


def heat(cells: Sequence[Mapping[str, Any]], columns: Sequence[str], rows: Sequence[str], alt: str, key: str) -> None:
    """Payers across, codes down, each cell in percent of Medicare: blue above, orange below.

    A cell: `payer`, `code`, `percent` (None where the payer has no rate), `text`, and `why` for the pointer.
    """
    known = [cell["percent"] for cell in cells if cell["percent"] is not None]
    reach = max([abs(percent - 100) for percent in known] + [10])
    spec = {
        "data": {"values": [dict(cell) for cell in cells]},
        "height": {"step": 28},
        "encoding": {
            "x": {
                "field": "payer",
                "type": "nominal",
                "sort": list(columns),
                "title": None,
                "axis": {"orient": "top", "labelAngle": -30 if len(columns) > 3 else 0, "labelLimit": 110, "ticks": False},
            },
            "y": {"field": "code", "type": "nominal", "sort": list(rows), "title": None, "axis": {"ticks": False}},
        },
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 2},
                "encoding": {
                    "color": {
                        "field": "percent",
                        "type": "quantitative",
                        "title": "percent of Medicare",
                        # Pale enough for dark words on every shade of them.
                        "scale": {
                            "domain": [100 - reach, 100, 100 + reach],
                            "range": ["#f2a45c", "#f6f4f0", "#7fb2e5"],
                            "interpolate": "rgb",
                        },
                        "legend": {"orient": "bottom", "gradientLength": 200},
                    },
                    "tooltip": [
                        {"field": "payer", "title": "Payer"},
                        {"field": "code", "title": "Code"},
                        {"field": "text", "title": "Of Medicare"},
                        {"field": "why", "title": "By"},
                    ],
                },
            },
            {
                "mark": {"type": "text", "fontSize": 12, "color": "#0b1018"},
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }
    draw(spec, alt, key)
