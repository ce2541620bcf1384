"""The questions that pages ask of the opened schedule, with the answers kept between reruns.

Every question carries the stamp of the user's own folder, so that an import in another window is seen at the next click.
"""

import datetime as dt
from typing import Any

import polars as pl
import streamlit as st

from feecalc import api, locality, paths, visit
from feecalc.api import OpenSchedule
from feecalc.edits import Edits
from feecalc.locality import Place
from feecalc.quote import Quote
from feecalc.visit import Priced, Visit

KEPT = 500  # answers of each kind; a quote is a few kilobytes


@st.cache_resource(max_entries=1, show_spinner="Opening the fee schedules …")
def _open(as_of: str) -> OpenSchedule:
    return OpenSchedule()


def stamp() -> str:
    """Changes when a release, a ZIP file or an edit table is imported or removed."""
    folders = [paths.builtin() / "releases", *((paths.home() / "schedule" / part) for part in ("releases", "zip", "ncci"))]
    return " ".join(str(f.stat().st_mtime_ns) if f.is_dir() else "-" for f in folders)


def schedule() -> OpenSchedule:
    """The schedule, opened once for all sessions."""
    return _open(stamp())


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _price(as_of: str, question: dict[str, Any]) -> Quote:
    return schedule().price(**question)


def price(**question: Any) -> Quote:
    """OpenSchedule.price, kept."""
    return _price(stamp(), question)


@st.cache_resource(max_entries=1, show_spinner="Opening the edit tables …")
def _edits(as_of: str) -> Edits:
    return Edits.open()


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _priced_visit(as_of: str, question: str, _of: Visit) -> Priced:
    return visit.price(_of, schedule(), _edits(as_of))


def priced_visit(of: Visit) -> Priced:
    """visit.price, kept."""
    return _priced_visit(stamp(), repr(of), of)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _near(as_of: str, release: str, code: str) -> list[str]:
    return schedule().near(code, release)


def near(release: str, code: str) -> list[str]:
    """OpenSchedule.near, kept: it reads every code of a release."""
    return _near(stamp(), release, code)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _history(as_of: str, code: str, modifier: str, where: Place, setting: str, qp: bool) -> pl.DataFrame:
    return schedule().history(code, modifier=modifier, place=where, setting=setting, qp=qp)


def history(code: str, modifier: str, where: Place, setting: str, qp: bool) -> pl.DataFrame:
    """OpenSchedule.history, kept."""
    return _history(stamp(), code, modifier, where, setting, qp)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _across(as_of: str, code: str, release: str, modifier: str, setting: str, qp: bool) -> pl.DataFrame:
    return schedule().across(code, release=release, modifier=modifier, setting=setting, qp=qp)


def across(code: str, release: str, modifier: str, setting: str, qp: bool) -> pl.DataFrame:
    """OpenSchedule.across, kept."""
    return _across(stamp(), code, release, modifier, setting, qp)


@st.cache_resource(max_entries=12, show_spinner=False)
def _codes(as_of: str, release: str) -> dict[str, str]:
    opened = schedule()
    known = opened.codes(release)
    first = {code: known[code] for code in opened.labels if code in known}
    return {**first, **known}  # the codes that most people ask for lead the list


def codes(release: str) -> dict[str, str]:
    """Every code of a release with its words. Shared between sessions: read it, do not change it."""
    return _codes(stamp(), release)


@st.cache_resource(max_entries=12, show_spinner=False)
def _places(as_of: str, release: str) -> dict[str, Place]:
    return {place.key: place for place in locality.places(schedule().schedule, release)}


def places(release: str) -> dict[str, Place]:
    """The payment localities of a release by key. Shared between sessions."""
    return _places(stamp(), release)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _row(as_of: str, release: str, code: str, modifier: str) -> dict[str, Any] | None:
    table = schedule().schedule.table(release, "pprrvu")
    found = table.filter(pl.col("hcpcs") == code, pl.col("modifier") == modifier)
    return found.row(0, named=True) if found.height else None


def row(release: str, code: str, modifier: str) -> dict[str, Any] | None:
    """A code's whole row in a release, for its policy indicators; None where there is none."""
    return _row(stamp(), release, code, modifier)


@st.cache_data(max_entries=4, show_spinner=False)
def _unserved(as_of: str) -> list[dt.date]:
    calendar = schedule().schedule.calendar
    return calendar.filter(pl.col("release").is_null())["from_date"].to_list()


def unserved() -> list[dt.date]:
    """The first days of the years that no loaded release serves: a line over time breaks there."""
    return _unserved(stamp())


spread = api.spread
