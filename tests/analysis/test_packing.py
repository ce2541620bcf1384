"""Therapy units without visits: the bounds of the reduction against every packing there is, and the estimate between them."""

import itertools
import random
from functools import cache

import polars as pl
import pytest

from feecalc.analysis.packing import Packing, Pools
from feecalc.errors import InputError
from feecalc.therapy_codes import units as unit_kinds

ONCE = "97161"
CODES = [ONCE, "97530", "97112", "97110", "97140"]


def every_packing(counts, saved, packing, limits):
    """The least and the most that leaders save over all packings, by trying them: visits are multisets of units."""
    visits, most_units = packing.visits(sum(counts)), packing.most_units
    ranges = [range(min(limit, count) + 1) for limit, count in zip(limits, counts, strict=True)]
    possible = [visit for visit in itertools.product(*ranges) if 0 < sum(visit) <= most_units]

    def leader(visit):
        return next(saving for saving, units in zip(saved, visit, strict=True) if units)

    @cache
    def rest(left, open_visits, start):
        if not open_visits:
            return None if any(left) else (0, 0)
        found = []
        for place in range(start, len(possible)):
            visit = possible[place]
            if all(units <= here for units, here in zip(visit, left, strict=True)):
                after = rest(tuple(a - b for a, b in zip(left, visit, strict=True)), open_visits - 1, place)
                if after is not None:
                    found.append((leader(visit) + after[0], leader(visit) + after[1]))
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None

    return rest(tuple(counts), visits, 0)


def limits_of(codes, counts, packing):
    """The rule in words: one of a code given once, else room for the other codes; more only where the pool forces it."""
    visits = packing.visits(sum(counts))
    usual = [1 if code == ONCE else packing.most_of_a_code for code in codes]
    return [max(limit, -(-count // visits)) for limit, count in zip(usual, counts, strict=True)]


def items(codes, counts, saved, pool=0):
    return pl.DataFrame({"pool": pool, "hcpcs": codes, "units": counts, "key": saved, "tie": saved, "saved": saved})


def cases(seed, wanted):
    chance = random.Random(seed)
    while wanted:
        kinds = chance.randint(1, 5)
        packing = Packing(chance.choice([1, 2, 3, 4, "2.5", "3.5"]), 1)
        codes_per_visit = min(chance.choice([1, 1, 2, 3, "1.5"]), packing.units_per_visit, key=float)
        packing = Packing(packing.units_per_visit, codes_per_visit)
        counts = [chance.randint(1, 5) for _ in range(kinds)]
        if sum(counts) <= 12:
            wanted -= 1
            saved = sorted(chance.sample(range(100, 1_500), kinds), reverse=True)
            yield chance.sample(CODES, kinds), counts, saved, packing


def test_that_an_evaluation_is_given_once():
    assert unit_kinds()[ONCE].once
    assert not unit_kinds()["97110"].once


def test_the_bounds_against_every_packing():
    reached = tried = 0
    for codes, counts, saved, packing in cases(seed=5, wanted=250):
        pools = Pools(items(codes, counts, saved), packing)
        least, most = pools.least_and_most("saved")
        full = sum(count * saving for count, saving in zip(counts, saved, strict=True))
        found = every_packing(counts, saved, packing, limits_of(codes, counts, packing))
        assert found is not None, (codes, counts, packing)
        assert least == full - found[1], (codes, counts, saved, packing)
        assert most >= full - found[0], (codes, counts, saved, packing)
        tried += 1
        reached += most == full - found[0]
    assert reached >= 0.9 * tried  # never below the most there is, and nearly always just that


def test_without_limits_on_a_code_the_most_is_reached_always():
    for _, counts, saved, packing in cases(seed=8, wanted=150):
        packing = Packing(packing.units_per_visit, 1)
        codes = [code for code in CODES if code != ONCE][: len(counts)]
        counts, saved = counts[: len(codes)], saved[: len(codes)]
        full = sum(count * saving for count, saving in zip(counts, saved, strict=True))
        low, high = every_packing(counts, saved, packing, [sum(counts)] * len(counts))
        assert Pools(items(codes, counts, saved), packing).least_and_most("saved") == (full - high, full - low)


def test_the_estimate_leads_every_visit_and_lies_between_the_bounds():
    for codes, counts, saved, packing in cases(seed=13, wanted=200):
        pools = Pools(items(codes, counts, saved), packing)
        led = dict(pools.codes.select("hcpcs", "leaders").iter_rows())
        assert sum(led.values()) == packing.visits(sum(counts)) == pools.visits()
        assert all(0 <= led[code] <= count for code, count in zip(codes, counts, strict=True))
        taken = sum((count - led[code]) * saving for code, count, saving in zip(codes, counts, saved, strict=True))
        least, most = pools.least_and_most("saved")
        assert least <= taken <= most


def test_the_estimate_is_that_of_codes_drawn_at_random():
    counts, saved = [300, 300, 400], [900, 800, 700]
    codes = ["97530", "97112", "97110"]
    # Of 250 visits 1 - 0.7^1.5 have the first code (103.6), and 1 - 0.4^1.5 the first or the second (186.8).
    assert Pools(items(codes, counts, saved), Packing(4, "1.5")).codes["leaders"].to_list() == [104, 83, 63]
    # With three codes a visit none has more than two units of the last, so that all have one of the others.
    assert Pools(items(codes, counts, saved), Packing(4, 3)).codes["leaders"].to_list() == [164, 86, 0]


def test_pools_do_not_touch_each_other():
    one = items(["97530", "97110"], [5, 7], [900, 700])
    other = items(["97112", "97140"], [3, 8], [800, 650], pool=1)
    packing = Packing("3.5", 2)
    apart = [Pools(frame, packing).least_and_most("saved") for frame in (one, other)]
    both = Pools(pl.concat([other, one]), packing)
    assert both.least_and_most("saved") == tuple(map(sum, zip(*apart, strict=True)))
    assert both.visits() == 4 + 4


def test_lines_that_tie_take_the_order_that_is_further_out():
    # One code, half of it by assistants, for whom the practice receives less: nobody knows whose unit is paid in full.
    frame = pl.DataFrame(
        {"pool": 0, "hcpcs": "97110", "units": [4, 4], "key": 43, "tie": 2879, "allowed": [696, 696], "received": [686, 604]}
    )
    pools = Pools(frame, Packing(4, 1))
    assert pools.least_and_most("allowed") == (6 * 696, 6 * 696)
    full = 4 * 686 + 4 * 604
    assert pools.least_and_most("received") == (full - 2 * 686, full - 2 * 604)


def test_an_amount_out_of_order_widens_the_bounds():
    # Ranked by practice expense; rounding has made the first one's saving the smaller.
    frame = pl.DataFrame(
        {"pool": 0, "hcpcs": ["97530", "97112"], "units": [2, 2], "key": [50, 49], "tie": [9, 8], "saved": [100, 101]}
    )
    low, high = every_packing([2, 2], [100, 101], Packing(2, 1), [4, 4])
    least, most = Pools(frame, Packing(2, 1)).least_and_most("saved")
    assert least <= 402 - high
    assert most >= 402 - low


def test_no_therapy_at_all():
    pools = Pools(
        items([], [], []).with_columns(pl.col("hcpcs").cast(pl.String), pl.exclude("hcpcs").cast(pl.Int64)), Packing()
    )
    assert pools.least_and_most("saved") == (0, 0)
    assert pools.visits() == 0


@pytest.mark.parametrize(
    ("units", "codes"), [(0, 1), ("0.5", 1), (101, 1), (4, 5), (4, "0.9"), ("many", 1), (4, "1/0"), (float("nan"), 1)]
)
def test_settings_that_are_none(units, codes):
    with pytest.raises(InputError):
        Packing(units, codes)


def test_settings_as_people_write_them():
    packing = Packing("3.5", 2)
    assert (packing.visits(7), packing.visits(8), packing.most_units, packing.most_of_a_code) == (2, 3, 4, 3)
    assert str(packing) == "3.5 units and 2 codes a visit"
    assert Packing(3.3, 1.1).visits(33) == 10  # a float counts as it is printed
