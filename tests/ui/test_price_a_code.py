"""The page *Price a code*, driven as a person would, without a browser."""

import datetime as dt
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from feecalc.ui import typed, words

APP = Path(__file__).resolve().parents[2] / "app.py"
QUESTION = {"code": "97110", "zip": "35203", "date": "2025-10-15", "units": "3"}


def opened(**params: str) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=60)
    page.query_params.update(params)
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception, [e.message for e in page.exception]
    return page


def sentence(page: AppTest) -> str:
    """The headline, as a person reads it."""
    headlines = [m.value for m in page.markdown if m.value.startswith("#### ")]
    return headlines[0].removeprefix("#### ").replace("\\", "") if headlines else ""


def said(page: AppTest) -> str:
    """Every word on the page."""
    kinds = (page.markdown, page.caption, page.warning, page.info, page.error, page.code)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def amounts(page: AppTest) -> list[str]:
    return [metric.value for metric in page.metric]


def click(page: AppTest, label: str) -> AppTest:
    return checked(next(b for b in page.button if b.label.startswith(label)).click().run())


def test_the_empty_page_shows_an_example_that_one_click_loads():
    page = opened()
    assert "$68.41" in said(page)
    assert not page.metric
    click(page, "Show this example")
    assert sentence(page).startswith("Medicare allows $68.41 for 3 units of 97110")
    assert page.query_params == QUESTION


def test_a_code_priced_by_zip():
    page = opened()
    page.text_input(key="code").set_value("97110").run()
    page.text_input(key="zip").set_value("35203").run()
    page.date_input(key="date").set_value(dt.date(2025, 10, 15)).run()
    checked(page.number_input(key="units").set_value(3).run())
    assert sentence(page).startswith("Medicare allows $68.41 for 3 units of 97110")
    assert sentence(page).endswith("at ZIP 35203 in Alabama on October 15, 2025.")
    assert amounts(page) == ["$26.83", "$26.83"]
    text = said(page)
    assert "$12.08 less than 3 units at full price" in text
    assert "(0.45 × 1.000 + 0.43 × 0.869 + 0.01 × 0.575) × 32.3465 = $26.83" in text
    assert "Lowest $26.65 in Mississippi; median $29.17; highest $37.06 in Alaska. 109 payment localities" in text
    assert "acc76e1f3c74" in text
    assert "$25.49" in text
    assert "$29.31" in text


def test_a_link_shows_the_same_answer():
    assert sentence(opened(**QUESTION)).startswith("Medicare allows $68.41 for 3 units of 97110")


@pytest.mark.parametrize(
    ("key", "kind", "value", "param"),
    [
        ("units", "number_input", 5, {"units": "5"}),
        ("zip", "text_input", "10001", {"zip": "10001"}),
        ("code", "text_input", "99213", {"code": "99213"}),
        ("date", "date_input", dt.date(2026, 8, 1), {"date": "2026-08-01"}),
        ("pos", "selectbox", "22", {"pos": "22"}),
        ("modifiers", "multiselect", ["GP"], {"modifiers": "GP"}),
        ("nonpar", "toggle", True, {"nonpar": "1"}),
    ],
)
def test_changing_one_input_keeps_the_others(key, kind, value, param):
    page = opened(**QUESTION)
    checked(getattr(page, kind)(key=key).set_value(value).run())
    assert page.query_params == {**QUESTION, **param}
    again = opened(**page.query_params)
    assert sentence(again) == sentence(page)
    assert amounts(again) == amounts(page)


@pytest.mark.parametrize(
    ("code", "word"),
    [("97010", "Bundled"), ("99499", "contractor sets the amount"), ("00100", "Anesthesia"), ("98943", "Not covered")],
)
def test_what_medicare_does_not_price_shows_words_and_no_amount(code, word):
    page = opened(code=code, zip="35203", date="2025-10-15")
    assert word in said(page)
    assert not page.metric
    assert "$" not in said(page)
    assert "0.00" not in said(page)


def test_an_unknown_code_is_kept_and_answered_with_suggestions():
    page = opened(zip="35203", date="2025-10-15")
    checked(page.text_input(key="code").set_value("97353").run())
    assert "Release 2025D has no code 97353" in page.warning[0].value
    assert page.text_input(key="code").value == "97353"
    click(page, "97530")
    assert sentence(page).startswith("Medicare allows $31.85 for 1 unit of 97530")
    assert page.query_params["zip"] == "35203"


def test_lower_case_and_pasted_text_are_read_and_told():
    page = opened(zip="35203", date="2025-10-15")
    checked(page.text_input(key="code").set_value(" g0283 ").run())
    assert "Read “g0283” as G0283." in said(page)
    assert page.query_params["code"] == "G0283"
    checked(page.text_input(key="code").set_value("70450 26").run())
    assert "of 70450-26" in sentence(page)
    assert page.query_params["modifiers"] == "26"
    checked(page.text_input(key="code").set_value("97110, 97112").run())
    assert "of 97110" in sentence(page)
    click(page, "97112")
    assert "of 97112" in sentence(page)
    checked(page.text_input(key="zip").set_value("7094").run())
    assert "Read “7094” as ZIP 07094." in said(page)


def test_words_find_codes():
    page = opened(zip="35203", date="2025-10-15")
    checked(page.text_input(key="code").set_value("exercise").run())
    click(page, "97110 · Exercise")
    assert "of 97110" in sentence(page)
    checked(page.text_input(key="code").set_value("no such thing").run())
    assert "matches “no such thing”" in page.warning[0].value


def test_an_ambiguous_zip_lists_its_localities():
    page = opened(code="97110", zip="35958", date="2025-10-15")
    assert "more than one payment area" in page.warning[0].value
    assert not page.metric
    click(page, "Alabama")
    assert sentence(page).startswith("Medicare allows $26.83")
    assert page.query_params["locality"] == "10112-00"
    checked(page.text_input(key="zip").set_value("99501").run())
    assert "Alaska" in sentence(page)
    assert "locality" not in page.query_params


@pytest.mark.parametrize(
    ("params", "words_shown"),
    [
        ({"zip": "00000"}, "ZIP 00000 is not in"),
        ({"zip": "abc"}, "is not five digits"),
        ({"locality": "99999-99"}, "has no locality 99999-99"),
        ({"locality": "nowhere"}, "is not a MAC and locality"),
        ({"date": "2019-05-05"}, "No fee schedule of 2019 is loaded"),
        ({"modifiers": "QQ"}, "not one that feecalc knows"),
        ({"modifiers": "22"}, "By report"),
        ({"pos": "05"}, "not settled by public sources"),
        ({"units": "many"}, "The link's units “many” cannot be read"),
        ({"date": "yesterday"}, "The link's date “yesterday” cannot be read"),
        ({"pos": "ZZ"}, "The link's pos “ZZ” cannot be read"),
    ],
)
def test_what_cannot_be_understood_is_said_in_words(params, words_shown):
    page = opened(**{"code": "97110", "date": "2025-10-15", **params})
    assert words_shown in said(page)


def test_a_date_without_a_release_offers_the_newest_one():
    page = opened(code="97110", date="2019-05-05")
    click(page, "Price by")
    assert sentence(page).startswith("Medicare allows")


def test_the_two_factors_of_2026():
    page = opened(code="99213", date="2026-08-01")
    assert amounts(page)[0] == "$95.19"
    checked(page.toggle(key="qp").set_value(True).run())
    assert amounts(page)[0] == "$95.67"
    assert page.query_params["qp"] == "1"
    checked(page.date_input(key="date").set_value(dt.date(2025, 10, 15)).run())
    assert not [t for t in page.toggle if t.key == "qp"]
    checked(page.date_input(key="date").set_value(dt.date(2026, 8, 1)).run())
    assert amounts(page)[0] == "$95.67"


def test_a_locality_by_name_and_the_national_amount():
    page = opened(**QUESTION)
    checked(page.selectbox(key="locality").set_value("02102-01").run())
    assert "in Alaska on" in sentence(page)
    assert page.text_input(key="zip").value == ""
    checked(page.selectbox(key="locality").set_value("national").run())
    assert "as the national amount" in sentence(page)
    assert amounts(page) == ["$28.79", "$28.79"]


def test_facility_and_nonparticipating():
    page = opened(code="99213", date="2026-08-01", pos="22", nonpar="1")
    assert "from a non-participating clinician" in sentence(page)
    office, hospital = amounts(page)
    assert office != hospital
    assert "for the facility setting" in said(page)


def test_an_outpatient_cap_is_shown_with_what_it_cuts():
    page = opened(code="70496", modifiers="TC", date="2025-10-15")
    assert sentence(page).startswith("Medicare allows $178.23")
    assert "Capped at $178.23 a unit" in said(page)
    assert "the fee would be $192.79" in said(page)


def test_the_address_wins_when_it_changes_under_the_page():
    page = opened(**QUESTION)
    page.query_params = {**QUESTION, "units": "1"}
    checked(page.run())
    assert page.number_input(key="units").value == 1
    assert sentence(page).startswith("Medicare allows $26.83")


def test_typed_codes():
    assert typed.code("９７１１０").value == "97110"
    assert typed.code("99213.0").value == "99213"
    assert typed.code("97110–26").modifiers == ("26",)
    assert typed.code("99213, 97110 97110").others == ("97110",)
    for text in ("", "9753", "group therapy", "97110 and more"):
        assert typed.code(text).value == ""
    assert typed.code("97110\u00a0").told == ""


def test_typed_search():
    codes = {"97110": "Exercise, per 15 minutes", "00100": "", "97150": "Group therapy"}
    assert typed.search("100", codes, most=8) == ["00100"]
    assert typed.search("therapy group", codes, most=8) == ["97150"]
    assert typed.search("971", codes, most=8) == ["97110", "97150"]
    assert typed.search("  ", codes, most=8) == []


def test_typed_zip():
    assert typed.zip_code("35203-1234").value == "35203-1234"
    assert typed.zip_code("352031234").value == "35203-1234"
    assert typed.zip_code("35203 ").told == ""
    assert typed.zip_code("nowhere").value == "NOWHERE"


def test_every_term_and_place_has_words():
    assert words.term("rvu", "gpci")
    assert words.pos("11") == "11 Office"
    assert words.md("$5 [x] *y*") == "\\$5 \\[x\\] \\*y\\*"
