"""Anesthesia conversion factors: one row per MAC and locality, in cents per unit."""

import re

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.checks import duplicates
from feecalc.cms.decode import decode
from feecalc.cms.places import place_rows
from feecalc.cms.raw import read_raw
from feecalc.cms.table import Table
from feecalc.columns import ANESTHESIA
from feecalc.errors import Problem, RejectedError


def read_anesthesia(member: Member) -> Table:
    """Read an ANES file. `factor_qp` is null before 2026, when CMS printed one factor for all.

    `meta` holds year, national_factor and national_factor_qp as the headings print them ("20.3178"; "" where they do
    not, as before 2025 and in txt files). Raises RejectedError with every bad row, LayoutError for unknown columns.
    Source: CMS, ANES files of 2020 to 2026.
    """
    raw = read_raw(member, "anesthesia")
    decoded = decode(raw, place_rows(raw))
    frame = decoded.frame
    if "factor_qp" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.Int32).alias("factor_qp"))
    problems = [*decoded.problems, *duplicates(frame, ["mac", "locality"], raw.file, "MAC and locality")]
    if frame.is_empty():
        problems.append(Problem(raw.file, "no locality in the whole file"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    table = frame.select(pl.col(name).cast(dtype) for name, dtype in ANESTHESIA.items()).sort("mac", "locality")
    meta = {
        "year": str(raw.year or ""),
        "national_factor": _national(raw.headings.get("factor", "")),
        "national_factor_qp": _national(raw.headings.get("factor_qp", "")),
    }
    return Table(table, member.source, member.name, raw.id, meta, decoded.notes)


def _national(heading: str) -> str:
    found = re.search(r"\bof (\d+\.\d+)\s*$", heading)
    return found.group(1) if found else ""
