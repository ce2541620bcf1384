"""Who bills: participating practitioners take the full amount, the others 95 percent of it (convention F2; 42 CFR 414.20)."""

import polars as pl

from feecalc.pricing.fee import limiting_charge, nonparticipating


def apply(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The allowed amount of the line: each unit is an item, rounded once, and the line is the sum of its items (A2)."""
    nonpar = pl.col("_nonpar").fill_null(value=False)

    def item(cents: pl.Expr) -> pl.Expr:
        return pl.when(nonpar).then(nonparticipating(cents)).otherwise(cents)

    full = item(pl.col("_unit")) * pl.col("_units_full")
    reduced = pl.when(pl.col("_units_reduced") > 0).then(item(pl.col("_reduced")) * pl.col("_units_reduced")).otherwise(0)
    return frame.with_columns(
        _allowed=full + reduced, _nonpar_unit=nonparticipating(pl.col("_unit")), _limiting=limiting_charge(pl.col("_unit"))
    )
