"""The therapy reduction (MULT PROC 5): after the day's first unit, each is paid with half of its practice expense (E7).

The unit with the highest non-facility PE RVU is paid in full; ties: the higher full amount, then line, then unit.
Source: CMS record layout of the relative value files, MULT PROC 5; 50 percent in all settings since 2013-04-01.
"""

import polars as pl

from feecalc.pricing import together


def rank(frame: pl.DataFrame) -> pl.DataFrame:
    """Pay one unit of the day's therapy in full and the others at the reduced amount."""
    therapy = pl.col("_together") & (pl.col("_list") == "therapy") & pl.col("_reason").is_null()
    items = together.pick(
        frame, therapy, "_row", "_day", "_order", key=pl.col("pe_nonfacility"), tie=pl.col("_fee"), count=pl.col("_items")
    )
    if items.is_empty():
        return frame
    leaders = together.leaders(items)
    leads = pl.col("_leads").fill_null(0)
    return (
        together.put(frame, leaders)
        .with_columns(
            _first_count=pl.when(therapy).then(leads).otherwise("_first_count"),
            _later_count=pl.when(therapy).then(pl.col("_items") - leads).otherwise("_later_count"),
            _flag_therapy_reduced=pl.when(therapy).then(pl.col("_items") > leads).otherwise("_flag_therapy_reduced"),
        )
        .drop("_leads")
        .pipe(together.flag_uncertain, pl.col("list") == "therapy", pl.lit("therapy"))
    )
