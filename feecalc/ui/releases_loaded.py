"""What is loaded, as tables and one picture: releases, ZIP files and NCCI tables, where each came from, how it was checked."""

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from feecalc import policy
from feecalc.analysis.refresh import PAYMENTS
from feecalc.api import OpenSchedule
from feecalc.cms import catalogue
from feecalc.edits import Edits
from feecalc.money import FACTOR_SCALE
from feecalc.pricing.explain import decimal
from feecalc.schedule import Folder, Release
from feecalc.ui import words
from feecalc.ui.pictures import ACCENT, MUTED, draw, ink

ORIGINS = {"built-in": "built in", "yours": "your own"}
NCCI = {"ptp": "Pairs of codes (PTP)", "mue": "Unit limits (MUE)", "addon": "Add-on codes"}
STATES = ("built in", "your own", "in part only", "not loaded")
YOURS = "#009E73"


# Tables --------------------------------------------------------------------------------------------------------------------


def releases(opened: OpenSchedule) -> pl.DataFrame:
    """One row a loaded release, newest first: dates, factors (dollars a point), rows, places, how checked, and its file."""
    schedule = opened.schedule
    ends = _ends(schedule.calendar)
    rows = []
    for release in schedule.releases.values():
        law = policy.conversion_factor(release.effective)
        qp = law.qp if law is not None and release.priceable else None
        rows.append(
            {
                "release": release.name,
                "effective": release.effective,
                "until": ends.get(release.name),
                "factor": decimal(release.factor, FACTOR_SCALE) if release.priceable else None,
                "factor_qp": None if qp is None else decimal(qp, FACTOR_SCALE),
                "codes": _rows(release, "pprrvu"),
                "places": _rows(release, "gpci"),
                "checked": checked(release),
                **_origin(release),
            }
        )
    money = pl.Decimal(12, 4)
    schema: dict[str, Any] = {
        "release": pl.String,
        "effective": pl.Date,
        "until": pl.Date,
        "factor": money,
        "factor_qp": money,
        "codes": pl.Int64,
        "places": pl.Int64,
        "checked": pl.String,
        **ORIGIN_SCHEMA,
    }
    return pl.DataFrame(rows, schema=schema).sort("effective", descending=True)


def zip_files(opened: OpenSchedule) -> pl.DataFrame:
    """One row a ZIP-to-locality file, newest first."""
    schedule = opened.schedule
    folders = {folder.path: folder for folder in (*schedule.zip_files.values(), *schedule.zip9_files.values())}
    rows = [
        {
            "effective": folder.effective,
            "zip5": _rows(folder, "zip5"),
            "zip9": _rows(folder, "zip9"),
            **_origin(folder),
        }
        for folder in folders.values()
    ]
    schema = {"effective": pl.Date, "zip5": pl.Int64, "zip9": pl.Int64, **ORIGIN_SCHEMA}
    return pl.DataFrame(rows, schema=schema).sort("effective", descending=True)


def edit_tables(edits: Edits) -> pl.DataFrame:
    """One row an NCCI table and quarter."""
    rows = [
        {
            "table": NCCI[name],
            "quarter": quarter,
            "rows": _rows(table, name),
            "notes": "; ".join(map(str, table.manifest["notes"])),
            **_origin(table),
        }
        for name, tables in edits.tables.items()
        for quarter, table in sorted(tables.items(), reverse=True)
    ]
    schema = {"table": pl.String, "quarter": pl.String, "rows": pl.Int64, "notes": pl.String, **ORIGIN_SCHEMA}
    return pl.DataFrame(rows, schema=schema)


ORIGIN_SCHEMA = {"origin": pl.String, "imported": pl.Date, "address": pl.String, "file": pl.String, "sha256": pl.String}


def _origin(folder: Folder) -> dict[str, Any]:
    stamp = folder.manifest.get("imported_at")
    return {
        "origin": ORIGINS[folder.origin],
        "imported": dt.datetime.fromisoformat(stamp).date() if stamp else None,
        "address": ", ".join(folder.manifest.get("addresses", ())) or None,
        "file": ", ".join(source["file"] for source in folder.sources),
        "sha256": ", ".join(source["sha256"] for source in folder.sources),
    }


def _rows(folder: Folder, table: str) -> int | None:
    return int(folder.manifest["tables"][table]["rows"]) if folder.has(table) else None


def checked(folder: Release) -> str:
    """How a release was checked when it was read in, in words. What every import is checked for stands on the page."""
    if not folder.priceable:
        return "in part only: it prices nothing"
    checks = folder.manifest["checks"]
    said = ["layout and totals"]
    if (paid := checks.get(PAYMENTS)) is not None:
        said.append(_paid(paid))
    caps = checks.get("opps_cap_prices")
    if caps is None:
        said.append("CMS published no OPPS cap prices with it")
    else:
        known = ", the others differ for a known reason" if catalogue.why_caps_differ(folder.name, checks) else ""
        said.append(f"{caps['exact']:,} of {caps['compared']:,} OPPS cap prices exact{known}")
    return "; ".join(said)


def _paid(compared: Sequence[Mapping[str, Any]]) -> str:
    """How a release compared with CMS's own payment amounts."""
    if not compared:
        return "CMS had no payment amounts to compare with"
    exact, amounts = (sum(one[name] for one in compared) for name in ("exact", "compared"))
    capped = sum(one["capped"] for one in compared)
    return f"{exact:,} of {amounts:,} of CMS's own payment amounts exact{f', {capped:,} equal to the cap' if capped else ''}"


def _ends(calendar: pl.DataFrame) -> dict[str, dt.date]:
    """The last day of each release's own span."""
    days = calendar["from_date"].to_list()
    named = calendar["in_force"].to_list()
    return {
        name: following - dt.timedelta(days=1) for name, following in zip(named, days[1:], strict=False) if name is not None
    }


# The picture ---------------------------------------------------------------------------------------------------------------


def spans(opened: OpenSchedule, today: dt.date) -> list[dict[str, Any]]:
    """Every release's span in the years that have one loaded: `release`, `start`, `end`, `state`, and `serving` if another."""
    schedule = opened.schedule
    found = []
    rows = list(schedule.calendar.select("from_date", "in_force", "release", "substituted").iter_rows())
    for (start, name, serving, substituted), (following, *_) in pairwise(rows):
        if name is None or start > max(today, schedule.newest.effective):
            continue
        release = schedule.releases.get(name)
        state = "not loaded" if release is None else ORIGINS[release.origin] if release.priceable else "in part only"
        found.append(
            {
                "release": name,
                "start": start,
                "end": following - dt.timedelta(days=1),
                "state": state,
                "serving": serving if substituted else None,
            }
        )
    return found


def timeline(found: Sequence[Mapping[str, Any]], alt: str, key: str) -> None:
    """A row a year, a bar a release; what is not loaded is hollow and says so."""
    values = [
        {
            "year": str(span["start"].year),
            "from": _fraction(span["start"]),
            "to": _fraction(span["end"] + dt.timedelta(days=1), span["start"].year),
            "letter": span["release"][4:],
            "state": span["state"],
            "release": span["release"],
            "days": f"{words.day(span['start'])} to {words.day(span['end'])}",
            "serving": span["serving"] or span["release"],
        }
        for span in found
    ]
    years = sorted({value["year"] for value in values}, reverse=True)
    scale = {"domain": list(STATES), "range": [ACCENT, YOURS, "#D55E00", MUTED]}
    axis = {
        "values": [0, 3, 6, 9],
        "labelExpr": "['Jan','Apr','Jul','Oct'][datum.value/3]",
        "grid": False,
        "labelAlign": "left",
    }
    x = {"field": "from", "type": "quantitative", "title": None, "axis": axis, "scale": {"domain": [0, 12], "nice": False}}
    hollow = {"test": "datum.state === 'not loaded'", "value": 0.15}
    spec = {
        "data": {"values": values},
        "height": {"step": 30},
        "encoding": {"y": {"field": "year", "type": "ordinal", "sort": years, "title": None, "axis": {"ticks": False}}},
        "layer": [
            {
                "mark": {"type": "bar", "height": 22, "cornerRadius": 3, "strokeWidth": 1.5},
                "encoding": {
                    "x": x,
                    "x2": {"field": "to"},
                    "color": {
                        "field": "state",
                        "type": "nominal",
                        "scale": scale,
                        "legend": {"orient": "bottom", "title": None, "columns": 2, "symbolType": "square"},
                    },
                    "stroke": {"field": "state", "type": "nominal", "scale": scale, "legend": None},
                    "fillOpacity": {"condition": hollow, "value": 0.9},
                    "tooltip": [
                        {"field": "release", "title": "Release"},
                        {"field": "days", "title": "In force"},
                        {"field": "state", "title": "Here"},
                        {"field": "serving", "title": "Prices come from"},
                    ],
                },
            },
            {
                "transform": [{"calculate": "(datum.from + datum.to) / 2", "as": "middle"}],
                "mark": {"type": "text", "fontSize": 12, "fontWeight": "bold"},
                "encoding": {
                    "x": {"field": "middle", "type": "quantitative"},
                    "text": {"field": "letter"},
                    "color": {"condition": {"test": "datum.state === 'not loaded'", "value": ink()}, "value": "#0b1018"},
                },
            },
        ],
    }  # fmt: skip
    draw(spec, alt, key)


def _fraction(on: dt.date, year: int | None = None) -> float:
    """A day as months of its year since January, 0 to 12."""
    if year is not None and on.year > year:
        return 12.0
    return on.month - 1 + (on.day - 1) / 31
