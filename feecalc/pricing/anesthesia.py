"""Anesthesia (status J): base units and time, times the locality's anesthesia conversion factor, by who gave it.

    fee = (base units + minutes / 15 to one decimal) x factor, rounded to cents; then the modifier's percent

Sources: 42 CFR 414.46; CMS's list of base units (policy/anesthesia_base_units.toml); WPS 2014 and NGS for the modifiers.
"""

import polars as pl

from feecalc import policy
from feecalc.money import half_up
from feecalc.pricing import modifiers, shares
from feecalc.pricing.shares import ROLE, WHO

TIME = policy.load("anesthesia_base_units")["time"]


def base_units(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Add `_base_units`; null where there are none."""
    units = policy.load("anesthesia_base_units")["list"][-1]["units"]
    return frame.with_columns(
        _base_units=pl.when(pl.col("status") == "J").then(
            pl.col("_code").replace_strict(units, default=None, return_dtype=pl.Int64)
        )
    )


def shares_of_line(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`_anesthesia_tenths` of units, and the modifier's percent, for the lines of anesthesia that can be priced.

    AD pays a fixed number of base units, one more where the anesthesiologist was present at induction, and no time. Units
    and practitioner percentages do not apply: the line is one item.
    """
    here = pl.col("_is_anesthesia") & pl.col("_kind_reason").is_null()
    supervised = modifiers.registry()["AD"]
    fixed = pl.when("_induction").then(supervised["base_units_at_induction"]).otherwise(supervised["base_units"])
    tenths = half_up(pl.col("_minutes") * 20, 2 * TIME["minutes_a_unit"])  # of a unit of time
    in_tenths = pl.when(pl.col("m_anesthesia") == "AD").then(fixed * 10).otherwise(pl.col("_base_units") * 10 + tenths)
    percent = {code: shares.numerator(modifiers.percent(code), ROLE) for code in sorted(modifiers.of_kind("anesthesia"))}
    one = pl.lit(1, dtype=pl.Int64)
    year = policy.load("anesthesia_base_units")["list"][-1]["verified_year"]
    return frame.with_columns(
        _anesthesia_tenths=pl.when(here).then(in_tenths.cast(pl.Int64)),
        **{name: pl.when(here).then(one).otherwise(name) for name in ("_items", "_first_count")},
        n_role=pl.when(here)
        .then(pl.col("m_anesthesia").replace_strict(percent, default=ROLE, return_dtype=pl.Int64))
        .otherwise("n_role"),
        n_who=pl.when(here).then(pl.lit(WHO, dtype=pl.Int64)).otherwise("n_who"),
        _flag_base_units_of_2022=(here & (pl.col("_date").dt.year() != year)).fill_null(value=False),
    )


def amount(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Put the anesthesia fee in the place of the fee schedule amount, and the locality's factor in that of the other."""
    here = pl.col("_anesthesia_tenths").is_not_null() & pl.col("_reason").is_null()
    fee = (pl.col("_anesthesia_tenths") * pl.col("_anesthesia_factor") + 5) // 10
    return frame.with_columns(
        **{name: pl.when(here).then(fee).otherwise(name) for name in ("_fee", "_unit")},
        _factor=pl.when(here).then(pl.col("_anesthesia_factor") * 100).otherwise("_factor"),
    )
