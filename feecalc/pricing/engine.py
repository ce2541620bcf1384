"""The order of Medicare's rules, as one list of steps. Each step is a function in a module that bears the rule's name.

Lines are first priced by themselves (one lazy plan), then the rules between the lines of a claim and day run on the lines
that share a list with another, and last the shares of patient and Medicare are worked out.
"""

from collections.abc import Callable
from functools import cached_property

import polars as pl

from feecalc import locality, policy
from feecalc.money import decimals, dollars
from feecalc.pricing import anesthesia, diagnostics, fee, gates, lines, modifiers, rows, settlement, surgery, therapy, together
from feecalc.pricing import explain as explanation
from feecalc.schedule import Tables

SMALL = 10_000  # lines


class Rules:
    """The tables of some releases with what the rules need to know of them: prepare once, price many frames."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    @cached_property
    def rows(self) -> pl.LazyFrame:
        """The rows of the fee schedule with their facts."""
        return rows.facts(self.tables.rows).lazy()

    @cached_property
    def codes(self) -> pl.LazyFrame:
        """The codes of each release."""
        return self.tables.rows.select("release", "hcpcs", _code_known=pl.lit(value=True)).unique().lazy()


def price(claim_lines: pl.DataFrame, rules: Rules, explain: bool = False) -> pl.DataFrame:
    """Price claim lines: every input column and row, in input order, then the columns of `lines.ADDED`, in dollars.

    Contract of the input: feecalc.pricing.lines. Each line gets exactly one outcome. `explain` adds the columns of
    `explanation.columns`. Raises InputError where the frame has no `hcpcs` column.
    """
    worked = work_out(claim_lines, rules)
    priced = claim_lines.hstack(worked.select(edge())).with_columns(flags(worked))
    return priced.hstack(explanation.columns(worked)) if explain else priced


def price_lazily(claim_lines: pl.LazyFrame, rules: Rules, explain: bool = False) -> pl.LazyFrame:
    """The same as a step of a lazy plan. It sees the whole frame at once, as the rules between lines must."""
    empty = price(claim_lines.collect_schema().to_frame(), rules, explain)
    return claim_lines.map_batches(lambda frame: price(frame, rules, explain), schema=empty.schema)


def work_out(claim_lines: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """The same with every intermediate column, money in cents, in input order: what explanations are made from."""
    read = lines.read(claim_lines)
    with_zips = read["_zip"].null_count() < read.height
    texts = modifiers.table(read["mods"].unique())
    alone: list[Callable[[pl.LazyFrame], pl.LazyFrame]] = [
        lambda f: f.join(texts.lazy(), on="mods", how="left", maintain_order="left"),
        lambda f: attach_date(f, rules.tables),
        lambda f: locality.attach(f, rules.tables, with_zips),
        lambda f: attach_place(f, rules.tables),
        lambda f: attach_row(f, rules),
        settlement.practitioner,
        gates.attach_setting,
        anesthesia.base_units,
        gate,
        fee_schedule_amount,
        surgery.line_shares,
        anesthesia.amount,
    ]
    plan = read.lazy()
    for step in alone:
        plan = step(plan)
    # Looking for a better plan takes longer than pricing a few lines by this one.
    as_it_stands = pl.QueryOptFlags.none() if read.height < SMALL else pl.QueryOptFlags()
    frame = plan.collect(engine="in-memory", optimizations=as_it_stands)
    between: list[Callable[[pl.DataFrame], pl.DataFrame]] = [
        together.gather,
        surgery.pair_sides,
        lambda f: surgery.endoscopy_families(f, rules.rows),
        surgery.rank,
        lambda f: diagnostics.components(f, rules.rows),
        therapy.rank,
        surgery.second_sides,
        together.status_t,
        settlement.items,
        settlement.lower_of_charge,
        settlement.settle_shares,
    ]
    for rule in between:
        frame = rule(frame)
    return frame


def attach_date(frame: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The release that serves the date of service (B3), its conversion factor by QP status (B4), and the ZIP file."""
    by_date = frame.join(tables.days.lazy(), left_on="_date", right_on="date", how="left", maintain_order="left")
    one_factor = pl.when(pl.col("_date") < _two_factors()).then("factor")
    return by_date.with_columns(_factor=pl.when("_qp").then(pl.coalesce("factor_qp", one_factor)).otherwise("factor"))


def _two_factors() -> pl.Expr:
    """The first date with two conversion factors: before it, QP status makes no difference."""
    starts = [f.start for f in policy.conversion_factors() if f.qp is not None]
    return pl.lit(min(starts))


def attach_place(frame: pl.LazyFrame, tables: Tables) -> pl.LazyFrame:
    """The GPCIs and the anesthesia factor of the line's locality in its release."""
    return frame.join(
        tables.gpci.lazy(),
        left_on=["release", "_mac", "_locality"],
        right_on=["release", "mac", "locality"],
        how="left",
        maintain_order="left",
    )


def attach_row(frame: pl.LazyFrame, rules: Rules) -> pl.LazyFrame:
    """The row of the code and of 26, TC or 53 (B1), and whether the release knows the code at all."""
    return (
        frame.with_columns(_row_modifier="m_row")
        .join(
            rules.rows,
            left_on=["release", "_code", "_row_modifier"],
            right_on=["release", "hcpcs", "modifier"],
            how="left",
            maintain_order="left",
        )
        .join(rules.codes, left_on=["release", "_code"], right_on=["release", "hcpcs"], how="left", maintain_order="left")
    )


def gate(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The first reason why the line is not priced (B, C1, C3, D).

    `_ghost` marks a line that only modifier 22 keeps from being priced: it keeps its place among the day's surgery.
    """
    return frame.with_columns(
        _reason=gates.first_reason(),
        _ghost=gates.only_22(),
        **{f"_flag_{name}": flag.fill_null(value=False) for name, flag in gates.flags().items()},
    )


def fee_schedule_amount(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The amounts of one unit in both settings (A1), and the one that is paid in the line's: the lower of fee and cap (E6)."""

    def in_setting(prefix: str) -> pl.Expr:
        facility = pl.col("_line_setting") == "facility"
        return pl.when(facility).then(f"{prefix}facility").otherwise(f"{prefix}nonfacility")

    return (
        frame.with_columns(**{f"_{name}": column for name, column in fee.amounts(pl.col("_factor")).items()})
        .with_columns(_fee=in_setting("_"), _cap=in_setting("_opps_"), _reduced=in_setting("_therapy_"))
        .with_columns(_unit=pl.min_horizontal("_fee", "_cap"))
        .with_columns(_flag_opps_capped=(pl.col("_cap") < pl.col("_fee")).fill_null(value=False))
    )


def edge() -> list[pl.Expr]:
    """The columns that leave feecalc, but for the flags: money and factors as decimals."""
    priced = pl.col("_reason").is_null()
    money = ("allowed", "deductible", "coinsurance", "medicare_share", "sequestration", "received")
    return [
        pl.col("_outcome").cast(pl.String).alias("outcome"),
        pl.col("_reason").cast(pl.String).alias("reason"),
        pl.col("release"),
        decimals(pl.col("_factor"), 4).alias("conversion_factor"),
        dollars(pl.when(priced).then("_fee")).alias("fee"),
        *(dollars(pl.col(f"_{name}")).alias(name) for name in money),
    ]


def flags(worked: pl.DataFrame) -> pl.Series:
    """The flags of every line as one text. Those about an amount ride only where there is one.

    Flags are gathered as bits of a number: a frame has millions of lines and few different sets of flags.
    """
    about_the_answer = {"release_substituted", "zip_file_substituted"}
    names = list(policy.load("flags")["flag"])
    bits = {
        name: pl.when(f"_flag_{name}").then(pl.lit(1 << bit, dtype=pl.UInt32)).otherwise(pl.lit(0, dtype=pl.UInt32))
        for bit, name in enumerate(names)
    }
    always = pl.sum_horizontal(bits[name] for name in names if name in about_the_answer)
    of_amounts = pl.sum_horizontal(bits[name] for name in names if name not in about_the_answer)
    raised = always + pl.when(pl.col("_reason").is_null()).then(of_amounts).otherwise(0)
    sets = worked.select(raised.alias("flags"))["flags"]
    if sets.is_empty():
        return sets.cast(pl.String)
    values = sets.unique()
    texts = [" ".join(name for bit, name in enumerate(names) if value >> bit & 1) for value in values]
    return sets.replace_strict(values, pl.Series(texts, dtype=pl.String), return_dtype=pl.String)
