"""Visits: minutes to units to lines to money, with edits, modifiers and thresholds beside them."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from feecalc.edits import Edits
from feecalc.errors import InputError
from feecalc.visit import Item, Visit, price

ON = dt.date(2025, 10, 15)
THERAPY_DAY = Visit([Item("97530", minutes=15), Item("97110", minutes=30), Item("97140", minutes=15)], ON)


@pytest.fixture(scope="module")
def edits():
    return Edits.open()


@pytest.fixture
def priced(opened, edits):
    return lambda visit: price(visit, opened, edits)


def lines(found):
    return [(line.code, line.units, " ".join(line.modifiers)) for line in found.lines]


# What it pays ---------------------------------------------------------------------------------------------------------------


def test_the_therapy_day_by_its_minutes(priced):
    found = priced(THERAPY_DAY)
    assert lines(found) == [("97530", 1, "GP"), ("97110", 2, "GP"), ("97140", 1, "GP")]
    assert [str(found.day.total(name)) for name in ("allowed", "coinsurance", "received")] == ["98.97", "19.79", "97.39"]
    falls = {fall.label: fall.cents for fall in found.day.waterfall}
    assert falls["List price"] == 11936
    assert falls["Received"] == 9739
    assert found.edits.ptp == ()
    assert found.findings == ()
    assert found.by_discipline == {"PT": Decimal("98.97")}


def test_an_assistant_changes_modifiers_and_receipts_and_not_what_is_allowed(priced):
    found = priced(replace(THERAPY_DAY, treated_by="assistant"))
    assert {modifiers for _, _, modifiers in lines(found)} == {"GP CQ"}
    assert str(found.day.total("allowed")) == "98.97"
    assert str(found.day.total("received")) == "85.76"
    assert str(found.day.total("medicare_share") - found.day.total("sequestration")) == "65.97"


def test_only_the_units_that_an_assistant_furnished_take_the_modifier(priced):
    found = priced(Visit([Item("97110", minutes=30, assistant_minutes=15)], ON))
    assert lines(found) == [("97110", 1, "GP"), ("97110", 1, "GP CQ")]
    assert str(found.day.total("allowed")) == "50.62"  # 28.79 + 21.83


def test_an_untimed_service_without_minutes_is_theirs_who_treated(priced):
    visit = Visit([Item("97150"), Item("97110", minutes=15)], ON, treated_by="assistant")
    assert lines(priced(visit)) == [("97150", 1, "GP CQ"), ("97110", 1, "GP CQ")]
    assert lines(priced(replace(visit, treated_by="therapist"))) == [("97150", 1, "GP"), ("97110", 1, "GP")]


def test_codes_of_other_times_are_given_in_units(priced):
    assert lines(priced(Visit([Item("96125", units=2)], ON, discipline="SLP"))) == [("96125", 2, "GN")]


def test_any_codes_price_together(priced):
    """An office visit with an injection and an x-ray of the knee: the visit needs no minutes, the joint no therapist."""
    found = priced(Visit([Item("99213", modifiers=("25",)), Item("20610", modifiers=("RT",)), Item("73562")], ON, zip="35203"))
    assert lines(found) == [("99213", 1, "25"), ("20610", 1, "RT"), ("73562", 1, "")]
    assert found.units == {}
    assert found.totals == {}
    assert all(quote.outcome == "priced" for quote in found.day.quotes)
    assert found.by_discipline == {"": found.day.total("allowed")}
    assert found.day.total("allowed") == sum(quote.allowed for quote in found.day.quotes)


def test_two_disciplines_make_units_of_their_own_and_share_one_reduction(priced):
    items = [Item("97110", minutes=20, discipline="PT"), Item("97535", minutes=20, discipline="OT"), Item("97140", minutes=7)]
    found = priced(Visit(items, ON))
    assert lines(found) == [("97110", 1, "GP"), ("97535", 1, "GO"), ("97140", 1, "GP")]  # 27 minutes of PT, 20 of OT
    assert sum(found.by_discipline.values()) == found.day.total("allowed")
    assert set(found.totals) == {"pt_slp", "ot"}
    first = [quote for quote in found.day.quotes if quote.row["_first_count"]]
    assert [quote.hcpcs for quote in first] == ["97535"]  # the highest practice expense of the day, of either discipline


def test_one_of_the_equally_right_ways_may_be_chosen(priced):
    visit = Visit([Item("97110", minutes=20), Item("97140", minutes=20)], ON)
    assert lines(priced(visit)) == [("97110", 2, "GP"), ("97140", 1, "GP")]
    assert priced(visit).units["PT"].alternatives == [{"97110": 1, "97140": 2}]
    chosen = priced(replace(visit, choice={"97110": 1, "97140": 2}))
    assert lines(chosen) == [("97110", 1, "GP"), ("97140", 2, "GP")]
    assert chosen.units["PT"].alternatives == [{"97110": 2, "97140": 1}]
    with pytest.raises(InputError, match="97110"):
        priced(replace(visit, choice={"97110": 3, "97140": 0}))


def test_the_midpoint_rule_makes_other_units(priced):
    visit = Visit([Item("97110", minutes=20), Item("97140", minutes=20)], ON, rule="midpoint")
    assert lines(priced(visit)) == [("97110", 1, "GP"), ("97140", 1, "GP")]


def test_charges_are_for_a_unit(priced):
    found = priced(Visit([Item("97110", minutes=30, charge="$20.00")], ON))
    assert str(found.day.total("allowed")) == "40.00"


# What else is said ----------------------------------------------------------------------------------------------------------


def test_an_edited_pair_is_told_with_what_is_at_stake(priced):
    found = priced(Visit([Item("97530", minutes=15), Item("97537", minutes=15)], dt.date(2024, 8, 1)))
    (stake,) = found.stakes
    assert {stake.pair.column1, stake.pair.column2} == {"97530", "97537"}
    assert stake.pair.indicator == "1"
    assert stake.pair.quarter == "2024Q3"
    alone = priced(Visit([Item(stake.pair.column1, minutes=15)], dt.date(2024, 8, 1)))
    assert stake.dollars == found.day.total("allowed") - alone.day.total("allowed")
    assert stake.dollars > 0
    assert not any("add 59" in said.lower() for said in (stake.pair.sentence, stake.pair.modifiers))


def test_the_year_crosses_the_threshold_on_a_line(priced):
    found = priced(replace(THERAPY_DAY, allowed_so_far={"PT": "2000", "SLP": "350"}))
    total = found.totals["pt_slp"]
    assert str(total.before) == "2350.00"
    assert total.kx.first_line == 2
    assert [finding.line for finding in found.findings if finding.code == "kx_missing"] == [2, 3]
    assert not priced(THERAPY_DAY).findings  # nobody said what was allowed before


def test_modifiers_that_do_not_fit_are_told(priced):
    found = priced(replace(THERAPY_DAY, provider_type="OT"))
    assert {finding.code for finding in found.findings} == {"discipline_of_provider"}
    found = priced(Visit([Item("97110", units=1, modifiers=("CO",))], ON))
    assert "assistant_without_discipline" in {finding.code for finding in found.findings}
    found = priced(Visit([Item("97150", units=3)], ON))
    assert [finding.code for finding in found.findings] == ["units_group"]


def test_a_line_that_is_not_priced_keeps_the_others(priced):
    found = priced(Visit([Item("97010", units=1), Item("97110", minutes=15), Item("97353", units=1)], ON))
    outcomes = {quote.hcpcs: quote.outcome for quote in found.day.quotes}
    assert outcomes == {"97010": "zero", "97110": "priced", "97353": "cannot_price"}
    assert "97535" in found.day.quotes[2].suggestions
    assert found.day.asks


# Bad input ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visit", "said"),
    [
        (Visit([], ON), "no codes"),
        (Visit([Item("96125", minutes=60)], ON, discipline="SLP"), "give its units"),
        (Visit([Item("97110")], ON), "billed by the minute"),
        (Visit([Item("97110", minutes=30, units=2)], ON), "minutes and units"),
        (Visit([Item("97110", minutes=7)], ON), "make no unit"),
        (Visit([Item("97110", minutes=-1)], ON), "whole number"),
        (Visit([Item("97110", minutes="30")], ON), "whole number"),
        (Visit([Item("97110", minutes=30, assistant_minutes=31)], ON), "97110"),
        (Visit([Item("97110", units=0)], ON), "0 units"),
        (Visit([Item("97110", minutes=30)], ON, discipline="massage"), "massage"),
        (Visit([Item("97110", minutes=30)], ON, discipline=""), "give the visit's discipline"),
        (Visit([Item("97110", minutes=30, charge="much")], ON), "'much' is not an amount of money"),
        (Visit([Item("97110", minutes=30)], ON, deductible_left="much"), "deductible still open: 'much'"),
        (Visit([Item("97110", minutes=30)], ON, deductible_left="-1"), "below 0"),
        (Visit([Item("97110", minutes=30)], ON, treated_by="nobody"), "nobody"),
        (Visit([Item("97110", minutes=30)], ON, rule="quarter"), "quarter"),
        (Visit([Item("97110", minutes=30), Item("97140", minutes=30)], ON, visit_minutes=45), "60"),
        (Visit([Item("97110", minutes=1441)], ON), "1,441|1441|24"),
        (Visit([Item("92507", minutes=30, assistant_minutes=5)], ON, discipline="SLP"), "SLP"),
    ],
)
def test_what_cannot_be_is_refused(priced, visit, said):
    with pytest.raises(InputError, match=said):
        priced(visit)


def test_a_code_that_stands_twice_makes_its_units_once(priced):
    found = priced(Visit([Item("97110", minutes=10), Item("97140", minutes=15), Item("97110", minutes=20)], ON))
    assert lines(found) == [("97110", 2, "GP"), ("97140", 1, "GP")]


def test_what_is_at_stake_is_the_day_without_the_second_column(priced, opened):
    codes = [Item(code, minutes=15) for code in ("97530", "97110", "97112", "97537")] + [Item("97150"), Item("98940")]
    found = priced(Visit(codes, dt.date(2024, 8, 1), deductible_left="100"))
    assert len(found.stakes) > 5
    for stake in found.stakes:
        rest = [line for n, line in enumerate(found.lines, 1) if n not in stake.pair.lines2]
        less = opened.price_day(rest, date="2024-08-01", deductible_left="100")
        assert stake.dollars == found.day.total("allowed") - less.total("allowed"), stake.pair.sentence
