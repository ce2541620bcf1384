"""Percentages as exact whole numerators, and the one place where a product of them is rounded (convention A2).

Every percentage of a line is held as a numerator over a fixed denominator; policy's values are checked to fit. The product
of amount and numerators is exact in 128 bits and is rounded half up once for each item.
"""

from fractions import Fraction

import polars as pl

from feecalc import policy
from feecalc.errors import LayoutError
from feecalc.money import half_up

BILATERAL = 2  # 150 %, 50 %
SPLIT = 100  # the file's own percentages, two decimals
ROLE = 1_000  # 62.5 %, 16 %, 13.6 %
RANK = 20  # 50 %, 75 %, 80 %, 95 %
WHO = 20  # 85 %, 75 %
PARTICIPATION = 20  # 95 %
CUT = 100  # 20 %, 10 %, 7 %, 15 %, 5 %, each of up to three


def numerator(share: Fraction, one: int) -> int:
    """A share as a numerator over `one`. Raises LayoutError where policy holds a value that does not fit."""
    scaled = share * one
    if scaled.denominator != 1:
        raise LayoutError(f"policy holds {float(share):.4%}, which is no whole number of 1/{one}: widen feecalc.pricing.shares")
    return int(scaled)


def rule(name: str, one: int) -> int:
    """The numerator of a named percentage of policy/percentages.toml."""
    return numerator(policy.percentage(name).share, one)


LINE = BILATERAL * SPLIT * ROLE * WHO * PARTICIPATION  # what a line's own percentages multiply to


def line_share() -> pl.Expr:
    """All of a line's own percentages, as one numerator over LINE."""
    return pl.col("n_side") * pl.col("n_split") * pl.col("n_role") * pl.col("n_who") * pl.col("n_par")


def paid(cents: pl.Expr, rank: pl.Expr | int = RANK, cut: pl.Expr | None = None, share: pl.Expr | None = None) -> pl.Expr:
    """One item: the amount times the line's percentages, its rank's and its cut's, rounded half up once.

    `rank` is a numerator over RANK; `cut` one over CUT cubed; `share` is `line_share` where it is worked out already.
    """
    share = line_share() if share is None else share
    one = LINE * RANK  # 1.6e9: an amount of up to 30 million dollars keeps the product inside 64 bits
    if cut is None:
        return half_up(cents.cast(pl.Int64) * share * rank, one)
    product = cents.cast(pl.Int128) * share * rank * cut
    one *= CUT**3
    return ((product + one // 2) // one).cast(pl.Int64)
