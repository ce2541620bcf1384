"""Exact money: integer cents inside, two decimals at the edges, never a binary float (conventions A1, A2, A4).

Scales: RVU x 100, GPCI x 1,000, conversion factor x 10,000, money in cents. So (RVU x GPCI) x CF counts 1e-9 dollars, a
number that fits int64 with room to spare: 10,000 RVUs at a GPCI of 2.5 and a factor of 100 come to 2.5e15 of 9.2e18.
"""

from decimal import Decimal

import polars as pl

RVU_SCALE = 100
GPCI_SCALE = 1_000
FACTOR_SCALE = 10_000
PER_CENT = RVU_SCALE * GPCI_SCALE * FACTOR_SCALE // 100  # units of the exact product in one cent

NATIONAL_GPCI = GPCI_SCALE  # national amounts use 1.000 for all three GPCIs (convention A3)


def half_up(numerator: pl.Expr, denominator: int) -> pl.Expr:
    """Round `numerator / denominator` to a whole number, halves up, where polars' own `round` would take the even one.

    The numerator is non-negative, and the denominator even, so that its half is exact.
    """
    if denominator % 2:
        raise ValueError(f"half_up needs an even denominator, not {denominator}")
    return (numerator + denominator // 2) // denominator


def percent(cents: pl.Expr, hundredths: int) -> pl.Expr:
    """`hundredths` percent of an amount in cents, rounded half-up once (convention A2)."""
    return half_up(cents * hundredths, 100)


def dollars(cents: pl.Expr) -> pl.Expr:
    """Cents as a decimal of two places, for frames that leave feecalc: the same integer, read with its point."""
    return decimals(cents, 2)


def decimals(scaled_integer: pl.Expr, places: int) -> pl.Expr:
    """A scaled integer as a decimal of so many places. A Decimal holds its digits as an Int128: nothing is computed."""
    return scaled_integer.cast(pl.Int128).reinterpret(dtype=pl.Decimal(18, places))


def to_dollars(cents: int) -> Decimal:
    """Cents as a Decimal of two places: 2879 -> Decimal('28.79')."""
    return Decimal(cents).scaleb(-2)


def to_cents(amount: str | Decimal) -> int:
    """Dollars as printed ('$1,234.50') in whole cents. Raises ValueError where it is no amount or has parts of a cent."""
    text = str(amount).strip().replace("$", "").replace(",", "")
    try:
        cents = Decimal(text).scaleb(2)
    except ArithmeticError:
        raise ValueError(f"{str(amount)!r} is not an amount of money") from None
    if not cents.is_finite() or cents != cents.to_integral_value():
        raise ValueError(f"{str(amount)!r} is not a whole number of cents")
    return int(cents)


def scaled(text: str, scale: int) -> int:
    """A decimal text as an exact scaled integer: ('32.3465', 10_000) -> 323465. Raises ValueError where it does not fit."""
    try:
        number = Decimal(text.strip()) * scale
    except ArithmeticError:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite() or number != number.to_integral_value():
        raise ValueError(f"{text!r} has more decimals than one part in {scale:,}")
    return int(number)


def show(cents: int) -> str:
    """Cents as people read them: 123456 -> '$1,234.56', -123456 -> '-$1,234.56'."""
    return f"{'-' if cents < 0 else ''}${to_dollars(abs(cents)):,}"
