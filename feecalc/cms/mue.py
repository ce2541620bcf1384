"""NCCI medically unlikely edits for practitioners (MUE): how many units of a code Medicare accepts from one of them a day."""

import re
from datetime import date

import polars as pl

from feecalc import policy
from feecalc.cms.archive import Member
from feecalc.cms.checks import duplicates
from feecalc.cms.decode import decode
from feecalc.cms.ncci import categories, first_day, foreign, names_of, quarter_in, refuse_foreign
from feecalc.cms.raw import read_raw
from feecalc.cms.table import Table
from feecalc.errors import ArchiveError, LayoutError, Problem, RejectedError

EFFECTIVE = re.compile(r"Eff[_-](\d\d)-(\d\d)-(20\d\d)", re.IGNORECASE)


def schema() -> dict[str, pl.DataType]:
    """The columns of the table of unit limits: one row per code, `units` from 0 up. The rows have no dates of their own."""
    return {
        "hcpcs": pl.String(),
        "units": pl.Int32(),
        "mai": pl.Enum([entry["indicator"] for entry in policy.load("edits")["mue_indicator"]]),
        "rationale": pl.Enum(names_of("mue_category")),
    }


def read_mue(member: Member) -> Table:
    """Read a practitioner MUE table, csv or xlsx.

    `meta` holds the quarter, which stands in the file's name only ("Eff_10-01-2026"). Raises RejectedError with every bad
    row, LayoutError for an unknown column, indicator or category, ArchiveError for another setting's table. Source: CMS,
    Medicare NCCI practitioner services MUE table of 2026-04-01.
    """
    refuse_foreign(member)
    quarter = _quarter(member)
    raw = read_raw(member, "ncci_mue")
    for column, whose in (("hospital_units", "hospital outpatient departments"), ("supplier_units", "suppliers of equipment")):
        if column in raw.headings:
            raise foreign(member, whose)
    if "units" not in raw.headings:
        raise LayoutError(f"{raw.file}: no column of practitioner MUE values. Nothing was read; see {raw.layout.file}.")
    decoded = decode(raw)
    problems = [*decoded.problems, *duplicates(decoded.frame, ["hcpcs"], raw.file, "code")]
    if decoded.frame.is_empty():
        problems.append(Problem(raw.file, "no code in the whole file"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    frame = decoded.frame.with_columns(
        mai=pl.col("mai").str.slice(0, 1), rationale=categories(raw, decoded.frame, "mue_category")
    )
    table = frame.select(pl.col(name).cast(dtype) for name, dtype in schema().items()).sort("hcpcs")
    return Table(table, member.source, member.name, raw.id, {"quarter": quarter}, decoded.notes)


def _quarter(member: Member) -> str:
    found = EFFECTIVE.search(member.base)
    if found is None:
        raise ArchiveError(
            f"{member.name}: the name does not tell from when the table is in force, such as Eff_10-01-2026, and its rows have "
            f"no dates. Keep CMS's own file name."
        )
    month, day, year = (int(part) for part in found.groups())
    quarter = f"{year}Q{(month + 2) // 3}"
    said = quarter_in(member.source.name)
    if not 1 <= month <= 12 or day != 1 or first_day(quarter) != date(year, month, day) or said not in ("", quarter):
        wrong = f"the download is named for {said}" if said not in ("", quarter) else "not the first day of a quarter"
        raise RejectedError(f"{member.name} cannot be used", [Problem(member.name, wrong, value=found[0])])
    return quarter
