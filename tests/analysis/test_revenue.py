"""What a mix comes to: exact where visits are known, bounded where they are not, and told in the command line's words."""

import datetime as dt
import json
import random
from dataclasses import replace
from decimal import Decimal

import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner

from feecalc.analysis.levers import ProposedFactor, Volume
from feecalc.analysis.mix import Mix, read_mix, samples
from feecalc.analysis.packing import Packing
from feecalc.analysis.revenue import ADDED, Basis, price
from feecalc.analysis.scenarios import Scenario, save
from feecalc.cli.revenue import revenue_command
from feecalc.errors import InputError, NotLoadedError

ON = dt.date(2025, 10, 15)
ALABAMA = "35203"
VISIT = ("97530,1,V,2025-10-15", "97110,2,V,2025-10-15", "97140,1,V,2025-10-15")
THERAPY = ["97110", "97112", "97140", "97530", "97116", "97535"]


def mix(*lines, header="CPT,Units,Visit,DOS", **chosen):
    return read_mix("\n".join([header, *lines]).encode(), "a.csv", chosen)


def cents(value):
    return None if value is None else int(Decimal(value) * 100)


def column(priced, name):
    return priced.rows[name].to_list()


# Visits ------------------------------------------------------------------------------------------------------------------


def test_the_visit_of_the_reference(opened):
    """Worked examples 86 to 88 of the payment rules."""
    national = price(mix(*VISIT), Basis(), opened)
    assert (national.totals["fee_total"], national.totals["allowed"]) == (11936, 9897)
    assert national.totals["received"] == 9739
    assert column(national, "reduction") == [0, -2 * (2879 - 2183), -(2717 - 2070)]
    assert not national.interval.estimated
    assert national.interval.allowed == (9897, 9897, 9897)
    assert price(mix(*VISIT), Basis(zip=ALABAMA), opened).totals["allowed"] == 9315


def test_rows_of_visits_are_priced_as_claims(opened):
    chance = random.Random(17)
    codes = [*THERAPY, "99213", "99214", "93000", "71046", "70450", "70551", "20610", "11102", "11104", "45378", "45380",
             "45385", "29881", "66984", "93306", "92134", "G0008", "36415", "99999"]  # fmt: skip
    modifiers = ["", "", "", "", "59", "GP", "GP CQ", "26", "TC", "RT", "LT", "50", "80", "62", "54", "ZZ"]
    rows = pl.DataFrame(
        [
            (number, chance.choice(codes), chance.choice(modifiers), chance.randint(1, 3), f"V{chance.randint(1, 120)}",
             dt.date(2025, chance.randint(1, 12), 1), chance.choice(["11", "22", "24", "05", None]))
            for number in range(600)
        ],
        schema={"row": pl.Int64, "hcpcs": pl.String, "modifiers": pl.String, "units": pl.Int64, "visit": pl.String,
                "service_date": pl.Date, "pos": pl.String},
        orient="row",
    )  # fmt: skip
    priced = price(by_hand(rows), Basis(zip=ALABAMA), opened)
    lines = rows.select("hcpcs", "modifiers", "units", "service_date", "pos", claim_id=pl.col("visit"), zip=pl.lit(ALABAMA))
    exact = opened.price_lines(lines)
    for name in ("outcome", "reason", "release"):
        assert column(priced, name) == exact[name].to_list()
    for name in ("allowed", "coinsurance", "medicare_share", "sequestration", "received"):
        wanted = [
            cents(v) if o == "priced" else (0 if o == "zero" else None) for v, o in exact.select(name, "outcome").iter_rows()
        ]
        assert column(priced, name) == wanted
    assert {"priced", "zero", "cannot_price"} == set(exact["outcome"])
    assert (priced.rows["reduction"].drop_nulls() < 0).any()


def by_hand(rows):
    from feecalc.analysis.mix import SCHEMA

    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in SCHEMA.items() if name not in rows.columns]
    return Mix(rows.with_columns(missing).select(list(SCHEMA)), {})


def test_units_taken_back_in_a_visit_leave_the_line_that_is_left(opened):
    less = price(mix(*VISIT, "97110,-1,V,2025-10-15"), Basis(), opened)
    plain = price(mix("97530,1,V,2025-10-15", "97110,1,V,2025-10-15", "97140,1,V,2025-10-15"), Basis(), opened)
    for name in ("allowed", "coinsurance", "medicare_share", "sequestration", "received", "work_rvu", "work_rvu_adjusted"):
        assert less.totals[name] == plain.totals[name]
    assert column(less, "alone")[-1] == -2879
    whole = price(mix(*VISIT, "97110,-2,V,2025-10-15"), Basis(), opened)
    assert whole.totals["allowed"] == 3461 + 2070


def test_units_that_a_visit_has_not_are_taken_back_in_full_and_told(opened):
    priced = price(mix(*VISIT, "97112,-1,V,2025-10-15"), Basis(), opened)
    assert column(priced, "allowed")[-1] == -3202
    assert any("1 lines take back units that their visit does not have" in note for note in priced.notes)


def test_a_visit_without_a_date_is_not_known_by_day(opened):
    priced = price(mix("97110,2,V,", "97530,1,V,"), Basis(date=ON), opened)
    assert priced.interval.estimated


def test_two_days_of_one_claim_are_two_days(opened):
    priced = price(mix("97110,1,C,2025-10-14", "97110,1,C,2025-10-15"), Basis(date=dt.date(2025, 1, 2)), opened)
    assert priced.totals["allowed"] == 2 * 2879


# Rows without visits -----------------------------------------------------------------------------------------------------


def test_each_unit_of_other_rows_is_a_line_alone(opened):
    lines = [
        "99213,25,100,2025-01-15",
        "93000,,7,2025-03-01",
        "20610,50,4,2025-02-01",
        "99214,,-3,2025-01-15",
        "29881,,2,2025-05-02",
    ]
    priced = price(mix(*lines, header="CPT,Mod,Units,DOS"), Basis(zip=ALABAMA), opened)
    for row in priced.rows.iter_rows(named=True):
        one = opened.price(row["hcpcs"], modifiers=row["modifiers"], zip=ALABAMA, date=row["service_date"]).row
        for name in ("allowed", "coinsurance", "medicare_share", "sequestration", "received"):
            assert row[name] == one[f"_{name}"] * row["units"], (row["hcpcs"], name)
        assert row["fee_total"] == one["_fee"] * row["units"]
        assert row["reduction"] == 0
    assert not priced.interval.estimated


def test_the_parts_add_up(opened):
    for path in samples().values():
        priced = price(read_mix(path), Basis(zip=ALABAMA), opened)
        rows = priced.rows.filter(pl.col("allowed").is_not_null())
        assert rows.height
        assert (rows["alone"] + rows["reduction"]).equals(rows["allowed"])
        assert (rows["coinsurance"] + rows["medicare_share"] - rows["sequestration"]).equals(rows["received"])
        assert (rows["reduction"] <= 0).all()
        assert priced.mix.rows.equals(priced.rows.select(priced.mix.rows.columns))
        assert priced.rows.select(list(ADDED)).schema == ADDED


def test_what_is_not_priced_is_null_and_what_pays_nothing_is_0(opened):
    priced = price(mix("99999,5", "36415,5", "99213,1", header="CPT,Units"), Basis(date=ON), opened)
    unknown, nothing, plain = priced.rows.select(list(ADDED)).rows(named=True)
    assert (unknown["outcome"], unknown["reason"]) == ("cannot_price", "unknown_code")
    assert {unknown[name] for name in ADDED if name not in ("outcome", "reason", "release")} == {None}
    amounts = [name for name in ADDED if name not in ("outcome", "reason", "release", "factor", "g_work", "g_pe", "g_mp")]
    assert (nothing["outcome"], {nothing[name] for name in amounts}, nothing["factor"]) == ("zero", {0}, 323465)
    assert plain["reason"] is None
    table = opened.schedule.table("2025D", "pprrvu").filter(pl.col("hcpcs") == "99213")
    assert (plain["work"], plain["pe"], plain["mp"]) == table.select("work", "pe_nonfacility", "mp").row(0)
    assert (plain["release"], plain["g_work"], plain["factor"]) == ("2025D", 1000, 323465)


def test_the_estimate_lies_where_every_real_year_does(opened):
    """Years of visits with four units of which no more than two are of one code, priced exactly, and then without visits."""
    chance = random.Random(4)
    for _ in range(12):
        rows = []
        for visit in range(chance.randint(3, 40)):
            kinds = chance.sample(THERAPY, 3)
            for code in [*kinds, chance.choice(kinds)]:
                rows.append((len(rows) + 1, code, chance.choice(["GP", "GP", "GP CQ"]), 1, f"{visit}", ON, "A"))
        frame = pl.DataFrame(
            rows, orient="row", schema=["row", "hcpcs", "modifiers", "units", "visit", "service_date", "provider"]
        )
        exact = price(by_hand(frame), Basis(zip=ALABAMA), opened)
        totals = by_hand(
            frame.drop("visit").group_by(pl.exclude("row", "units")).agg(pl.col("row").min(), pl.col("units").sum())
        )
        priced = price(totals, Basis(zip=ALABAMA), opened, Packing(4, 3))
        for name in ("allowed", "received"):
            bounds = getattr(priced.interval, name)
            assert bounds.low <= exact.totals[name] <= bounds.high
            assert bounds.low <= bounds.estimate <= bounds.high
            assert bounds.estimate == priced.totals[name]
        assert priced.interval.visits * 4 == priced.interval.units == len(rows)


def test_a_visit_of_one_unit_is_never_reduced(opened):
    priced = price(read_mix(samples()["therapy_clinic"]), Basis(zip=ALABAMA), opened, Packing(1, 1))
    assert priced.totals["reduction"] == 0
    assert priced.interval.allowed.known


def test_more_units_a_visit_pay_less(opened):
    found = read_mix(samples()["therapy_clinic"])
    allowed = [price(found, Basis(zip=ALABAMA), opened, Packing(units, 1)).totals["allowed"] for units in (1, 2, "3.5", 4, 6)]
    assert allowed == sorted(allowed, reverse=True)
    assert len(set(allowed)) == len(allowed)


def test_visits_of_different_providers_payers_sites_and_months_are_apart(opened):
    header = "CPT,Units,Provider,Payer,Site,Month"
    for line in ("97110,1,B,P,S,2025-01", "97110,1,A,Q,S,2025-01", "97110,1,A,P,T,2025-01", "97110,1,A,P,S,2025-02"):
        priced = price(mix("97110,1,A,P,S,2025-01", line, header=header), Basis(), opened)
        assert priced.interval.visits == 2
    assert price(mix("97110,1,A,P,S,2025-01", "97110,1,A,P,S,2025-01", header=header), Basis(), opened).interval.visits == 1


def test_units_taken_back_are_netted_in_their_pool(opened):
    header = "CPT,Units,Month"
    less = price(mix("97110,10,2025-01", "97110,-2,2025-01", header=header), Basis(), opened)
    plain = price(mix("97110,8,2025-01", header=header), Basis(), opened)
    assert less.totals == plain.totals
    assert less.interval == plain.interval
    alone = price(mix("97110,-2,2025-01", header=header), Basis(), opened)
    assert alone.totals["allowed"] == -2 * 2879


# Basis -------------------------------------------------------------------------------------------------------------------


def test_each_row_by_its_own_date_place_and_setting(opened):
    header = "CPT,Units,DOS,Month,Zip,POS"
    priced = price(
        mix("99213,1,2024-03-08,,35203,11", "99213,1,2024-03-09,,,22", "99213,1,,2025-07,94110,", header=header),
        Basis(),
        opened,
    )
    assert column(priced, "factor") == [327442, 332875, 323465]
    wanted = [
        opened.price("99213", date="2024-03-08", zip="35203", pos="11"),
        opened.price("99213", date="2024-03-09", pos="22"),
        opened.price("99213", date="2025-07-01", zip="94110"),
    ]
    assert column(priced, "allowed") == [quote.row["_allowed"] for quote in wanted]


def test_one_date_and_place_for_all_rows(opened):
    found = mix("99213,1,2024-03-08,94110", "99213,2,,", header="CPT,Units,DOS,Zip")
    one = opened.price("99213", date="2026-07-01", locality="10112-00").row["_allowed"]
    for place in ({"zip": "35203"}, {"locality": "10112-00"}, {"state": "al"}, {"zip": "35203-1234"}):
        priced = price(found, Basis(date=dt.date(2026, 7, 1), **place), opened)
        assert column(priced, "allowed") == [one, 2 * one], place
    national = price(found, Basis(date=dt.date(2026, 7, 1), locality="national"), opened)
    assert column(national, "g_work") == [1000, 1000]


def test_other_levers(opened):
    found, on = mix("99213,1", "97530,1", header="CPT,Units"), dt.date(2026, 7, 1)
    for given, asked in (
        ({"qp": True}, {"qp": True}),
        ({"participating": False}, {"participating": False}),
        ({"setting": "facility"}, {"setting": "facility"}),
    ):
        priced = price(found, Basis(date=on, **given), opened)
        assert column(priced, "allowed") == [
            opened.price(code, date=on, **asked).row["_allowed"] for code in ("99213", "97530")
        ]


def test_another_factor_and_no_floor(opened):
    found = mix("99213,3", header="CPT,Units")
    on = dt.date(2026, 7, 1)
    before = price(found, Basis(date=on, zip=ALABAMA), opened)
    factor = price(found, Basis(date=on, zip=ALABAMA, factor=(328_409, 331_693)), opened)
    assert column(factor, "factor") == [328_409]
    assert any("what-if" in note for note in factor.notes)
    floor = price(found, Basis(date=on, zip=ALABAMA, work_floor=False), opened)
    assert (column(before, "g_work"), column(floor, "g_work")) == ([1000], [988])
    row = floor.rows.row(0, named=True)
    exact = (row["work"] * 988 + row["pe"] * row["g_pe"] + row["mp"] * row["g_mp"]) * row["factor"]
    assert row["fee"] == (exact + 5_000_000) // 10_000_000
    assert price(found, Basis(date=on, zip=ALABAMA), opened).rows.equals(before.rows)
    with pytest.raises(NotLoadedError, match="floor"):
        price(found, Basis(date=ON, work_floor=False), opened)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"zip": "35203", "state": "AL"}, "not several"),
        ({"setting": "office"}, "facility or nonfacility"),
        ({"zip": "3520"}, "five digits"),
        ({"locality": "Alabama"}, "MAC and locality"),
    ],
)
def test_a_basis_that_is_none(given, says):
    with pytest.raises(InputError, match=says):
        Basis(**given)


def test_a_state_or_long_zip_that_names_no_one_place(opened):
    found = mix("99213,1", header="CPT,Units")
    with pytest.raises(InputError, match=r"CA has .* localities"):
        price(found, Basis(date=ON, state="CA"), opened)
    unknown = price(found, Basis(date=ON, zip="00000"), opened)
    assert (column(unknown, "reason"), unknown.asks) == (["unknown_zip"], True)


def test_a_year_that_is_not_loaded(opened):
    for place in ({}, {"zip": ALABAMA}, {"state": "AL"}, {"zip": "35203-1234"}):
        priced = price(mix("99213,1", header="CPT,Units"), Basis(date=dt.date(2031, 1, 1), **place), opened)
        assert column(priced, "reason") == ["no_release"]
    assert column(price(mix("99213,1", header="CPT,Units"), Basis(), opened), "reason") == ["service_date"]


# Work RVUs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "modifiers", "units", "percent"),
    [
        ("20610", "", 2, "100"), ("20610", "50", 1, "150"), ("27447", "80", 3, "16"), ("22633", "62", 1, "62.5"),
        ("27447", "AS", 1, "13.6"), ("97110", "GP CQ", 4, "85"), ("71046", "26", 2, "100"), ("97110", "GP", 4, "100"),
    ],
)  # fmt: skip
def test_work_adjusted_by_modifiers(opened, code, modifiers, units, percent):
    priced = price(mix(f"{code},{modifiers},{units}", header="CPT,Mod,Units"), Basis(date=ON), opened)
    row = priced.rows.row(0, named=True)
    assert row["outcome"] == "priced"
    assert row["work_rvu"] == row["work"] * units > 0
    assert row["work_rvu_adjusted"] == int(Decimal(row["work_rvu"]) * Decimal(percent) / 100 + Decimal("0.5"))


def test_work_adjusted_for_a_second_operation_but_not_for_therapy(opened):
    visits = ("29881,1,V,2025-10-15", "20610,1,V,2025-10-15", "97110,2,V,2025-10-15")
    rows = price(mix(*visits), Basis(), opened).rows
    first, second, therapy = rows.rows(named=True)
    assert first["work_rvu_adjusted"] == first["work_rvu"]
    assert second["work_rvu_adjusted"] == (second["work_rvu"] + 1) // 2
    assert second["allowed"] * 2 in (second["alone"], second["alone"] + 1)
    assert therapy["reduction"] < 0
    assert therapy["work_rvu_adjusted"] == therapy["work_rvu"]


def test_work_of_an_endoscopy_family_by_its_amounts(opened):
    rows = price(mix("45385,1,V,2025-10-15", "45380,1,V,2025-10-15"), Basis(), opened).rows
    lead, other = rows.rows(named=True)
    assert lead["work_rvu_adjusted"] == lead["work_rvu"]
    share = Decimal(other["allowed"]) / other["alone"]
    assert abs(other["work_rvu_adjusted"] - other["work_rvu"] * share) <= 1
    assert other["work_rvu_adjusted"] < other["work_rvu"]


def test_the_technical_part_has_no_work(opened):
    rows = price(mix("71046,TC,2", "71046,26,2", "71046,,2", header="CPT,Mod,Units"), Basis(date=ON), opened).rows
    assert rows["work_rvu"][0] == 0
    assert rows["work_rvu"][1] == rows["work_rvu"][2] > 0


# Totals ------------------------------------------------------------------------------------------------------------------


def test_totals_add_up_by_everything(opened):
    priced = price(read_mix(samples()["family_practice"]), Basis(zip=ALABAMA), opened)
    for by in (["code"], ["provider"], ["payer"], ["site"], ["month"], ["provider", "month"]):
        table = priced.by(*by)
        assert table.columns[: len(by)] == by
        for name, total in priced.totals.items():
            assert table[name].sum() == total
        assert table["allowed"].is_sorted(descending=True)
        assert table.select(by).is_unique().all()
    assert priced.totals["allowed"] == priced.rows["allowed"].sum()
    with pytest.raises(InputError, match="not by colour"):
        priced.by("colour")


def test_what_is_not_priced_is_counted_apart(opened):
    found = mix("99213,3,A", "99999,5,A", "99999,2,B", header="CPT,Units,Provider")
    priced = price(found, Basis(date=ON), opened)
    assert priced.by("provider").select("provider", "units", "unpriced_units", "unpriced_rows").rows() == [
        ("A", 3, 5, 1),
        ("B", 0, 2, 1),
    ]
    assert priced.unpriced.select("hcpcs", "units", "asks", "in_rows").rows() == [("99999", 7, True, [3, 4])]
    assert priced.asks


def test_charges_below_the_fee_are_told(opened):
    priced = price(mix("99213,2,100.00", "99214,1,500", header="CPT,Units,Charges"), Basis(date=ON), opened)
    less = priced.rows["allowed"][0] - 10000
    assert any(f"In 1 row the charge is below what Medicare allows, by ${less / 100:.2f} in all" in n for n in priced.notes)


def test_operations_without_visits_are_told(opened):
    assert any(
        "operations and tests have no visit" in n
        for n in price(mix("29881,2", header="CPT,Units"), Basis(date=ON), opened).notes
    )
    assert not any("operations" in note for note in price(mix("99213,2", header="CPT,Units"), Basis(date=ON), opened).notes)


def test_a_changed_mix_is_priced_anew(opened):
    found = mix("97110,8,2025-01", "99213,5,2025-01", header="CPT,Units,Month")
    before = price(found, Basis(), opened).totals
    twice = replace(found, rows=found.rows.with_columns(units=pl.col("units") * 2))
    after = price(twice, Basis(), opened).totals
    assert after["allowed"] == 2 * before["allowed"]
    fewer = replace(found, rows=found.rows.filter(pl.col("hcpcs") == "99213"))
    assert price(fewer, Basis(), opened).totals["units"] == 5
    nothing = replace(found, rows=found.rows.clear())
    empty = price(nothing, Basis(zip=ALABAMA), opened)
    assert (empty.totals["allowed"], empty.interval.allowed) == (0, (0, 0, 0))


def test_many_kinds_are_priced_as_few(opened):
    """Above two thousand kinds the engine tells kinds apart in another way."""
    codes = opened.schedule.table("2025D", "pprrvu").filter(pl.col("modifier") == "", pl.col("status") == "A")["hcpcs"]
    rows = (
        pl.DataFrame({"hcpcs": codes.unique().sort().head(2_500)})
        .with_row_index("row")
        .with_columns(
            pl.col("row").cast(pl.Int64), units=pl.lit(2, dtype=pl.Int64), modifiers=pl.lit(""), service_date=pl.lit(ON)
        )
    )
    whole = price(by_hand(rows), Basis(zip=ALABAMA), opened)
    part = price(by_hand(rows.tail(300)), Basis(zip=ALABAMA), opened)
    money = ["outcome", "reason", "fee", "alone", "work_rvu_adjusted"]
    assert whole.rows.tail(300).select(money).equals(part.rows.select(money))


# The command -------------------------------------------------------------------------------------------------------------


def run(*args):
    return CliRunner().invoke(revenue_command, [str(arg) for arg in args])


@pytest.fixture
def clinic(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text("CPT,Qty,Provider,Month\n97110,40,Smith,2025-01\n97530,20,Smith,2025-01\nTotal,60,,\n")
    return path


def test_the_command_says_it_all(clinic):
    result = run(
        clinic, "--zip", ALABAMA, "--year", 2026, "--units-per-visit", "3.5", "--codes-per-visit", 2, "--by", "provider"
    )
    assert result.exit_code == 0, result.output
    for said in ("At Medicare's rates 60 units", "Between $", "3.5 units and 2 codes a visit", "Smith", "release 2026C",
                 "Column read as units: Qty", "Totals not counted: row 4"):  # fmt: skip
        assert said in result.output


def test_the_command_in_json(clinic):
    result = run(clinic, "--national", "--year", 2025, "--json")
    answer = json.loads(result.stdout)
    assert Decimal(answer["interval"]["allowed"]["low"]) <= Decimal(answer["totals"]["allowed"])
    assert Decimal(answer["totals"]["allowed"]) <= Decimal(answer["interval"]["allowed"]["high"])
    assert [row["code"] for row in answer["by"]] == ["97110", "97530"]
    assert answer["columns"]["units"] == "Qty"


def test_exit_codes(clinic, tmp_path):
    clinic.write_text("CPT,Qty\n97110,4\n97111,4\n97140,x\n")
    result = run(clinic, "--year", 2025)
    assert result.exit_code == 1
    assert "row 4, column Qty: not a number of units ('x')" in result.stderr
    assert "97111, 4 units, cannot price: The release has no such code. Near it: 97110" in result.stderr
    clinic.write_text("CPT,Qty\n97110,4\n36415,4\n")  # Medicare's own no is an answer
    assert run(clinic, "--year", 2025).exit_code == 0
    for args, says in (
        (["--year", 2031], "Loaded years"),
        (["--date", "soon"], "not a date"),
        (["--year", 2025, "--date", "2025-01-01"], "not both"),
        ([], "names no dates"),
        (["--national", "--zip", ALABAMA], "not both"),
        (["--year", 2025, "--column", "Qty"], "has no two sides"),
        (["--year", 2025, "--column", "units=Volume"], "no column 'Volume'"),
        (["--year", 2025, "--factor", "32.84091"], "more decimals"),
        (["--year", 2025, "--codes-per-visit", "9"], "no more codes than units"),
    ):
        result = run(clinic, *args)
        assert isinstance(result.exception, InputError | NotLoadedError)
        assert says in str(result.exception)


def test_a_column_may_be_chosen(clinic):
    clinic.write_text("CPT,Qty,Volume\n97110,4,9\n")
    with pytest.raises(InputError, match="Which column is units"):
        raise run(clinic, "--year", 2025).exception
    assert "9 units" in run(clinic, "--year", 2025, "--column", 'units="Volume"').output


def test_what_if_by_command(clinic):
    law = json.loads(run(clinic, "--year", 2026, "--zip", ALABAMA, "--json").stdout)["totals"]
    lower = json.loads(run(clinic, "--year", 2026, "--zip", ALABAMA, "--json", "--factor", "32.8409").stdout)["totals"]
    floor = json.loads(run(clinic, "--year", 2026, "--zip", ALABAMA, "--json", "--no-work-floor").stdout)["totals"]
    assert Decimal(lower["allowed"]) < Decimal(law["allowed"])
    assert Decimal(floor["allowed"]) < Decimal(law["allowed"])


def test_what_ifs_of_a_file_and_another_years_prices_by_command(clinic, tmp_path):
    saved = tmp_path / "mine.toml"
    save(saved, [Scenario("=Next year", (ProposedFactor(year=2027), Volume(percent=-10)))])
    asked = ("--year", 2026, "--zip", ALABAMA)
    said = run(clinic, *asked, "--what-ifs", saved, "--against", "2025D").stdout
    for words in (
        "What would change it",
        "Prices of 2025D: the year pays $",
        "proposed for 2027, not law",
        "More or fewer services",
    ):
        assert words in said
    answer = json.loads(run(clinic, *asked, "--what-ifs", saved, "--against", "2025", "--json").stdout)
    law, last = (json.loads(run(clinic, "--year", y, "--zip", ALABAMA, "--json").stdout)["totals"] for y in (2026, 2025))
    mine, prices = answer["what_ifs"]
    assert (mine["name"], prices["name"]) == ("=Next year", "Prices of 2025")
    for of in ("allowed", "received"):
        *parts, total = [Decimal(row[of]) for row in prices["causes"]]
        assert sum(parts) == total == Decimal(last[of]) - Decimal(law[of]) != 0
    assert mine["totals"]["units"] == 54
    out = tmp_path / "year.xlsx"
    assert run(clinic, *asked, "--what-ifs", saved, "--out", out).exit_code == 0
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["Table", "What-ifs", "=Next year", "Sources"]
    assert all(cell.data_type != "f" for page in book for row in page.iter_rows() for cell in row)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--against", "soon"], "no release such as 2025D"),
        (["--against", "1999A"], "no release such as 2025D"),
        (["--against", "2031A"], "Loaded releases: "),
        (["--against", "2031"], "Loaded years: "),
        (["--against", "2025-02-30"], "not a date"),
        (["--against", "2025", "--out", "year.csv"], "written to a workbook, .xlsx"),
    ],
)
def test_what_ifs_that_cannot_be_asked(clinic, args, says):
    result = run(clinic, "--year", 2026, *args)
    assert isinstance(result.exception, InputError | NotLoadedError)
    assert says in str(result.exception)


def test_files_hold_no_formula(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text("CPT,Qty,Provider\n97110,4,\"=cmd|'/C calc'!A0\"\n97110,4,@SUM(A1)\n97140,x,-5+5\n")
    for by in ([], ["--by", "provider"]):
        for ending in ("csv", "xlsx", "parquet"):
            out = tmp_path / f"out.{ending}"
            assert run(path, "--year", 2025, "--out", out, *by).exit_code == 1
            if ending == "csv":
                fields = [field.strip('"') for line in out.read_text().splitlines() for field in line.split(",")]
                assert not any(field[:1] in ("=", "@", "+") for field in fields)
                assert any("=cmd|" in field for field in fields)
            elif ending == "xlsx":
                cells = [cell for row in openpyxl.load_workbook(out).active.iter_rows() for cell in row]
                assert all(cell.data_type != "f" for cell in cells)
                assert "=cmd|'/C calc'!A0" in [cell.value for cell in cells]
            else:
                assert "=cmd|'/C calc'!A0" in pl.read_parquet(out)["provider"].to_list()
            assert "not a number" in (tmp_path / "out.rejects.csv").read_text()
    path.write_text("CPT,Qty\n97110,4\n")
    assert run(path, "--year", 2025, "--out", tmp_path / "out.csv").exit_code == 0
    assert not (tmp_path / "out.rejects.csv").exists()
