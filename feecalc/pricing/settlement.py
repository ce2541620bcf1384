"""From the fee to the money: who bills (F1, F2), the charge (F3), and what patient and Medicare pay (F4 to F6)."""

from fractions import Fraction
from functools import cache

import polars as pl

from feecalc import policy
from feecalc.money import half_up
from feecalc.pricing import shares, together
from feecalc.pricing.outcomes import outcome
from feecalc.pricing.shares import PARTICIPATION, WHO


def practitioner(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The practitioner's percent (F1) and the non-participating one (F2), as numerators.

    An assistant line with AS has its 85 percent in it already; those who must accept assignment are always paid in full.
    """
    exempt = pl.col("w_must_accept").fill_null(value=False) | pl.col("m_as")
    nonpar = shares.rule("nonparticipating", PARTICIPATION)
    own = pl.col("w_share")
    return frame.join(_practitioners().lazy(), on="_type", how="left", maintain_order="left").with_columns(
        n_who=pl.when(pl.col("m_as") & own.is_not_null()).then(pl.lit(WHO, dtype=pl.Int64)).otherwise(own),
        n_par=pl.when((pl.col("_participation") == "NONPAR") & ~exempt)
        .then(pl.lit(nonpar, dtype=pl.Int64))
        .otherwise(pl.lit(PARTICIPATION, dtype=pl.Int64)),
        _must_accept=exempt,
        _not_yet=(pl.col("w_from") > pl.col("_date")).fill_null(value=False),
    )


@cache
def _practitioners() -> pl.DataFrame:
    """One row a kind of practitioner: `w_share` over WHO, `w_must_accept`, `w_from` (null: always)."""
    return pl.DataFrame(
        [
            (kind, shares.numerator(Fraction(entry["percent"]) / 100, WHO), entry["must_accept"], entry.get("from"))
            for entry in policy.load("practitioners")["practitioner"]
            for kind in entry["types"]
        ],
        schema={"_type": pl.String, "w_share": pl.Int64, "w_must_accept": pl.Boolean, "w_from": pl.Date},
        orient="row",
    )


def items(frame: pl.DataFrame) -> pl.DataFrame:
    """The line's amount: the sum of its items, each rounded once (A2); nothing where it is not priced."""
    first = shares.paid(pl.col("_first_amount"), pl.col("_first_rank"), share=pl.col("_share"))
    later = shares.paid(pl.col("_later_amount"), pl.col("_later_rank"), share=pl.col("_share"))
    more = pl.col("_later_count") > 0
    surgical_cut = (pl.col("_first_rank") < shares.RANK) | (more & (pl.col("_list") == "surgery"))
    return (
        frame.lazy()
        .with_columns(_share=shares.line_share(), _outcome=outcome())
        .with_columns(_full=first * pl.col("_first_count") + pl.when(more).then(later * pl.col("_later_count")).otherwise(0))
        .with_columns(
            _full=pl.coalesce("_parts_allowed", "_full"),
            _flag_reduced=(surgical_cut | pl.col("_flag_reduced_part") | pl.col("_family_mode")).fill_null(value=False),
        )
        .with_columns(
            _allowed=pl.when(pl.col("_outcome") == "priced")
            .then("_full")
            .when(pl.col("_outcome") == "zero")
            .then(pl.lit(0, dtype=pl.Int64))
        )
        .drop("_share")
        .collect(engine="in-memory", optimizations=pl.QueryOptFlags.none())
    )


def lower_of_charge(frame: pl.DataFrame) -> pl.DataFrame:
    """Where a charge is given, the lower of the two is allowed (F3); the two lines of a pair are compared by their totals."""
    if frame["_charge"].null_count() == frame.height:
        return frame.with_columns(_flag_charge_below_fee=pl.lit(value=False))
    alone = pl.col("_pair").is_null()
    frame = frame.with_columns(_before_charge="_allowed").with_columns(
        _allowed=pl.when(alone & (pl.col("_charge") < pl.col("_allowed"))).then("_charge").otherwise("_allowed")
    )
    pairs = (
        frame.filter(~alone)
        .group_by("_pair")
        .agg(
            pl.col("_charge").has_nulls().alias("open"),
            _cut=pl.col("_allowed").sum() - pl.col("_charge").sum(),
            _on_second=pl.col("_allowed").filter("_is_second").sum(),
        )
        .filter(~pl.col("open"), pl.col("_cut") > 0)
        .select("_pair", "_cut", _second_cut=pl.min_horizontal("_cut", "_on_second"))
    )
    return (
        frame.join(pairs, on="_pair", how="left", maintain_order="left")
        .with_columns(
            _allowed=pl.col("_allowed")
            - pl.when("_is_second").then("_second_cut").otherwise(pl.col("_cut") - pl.col("_second_cut")).fill_null(0)
        )
        .with_columns(_flag_charge_below_fee=(pl.col("_allowed") < pl.col("_before_charge")).fill_null(value=False))
        .drop("_cut", "_second_cut", "_before_charge")
    )


def shares_of(name: str) -> pl.Expr:
    """The part of a whole number of cents that a dated percentage of cost_sharing.toml takes, rounded (by `_date`)."""
    rate = pl.lit(0, dtype=pl.Int64)
    for step in policy.load("cost_sharing")[name]:
        rate = pl.when(pl.col("_date") >= step["from"]).then(pl.lit(int(step["percent"]), dtype=pl.Int64)).otherwise(rate)
    return rate


def percentages(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The percent of the patient, of an assistant's line and of sequestration, and whether the deductible is waived."""
    cost = policy.load("cost_sharing")
    screening = shares_of("screening_turned_diagnostic")
    assistants = policy.percentage("assistant_minutes")
    by_assistant = pl.col("m_assistant_minutes") & (pl.col("_date") >= assistants.start)
    return frame.with_columns(
        _preventive=pl.col("m_33") | pl.col("m_pt"),
        _coinsurance_percent=pl.when("m_33")
        .then(0)
        .when("m_pt")
        .then(screening)
        .otherwise(int(cost["coinsurance"]["percent"])),
        _assistant_percent=pl.when(by_assistant).then(pl.lit(int(assistants.percent))).otherwise(pl.lit(100)),
        _sequestration_percent=shares_of("sequestration"),
    )


def settle_shares(frame: pl.DataFrame) -> pl.DataFrame:
    """Deductible, coinsurance, Medicare's share and sequestration (F4 to F6), each rounded to cents for its line."""

    def part(cents: str, percent: str) -> pl.Expr:
        return half_up(pl.col(cents) * pl.col(percent), 100)

    subject, full = pl.col("_allowed") - pl.col("_deductible"), pl.col("_subject") - pl.col("_coinsurance")
    medicare, sequestered = pl.col("_medicare_share"), pl.col("_sequestration")
    return (
        _deductible(frame)
        .lazy()
        .with_columns(_subject=subject)
        .with_columns(_coinsurance=part("_subject", "_coinsurance_percent"))
        .with_columns(_full_share=full)
        .with_columns(_medicare_share=part("_full_share", "_assistant_percent"))
        .with_columns(_sequestration=part("_medicare_share", "_sequestration_percent"))
        .with_columns(_received=pl.col("_deductible") + pl.col("_coinsurance") + medicare - sequestered)
        .drop("_subject", "_full_share")
        .collect(engine="in-memory", optimizations=pl.QueryOptFlags.none())
    )


def _deductible(frame: pl.DataFrame) -> pl.DataFrame:
    """What the open deductible takes of each line, line by line; preventive lines (33, PT) are outside it."""
    open_one = pl.col("_open_deductible") > 0
    if not frame.select(open_one.any()).item():
        return frame.with_columns(_deductible=pl.when(pl.col("_allowed").is_not_null()).then(pl.lit(0, dtype=pl.Int64)))
    subject = pl.when("_preventive").then(0).otherwise(pl.col("_allowed").fill_null(0))
    lines = frame.select("_row", "_day", "_order", "_open_deductible", subject=subject).sort("_day", "_order", "_row")
    taken = lines.select(
        "_row",
        _deductible=(
            pl.col("_open_deductible").max().over("_day")
            - (pl.col("subject").cum_sum() - pl.col("subject")).over("_day", mapping_strategy="group_to_rows")
        )
        .clip(lower_bound=0)
        .clip(upper_bound=pl.col("subject")),
    )
    return together.put(frame, taken).with_columns(_deductible=pl.when(pl.col("_allowed").is_not_null()).then("_deductible"))
