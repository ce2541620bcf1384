"""Geographic practice cost indices: one row per MAC and locality, in thousandths."""

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.checks import duplicates, many
from feecalc.cms.decode import decode
from feecalc.cms.places import place_rows, starless
from feecalc.cms.raw import read_raw
from feecalc.cms.table import Table
from feecalc.columns import GPCI
from feecalc.errors import Problem, RejectedError


def read_gpci(member: Member) -> Table:
    """Read a GPCI file. `work` is the column with the 1.0 floor, `work_unfloored` the other one of January 2026.

    `meta` holds year and floor: "with", or "both" where the file prints the work GPCI without the floor too. Floors are
    inside the figures already. `state` is null before 2021. Raises RejectedError with every bad row, LayoutError for
    unknown columns. Source: CMS, GPCI files of 2020 to 2026.
    """
    raw = read_raw(member, "gpci")
    decoded = decode(raw, place_rows(raw))
    frame = decoded.frame
    both = "work_unfloored" in frame.columns
    absent = {"state": pl.String, "work_unfloored": pl.Int32}
    frame = frame.with_columns(pl.lit(None, t).alias(n) for n, t in absent.items() if n not in frame.columns)
    problems = [*decoded.problems, *duplicates(frame, ["mac", "locality"], raw.file, "MAC and locality")]
    if frame.is_empty():
        problems.append(Problem(raw.file, "no locality in the whole file"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    notes = list(decoded.notes)
    if stars := int(frame["name"].str.contains("*", literal=True).sum()):
        notes.append(f"{raw.file}: {many(stars, 'name')} had asterisks for footnotes")
    places = frame.with_columns(starless(pl.col("name")))
    table = places.select(pl.col(name).cast(dtype) for name, dtype in GPCI.items()).sort("mac", "locality")
    meta = {"year": str(raw.year or ""), "floor": "both" if both else "with"}
    return Table(table, member.source, member.name, raw.id, meta, tuple(notes))
