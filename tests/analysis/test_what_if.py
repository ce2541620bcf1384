"""A schedule with another factor or without the work floor: to the cent by hand, and nothing of it leaks."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import polars as pl
import pytest

from feecalc.analysis.what_if import altered
from feecalc.api import OpenSchedule
from feecalc.errors import InputError, NotLoadedError

ON = "2026-07-01"
FACTORS = (328_409, 331_693)
ALABAMA = {"locality": "10112-00"}


def dollars(fraction):
    return (Decimal(fraction.numerator) / Decimal(fraction.denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def by_hand(rvus, gpcis, factor):
    total = sum(Fraction(rvu, 100) * Fraction(gpci, 1000) for rvu, gpci in zip(rvus, gpcis, strict=True))
    return dollars(total * Fraction(factor, 10_000))


def row(opened, code, release="2026C"):
    table = opened.schedule.table(release, "pprrvu").filter(pl.col("hcpcs") == code, pl.col("modifier") == "")
    return table.select("work", "pe_nonfacility", "mp").row(0)


@pytest.mark.parametrize("code", ["97110", "97530", "99213", "99214", "20610"])
@pytest.mark.parametrize(("qp", "factor"), [(False, FACTORS[0]), (True, FACTORS[1])])
def test_another_factor_by_hand(opened, code, qp, factor):
    what_if = OpenSchedule(altered(opened.schedule, FACTORS))
    answer = what_if.price(code, date=ON, qp=qp)
    assert answer.row["_fee"] == 100 * by_hand(row(opened, code), (1000, 1000, 1000), factor)
    assert answer.row["_factor"] == factor


def test_the_factor_holds_for_every_date(opened):
    what_if = OpenSchedule(altered(opened.schedule, FACTORS))
    for date in ("2020-01-01", "2024-03-08", "2024-03-09", "2025-12-31", "2026-01-01"):
        assert what_if.price("99213", date=date).row["_factor"] == FACTORS[0]
        assert what_if.price("99213", date=date, qp=True).row["_factor"] == FACTORS[1]


def test_without_the_floor_by_hand(opened):
    # Alabama 2026: work 1.000 with the floor and 0.988 without it (CMS, GPCI January 2026).
    gpci = opened.schedule.table("2026A", "gpci").filter(pl.col("mac") == "10112")
    assert gpci.select("work", "work_unfloored").row(0) == (1000, 988)
    # The July file, which serves the whole year, prints no such column: January's stands in, place by place.
    pe, mp = opened.schedule.table("2026C", "gpci").filter(pl.col("mac") == "10112").select("pe", "mp").row(0)
    what_if = OpenSchedule(altered(opened.schedule, work_floor=False))
    for date in ("2026-01-01", ON):
        for code in ("99213", "97530"):
            expected = by_hand(row(opened, code), (988, pe, mp), 334_009)
            assert what_if.price(code, date=date, **ALABAMA).row["_fee"] == 100 * expected
            assert opened.price(code, date=date, **ALABAMA).row["_fee"] > 100 * expected


def test_both_at_once(opened):
    what_if = OpenSchedule(altered(opened.schedule, FACTORS, work_floor=False))
    pe, mp = opened.schedule.table("2026C", "gpci").filter(pl.col("mac") == "10112").select("pe", "mp").row(0)
    answer = what_if.price("97530", date=ON, **ALABAMA)
    assert answer.row["_fee"] == 100 * by_hand(row(opened, "97530"), (988, pe, mp), FACTORS[0])


def test_where_the_floor_does_not_reach_nothing_changes(opened):
    what_if = OpenSchedule(altered(opened.schedule, work_floor=False))
    for place in ({"zip": "94110"}, {"locality": "02102-01"}, {}):  # San Francisco; Alaska's floor of 1.5 is another law
        assert what_if.price("99213", date=ON, **place).row["_fee"] == opened.price("99213", date=ON, **place).row["_fee"]


def test_a_year_without_such_gpcis_is_refused(opened):
    what_if = OpenSchedule(altered(opened.schedule, work_floor=False))
    with pytest.raises(NotLoadedError, match=r"2025D.*no work GPCIs without the floor for 2025"):
        what_if.price("99213", date="2025-10-15", **ALABAMA)


def test_nothing_leaks_either_way(opened):
    lines = pl.DataFrame(
        {
            "hcpcs": ["99213", "97110", "00100", "93000"] * 800,
            "service_date": dt.date(2026, 7, 1),
            "mac": "10112",
            "locality": "00",
            "minutes": 30,
        }
    )
    before = opened.price_lines(lines)
    base = opened.schedule
    what_ifs = [OpenSchedule(altered(base, FACTORS)), OpenSchedule(altered(base, work_floor=False))]
    answers = [one.price_lines(lines) for one in what_ifs]
    assert not answers[0]["allowed"].equals(before["allowed"])
    assert not answers[1]["allowed"].equals(before["allowed"])
    assert OpenSchedule(base).price_lines(lines).equals(before)
    assert opened.price_lines(lines).equals(before)
    again = [OpenSchedule(altered(base, FACTORS)), OpenSchedule(altered(base, work_floor=False))]
    assert all(one.price_lines(lines).equals(answer) for one, answer in zip(again, answers, strict=True))
    assert base.calendar["factor"].drop_nulls().max() != FACTORS[0]
    assert base.table("2026C", "gpci").filter(pl.col("mac") == "10112")["work"].item() == 1000


def test_anesthesia_keeps_its_own_factor(opened):
    what_if = OpenSchedule(altered(opened.schedule, FACTORS))
    asked = {"date": ON, "minutes": 45, "modifiers": "AA", **ALABAMA}
    assert what_if.price("00100", **asked).row["_allowed"] == opened.price("00100", **asked).row["_allowed"]


def test_nothing_altered_is_the_schedule_itself(opened):
    assert altered(opened.schedule) is opened.schedule


@pytest.mark.parametrize("factors", [(0, 331_693), (328_409, -1)])
def test_a_factor_that_is_none(opened, factors):
    with pytest.raises(InputError, match="above 0"):
        altered(opened.schedule, factors)


def test_an_altered_schedule_may_be_altered_again(opened):
    twice = OpenSchedule(altered(altered(opened.schedule, work_floor=False), FACTORS))
    once = OpenSchedule(altered(opened.schedule, FACTORS, work_floor=False))
    assert twice.price("99213", date=ON, **ALABAMA).row["_fee"] == once.price("99213", date=ON, **ALABAMA).row["_fee"]
