"""What changed between two releases: against plain set differences and hand-worked figures, as tables and as files."""

import io
import json
from decimal import Decimal

import openpyxl
import polars as pl
import pytest

from feecalc.analysis import changes, code_history, code_lists
from feecalc.analysis.changes import CAUSES
from feecalc.analysis.mix import read_mix
from feecalc.analysis.releases_compare import Question
from feecalc.errors import InputError, NotLoadedError
from feecalc.locality import NATIONWIDE, Place

ALABAMA = Place("10112", "00", "Alabama", "AL")


def question(before="2025D", after="2026C", codes=None, place=NATIONWIDE, setting="nonfacility", qp=False) -> Question:
    return Question(before, after, codes, place, setting, qp)


@pytest.fixture(scope="module")
def told(opened):
    """Everything that changed from the last release of 2025 to that of July 2026, in two places."""
    return changes.of(opened, question(), (NATIONWIDE, ALABAMA))


def printed(opened, release: str) -> pl.DataFrame:
    return opened.schedule.table(release, "pprrvu")


def keys(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.select("hcpcs", "modifier").iter_rows())


def code_of(hcpcs: str, modifier: str) -> str:
    return f"{hcpcs}-{modifier}" if modifier else hcpcs


def test_additions_and_deletions_are_a_plain_set_difference(opened, told):
    before, after = keys(printed(opened, "2025D")), keys(printed(opened, "2026C"))
    table = told.tables["New and gone"].filter(pl.col("place") == "national")
    for what, expected in (("new code", after - before), ("code gone", before - after)):
        assert set(table.filter(pl.col("what") == what)["code"]) == {code_of(*key) for key in expected}
    assert len(after - before) > 400
    assert len(before - after) > 200


def test_the_split_of_every_row_adds_up_to_the_cent(told):
    amounts = told.tables["Amounts"]
    split = [name for name in CAUSES if name in amounts.columns]
    assert amounts.filter(pl.sum_horizontal(split) != pl.col("change")).is_empty()
    assert amounts.filter(pl.col("after") - pl.col("before") != pl.col("change")).is_empty()
    for found in told.founds:
        assert sum(found.causes.values()) == found.both["paid_1"].sum() - found.both["paid_0"].sum()


def test_every_other_rvu_and_indicator_is_named_and_no_equal_one(opened, told):
    both = printed(opened, "2025D").join(printed(opened, "2026C"), on=["hcpcs", "modifier"], suffix="_1")
    rvus = ("work", "pe_nonfacility", "pe_facility", "mp")
    differ = both.filter(pl.any_horizontal(pl.col(name) != pl.col(f"{name}_1") for name in rvus))
    assert set(told.tables["Points (RVUs)"]["code"]) == {code_of(*key) for key in keys(differ)}
    rules = told.tables["Status and rules"]
    for name, title in (("status", "Status"), ("global_days", "Global period"), ("mult_proc", "Several procedures on one day")):
        differ = both.filter(pl.col(name).fill_null("") != pl.col(f"{name}_1").fill_null(""))
        assert set(rules.filter(pl.col("indicator") == title)["code"]) == {code_of(*key) for key in keys(differ)}
        assert differ.height
    # Of a column that only one of the releases prints nothing is said.
    assert "Pricing indicator" not in rules["indicator"]
    assert rules.filter(pl.col("value_before") == pl.col("value_after")).is_empty()


def test_a_code_is_worked_by_hand(opened):
    """97110 nationally: (0.45 + 0.43 + 0.01) x 32.3465 = 28.79; (0.45 + 0.41 + 0.01) x 33.4009 = 29.06.

    The factor: 1.0544 x (0.89 + 0.87) / 2 = 0.9279; the PE RVUs: -0.02 x (32.3465 + 33.4009) / 2 = -0.6575.
    """
    told = changes.of(opened, question(codes=("97110",)), of="97110")
    (row,) = told.tables["Amounts"].to_dicts()
    assert (row["before"], row["after"], row["change"]) == (Decimal("28.79"), Decimal("29.06"), Decimal("0.27"))
    assert (row["conversion_factor"], row["pe_rvu"]) == (Decimal("0.93"), Decimal("-0.66"))
    assert row["cause"] == "Conversion factor (dollars per RVU)"
    assert told.headlines[0].endswith("of the one amount of 97110 nationally, in the office; the middle one rises by 0.9 %.")
    assert told.factor_line == "The conversion factor goes from $32.3465 to $33.4009 (+3.3 %)."


def test_factors_for_everyone_for_qps_and_of_anesthesia(told):
    rates = told.tables["Factors"]
    services = rates.filter(pl.col("locality").is_null())
    assert services.select("factor_before", "factor_after").rows() == [
        (Decimal("32.3465"), Decimal("33.4009")),
        (Decimal("32.3465"), Decimal("33.5675")),
    ]
    anesthesia = rates.filter(pl.col("locality") == "10112-00")
    assert anesthesia.height == 2
    assert anesthesia.filter(pl.col("factor_before") == pl.col("factor_after")).is_empty()


def test_area_indexes_of_the_places_asked_for(opened):
    told = changes.of(opened, question(), (ALABAMA,))
    (row,) = told.tables["Area indexes"].to_dicts()
    assert row["locality"] == "10112-00"
    assert (row["gpci_pe_before"], row["gpci_pe_after"]) == (Decimal("0.869"), Decimal("0.875"))


def test_a_release_beside_itself_changes_nothing(opened):
    told = changes.of(opened, question("2026C", "2026C"), (ALABAMA,))
    amounts = told.tables["Amounts"]
    assert set(amounts["change"]) == {Decimal("0.00")}
    assert [name for name in CAUSES if name in amounts.columns] == []
    others = {name: table.height for name, table in told.tables.items() if name not in ("Amounts", "Factors")}
    assert set(others.values()) == {0}, others
    assert told.beside == ""
    assert "more for 0 and less for 0" in told.headlines[0]


def test_codes_of_a_list_without_an_amount_are_counted(opened):
    told = changes.of(opened, question(codes=("97110", "97010", "A4550")), of="97110, 97010, A4550")
    assert told.beside == "2 have no amount in either. Each modifier of a code counts for itself."


def test_what_it_means_for_volumes(opened, tmp_path):
    file = tmp_path / "volumes.csv"
    file.write_text("code,units\n99213,1000\n99214,500\n99999,3\n")
    told = changes.of(opened, question(), (NATIONWIDE, ALABAMA), mix=read_mix(file))
    table = told.tables["Your volumes"].filter(pl.col("place") == "national")
    each = dict(told.tables["Amounts"].filter(pl.col("place") == "national").select("code", "change").iter_rows())
    assert dict(table.select("code", "change").iter_rows())["99213"] == 1000 * each["99213"] > 0
    split = [name for name in table.columns if name not in ("place", "code", "words", "before", "after", "change")]
    assert table.filter(pl.sum_horizontal(split) != pl.col("change")).is_empty()
    assert len(told.effect_lines) == 2
    assert told.effect_lines[0].startswith("For your volumes 2026C nationally pays $")
    assert told.effect_lines[1].startswith("For your volumes 2026C in Alabama, AL (10112-00) pays $")
    assert "no known amount" in " ".join(text for name, text in told.notes if name == "Volumes")


def test_the_workbook_has_a_sheet_a_kind_and_keeps_codes_as_text(opened):
    therapy = tuple(code for code in opened.codes("2026C") if code.startswith("97"))
    told = changes.of(opened, question(codes=therapy), (NATIONWIDE, ALABAMA), of="codes that begin with 97")
    book = openpyxl.load_workbook(io.BytesIO(told.book()))
    assert book.sheetnames == [*told.tables, "Sources"]
    sheet = book["Amounts"]
    head = [cell.value for cell in sheet[3]]
    assert head[:5] == ["place", "code", "words", "before", "after"]
    first = [cell.value for cell in sheet[4]]
    assert isinstance(first[1], str)
    assert Decimal(str(first[3])).quantize(Decimal("0.01")) == told.tables["Amounts"]["before"][0]
    assert sheet.max_row - 3 == told.tables["Amounts"].height
    sources = {row[1].value for row in book["Sources"].iter_rows(min_row=2)}
    assert {"Alabama, AL (10112-00)", told.factor_line, *told.headlines} <= sources


def test_the_changelog_can_be_read(opened):
    told = changes.of(opened, question(codes=("97110", "97140")), of="97110, 97140")
    text = told.markdown().decode()
    assert text.startswith("# Medicare fee schedule, 2025D to 2026C\n")
    assert "| 97110 |" in text
    assert "$32.3465 to $33.4009" in text
    assert "sha256" in text


def test_one_long_table_for_programs(told):
    long = told.long
    assert long.height == sum(found.rows.height for found in told.founds)
    assert long.select("locality", "hcpcs", "modifier").is_duplicated().sum() == 0
    paid = long.filter(pl.col("change").is_not_null())
    assert paid.filter(pl.sum_horizontal(CAUSES) != pl.col("change")).is_empty()


def test_the_same_for_json(told):
    found = json.loads(json.dumps(told.as_dict(), default=str))
    assert [place["locality"] for place in found["places"]] == ["national", "10112-00"]
    for place in found["places"]:
        assert sum(map(Decimal, place["causes"].values())) == Decimal(place["change_of_one_unit_each"])
    assert len(found["tables"]["New and gone"]) == told.tables["New and gone"].height


def test_a_release_that_is_not_loaded(opened):
    with pytest.raises(NotLoadedError, match="2019Z"):
        changes.of(opened, question("2019Z", "2026C"))


# Which codes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "codes"),
    [
        ("list.txt", "97110\n97140, 99213\n", ("97110", "97140", "99213")),
        ("list.csv", "97110\n97140\n", ("97110", "97140")),
        ("bom.txt", "\ufeff97110\r\n97140\r\n", ("97110", "97140")),
        ("spans.txt", "99213-99214", ("99213", "99214")),
    ],
)
def test_a_file_of_codes(opened, tmp_path, name, content, codes):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    assert code_lists.asked(opened.codes("2026C"), (), file).codes == codes


def test_a_workbook_of_codes_and_what_it_has_besides(opened, tmp_path):
    file = tmp_path / "codes.xlsx"
    pl.DataFrame({"CPT": ["97110", "97140", "00000"], "Units": [1, 2, 3]}).write_excel(file)
    found = code_lists.asked(opened.codes("2026C"), ("99213",), file)
    assert found.codes == ("99213", "97110", "97140")
    assert found.told == ("Not in the fee schedule: 00000.",)


def test_a_list_without_a_known_code_is_refused(opened, tmp_path):
    file = tmp_path / "list.txt"
    file.write_text("00000 exercise")
    with pytest.raises(InputError, match="Not in the fee schedule: 00000"):
        code_lists.asked(opened.codes("2026C"), (), file)


# One code over the years ---------------------------------------------------------------------------------------------------


def test_a_codes_history_is_what_each_release_pays(opened):
    table = code_history.table(opened, "97110", "", ALABAMA, "nonfacility", qp=False)
    assert table["release"].to_list() == opened.schedule.priceable()
    for release in ("2020D", "2025D", "2026C"):
        (row,) = table.filter(pl.col("release") == release).to_dicts()
        quote = opened.price("97110", locality="10112-00", release=release)
        assert row["allowed"] == quote.allowed
        assert row["work"] == Decimal("0.45")
    assert table["status"].unique().to_list() == ["A"]
