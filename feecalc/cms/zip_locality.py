"""ZIP codes to carrier and locality: the five-digit file, and the one with four-digit extensions."""

from collections.abc import Mapping

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.checks import bad_rows, duplicates
from feecalc.cms.decode import decode
from feecalc.cms.raw import Raw, read_raw
from feecalc.cms.table import Table
from feecalc.columns import ZIP5, ZIP9
from feecalc.errors import Problem, RejectedError


def read_zip5(member: Member) -> Table:
    """Read a ZIP5 file, txt or xlsx: one row per ZIP. `plus_four` is true where the extension decides.

    `meta` holds the quarter as CMS prints it, "20254" for October 2025. Raises RejectedError with every bad row,
    LayoutError for unknown columns. Source: CMS, ZIP5 record layout.
    """
    return _read(member, "zip_locality", ["zip"], "ZIP", ZIP5)


def read_zip9(member: Member) -> Table:
    """Read a ZIP9 file: one row per ZIP and four-digit extension. As `read_zip5`; no real file was at hand."""
    return _read(member, "zip_locality_9", ["zip", "extension"], "ZIP and extension", ZIP9)


def _read(member: Member, kind: str, key: list[str], columns: str, table: Mapping[str, type[pl.DataType]]) -> Table:
    raw = read_raw(member, kind)
    decoded = decode(raw)
    frame = decoded.frame
    problems = [*decoded.problems, *duplicates(frame, key, raw.file, columns), *_quarters(frame, raw)]
    if frame.is_empty():
        problems.append(Problem(raw.file, "no ZIP in the whole file"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    typed = frame.with_columns(pl.col("plus_four") == "1")
    rows = typed.select(pl.col(name).cast(dtype) for name, dtype in table.items()).sort(key)
    return Table(rows, member.source, member.name, raw.id, {"quarter": frame["quarter"][0]}, decoded.notes)


def _quarters(frame: pl.DataFrame, raw: Raw) -> list[Problem]:
    """A file is of one quarter. Rows that differ from the most frequent one are listed."""
    quarter = pl.col("quarter")
    well_formed = quarter.str.contains(r"^20\d\d[1-4]$")
    usual = frame.filter(well_formed)["quarter"].mode().sort()
    first = usual[0] if len(usual) else ""
    message = f"another quarter than the rest of the file ({first})" if first else "not a year and quarter such as 20254"
    return bad_rows(frame, quarter != first, raw.file, message, "YEAR/QTR", quarter)
