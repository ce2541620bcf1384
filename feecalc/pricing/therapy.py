"""The therapy reduction (MULT PROC 5): after the first unit, each is paid with half of its practice expense (convention E7).

Source: CMS record layout of the relative value files, MULT PROC 5; 50 percent in all settings since 2013-04-01.
"""

import polars as pl

from feecalc.pricing.fee import is_therapy


def units(frame: pl.LazyFrame) -> pl.LazyFrame:
    """How many units of the line are paid in full and how many at the therapy-reduced amount, for lines that stand alone."""
    reduced = pl.when(is_therapy()).then(pl.col("_units") - 1).otherwise(pl.lit(0, dtype=pl.Int64))
    return frame.with_columns(_units_reduced=reduced, _units_full=pl.col("_units") - reduced).with_columns(
        _flag_therapy_reduced=pl.col("_units_reduced") > 0
    )
