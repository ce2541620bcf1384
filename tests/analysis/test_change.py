"""Two pricings beside each other: totals, groups, movers, the waterfall and the sentence."""

import datetime as dt
import random
from decimal import Decimal
from types import SimpleNamespace

import polars as pl
import pytest

from feecalc.analysis.change import IN_WORDS, LABELS, WITHHELD, compare
from feecalc.analysis.mix import SCHEMA, Mix
from feecalc.analysis.packing import Packing
from feecalc.analysis.revenue import Basis, Interval, Range, price
from feecalc.errors import InputError

FIGURES = ("work", "pe", "mp", "g_work", "g_pe", "g_mp", "factor")
NATIONAL = {"g_work": 1000, "g_pe": 1000, "g_mp": 1000}
OLD, NEW = 300_000, 290_000  # conversion factors: $30 and $29
JANUARY = dt.date(2026, 1, 1)


def line(number: int, code: str = "99213", units: int = 10, factor: int = OLD, work: int = 100, pe: int = 100, **other) -> dict:
    """A row of a pricing as by feecalc.analysis.revenue: so many RVUs in hundredths at national prices, no malpractice."""
    fee = ((work + pe) * 1000 * factor + 5_000_000) // 10_000_000
    alone = other.pop("alone", fee * units)
    allowed = alone + other.pop("reduction", 0)
    received = other.pop("received", allowed - allowed * 16 // 1000)
    known = {
        "row": number, "hcpcs": code, "modifiers": "", "units": units, "month": JANUARY, "provider": "Lee", "payer": "Medicare",
        "site": "Main", "outcome": "priced", "reason": None, "work": work, "pe": pe, "mp": 0, **NATIONAL, "factor": factor,
        "fee": fee, "alone": alone, "allowed": allowed, "received": received,
    }  # fmt: skip
    return known | other


def unpriced(number: int, reason: str, outcome: str = "cannot_price", **other) -> dict:
    amount = 0 if outcome == "zero" else None
    nothing = dict.fromkeys((*FIGURES, "fee", "alone"), amount)
    return line(number) | nothing | {"allowed": amount, "received": amount, "outcome": outcome, "reason": reason} | other


def apart(rows: pl.DataFrame) -> pl.DataFrame:
    """No two rows are taken to be worth the same."""
    return rows.select(kind=pl.int_range(pl.len()))


def priced(*lines: dict, low: int | None = None, high: int | None = None):
    rows = pl.DataFrame(lines, infer_schema_length=None)
    total = int(rows["allowed"].sum() or 0)
    known = Range(total, total, total)
    allowed = known if low is None else Range(low, total, high)
    return SimpleNamespace(rows=rows, interval=Interval(allowed=allowed, received=known, units=0, visits=0), worth=apart(rows))


def change_of(before: list[dict], after: list[dict]):
    return compare(priced(*before), priced(*after))


def some(parts: dict[str, int]) -> dict[str, int]:
    return {cause: amount for cause, amount in parts.items() if amount}


# Parts ---------------------------------------------------------------------------------------------------------------------


def test_the_parts_in_all():
    # 2.00 RVUs: $60 -> $58. 10 units of row 1 lose $20 by the factor. Row 2 has 1.00 of practice expense less, at the mean of
    # $30 and $29: 5 x -$29.50; the factor there at the mean of 2.00 and 1.00: 5 x -$1.50.
    found = change_of([line(1), line(2, units=5)], [line(1, factor=NEW), line(2, units=5, factor=NEW, pe=0)])
    assert found.before() == 90_000
    assert found.after() == 58_000 + 5 * 2_900
    assert some(found.parts()) == {"conversion_factor": -2_000 - 750, "pe_rvu": -14_750}
    assert found.difference() == -17_500
    assert found.percent() == Decimal("-19.4")
    assert list(found.parts()) == list(LABELS)


def test_one_code_for_every_cause():
    """By hand: ten units of 1.00 work and 1.00 practice expense at $30, national prices: $60.00 a unit, and one thing moves."""

    def of(number: int, fee: int, **figures) -> dict:
        return line(number, f"9900{number:X}", alone=10 * fee) | {"fee": fee, **figures}

    before, after = zip(
        (of(1, 6000), of(1, 5800, factor=NEW)),  # 2.00 x -$1.00
        (of(2, 6000), of(2, 5700, work=90)),  # -0.10 x $30
        (of(3, 6000), of(3, 6600, pe=120)),  # +0.20 x $30
        (of(4, 6000), of(4, 6300, mp=10)),  # +0.10 x $30
        (of(5, 6000), of(5, 6030, g_work=1010)),  # 1.00 x +0.010 x $30
        (of(6, 6000), of(6, 5940, g_pe=980)),  # 1.00 x -0.020 x $30
        (of(7, 6300, mp=10), of(7, 6330, mp=10, g_mp=1100)),  # 0.10 x +0.100 x $30
        (of(8, 6000), of(8, 6000, alone=50_000, allowed=50_000)),  # a cap of $50 a unit
        (of(9, 6000), of(9, 6000, allowed=55_000)),  # the day takes $50
        (of(10, 6000), unpriced(10, "not_covered", "zero", hcpcs="9900A")),
        (unpriced(11, "unknown_code", hcpcs="9900B"), of(11, 6000)),
        (of(12, 6000), unpriced(12, "unknown_code", hcpcs="9900C")),
        (of(13, 6000), line(13, "9900D", units=12)),  # two units more
        # A factor of $30.0001: 2.00 x $0.0001 x 1,000 units is 20 cents, and the fee stays $60.00.
        (line(14, "9900E", units=1000), line(14, "9900E", units=1000, factor=300_001)),
        strict=True,
    )
    found = change_of(list(before), list(after))
    by_code = [some({cause: row[cause] for cause in LABELS}) for row in found.by("code").iter_rows(named=True)]
    assert by_code == [
        {"conversion_factor": -2_000},
        {"work_rvu": -3_000},
        {"pe_rvu": 6_000},
        {"mp_rvu": 3_000},
        {"gpci_work": 300},
        {"gpci_pe": -600},
        {"gpci_mp": 300},
        {"modifiers_and_caps": -10_000},
        {"same_day": -5_000},
        {"status": -60_000},
        {"new_code": 60_000},
        {"deleted_code": -60_000},
        {"volume": 12_000},
        {"conversion_factor": 20, "rounding": -20},
    ]
    assert set(LABELS) == {cause for parts in by_code for cause in parts}
    assert found.difference() == sum(found.parts().values()) == -59_000


def test_what_is_received_has_one_part_more():
    before, after = [line(1, received=59_040)], [line(1, factor=NEW, received=57_072)]
    found = change_of(before, after)
    # $590.40 -> $570.72: $20 by the factor, of which $0.32 less is held back.
    assert some(found.parts("received")) == {"conversion_factor": -2_000, WITHHELD: 32}
    assert found.difference("received") == -1_968
    assert found.percent("received") == Decimal("-3.3")
    with pytest.raises(InputError, match="'paid' is no measure"):
        found.parts("paid")


def test_services_that_come_and_go_are_volume():
    found = change_of([line(1), line(2, units=3)], [line(1, units=12), line(4, units=1)])
    assert some(found.parts()) == {}  # 2 more, 3 fewer, 1 more
    by_row = dict(zip(found.rows["row"], found.rows["volume"], strict=True))
    assert by_row == {1: 12_000, 2: -18_000, 4: 6_000}


def test_new_deleted_and_unpayable_codes():
    before = [unpriced(1, "unknown_code"), line(2), line(3), unpriced(4, "contractor_priced")]
    after = [line(1), unpriced(2, "unknown_code"), unpriced(3, "not_covered", "zero"), line(4, units=10)]
    found = change_of(before, after)
    assert found.rows["new_code"].to_list() == [60_000, 0, 0, 0]
    assert found.rows["deleted_code"].to_list() == [0, -60_000, 0, 0]
    assert found.rows["status"].to_list() == [0, 0, -60_000, 60_000]
    assert found.notes == (
        "2 rows have no known amount before and count as $0.00 there.",
        "1 row has no known amount after and counts as $0.00 there.",
    )


def test_units_that_assistants_take_stay_with_their_row():
    whole = [line(1, "97110", 10, modifiers="GP", received=59_040)]
    pieces = [
        line(1, "97110", 6, modifiers="GP", received=35_424),
        line(1, "97110", 4, modifiers="GP CQ", received=20_800),
    ]
    found = change_of(whole, pieces)
    assert found.rows.height == 1
    assert some(found.parts()) == {}
    assert some(found.parts("received")) == {WITHHELD: 35_424 + 20_800 - 59_040}
    back = change_of(pieces, whole)
    assert some(back.parts("received")) == {WITHHELD: 59_040 - 35_424 - 20_800}


def test_rows_of_one_number_with_figures_of_their_own_stay_apart():
    before = [line(1), line(1, work=50)]
    found = change_of(before, [line(1, factor=NEW), line(1, work=50, factor=NEW)])
    assert found.rows.height == 2
    assert some(found.parts()) == {"conversion_factor": -2_000 - 1_500}


def test_a_row_of_months_is_a_row_for_each():
    february = dt.date(2026, 2, 1)
    before = [line(7), line(7, units=20, month=february)]
    after = [line(7, units=20, month=february, factor=NEW), line(7, factor=NEW)]
    found = change_of(before, after)
    assert found.by("month").select("month", "change").rows() == [(JANUARY, -2_000), (february, -4_000)]


def test_units_taken_back_have_the_opposite_parts():
    found = change_of([line(1, units=10), line(2, units=-4)], [line(1, units=10, factor=NEW), line(2, units=-4, factor=NEW)])
    assert found.rows["conversion_factor"].to_list() == [-2_000, 800]
    assert found.before() == 36_000
    assert found.percent() == Decimal("-3.3")


def test_nothing_and_less_than_nothing_have_no_percentage():
    assert change_of([line(1, units=-4)], [line(1, units=-4, factor=NEW)]).percent() is None
    nothing = compare(priced(line(1)), priced(line(1)))
    assert nothing.percent() == Decimal("0.0")
    one = priced(line(1))
    empty = SimpleNamespace(rows=one.rows.clear(), interval=one.interval, worth=one.worth.clear())
    assert compare(empty, empty).parts() == dict.fromkeys(LABELS, 0)
    assert compare(empty, priced(line(1))).parts()["volume"] == 60_000


def test_a_pricing_without_its_columns_is_refused():
    bare = SimpleNamespace(rows=priced(line(1)).rows.drop("alone", "fee"), interval=None)
    with pytest.raises(InputError, match="no column alone, fee"):
        compare(bare, bare)


# Groups and movers ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def practice():
    before = [
        line(1, "99213", 10, provider="Lee"),
        line(2, "99213", 30, provider="Kim", site="West"),
        line(3, "97110", 20, provider="Kim", payer="Other"),
        line(4, "97140", 1, provider=None),
    ]
    after = [
        line(1, "99213", 10, provider="Lee", factor=NEW),
        line(2, "99213", 30, provider="Kim", site="West", factor=NEW),
        line(3, "97110", 20, provider="Kim", payer="Other", pe=110),
        line(4, "97140", 1, provider=None, work=90),
    ]
    return change_of(before, after)


def test_groups_add_up(practice):
    for columns in (
        ("code",),
        ("provider",),
        ("payer",),
        ("site",),
        ("month",),
        ("provider", "code"),
        ("payer", "site", "month"),
    ):
        table = practice.by(*columns)
        assert table.columns[: len(columns)] == list(columns)
        sums = table.select(pl.col(name).sum() for name in practice.totals).row(0, named=True)
        assert sums == practice.totals
        assert (table.select(pl.sum_horizontal(list(LABELS))).to_series() == table["change"]).all()
    assert practice.by("provider")["provider"].to_list() == ["Kim", "Lee", None]
    assert practice.by("provider")["change"].to_list() == [-6_000 + 6_000, -2_000, -300]


def test_unknown_groups_are_refused(practice):
    with pytest.raises(InputError, match=r"code, provider, payer, site, month, not by patient"):
        practice.by("code", "patient")
    with pytest.raises(InputError, match="not by nothing"):
        practice.by()


def test_movers(practice):
    # Up: 97110 by 20 x 0.10 x $30. Down: 99213 by 40 x $2, 97140 by 1 x 0.10 x $30: 8,000 and 300 of 8,300.
    rows = practice.movers().rows()
    assert rows == [
        ("up", "97110", 120_000, 126_000, 6_000, Decimal("100.0"), LABELS["pe_rvu"]),
        ("down", "99213", 240_000, 232_000, -8_000, Decimal("96.4"), LABELS["conversion_factor"]),
        ("down", "97140", 6_000, 5_700, -300, Decimal("3.6"), LABELS["work_rvu"]),
    ]
    assert practice.movers(count=1)["code"].to_list() == ["97110", "99213"]
    assert practice.movers("site", 5).select("direction", "site", "change").rows() == [
        ("up", "Main", 6_000 - 2_000 - 300),
        ("down", "West", -6_000),
    ]


# Waterfall and sentence ----------------------------------------------------------------------------------------------------


def test_the_waterfall_leads_from_total_to_total(practice):
    steps = practice.waterfall(before="This year", after="Next year")
    assert steps.rows() == [
        ("before", "This year", 0, 366_000, 366_000),
        ("conversion_factor", LABELS["conversion_factor"], 366_000, 358_000, -8_000),
        ("work_rvu", LABELS["work_rvu"], 358_000, 357_700, -300),
        ("pe_rvu", LABELS["pe_rvu"], 357_700, 363_700, 6_000),
        ("after", "Next year", 0, 363_700, 363_700),
    ]
    every = practice.waterfall("received", every=True)
    assert every["cause"].to_list() == ["before", *LABELS, WITHHELD, "after"]
    inner = every.slice(1, every.height - 2)
    assert inner["from"].to_list() == [every["to"][0], *inner["to"].to_list()[:-1]]
    assert inner["to"][-1] == every["to"][-1] == practice.after("received")


def test_every_cause_has_words():
    assert set(IN_WORDS) == {*LABELS, WITHHELD}


def test_sentences():
    def said(before: list[dict], after: list[dict], **options) -> str:
        return change_of(before, after).sentence("Next year", **options)

    # 99213 a thousand times at $60 -> $58, and 100 units at 2.00 -> 1.00 of RVUs, $60 -> $29.
    many = line(1, units=1000), line(1, units=1000, factor=NEW)
    assert said([many[0]], [many[1]]) == "Next year pays $2,000 less (-3.3 %): all of it is the conversion factor."
    assert said([many[1]], [many[0]]) == "Next year pays $2,000 more (+3.4 %): all of it is the conversion factor."
    fewer = line(2, units=20), line(2, units=20, pe=50)  # 20 x -0.50 x $30 = -$300
    assert said([many[0], fewer[0]], [many[1], fewer[1]]) == (
        "Next year pays $2,300 less (-3.8 %): $2,000 of it is the conversion factor."
    )
    more = line(2, units=20), line(2, units=20, pe=150)
    assert said([many[0], more[0]], [many[1], more[1]]) == (
        "Next year pays $1,700 less (-2.8 %): it loses $2,000 by the conversion factor and wins $300.00 by the RVUs of "
        "practice expense."
    )
    assert said([many[1], fewer[0]], [many[0], fewer[1]]) == (
        "Next year pays $1,700 more (+2.9 %): it wins $2,000 by the conversion factor and loses $300.00 by the RVUs of "
        "practice expense."
    )
    assert said([many[0]], [many[0]]) == "Next year pays the same: $60,000.00."
    assert said([many[0]], [many[1]], of="received") == (
        "Next year pays $1,968 less (-3.3 %): nearly all of it is the conversion factor."
    )


def test_an_estimate_is_told():
    found = compare(priced(line(1), low=50_000, high=62_000), priced(line(1)))
    assert found.notes == (
        "Same-day reductions of therapy rest on an estimate: before, between $500.00 and $620.00 are allowed in all, $600.00 "
        "by the estimate.",
    )


# With the built-in schedule ------------------------------------------------------------------------------------------------


def mix_of(*rows: dict) -> Mix:
    empty = dict.fromkeys(SCHEMA)
    numbered = [empty | {"row": n, "modifiers": "", "units": 1} | row for n, row in enumerate(rows, 2)]
    return Mix(pl.DataFrame(numbered, schema=SCHEMA), {})


THERAPY = [{"hcpcs": code, "modifiers": "GP", "units": 400, "month": JANUARY} for code in ("97110", "97140", "97530")]


def test_therapy_estimates_are_in_the_same_day(opened):
    mix = mix_of(*THERAPY)
    basis = Basis(date=dt.date(2026, 7, 1))
    short, long = (price(mix, basis, opened, Packing(units, 2)) for units in (2, 4))
    found = compare(short, long)
    assert list(some(found.parts())) == ["same_day"]
    assert found.parts()["same_day"] == long.totals["allowed"] - short.totals["allowed"] < 0
    assert [note for note in found.notes if "estimate" in note]


def test_a_year_of_a_practice_adds_up(opened):
    visit = [
        {
            "hcpcs": code,
            "modifiers": "GP",
            "units": 2,
            "visit": "V1",
            "service_date": dt.date(2026, 3, 2),
            "month": dt.date(2026, 3, 1),
        }
        for code in ("97110", "97140", "97530")
    ]
    mix = mix_of(
        *THERAPY,
        *visit,
        {"hcpcs": "99213", "units": 120, "month": JANUARY, "provider": "Lee"},
        {"hcpcs": "99213", "units": -3, "month": JANUARY, "provider": "Lee"},
        {"hcpcs": "70553", "units": 12, "month": JANUARY, "provider": "Kim"},
        {"hcpcs": "97010", "units": 12, "month": JANUARY},
        {"hcpcs": "00000", "units": 12, "month": JANUARY},
    )
    old, new = (price(mix, Basis(date=day, locality=where), opened) for day, where in (
        (dt.date(2025, 10, 1), "10112-00"), (dt.date(2026, 7, 1), "01112-05"),
    ))  # fmt: skip
    found = compare(old, new)
    for of in ("allowed", "received"):
        assert found.before(of) == old.totals[of]
        assert found.after(of) == new.totals[of]
        assert sum(found.parts(of).values()) == new.totals[of] - old.totals[of]
    assert {"conversion_factor", "work_rvu", "gpci_work", "gpci_pe", "gpci_mp"} <= set(some(found.parts()))
    by_row = found.rows.select(pl.sum_horizontal(list(LABELS)) == pl.col("change")).to_series()
    assert by_row.all()
    taken_back = found.rows.filter(pl.col("hcpcs") == "99213")
    assert taken_back["units_0"].to_list() == [120, -3]
    assert taken_back["change"][1] * -40 == taken_back["change"][0]


def test_another_factor_is_the_factor_alone(opened):
    mix = mix_of(*THERAPY, {"hcpcs": "99213", "modifiers": "25", "units": 500, "month": JANUARY})
    law = Basis(date=dt.date(2026, 7, 1))
    what_if = Basis(date=dt.date(2026, 7, 1), factor=(328_409, 331_693))
    found = compare(price(mix, law, opened), price(mix, what_if, opened))
    assert set(some(found.parts())) == {"conversion_factor", "rounding"}
    # 32.8409 / 33.4009 is 1.677 % less.
    assert found.percent() == Decimal("-1.7")
    assert found.sentence("Next year").endswith("all of it is the conversion factor.")


def test_rows_that_change_alike_are_worked_out_once_to_the_same_cents(opened):
    chance = random.Random(7)
    sold = [("97110", "GP"), ("97140", "GP"), ("97530", "GP"), ("99213", ""), ("20610", "50")]
    rows = []
    for number in range(3_000):
        month = dt.date(2026, chance.randint(1, 12), 1)
        code, modifiers = chance.choice(sold)
        visit = {"visit": f"V{number // 3}", "service_date": month.replace(day=9)} if number % 10 < 3 else {}
        units = chance.choice([1, 2, 2, 3, 40, -1])
        own = {"hcpcs": code, "modifiers": modifiers, "units": units, "month": month, "provider": chance.choice(["Lee", "Kim"])}
        rows.append(own | visit)
    mix = mix_of(*rows)
    at = {"locality": "01112-05"}
    old, new = (
        price(mix, Basis(date=dt.date(2025, 10, 1), **at), opened),
        price(mix, Basis(date=dt.date(2026, 7, 1), factor=(328_409, 331_693), **at), opened),
    )
    alone = [SimpleNamespace(rows=one.rows, interval=one.interval, worth=apart(one.rows)) for one in (old, new)]
    assert old.worth.n_unique() < mix.rows.height // 3
    assert compare(old, new).rows.equals(compare(*alone).rows)
    backwards = mix_of(*reversed(rows))  # the same rows in another order are matched by their numbers
    other = price(backwards, Basis(date=dt.date(2026, 7, 1), **at), opened)
    turned = SimpleNamespace(rows=other.rows, interval=other.interval, worth=apart(other.rows))
    assert compare(old, other).rows.equals(compare(alone[0], turned).rows)
