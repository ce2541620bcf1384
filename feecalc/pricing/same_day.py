"""Rules between lines of one claim and day: status T, and holding back lines whose reduction needs their neighbours."""

import polars as pl

from feecalc import policy

DAY = ["_claim", "_date"]


def hold_back(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Refuse lines that share a same-day list (surgery, imaging, therapy, cardiovascular, ophthalmology) with another line.

    Their amounts depend on each other, and this version reduces within a line only: a list price would be a wrong one.
    """
    lists = pl.col("mult_proc").replace_strict(
        {"2": "surgery", "3": "surgery", "4": "imaging", "5": "therapy", "6": "cardiovascular", "7": "ophthalmology"},
        default=None,
        return_dtype=pl.String,
    )
    listed = frame.with_columns(_list=pl.when(pl.col("_reason").is_null() & pl.col("_claim").is_not_null()).then(lists))
    shared = (
        listed.filter(pl.col("_list").is_not_null())
        .group_by(*DAY, "_list")
        .agg(_neighbours=pl.len())
        .filter(pl.col("_neighbours") > 1)
    )
    return (
        listed.join(shared, on=[*DAY, "_list"], how="left")
        .with_columns(_reason=pl.when(pl.col("_neighbours").is_not_null()).then(pl.lit("same_day_rule")).otherwise("_reason"))
        .drop("_list", "_neighbours")
    )


def status_t(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Status T pays only alone (convention C2): nothing beside a priced A or R line, unknown beside one that is not settled."""
    unsettled = [code for code, reason in policy.reasons().items() if reason.outcome == "cannot_price"]
    with_t = frame.filter((pl.col("status") == "T") & pl.col("_claim").is_not_null()).select(DAY).unique()
    beside = (
        frame.join(with_t, on=DAY, how="semi")
        .group_by(DAY)
        .agg(
            _beside_priced=(pl.col("_reason").is_null() & pl.col("status").is_in(["A", "R"])).any(),
            _beside_unsettled=pl.col("_reason").is_in(unsettled).any(),
        )
    )
    waits = (pl.col("status") == "T") & pl.col("_reason").is_null()
    return (
        frame.join(beside, on=DAY, how="left")
        .with_columns(
            _reason=pl.when(waits & pl.col("_beside_priced"))
            .then(pl.lit("status_t_with_others"))
            .when(waits & pl.col("_beside_unsettled"))
            .then(pl.lit("status_t_uncertain"))
            .otherwise("_reason")
        )
        .drop("_beside_priced", "_beside_unsettled")
    )
