from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feecalc import money


@given(st.integers(0, 10**15), st.sampled_from([100, 10_000_000, 1_000_000_000]))
def test_half_up_is_decimal_half_up(numerator, denominator):
    ours = pl.select(money.half_up(pl.lit(numerator, dtype=pl.Int64), denominator)).item()
    exact = (Decimal(numerator) / denominator).quantize(Decimal(1), ROUND_HALF_UP)
    assert ours == exact


def test_a_tie_goes_up_where_half_even_would_not():
    assert pl.select(money.half_up(pl.lit(250), 100)).item() == 3
    assert pl.select(money.half_up(pl.lit(150), 100)).item() == 2


def test_half_up_refuses_an_odd_denominator():
    with pytest.raises(ValueError, match="even"):
        money.half_up(pl.lit(1), 3)


@given(st.integers(-(10**12), 10**12))
def test_cents_to_dollars_and_back(cents):
    dollars = money.to_dollars(cents)
    assert money.to_cents(dollars) == cents
    assert pl.select(money.dollars(pl.lit(cents, dtype=pl.Int64))).item() == dollars


@pytest.mark.parametrize("text", ["", "abc", "1.234", "NaN", "Infinity"])
def test_no_amount(text):
    with pytest.raises(ValueError, match="not"):
        money.to_cents(text)


def test_scaled_refuses_more_places_than_it_keeps():
    assert money.scaled(" 32.3465", 10_000) == 323_465
    with pytest.raises(ValueError, match="more decimals"):
        money.scaled("0.4567", 1_000)
