"""The therapy reduction (MULT PROC 5): after the day's first unit, each is paid with half of its practice expense (E7).

The unit with the highest non-facility PE RVU is paid in full; ties: the higher full amount, then line, then unit.
Source: CMS record layout of the relative value files, MULT PROC 5; 50 percent in all settings since 2013-04-01.
"""

import polars as pl

from feecalc.pricing import together
from feecalc.pricing.kinds import WorkedOut


def rank(frame: pl.DataFrame, known: WorkedOut) -> pl.DataFrame:
    """Pay one unit of the day's therapy in full and the others at the reduced amount."""
    if not frame["_together"].any():
        return frame
    therapy = pl.col("_together") & (pl.col("_list") == "therapy") & pl.col("_reason").is_null()
    lines = together.pick(frame, therapy, "_row", "_day", "_order", "_items", tie="_fee", count="_items")
    if lines.is_empty():
        return frame
    leads = pl.col("_row").is_in(
        together.leaders(known.beside(lines, "pe_nonfacility").rename({"pe_nonfacility": "key"})).implode()
    )
    placed = lines.with_columns(_leads=leads.cast(pl.Int64)).select(
        "_row",
        _first_count="_leads",
        _later_count=pl.col("_items") - pl.col("_leads"),
        _flag_therapy_reduced=pl.col("_items") > pl.col("_leads"),
    )
    frame = together.change(frame, placed)
    return together.flag_uncertain(frame, pl.col("_list") == "therapy", pl.lit("therapy"))
