"""NCCI add-on code edits (AOC): codes that are paid only beside a primary code, and which those are."""

import re

import polars as pl

from feecalc import policy
from feecalc.cms.archive import Member
from feecalc.cms.checks import bad_rows, many
from feecalc.cms.decode import decode
from feecalc.cms.ncci import quarter_in, refuse_foreign
from feecalc.cms.raw import Raw, read_raw
from feecalc.cms.table import Table
from feecalc.cms.tabular import ROW
from feecalc.cms.wrapped import read_wrapped
from feecalc.errors import ArchiveError, LayoutError, Problem, RejectedError

CONTRACTOR_DEFINED = "CCCCC"  # CMS's stand-in for a primary code
DATES = ("effective", "deletion", "addon_deletion", "primary_deletion")


def schema() -> dict[str, pl.DataType]:
    """The columns of the table of add-on codes: one row per add-on code, primary code and period.

    `primary` is "" where the contractor defines it; `deletion` is null while the record is open, and the earliest of the
    days on which the edit, its add-on code and its primary code ended; `note` names CMS's special instruction, "" for none.
    """
    return {
        "addon": pl.String(),
        "primary": pl.String(),
        "type": pl.Enum([entry["type"] for entry in policy.load("edits")["addon_type"]]),
        "effective": pl.Date(),
        "deletion": pl.Date(),
        "note": pl.Enum(["", *(entry["name"] for entry in policy.load("edits")["addon_note"])]),
    }


def read_addon(member: Member) -> Table:
    """Read an add-on code file: CMS's xlsx, a tab-delimited txt, or a republished csv that cut the dates to years.

    `meta` holds the quarter, and whether dates are known or years only, which count from January 1 to December 31. Raises
    RejectedError with every bad row, LayoutError for an unknown column or type and for CMS's fixed-width txt, ArchiveError
    for Medicaid's file. Source: CMS, Medicare NCCI add-on code edits.
    """
    refuse_foreign(member)
    quarter = quarter_in(member.base)
    if not quarter:
        raise ArchiveError(f"{member.name}: the name does not tell the quarter, such as AOC_V2026Q2. Keep CMS's own file name.")
    raw = _cells(member)
    decoded = decode(raw)
    frame = decoded.frame
    dates = raw.frame.select(ROW, *DATES)
    printed = pl.concat([dates[name] for name in DATES]).unique()
    years = bool(printed.str.contains(r"^\d{4}$").any())
    parsed = dates.select(ROW, *(_day(pl.col(name), years, last=name != "effective").alias(name) for name in DATES))
    problems = list(decoded.problems)
    for name in DATES:
        empty = pl.lit(False) if name == "effective" else pl.col(name) == ""
        checked = dates.with_columns(wrong=~dates.select(empty).to_series() & parsed[name].is_null())
        message = "not a year such as 2024" if years else "not a year and day of the year such as 2024001"
        problems += bad_rows(checked, pl.col("wrong"), raw.file, message, raw.headings[name], pl.col(name))
    same = pl.col("addon") == pl.col("primary")
    problems += bad_rows(frame, same, raw.file, "a code that is its own primary code", None, pl.col("addon"))
    if frame.is_empty():
        problems.append(Problem(raw.file, "no add-on code in the whole file"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    notes = list(decoded.notes)
    table = frame.with_columns(
        primary=pl.when(pl.col("primary") != CONTRACTOR_DEFINED).then("primary").otherwise(pl.lit("")),
        effective=parsed["effective"],
        deletion=parsed.select(pl.min_horizontal("deletion", "addon_deletion", "primary_deletion")).to_series(),
        note=frame["note"].replace_strict({text: _note(text) for text in frame["note"].unique()}),
    ).select(pl.col(name).cast(dtype) for name, dtype in schema().items())
    if unknown := table.filter(pl.col("note") == "other").height:
        notes.append(f"{raw.file}: {many(unknown, 'row')} with a special instruction that feecalc does not know")
    if years:
        notes.append("made from a republished copy: dates are years, counted from January 1 to December 31")
    unique = table.unique().sort(pl.all())
    if repeated := table.height - unique.height:
        notes.append(f"{many(repeated, 'record')} printed twice, kept once")
    meta = {"quarter": quarter, "dates": "years only" if years else "known"}
    return Table(unique, member.source, member.name, raw.id, meta, tuple(notes))


def _cells(member: Member) -> Raw:
    if member.ending != "txt":
        return read_raw(member, "ncci_addon")
    if b"\t" not in member.read():
        raise LayoutError(
            f"{member.name}: where the columns of CMS's fixed-width add-on code file stand is not known to feecalc. Read the "
            f"xlsx of the same download."
        )
    return read_wrapped(member, "ncci_addon")


def _day(text: pl.Expr, years: bool, last: bool) -> pl.Expr:
    """A date from YYYYDDD; from YYYY the first or `last` day of the year. Null where it is neither."""
    year = text.str.slice(0, 4).cast(pl.Int32, strict=False)
    if years:
        day = pl.date(year, 12, 31) if last else pl.date(year, 1, 1)
        return pl.when(text.str.contains(r"^(19|20)\d\d$")).then(day)
    number = text.str.slice(4, 3).cast(pl.Int32, strict=False)
    day = pl.date(year, 1, 1) + pl.duration(days=number - 1)
    return pl.when(text.str.contains(r"^(19|20)\d{5}$") & (day.dt.year() == year)).then(day)


def _note(text: str) -> str:
    plain = " ".join(text.replace('"', "").split())
    if not plain:
        return ""
    return next(str(entry["name"]) for entry in policy.load("edits")["addon_note"] if re.search(entry["pattern"], plain))
