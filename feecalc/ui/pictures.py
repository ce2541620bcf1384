"""The pictures, as Vega-Lite specifications. Every number in them arrives as a value; axes and colours are all that is here."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import streamlit as st

from feecalc.api import Spread
from feecalc.locality import Place
from feecalc.pricing.explain import Fall
from feecalc.ui import words

# Three hues of the Okabe-Ito set, told apart in every form of colour blindness and at 3:1 or better on both themes.
PART_COLOURS = {"work": "#0072B2", "pe": "#D55E00", "mp": "#009E73"}
MUTED = "#8a94a3"
ACCENT = "#2a7fd0"
REDUCTION = "Therapy reduction"
DOLLARS = {"format": "$,.2f"}


def ink() -> str:
    """The colour of words in a picture: 4.5:1 or better on the theme's ground, where Streamlit's own grey falls short."""
    return "#c9d1dc" if st.context.theme.type == "dark" else "#3f4a58"


def draw(spec: dict[str, Any], alt: str, key: str) -> None:
    """A picture as wide as its place, in the theme's colours; `alt` says what it shows."""
    words_of_axes = {"labelColor": ink(), "titleColor": ink()}
    spec = {**spec, "config": {"axis": words_of_axes, "legend": words_of_axes}}
    st.vega_lite_chart(spec=spec, width="stretch", alt=alt, key=key)


def fee_parts(bars: Sequence[tuple[str, Mapping[str, Decimal], Decimal | None]], alt: str) -> None:
    """One stacked bar a unit: its heading, its parts in dollars, and what a reduction takes off."""
    values = []
    for heading, parts, reduction in bars:
        shown = [(words.PARTS[part], amount) for part, amount in parts.items()]
        shown += [(REDUCTION, reduction)] if reduction else []
        for order, (name, amount) in enumerate(shown):
            text = words.money(amount)
            values.append({"heading": heading, "part": name, "dollars": float(amount), "order": order, "text": text})
    names = [*words.PARTS.values()] + ([REDUCTION] if any(r for *_, r in bars) else [])
    colours = [*PART_COLOURS.values(), MUTED][: len(names)]
    # The axis labels lie above their bars, not beside them: a phone has no room there, and labels take the theme's colour.
    headings = [heading for heading, *_ in bars]
    axis = {
        "title": None,
        "ticks": False,
        "domain": False,
        "labelAlign": "left",
        "labelPadding": 0,
        "labelOffset": -20,
        "labelLimit": 0,
        "labelFontSize": 14,
    }
    opacity = {"condition": {"test": f"datum.part === '{REDUCTION}'", "value": 0.45}, "value": 1}
    spec = {
        "data": {"values": values},
        "height": {"step": 54},
        "mark": {"type": "bar", "height": 22, "yOffset": 8},
        "encoding": {
            "y": {"field": "heading", "type": "nominal", "sort": headings, "axis": axis, "scale": {"padding": 0}},
            "x": {"field": "dollars", "type": "quantitative", "title": "dollars a unit", "axis": {**DOLLARS, "tickCount": 5}},
            "color": {
                "field": "part",
                "type": "nominal",
                "scale": {"domain": names, "range": colours},
                "legend": {"orient": "bottom", "title": None, "columns": 2, "labelLimit": 0, "symbolType": "square"},
            },
            "order": {"field": "order"},
            "opacity": opacity,
            "tooltip": [
                {"field": "heading", "title": "Unit"},
                {"field": "part", "title": "Part"},
                {"field": "text", "title": "Dollars"},
            ],
        },
    }
    draw(spec, alt, "picture-parts")


def waterfall(falls: Sequence[Fall], alt: str) -> None:
    """From the first total to the last: totals as whole bars, and between them what each rule takes off or adds."""
    values: list[dict[str, Any]] = []
    level = 0.0
    for order, fall in enumerate(falls):
        dollars = float(fall.cents) / 100
        start, level = (0.0, dollars) if fall.is_total else (level, level + dollars)
        text = words.change(fall)
        values.append(
            {
                "order": order,
                "head": f"{fall.label}: {text}" if fall.is_total else fall.label,
                "detail": "" if fall.is_total else f"{text}{words.usually(fall)}",
                "start": min(start, level),
                "end": max(start, level),
                "text": text,
                "label": fall.label,
                "kind": "total" if fall.is_total else "fall" if fall.cents < 0 else "rise",
            }
        )
    fine = max(value["end"] for value in values) < 20  # whole dollars are enough for the ticks of larger amounts
    axis = {"format": "$,.2f" if fine else "$,.0f", "tickCount": 4, "labelOverlap": "greedy"}
    # The words lie above their bars, not beside them: a phone has no room there.
    y = {"field": "order", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0, "paddingOuter": 0}}
    said = {"type": "text", "align": "left", "baseline": "middle", "color": ink(), "fontSize": 13}
    spec = {
        "data": {"values": values},
        "height": {"step": 62},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "height": 16, "yOffset": 20},
                "encoding": {
                    "x": {"field": "start", "type": "quantitative", "title": "dollars", "axis": axis},
                    "x2": {"field": "end"},
                    "color": {
                        "field": "kind",
                        "type": "nominal",
                        "scale": {"domain": ["total", "fall", "rise"], "range": [ACCENT, "#D55E00", "#009E73"]},
                        "legend": None,
                    },
                    "tooltip": [{"field": "label", "title": "Step"}, {"field": "text", "title": "Dollars"}],
                },
            },
            {
                "transform": [{"filter": "datum.kind === 'total'"}],
                "mark": {**said, "yOffset": 2, "fontWeight": "bold"},
                "encoding": {"x": {"value": 0}, "text": {"field": "head"}},
            },
            {
                "transform": [{"filter": "datum.kind !== 'total'"}],
                "mark": {**said, "yOffset": -14},
                "encoding": {"x": {"value": 0}, "text": {"field": "head"}},
            },
            {
                "transform": [{"filter": "datum.kind !== 'total'"}],
                "mark": {**said, "yOffset": 2},
                "encoding": {"x": {"value": 0}, "text": {"field": "detail"}},
            },
        ],
    }
    draw(spec, alt, "picture-waterfall")


def over_time(history: pl.DataFrame, breaks: Sequence[dt.date], release: str | None, alt: str) -> None:
    """One unit over the releases: steps and dots, broken where there is no amount; the release in use is marked."""
    values: list[dict[str, Any]] = [
        {
            "release": name,
            "day": on.isoformat(),
            "dollars": float(amount) if outcome == "priced" else None,
            "text": words.money(amount) if outcome == "priced" else "no amount",
            "from": words.day(on),
            "used": name == release,
        }
        for name, on, outcome, amount in history.select("release", "effective", "outcome", "allowed").iter_rows()
    ]
    values += [{"day": on.isoformat(), "dollars": None} for on in breaks if values and on.isoformat() < values[-1]["day"]]
    values.sort(key=lambda value: value["day"])
    x = {
        "field": "day",
        "type": "temporal",
        "title": None,
        "axis": {"format": "%Y", "tickCount": {"interval": "year", "step": 1}},
    }
    y = {
        "field": "dollars",
        "type": "quantitative",
        "title": "dollars a unit",
        "scale": {"zero": False, "nice": True, "padding": 6},
        "axis": DOLLARS,
    }
    tooltip = [
        {"field": "release", "title": "Release"},
        {"field": "from", "title": "In force from"},
        {"field": "text", "title": "One unit"},
    ]
    spec = {
        "data": {"values": values},
        "height": 220,
        "layer": [
            {
                "mark": {
                    "type": "line",
                    "interpolate": "step-after",
                    "color": ACCENT,
                    "invalid": "break-paths-show-path-domains",
                },
                "encoding": {"x": x, "y": y},
            },
            {
                "transform": [{"filter": "isValid(datum.dollars)"}],
                "mark": {"type": "point", "filled": True, "color": ACCENT, "opacity": 1},
                "encoding": {
                    "x": x,
                    "y": y,
                    "tooltip": tooltip,
                    "size": {"condition": {"test": "datum.used", "value": 170}, "value": 45},
                    "shape": {"condition": {"test": "datum.used", "value": "diamond"}, "value": "circle"},
                },
            },
        ],
    }
    draw(spec, alt, "picture-history")


def over_places(
    across: pl.DataFrame, spread: Spread, here: Place | None, alt: str, title: str = "dollars a unit", what: str = "One unit"
) -> None:
    """A tick for every locality along the dollars, the one asked for named."""
    values: list[dict[str, Any]] = [
        {
            "dollars": float(amount),
            "text": words.money(amount),
            "name": words.place(Place(mac, number, name, state)),
            "here": here is not None and (mac, number) == (here.mac, here.locality),
        }
        for mac, number, name, state, amount in across.drop_nulls("allowed").iter_rows()
    ]
    axis = {**DOLLARS, "tickCount": 4, "grid": False, "labelOverlap": "greedy", "orient": "bottom"}
    if spread.lowest["allowed"] >= 1000:  # cents of a year would only be noise
        axis["format"] = "$,.0f"
    scale = {"zero": False, "padding": 12}
    x = {"field": "dollars", "type": "quantitative", "title": title, "scale": scale, "axis": axis}
    tooltip = [{"field": "name", "title": "Locality"}, {"field": "text", "title": what}]
    here_only = [{"filter": "datum.here"}]
    named_right = any(value["here"] and value["dollars"] > float(spread.median) for value in values)
    name = {
        "type": "text",
        "align": "right" if named_right else "left",
        "fontSize": 14,
        "fontWeight": "bold",
        "color": ink(),
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "tick", "thickness": 2, "height": 40, "color": MUTED, "opacity": 0.7},
            "encoding": {"x": x, "y": {"value": 60}, "tooltip": tooltip},
        },
        {
            "transform": here_only,
            "mark": {"type": "tick", "thickness": 5, "height": 56, "color": ACCENT, "opacity": 1},
            "encoding": {"x": x, "y": {"value": 60}, "tooltip": tooltip},
        },
        {
            "transform": [*here_only, {"calculate": "datum.name + ' ' + datum.text", "as": "label"}],
            "mark": name,
            "encoding": {"x": x, "y": {"value": 18}, "text": {"field": "label"}},
        },
    ]
    draw({"data": {"values": values}, "height": 150, "layer": layers}, alt, "picture-places")
