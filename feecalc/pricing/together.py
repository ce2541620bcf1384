"""What lines of one claim and day have to do with each other: their order in a list, and status T."""

import polars as pl

from feecalc import policy

DAY = ["_claim", "_date"]


def days(items: pl.DataFrame) -> pl.DataFrame:
    """Add `_day`, a number for each claim and date; a line without a claim is a day of its own."""
    keyed = items.with_columns(_alone=pl.when(pl.col("_claim").is_null()).then("_row"))
    numbers = keyed.select(*DAY, "_alone").unique().with_row_index("_day")
    return keyed.join(numbers, on=[*DAY, "_alone"], how="left", nulls_equal=True, maintain_order="left").drop("_alone")


def in_order(items: pl.DataFrame, *apart: str) -> pl.DataFrame:
    """Items sorted within each day (and each value of the columns `apart`), first place first, with the places before each.

    `items` has `_day`, `key`, `tie`, `_order`, `_row` and `count`, the places that an item takes. The highest `key` comes
    first, then the highest `tie`, then the first line. Adds `_before`, how many places of its list are taken before it.
    """
    group = ["_day", *apart]
    down = [*([False] * len(group)), True, True, False, False]
    return items.sort(*group, "key", "tie", "_order", "_row", descending=down).with_columns(
        _before=(pl.col("count").cum_sum() - pl.col("count")).over(group, mapping_strategy="group_to_rows")
    )


def flag_uncertain(frame: pl.DataFrame, listed: pl.Expr, lists: pl.Expr) -> pl.DataFrame:
    """Raise `rank_uncertain` on the priced lines of a list that a line without a public amount has left.

    `listed` tells which lines would belong to a list if they were priced, `lists` which one.
    """
    unsettled = [code for code, reason in policy.reasons().items() if reason.outcome == "cannot_price"]
    left = listed & pl.col("_reason").is_in(unsettled) & ~pl.col("_ghost") & pl.col("_claim").is_not_null()
    gone = frame.filter(left).select(*DAY, _left=lists).unique()
    if gone.is_empty():
        return frame
    return (
        frame.with_columns(_left=pl.when(listed).then(lists))
        .join(gone.with_columns(_shaken=pl.lit(value=True)), on=[*DAY, "_left"], how="left", maintain_order="left")
        .with_columns(_flag_rank_uncertain=pl.col("_flag_rank_uncertain") | pl.col("_shaken").fill_null(value=False))
        .drop("_left", "_shaken")
    )


def status_t(frame: pl.DataFrame) -> pl.DataFrame:
    """Status T pays only alone (convention C2): nothing beside a priced A or R line, unknown beside one that is not settled."""
    waits = (pl.col("status") == "T") & pl.col("_reason").is_null() & pl.col("_claim").is_not_null()
    waiting = frame.filter(waits).select(DAY).unique()
    if waiting.is_empty():
        return frame
    unsettled = [code for code, reason in policy.reasons().items() if reason.outcome == "cannot_price"]
    beside = (
        frame.join(waiting, on=DAY, how="semi", nulls_equal=True)
        .group_by(DAY)
        .agg(
            _beside_priced=(pl.col("_reason").is_null() & pl.col("status").is_in(["A", "R"])).any(),
            _beside_unsettled=pl.col("_reason").is_in(unsettled).any(),
        )
    )
    return (
        frame.join(beside, on=DAY, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            _reason=pl.when(waits & pl.col("_beside_priced"))
            .then(pl.lit("status_t_with_others"))
            .when(waits & pl.col("_beside_unsettled"))
            .then(pl.lit("status_t_uncertain"))
            .otherwise("_reason")
        )
        .drop("_beside_priced", "_beside_unsettled")
    )
