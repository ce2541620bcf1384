"""What common web pages say of therapy codes, and what feecalc answers: tests/cases/common_claims.toml."""

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from feecalc import guide, thresholds
from feecalc.edits import Edits
from feecalc.units import Treated, allocate

CASES = tomllib.loads((Path(__file__).resolve().parents[1] / "cases" / "common_claims.toml").read_text(encoding="utf-8"))


def cases(kind):
    return pytest.mark.parametrize("case", CASES[kind], ids=lambda case: case["claim"])


@pytest.fixture(scope="module")
def edits():
    return Edits.open()


@cases("price")
def test_prices(opened, case):
    quote = opened.price(case["code"], date=case["date"], units=case.get("units", 1))
    assert (quote.outcome, quote.reason) == (case["outcome"], case.get("reason"))
    if "allowed" in case:
        assert str(quote.allowed) == case["allowed"]
    if "release" in case:
        assert (quote.release.name, str(quote.conversion_factor)) == (case["release"], case["factor"])
    if "suggests" in case:
        assert case["suggests"] in quote.suggestions


@cases("extra")
def test_one_unit_more(opened, case):
    more, less = (opened.price(case["code"], date=case["date"], units=n) for n in (case["units"], case["units"] - 1))
    assert more.allowed - less.allowed == Decimal(case["allowed"])
    if "medicare" in case:
        told = [quote.as_dict() for quote in (more, less)]
        paid = [Decimal(one["medicare_share"]) - Decimal(one["sequestration"]) for one in told]
        assert paid[0] - paid[1] == Decimal(case["medicare"])


@cases("day")
def test_days(opened, case):
    day = opened.price_day(case["asked"], date=case["date"])
    assert [str(quote.allowed) for quote in day.quotes] == case["allowed"]
    if "received" in case:
        assert str(day.total("received")) == case["received"]


@cases("unit")
def test_what_one_unit_is(case):
    entry = guide.about(case["code"])
    assert (entry.unit, entry.timed, entry.contact) == (case["unit"], case["timed"], case["contact"])


@cases("minutes")
def test_minutes(case):
    found = allocate([Treated(code, minutes) for code, minutes in case["minutes"].items()])
    assert found.units == case["units"]
    assert len(found.alternatives) == case.get("alternatives", 0)


@cases("pair")
def test_pairs(edits, case):
    found = edits.check([(code,) for code in case["codes"]], case["date"]).ptp
    assert [pair.indicator for pair in found] == ([case["indicator"]] if case["indicator"] else [])


@cases("threshold")
def test_thresholds(case):
    assert str(thresholds.kx(case["year"]).amount) == case["amount"]
