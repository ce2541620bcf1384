"""The page *Price a visit*, driven as a person would, without a browser."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from feecalc.ui import rows, sheet, visit_answer, words
from feecalc.visit import Item, Visit, price
from feecalc.visit_files import to_json

APP = Path(__file__).resolve().parents[2] / "app.py"
PAGE = "feecalc/ui/pages/price_a_visit.py"
ON = "2025-10-15"
DAY = "97530:15m,97110:30m,97140:15m"


def visiting(**params: str) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=60)
    page.switch_page(PAGE)
    page.query_params.update(params)
    return checked(page.run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception, [e.message for e in page.exception]
    return page


def sentence(page: AppTest) -> str:
    """The headline, as a person reads it."""
    headlines = [m.value for m in page.markdown if m.value.startswith("#### ")]
    return plain(headlines[0].removeprefix("#### ")) if headlines else ""


def plain(text: str) -> str:
    return text.replace("\\", "")


def said(page: AppTest) -> str:
    """Every word on the page."""
    kinds = (page.markdown, page.caption, page.warning, page.info, page.error, page.code)
    return plain("\n".join(element.value for kind in kinds for element in kind))


def line_table(page: AppTest) -> list[list[str]]:
    """The lines of the claim: what, allowed, received."""
    (table,) = [m.value for m in page.markdown if m.value.startswith("| Line ")]
    return [[plain(cell.strip()) for cell in row.strip("|").split(" | ")] for row in table.splitlines()[2:]]


def edit(page: AppTest, **edits) -> AppTest:
    """Change cells of the grid, as the browser reports it."""
    page.session_state[page.data_editor[0].key] = {"edited_rows": {}, "added_rows": [], "deleted_rows": [], **edits}
    return checked(page.run())


def click(page: AppTest, label: str) -> AppTest:
    return checked(next(b for b in page.button if b.label.startswith(label)).click().run())


def put(page: AppTest, kind: str, key: str, value) -> AppTest:
    return checked(getattr(page, kind)(key=key).set_value(value).run())


# The answer -----------------------------------------------------------------------------------------------------------------


def test_the_first_view_is_a_worked_example_and_its_address_stays_plain():
    page = visiting()
    assert sentence(page).startswith("Medicare allows $")
    assert "for this visit nationally" in sentence(page)
    assert page.query_params == {}


def test_the_therapy_day():
    page = visiting(date=ON)
    assert sentence(page) == (
        "Medicare allows $98.97 for this visit nationally on October 15, 2025; after coinsurance and sequestration the clinic"
        " receives $97.39."
    )
    text = said(page)
    assert "The patient pays $19.79, the coinsurance. Medicare pays $77.60." in text
    assert "Release 2025D" in text
    assert "conversion factor 32.3465" in text
    assert [row[1:] for row in line_table(page)] == [
        ["$34.61", "$34.06"],
        ["$43.66", "$42.96"],
        ["$20.70", "$20.37"],
        ["**$98.97**", "**$97.39**"],
    ]
    assert ":gray[$13.92 less (therapy: later units at half practice expense)]" in line_table(page)[1][0]
    assert "60 timed minutes make 4 units" in text
    assert "$2,311.03 left of the KX threshold of $2,410.00" in text
    assert "How sure, the amounts: assumed." in text  # of two units, at national GPCIs, with GP
    assert "How sure, the units: assumed." in text
    assert "code pairs of 2025Q4" in " ".join(e.label for e in page.expander)


def test_the_picture_says_every_step_with_its_code():
    page = visiting(date=ON, treated="assistant")
    (chart,) = page.get("vega_lite_chart")
    spec = json.loads(chart.proto.spec)
    data = chart.proto.data.data
    shown = [layer["encoding"].get("text", {}).get("field") for layer in spec["layer"]]
    assert shown == [None, "head", "head", "detail"]
    assert b"Therapy assistant (CQ, CO)" in data
    assert "−$1.34 (usually CARC CO 253)".encode() in data
    assert "−$20.39 (usually CARC 59)".encode() in data
    assert b"Received: $85.76" in data


def test_an_assistant_changes_modifiers_and_receipts():
    page = visiting(date=ON)
    put(page, "button_group", "visit_treated", "assistant")
    assert sentence(page).startswith("Medicare allows $98.97 for this visit")
    assert sentence(page).endswith("the clinic receives $85.76.")
    assert all("-GP-CQ`" in row[0] for row in line_table(page)[:3])
    assert page.query_params["treated"] == "assistant"


def test_only_an_assistants_own_minutes_count_where_both_treated():
    page = visiting(date=ON, visit="97110:30m")
    put(page, "button_group", "visit_treated", "both")
    edit(page, edited_rows={0: {"assistant": "15"}})
    assert [row[0].split("`")[1] for row in line_table(page)[:2]] == ["97110-GP", "97110-GP-CQ"]
    put(page, "button_group", "visit_treated", "therapist")
    assert "Row 1: the assistant's minutes are set aside" in said(page)
    put(page, "button_group", "visit_treated", "both")
    assert page.query_params["visit"] == "97110:30m:15a"


@pytest.mark.parametrize("preset", list(rows.PRESETS))
def test_every_preset_prices(preset):
    page = visiting(date=ON, zip="35203")
    put(page, "selectbox", "visit_preset", preset)
    assert not page.error
    if preset == "empty":
        assert sentence(page) == "Type a code into the grid, or start from a common visit."
    else:
        assert "for this visit at ZIP 35203 in Alabama" in sentence(page)
        assert len(line_table(page)) == len(rows.PRESETS[preset].rows) + 1
    assert page.query_params["zip"] == "35203"
    assert page.selectbox(key="visit_preset").value is None


def test_an_office_visit_is_priced_and_is_no_therapy():
    page = visiting(date=ON, visit="99213-25,20610-RT,73562", therapy="none", zip="35203")
    assert [row[0].split("`")[1] for row in line_table(page)[:3]] == ["99213-25", "20610-RT", "73562"]
    assert "$81.86" in line_table(page)[0][1]
    assert "KX threshold" not in said(page)
    assert "a modifier stands that bypasses it" in page.info[0].value


def test_every_line_has_its_trace():
    page = visiting(date=ON)
    whys = [e for e in page.expander if e.label.startswith("Why? Line")]
    assert [plain(e.label) for e in whys] == [
        "Why? Line 1, 97530-GP: $34.61",
        "Why? Line 2, 97110-GP: $43.66",
        "Why? Line 3, 97140-GP: $20.70",
    ]
    trace = plain("\n".join(m.value for m in whys[1].markdown))
    assert "(0.45 × 1.000 + 0.43 × 1.000 × 50% + 0.01 × 1.000) × 32.3465 = $21.83" in trace
    assert "$57.58 → $43.66" in trace


def test_what_medicare_does_not_price_shows_words():
    page = visiting(date=ON, visit="97010,97110:15m,99499")
    lines = line_table(page)
    assert [row[1] for row in lines[:3]] == ["not paid separately", "$28.79", "no amount"]
    assert "0.00" not in "".join("".join(row) for row in lines)
    assert "for the lines of this visit that have an amount" in sentence(page)
    why = next(e for e in page.expander if e.label.startswith("Why? Line 1"))
    assert "Bundled" in why.markdown[0].value
    only = visiting(date=ON, visit="97010")
    assert sentence(only) == "No line of this visit has an amount of Medicare's."
    assert "$0" not in said(only).split("The year's therapy")[0].split("Release")[0]


# Units, edits, modifiers, thresholds ----------------------------------------------------------------------------------------


def test_an_equally_right_way_is_chosen_with_one_click_and_forgotten_when_it_no_longer_fits():
    page = visiting(date=ON, visit="97110:20m,97140:20m")
    assert "2 units · Exercise" in line_table(page)[0][0]
    assert "To look at below: minutes that tie" in said(page), "which of them has the unit is never silent"
    click(page, "97110 1 unit, 97140 2 units")
    assert "minutes that tie" not in said(page)
    assert "1 unit · Exercise" in line_table(page)[0][0]
    assert page.query_params["choice"] == "97110.1,97140.2"
    assert line_table(visiting(**page.query_params)) == line_table(page)
    edit(page, edited_rows={0: {"minutes": "45"}})
    assert "no longer fits the minutes" in said(page)
    assert "3 units · Exercise" in line_table(page)[0][0]


def test_the_midpoint_rule():
    page = visiting(date=ON, visit="97110:20m,97140:20m")
    put(page, "button_group", "visit_rule", "midpoint")
    assert all("1 unit ·" in row[0] for row in line_table(page)[:2])
    assert "Medicare does not use the midpoint rule" in said(page)
    assert page.query_params["rule"] == "midpoint"


def test_an_edited_pair_is_told_with_what_is_at_stake():
    page = visiting(date="2024-08-01", visit="97530:15m,97537:15m")
    (told,) = [plain(w.value) for w in page.warning]
    for words_shown in (
        "97530 with 97537: this pair is edited.",
        "97537 (column 2) may be denied",
        "A modifier is available if the services were distinct.",
        "At stake: $23.97, which the visit is allowed less without 97537.",
        "Table of 2024Q3.",
    ):
        assert words_shown in told
    assert "unit limits of 2024Q3" in " ".join(e.label for e in page.expander)
    quiet = visiting(date="2024-08-01", visit=DAY)
    assert "The table of 2024Q3 has no pair among these codes on this date." in said(quiet)


def test_what_was_allowed_so_far_brings_the_threshold_and_stays_out_of_the_link():
    page = visiting(date=ON)
    put(page, "text_input", "visit_so_far_pt_slp", "$2,350.00")
    text = said(page)
    assert "This visit goes above the KX threshold of $2,410.00" in text
    assert [w.value.split(".**")[0] for w in page.warning] == ["**Line 2", "**Line 3"]
    assert "2350" not in str(page.query_params)
    put(page, "selectbox", "visit_discipline", "OT")
    put(page, "selectbox", "visit_discipline", "PT")
    assert page.text_input(key="visit_so_far_pt_slp").value == "$2,350.00"
    put(page, "text_input", "visit_so_far_pt_slp", "a lot")
    assert "'A LOT' is not an amount of money; it is left out" in said(page)


def test_a_history_file_brings_the_threshold_for_whatever_date_is_asked():
    page = visiting(date=ON)
    put(page, "text_input", "visit_so_far_pt_slp", "10.00")
    past = b"date,allowed,modifier\n2025-03-03,2350.00,GP\n2025-10-15,98.97,GP\n2026-01-05,40,GN\nsoon,1,GP\n"
    page.file_uploader(key="visit_history_0").set_value(("past.csv", past, "text/csv"))
    checked(page.run())
    text = said(page)
    assert "$2,350.00 allowed in 2025 before this visit" in text
    assert "1 row counts." in text
    assert "1 row of 2025-10-15 or later left out" in text
    assert "past.csv, row 5, column date: is not a date" in text
    assert [w.value.split(".**")[0] for w in page.warning] == ["**Line 2", "**Line 3"]
    assert "2350" not in str(page.query_params)
    put(page, "date_input", "visit_date", dt.date(2026, 8, 3))
    assert "$40.00 allowed in 2026 before this visit" in said(page)
    click(page, "Leave out past.csv")
    assert page.text_input(key="visit_so_far_pt_slp").value == "10.00", "what was typed is still there"
    assert "past.csv" not in said(page)
    page.file_uploader(key="visit_history_1").set_value(("past.csv", b"when,what\n1,2\n", "text/csv"))
    checked(page.run())
    assert "The history file: past.csv has no column date, allowed" in page.error[0].value.replace("\\", "")
    assert sentence(page).startswith("Medicare allows $100.70"), "the visit is priced all the same"
    loaded = to_json(Visit([Item("97110", minutes=15)], dt.date(2025, 10, 15), allowed_so_far={"PT": "2400"})).encode()
    page.file_uploader(key="visit_file").set_value(("visit.json", loaded, "application/json"))
    checked(page.run())
    assert not page.error, "what a saved visit says takes the file's place"
    assert page.text_input(key="visit_so_far_pt_slp").value == "2400.00"


def test_modifiers_that_do_not_fit_are_told():
    page = visiting(date=ON, therapy="OT", visit="97110-CQ:2u")
    warnings = plain(" ".join(w.value for w in page.warning))
    assert "**Line 1.**" in warnings
    assert "CQ" in warnings
    page = visiting(date=ON, visit="97150:3u")
    assert "97150 is a group code" in page.warning[0].value
    assert "Bill one unit" in page.warning[0].value


def test_several_disciplines_row_by_row():
    page = visiting(date=ON, visit="97110:20m,97535:20m")
    put(page, "selectbox", "visit_discipline", "several")
    edit(page, edited_rows={1: {"discipline": "ot"}})
    assert [row[0].split("`")[1] for row in line_table(page)[:2]] == ["97110-GP", "97535-GO"]
    assert "Allowed by discipline: physical therapy $" in said(page)
    assert len([box for box in page.text_input if box.key.startswith("visit_so_far")]) == 2
    edit(page, edited_rows={1: {"discipline": "massage"}})
    assert "Row 2: 'massage' is no therapy discipline" in said(page)
    assert "(without row 2)" in sentence(page)


# What people type -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "words_shown"),
    [
        ({"code": "97116", "minutes": "thirty"}, "Row 4: 97116: “thirty” is not a whole number of minutes"),
        ({"code": "97116", "minutes": "-5"}, "Row 4: 97116: “-5” is not a whole number of minutes"),
        ({"code": "97116"}, "Row 4: 97116 is billed by the minute: give its minutes"),
        ({"code": "9753", "minutes": "15"}, "Row 4: “9753” is no code"),
        ({"code": "97116 97112", "minutes": "15"}, "Row 4: “97116 97112” holds several codes"),
        ({"code": "97116", "minutes": "15", "modifiers": "KXX"}, "Row 4: “KXX” is no modifier"),
        ({"code": "97116", "minutes": "15", "charge": "much"}, "Row 4: 97116, charge: 'MUCH' is not an amount of money"),
        ({"minutes": "15"}, "Row 4: it has no code"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_priced(cells, words_shown):
    page = edit(visiting(date=ON), added_rows=[cells])
    assert words_shown in said(page)
    assert sentence(page).startswith("Medicare allows $98.97 for this visit (without row 4) nationally")


@pytest.mark.parametrize(
    ("cells", "words_shown"),
    [
        ({"code": "97112", "minutes": "20", "units": "1"}, "97112 has minutes and units"),
        ({"code": "97112", "minutes": "1441"}, "more than a day has"),
        ({"code": "97112", "units": "0"}, "97112: 0 units"),
    ],
)
def test_a_visit_that_cannot_be_has_no_amount(cells, words_shown):
    page = edit(visiting(date=ON), added_rows=[cells])
    assert words_shown in page.error[0].value
    assert sentence(page) == ""
    assert [row["code"] for row in page.session_state["visit_rows"]] == ["97530", "97110", "97140", "97112"]


@pytest.mark.parametrize(
    ("cells", "words_shown"),
    [
        ({"code": " g0283 "}, "Row 4: Read “g0283” as G0283."),
        ({"code": "97112", "minutes": "15 min"}, "Row 4: Read “15 min” as 15 minutes."),
        ({"code": "97112", "minutes": "15.0"}, "Row 4: Read “15.0” as 15 minutes."),
        ({"code": 97112, "minutes": 15}, ""),
        ({"code": "97112.0", "minutes": "15"}, "Row 4: Read “97112.0” as 97112."),
        ({"code": "97110", "minutes": "15"}, "97110 stands in rows 2 and 4: their minutes are added together."),
        ({"code": "99213", "minutes": "20"}, "Row 4: minutes make no units of 99213; 1 unit is priced."),
        ({"code": "97112", "minutes": "15", "charge": "$1,060"}, "Row 4: Read “$1,060” as a charge of $1,060.00."),
        ({"code": "97112-59", "minutes": "15"}, ""),
    ],
)
def test_what_was_repaired_is_listed(cells, words_shown):
    page = edit(visiting(date=ON), added_rows=[cells])
    assert words_shown in said(page)
    assert not page.error
    assert sentence(page).startswith("Medicare allows $")


def test_an_unknown_code_offers_near_ones_and_one_click_puts_it_right():
    page = visiting(date=ON, visit="97353:15m,97110:15m")
    assert "minutes make no units" not in said(page), "nothing is said of how an unknown code is priced"
    page = visiting(date=ON, visit="97353,97110:15m")
    assert "Release 2025D has no code 97353. Did you mean one of these?" in page.warning[0].value
    click(page, "97535 ·")
    assert "97535 is billed by the minute" in said(page)
    edit(page, edited_rows={0: {"minutes": "15"}})
    assert page.query_params["visit"] == "97535:15m,97110:15m"
    assert not page.warning


def test_therapy_by_the_minute_needs_a_discipline():
    page = visiting(date=ON, visit="97110:30m", therapy="none")
    assert "97110 is therapy, billed by the minute: choose its discipline" in page.error[0].value


def test_codes_are_found_by_words_and_added():
    page = visiting(date=ON)
    put(page, "text_input", "visit_add", "walking")
    click(page, "Add 97116")
    assert page.query_params["visit"] == f"{DAY},97116:15m"
    assert page.text_input(key="visit_add").value == ""
    put(page, "text_input", "visit_add", "97112, 97150")
    click(page, "Add all 2")
    assert page.query_params["visit"] == f"{DAY},97116:15m,97112:15m,97150"
    put(page, "text_input", "visit_add", "no such thing")
    assert "matches “no such thing”" in said(page)


def test_the_guide_adds_a_code():
    page = visiting(date=ON)
    put(page, "text_input", "goal", "balance")
    page.button(key="add 97112").click()
    checked(page.run())
    assert page.query_params["visit"] == f"{DAY},97112:15m"


def test_changing_one_input_keeps_the_others():
    page = visiting(date=ON, zip="35203", visit="97110-KX:30m:c60,97150", therapy="OT", pos="12", nonpar="1", minutes="60")
    before = dict(page.query_params)
    edit(page, edited_rows={1: {"modifiers": "59"}}, added_rows=[{"code": "97112", "minutes": "15"}])
    put(page, "selectbox", "visit_pos", "22")
    put(page, "button_group", "visit_treated", "assistant")
    put(page, "date_input", "visit_date", dt.date(2026, 8, 1))
    assert page.query_params == {
        **before,
        "visit": "97110-KX:30m:c60,97150-59,97112:15m",
        "pos": "22",
        "treated": "assistant",
        "date": "2026-08-01",
    }
    edit(page, edited_rows={1: {"modifiers": "59"}}, deleted_rows=[0])
    assert page.query_params["visit"] == "97150-59"


def test_another_page_and_back_keeps_the_visit():
    page = visiting(date=ON, visit="97110:45m", zip="35203")
    before = dict(page.query_params)
    page.switch_page("feecalc/ui/pages/price_a_code.py")
    page.query_params.clear()
    checked(page.run())
    assert "Type a code above" in said(page)
    page.switch_page(PAGE)
    page.query_params.clear()
    checked(page.run())
    assert page.query_params == before
    assert "at ZIP 35203 in Alabama" in sentence(page)


# Places and dates -----------------------------------------------------------------------------------------------------------


def test_an_ambiguous_zip_is_settled_with_one_click():
    page = visiting(visit=DAY, zip="35958", date=ON)
    assert "more than one payment area" in page.warning[0].value
    assert sentence(page) == ""
    click(page, "Alabama")
    assert "in Alabama on" in sentence(page)
    assert page.query_params["locality"] == "10112-00"


@pytest.mark.parametrize(
    ("params", "words_shown"),
    [
        ({"zip": "00000"}, "ZIP 00000 is not in"),
        ({"locality": "nowhere"}, "is not a MAC and locality"),
        ({"date": "2019-05-05"}, "No fee schedule of 2019 is loaded"),
        ({"visit": "a patient's name"}, "The link's visit “a patient's name” cannot be read"),
        ({"therapy": "massage"}, "The link's therapy “massage” cannot be read"),
        ({"choice": "97110"}, "The link's choice “97110” cannot be read"),
        ({"minutes": "30"}, "60 one-on-one minutes of timed codes are more than the visit's 30"),
        ({"choice": "97110.9"}, "no longer fits"),
    ],
)
def test_what_cannot_be_understood_is_said_in_words(params, words_shown):
    assert words_shown in said(visiting(**{"date": ON, **params}))


def test_a_date_without_a_release_offers_the_newest_one():
    page = visiting(visit=DAY, date="2019-05-05")
    click(page, "Price by")
    assert sentence(page).startswith("Medicare allows")


# Paste, files, links --------------------------------------------------------------------------------------------------------


def test_pasted_rows_replace_or_join_the_visit():
    page = visiting(date=ON)
    page.text_area(key="visit_pasted").set_value("CPT\tMin\tMod\n97535.0\t30 min\tKX\nTotal\t30\t\n97110\t15\t")
    page.button(key="visit_paste").click()
    checked(page.run())
    assert page.query_params["visit"] == "97535-KX:30m,97110:15m"
    assert "2 rows read." in said(page)
    assert "Row 3: 'Total' is no code." in said(page)
    page.text_area(key="visit_pasted").set_value("97140\t15")
    page.button(key="visit_paste_more").click()
    checked(page.run())
    assert page.query_params["visit"] == "97535-KX:30m,97110:15m,97140:15m"
    page.text_area(key="visit_pasted").set_value("nothing here")
    page.button(key="visit_paste").click()
    checked(page.run())
    assert "No row could be read; nothing was changed." in said(page)
    assert page.query_params["visit"] == "97535-KX:30m,97110:15m,97140:15m"


def test_a_saved_visit_opens_as_it_was():
    visit = Visit(
        [Item("97110", minutes=30, assistant_minutes=10, modifiers=("KX",), charge="60.00"), Item("97535", minutes=20)],
        dt.date(2025, 10, 15),
        discipline="OT",
        allowed_so_far={"OT": "1200.50"},
        zip="35203",
        pos="11",
        visit_minutes=60,
        deductible_left="12.00",
    )
    page = visiting()
    page.file_uploader(key="visit_file").set_value(("visit.json", to_json(visit).encode(), "application/json"))
    checked(page.run())
    assert not page.error
    assert page.query_params == {
        "visit": "97110-KX:30m:10a:c60.00,97535:20m",
        "zip": "35203",
        "date": ON,
        "pos": "11",
        "therapy": "OT",
        "treated": "both",
        "minutes": "60",
    }
    assert page.text_input(key="visit_so_far_ot").value == "1200.50"
    assert page.text_input(key="visit_deductible").value == "12.00"
    assert "of the deductible and" in said(page)
    (saved,) = [button for button in page.get("download_button") if button.label == "Save the visit"]
    assert saved is not None
    again = visiting()
    by_state = json.dumps({"date": ON, "state": "AL", "items": [{"hcpcs": "97110", "minutes": 15}]}).encode()
    again.file_uploader(key="visit_file").set_value(("al.json", by_state, "application/json"))
    checked(again.run())
    assert "in Alabama on" in sentence(again)


@pytest.mark.parametrize(
    ("content", "words_shown"),
    [
        (b"\xff\xfe\x00", "is no text"),
        (b"[1]", 'it has no list "items"'),
        (b'{"items": [], "date": "2025-10-15", "name": "x"}', "A visit has no 'name'"),
        (b'{"items": [{"hcpcs": "97110", "minutes": 15}], "date": "2025-10-15", "state": "CA"}', "which has"),
        (b'{"items": [{"hcpcs": "97110", "minutes": 15}], "date": "2025-10-15", "rule": "quarter"}', "quarter"),
        (b'{"items": [{"hcpcs": "97110", "minutes": 15}], "date": "2025-10-15", "discipline": 5}', "which is no text"),
    ],
)
def test_a_file_that_is_none_is_told_and_changes_nothing(content, words_shown):
    page = visiting(date=ON)
    page.file_uploader(key="visit_file").set_value(("visit.json", content, "application/json"))
    checked(page.run())
    assert words_shown in page.error[0].value.replace("\\", "")
    assert sentence(page).startswith("Medicare allows $98.97")


def test_a_link_shows_the_same_visit():
    page = visiting(date=ON, zip="35203")
    edit(page, edited_rows={1: {"modifiers": "KX", "minutes": "23"}})
    assert page.query_params["visit"] == "97530:15m,97110-KX:23m,97140:15m"
    again = visiting(**page.query_params)
    assert sentence(again) == sentence(page)
    assert line_table(again) == line_table(page)


def test_the_address_wins_when_it_changes_under_the_page():
    page = visiting(date=ON, visit="97110:30m")
    edit(page, edited_rows={0: {"minutes": "45"}})
    page.query_params = {"date": ON, "visit": "97110:30m"}
    checked(page.run())
    assert [row["minutes"] for row in page.session_state["visit_rows"]] == ["30"]
    assert list(page.data_editor[0].value["minutes"]) == ["30"]


def test_addresses_of_rows():
    given = [rows.row("97110", "30", "KX, 59"), rows.row(), rows.row("99213-25"), rows.row("a name", "15")]
    assert rows.to_address(given) == "97110-KX-59:30m,99213-25"
    assert rows.of_address("97110-KX-59:30m,99213-25") == [rows.row("97110", "30", "KX 59"), rows.row("99213", "", "25")]
    assert rows.of_address(rows.to_address([])) == []
    for text in ("", "97110:", "97110:30", "97110 30", "97110:30m:4x"):
        with pytest.raises(ValueError, match=f"^{text}$"):
            rows.of_address(text)


# Files out ------------------------------------------------------------------------------------------------------------------


def test_the_printable_page_holds_the_answer_and_no_unescaped_text(opened):
    priced = price(Visit([Item("97110", minutes=30), Item("97010")], dt.date(2025, 10, 15)), opened)
    page = sheet.html(
        priced, "A <b>bold</b> headline", "shares", {"97110": "Exercise & more"}, ["told"], [("a", "b")], ["foot"]
    )
    assert "A &lt;b&gt;bold&lt;/b&gt; headline" in page
    assert "Exercise &amp; more" in page
    assert "$50.62" in page
    assert "not paid separately" in page
    assert "usually CARC 59" in page
    assert "<script" not in page
    assert "http" not in page


def test_the_printable_page_tells_ties_and_what_is_at_stake(opened):
    items = [Item("97530", minutes=20), Item("97537", minutes=20)]
    tied = Visit(items, dt.date(2024, 8, 1))
    page = visit_answer.printable(price(tied, opened), "headline", [], {}).decode()
    assert "PT: minutes tie. Equally right: 97530 1 unit, 97537 2 units." in page
    assert "At stake: $23.97, which the visit is allowed less without 97537." in page
    chosen = replace(tied, choice={"97530": 1})
    assert "minutes tie" not in visit_answer.printable(price(chosen, opened), "headline", [], {}).decode()


def test_steps_of_a_waterfall_in_words(opened):
    priced = price(Visit([Item("97110", minutes=30)], dt.date(2025, 10, 15), treated_by="assistant"), opened)
    falls = {fall.label: words.change(fall) + words.usually(fall) for fall in priced.day.waterfall}
    assert falls["List price"] == "$57.58"
    assert falls["Therapy: later units at half practice expense"] == "−$6.96 (usually CARC 59)"
    assert words.less(priced.day.quotes[0]) == "$6.96 less (therapy: later units at half practice expense)"
