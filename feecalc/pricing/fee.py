"""The fee schedule amount of one row, one unit, in one place: the only place where RVUs become dollars.

    amount = round_half_up((work x GPCI_work + PE x GPCI_pe + MP x GPCI_mp) x CF, 2)

Source: CMS record layout of the relative value files; reproduced to the cent from CMS's own payment amount files
(conventions A1 to A4). Operands are scaled integers (see feecalc.money), the product is exact, and it is rounded once.
"""

import polars as pl

from feecalc import policy
from feecalc.money import PER_CENT, half_up, percent

PRICED_STATUSES = ("A", "R", "T")  # the only statuses whose RVUs Medicare pays by


def amount(work: pl.Expr, pe: pl.Expr, mp: pl.Expr, factor: pl.Expr, pe_percent: int = 100) -> pl.Expr:
    """Cents of one unit from RVUs in hundredths, at the GPCIs `gpci_work`, `gpci_pe`, `gpci_mp` of the frame.

    `pe_percent` other than 100 pays that part of the practice expense: the therapy reduction, which is such an amount too
    and is rounded once, from RVUs (convention E7).
    """
    adjusted_work_mp = _times(work, "gpci_work") + _times(mp, "gpci_mp")
    adjusted_pe = _times(pe, "gpci_pe")
    if pe_percent == 100:
        return half_up((adjusted_work_mp + adjusted_pe) * factor, PER_CENT)
    return half_up((adjusted_work_mp * 100 + adjusted_pe * pe_percent) * factor, PER_CENT * 100)


def reduced(work: pl.Expr, pe: pl.Expr, mp: pl.Expr, factor: pl.Expr) -> pl.Expr:
    """The amount of a therapy unit after the day's first, in cents (E7)."""
    return amount(work, pe, mp, factor, int(policy.percentage("therapy_practice_expense").percent))


def _times(rvu: pl.Expr, gpci: str) -> pl.Expr:
    return rvu.cast(pl.Int64) * pl.col(gpci)


def has_rvus() -> pl.Expr:
    """Whether the row prints any RVU at all."""
    return pl.any_horizontal(pl.col("work", "pe_nonfacility", "pe_facility", "mp") > 0)


def is_capped() -> pl.Expr:
    """Whether an OPPS cap applies to the row: its OPPS practice expense or malpractice is printed (DRA 5102(b))."""
    return pl.any_horizontal(pl.col("opps_pe_nonfacility", "opps_pe_facility", "opps_mp") > 0)


def with_cap_work(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add `cap_work`, the work RVU that a row's OPPS cap is computed with: its own, except where a contractor-priced whole
    test prints none and CMS takes that of its professional part (verified on OPPSCAP 2025D, status C).
    """
    professional = rows.filter(pl.col("modifier") == "26").select("release", "hcpcs", _work_26="work")
    borrowed = (pl.col("status") == "C") & (pl.col("modifier") == "") & (pl.col("work") == 0)
    return (
        rows.join(professional, on=["release", "hcpcs"], how="left", maintain_order="left")
        .with_columns(cap_work=pl.when(borrowed).then(pl.col("_work_26").fill_null(0)).otherwise("work"))
        .drop("_work_26")
    )


def lower_of(amount: str, cap: str) -> pl.Expr:
    """The lower of an amount and its cap, which may be null."""
    return pl.when(pl.col(cap) < pl.col(amount)).then(cap).otherwise(amount)


def is_therapy() -> pl.Expr:
    """Whether the therapy reduction applies to the row's later units (MULT PROC 5)."""
    return pl.col("mult_proc") == "5"


def nonparticipating(cents: pl.Expr) -> pl.Expr:
    """The non-participating amount of a payable amount: 95 percent, rounded (convention F2)."""
    return percent(cents, int(policy.percentage("nonparticipating").percent))


def limiting_charge(cents: pl.Expr) -> pl.Expr:
    """The limiting charge of a payable amount: 115 percent of the rounded non-participating amount (convention F2)."""
    return percent(nonparticipating(cents), int(policy.percentage("limiting_charge").percent))


def amounts(factor: pl.Expr, cap_work: str = "work") -> dict[str, pl.Expr]:
    """The columns of a fee schedule, in cents, for a frame of rows with their GPCIs and a conversion factor.

    `nonfacility` and `facility` are the amounts before the OPPS cap, as CMS prints them. The cap comes before every other
    percentage (convention E6), so the non-participating and limiting amounts start from the lower of the two.
    `cap_work` names the column of work RVUs for the cap (`with_cap_work`), which differs only in rows that are not priced.
    """
    columns: dict[str, pl.Expr] = {}
    for setting in ("nonfacility", "facility"):
        pe = pl.col(f"pe_{setting}")
        columns[setting] = amount(pl.col("work"), pe, pl.col("mp"), factor)
        columns[f"opps_{setting}"] = pl.when(is_capped()).then(
            amount(pl.col(cap_work), pl.col(f"opps_pe_{setting}"), pl.col("opps_mp"), factor)
        )
        columns[f"therapy_{setting}"] = pl.when(is_therapy()).then(reduced(pl.col("work"), pe, pl.col("mp"), factor))
    return columns


def schedule(rows: pl.LazyFrame, gpci: pl.LazyFrame, factor: int) -> pl.LazyFrame:
    """The fee schedule of one release: every payable row at every place given, amounts in cents.

    Rows of status A, R or T that print RVUs; one row per code, modifier, MAC and locality, in the order of the places, and of
    the rows at each place.
    """
    payable = rows.drop("release").filter(pl.col("status").cast(pl.String).is_in(PRICED_STATUSES) & has_rvus())
    grid = gpci.join(payable, how="cross", maintain_order="left_right").with_columns(**amounts(pl.lit(factor, dtype=pl.Int64)))
    # The non-participating and limiting amounts start from the lower of fee and cap.
    paid = {setting: lower_of(setting, f"opps_{setting}") for setting in ("nonfacility", "facility")}
    limiting = int(policy.percentage("limiting_charge").percent)
    return grid.with_columns(**{f"nonpar_{s}": nonparticipating(cents) for s, cents in paid.items()}).with_columns(
        **{f"limiting_{s}": percent(pl.col(f"nonpar_{s}"), limiting) for s in paid}
    )
