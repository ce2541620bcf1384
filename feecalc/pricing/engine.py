"""The order of Medicare's rules, as one list of steps. Each step is a function in a module that bears the rule's name."""

from collections.abc import Callable

import polars as pl

from feecalc import locality, policy
from feecalc.money import decimals, dollars
from feecalc.pricing import fee, gates, lines, participation, same_day, therapy
from feecalc.schedule import Tables

Step = Callable[[pl.LazyFrame], pl.LazyFrame]


def price(claim_lines: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """Price claim lines: every input column and row, in input order, then the columns of `lines.ADDED`, in dollars.

    Contract of the input: feecalc.pricing.lines. Each line gets exactly one outcome. Raises InputError where the frame has
    no `hcpcs` column.
    """
    given = claim_lines.collect_schema().names()
    return (
        work_out(claim_lines, tables).sort("_row").select(*(pl.col(lines.GIVEN + name).alias(name) for name in given), *_edge())
    )


def work_out(claim_lines: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The same with every intermediate column, money in cents, in no particular order: what explanations are made from."""
    # Without claims every line stands alone, and the rules between lines have nothing to look at.
    between_lines: list[Step] = [same_day.hold_back, same_day.status_t] if "claim_id" in claim_lines.collect_schema() else []
    steps: list[Step] = [
        lines.read,
        lambda f: attach_date(f, tables),
        lambda f: locality.attach(f, tables),
        lambda f: attach_place(f, tables),
        lambda f: attach_row(f, tables),
        gate,
        fee_schedule_amount,
        *between_lines,
        therapy.units,
        participation.apply,
        decide,
    ]
    frame = claim_lines
    for step in steps:
        frame = step(frame)
    return frame


def attach_date(frame: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The release that serves the date of service (B3), its conversion factor by QP status (B4), and the ZIP file."""
    return frame.join(tables.days.lazy(), left_on="_date", right_on="date", how="left").with_columns(
        _factor=pl.when("_qp")
        .then(pl.coalesce("factor_qp", pl.when(pl.col("_date") < _two_factors()).then("factor")))
        .otherwise("factor")
    )


def _two_factors() -> pl.Expr:
    """The first date with two conversion factors: before it, QP status makes no difference."""
    starts = [f.start for f in policy.conversion_factors() if f.qp is not None]
    return pl.lit(min(starts))


def attach_place(frame: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The GPCIs of the line's locality in its release."""
    return frame.join(
        tables.gpci,
        left_on=["release", "_mac", "_locality"],
        right_on=["release", "mac", "locality"],
        how="left",
        suffix="_gpci",
    )


def attach_row(frame: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The row of the code and of 26, TC or 53 (B1), and whether the release knows the code at all."""
    codes = tables.rows.select("release", "hcpcs", _code_known=pl.lit(value=True)).unique()
    return (
        frame.with_columns(_row_modifier=gates.row_modifier(), _line_setting=gates.setting())
        .join(
            tables.rows,
            left_on=["release", "_code", "_row_modifier"],
            right_on=["release", "hcpcs", "modifier"],
            how="left",
        )
        .join(codes, left_on=["release", "_code"], right_on=["release", "hcpcs"], how="left")
    )


def gate(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The first reason why the line is not priced (B, C1, C3, D6, D8)."""
    return frame.with_columns(_reason=gates.reason(), **{f"_flag_{name}": flag for name, flag in gates.flags().items()})


def fee_schedule_amount(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The amounts of one unit in both settings (A1), and the one that is paid in the line's: the lower of fee and cap (E6)."""

    def in_setting(prefix: str) -> pl.Expr:
        facility = pl.col("_line_setting") == "facility"
        return pl.when(facility).then(f"{prefix}facility").otherwise(f"{prefix}nonfacility")

    return (
        frame.with_columns(**{f"_{name}": column for name, column in fee.amounts(pl.col("_factor")).items()})
        .with_columns(_fee=in_setting("_"), _cap=in_setting("_opps_"), _reduced=in_setting("_therapy_"))
        .with_columns(_unit=pl.min_horizontal("_fee", "_cap"))
        .with_columns(_flag_opps_capped=pl.col("_cap") < pl.col("_fee"))
    )


def decide(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Exactly one outcome a line, with its amount: none where it cannot be priced, 0 where Medicare pays nothing for it."""
    outcomes = {code: reason.outcome for code, reason in policy.reasons().items()}
    outcome = pl.col("_reason").replace_strict(outcomes, default=None, return_dtype=pl.String).fill_null("priced")
    priced = pl.col("_reason").is_null()
    return frame.with_columns(
        _outcome=outcome,
        _allowed=pl.when(priced).then("_allowed").when(outcome == "zero").then(pl.lit(0, dtype=pl.Int64)),
        _fee=pl.when(priced).then("_fee"),
    )


def _edge() -> list[pl.Expr]:
    """The columns that leave feecalc: decimals, and flags as one text. Flags about an amount ride only where there is one."""
    priced = pl.col("_reason").is_null()
    about_the_answer = {"release_substituted", "zip_file_substituted"}
    flags = [
        pl.when(pl.col(f"_flag_{name}") & (pl.lit(value=True) if name in about_the_answer else priced)).then(pl.lit(name))
        for name in policy.load("flags")["flag"]
    ]
    return [
        pl.col("_outcome").alias("outcome"),
        pl.col("_reason").alias("reason"),
        pl.col("release"),
        decimals(pl.col("_factor"), 4).alias("conversion_factor"),
        dollars(pl.col("_fee")).alias("fee"),
        dollars(pl.col("_allowed")).alias("allowed"),
        pl.concat_str(flags, separator=" ", ignore_nulls=True).alias("flags"),
    ]
