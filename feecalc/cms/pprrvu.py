"""The relative value file, PPRRVU: one row per HCPCS and modifier."""

import re

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.checks import bad_rows, duplicates
from feecalc.cms.decode import decode
from feecalc.cms.raw import Raw, read_raw
from feecalc.cms.table import Table
from feecalc.columns import PPRRVU
from feecalc.errors import LayoutError, Problem, RejectedError

QUARTERS = {"JAN": "A", "APR": "B", "JUL": "C", "OCT": "D"}
TITLE = re.compile(r"(20\d\d) National Physician Fee Schedule Relative Value File (\w+) Release", re.IGNORECASE)


def read_pprrvu(member: Member) -> Table:
    """Read a PPRRVU file: csv, xlsx, or txt up to 2025.

    `extra["descriptions"]` holds the AMA's short descriptions apart from the figures, so that a schedule can be kept
    without them. `meta` holds year, quarter (A to D), conversion_factor ("32.3465"), released and qp. Rows must add up:
    work + PE + MP equals the printed total in both settings. Raises RejectedError with every bad row, LayoutError for
    columns or indicators that no layout knows. Source: CMS, RVU25D record layout.
    """
    raw = read_raw(member, "pprrvu")
    decoded = decode(raw)
    frame = decoded.frame
    if "pricing_indicator" not in frame.columns:
        frame = frame.with_columns(pl.lit("").alias("pricing_indicator"))
    problems = [
        *decoded.problems,
        *_sums(frame, raw.file),
        *duplicates(frame, ["hcpcs", "modifier"], raw.file, "code and modifier"),
        *_factors(frame, raw),
    ]
    if frame.is_empty():
        problems.append(Problem(raw.file, "no code in the whole file"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    figures = frame.select(pl.col(name).cast(dtype) for name, dtype in PPRRVU.items()).sort("hcpcs", "modifier")
    descriptions = frame.select("hcpcs", "modifier", "description").sort("hcpcs", "modifier")
    meta = _title(raw) | {"conversion_factor": _factor_text(frame["conversion_factor"][0]), "qp": qp_of(raw.file)}
    return Table(figures, member.source, member.name, raw.id, meta, decoded.notes, extra={"descriptions": descriptions})


def qp_of(name: str) -> str:
    """Say "QPP" or "nonQPP" where the file's name tells it (2026 and later), else ""."""
    if re.search(r"non[-_ ]?Q(P|PP)(?![a-z])", name, re.IGNORECASE):
        return "nonQPP"
    return "QPP" if re.search(r"(?<![a-z])QPP?(?![a-z])", name, re.IGNORECASE) else ""


def _sums(frame: pl.DataFrame, file: str) -> list[Problem]:
    problems: list[Problem] = []
    for pe, total, heading in (
        ("pe_nonfacility", "total_nonfacility", "NON-FACILITY TOTAL"),
        ("pe_facility", "total_facility", "FACILITY TOTAL"),
    ):
        summed = pl.col("work") + pl.col(pe) + pl.col("mp")
        shown = pl.format("{} in hundredths, not {}", summed, pl.col(total))
        message = "work, PE and MP do not add up to the printed total"
        problems += bad_rows(frame, summed != pl.col(total), file, message, heading, shown)
    return problems


def _factors(frame: pl.DataFrame, raw: Raw) -> list[Problem]:
    """A release has one conversion factor. Rows that differ from the most frequent one are listed."""
    factor = pl.col("conversion_factor")
    usual = frame["conversion_factor"].drop_nulls().mode().sort()
    if usual.is_empty():
        return []
    message = f"another conversion factor than the rest of the file ({_factor_text(usual[0])})"
    return bad_rows(frame, factor != usual[0], raw.file, message, "CONV FACTOR", factor)


def _factor_text(scaled: int) -> str:
    return f"{scaled // 10_000}.{scaled % 10_000:04}"


def _title(raw: Raw) -> dict[str, str]:
    """Year, quarter and date of release from the captions; the fixed-width file has none, so its name must do."""
    released = next((t[9:].strip() for t in raw.titles if t.upper().startswith("RELEASED ")), "")
    for text in raw.titles:
        if (found := TITLE.search(text)) and (quarter := QUARTERS.get(found.group(2)[:3].upper())):
            return {"year": found.group(1), "quarter": quarter, "released": released}
    named = re.search(r"(JAN|APR|JUL|OCT)", raw.file.rsplit("/", 1)[-1].upper())
    if named is None or raw.year is None:
        raise LayoutError(
            f"{raw.file}: neither the captions nor the name tell year and quarter. Give the file CMS's name, such as "
            f"PPRRVU2025_Oct.csv; what is recognised is in {raw.layout.file}."
        )
    return {"year": str(raw.year), "quarter": QUARTERS[named.group()], "released": released}
