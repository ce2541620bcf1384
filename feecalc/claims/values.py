"""One value of a claims file: what a spreadsheet did to it, what pricing takes for it, and why it cannot be read.

Each rule takes the text of a cell and gives a Reading. Nothing is guessed: what has two meanings is a problem.
"""

import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from feecalc.pricing.lines import MOST_UNITS
from feecalc.pricing.modifiers import MOST as MOST_MODIFIERS


class Reading(NamedTuple):
    """A value as pricing takes it, with the kind of repair that it took, or why it cannot be read."""

    value: Any
    repair: str | None = None
    problem: str | None = None


def _tidy(text: str | None) -> str:
    return (text or "").replace("\u00a0", " ").strip()


@lru_cache(maxsize=1 << 16)
def read_code(text: str | None) -> Reading:
    """A code of five letters and digits; a spreadsheet's `.0` comes off, and its lost zeros come back."""
    value = _tidy(text).upper()
    if not value:
        return Reading(None, problem="no code")
    bare = re.sub(r"\.0+$", "", value)
    code = bare.zfill(5) if bare.isdigit() else bare
    if not re.fullmatch(r"[0-9A-Z]{5}", code) or not code.isascii():
        return Reading(None, problem="not a code of five letters and digits")
    if bare != value:
        return Reading(code, "codes that a spreadsheet had made numbers (99213.0)")
    return Reading(code, "codes that had lost leading zeros (100 for 00100)" if code != bare else None)


@lru_cache(maxsize=1 << 16)
def read_modifiers(text: str | None) -> Reading:
    """Modifiers separated by blanks, at most four different ones."""
    value = _tidy(text).upper()
    bare = re.sub(r"\b(\d+)\.0+\b", r"\1", value)
    found = "".join(c if c.isalnum() else " " for c in bare).split()
    if len(set(found)) > MOST_MODIFIERS:
        return Reading(" ".join(found), problem=f"more than {MOST_MODIFIERS} modifiers")
    return Reading(" ".join(found), "modifiers that a spreadsheet had made numbers (26.0)" if bare != value else None)


def _digits(width: int, what: str) -> Callable[[str | None], Reading]:
    """A rule for codes of so many digits. What is no such number stays: pricing says that it knows no such place."""

    def read(text: str | None) -> Reading:
        value = _tidy(text)
        found = re.fullmatch(rf"([0-9]{{1,{width}}})(?:\.0+)?", value)
        if not found:
            return Reading(value or None)
        padded = found[1].zfill(width)
        return Reading(padded, what if padded != value else None)

    return read


def read_locality(text: str | None) -> Reading:
    """`05`, or `01112-05` whole, or `national`."""
    value = _tidy(text)
    found = re.fullmatch(r"(?:([0-9]{1,5})[- ]\s*)?([0-9]{1,2})(?:\.0+)?", value)
    if not found:
        return Reading(value or None)
    mac, locality = found[1], found[2].zfill(2)
    whole = f"{mac.zfill(5)}-{locality}" if mac else locality
    repaired = whole != value.replace(" ", "-")
    return Reading(whole, "localities that had lost leading zeros (5 for 05)" if repaired else None)


def read_zip(text: str | None) -> Reading:
    """Five digits, or nine. Anything else is left for pricing to name as unknown: its first digits are no ZIP code."""
    value = _tidy(text)
    bare = re.sub(r"\.0+$", "", value)
    if not value:
        return Reading(None)
    if re.fullmatch(r"[0-9]{1,5}", bare):
        whole = bare.zfill(5)
    elif re.fullmatch(r"[0-9]{8,9}", bare):
        whole = bare.zfill(9)
    elif found := re.fullmatch(r"([0-9]{3,5})[- ]([0-9]{4})", bare):
        whole = f"{found[1].zfill(5)}-{found[2]}"
    else:
        return Reading("?")
    repaired = whole.replace("-", "") != value.replace("-", "").replace(" ", "")
    return Reading(whole, "ZIP codes that had lost leading zeros (2139 for 02139)" if repaired else None)


def read_units(text: str | None) -> Reading:
    """Whole units from 1; a blank means 1."""
    value = _tidy(text)
    if not value:
        return Reading(1)
    found = re.fullmatch(r"([0-9]{1,9})(?:\.0+)?", value)
    if found and 1 <= int(found[1]) <= MOST_UNITS:
        return Reading(int(found[1]))
    return Reading(0, problem=f"not a whole number of units from 1 to {MOST_UNITS:,}")


def read_minutes(text: str | None) -> Reading:
    """Whole minutes; a blank means that none are stated."""
    value = _tidy(text)
    if not value:
        return Reading(None)
    found = re.fullmatch(r"([0-9]{1,6})(?:\.0+)?", value)
    return Reading(int(found[1])) if found else Reading(None, problem="not a whole number of minutes")


def read_flag(text: str | None) -> Reading:
    """Yes or no; a blank means no."""
    value = _tidy(text).lower()
    if value in ("true", "1", "1.0", "y", "yes"):
        return Reading(True)
    known = value in ("", "false", "0", "0.0", "n", "no")
    return Reading(False, problem=None if known else "neither yes nor no; read as no")


TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AP]M)?Z?)?"
ISO_DATE = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){TIME}", re.ASCII)
DIGITS_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
SLASHED_DATE = re.compile(rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{4}}|\d{{2}}){TIME}", re.ASCII)


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _slashed(value: str) -> tuple[int, int, int] | None:
    """The parts of 1/2/2026 or 01/02/26 as they stand, the year in full."""
    found = SLASHED_DATE.fullmatch(value.upper())
    return (int(found[1]), int(found[2]), int(found[3]) + (2000 if len(found[3]) == 2 else 0)) if found else None


def is_day_first(text: str | None) -> bool:
    """Whether a date fits only day/month/year."""
    parts = _slashed(_tidy(text))
    return parts is not None and parts[0] > 12 and _day(parts[2], parts[1], parts[0]) is not None


def read_date(text: str | None, ambiguous: bool = False) -> Reading:
    """2025-10-15, 20251015, or 10/15/2025 unless the column is `ambiguous`: has a date that fits only day/month/year."""
    value = _tidy(text)
    if not value:
        return Reading(None, problem="no date of service")
    if parts := _slashed(value):
        if ambiguous:
            why = "month/day or day/month: the column has dates that fit only day/month/year; write them as 2025-10-15"
            return Reading(None, problem=why)
        read = _day(parts[2], parts[0], parts[1])
        kind: str | None = "dates read as month/day/year"
    else:
        found = ISO_DATE.fullmatch(value.upper()) or DIGITS_DATE.fullmatch(value)
        read = _day(int(found[1]), int(found[2]), int(found[3])) if found else None
        kind = None
    return Reading(read, kind) if read else Reading(None, problem="not a date such as 2025-10-15 or 10/15/2025")


RULES: dict[str, tuple[Callable[[str | None], Reading], Any]] = {
    "hcpcs": (read_code, pl.String),
    "modifiers": (read_modifiers, pl.String),
    "pos": (_digits(2, "places of service that had lost a leading zero (2 for 02)"), pl.String),
    "mac": (_digits(5, "MACs that had lost leading zeros (1112 for 01112)"), pl.String),
    "locality": (read_locality, pl.String),
    "zip": (read_zip, pl.String),
    "units": (read_units, pl.Int64),
    "minutes": (read_minutes, pl.Int64),
    "qp": (read_flag, pl.Boolean),
    "induction": (read_flag, pl.Boolean),
    "service_date": (read_date, pl.Date),  # of a column that is not ambiguous
}
