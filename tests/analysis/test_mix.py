"""A practice's spreadsheet as it comes: columns under any name, repairs, totals, reversals, months side by side."""

import datetime as dt
import io
import random
import tempfile
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from feecalc.analysis import mix
from feecalc.analysis.mix import SCHEMA, Mix, propose, read_mix
from feecalc.analysis.mix_columns import ALIASES, find_mix_header, match, read_month
from feecalc.errors import InputError

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def csv(*lines):
    return "\n".join(lines).encode()


def read(*lines, **chosen):
    return read_mix(csv(*lines), "volumes.csv", chosen)


def workbook(*rows, merged=(), sheets=None):
    book = openpyxl.Workbook()
    for name, content in (sheets or {"Sheet": rows}).items():
        sheet = book.active if name == "Sheet" else book.create_sheet(name)
        for row in content:
            sheet.append(row)
        for cells in merged:
            sheet.merge_cells(cells)
    if sheets and "Sheet" not in sheets:
        book.remove(book.active)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def volumes(found):
    return [(code, units) for code, units in found.rows.select("hcpcs", "units").iter_rows()]


def told(found, words):
    return [note for note in found.notes if words in note]


# Columns -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("hcpcs", ["CPT", "HCPCS", "Procedure", "Procedure Code", "cpt_code", "CPT®", "CPT/HCPCS", "Code"]),
        ("units", ["Qty", "Quantity", "Count", "Volume", "Units", "UNITS BILLED"]),
        ("modifiers", ["Mod", "Modifier", "Modifiers", "Modifier 1"]),
        ("pos", ["POS", "Place of Service"]),
        ("provider", ["Provider", "Rendering", "Rendering Provider", "Therapist"]),
        ("payer", ["Payer", "Payor", "Insurance", "Plan"]),
        ("site", ["Location", "Site", "Facility", "Clinic"]),
        ("month", ["Month", "Period"]),
        ("service_date", ["DOS", "Date of Service", "Service Date"]),
        ("visit", ["Claim #", "Visit", "Claim ID", "Encounter"]),
        ("charge", ["Charge", "Charges", "Billed", "Charge Amount"]),
        ("paid", ["Paid", "Payment", "Payments"]),
    ],
)
def test_names_that_practice_systems_give(target, names):
    for name in names:
        others = [other for other in ("CPT", "Units") if target not in {"CPT": "hcpcs", "Units": "units"}[other]]
        assert match([*others, name], {}, []).columns[target] == name


def test_no_name_means_two_things():
    names = [name.replace(" ", "").lower() for wanted, others in ALIASES.items() for name in (wanted, *others)]
    assert len(names) == len(set(names))


def test_every_column_is_there_and_typed():
    found = read("CPT,Units", "97110,3")
    assert found.rows.schema == SCHEMA
    assert found.rows.row(0) == (2, "97110", "", 3, *[None] * 13)
    assert found.columns == {"hcpcs": "CPT", "units": "Units"}
    assert found.rejects.is_empty()


def test_a_whole_row():
    found = read(
        "CPT,Mod,Qty,DOS,Claim #,Rendering,Insurance,Location,Place of Service,Zip,Billed,Paid",
        '97110,GP 59,2,10/15/2025,C1,Smith,Medicare,North,11,2139,"$1,234.50",-12.5',
    )
    assert found.rows.row(0, named=True) == {
        "row": 2, "hcpcs": "97110", "modifiers": "GP 59", "units": 2, "service_date": dt.date(2025, 10, 15),
        "month": dt.date(2025, 10, 1), "visit": "C1", "provider": "Smith", "payer": "Medicare", "site": "North", "pos": "11",
        "setting": None, "zip": "02139", "mac": None, "locality": None, "charge": 123450, "paid": -1250,
    }  # fmt: skip


def test_columns_of_any_name():
    found = read("#row,month units,CPT,Units,column_1, ", "x,y,97110,3,z,w")
    assert found.rows.select("row", "units").row(0) == (2, 3)
    assert told(found, "Columns not read: #row, month units, column_1")


def test_what_was_read_as_what_is_told_and_what_was_not():
    found = read("CPT,Qty,Patient,Rendering", "97110,3,X,Smith")
    assert told(found, "Column read as units: Qty")
    assert told(found, "Columns not read: Patient")


def test_two_columns_for_one_are_a_question():
    with pytest.raises(InputError, match=r"""Which column is units.*'Qty' or 'Volume'.*units="Qty" or units="Volume\""""):
        read("CPT,Qty,Volume", "97110,3,4")
    assert volumes(read("CPT,Qty,Volume", "97110,3,4", units="Volume")) == [("97110", 4)]
    with pytest.raises(InputError, match="payer"):
        read("CPT,Qty,Insurance,Plan", "97110,3,A,B")
    assert read("CPT,Qty,Insurance,Plan", "97110,3,A,B", payer="").rows["payer"].to_list() == [None]


def test_codes_are_told_from_their_words():
    found = read("Procedure,CPT,Qty", "Exercise,97110,3", "Manual therapy,97140,2")
    assert found.columns["hcpcs"] == "CPT"
    assert told(found, "Codes read from CPT; Procedure holds none")
    with pytest.raises(InputError, match="Which column is hcpcs"):
        read("Procedure,CPT,Qty", "97140,97110,3")


def test_a_choice_of_what_is_not_there():
    with pytest.raises(InputError, match=r"no column 'Amount'.*'CPT', 'Qty'"):
        read("CPT,Qty", "97110,3", units="Amount")
    with pytest.raises(InputError, match="A mix has no column 'unit'"):
        read("CPT,Qty", "97110,3", unit="Qty")


def test_a_file_without_codes():
    with pytest.raises(InputError, match=r"No column holds the codes.*'A', 'Qty'"):
        read("A,Qty", "97110,3")
    assert volumes(read("A,Qty", "97110,3", hcpcs="A")) == [("97110", 3)]


def test_a_proposal_shows_what_must_be_chosen():
    proposal = propose(csv("CPT,Qty,Volume,Patient", "97110,3,4,X"), "a.csv")
    assert proposal.columns == {"hcpcs": "CPT"}
    assert proposal.open == {"units": ("Qty", "Volume")}
    assert proposal.unread == ("Patient",)
    assert len(proposal.problems) == 1
    assert propose(csv("CPT,Qty,Volume", "97110,3,4"), "a.csv", {"units": "Qty"}).problems == ()


def test_a_confirmed_proposal_reads_as_proposed():
    content = csv("CPT,Mod 2,Mod 1,Qty,Insurance", "97110,CQ,GP,3,A")
    proposal = propose(content, "a.csv")
    assert proposal.columns["modifiers"] == "Mod 1, Mod 2"
    found = read_mix(content, "a.csv", proposal.columns)
    assert found.columns == proposal.columns
    assert found.rows["modifiers"].to_list() == ["GP CQ"]


def test_a_row_a_service_where_no_column_holds_units():
    found = read("CPT,Provider", "97110,A", "97110,A")
    assert volumes(found) == [("97110", 1), ("97110", 1)]
    assert told(found, "every row counts as one")


# Codes -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "code", "modifiers"),
    [
        ("97110-GP", "97110", "GP"),
        ("97110 59", "97110", "59"),
        ("97110-GP-CQ", "97110", "GP CQ"),
        ("97110GP", "97110", "GP"),
        ("99213.0", "99213", ""),
        ("100", "00100", ""),
        ("g0283", "G0283", ""),
        ("97110 - Therapeutic exercise", "97110", ""),
    ],
)
def test_what_stands_in_the_cell_of_a_code(cell, code, modifiers):
    found = read("CPT,Units", f"{cell},2")
    assert found.rows.select("hcpcs", "modifiers").row(0) == (code, modifiers)
    assert len(told(found, "Repaired: 1")) == (cell != "g0283")


def test_modifiers_of_the_cell_and_of_their_columns_come_together():
    found = read("CPT,Modifier 1,Modifier 2,Units", "97110-GP,CQ,GP,2", "97110,59.0,,1")
    assert found.rows["modifiers"].to_list() == ["GP CQ", "59"]


def test_what_is_no_code_is_listed_by_row():
    found = read("CPT,Units", "97110,1", "Office visit,2", "9711000,3", "97110-59-GP-CQ-KX-XS,4")
    assert volumes(found) == [("97110", 1)]
    assert found.rejects.select("row", "column", "value").rows() == [
        (3, "CPT", "Office visit"),
        (4, "CPT", "9711000"),
        (5, "CPT", "97110-59-GP-CQ-KX-XS"),
    ]


# Volumes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "units"),
    [
        ("5", 5), ("5.0", 5), ('"1,234"', 1234), ("-5", -5), ("(5)", -5), ('"-1,200"', -1200), (" 7 ", 7),
        ("5-", -5), ("5.0 -", -5), ('"1,200-"', -1200), ("\u22125", -5),
    ],
)  # fmt: skip
def test_volumes(cell, units):
    assert volumes(read("CPT,Units", f"97110,{cell}", "97140,1")) == [("97110", units), ("97140", 1)]


@pytest.mark.parametrize(
    ("cell", "why"), [("2.5", "whole"), ("(0.5)", "whole"), ("", "no volume"), ("x", "not a number"), ("1e3", "not a number"),
                      ("1,23", "not a number"), ("999999999", "more than")]
)  # fmt: skip
def test_volumes_that_are_none(cell, why):
    found = read("CPT,Units", f'97110,"{cell}"', "97140,1")
    assert volumes(found) == [("97140", 1)]
    assert found.rejects.select("row", "column").rows() == [(2, "Units")]
    assert why in found.rejects["why"][0]


def test_reversals_are_kept_and_told():
    found = read("CPT,Units", "97110,10", "97110,-3")
    assert volumes(found) == [("97110", 10), ("97110", -3)]
    assert told(found, "Units are taken back in 1 row (3 in all): row 3")


def test_a_volume_of_nothing():
    found = read("CPT,Units", "97110,0", "97140,1")
    assert volumes(found) == [("97140", 1)]
    assert told(found, "A volume of 0 in 1 row")


# Totals, titles, headers -------------------------------------------------------------------------------------------------


def test_totals_are_never_counted():
    found = read(
        "Provider,CPT,Units",
        "Smith,97110,10",
        "Smith,97140,5",
        "Smith Total,,15",
        ",,15",
        "Jones,97110,4",
        "Subtotal:,,4",
        ",97110 Total,14",
        "Grand Total,,19",
        "Total for all providers,,19",
        "TOTALS,,19",
    )
    assert volumes(found) == [("97110", 10), ("97140", 5), ("97110", 4)]
    assert told(found, "Totals not counted: rows 4, 7, 8, 9, 10 and 11")
    assert told(found, "Rows without a code are not counted: row 5")
    assert found.rejects.is_empty()


def test_a_total_over_the_months_of_a_code():
    found = read("CPT,Month,Units", "97110,2025-01,3", "97110,2025-02,4", "97110,Total,7")
    assert volumes(found) == [("97110", 3), ("97110", 4)]


def test_what_stands_for_all_the_others_is_a_total():
    found = read(
        "CPT,Units,Provider,Site",
        "97110,3,Lee,All",
        "97110,4,Kim,All",
        "97110,7,All Providers,All",
        "97110,7,YTD,All",
        "97140,1,,All",
    )
    assert volumes(found) == [("97110", 3), ("97110", 4), ("97140", 1)]  # a site called All has no other beside it
    assert told(found, "Totals not counted: rows 4 and 5")


def test_a_name_that_begins_like_a_total_is_none():
    found = read("CPT,Units,Site,Payer", "97110,3,Total Rehab,Total Care Plan", "97140,2,North,Subtotal Health")
    assert volumes(found) == [("97110", 3), ("97140", 2)]
    assert not told(found, "Totals")


def test_a_total_in_a_column_that_nobody_reads_counts_only_without_a_code():
    found = read("Group,CPT,Units", "A,97110,3", "Grand total,,3")
    assert volumes(found) == [("97110", 3)]
    assert told(found, "Totals not counted: row 3")
    assert volumes(read("Plan type,CPT,Units", "Total,97110,3")) == [("97110", 3)]


def test_titles_blank_rows_and_a_header_that_comes_again():
    found = read(
        "Production by code,,",
        "Printed,2026-01-02,",
        "",
        "CPT,Units,Provider",
        "97110,3,A",
        ",,",
        "CPT,Units,Provider",
        "97140,2,B",
    )
    assert found.rows.select("row", "hcpcs", "units").rows() == [(5, "97110", 3), (8, "97140", 2)]
    assert told(found, "Header found in row 4; rows 1-3 above it were passed over")
    assert told(found, "The header comes again: row 7")
    assert told(found, "Blank: 1 row passed over")


def test_a_header_of_two_rows_whose_groups_are_merged():
    rows = [
        ["Volumes", None, None, None, None, None],
        ["CPT", "Provider", "Jan 2025", None, "Feb 2025", None],
        [None, None, "Units", "Charges", "Units", "Charges"],
        ["97110", "A", 3, 150, 4, 200],
        ["Total", None, 3, 150, 4, 200],
    ]
    found = read_mix(workbook(*rows, merged=("C2:D2", "E2:F2", "A2:A3")), "a.xlsx")
    assert found.rows.select("row", "hcpcs", "provider", "month", "units", "charge").rows() == [
        (4, "97110", "A", dt.date(2025, 1, 1), 3, 15000),
        (4, "97110", "A", dt.date(2025, 2, 1), 4, 20000),
    ]
    assert told(found, "Header of two rows found in rows 2 and 3; row 1 above it was passed over")


def test_a_header_of_two_rows_with_the_codes_in_the_lower():
    content = csv(",,Jan 2025,,Feb 2025,", "CPT,Mod,Units,Charges,Units,Charges", "97110,GP,3,150,4,200")
    found = read_mix(content, "a.csv")
    assert found.rows.select("month", "units", "charge").rows() == [
        (dt.date(2025, 1, 1), 3, 15000),
        (dt.date(2025, 2, 1), 4, 20000),
    ]


def test_a_header_of_two_rows_with_words_below():
    found = read_mix(csv("CPT,Volume,", ",Units,Charges", "97110,3,150"), "a.csv")
    assert found.rows.select("row", "units", "charge").row(0) == (3, 3, 15000)


def test_a_row_of_data_is_never_taken_for_a_second_header():
    for below in (["", "12", ""], ["97110", "", "x"], ["", "", ""]):
        header = find_mix_header(iter([["CPT", "Units", ""], below]))
        assert (header.place, header.cells) == (0, ["CPT", "Units", ""])


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InputError, match="Several columns have the same name: Units"):
        read("CPT,Units,Units", "97110,1,2")


# Months ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("Jan 2025", (1, 2025)), ("january-2025", (1, 2025)), ("Sept. 2025", (9, 2025)), ("Jan-25", (1, 2025)),
        ("2025-01", (1, 2025)), ("01/2025", (1, 2025)), ("202512", (12, 2025)), ("2025-03-01", (3, 2025)), ("MAY", (5, None)),
        ("2025 Feb", (2, 2025)), ("3/1/2025", (3, 2025)),
    ],
)  # fmt: skip
def test_months(text, month):
    assert read_month(text)[:2] == month


@pytest.mark.parametrize("text", ["13/2025", "Market", "Marching", "Jan Units", "2025", "Q1 2025", "", "97110", "1999-01"])
def test_what_is_no_month(text):
    assert read_month(text) is None


def test_a_column_a_month():
    found = read("CPT,Provider,Jan 2025,Feb 2025,Mar 2025,Total", "97110,A,3,,5,8", "97140,A,0,2,-1,1", "Total,,3,2,4,9")
    assert found.rows.select("row", "hcpcs", "month", "units").rows() == [
        (2, "97110", dt.date(2025, 1, 1), 3),
        (2, "97110", dt.date(2025, 3, 1), 5),
        (3, "97140", dt.date(2025, 2, 1), 2),
        (3, "97140", dt.date(2025, 3, 1), -1),
    ]
    assert told(found, "Columns read as months: Jan 2025, Feb 2025, Mar 2025")
    assert told(found, "Columns not read: Total")
    assert found.columns == {"hcpcs": "CPT", "provider": "Provider", "units": "months"}


def test_months_that_name_no_year_are_a_question():
    with pytest.raises(InputError, match="do not say of which year"):
        read("CPT,Jan,Feb", "97110,3,4")
    found = read("CPT,Jan,Feb", "97110,3,4", year="2025")
    assert found.rows["month"].to_list() == [dt.date(2025, 1, 1), dt.date(2025, 2, 1)]
    with pytest.raises(InputError, match="do not say of which year"):
        read("CPT,Month,Units", "97110,January,4")
    assert read("CPT,Month,Units", "97110,1,4", year="2025").rows["month"].to_list() == [dt.date(2025, 1, 1)]
    with pytest.raises(InputError, match="must be one such as 2025"):
        read("CPT,Jan,Feb", "97110,3,4", year="last")


def test_units_beside_months_are_a_question():
    content = ("CPT,Jan 2025,Feb 2025,Total units", "97110,3,4,7")
    with pytest.raises(InputError, match="""units="Total units" or units="months\""""):
        read(*content)
    assert [units for _, units in volumes(read(*content, units="months"))] == [3, 4]
    assert volumes(read(*content, units="Total units")) == [("97110", 7)]


def test_a_bad_cell_of_a_month_names_its_row():
    found = read("CPT,Jan 2025,Feb 2025", "97110,3,2.5", "97140,x,1")
    assert [(r["row"], r["column"], r["value"]) for r in found.rejects.to_dicts()] == [
        (2, "Feb 2025", "2.5"),
        (3, "Jan 2025", "x"),
    ]


def test_dates_that_may_be_day_first_are_not_guessed():
    found = read("CPT,Units,DOS", "97110,1,13/02/2025", "97110,1,02/03/2025", "97110,1,2025-02-03")
    assert found.rows["service_date"].to_list() == [None, None, dt.date(2025, 2, 3)]
    assert found.rows.height == 3
    assert found.rejects["row"].to_list() == [2, 3]
    assert found.rejects["why"].str.contains("the row counts without it").all()


@pytest.mark.parametrize(
    ("cell", "cents"),
    [("$1,234.50", 123450), ("1234.5", 123450), (".5", 50), ("(12.00)", -1200), ("-$12", -1200), ("$-12", -1200),
     ("12-", -1200),
     ("", None), ("-", None), ("12.345", "bad"), ("12,50", "bad"), ("abc", "bad"), ("$", "bad"), ("1.230", 123)],
)  # fmt: skip
def test_money(cell, cents):
    found = read("CPT,Units,Charges", f'97110,1,"{cell}"')
    assert found.rows["charge"].to_list() == [None if cents == "bad" else cents]
    assert found.rejects.height == (cents == "bad")


def test_places_of_service_and_settings():
    found = read("CPT,Units,POS,Setting", "97110,1,2,", "97110,1,11 - Office,F", "97110,1,22.0,Non-Facility", "97110,1,Home,?")
    assert found.rows["pos"].to_list() == ["02", "11", "22", "Home"]
    assert found.rows["setting"].to_list() == [None, "facility", "nonfacility", "?"]


# Files -------------------------------------------------------------------------------------------------------------------


def test_the_same_from_every_kind_of_file(tmp_path):
    frame = pl.DataFrame(
        {"CPT": ["97110", "99213"], "Qty": [3, -2], "Month": [dt.date(2025, 1, 1), dt.date(2025, 2, 1)], "Charges": [1.5, None]}
    )
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.xlsx").write_bytes(workbook(frame.columns, *frame.rows()))
    wanted = read_mix(tmp_path / "a.csv").rows
    assert wanted["charge"].to_list() == [150, None]
    for name in ("a.parquet", "a.xlsx"):
        rows = read_mix(tmp_path / name).rows
        assert rows.drop("row").equals(wanted.drop("row"))
        assert read_mix((tmp_path / name).read_bytes(), name).rows.equals(rows)


def test_typed_columns_of_parquet(tmp_path):
    frame = pl.DataFrame(
        {"CPT": [97110.0, 99213.0], "Units": [2.0, float("nan")], "Provider": pl.Series(["A", "B"], dtype=pl.Categorical)}
    )
    frame.write_parquet(tmp_path / "a.parquet")
    found = read_mix(tmp_path / "a.parquet")
    assert volumes(found) == [("97110", 2)]
    assert found.rejects["why"].to_list() == ["no volume"]
    pl.DataFrame({"CPT": ["97110"], "Units": [[1]]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="Units holds List"):
        read_mix(tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "0 bytes"),
        ("a.xlsx", b"", "0 bytes"),
        ("a.xlsx", OLE + bytes(512) + "EncryptedPackage".encode("utf-16-le"), "protected with a password"),
        ("a.xlsx", OLE + bytes(512), "old kind, .xls"),
        ("a.xls", OLE + bytes(512), "old kind, .xls"),
        ("a.csv", OLE + bytes(512), "a workbook or a zip file"),
        ("a.csv", b"PK\x03\x04 a workbook under another name", "name it .xlsx"),
        ("a.xlsx", b"CPT,Units\n97110,3\n", "is no workbook, whatever its name. If it holds text, name it .csv"),
        ("a.xlsx", b"PK\x03\x04 no workbook", "cannot be read as a workbook"),
        ("a.parquet", b"PAR1", "cannot be read as parquet"),
        ("a.pdf", b"%PDF", "a volumes file is .csv, .parquet or .xlsx"),
        ("a.csv", b"CPT,Units\n", "no row with a code and a volume"),
        ("a.csv", b"CPT,Units\nTotal,5\n", "no row with a code and a volume"),
        ("a.csv", b"CPT,Units\n97110,x\n", "The first, row 2: column Units: not a number"),
        ("a.csv", b"\n\n", "nothing but blank lines"),
        ("", b"CPT,Units\n", "need its name"),
    ],
)
def test_files_that_cannot_be_read(name, content, says):
    with pytest.raises(InputError, match=says):
        read_mix(content, name)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="not a file"):
        read_mix(tmp_path / "none.csv")


def test_a_later_sheet_and_several(tmp_path):
    rows = [["CPT", "Units"], ["97110", 3]]
    found = read_mix(workbook(sheets={"Cover": [["Report"]], "Data": rows}), "a.xlsx")
    assert volumes(found) == [("97110", 3)]
    with pytest.raises(InputError, match="which sheet holds the volumes"):
        read_mix(workbook(sheets={"Cover": [["Report"]], "Jan": rows, "Feb": rows}), "a.xlsx")


def test_encodings_and_separators():
    text = "CPT;Units;Provider\n97110;3;Müller\n"
    for encoding in ("utf-8-sig", "windows-1252", "utf-16"):
        found = read_mix(text.encode(encoding), "a.csv")
        assert found.rows.select("units", "provider").row(0) == (3, "Müller")


def test_a_text_that_looks_like_a_formula_is_a_text():
    found = read("CPT,Units,Provider", "97110,3,=cmd|' /C calc'!A0")
    assert found.rows["provider"].to_list() == ["=cmd|' /C calc'!A0"]


def test_reading_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read_mix(csv("CPT,Units", "97110,3"), "a.csv")
    with pytest.raises(InputError):
        read_mix(b"", "b.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_samples_that_come_with_feecalc():
    found = mix.samples()
    assert set(found) == {"therapy_clinic", "family_practice"}
    for path in found.values():
        sample = read_mix(path)
        assert sample.rejects.is_empty()
        assert sample.rows["month"].null_count() == 0
        assert sample.rows["provider"].n_unique() > 1 < sample.rows["payer"].n_unique()


def test_a_mix_is_made_by_hand_too():
    rows = read("CPT,Units", "97110,3").rows
    assert Mix(rows, {}).alike.kinds["hcpcs"].to_list() == ["97110"]


def test_what_a_page_was_given_is_never_written_to_disk(tmp_path, monkeypatch):
    frame = pl.DataFrame({"CPT": ["97110", "97530"], "Units": ["3", "2"], "Month": ["2025-01", "2025-02"]})
    frame.write_csv(tmp_path / "volumes.csv")
    frame.write_parquet(tmp_path / "volumes.parquet")
    frame.write_excel(tmp_path / "volumes.xlsx")
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    expected = {name: read_mix(tmp_path / name).rows for name in contents}

    def refuse(*_args, **_named):
        raise AssertionError("something was about to be written")

    for maker in ("mkstemp", "mkdtemp", "TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"):
        monkeypatch.setattr(tempfile, maker, refuse)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    for name, content in contents.items():
        assert read_mix(content, name).rows.equals(expected[name])


def test_units_without_visits_are_counted_by_pool_and_kind_in_the_order_of_the_rows():
    chance = random.Random(4)
    lines = [
        f"{chance.choice(('97110', '97140', '99213'))},{chance.randint(-2, 9) or 1},{chance.choice(('Lee', 'Kim', ''))},"
        f"{chance.choice(('2025-01-05', '2025-02-03'))},{chance.choice(('', '', '', f'V{number}'))}"
        for number in range(400)
    ]
    rows = read("CPT,Units,Provider,DOS,Visit", *lines).rows
    alike = Mix(rows, {}).alike
    seen: dict[tuple, int] = {}
    sums: dict[tuple, int] = {}
    for at, row in enumerate(rows.iter_rows(named=True)):
        if row["visit"] is not None:
            assert (alike.item[at], alike.before[at]) == (None, 0)
            continue
        key = (row["hcpcs"], row["provider"], row["service_date"])
        assert alike.item[at] == seen.setdefault(key, len(seen))
        assert alike.before[at] == sums.get(key, 0)
        sums[key] = sums.get(key, 0) + row["units"]
    assert alike.items["units"].to_list() == list(sums.values())
    assert len(seen) == 18
    one_each = Mix(rows.unique(["hcpcs", "provider", "service_date"], maintain_order=True), {}).alike
    assert set(one_each.before) == {0}
