"""CMS's own payment amounts, PFALL and PFREV: one row per HCPCS, modifier, MAC and locality, in cents."""

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.checks import bad_rows, many
from feecalc.cms.decode import decode
from feecalc.cms.layout import Layout, layout
from feecalc.cms.pprrvu import qp_of
from feecalc.cms.raw import Raw
from feecalc.cms.table import Table
from feecalc.cms.tabular import ROW, read_lines
from feecalc.columns import PAYMENT_AMOUNTS
from feecalc.errors import Problem, RejectedError

KEY = ["hcpcs", "modifier", "mac", "locality"]


def read_payment_amounts(member: Member) -> Table:
    """Read a payment-amount file. Fees are before the OPPS cap; a PFREV file holds changes only, never a whole schedule.

    Trailer lines are skipped; a record that CMS prints again with the same amounts is dropped with a note, one that
    contradicts an earlier one is a problem. `row` is the first row of a record. `meta` holds year and qp ("QPP",
    "nonQPP" or ""). Raises RejectedError with every bad row. Source: CMS, PF25PC record layout.
    """
    known = layout("payment_amounts")
    lines = read_lines(member.read()).with_columns(pl.col("line").str.strip_chars())
    lines = lines.filter(~pl.col("line").str.strip_chars('"').str.starts_with(known.trailer))
    raw, problems = _split(lines, known, member.name)
    decoded = decode(raw)
    frame = decoded.frame.sort(ROW)
    problems += decoded.problems
    # All but the row itself: the same record again.
    once = frame.unique([c for c in frame.columns if c != ROW], keep="first", maintain_order=True)
    message = "the same code, modifier, carrier and locality as an earlier row, but other values"
    shown = pl.concat_str(KEY, separator=" ")
    problems += bad_rows(once, ~pl.struct(KEY).is_first_distinct(), raw.file, message, None, shown)
    if frame.is_empty() and not problems:
        problems.append(Problem(raw.file, "no payment amount in the whole file"))
    years = once["year"].mode().sort()
    if len(years):
        message = f"another year than the rest of the file ({years[0]})"
        problems += bad_rows(once, pl.col("year") != years[0], raw.file, message, "year", pl.col("year"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    notes = list(decoded.notes)
    if again := frame.height - once.height:
        notes.append(f"{raw.file}: {many(again, 'record')} printed again with the same amounts, read once")
    table = once.select(pl.col(name).cast(dtype) for name, dtype in PAYMENT_AMOUNTS.items()).sort(KEY)
    meta = {"year": once["year"][0], "qp": qp_of(member.name) or qp_of(member.source.name)}
    return Table(table, member.source, member.name, raw.id, meta, tuple(notes))


def _split(lines: pl.DataFrame, known: Layout, file: str) -> tuple[Raw, list[Problem]]:
    """Cut the quoted fields apart. No field of this file holds a comma, so a million lines need no csv parser."""
    names = [c.name for c in known.columns]
    fits = pl.col("line").str.count_matches(",", literal=True) == len(names) - 1
    message = f"not {len(names)} fields"
    problems = bad_rows(lines, ~fits, file, message, None, pl.col("line").str.slice(0, 60))
    fields = pl.col("line").str.split_exact(",", len(names) - 1).struct.rename_fields(names).alias("fields")
    cells = lines.filter(fits).select(ROW, fields).unnest("fields")
    cells = cells.with_columns(pl.col(names).str.strip_chars('" '))
    # Amounts are printed 0000028.79.
    money = [c.name for c in known.columns if c.type == "number"]
    cells = cells.with_columns(pl.col(money).str.replace(r"^0+(\d)", "$1"))
    return Raw(cells, known, "txt", file, (), {}, "", None), problems
