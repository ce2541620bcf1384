"""What-ifs: what each lever does to volumes and basis, scenarios beside each other, and the file that keeps them."""

import datetime as dt
import json
import random
import tomllib
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from feecalc import policy
from feecalc.analysis import levers, scenarios
from feecalc.analysis.levers import (
    LEVERS,
    Assistants,
    Factor,
    Group,
    On,
    Participating,
    Place,
    ProposedFactor,
    Qp,
    Setting,
    Volume,
    WorkFloor,
    proposed,
)
from feecalc.analysis.mix import SCHEMA, Mix
from feecalc.analysis.revenue import Basis, price
from feecalc.analysis.scenarios import Scenario, apply, load, save, side_by_side
from feecalc.errors import InputError
from feecalc.policy import STANDINGS

JANUARY = dt.date(2026, 1, 1)
JULY = dt.date(2026, 7, 1)
NOW = Basis(date=JULY)


def mix_of(*rows: dict) -> Mix:
    empty = dict.fromkeys(SCHEMA) | {"modifiers": "", "units": 1, "month": JANUARY}
    return Mix(pl.DataFrame([empty | {"row": n} | row for n, row in enumerate(rows, 2)], schema=SCHEMA), {})


def pulled(lever, mix: Mix, basis: Basis = NOW):
    """The rows, the basis and what is said with one lever pulled."""
    changed, there, told = apply(Scenario("What if", (lever,)), mix, basis)
    assert changed.rows.schema == mix.rows.schema
    return changed.rows, there, told


def units_of(rows: pl.DataFrame) -> list[tuple]:
    return rows.select("row", "hcpcs", "modifiers", "units").sort("row", "hcpcs", "modifiers").rows()


# The basis -----------------------------------------------------------------------------------------------------------------


def test_proposed_factors_have_a_source_and_never_enter_a_price(opened):
    for section in policy.load("proposed").values():
        for entry in section:
            assert entry["standing"] in STANDINGS
            assert entry["source"]
            assert entry["sentence"]
    for entry in policy.load("what_ifs").values():
        assert entry["standing"] in STANDINGS
        assert entry["source"]
    known = proposed(2027)
    assert (known.factor, known.qp) == (328_409, 331_693)
    assert "91 FR 43842, FR Doc 2026-14327, 2026-07-16" in known.source
    assert policy.conversion_factor(dt.date(2027, 1, 1)) is None
    factors = opened.schedule.calendar.select("factor", "factor_qp")
    assert not {known.factor, known.qp} & {*factors["factor"], *factors["factor_qp"]}
    assert opened.price("99213", date="2027-01-15").row["_outcome"] == "cannot_price"
    assert not [*policy._dates(policy.load("proposed")), *policy._dates(policy.load("what_ifs"))]  # so no span of dates begins


def test_the_proposed_factor():
    mix = mix_of({"hcpcs": "99213"})
    rows, basis, told = pulled(ProposedFactor(year=2027), mix)
    assert rows is mix.rows
    assert basis == Basis(date=JULY, factor=(328_409, 331_693))
    assert "not law" in told[0]
    assert "91 FR 43842" in told[0]
    with pytest.raises(InputError, match=r"No proposed conversion factor is known for 2028\. Known: 2027"):
        ProposedFactor(year=2028)


def test_levers_of_the_basis():
    mix = mix_of({"hcpcs": "99213"})
    assert pulled(Factor(factor="32"), mix)[1].factor == (320_000, 320_000)
    assert pulled(Factor(factor="32.5", qp="32.6001"), mix)[1].factor == (325_000, 326_001)
    _, basis, told = pulled(WorkFloor(), mix)
    assert not basis.work_floor
    assert "December 31, 2026" in told[0]
    assert pulled(WorkFloor(holds=True), mix, Basis(work_floor=False))[1].work_floor
    assert pulled(Qp(qp=True), mix)[1].qp
    assert not pulled(Participating(participating=False), mix)[1].participating
    assert pulled(On(date=dt.date(2025, 3, 4)), mix)[1].date == dt.date(2025, 3, 4)
    assert pulled(On(release="2024ar"), mix)[1].date == dt.date(2024, 3, 9)
    assert pulled(Place(state="AL"), mix, Basis(zip="35203"))[1] == Basis(state="AL")


def test_some_sites_move():
    rows = [{"hcpcs": "99213", "site": site, "zip": "35203"} for site in ("Main", "West", None)]
    mix = mix_of(*rows)
    moved, basis, told = pulled(Place(locality="10112-00", sites=("West",)), mix, Basis())
    assert moved.select("zip", "mac", "locality").rows() == [
        ("35203", None, None),
        (None, "10112", "00"),
        ("35203", None, None),
    ]
    assert told == ("1 row (site West) moved to 10112-00.",)
    # What held for all becomes the rows' own.
    moved, basis, _ = pulled(Place(zip="90001", sites=("West",)), mix, Basis(locality="10112-00"))
    assert basis == Basis()
    assert moved.select("zip", "mac", "locality").rows() == [
        (None, "10112", "00"),
        ("90001", None, None),
        (None, "10112", "00"),
    ]
    with pytest.raises(InputError, match="lever 1: Lever place: some rows cannot move while all are priced in AL"):
        pulled(Place(zip="90001", sites=("West",)), mix, Basis(state="AL"))
    with pytest.raises(InputError, match="a state can be given for all rows only"):
        Place(state="AL", sites=("West",))
    with pytest.raises(InputError, match="one of zip, locality and state"):
        Place(zip="35203", state="AL")
    same, _, told = pulled(Place(zip="90001", sites=("North",)), mix)
    assert same is mix.rows
    assert told == ("Lever place changed nothing: no row is such (site North).",)


def test_the_setting():
    mix = mix_of({"hcpcs": "99213", "pos": "11"}, {"hcpcs": "99214", "pos": "11"})
    moved, _, told = pulled(Setting(setting="facility", codes=("99214",)), mix)
    assert moved.select("pos", "setting").rows() == [("11", None), (None, "facility")]
    assert told == ("1 row (code 99214) moved to the setting facility.",)
    with pytest.raises(InputError, match="facility or nonfacility, not 'office'"):
        Setting(setting="office")


# Volumes -------------------------------------------------------------------------------------------------------------------


def test_volume_up_and_down():
    mix = mix_of(
        {"hcpcs": "99213", "units": 10, "provider": "Lee", "charge": 100_000, "paid": 70_001},
        {"hcpcs": "99213", "units": 5, "provider": "Lee"},
        {"hcpcs": "99214", "units": -3, "provider": "Lee", "charge": -30_000},
        {"hcpcs": "99213", "units": 7, "provider": "Kim"},
    )
    rows, basis, told = pulled(Volume(percent=10, providers=("Lee",)), mix)
    # 10 -> 11; 15 in all -> 16.5 -> 17, so the second has 6; -3 -> -3.3 -> -3; Kim's stay.
    assert rows["units"].to_list() == [11, 6, -3, 7]
    assert rows["charge"].to_list() == [110_000, None, -30_000, None]
    assert rows["paid"].to_list() == [77_001, None, None, None]  # 70,001 x 1.1 = 77,001.1
    assert basis == NOW
    assert told == ("+10 % services (provider Lee): 19 units become 21.",)
    assert pulled(Volume(percent="-100", codes=("99213",)), mix)[0]["hcpcs"].to_list() == ["99214"]
    assert pulled(Volume(percent=-50), mix)[0]["units"].to_list() == [5, 3, -2, 3]
    assert pulled(Volume(percent=0), mix)[0].equals(mix.rows)
    for percent in (-101, 1001):
        with pytest.raises(InputError, match="percent must be from -100 to 1,000"):
            Volume(percent=percent)


def test_visits_come_and_go_whole():
    day = {"service_date": dt.date(2026, 3, 2), "month": dt.date(2026, 3, 1)}
    visits = [{"hcpcs": code, "visit": f"V{n}", **day} for n in range(10) for code in ("97110", "97140")]
    mix = mix_of(*visits)
    fewer, _, told = pulled(Volume(percent=-20), mix)
    assert fewer.group_by("visit").len()["len"].to_list() == [2] * 8
    assert told == ("-20 % services (all rows): 20 units become 16.",)
    more, _, _ = pulled(Volume(percent=120), mix)
    assert more["units"].sum() == 44
    assert more["visit"].n_unique() == 22
    assert set(more.group_by("visit").len()["len"]) == {2}
    # Lines of one code alone are left out, or come again as a visit of their own.
    some, _, _ = pulled(Volume(percent=30, codes=("97140",)), mix)
    assert some.filter(pl.col("hcpcs") == "97140").height == 13
    assert some.filter(pl.col("hcpcs") == "97110").height == 10
    # Twice the same lever: copies of copies are visits of their own.
    twice, _, _ = apply(Scenario("Twice", (Volume(percent=100), Volume(percent=100))), mix, NOW)
    assert twice.rows["visit"].n_unique() == 40


def test_volumes_of_random_mixes_are_the_nearest_whole():
    draw = random.Random(3)
    for _ in range(20):
        rows = [
            {"hcpcs": draw.choice(("A0001", "B0002")), "units": draw.choice((1, 2, 17, 400, -1, -9))}
            for _ in range(draw.randint(1, 60))
        ]
        mix = mix_of(*rows)
        percent = draw.randint(-100, 150)
        changed = pulled(Volume(percent=percent), mix)[0]
        for code in ("A0001", "B0002"):
            for sign in (1, -1):
                old = sum(abs(r["units"]) for r in rows if r["hcpcs"] == code and r["units"] * sign > 0)
                new = changed.filter(pl.col("hcpcs") == code, pl.col("units") * sign > 0)["units"].abs().sum()
                assert new == (2 * old * (100 + percent) + 100) // 200
        beside = changed.join(mix.rows, on="row", suffix="_old")
        off = (beside["units"] * 100 - beside["units_old"] * (100 + percent)).abs()
        assert (off < 100).all()


# Assistants ----------------------------------------------------------------------------------------------------------------


def test_assistants_take_whole_units():
    mix = mix_of(
        {"hcpcs": "97110", "modifiers": "GP", "units": 10, "charge": 100_001},
        {"hcpcs": "97110", "modifiers": "GP CQ", "units": 2},
        {"hcpcs": "97530", "modifiers": "GO", "units": 4},
        {"hcpcs": "97161", "modifiers": "GP", "units": 6},
        {"hcpcs": "92507", "modifiers": "GN", "units": 8},
        {"hcpcs": "99213", "units": 9},
    )
    rows, _, told = pulled(Assistants(percent=50), mix)
    # 97110: half of 12 is 6, of which 2 are there. 97530: 2 of 4. Evaluations, speech and visits stay.
    assert units_of(rows) == [
        (2, "97110", "GP", 6),
        (2, "97110", "GP CQ", 4),
        (3, "97110", "GP CQ", 2),
        (4, "97530", "GO", 2),
        (4, "97530", "GO CO", 2),
        (5, "97161", "GP", 6),
        (6, "92507", "GN", 8),
        (7, "99213", "", 9),
    ]
    assert sorted(rows.filter(pl.col("row") == 2)["charge"].to_list()) == [40_000, 60_001]  # 40,000.4 and the rest
    assert told == (
        "Assistants furnish 8 of 16 units of therapy (all rows): 2 had CQ or CO already, 6 take it.",
        "Evaluations stay with the therapists: 6 units.",
    )
    only_pt, _, _ = pulled(Assistants(percent=100, disciplines=("PT",)), mix)
    assert only_pt.filter(pl.col("modifiers").str.contains("CO")).is_empty()
    assert only_pt.filter(pl.col("row") == 2)["modifiers"].to_list() == ["GP CQ"]


def test_assistants_keep_what_they_have():
    mix = mix_of(
        {"hcpcs": "97110", "modifiers": "GP CQ", "units": 8},
        {"hcpcs": "97110", "modifiers": "GP", "units": 2},
        {"hcpcs": "97140", "modifiers": "GP 59 KX 22", "units": 5},
        {"hcpcs": "97530", "modifiers": "GP GO", "units": 5},
        {"hcpcs": "97112", "modifiers": "GP", "units": -4},
    )
    rows, _, told = pulled(Assistants(percent=25), mix)
    assert units_of(rows) == [
        (2, "97110", "GP CQ", 8),
        (3, "97110", "GP", 2),
        (4, "97140", "GP 59 KX 22", 5),
        (5, "97530", "GP GO", 5),
        (6, "97112", "GP", -3),
        (6, "97112", "GP CQ", -1),
    ]
    assert told[1:] == (
        "1 unit more would be needed, of rows that have no room for another modifier.",
        "5 units above the share of a code had CQ or CO before, and keep it.",
    )
    nothing, _, told = pulled(Assistants(percent=25), mix_of({"hcpcs": "97110"}))
    assert nothing["modifiers"].to_list() == [""]
    assert told == ("Lever assistants changed nothing: no row of treatment carries GP or GO (all rows).",)
    with pytest.raises(InputError, match="SLP has no assistants"):
        Assistants(percent=10, disciplines=("SLP",))


def test_assistants_of_random_mixes():
    draw = random.Random(4)
    for _ in range(20):
        rows = [
            {
                "hcpcs": draw.choice(("97110", "97140", "97161")),
                "modifiers": draw.choice(("GP", "GO", "GP CQ", "GP 59", "")),
                "units": draw.choice((1, 1, 2, 50, -2)),
                "charge": draw.choice((None, 12_345)),
            }
            for _ in range(draw.randint(1, 50))
        ]
        mix = mix_of(*rows)
        percent = draw.randint(0, 100)
        changed = pulled(Assistants(percent=percent), mix)[0]
        for column in ("units", "charge"):
            sums = changed.group_by("row").agg(pl.col(column).sum()).sort("row")
            assert sums[column].to_list() == mix.rows[column].fill_null(0).to_list()
        assert (changed["units"] != 0).all()
        known = changed.filter(pl.col("hcpcs") == "97140", pl.col("modifiers").str.contains("GP"), pl.col("units") > 0)
        had = mix.rows.filter(pl.col("hcpcs") == "97140", pl.col("modifiers") == "GP CQ", pl.col("units") > 0)["units"].sum()
        every, taken = known["units"].sum(), known.filter(pl.col("modifiers").str.contains("CQ"))["units"].sum()
        assert taken == max((2 * every * percent + 100) // 200, had)


def test_assistants_cost_what_the_modifier_costs(opened):
    mix = mix_of({"hcpcs": "97161", "modifiers": "GP", "units": 10}, {"hcpcs": "97110", "modifiers": "GP", "units": 100})
    table = side_by_side([Scenario("Half by assistants", (Assistants(percent=50),))], mix, NOW, opened).outcomes[0]
    assert table.change.difference("allowed") == 0
    assert table.change.parts("received")["withheld"] == table.change.difference("received") < 0


# Groups --------------------------------------------------------------------------------------------------------------------


def test_group_sessions_in_place_of_units():
    mix = mix_of(
        {"hcpcs": "97110", "modifiers": "GP", "units": 60, "charge": 60_000, "provider": "Lee"},
        {"hcpcs": "97530", "modifiers": "59 GP", "units": 40, "provider": "Lee", "paid": 8_000},
        {"hcpcs": "97110", "modifiers": "GP", "units": 5, "provider": "Kim"},
        {"hcpcs": "97140", "modifiers": "GP", "units": 9, "provider": "Lee"},
        {"hcpcs": "97110", "modifiers": "GP", "units": -2, "provider": "Lee"},
    )
    rows, _, told = pulled(Group(percent=20, patients=4, units=2, minutes=30, charge="30.00"), mix)
    # Lee: 100 units, of which 20 make 10 sessions; 12 are of 97110, 8 of 97530. Kim: 105 x 10 % = 10.5, so there is an 11th
    # session, of 2 of Kim's 5 units. Manual therapy and what is taken back stay.
    assert units_of(rows) == [
        (2, "97110", "GP", 48),
        (2, "97150", "GP", 10),
        (3, "97530", "59 GP", 32),
        (4, "97110", "GP", 3),
        (4, "97150", "GP", 1),
        (5, "97140", "GP", 9),
        (6, "97110", "GP", -2),
    ]
    group = rows.filter(pl.col("hcpcs") == "97150").sort("row")
    assert group["charge"].to_list() == [30_000, 3_000]
    assert group["provider"].to_list() == ["Lee", "Kim"]
    assert rows.filter(pl.col("row") == 2, pl.col("hcpcs") == "97110")["charge"].to_list() == [48_000]
    assert rows.filter(pl.col("row") == 3)["paid"].to_list() == [6_400]
    # 22 units are 330 minutes; three groups (11 sessions, four a group) take 90.
    assert told == (
        "22 of 105 individual units (code 97110, 97112, 97113, 97116, 97530) become 11 patients' group sessions, 2 units each: "
        "about 3 groups of 4.",
        "Treatment time won: 4.0 hours, at 30 minutes a group; it fills no visit by itself.",
    )


def test_a_visit_has_one_group_session_at_most():
    day = {"service_date": dt.date(2026, 3, 2), "month": dt.date(2026, 3, 1)}
    mix = mix_of(*({"hcpcs": "97110", "modifiers": "GP KX 59", "units": 4, "visit": f"V{n}", **day} for n in range(10)))
    rows, _, told = pulled(Group(percent=100, patients=2, units=2), mix)
    assert rows.filter(pl.col("hcpcs") == "97150").select("visit", "units", "modifiers").rows() == [
        (f"V{n}", 1, "GP KX") for n in range(10)
    ]
    assert rows.filter(pl.col("hcpcs") == "97110")["units"].to_list() == [2] * 10
    assert told[2].startswith("20 sessions were asked for; no more")
    half, _, _ = pulled(Group(percent=25, patients=2, units=2), mix)
    assert half.filter(pl.col("hcpcs") == "97150").height == 5
    none, _, told = pulled(Group(percent=50, patients=2, units=5), mix)
    assert none.equals(mix.rows)
    assert told[0].startswith("Lever group changed nothing: of 40 units no whole session comes")


def test_groups_of_random_mixes_give_up_what_they_replace():
    draw = random.Random(5)
    for _ in range(20):
        rows = [
            {
                "hcpcs": draw.choice(("97110", "97530", "97140", "97150")),
                "modifiers": draw.choice(("GP", "GP 59", "GO", "")),
                "units": draw.choice((1, 3, 40, -1)),
                "provider": draw.choice(("Lee", "Kim", None)),
            }
            for _ in range(draw.randint(1, 60))
        ]
        mix = mix_of(*rows)
        lever = Group(
            percent=draw.randint(0, 100), patients=draw.randint(2, 6), units=draw.randint(1, 4), codes=("97110", "97530")
        )
        changed = pulled(lever, mix)[0]

        def count(frame: pl.DataFrame, *codes: str) -> int:
            return frame.filter(pl.col("hcpcs").is_in(codes))["units"].sum()

        sessions = count(changed, "97150") - count(mix.rows, "97150")
        assert sessions >= 0
        assert count(mix.rows, "97110", "97530") - count(changed, "97110", "97530") == sessions * lever.units
        assert count(changed, "97140") == count(mix.rows, "97140")
        individual = sum(r["units"] for r in rows if r["hcpcs"] in lever.codes and r["units"] > 0)
        assert sessions * lever.units * 100 <= individual * lever.percent + 50 * lever.units


def test_groups_are_of_timed_codes():
    with pytest.raises(InputError, match="97161 is no individual 15-minute code"):
        Group(percent=10, patients=3, units=2, codes=("97161",))
    with pytest.raises(InputError, match="patients must be from 2 to 20, not 1"):
        Group(percent=10, patients=1, units=2)


# Scenarios beside each other -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(opened):
    mix = mix_of(
        {"hcpcs": "97110", "modifiers": "GP", "units": 200, "provider": "Lee"},
        {"hcpcs": "97140", "modifiers": "GP", "units": 200, "provider": "Lee"},
        {"hcpcs": "99213", "units": 300, "provider": "Kim"},
    )
    basis = Basis(date=JULY, locality="10112-00")
    next_year = Scenario("Next year", (ProposedFactor(year=2027), WorkFloor()))
    busier = Scenario("Busier", (Volume(percent=10, providers=("Kim",)),))
    return mix, basis, side_by_side([next_year, busier, Scenario("As now")], mix, basis, opened)


def test_side_by_side(beside, opened):
    mix, basis, found = beside
    table = found.table()
    assert table["scenario"].to_list() == ["As it is", "Next year", "Busier", "As now"]
    assert table["units"].to_list() == [700, 700, 730, 700]
    now = price(mix, basis, opened).totals
    assert table["allowed"][0] == Decimal(now["allowed"]).scaleb(-2)
    assert table["received"][0] == Decimal(now["received"]).scaleb(-2)
    by_hand = price(mix, Basis(date=JULY, locality="10112-00", factor=(328_409, 331_693), work_floor=False), opened).totals
    assert table["allowed"][1] == Decimal(by_hand["allowed"]).scaleb(-2)
    assert (table["allowed"] - table["allowed"][0]).to_list() == table["allowed_change"].to_list()
    causes = table.select(pl.sum_horizontal(table.columns[7:])).to_series()
    assert causes.to_list() == table["allowed_change"].to_list()
    # Alabama has the floor: without it work is worth less there, beside the factor.
    assert table["gpci_work"][1] < 0
    assert table["conversion_factor"][1] < 0
    assert table["percent"].to_list()[0] == Decimal("0.0")
    busier = found.outcomes[1]
    assert busier.change.parts()["volume"] == busier.change.difference() > 0
    assert busier.told == ("+10 % services (provider Kim): 700 units become 730.",)
    assert found.outcomes[2].change.parts() == dict.fromkeys(busier.change.parts(), 0)


def test_two_of_one_name_are_refused(opened):
    with pytest.raises(InputError, match="Two scenarios are named"):
        side_by_side([Scenario("A"), Scenario("a ")], mix_of({"hcpcs": "99213"}), NOW, opened)


def test_levers_that_contradict_each_other():
    with pytest.raises(InputError, match="levers proposed_factor and factor contradict each other"):
        Scenario("X", (ProposedFactor(year=2027), Factor(factor="33")))
    with pytest.raises(InputError, match="needs a name"):
        Scenario("  ")


def test_values_of_a_lever_are_checked():
    with pytest.raises(InputError, match=r"Lever volume: percent must be a number of percent.*not 12\.5"):
        Volume(percent=12.5)
    with pytest.raises(InputError, match="providers must be a list of texts, not 'Lee'"):
        Volume(percent=1, providers="Lee")
    with pytest.raises(InputError, match="qp must be true or false, not 1"):
        Qp(qp=1)
    with pytest.raises(InputError, match="factor must be dollars with up to four decimals"):
        Factor(factor="33.40091")
    with pytest.raises(InputError, match="give date or release, one of them"):
        On()
    with pytest.raises(InputError, match="'2026E' is no release"):
        On(release="2026E")
    with pytest.raises(InputError, match="date must be a date such as 2026-07-01, not 'July'"):
        On(date="July")
    with pytest.raises(InputError, match="units must be a whole number, not True"):
        Group(percent=1, patients=3, units=True)


# The file ------------------------------------------------------------------------------------------------------------------

EVERY = (
    Scenario(
        "Every lever",
        (
            ProposedFactor(year=2027),
            WorkFloor(),
            On(date=dt.date(2026, 10, 1)),
            Qp(qp=True),
            Participating(participating=False),
            Place(zip="35203"),
            Place(locality="10112-00", sites=("West",)),
            Setting(setting="facility", payers=("Plan \"B\"\\", "Ünïcode\t\x7f✓")),
            Volume(percent="-12.25", codes=("99213", "99214"), providers=("Lee",)),
            Assistants(percent=40, disciplines=("PT",)),
            Group(percent=Decimal("7.5"), patients=4, units=2, minutes=45, charge="30.00"),
        ),
        note="What we\nassume.",
    ),
    Scenario("A factor of our own", (Factor(factor="33.1", qp="33.2"), On(release="2026C"), WorkFloor(holds=True))),
    Scenario("Nothing"),
)  # fmt: skip


def test_every_lever_is_in_the_test_of_the_file():
    assert {lever.NAME for scenario in EVERY for lever in scenario.levers} == set(LEVERS)


@pytest.mark.parametrize("name", ["plans.toml", "plans.JSON"])
def test_a_file_gives_back_what_it_was_given(tmp_path: Path, name):
    target = tmp_path / "new" / name
    save(target, EVERY)
    assert load(target) == EVERY
    save(target, EVERY[:1])
    assert load(target) == EVERY[:1]
    assert [path.name for path in target.parent.iterdir()] == [name]


def test_the_two_forms_say_the_same(tmp_path: Path):
    save(tmp_path / "a.toml", EVERY[:2])
    save(tmp_path / "a.json", EVERY[:2])
    one = tomllib.loads((tmp_path / "a.toml").read_text(encoding="utf-8"))
    other = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert one["feecalc_scenarios"] == other["feecalc_scenarios"] == scenarios.VERSION
    dates = {"date": dt.date(2026, 10, 1)}
    assert json.loads(json.dumps(one, default=str)) == other
    assert one["scenario"][0]["lever"][2] == {"lever": "date", **dates}


def test_a_file_written_by_hand(tmp_path: Path):
    source = tmp_path / "mine.toml"
    source.write_text(
        """feecalc_scenarios = 1
[[scenario]]
name = "Mine"
lever = [{ lever = "volume", percent = -12.5 }, { lever = "factor", factor = 33.4 }, { lever = "date", date = "2026-07-01" }]
""",
        encoding="utf-8",
    )
    assert load(source) == (Scenario("Mine", (Volume(percent="-12.5"), Factor(factor="33.4"), On(date=JULY))),)


def test_an_older_file_stays_where_writing_fails(tmp_path: Path, monkeypatch):
    target = tmp_path / "plans.toml"
    save(target, EVERY[:1])

    def fail(content: object) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(scenarios, "_toml", fail)
    with pytest.raises(OSError, match="disk full"):
        save(target, EVERY)
    assert load(target) == EVERY[:1]
    with pytest.raises(InputError, match=r"ends in \.toml or \.json, not in 'plans.xlsx'"):
        save(tmp_path / "plans.xlsx", EVERY)
    assert [path.name for path in tmp_path.iterdir()] == ["plans.toml"]


HEAD = 'feecalc_scenarios = 1\n[[scenario]]\nname = "A"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = 'A'", "this is no file of scenarios: it has no feecalc_scenarios"),
        ("feecalc_scenarios = 2", "the file is of version 2, and this feecalc reads up to version 1"),
        ("feecalc_scenarios = '1'", "must be the version of the file, a whole number, not '1'"),
        ("feecalc_scenarios = 1\npatients = []", "the file has 'patients', which is not known there. Known: feecalc_scenarios"),
        ("feecalc_scenarios = 1\nscenario = 3", "scenario must be a list of scenarios, not a number"),
        ("feecalc_scenarios = 1\nscenario = [3]", "scenario 1 must be a table of name, note and lever, not a number"),
        ("feecalc_scenarios = 1\n[[scenario]]\nnote = 'x'", "scenario 1 needs a name, a text"),
        (HEAD + "rows = 3", "scenario 1 has 'rows', which is not known there"),
        (HEAD + "note = 3", "Scenario 'A': the note must be a text"),
        (HEAD + "lever = 'qp'", r"scenario 1 \('A'\): lever must be a list of levers, not a text"),
        (HEAD + "[[scenario.lever]]\nlever = 'price'", "lever 1: there is no lever 'price'. The levers are proposed_factor"),
        (HEAD + "[[scenario.lever]]\nlever = 'qp'", r"lever 1 \(qp\) needs qp"),
        (HEAD + "[[scenario.lever]]\nlever = 'qp'\nqp = 'yes'", "lever 1: Lever qp: qp must be true or false, not 'yes'"),
        (HEAD + "[[scenario.lever]]\nlever = 'qp'\nqp = true\nvisit = 'V1'", r"lever 1 \(qp\) has 'visit', which is not known"),
        (HEAD + "[[scenario.lever]]\nlever = 'volume'\npercent = 1.234", "percent must be a number of percent with at most"),
        (HEAD + "[[scenario.lever]]\nlever = 'volume'\npercent = inf", "percent must be a number of percent"),
        (HEAD + '[[scenario]]\nname = "a"', "Two scenarios are named"),
        ("feecalc_scenarios = ", "is no TOML that can be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text, said):
    source = tmp_path / "mine.toml"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said) as raised:
        load(source)
    assert str(raised.value).startswith("mine.toml")


def test_json_that_is_wrong(tmp_path: Path):
    source = tmp_path / "mine.json"
    for text, said in (
        ("[1", "mine.json: this is no JSON that can be read"),
        ("[]", "no file of scenarios"),
        ('{"feecalc_scenarios": 1, "scenario": [{"name": "A", "lever": [{"lever": "qp", "qp": null}]}]}', "qp has no value"),
        ('{"feecalc_scenarios": 1, "scenario": [{"name": "A", "lever": [null]}]}', "lever 1 must be a table, not nothing"),
    ):
        source.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            load(source)
    source.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no JSON that can be read"):
        load(source)
    with pytest.raises(InputError, match="there is no such file"):
        load(tmp_path / "none.toml")


def test_no_scenario_can_hold_a_patient():
    names = {name for lever in LEVERS.values() for name in lever.__dataclass_fields__}
    assert not names & {"visit", "visits", "patient", "claim", "row", "rows"}
    assert levers.ALIKE_IN_A_GROUP[0] == "visit"  # which rows may be grouped is found in the volumes, and is not kept


def test_rows_that_are_alike_have_one_number():
    draw = random.Random(6)
    rows = [
        (
            draw.choice((0, 10**9, -(10**9), None)),
            draw.choice((1, 2 * 10**9)),
            draw.choice(("a", "b", None)),
            draw.choice((0, 10**9)),
        )
        for _ in range(300)
    ]
    frame = pl.DataFrame(rows, schema=["a", "b", "c", "d"], orient="row")  # four such columns are wider than 64 bits
    numbers: dict[tuple, int] = {}
    expected = [numbers.setdefault(row, len(numbers)) for row in rows]
    assert levers._alike(frame).to_list() == expected
    assert levers._alike(frame.clear()).is_empty()
