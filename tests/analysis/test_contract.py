"""Contracts against Medicare, by hand: each rule's cents, what goes before what, what is refused, and what is never guessed.

The amounts a unit are those of the worked examples of the payment rules: 2025 national 97110 28.79 and 21.83 behind another
unit, 97530 34.61 / 24.58, 97140 27.17 / 20.70, 99213 88.95; 2026 national 97110 29.06 / 22.21, 99213 95.19.
"""

import datetime as dt
import itertools
import json
import random
import time
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

from feecalc import policy
from feecalc.analysis import contract as module
from feecalc.analysis import contract_rows, contracts_file
from feecalc.analysis.contract import CarveOut, Contract, Rate, compare, family
from feecalc.analysis.contract_terms import Book, Span, by_payer, spans
from feecalc.analysis.contracts_file import (
    as_dict,
    dumps,
    from_dict,
    load,
    loads,
    read_fees,
    sample,
    save,
    with_fees,
)
from feecalc.analysis.mix import SCHEMA, Mix, read_mix, samples
from feecalc.analysis.packing import Packing
from feecalc.analysis.revenue import Basis, price
from feecalc.errors import InputError, NotLoadedError

ON = dt.date(2025, 10, 15)
NATIONAL = Basis(date=ON)
VISIT = ("97530,1,V,2025-10-15", "97110,2,V,2025-10-15", "97140,1,V,2025-10-15")
ALABAMA = "35203"


def mix(*lines, header="CPT,Units,Payer"):
    return read_mix("\n".join([header, *lines]).encode(), "a.csv", {"year": "2025"})


def of_acme(*lines, header="CPT,Units"):
    """Rows of the payer Acme."""
    return mix(*(f"{line},Acme" for line in lines), header=f"{header},Payer")


def acme(**terms):
    return Contract("Acme", **terms)


def found_of(opened, rows, contract, basis=NATIONAL, **more):
    return compare(rows, [contract], opened, basis, **more)


def column(found, name):
    return found.rows[name].to_list()


# Terms and what goes before what ---------------------------------------------------------------------------------------


def test_a_fee_goes_before_a_rate_and_a_rate_for_fewer_codes_before_one_for_more():
    contract = acme(
        default=105,
        rates=[Rate("97010-97799", 110), Rate("97110-97150", "112.5"), Rate("97112", 90), Rate(["99202-99215", "98966"], 125)],
        carve_outs=[
            CarveOut("97140, 97150", fee="33.10"),
            CarveOut("97545-97546", charge_percent=60),
            CarveOut("97014", not_covered=True),
        ],
    )
    said = {
        code: contract.term(code) for code in ("97110", "97112", "97140", "97535", "99213", "98966", "20610", "97546", "97014")
    }
    assert {code: (term.how, term.number) for code, term in said.items()} == {
        "97110": ("percent", 1_125_000),
        "97112": ("percent", 900_000),
        "97140": ("fee", 3310),
        "97535": ("percent", 1_100_000),
        "99213": ("percent", 1_250_000),
        "98966": ("percent", 1_250_000),
        "20610": ("percent", 1_050_000),
        "97546": ("charge", 600_000),
        "97014": ("not_covered", 0),
    }
    assert said["97110"].rule == "112.5 % of Medicare: 97110-97150"
    assert said["97140"].rule == "fee $33.10: 97140"
    assert acme().term("97110") == ("none", 0, "", "no_rate")


@pytest.mark.parametrize(
    ("one", "other"),
    [("97010-97140", "97110-97799"), ("97110-97140", "97110-97140"), ("97110", "97110"), ("J0100-J0500", "J0400-J0600")],
)
def test_ranges_of_which_neither_is_the_narrower_are_refused_with_both_named(one, other):
    for make in (
        lambda a, b: acme(rates=[Rate(a, 110), Rate(b, 120)]),
        lambda a, b: acme(carve_outs=[CarveOut(a, fee=30), CarveOut(b, not_covered=True)]),
    ):
        for pair in ((one, other), (other, one)):
            with pytest.raises(InputError, match="Contract with Acme") as error:
                make(*pair)
            assert one in str(error.value)
            assert other in str(error.value)


def test_ranges_that_touch_or_lie_within_each_other_are_fine():
    acme(rates=[Rate("97010-97139", 110), Rate("97140-97799", 120), Rate("97110-97112", 130), Rate("97110-97111", 140)])
    book = Book(
        [(Span.parse(text), text) for text in ("10000-19999", "10000-10009", "10005-10006", "19990-19999", "10006")], "x"
    )
    assert [book.find(code)[1] for code in ("10006", "10005", "10001", "12000", "19995")] == [
        "10006", "10005-10006", "10000-10009", "10000-19999", "19990-19999",
    ]  # fmt: skip
    assert book.find("20000") is None
    assert book.find("1000T") is None


def test_every_code_finds_the_narrowest_of_nested_ranges():
    chance = random.Random(3)
    for _ in range(40):
        kept = []
        for _ in range(30):
            low = chance.randint(0, 400)
            span = Span(f"{low:05}", f"{min(low + chance.choice([0, 1, 5, 40, 200]), 500):05}")
            try:
                Book([(one, one) for one in [*kept, span]], "rates")
                kept.append(span)
            except InputError:
                continue
        book = Book([(one, one) for one in kept], "rates")
        for number in range(0, 501, 7):
            code = f"{number:05}"
            holding = [one for one in kept if one.first <= code <= one.last]
            narrowest = min(holding, key=lambda one: one.width, default=None)
            assert (book.find(code) or (None,))[0] == narrowest


@pytest.mark.parametrize("text", ["9711", "97110-9714", "97140-97110", "97110-J9999", "ABCDE", "", "97110 to 97140", 97110])
def test_codes_that_are_none(text):
    with pytest.raises(InputError):
        spans(text)


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"default": 112.5}, "default must be a whole number or a text"),
        ({"default": 0}, "above 0"),
        ({"default": "1,05"}, "percent such as"),
        ({"default": "110.00001"}, "four places"),
        ({"default": 1001}, "at most 1,000"),
        ({"default": True}, "default must be"),
        ({"rounding": "dime"}, "cent or dollar"),
        ({"same_day": "no"}, "same_day must be true or false"),
        ({"medicare": "last year"}, "a year (2025)"),
        ({"medicare": "2025-02-30"}, "a year (2025)"),
        ({"place": "Alabama"}, "place must be a ZIP code"),
        ({"setting": "office"}, "facility or nonfacility"),
        ({"patient_share": 120}, "at most 100"),
        ({"also": [" "]}, "other names"),
        ({"note": 3}, "note must be a text"),
    ],
)
def test_a_contract_that_is_none(terms, says):
    with pytest.raises(InputError, match="Contract with Acme") as error:
        acme(**terms)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"codes": "97110"}, "must be one of a fee"),
        ({"codes": "97110", "fee": 3, "not_covered": True}, "must be one of a fee"),
        ({"codes": "97110", "fee": 0}, "above 0"),
        ({"codes": "97110", "fee": 35.5}, "dollars such as"),
        ({"codes": "97110", "fee": "35.505"}, "whole number of cents"),
        ({"codes": "97110", "not_covered": True, "modifiers": "26"}, "only a fixed fee"),
        ({"codes": "97110", "fee": 3, "modifiers": "GPX"}, "two letters"),
    ],
)
def test_a_carve_out_that_is_none(given, says):
    with pytest.raises(InputError, match=says):
        CarveOut(**given)


def test_a_payer_has_one_contract():
    with pytest.raises(InputError, match="Two contracts are for ACME"):
        by_payer([acme(), Contract("Other", also=("ACME",))])
    with pytest.raises(InputError, match="payer's name"):
        Contract(" ")


# Percent of Medicare ---------------------------------------------------------------------------------------------------


def test_a_percent_of_medicare_to_the_cent(opened):
    """110 % of 28.79 is 31.669, of 34.61 38.071; 125 % of 88.95 is 111.1875; 105 % of 27.17 is 28.5285."""
    contract = acme(default=105, rates=[Rate("97110-97112", 110), Rate("97530", 110), Rate("99202-99215", 125)], same_day=False)
    found = found_of(opened, of_acme("97110,1", "97530,3", "99213,2", "97140,10"), contract)
    assert column(found, "unit") == [3167, 3807, 11119, 2853]
    assert column(found, "allowed") == [3167, 3 * 3807, 2 * 11119, 10 * 2853]
    assert column(found, "rule")[3] == "105 % of Medicare: all other codes"
    assert column(found, "family") == [
        *["Physical and occupational therapy"] * 2,
        "Visits and care management",
        family("97140"),
    ]


@pytest.mark.parametrize(
    ("percent", "units", "cent", "dollar"),
    [
        ("100", 1, 8895, 8900),
        ("99.4940", 1, 8850, 8800),  # 88.499913
        ("99.4941", 1, 8850, 8900),  # 88.500002
        ("0.0001", 1, 0, 0),
        ("1000", 3, 3 * 88950, 3 * 89000),
    ],
)
def test_amounts_of_a_unit_are_rounded_once_halves_up(opened, percent, units, cent, dollar):
    rows = of_acme(f"99213,{units}")
    assert column(found_of(opened, rows, acme(default=percent)), "allowed") == [cent]
    assert column(found_of(opened, rows, acme(default=percent, rounding="dollar")), "allowed") == [dollar]


def test_a_half_is_rounded_up(opened):
    """150 % of 88.95 is 133.425, a tie."""
    assert column(found_of(opened, of_acme("99213,1"), acme(default=150)), "unit") == [13343]
    assert column(found_of(opened, of_acme("99213,-2"), acme(default=150)), "allowed") == [-2 * 13343]


def test_rounding_agrees_with_exact_fractions(opened):
    chance = random.Random(5)
    codes = ["97110", "97530", "99213", "20610", "71046", "93000"]
    national = {row["hcpcs"]: row["fee"] for row in price(mix(*(f"{c},1,X" for c in codes)), NATIONAL, opened).rows.to_dicts()}
    for _ in range(8):
        percent = Decimal(chance.randint(1, 3_000_000)).scaleb(-4)
        found = found_of(opened, of_acme(*(f"{code},1" for code in codes)), acme(default=percent, same_day=False))
        exact = [Fraction(national[code]) * Fraction(percent) / 100 for code in codes]
        assert column(found, "unit") == [int(amount + Fraction(1, 2)) for amount in exact]


def test_the_medicare_of_another_year_place_setting_and_factor(opened):
    rows = of_acme("99213,1")
    at = Basis(date=dt.date(2026, 7, 1))

    def unit(**terms):
        found = found_of(opened, rows, acme(default=100, **terms), at)
        assert column(found, "medicare") == [9519]  # what it is compared with stays
        return column(found, "unit")[0]

    assert unit() == 9519
    assert unit(medicare=2025) == unit(medicare="2025D") == unit(medicare=dt.date(2025, 12, 31)) == 8895
    assert unit(place=ALABAMA) == unit(place="10112-00") == unit(place="AL") == 8779
    assert unit(medicare="2025", place="01112-05") == 10915
    assert unit(setting="facility") == 5745
    assert unit(qp=True) == 9567
    assert found_of(opened, rows, acme(default=100, medicare=2025), at).payers["rate"].to_list() == [9344]
    with pytest.raises(NotLoadedError, match="Medicare of 2031 is not loaded"):
        found_of(opened, rows, acme(default=100, medicare=2031))


def test_a_contract_without_a_year_follows_what_it_is_compared_with(opened):
    rows = of_acme("99213,1,2025-03-01", "99213,1,2026-03-01", header="CPT,Units,DOS")
    found = found_of(opened, rows, acme(default=200), Basis())
    assert column(found, "unit") == [2 * 8895, 2 * 9519]
    higher = found_of(opened, rows, acme(default=200), Basis(date=ON, factor=(350_000, 350_000)))
    assert column(higher, "unit") == [2 * 9625] * 2  # 2.75 RVUs
    pinned = found_of(opened, rows, acme(default=200, medicare="2025D"), Basis(date=ON, factor=(350_000, 350_000)))
    assert column(pinned, "unit") == [2 * 8895] * 2


def test_modifiers_and_caps_of_medicare_go_before_the_percent(opened):
    rows = of_acme("27447,1,50", "27447,1,80", "71046,1,26", header="CPT,Units,Mod")
    found = found_of(opened, rows, acme(default=200))
    assert column(found, "unit")[:2] == [2 * 188_645, 2 * 20_122]
    assert column(found, "unit")[2] == 2 * column(found, "medicare")[2] > 0


# The same day ----------------------------------------------------------------------------------------------------------


def in_visit(*lines, more=""):
    return of_acme(*lines, header=f"CPT,Units,Visit,DOS{more}")


def test_the_same_day_reduction_by_the_contract(opened):
    """Visit V of the reference: 110 % of 34.61, of 21.83 twice, and of 20.70; without the rule of 34.61, 28.79 twice, 27.17."""
    kept = found_of(opened, in_visit(*VISIT), acme(default=110))
    assert column(kept, "allowed") == [3807, 2 * 2401, 2277]
    assert kept.payers["compared"].to_list() == [10886]
    assert kept.payers["compared_medicare"].to_list() == [9897]
    assert kept.payers["rate"].to_list() == [10999]
    off = found_of(opened, in_visit(*VISIT), acme(default=110, same_day=False))
    assert column(off, "allowed") == [3807, 2 * 3167, 2989]
    assert off.payers["rate"].to_list() == [13267]  # 131.30 of 98.97
    for found in (kept, off):  # the visits are known, and nothing is estimated
        row = found.bounds.row(0, named=True)
        assert row["estimated_units"] == 0
        assert row["compared_low"] == row["compared_high"]
        assert row["rate_low"] == row["rate_high"] == found.payers["rate"][0]


def test_a_fixed_fee_has_no_same_day_reduction(opened):
    contract = acme(default=110, carve_outs=[CarveOut("97110", fee="31.00")])
    assert column(found_of(opened, in_visit(*VISIT), contract), "allowed") == [3807, 6200, 2277]


def test_units_without_visits_are_bounded(opened):
    """Ten units each of 97530 (10.03 less behind another) and 97110 (6.96 less), two units a visit: five to ten of the ten
    visits are led by 97530, so that the day takes 69.60 to 84.95 of 634.00.
    """
    rows = of_acme("97110,10,2025-03", "97530,10,2025-03", header="CPT,Units,Month")
    off = found_of(opened, rows, acme(default=100, same_day=False), packing=Packing(2, 1)).bounds.row(0, named=True)
    assert (off["medicare_low"], off["medicare_high"]) == (54905, 56440)
    assert off["compared_low"] == off["compared_high"] == 63400
    assert (off["rate_low"], off["rate_high"]) == (11233, 11548)  # 634.00 of 564.40, and of 549.05, rounded outward
    follow = found_of(opened, rows, acme(default=100), packing=Packing(2, 1)).bounds.row(0, named=True)
    assert (follow["compared_low"], follow["compared_high"]) == (54905, 56440)
    assert follow["rate_low"] == follow["rate_high"] == 10000
    assert follow["estimated_units"] == 20
    alone = found_of(opened, rows, acme(default=100), packing=Packing(1, 1)).bounds.row(0, named=True)
    assert alone["compared_low"] == alone["compared_high"] == 63400


@pytest.mark.parametrize("seed", range(6))
def test_the_bounds_hold_for_every_real_month(opened, seed):
    """Visits are drawn and priced as they were; then only the month's totals are told, and the true amounts must lie inside."""
    chance = random.Random(seed)
    codes, most = ["97110", "97112", "97140", "97530", "97116", "97535"], chance.choice([2, 3, 4])
    visits = [[chance.choice(codes) for _ in range(most)] for _ in range(chance.randint(4, 30))]
    charges = {code: chance.choice([20, 25, 30, 200]) for code in codes}
    rates = [Rate(code, chance.randint(60, 190)) for code in codes if chance.random() < 0.6]
    out = [CarveOut(code, fee=chance.randint(10, 50)) for code in ("97116",) if not any(str(r.codes[0]) == code for r in rates)]
    contract = acme(
        default=chance.randint(70, 160),
        rates=rates,
        carve_outs=out,
        same_day=seed % 3 > 0,
        lesser_of_charge=seed % 2 == 0,
        medicare=chance.choice([None, 2026, 2025]),
    )
    lines = []
    for number, one in enumerate(visits):
        for code in sorted(set(one)):
            count = one.count(code)
            lines.append(f"{code},{count},V{number},2025-03-03,{count * charges[code]}.00")
    true = found_of(opened, in_visit(*lines, more=",Charge"), contract).payers.row(0, named=True)
    sums = {code: sum(one.count(code) for one in visits) for code in codes}
    months = [f"{code},{count},2025-03,{count * charges[code]}.00" for code, count in sums.items() if count]
    told = found_of(opened, of_acme(*months, header="CPT,Units,Month,Charge"), contract, packing=Packing(most, 1))
    bounds = told.bounds.row(0, named=True)
    assert bounds["estimated_units"] == sum(sums.values())
    assert bounds["compared_low"] <= true["compared"] <= bounds["compared_high"]
    assert bounds["medicare_low"] <= true["compared_medicare"] <= bounds["medicare_high"]
    assert bounds["rate_low"] - 1 <= true["rate"] <= bounds["rate_high"] + 1
    estimate = told.payers.row(0, named=True)
    assert bounds["compared_low"] <= estimate["compared"] <= bounds["compared_high"]
    assert bounds["rate_low"] - 1 <= estimate["rate"] <= bounds["rate_high"] + 1


def test_a_flat_percent_is_bounded_by_its_own_rounding(opened):
    """Both amounts are reduced by the same visits: a flat 120 % is 120 %, whatever they were."""
    rows = of_acme("97110,40,2025-03", "97530,30,2025-03", "97140,25,2025-03", header="CPT,Units,Month")
    row = found_of(opened, rows, acme(default=120)).bounds.row(0, named=True)
    assert row["compared_high"] - row["compared_low"] > 2000
    assert 11990 <= row["rate_low"] <= row["rate_high"] <= 12010


# Medicare itself -------------------------------------------------------------------------------------------------------


def random_rows(seed, count, visits):
    chance = random.Random(seed)
    codes = ["97110", "97112", "97140", "97530", "97161", "99213", "99214", "20610", "29881", "45380", "45385", "45378",
             "71046", "70450", "70551", "93306", "92134", "36415", "98943", "97010", "99499", "99999"]  # fmt: skip
    rows = [
        {
            "row": number,
            "hcpcs": chance.choice(codes),
            "modifiers": chance.choice(["", "", "GP", "GP CQ", "59", "26", "50", "80", "GY"]),
            "units": chance.choice([1, 1, 1, 2, 3, -1]),
            "visit": f"V{chance.randint(1, count // 5)}" if visits else None,
            "service_date": dt.date(2025, chance.randint(1, 12), 1),
            "payer": "Acme",
            "pos": chance.choice(["11", "22", None]),
        }
        for number in range(count)
    ]
    frame = pl.DataFrame(rows, schema={name: kind for name, kind in SCHEMA.items() if name in rows[0]})
    frame = frame.with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in SCHEMA.items() if name not in frame.columns
    )
    return Mix(frame.select(*SCHEMA), {"payer": "Payer"})


@pytest.mark.parametrize("visits", [True, False])
def test_medicare_at_a_hundred_percent_is_medicare(opened, visits):
    """With all of Medicare's own rules the contract comes to Medicare, row by row: operations, scopes, scans and therapy."""
    rows = random_rows(11, 900, visits)
    basis = Basis(zip=ALABAMA)
    contract = acme(default=100, sequestration=True, assistant_reduction=True)
    found = found_of(opened, rows, contract, basis)
    priced = found.rows.filter(pl.col("medicare_outcome") == "priced")
    assert priced.height > 300
    assert priced["allowed"].to_list() == priced["medicare"].to_list()
    assert priced["outcome"].unique().to_list() == ["priced"]
    if visits:  # rows that were netted into one line of a visit are rounded apart
        lines = priced.filter(pl.col("units") > 0).with_columns(
            n=pl.col("row").count().over("visit", "service_date", "hcpcs", "modifiers")
        )
        priced = lines.filter(pl.col("n") == 1)
    whole = priced.filter(~pl.col("modifiers").str.contains("33"))
    assert whole["received"].to_list() == whole["medicare_received"].to_list()
    assert found.payers["rate"].to_list() == [10000]


def test_assistants_and_sequestration_take_of_the_payers_share(opened):
    """Worked examples 88 and 93: received 97.39 and 62.77."""
    both = acme(default=100, sequestration=True, assistant_reduction=True)

    def received(rows, contract, basis=NATIONAL):
        return found_of(opened, rows, contract, basis).payers["received"][0]

    assert received(in_visit(*VISIT), both) == 9739
    lines = found_of(opened, in_visit(*(f"{line},GP CQ" for line in VISIT), more=",Mod"), both).payers
    assert lines["received"].to_list() == lines["medicare_received"].to_list() == [8576]  # example 89 rounds the visit: 85.74
    assert received(in_visit("97110,3,V,2025-10-15,CQ", more=",Mod"), both) == 6277
    assert received(in_visit("97110,3,V,2025-10-15,CQ", more=",Mod"), acme(default=100)) == 7245
    # Half of 88.95 is 44.48 (the patient's); 44.47 less 2 % (0.89) is 43.58.
    half = acme(default=100, sequestration=True, patient_share=50)
    assert received(of_acme("99213,2"), half) == 2 * (4448 + 4358)
    assert received(of_acme("99213,1"), acme(default=100, sequestration=True, patient_share=0)) == 8895 - 178
    assert received(of_acme("99213,1"), acme(default=100, patient_share=0)) == 8895


# Fees, charges, and what has no price ----------------------------------------------------------------------------------


def test_fixed_fees_with_modifiers(opened):
    contract = acme(
        default=100,
        carve_outs=[
            CarveOut("71046", fee=40),
            CarveOut("71046", fee=12, modifiers="26"),
            CarveOut("97110", fee=30),
            CarveOut("97110", fee=26, modifiers="CQ"),
            CarveOut("97112", fee=1, modifiers="GP"),
            CarveOut("97112", fee=2, modifiers="KX"),
        ],
    )
    lines = ("71046,2,", "71046,2,26", "71046,2,26 RT", "71046,2,TC", "97110,1,GP", "97110,1,GP CQ", "97110,1,22", "97110,1,U7",
             "97112,1,GP KX", "97112,1,KX", "97112,1,", "97110,1,RT")  # fmt: skip
    found = found_of(opened, of_acme(*lines, header="CPT,Units,Mod"), contract)
    assert column(found, "allowed") == [8000, 2400, 2400, None, 3000, 2600, None, None, None, 200, 3202, 3000]
    reasons = [reason for reason in column(found, "reason") if reason]
    assert reasons == ["fee_modifier", "fee_modifier", "fee_modifier", "fee_unclear"]
    assert found.asks


def test_what_medicare_has_no_amount_for_is_no_percent_of_anything(opened):
    """N, C, X, I and unknown codes need a fee; bundled services are nothing under a percent too."""
    codes = ("98943", "99499", "36415", "97014", "97010", "99999")
    found = found_of(opened, of_acme(*(f"{code},2" for code in codes)), acme(default=120))
    assert column(found, "outcome") == ["cannot_price"] * 4 + ["zero", "cannot_price"]
    assert column(found, "allowed") == [None] * 4 + [0, None]
    assert column(found, "reason") == [
        "not_covered",
        "contractor_priced",
        "statutory_exclusion",
        "not_valid",
        "bundled",
        "unknown_code",
    ]
    assert found.payers["rate"].to_list() == [None]
    assert found.payers["unpriced_units"].to_list() == [10]
    sentences = dict(found.unpriced.select("code", "sentence").iter_rows())
    assert "only a fixed fee or a percent of the charge prices it" in sentences["99499"]
    assert "only a fixed fee" not in sentences["99999"]
    assert found.asks  # the unknown code
    fees = acme(default=120, carve_outs=[CarveOut("97014-98943", fee=20), CarveOut("36415", fee=6), CarveOut("99499", fee=1)])
    priced = found_of(opened, of_acme(*(f"{code},2" for code in codes[:4])), fees)
    assert column(priced, "allowed") == [4000, 200, 1200, 4000]
    total = priced.total
    assert (total["compared"], total["beyond"], total["rate"]) == (0, 9400, None)
    assert not priced.asks


def test_every_zero_of_medicare_is_either_nothing_or_no_amount():
    zeros = {code for code, reason in policy.reasons().items() if reason.outcome == "zero"}
    assert set(contract_rows.PAYS_NOTHING) | set(contract_rows.NO_AMOUNT) == zeros
    assert not set(contract_rows.PAYS_NOTHING) & set(contract_rows.NO_AMOUNT)


def test_not_covered_is_nothing_and_counts(opened):
    contract = acme(default=100, carve_outs=[CarveOut("97110", not_covered=True)], same_day=False)
    found = found_of(opened, of_acme("97110,1", "99213,1"), contract)
    assert column(found, "allowed") == [0, 8895]
    assert column(found, "outcome") == ["zero", "priced"]
    assert found.payers["rate"].to_list() == [(8895 * 20000 + 11774) // (2 * 11774)]


def test_a_percent_of_the_charge(opened):
    contract = acme(carve_outs=[CarveOut("97545, 99213", charge_percent="62.5")])
    rows = of_acme("99213,3,301.01", "97545,1,99.99", "99213,1,", "97545,-1,-99.99", "99213,1,-5.00", header="CPT,Units,Charge")
    found = found_of(opened, rows, contract)
    assert column(found, "allowed") == [18813, 6249, None, -6249, None]  # 188.13125, 62.49375
    assert column(found, "reason") == [None, None, "no_charge", None, "no_charge"]
    assert column(found_of(opened, rows, acme(carve_outs=contract.carve_outs, rounding="dollar")), "allowed")[0] == 18800


def test_the_lower_of_charge_unit_by_unit(opened):
    """97110 at 110 %: 31.67 first, 24.01 behind. A charge of 30.00 a unit cuts the first alone; one of 20.00 both."""
    lower = acme(default=110, lesser_of_charge=True)
    for charge, allowed in ((90, 3000 + 2 * 2401), (60, 6000), (120, 3167 + 2 * 2401), (0, 0)):
        rows = in_visit(f"97110,3,V,2025-10-15,{charge}", more=",Charge")
        found = found_of(opened, rows, lower)
        whole = 3167 + 2 * 2401
        assert column(found, "allowed") == [allowed]
        assert column(found, "listed") == [whole]
        assert column(found, "below_charge") == [whole - allowed]
        assert column(found_of(opened, rows, acme(default=110)), "allowed") == [whole]
    # 100.00 over three units is 33.33 1/3: one of 99213 at 40.00 is cut to it, and the row rounded once.
    rows = of_acme("99213,3,100.00", "99213,3,100.01", "99213,-3,-100.00", "99213,1,", header="CPT,Units,Charge")
    found = found_of(opened, rows, acme(carve_outs=[CarveOut("99213", fee=40)], lesser_of_charge=True))
    assert column(found, "allowed") == [10000, 10001, -10000, 4000]
    assert any("1 rows have no charge" in note for note in found.notes)


def test_a_charge_of_an_odd_cent_a_unit(opened):
    """97110 x3 in a visit at 100 %: 28.79, 21.83, 21.83; a charge of 70.00 is 23.33 1/3 a unit: 23.33 + 21.83 + 21.83."""
    rows = in_visit("97110,3,V,2025-10-15,70.00", more=",Charge")
    found = found_of(opened, rows, acme(default=100, lesser_of_charge=True))
    assert column(found, "allowed") == [2333 + 2 * 2183]


def test_charges_below_the_contract_are_listed(opened):
    rows = of_acme("99213,2,160.00", "99213,1,90.00", "99213,1,120.00", "97110,4,200.00", header="CPT,Units,Charge")
    found = found_of(opened, rows, acme(default=125, same_day=False))  # 111.19 a unit of 99213
    assert found.low_charges.to_dicts() == [
        {
            "payer": "Acme", "code": "99213", "modifiers": "", "units": 3, "charge_unit": 8000, "contract_unit": 11119,
            "charge": 25000, "listed": 33357, "left": 2 * 3119 + 2119,
        }
    ]  # fmt: skip
    assert "below the contracts' amounts by $83.57" in found.headline
    assert found.codes.filter(pl.col("code") == "99213")["below_charge"].to_list() == [8357]


def test_a_file_without_charges_says_so(opened):
    found = found_of(opened, of_acme("99213,2"), acme(default=125, lesser_of_charge=True))
    assert column(found, "below_charge") == [None]
    assert found.low_charges.is_empty()
    assert any("The file has no charges" in note and "is not taken for Acme" in note for note in found.notes)


# Payers ----------------------------------------------------------------------------------------------------------------


def test_payers_are_matched_by_name_and_never_guessed(opened):
    rows = mix(
        "99213,1,ACME ",
        "99213,1,acme",
        "99213,2,Acme Plus",
        "99213,4,Medicare",
        "99213,8,",
        "99213,15,Blue  Plan",
        "99213,1,bp",
    )
    contracts = [acme(default=100), Contract("Blue Plan", default=100, also=("BP",)), Contract("Acme Pluss", default=100)]
    found = compare(rows, contracts, opened, NATIONAL)
    table = {row["payer"]: (row["contract"], row["standing"], row["units"]) for row in found.payers.iter_rows(named=True)}
    assert table == {
        "Acme": ("Acme", "compared", 2),
        "Blue Plan": ("Blue Plan", "compared", 16),
        "Acme Plus": (None, "no contract", 2),
        "Medicare": (None, "no contract", 4),
        None: (None, "no contract", 8),
        "Acme Pluss": ("Acme Pluss", "no volume", 0),
    }
    assert column(found, "allowed") == [8895, 8895, None, None, None, 15 * 8895, 8895]
    said = " ".join(found.notes)
    assert "No row of the file names Acme Pluss. Payers of the file that look like it: Acme Plus" in said
    assert "Payers without a contract: Acme Plus, Medicare." in said
    assert "1 rows name no payer" in said
    assert found.asks  # a contract that nothing belongs to


def test_a_file_without_payers(opened):
    found = compare(mix("99213,2", header="CPT,Units"), [acme(default=110)], opened, NATIONAL)
    assert "names no payers" in " ".join(found.notes)
    assert found.headline.startswith("No row of a payer")
    assert found.across.filter(pl.col("volume") == module.ALL)["rate"].to_list() == [11001]  # 97.85 of 88.95
    assert found.codes.is_empty()
    assert found.grid().is_empty()


def test_blended_rates_are_weighted_by_the_practices_volume(opened):
    rows = mix("99213,10,Acme", "97110,90,Acme", "99213,90,Bolt", "97110,10,Bolt")
    terms = {"rates": [Rate("99213", 150), Rate("97110", 50)], "same_day": False}
    found = compare(rows, [acme(**terms), Contract("Bolt", **terms)], opened, NATIONAL, Packing(1, 1))
    rates = dict(found.payers.select("contract", "rate").iter_rows())

    def rate(office, therapy):
        return Fraction(office * 13343 + therapy * 1440, office * 8895 + therapy * 2879) * 10000

    assert rates == {"Acme": int(rate(10, 90) + Fraction(1, 2)), "Bolt": int(rate(90, 10) + Fraction(1, 2))}
    by_code = found.by("code")
    assert by_code.filter(pl.col("code") == "99213")["rate"].to_list() == [15001]
    assert found.by("family").height == 2
    assert found.by().row(0, named=True)["compared"] == found.total["compared"] == 100 * (13343 + 1440)
    with pytest.raises(InputError, match="not by colour"):
        found.by("colour")


def test_the_percent_that_would_equal_what_was_paid_or_another_contract(opened):
    rows = mix("99213,10,Acme,978.45", "99213,1,Acme,", "99213,5,Bolt,444.75", "98943,1,Bolt,20", header="CPT,Units,Payer,Paid")
    found = compare(rows, [acme(default=125), Contract("Bolt", default=80)], opened, NATIONAL)
    paid = {row["payer"]: (row["paid"], row["paid_rate"]) for row in found.payers.iter_rows(named=True)}
    assert paid == {"Acme": (97845, 11000), "Bolt": (46475, 10000)}
    across = {(row["volume"], row["contract"]): row["rate"] for row in found.across.iter_rows(named=True)}
    assert across[("Acme", "Bolt")] == 8000
    assert across[("Bolt", "Acme")] == 12500  # 111.19 of 88.95 a unit
    assert across[("Acme", "Acme")] == found.payers.filter(pl.col("payer") == "Acme")["rate"][0]
    assert (module.ALL, "Bolt") in across


def test_the_figures_of_a_heat_table(opened):
    rows = mix("99213,10,Acme", "97110,4,Acme", "99213,3,Bolt", "98943,1,Bolt")
    found = compare(rows, [acme(default=120, same_day=False), Contract("Bolt", default=80)], opened, NATIONAL, Packing(1, 1))
    grid = found.grid_table()
    assert grid.columns == ["code", "family", "Acme", "Bolt"]
    assert grid.rows_by_key("code", named=True, unique=True)["97110"]["Bolt"] is None
    assert (
        grid["Acme"].to_list()[:2] == [Decimal("120.00"), Decimal("120.01")]
        or grid["Acme"].to_list()[:2] == [Decimal("120.00")] * 2
    )
    assert found.grid("units").filter(pl.col("code") == "99213").select("Acme", "Bolt").row(0) == (10, 3)
    dense = found.across_codes
    assert dense.filter(pl.col("code") == "97110")["rate"].null_count() == 0
    with pytest.raises(InputError, match="not 'colour'"):
        found.grid("colour")
    named = compare(mix("99213,1,code"), [Contract("code", default=90)], opened, NATIONAL)
    assert named.grid("units").columns == ["code", "family", "code "]


def test_no_contract_and_two_of_one_payer(opened):
    with pytest.raises(InputError, match="No contract"):
        compare(mix("99213,1,Acme"), [], opened, NATIONAL)
    with pytest.raises(InputError, match="Two contracts"):
        compare(mix("99213,1,Acme"), [acme(), acme(also=("ACME",))], opened, NATIONAL)


# The size of a practice's year -----------------------------------------------------------------------------------------


def a_year(count=100_000, payers=8):
    chance = random.Random(1)
    codes = ["97110", "97112", "97140", "97530", "97116", "97535", "97161", "99213", "99214", "20610", "36415", "97010"]
    codes += [f"{code}" for code in range(29870, 29890)]
    rows = pl.DataFrame(
        {
            "row": range(count),
            "hcpcs": [chance.choice(codes) for _ in range(count)],
            "modifiers": [chance.choice(["", "GP", "GP CQ", "59"]) for _ in range(count)],
            "units": [chance.randint(1, 40) for _ in range(count)],
            "month": [dt.date(2025, chance.randint(1, 12), 1) for _ in range(count)],
            "payer": [f"Payer {chance.randint(1, payers)}" for _ in range(count)],
            "charge": [chance.randint(1000, 4_000_000) for _ in range(count)],
        }
    )
    rows = rows.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in SCHEMA.items() if name not in rows.columns)
    return Mix(rows.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()), {"payer": "Payer"})


def test_a_year_of_eight_payers_is_compared_in_a_blink(opened):
    rows, basis = a_year(), Basis(date=dt.date(2026, 7, 1), zip=ALABAMA)
    contracts = [
        Contract(
            f"payer {n}",
            default=100 + n,
            rates=(Rate("97010-97799", f"1{n}2.5"),),
            lesser_of_charge=n % 2 > 0,
            same_day=n % 3 > 0,
        )
        for n in range(1, 9)
    ]
    medicare = price(rows, basis, opened)
    taken = []
    for _ in range(4):
        start = time.perf_counter()
        found = compare(rows, contracts, opened, basis, medicare=medicare)
        assert found.payers.height == 8
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.8  # twice what is promised: other tests may run beside this one
    assert found.total["rows"] == 100_000
    assert found.total["compared"] == found.rows["compared"].sum()
    assert found.by("code")["compared"].sum() == found.by("payer", "month")["compared"].sum() == found.total["compared"]


def test_a_medicare_is_priced_once_for_the_rows_that_it_is_for(opened, monkeypatch):
    sizes = []

    def counted(rows, *args, **kwargs):
        sizes.append(rows.rows.height)
        return price(rows, *args, **kwargs)

    monkeypatch.setattr(contract_rows, "price", counted)
    rows = mix(*(f"99213,1,{payer}" for payer in ("A", "A", "B", "C", "C", "C")))
    medicare = price(rows, NATIONAL, opened)
    compare(rows, [Contract("A", default=1), Contract("B", default=2)], opened, NATIONAL, medicare=medicare)
    assert sizes == []  # the same Medicare: nothing is priced again
    compare(rows, [Contract("A", default=1), Contract("C", default=2, medicare="2026C")], opened, NATIONAL, medicare=medicare)
    assert sizes == [3]


# Files -----------------------------------------------------------------------------------------------------------------


def everything():
    return (
        Contract(
            'Acme "North" é',
            medicare=dt.date(2025, 4, 1),
            place="10112-00",
            setting="facility",
            qp=True,
            default="104.25",
            rates=(Rate("97010-97799, 98966", "112.5"), Rate("97110", 120)),
            carve_outs=(
                CarveOut("97161", fee="95.50"),
                CarveOut("71046", fee=12, modifiers="26"),
                CarveOut("L0000-L9999", charge_percent="60.5"),
                CarveOut("97010, 97014", not_covered=True),
            ),
            same_day=False,
            sequestration=True,
            assistant_reduction=True,
            patient_share=0,
            lesser_of_charge=True,
            rounding="dollar",
            also=("ACME N",),
            note='Two lines\nand a "quote"\x7f',
        ),
        Contract("Bolt", medicare=2025, default=90),
    )


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_contracts_come_back_as_they_were_written(tmp_path, ending):
    path = tmp_path / f"contracts.{ending}"
    save(path, everything())
    assert load(path) == everything()
    save(path, load(path))
    assert load(path) == everything()
    assert sorted(one.name for one in tmp_path.iterdir()) == [path.name]


def test_the_older_file_stays_where_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "contracts.toml"
    save(path, everything())
    before = path.read_bytes()
    with pytest.raises(InputError, match="Two contracts"):
        save(path, [*everything(), Contract("BOLT")])
    monkeypatch.setattr(contracts_file, "dumps", lambda *_: "\ud800")
    with pytest.raises(UnicodeEncodeError):
        save(path, everything())
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    with pytest.raises(InputError, match=r"ends in \.toml or \.json"):
        save(tmp_path / "contracts.yaml", everything())
    with pytest.raises(InputError, match="not a folder"):
        save(tmp_path / "nowhere" / "contracts.toml", everything())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ["no feecalc_contracts = 1"]),
        ("feecalc_contracts = 9", ["version 9", "newer feecalc"]),
        ("feecalc_contracts = 1", ["no contract", "[[contract]]"]),
        ("feecalc_contracts = 1\n[[contract]]\ndefault =\nqp = true", ["TOML", "line 3"]),
        ("[[contract]]\ndefault = 105", ["contract 1 needs the payer"]),
        (
            '[[contract]]\npayer = "A"\n[[contract]]\npayer = "Acme"\ndefalt = 105',
            ["contract 2 (Acme)", "'defalt'", "Did you mean default?"],
        ),
        ('[[contract]]\npayer = "Acme"\ndefault = "a lot"', ["contract 1", "Acme", "default must be a percent"]),
        ('[[contract]]\npayer = "Acme"\ndefault = nan', ["Acme", "default must be"]),
        ('[[contract]]\npayer = "Acme"\n[[contract.rate]]\ncodes = "97110"', ["Acme", "rate 1 needs percent"]),
        ('[[contract]]\npayer = "Acme"\n[[contract.rate]]\ncode = "97110"\npercent = 1', ["rate 1", "Did you mean codes?"]),
        ('[[contract]]\npayer = "Acme"\n[[contract.rate]]\ncodes = 97110\npercent = 1', ["Acme", "Codes are a text"]),
        ('[[contract]]\npayer = "Acme"\n[[contract.rate]]\ncodes = [97110]\npercent = 1', ["Acme", "in quotes"]),
        ('[[contract]]\npayer = "Acme"\nrate = 110', ["Acme", "[[contract.rate]]", "a number"]),
        ('[[contract]]\npayer = "Acme"\n[contract.fees]\n"9711" = "3.00"', ["Acme", "'9711'", "a code (97161)"]),
        ('[[contract]]\npayer = "Acme"\n[contract.fees]\n"97110" = "free"', ["Acme", "fee of 97110", "'free'"]),
        ('[[contract]]\npayer = "Acme"\nfees = 3', ["Acme", "fees must be a table"]),
        ('[[contract]]\npayer = "Acme"\nalso = "A"', ["Acme", "list of names"]),
        ('[[contract]]\npayer = "Acme"\nfee_schedule = "fees.csv"', ["Acme", "fees.csv", "by its path"]),
        (
            '[[contract]]\npayer = "Acme"\nnot_covered = ["97110"]\nfees = {97110 = "3.00"}',
            ["Acme", "Two carve-outs are for 97110"],
        ),
        ('[[contract]]\npayer = "Acme"\n[[contract]]\npayer = "ACME"', ["Two contracts are for ACME"]),
        ("contract = 3", ["no contract"]),
        ("contract = [3]", ["contract 1 must be a table"]),
    ],
)
def test_what_is_wrong_in_a_file_is_told(text, says):
    whole = text if text == "" or "feecalc_contracts" in text else f"feecalc_contracts = 1\n{text}"
    with pytest.raises(InputError) as error:
        loads(whole)
    for said in says:
        assert said in str(error.value)


def test_json_is_told_too(tmp_path):
    path = tmp_path / "contracts.json"
    path.write_text('{"feecalc_contracts": 1, "contract": [{"payer": "Acme", "default": null}]}', encoding="utf-8")
    with pytest.raises(InputError, match=r"contracts.json: contract 1 \(Acme\): default has no value"):
        load(path)
    path.write_text('{"feecalc_contracts": 1, "contract": [{"payer": "Acme", "default": 112.5}]}', encoding="utf-8")
    assert load(path)[0].default == Decimal("112.5")  # as it stands there, not as a binary float
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not text in UTF-8"):
        load(path)
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(InputError, match="no JSON"):
        loads("{", ".json")
    assert json.loads(dumps([acme(default="112.5")], ".json"))["contract"][0]["default"] == "112.5"


def test_the_sample_is_for_the_sample_volumes(opened):
    contracts = load(sample())
    assert len(contracts) == 3
    assert from_dict({"feecalc_contracts": 1, "contract": [as_dict(one) for one in contracts]}) == contracts
    basis = Basis(date=dt.date(2026, 7, 1), zip=ALABAMA)
    used = set()
    for path in samples().values():
        found = compare(read_mix(path), contracts, opened, basis)
        compared = found.payers.filter(pl.col("standing") == "compared")
        assert (compared["rate"] > 10000).all()
        used |= set(compared["contract"])
    assert used == {contract.payer for contract in contracts}
    keys = {key for key in contracts_file.KEYS if key not in ("rate", "percent_of_charge", "fees", "qp", "note")}
    text = sample().read_text(encoding="utf-8")
    assert all(f"\n# {key} " in text for key in keys)


def test_what_a_contract_says(opened):
    said = everything()[0].words(opened.schedule)
    for part in ("104.25 % of Medicare of 2025-04-01", "10112-00", "facility amounts", "112.5 % for 97010-97799, 98966",
                 "2 fixed fees", "without the same-day", "sequestration", "assistant", "lower of", "dollar"):  # fmt: skip
        assert part in said
    assert "90 % of Medicare of 2025 (release 2025D)" in everything()[1].words(opened.schedule)


# Fee schedules ---------------------------------------------------------------------------------------------------------


def fees(*lines, name="fees.csv", **chosen):
    return read_fees("\n".join(lines).encode(), name, chosen)


def as_pairs(read):
    return {("".join(map(str, one.codes)), one.modifiers): one.fee for one in read.carve_outs}


def test_a_payers_fee_schedule():
    read = fees("Acme fees,,", ",,", "CPT Code,Mod,Allowed", "97110,,$31.50", '99213,,"1,088.95"', "71046,26,12",
                "71046-TC,,20.00", "97110,,31.50", "97112,,", "97140,,0.00", "900,,7.5")  # fmt: skip
    assert as_pairs(read) == {
        ("97110", ""): Decimal("31.50"),
        ("99213", ""): Decimal("1088.95"),
        ("71046", "26"): Decimal("12.00"),
        ("71046", "TC"): Decimal("20.00"),
        ("00900", ""): Decimal("7.50"),
    }
    said = " ".join(read.notes)
    assert "5 fees read from fees.csv: code from CPT Code, modifier from Mod, fee from Allowed" in said
    assert "Rows without a fee are left to the contract's other terms: 9, 10" in said
    contract = with_fees(acme(default=110), read)
    assert contract.term("97110").number == 3150
    assert contract.term("71046", "26").number == 1200
    assert contract.term("97112").how == "percent"
    with pytest.raises(InputError, match="Two carve-outs are for 97110"):
        with_fees(acme(carve_outs=[CarveOut("97110", fee=1)]), read)


def test_a_fee_schedule_of_a_workbook_and_of_parquet(tmp_path):
    frame = pl.DataFrame({"Code": ["97110", "99213"], "Modifier": ["", "25"], "Fee": [95.40000000000001, 31.0]})
    wanted = {("97110", ""): Decimal("95.40"), ("99213", "25"): Decimal("31.00")}
    for name in ("fees.xlsx", "fees.parquet", "fees.csv"):
        path = tmp_path / name
        {"xlsx": frame.write_excel, "parquet": frame.write_parquet, "csv": frame.write_csv}[name.split(".")[1]](path)
        assert as_pairs(read_fees(path)) == wanted
    text = 'feecalc_contracts = 1\n[[contract]]\npayer = "Acme"\ndefault = 105\nfee_schedule = "fees.csv"\n'
    (tmp_path / "contracts.toml").write_text(text, encoding="utf-8")
    contract = load(tmp_path / "contracts.toml")[0]
    assert contract.term("97110").number == 9540
    assert loads(dumps([contract]))[0].term("97110").number == 9540  # written out


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["Code,Fee", "97110,31", "97110,32"], "Rows 2 and 3: 97110 has two fees"),
        (["Code,Fee", "97110,by report"], "Row 2: 'by report' for 97110 is not an amount"),
        (["Code,Fee", "97110,31.505"], "Row 2: '31.505'"),
        (["Code,Fee", "9711x0,3"], "not a code of five"),
        (["Code,Fee", "97110,-3"], "below 0"),
        (["Code,Fee", "97110,"], "holds no code with a fee"),
        (["Code,Fee,Allowed", "97110,1,2"], "Which column of fees.csv is the fee?"),
        (["Code,Units", "97110,1"], "no column holds the fees"),
        (["Name,Fee", "97110,1"], "no column holds the codes"),
    ],
)
def test_what_is_wrong_in_a_fee_schedule_is_told(lines, says):
    with pytest.raises(InputError) as error:
        fees(*lines)
    assert says in str(error.value)


def test_a_column_of_fees_may_be_chosen():
    lines = ("Code,Fee,Allowed", "97110,1,2")
    assert as_pairs(fees(*lines, fee="Allowed")) == {("97110", ""): Decimal("2.00")}
    for chosen, says in (({"fee": "Price"}, "no column 'Price'"), ({"price": "Fee"}, "no column 'price'")):
        with pytest.raises(InputError, match=says):
            fees(*lines, **chosen)
    with pytest.raises(InputError, match="need its name"):
        read_fees(b"Code,Fee")
    with pytest.raises(InputError, match="not a file"):
        read_fees("nowhere.csv")


def test_a_large_fee_schedule_is_read_and_used_fast(opened):
    codes = [f"{number:05}" for number in itertools.chain(range(10_000, 18_000), range(97_000, 97_999))]
    start = time.perf_counter()
    read = fees("Code,Fee", *(f"{code},{number % 90 + 10}.25" for number, code in enumerate(codes)))
    found = found_of(opened, of_acme("97110,1"), with_fees(acme(), read))
    assert time.perf_counter() - start < 4
    assert column(found, "allowed") == [(codes.index("97110") % 90 + 10) * 100 + 25]
