"""Counties of each locality, LOCCO: one row per MAC and locality."""

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.checks import many
from feecalc.cms.decode import decode
from feecalc.cms.places import place_rows, starless
from feecalc.cms.raw import read_raw, year_of_name
from feecalc.cms.table import Table
from feecalc.cms.tabular import ROW
from feecalc.columns import LOCALITIES
from feecalc.errors import Problem, RejectedError


def read_locality_county(member: Member) -> Table:
    """Read a LOCCO file. The state, printed on its first row only, is carried down to the rows right below it.

    A blank row ends a state, so a block without a state (California in the txt of 2025) stays without one rather than
    inherit its neighbour's; a note says so. A key listed twice becomes one row. `meta` holds the year of the title; a
    worksheet or file named after another year is noted. Raises RejectedError with every bad row, LayoutError for unknown
    columns. Source: CMS, LOCCO files of 2020 to 2026.
    """
    raw = read_raw(member, "locality_county")
    decoded = decode(raw, place_rows(raw))
    problems = list(decoded.problems)
    if decoded.frame.is_empty():
        problems.append(Problem(raw.file, "no locality in the whole file"))
    if problems:
        raise RejectedError(f"{raw.file} cannot be used", sorted(problems, key=lambda p: p.row or 0))
    notes = list(decoded.notes)
    texts = ["state_name", "area", "counties"]
    frame = decoded.frame.sort(ROW).with_columns(starless(pl.col(c)) for c in texts)
    block = (pl.col(ROW).diff().fill_null(0) != 1).cum_sum()
    state = pl.when(pl.col("state_name") != "").then(pl.col("state_name")).forward_fill().over(block)
    frame = frame.with_columns(state.fill_null("").alias("state_name"))
    if stateless := frame.filter(pl.col("state_name") == "").height:
        notes.append(f"{raw.file}: no state printed for {many(stateless, 'row')}")
    key = ["mac", "locality"]
    joined = frame.group_by(key, maintain_order=True).agg(
        pl.col("state_name").first(), *(pl.col(c).unique(maintain_order=True).str.join("; ") for c in ("area", "counties"))
    )
    if frame.height > joined.height:
        again = frame.filter(~pl.struct(key).is_first_distinct()).select(pl.concat_str(key, separator="-")).to_series()
        notes.append(f"{raw.file}: listed more than once and joined: {', '.join(again.unique().sort())}")
    if raw.sheet and (named := year_of_name(raw.sheet)) and raw.year and named != raw.year:
        notes.append(f"{raw.file}: the worksheet is named {raw.sheet!r}, but its title says {raw.year}")
    table = joined.select(pl.col(name).cast(dtype) for name, dtype in LOCALITIES.items()).sort(key)
    return Table(table, member.source, member.name, raw.id, {"year": str(raw.year or "")}, tuple(notes))
