"""The page *Revenue*, driven as a person would, without a browser."""

import datetime as dt
import io
import json

import openpyxl
import polars as pl
import pytest
from driven import checked, click, headlines, plain, put, said, visit
from streamlit.testing.v1 import AppTest

from feecalc import locality
from feecalc.analysis.levers import Volume
from feecalc.analysis.mix import read_mix
from feecalc.analysis.revenue import Basis, price
from feecalc.analysis.scenarios import Scenario
from feecalc.errors import InputError
from feecalc.ui import practice, practice_answer, practice_sheet, practice_upload, practice_what_if, practice_workbook, words

PAGE = "feecalc/ui/pages/revenue.py"
# The therapy day whose amount is known to the cent: $98.97 allowed nationally on October 15, 2025.
VISIT = (
    "CPT,Mod,Units,DOS,Visit ID,Provider,Payer\n"
    "97530,GP,1,2025-10-15,1,Lee,Medicare\n"
    "97110,GP,2,2025-10-15,1,Lee,Medicare\n"
    "97140,GP,1,2025-10-15,1,Lee,Medicare\n"
)


def visiting(**params: str) -> AppTest:
    return visit(PAGE, **params)


def upload(page: AppTest, content: str | bytes, name: str = "volumes.csv") -> AppTest:
    content = content.encode() if isinstance(content, str) else content
    return checked(page.file_uploader(key="practice_upload").set_value((name, content, "text/csv")).run())


def priced(content: str | bytes = VISIT, name: str = "volumes.csv", **params: str) -> AppTest:
    page = upload(visiting(**params), content, name)
    assert not page.error, [e.value for e in page.error]
    return click(page, "Price these volumes")


def sample(name: str = "A small therapy clinic", **params: str) -> AppTest:
    return click(visiting(**params), name)


def pictures(page: AppTest) -> list[tuple[dict, bytes]]:
    return [(json.loads(chart.proto.spec), chart.proto.data.data) for chart in page.get("vega_lite_chart")]


def columns(page: AppTest) -> dict[str, str | None]:
    """What the file's columns are to be read as."""
    boxes = [box for box in page.selectbox if box.label.endswith("→")]
    return {plain(box.label.split("**")[1]): box.value for box in boxes}


# The first screen -----------------------------------------------------------------------------------------------------------


def test_the_empty_page_offers_samples_and_an_upload():
    page = visiting()
    assert headlines(page) == ["Load what your practice did, or look at a sample first."]
    assert {"A small therapy clinic", "A family practice"} <= {b.label for b in page.button}
    assert page.file_uploader(key="practice_upload").allowed_type
    assert page.query_params == {}


@pytest.mark.parametrize("name", list(practice.SAMPLES))
def test_a_sample_is_priced_with_one_click(name, opened):
    page = sample(practice.SAMPLES[name], prices="2025D")
    expected = price(read_mix(practice.SAMPLES_FOLDER / f"{name}.csv"), Basis(date=dt.date(2025, 10, 1)), opened)
    (headline,) = headlines(page)
    assert f"Medicare allows {words.money(expected.table(('month',))['allowed'].sum())} for your" in headline
    assert f"receives {words.money(expected.table(('month',))['received'].sum())}" in headline
    assert "units of January to December 2025 nationally" in headline
    assert "Release 2025D" in said(page)
    assert "conversion factor 32.3465" in said(page)


def test_where_visits_are_not_known_the_interval_is_told():
    page = sample(prices="2025D")
    assert "An estimate: which visit 11,468 therapy units were of is not known." in said(page)
    first = said(page).split("between ")[1].split(" are allowed")[0]
    low, high = (float(text.strip("$").replace(",", "")) for text in first.split(" and "))
    allowed = float(headlines(page)[0].split("allows $")[1].split(" ")[0].replace(",", ""))
    assert low < allowed < high


def test_what_an_average_visit_is_like_moves_the_estimate():
    page = sample(prices="2025D")
    before = headlines(page)
    put(page, "number_input", "practice_visit_units", 2.0)
    assert headlines(page) != before
    assert page.query_params["visit_units"] == "2"
    assert "A visit of 2 units has no more than 2 different codes" in said(page)


# A file ---------------------------------------------------------------------------------------------------------------------


def test_columns_are_confirmed_before_anything_is_priced():
    page = upload(visiting(), VISIT)
    assert headlines(page) == ["volumes.csv: is every column read as it should be?"]
    assert columns(page) == {
        "CPT": "hcpcs",
        "Mod": "modifiers",
        "Units": "units",
        "DOS": "service_date",
        "Visit ID": "visit",
        "Provider": "provider",
        "Payer": "payer",
    }
    assert not page.get("vega_lite_chart")
    click(page, "Price these volumes")
    assert headlines(page)[0].startswith("At the prices of July 1, 2026 Medicare allows $")


def test_columns_are_shown_with_their_first_values():
    page = upload(visiting(), "CPT,Qty,Plan\n97110,40,\n97112,-3,\n97140,4,\nTotal,41,\n")
    captions = [caption.value for caption in page.caption]
    assert {"97110 · 97112 · 97140", "40 · -3 · 4", "no values"} <= set(captions)


def test_a_code_without_an_amount_has_words_in_the_picture():
    page = priced("CPT,Units\n97110,3\n97112,-2\nZZZZZ,4\n", prices="2025D")
    _, data = pictures(page)[0]
    texts = dict(pl.read_ipc_stream(data).select("label", "text").iter_rows())
    assert texts["ZZZZZ"] == "no amount"
    assert next(text for label, text in texts.items() if label.startswith("97112")).startswith("−$")


def test_a_visit_is_priced_exactly():
    page = priced(prices="rows")
    assert headlines(page) == [
        "At the prices of each row's own date Medicare allows $98.97 for your 4 units of October 2025 nationally; after"
        " sequestration the practice receives $97.39, the patients' part included."
    ]
    assert "An estimate:" not in said(page)


def test_a_column_can_be_read_as_something_else():
    page = upload(visiting(prices="2025D"), VISIT.replace("Provider", "Therapy team"))
    assert columns(page)["Therapy team"] == ""
    put(page, "selectbox", "practice_column_Therapy team", "provider")
    put(page, "selectbox", "practice_column_Payer", "")
    click(page, "Price these volumes")
    assert page.button_group(key="revenue_by").options == ["Code", "Provider", "Month"]
    click(page, "Change the columns")
    assert headlines(page)[0].startswith("volumes.csv: is every column")


def test_unknown_columns_are_asked_about():
    page = upload(visiting(prices="2025D"), "Foo,Bar\n97110,3\n99213,2\n")
    assert columns(page) == {"Foo": "", "Bar": ""}
    assert "No column is read as the code." in said(page)
    assert next(b for b in page.button if b.label == "Price these volumes").disabled
    put(page, "selectbox", "practice_column_Foo", "hcpcs")
    put(page, "selectbox", "practice_column_Bar", "hcpcs")
    assert "Foo and Bar are both read as code (CPT or HCPCS): keep one of them." in said(page)
    put(page, "selectbox", "practice_column_Bar", "units")
    click(page, "Price these volumes")
    assert "for your 5 units nationally" in headlines(page)[0]


def test_two_columns_that_may_be_the_units_are_asked_about():
    page = upload(visiting(prices="2025D"), "CPT,Qty,Count\n97110,3,7\n")
    assert columns(page) == {"CPT": "hcpcs", "Qty": None, "Count": None}
    assert "Say what column Qty is." in said(page)
    put(page, "selectbox", "practice_column_Qty", "units")
    put(page, "selectbox", "practice_column_Count", "")
    click(page, "Price these volumes")
    assert "for your 3 units" in headlines(page)[0]


def test_columns_of_months_ask_for_their_year():
    page = upload(visiting(prices="2025D"), "CPT,Jan,Feb,Mar\n97110,3,4,5\n")
    assert "Of which year are the months?" in said(page)
    put(page, "text_input", "practice_year", "2025")
    click(page, "Price these volumes")
    assert "for your 12 units of January to March 2025" in headlines(page)[0]


def test_what_was_left_out_is_listed():
    page = priced("CPT,Units\n97110,3\nTotal,3\n97112,many\n=1+1,2\nZZZZZ,4\n", prices="2025D")
    text = said(page)
    assert "for your 3 units" in headlines(page)[0]
    assert "Totals not counted: row 3" in text
    rejects = next(frame.value for frame in page.dataframe if "why" in frame.value.columns)
    assert set(rejects["value"]) == {"many", "=1+1"}
    assert rejects["row"].to_list() == [4, 5]
    assert "`ZZZZZ`" in text
    assert "no amount: " in text
    assert "To look at below: 1 code without an amount (4 units)" in text


@pytest.mark.parametrize(
    ("content", "name", "complaint"),
    [
        (b"", "volumes.csv", "is empty"),
        (b"", "volumes.xlsx", "is empty"),
        (b"not a workbook", "volumes.xlsx", "volumes.xlsx"),
        (b"PAR1 nothing", "volumes.parquet", "volumes.parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(content, name, complaint):
    page = upload(visiting(), content, name)
    assert len(page.error) == 1
    assert complaint in page.error[0].value
    assert headlines(page) == ["Load what your practice did, or look at a sample first."]


def test_a_file_without_a_row_of_volume_is_refused_at_the_columns():
    page = click(upload(visiting(), "CPT,Units\n97110,\n"), "Price these volumes")
    assert "No row of the file can be read. The first, row 2: column Units: no volume." in said(page)


def test_a_workbook_with_formulas_is_read_by_their_values_and_never_by_their_text():
    book = openpyxl.Workbook()
    book.active.append(["CPT", "Units", "Provider"])
    book.active.append(["97110", 3, '=HYPERLINK("http://example.org","Lee")'])
    book.active.append(["97112", "=1+1", "Kim"])  # never calculated: the file holds no value
    buffer = io.BytesIO()
    book.save(buffer)
    page = priced(buffer.getvalue(), "volumes.xlsx", prices="2025D")
    assert "for your 3 units" in headlines(page)[0]
    rejects = next(frame.value for frame in page.dataframe if "why" in frame.value.columns)
    assert rejects["row"].to_list() == [3]
    assert "HYPERLINK" not in said(page)


def test_other_volumes_begin_anew():
    page = click(priced(), "Other volumes")
    assert headlines(page) == ["Load what your practice did, or look at a sample first."]


# Where and when -------------------------------------------------------------------------------------------------------------


def test_the_inputs_change_the_answer_and_stand_in_the_address():
    page = priced(prices="2025D")
    assert "$98.97" in headlines(page)[0]
    put(page, "selectbox", "practice_prices", "2024C")
    assert "July 1, 2024" in headlines(page)[0]
    put(page, "text_input", "practice_zip", "35203")
    assert "at ZIP 35203 in Alabama" in headlines(page)[0]
    put(page, "button_group", "practice_setting", "facility")
    put(page, "button_group", "revenue_by", "provider")
    assert page.query_params == {"prices": "2024C", "zip": "35203", "setting": "facility", "by": "provider"}
    assert "Lee" not in str(page.query_params)


def test_a_day_of_ones_own():
    page = put(priced(), "selectbox", "practice_prices", "day")
    put(page, "date_input", "practice_day", dt.date(2025, 10, 15))
    assert headlines(page)[0].startswith("At the prices of October 15, 2025 Medicare allows $98.97")
    assert page.query_params == {"prices": "day", "date": "2025-10-15"}


def test_a_link_with_what_cannot_be_read_says_so():
    page = sample(prices="1999A", zip="35203", visit_units="many")
    text = said(page)
    assert "The link's prices “1999A” cannot be read" in text or page.query_params == {"zip": "35203"}
    assert "at ZIP 35203" in headlines(page)[0]


def test_rows_without_dates_have_no_own_dates():
    page = priced("CPT,Units\n97110,3\n", prices="rows")
    assert "Not every row of these volumes has a date" in said(page)
    assert headlines(page)[0].startswith("At the prices of July 1, 2026")
    assert practice.OWN_DATES not in page.selectbox(key="practice_prices").options


def test_a_zip_that_is_none_is_asked_about():
    page = put(sample(), "text_input", "practice_zip", "00000")
    assert "ZIP 00000 is not in CMS's ZIP-to-locality file" in said(page)
    click(page, "Use the national amount")
    assert "nationally" in headlines(page)[0]


def test_the_picture_shows_the_top_and_the_rest():
    page = sample("A family practice", prices="2025D")
    spec, data = pictures(page)[0]
    assert b"others together" in data
    assert b"99214" in data
    assert spec["layer"][0]["mark"]["type"] == "bar"
    put(page, "button_group", "revenue_by", "month")
    _, data = pictures(page)[0]
    assert data.index(b"January 2025") < data.index(b"December 2025")


def test_work_rvus_stand_adjusted_beside_unadjusted():
    page = priced(VISIT.replace("97140,GP,1", "97140,GP CQ,1"), prices="2025D")
    frame = next(f.value for f in page.dataframe if list(f.value.columns)[:2] == ["provider", "units"])
    row = frame.row(0, named=True) if isinstance(frame, pl.DataFrame) else frame.iloc[0].to_dict()
    assert float(row["work_rvu_adjusted"]) < float(row["work_rvu"])


# What changes it ------------------------------------------------------------------------------------------------------------


def pull(page: AppTest, *levers: str) -> AppTest:
    return put(page, "button_group", "what_if", list(levers))


def causes(page: AppTest) -> list[float]:
    """The causes of the picture, in dollars, the sum last."""
    _, data = next(p for p in pictures(page) if b"All together" in p[1])
    table = pl.read_ipc_stream(data)
    return [round(end - start, 2) for start, end in table.select("start", "end").iter_rows()]


def test_the_prices_of_another_release_are_split_by_cause():
    page = pull(sample(prices="2026C"), "prices")
    assert headlines(page)[1].startswith("At the prices of 2025")
    *parts, total = causes(page)
    assert len(parts) >= 3
    assert sum(parts) == pytest.approx(total)
    before, after = (headlines(sample(prices=name))[0].split("allows $")[1].split(" ")[0] for name in ("2026C", "2025C"))
    assert total == pytest.approx(float(after.replace(",", "")) - float(before.replace(",", "")))
    assert "| 97530 " in said(page)


def test_what_is_proposed_is_marked_as_proposed():
    page = pull(sample(prices="2026C", zip="35203"), "proposed:2027", "floor")
    assert headlines(page)[1].startswith("With these changes the year pays $")
    assert "Proposed, not law" in said(page)
    assert "91 FR 43842" in said(page)
    assert "December 31, 2026" in said(page)


def test_a_floor_that_cannot_be_taken_away_is_told():
    page = pull(sample(prices="2025D"), "floor")
    assert "CMS printed no work GPCIs without the floor for 2025" in page.error[0].value
    assert len(headlines(page)) == 1


def test_assistants_move_what_is_received_and_not_what_is_allowed():
    page = pull(sample(prices="2025D"), "assistants")
    assert headlines(page)[1].startswith("With assistants for 50.00 percent the year pays $")
    assert page.button_group(key="what_if_measure").value == "received"
    assert "What Medicare allows: $" in said(page)
    assert "(no change)" in said(page)


def test_more_services_of_some_payers():
    page = pull(sample(prices="2025D"), "volume")
    whole = headlines(page)[1]
    payers = page.multiselect(key="what_if_volume_payers")
    put(page, "multiselect", "what_if_volume_payers", [payers.options[0]])
    assert headlines(page)[1] != whole
    put(page, "number_input", "what_if_volume", -20.0)
    assert "20.00 percent fewer services" in headlines(page)[1]


def test_levers_ask_for_what_they_need():
    page = pull(sample(prices="2025D"), "place", "factor")
    assert "Say to which place" in said(page)
    assert "Give the conversion factor of your own" in said(page)
    put(page, "text_input", "what_if_zip", "94105")
    put(page, "text_input", "what_if_factor", "nonsense")
    assert "factor must be dollars with up to four decimals" in said(page)
    put(page, "text_input", "what_if_factor", "35.00")
    assert headlines(page)[1].startswith("With these changes the year pays")


def test_what_ifs_are_kept_side_by_side_saved_and_opened():
    page = pull(sample(prices="2026C"), "proposed:2027")
    page.text_input(key="what_if_name").set_value("As proposed")
    click(page, "Keep it to compare")
    pull(page, "volume")
    click(page, "Keep it to compare")
    assert "What-ifs side by side" in said(page)
    frame = next(f.value for f in page.dataframe if "scenario" in f.value.columns)
    assert list(frame["scenario"]) == ["As it is", "As proposed", "What-if 2"]
    page.text_input(key="what_if_name").set_value("as proposed")
    click(page, "Keep it to compare")
    assert "A what-if is already named “as proposed”" in said(page)
    content = practice_what_if.to_bytes([Scenario("Saved", (Volume(percent=5),))])
    checked(page.file_uploader(key="what_if_file").set_value(("mine.toml", content, "text/plain")).run())
    frame = next(f.value for f in page.dataframe if "scenario" in f.value.columns)
    assert list(frame["scenario"]) == ["As it is", "Saved"]
    checked(page.file_uploader(key="what_if_file").set_value(("bad.toml", b"nonsense", "text/plain")).run())
    assert "bad.toml: this is no TOML" in said(page)


def test_scenarios_survive_their_file():
    scenario = Scenario("Year after", (Volume(percent=5, codes=("97110",)),), "a note")
    assert practice_what_if.of_bytes("x.toml", practice_what_if.to_bytes([scenario])) == (scenario,)
    with pytest.raises(InputError, match="mine"):
        practice_what_if.of_bytes("mine.toml", b"feecalc_scenarios = 'x'")


# Everywhere ------------------------------------------------------------------------------------------------------------------


def test_the_year_is_priced_in_every_locality_when_it_is_asked_for():
    page = sample(prices="2025D", zip="35203")
    assert not any(b"Alaska" in data for _, data in pictures(page))
    click(page, "Price them in every locality")
    assert "109 payment localities; all services as if given there" in said(page)
    assert "highest $" in said(page)
    frame = next(f.value for f in page.dataframe if "state" in f.value.columns)
    here = next(row for row in frame.to_dict("records") if (row["mac"], row["locality"]) == ("10112", "00"))
    assert f"${here['allowed']:,}" in headlines(page)[0]
    put(page, "text_input", "practice_zip", "94105")  # another place has the same country
    assert "109 payment localities" in said(page)
    put(page, "selectbox", "practice_prices", "2024C")
    assert "payment localities;" not in said(page)


# Files ----------------------------------------------------------------------------------------------------------------------


def test_files_are_built_where_the_boxes_can_be_read_no_longer(opened):
    mix = read_mix(practice.SAMPLES_FOLDER / "family_practice.csv")
    place = locality.Place("10112", "00", "Alabama", "AL")
    asked_for = practice.Asked(place, at="at ZIP 35203 in Alabama")
    of, answer = practice.Loaded("family", mix, 1), practice.Answer(price(mix, Basis(locality="10112-00"), opened))
    book = openpyxl.load_workbook(io.BytesIO(practice_answer.book(of, answer, asked_for, {})))
    assert "at ZIP 35203 in Alabama" in book["By code"]["A1"].value
    assert b"at ZIP 35203 in Alabama" in practice_answer.printable(of, answer, asked_for, {})


def test_the_workbook_that_calculates_holds_the_units_of_the_practice(opened):
    mix = read_mix(practice.SAMPLES_FOLDER / "therapy_clinic.csv")
    of = practice.Loaded("clinic", mix, 1)
    made = price(mix, Basis(date=dt.date(2025, 10, 15), zip="35203"), opened)
    assert practice_workbook.too_large(made) == ""
    book = openpyxl.load_workbook(io.BytesIO(practice_workbook.build(of, made)))
    volumes = book["Volumes"]
    head = next(row for row in volumes.iter_rows(values_only=True) if row and "Units" in [str(cell) for cell in row])
    assert "Code" in head
    worked = openpyxl.load_workbook(io.BytesIO(practice_workbook.build(of, made)), data_only=True)["Totals"]
    rows = list(worked.iter_rows(values_only=True))
    allowed = rows[-1][rows[0].index("Both: payment")]
    assert round(allowed * 100) == made.totals["allowed"]  # to the cent, therapy's later units included
    units = sum(made.rows["units"])
    written = practice_workbook.volumes(made)
    assert written["units"].sum() + written["later_units"].sum() == units
    assert set(written["mac"]) == {"10112"}


def test_rows_with_places_of_their_own_stay_there(opened):
    text = "CPT,Units,ZIP\n97110,3,35203\n97110,5,94105\n71046,2,35203\n"
    made = price(read_mix(text.encode(), "v.csv"), Basis(date=dt.date(2025, 10, 15)), opened)
    written = practice_workbook.volumes(made)
    of_place = written.group_by("mac").agg(pl.sum("units") + pl.sum("later_units"))
    assert dict(of_place.iter_rows()) == {"10112": 5, "01112": 5}


def test_a_printed_year_escapes_what_a_file_says():
    part = practice_sheet.Part("By <provider>", ("Provider", "Allowed"), [("<script>alert(1)</script>", "$1.00")])
    page = practice_sheet.html("Revenue", "A & B", ["told"], [part], ["rests"], ["foot"]).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "A &amp; B" in page


def test_answers_are_settled_before_they_are_used():
    chosen, problems = practice_upload.settled({"A": "hcpcs", "B": "modifiers", "C": "modifiers", "D": ""})
    assert not problems
    assert (chosen["hcpcs"], chosen["modifiers"], chosen["units"]) == ("A", "B, C", "")
