"""The page *Export*, driven as a person would, without a browser."""

import io
import re
from decimal import Decimal

import openpyxl
import polars as pl
import pytest
from driven import put, said, visit
from streamlit.testing.v1 import AppTest

from feecalc import export
from feecalc.analysis import releases_export
from feecalc.analysis.releases_export import ALL_PLACES, Wanted, build, rows
from feecalc.errors import InputError, NotLoadedError


def wanted(**changes) -> Wanted:
    usual = {
        "releases": ("2026C",),
        "places": ("10112-00",),
        "settings": ("nonfacility", "facility"),
        "amounts": ("allowed",),
        "codes": ("97110", "97140"),
    }
    return Wanted(**(usual | changes))


# The tables -----------------------------------------------------------------------------------------------------------------


def test_the_amounts_are_those_of_the_fee_schedule(opened):
    table = build(opened, wanted(codes=None, amounts=("allowed", "fee", "therapy", "nonpar", "limiting")))
    known = opened.fee_schedule("2026C", "10112-00")
    assert table.height == known.height == rows(opened, wanted(codes=None))
    assert table["nonfacility_fee"].to_list() == known["nonfacility"].to_list()
    assert table["facility_limiting"].to_list() == known["limiting_facility"].to_list()
    lower = [min(x for x in pair if x is not None) for pair in known.select("facility", "opps_facility").iter_rows()]
    assert table["facility_allowed"].to_list() == lower
    assert table["nonfacility_therapy"].to_list() == known["therapy_nonfacility"].to_list()


@pytest.mark.parametrize(
    ("percent", "rounding", "expected"),
    [
        ("100", "cent", "27.20"),
        ("120", "cent", "32.64"),
        ("112.5", "cent", "30.60"),
        ("100", "nickel", "27.20"),
        ("101", "nickel", "27.45"),  # 27.472
        ("100", "dollar", "27.00"),
        ("100", "dollar_up", "28.00"),
        ("100", "five_up", "30.00"),
        ("0.01", "cent", "0.00"),
    ],
)
def test_a_percentage_is_rounded_once(opened, percent, rounding, expected):
    asked_for = wanted(percent=releases_export.percent(percent), rounding=rounding, codes=("97110",))
    assert build(opened, asked_for)["nonfacility_allowed"].item() == Decimal(expected)


def test_halves_are_rounded_up(opened):
    table = build(opened, wanted(codes=None, percent=5_000))
    whole = build(opened, wanted(codes=None))
    for half, full in zip(table["nonfacility_allowed"], whole["nonfacility_allowed"], strict=True):
        assert half == (full / 2).quantize(Decimal("0.01"), "ROUND_HALF_UP")


def test_layouts_hold_the_same_amounts(opened):
    asked_for = {"releases": ("2025D", "2026C"), "places": ("national", "10112-00"), "settings": ("nonfacility",)}
    long = build(opened, wanted(**asked_for))
    assert long.height == rows(opened, wanted(**asked_for)) == 8
    places = build(opened, wanted(**asked_for, layout="places"))
    assert places.columns == ["release", "hcpcs", "modifier", "nonfacility_allowed_national", "nonfacility_allowed_10112-00"]
    of_alabama = long.filter(pl.col("locality") == "10112-00")["nonfacility_allowed"].to_list()
    assert places["nonfacility_allowed_10112-00"].to_list() == of_alabama
    releases = build(opened, wanted(**asked_for, layout="releases"))
    assert releases.columns == ["locality", "hcpcs", "modifier", "nonfacility_allowed_2025D", "nonfacility_allowed_2026C"]
    assert releases.height == 4
    both = build(opened, wanted(layout="settings"))
    assert both["setting"].to_list() == ["facility", "nonfacility"] * 2
    two = build(opened, wanted(**asked_for | {"settings": ("nonfacility", "facility")}, layout="places"))
    assert "facility_allowed_national" in two.columns


def test_every_locality_and_the_factor_of_qps(opened):
    table = build(opened, wanted(places=(ALL_PLACES,), codes=("97110",)))
    assert table.height == opened.schedule.table("2026C", "gpci").height
    assert build(opened, wanted(qp=True))["nonfacility_allowed"][0] > build(opened, wanted())["nonfacility_allowed"][0]


def test_what_is_not_there_is_told(opened):
    with pytest.raises(InputError, match="at least one place"):
        wanted(places=())
    with pytest.raises(InputError):
        build(opened, wanted(places=("99999-99",)))
    with pytest.raises(NotLoadedError):
        build(opened, wanted(releases=("2031A",)))
    assert build(opened, wanted(codes=("00000",))).is_empty()


@pytest.mark.parametrize("text", ["", "abc", "-5", "0", "nan", "1e9", "1.234", "inf"])
def test_a_percentage_that_is_none(text):
    with pytest.raises(InputError):
        releases_export.percent(text)


def test_codes_without_an_amount_are_named_with_the_reason(opened):
    asked_for = wanted(releases=("2025D", "2026C"), codes=("97110", "0075T", "A4550", "97010", "97014", "00100"))
    assert set(build(opened, asked_for)["hcpcs"]) == {"97110"}
    said = releases_export.without_amount(opened, asked_for)
    assert said[0] == (
        "No row, because 2025D has no fee schedule amount for it: 0075T (contractor-priced), A4550 (bundled), "
        "97010 (bundled), 97014 (not valid for Medicare), 00100 (anesthesia)."
    )
    assert [text.split(" ")[3] for text in said] == ["2025D", "2026C"]
    assert ("Codes", said[0]) in releases_export.notes(opened, asked_for, "six codes")
    assert releases_export.without_amount(opened, wanted(codes=None)) == []
    many = wanted(codes=tuple(code for code in opened.codes("2026C") if code.startswith("A")))
    assert re.search(r" and \d+ more\.$", releases_export.without_amount(opened, many)[0])


# The page -------------------------------------------------------------------------------------------------------------------


def visiting(**params: str) -> AppTest:
    return visit("feecalc/ui/pages/export_schedules.py", **params)


def test_the_first_screen_has_a_preview_and_three_files(opened):
    page = visiting()
    counted = opened.fee_schedule("2026C").height
    assert f"The file holds {counted:,} fee schedule rows: all codes of release 2026C for the nation" in said(page)
    assert [b.label for b in page.get("download_button")] == ["csv", "Excel", "Parquet"]
    assert page.dataframe[0].value["hcpcs"].nunique() == 12
    assert page.query_params == {}


def test_choices_stand_in_the_link_and_a_link_brings_them_back():
    page = put(visiting(), "selectbox", "export_codes", "therapy")
    page = put(page, "multiselect", "export_places", ["national", "10112-00"])
    page = put(page, "text_input", "export_percent", "120")
    page = put(page, "selectbox", "export_layout", "places")
    assert page.query_params == {"codes": "therapy", "places": "national,10112-00", "percent": "120", "layout": "places"}
    assert "therapy codes of release 2026C for 2 places, at 120 percent of Medicare" in said(page)
    link = visiting(**dict(page.query_params.items()))
    assert link.dataframe[0].value.equals(page.dataframe[0].value)


def test_codes_of_ones_own_list_that_have_no_row_are_told():
    page = visiting(codes="mine", list="97110, A4550")
    assert "No row, because 2026C has no fee schedule amount for it: A4550 (bundled)." in said(page)
    assert not [one for one in visiting(codes="therapy").caption if "No row" in one.value]


def test_nothing_chosen_and_bad_values_are_told():
    page = put(visiting(), "multiselect", "export_releases", [])
    assert "Choose at least one release." in said(page)
    page = put(visiting(), "text_input", "export_percent", "ten")
    assert "“ten” is no percentage" in said(page)
    page = put(visiting(), "selectbox", "export_codes", "mine")
    assert "Type or paste the codes" in said(page)
    page = visiting(layout="sideways", places="mars", releases="2031A")
    for wrong in ("sideways", "mars", "2031A"):
        assert f"“{wrong}” cannot be read" in said(page)


def test_too_many_rows_for_a_worksheet_are_told(monkeypatch):
    page = visiting(places="all")
    assert "for every payment locality" in said(page)
    excel = next(b for b in page.get("download_button") if b.label == "Excel")
    counted = int(said(page).split("holds ")[1].split(" ")[0].replace(",", ""))
    assert excel.proto.disabled == (counted > export.XLSX_ROWS - 1)
    monkeypatch.setattr(export, "XLSX_ROWS", 1_000)
    page = visiting()
    assert next(b for b in page.get("download_button") if b.label == "Excel").proto.disabled
    assert "do not fit a worksheet" in said(page)


def test_the_workbook_has_its_sources(opened):
    frame = build(opened, wanted())
    book = openpyxl.load_workbook(io.BytesIO(export.xlsx_bytes(frame, [("Holds", "two codes")])))
    assert book.sheetnames == ["Table", "Sources"]
    assert book["Table"].cell(2, 3).value == "97110"
    assert isinstance(book["Table"].cell(2, 6).value, float)
