"""Reading claims files: names of columns, what spreadsheets did to values, blocks and batches."""

import ast
import datetime as dt
import random
from graphlib import TopologicalSorter
from pathlib import Path

import polars as pl
import pytest

from feecalc import claims
from feecalc.claims import Columns, Runs, batches, open_table, plan, runs_of
from feecalc.errors import InputError

# The package ------------------------------------------------------------------------------------------------------------


def test_imports_inside_the_package_go_in_no_circle():
    imports = {}
    for path in Path(claims.__file__).parent.glob("*.py"):
        nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
        imports[f"feecalc.claims.{path.stem}"] = {node.module for node in nodes if node.module.startswith("feecalc.claims")}
    order = list(TopologicalSorter(imports).static_order())  # raises where there is a circle
    assert order.index("feecalc.claims.columns") < order.index("feecalc.claims.job")
    assert "feecalc.claims" not in order  # nothing reaches up to the front door


# Columns ----------------------------------------------------------------------------------------------------------------


def test_names_are_matched_whatever_their_case_blanks_and_underscores():
    columns = Columns.of(["Claim ID", "HCPCS", "Service Date", "ProviderType", "ZIP Code", "Place of Service", "note"])
    assert columns.of_contract == {
        "claim_id": "Claim ID",
        "hcpcs": "HCPCS",
        "service_date": "Service Date",
        "provider_type": "ProviderType",
        "zip": "ZIP Code",
        "pos": "Place of Service",
    }
    assert "Column read as service_date: Service Date" in columns.notes
    assert "note" not in columns.needed


def test_an_exact_name_wins_and_a_doubtful_one_is_refused():
    assert Columns.of(["hcpcs", "HCPCS", "CPT"]).of_contract["hcpcs"] == "hcpcs"
    with pytest.raises(InputError, match=r"Which column is hcpcs\? The file has HCPCS, Hcpcs"):
        Columns.of(["HCPCS", "Hcpcs "])
    with pytest.raises(InputError, match="CPT, Procedure Code"):
        Columns.of(["CPT", "Procedure Code"])
    with pytest.raises(InputError, match=r"no column 'hcpcs'. It has: a, b\."):
        Columns.of(["a", "b"])


def test_what_a_file_does_not_say_and_what_is_not_read_is_told():
    notes = Columns.of(["claim_id", "CPT", "dos", "Qty", "rendering", "zip"]).notes
    assert "Column read as units: Qty" in notes
    assert "The file has no column 'pos': every line is priced for a non-facility setting, such as an office." in notes
    assert "Not read, and given back as they came: rendering" in notes
    bare = Columns.of(["claim_id", "hcpcs", "service_date", "setting", "how many"]).notes
    assert "The file has no column 'units': every line counts as one unit." in bare
    assert "Not read, and given back as they came: how many" in bare
    assert not any("'pos'" in note for note in bare)
    assert Columns.of(["claim_id", "hcpcs", "service_date", "pos", "units"]).notes == ()
    assert Columns.of(["CPT", "Procedure"]).of_contract == {"hcpcs": "CPT"}  # a procedure may be named in words


def test_modifiers_in_several_columns_keep_the_order_of_their_numbers():
    assert Columns.of(["hcpcs", "Mod 2", "mod1", "MOD_3"]).modifiers == ("mod1", "Mod 2", "MOD_3")
    assert Columns.of(["hcpcs", "Modifier", "Modifier 2"]).modifiers == ("Modifier", "Modifier 2")
    assert Columns.of(["hcpcs", "Modifier"]).modifiers == ("Modifier",)
    with pytest.raises(InputError, match="Which columns hold the modifiers"):
        Columns.of(["hcpcs", "modifiers", "mod1"])
    with pytest.raises(InputError, match="Which column is modifier 1"):
        Columns.of(["hcpcs", "mod1", "modifier1"])


def test_group_by_takes_the_place_of_the_claim():
    columns = Columns.of(["claim_id", "hcpcs", "Patient ID", "npi"], ["patient_id", "npi"])
    assert columns.claim == ("Patient ID", "npi")
    with pytest.raises(InputError, match="no column 'nip' to group by"):
        Columns.of(["hcpcs", "npi"], ["nip"])


# Values -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "code", "repaired"),
    [
        ("99213", "99213", False),
        (" g0283\u00a0", "G0283", False),
        ("99213.0", "99213", True),
        ("100", "00100", True),
        ("100.0", "00100", True),
        ("0001E", "0001E", False),
        ("99213.5", None, False),
        ("1E+05", None, False),
        ("99213-25", None, False),
        ("992130", None, False),
        ("", None, False),
        (None, None, False),
    ],
)
def test_codes(given, code, repaired):
    reading = claims.read_code(given)
    assert (reading.value, reading.repair is not None, reading.problem is not None) == (code, repaired, code is None)


@pytest.mark.parametrize(
    ("rule", "given", "value", "repaired"),
    [
        ("mac", "1112", "01112", True),
        ("mac", "10112", "10112", False),
        ("mac", "1112.0", "01112", True),
        ("locality", "5", "05", True),
        ("locality", "05", "05", False),
        ("locality", "1112-5", "01112-05", True),
        ("locality", "10112 00", "10112-00", False),
        ("locality", "national", "national", False),
        ("zip", "2139", "02139", True),
        ("zip", "35203", "35203", False),
        ("zip", "2139.0", "02139", True),
        ("zip", "35203-1234", "35203-1234", False),
        ("zip", "352031234", "352031234", False),
        ("zip", "21391234", "021391234", True),
        ("zip", "2139-1234", "02139-1234", True),
        ("zip", "352031", "?", False),
        ("zip", "Boston", "?", False),
        ("zip", " ", None, False),
        ("pos", "2", "02", True),
        ("pos", "11", "11", False),
        ("pos", "2.0", "02", True),
        ("pos", "office", "office", False),
        ("modifiers", "gp, kx", "GP KX", False),
        ("modifiers", "26.0", "26", True),
        ("modifiers", None, "", False),
        ("units", "1.0", 1, False),
        ("units", " ", 1, False),
        ("minutes", "95.0", 95, False),
        ("minutes", "", None, False),
        ("qp", "Yes", True, False),
        ("qp", None, False, False),
    ],
)
def test_values_and_repairs(rule, given, value, repaired):
    reading = claims.RULES[rule][0](given)
    assert reading == (value, reading.repair, None)
    assert (reading.repair is not None) == repaired


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        *(("units", bad) for bad in ("0", "1.5", "two", "-1", "10000", "1e3")),
        *(("minutes", bad) for bad in ("12.5", "an hour", "-5")),
        ("modifiers", "GP KX 59 76 77"),
        ("qp", "perhaps"),
    ],
)
def test_values_that_cannot_be_read(rule, given):
    assert claims.RULES[rule][0](given).problem


@pytest.mark.parametrize(
    ("given", "date", "told"),
    [
        ("2025-10-15", dt.date(2025, 10, 15), False),
        ("20251015", dt.date(2025, 10, 15), False),
        ("2025-10-15 00:00:00", dt.date(2025, 10, 15), False),
        ("2025-10-15T08:30:00Z", dt.date(2025, 10, 15), False),
        ("1/2/2026", dt.date(2026, 1, 2), True),
        ("01/02/26", dt.date(2026, 1, 2), True),
        ("10/15/2025 0:00", dt.date(2025, 10, 15), True),
        ("13/10/2025", None, False),
        ("2025-02-30", None, False),
        ("45945", None, False),
        ("Oct 15", None, False),
        (None, None, False),
    ],
)
def test_dates(given, date, told):
    reading = claims.read_date(given)
    assert (reading.value, reading.repair is not None, reading.problem is None) == (date, told, date is not None)


def test_only_a_first_part_that_is_no_month_shows_day_month_year():
    assert claims.is_day_first("13/10/2025")
    assert not any(map(claims.is_day_first, ["12/10/2025", "13/13/2025", "99/10/2025", "2025-13-10", None]))
    assert claims.read_date("1/2/2026", ambiguous=True).value is None
    assert claims.read_date("2026-01-02", ambiguous=True).value == dt.date(2026, 1, 2)


def cleaned(**columns):
    frame = pl.DataFrame(columns, strict=False)
    told = claims.Told()
    rows = pl.int_range(frame.height, eager=True)
    return claims.clean(frame, rows, Columns.of(frame.columns), told), told


def test_money():
    given = ["81.86", "$1,234.50", " 12 ", "", None, "-1", "$-3", "12,50", "1.234", "x", ".5", "100.000", "1e3", "."]
    frame, told = cleaned(hcpcs=["99213"] * len(given), charge=given)
    read = ["81.86", "1234.50", "12", None, None, "?", "?", "?", "?", "?", "0.5", "100.00", "?", "?"]
    assert frame["charge"].to_list() == read
    problems = told.problems_table(2)
    assert problems["row"].to_list() == [7, 8, 9, 10, 11, 14, 15]
    assert problems["reason"].str.contains("negative").to_list() == [True, True] + [False] * 5
    assert told.repairs["amounts read without $ and the commas of thousands"] == 1


def test_money_as_numbers():
    frame, told = cleaned(hcpcs=["99213"] * 4, charge=[81.86, float("nan"), 12.345, -1.0])
    assert frame["charge"].to_list() == ["81.86", None, "?", "?"]
    assert told.problems_table(1)["row"].to_list() == [3, 4]
    frame, _ = cleaned(hcpcs=["99213"] * 2, charge=[50, None])
    assert frame["charge"].to_list() == ["50", None]


def test_the_value_of_a_reject_is_the_one_of_the_file():
    _, told = cleaned(**{"HCPCS": ["99213"], "Service Date": ["soon"], "mod1": ["GP KX"], "mod2": ["59 76 77"]})
    assert told.problems_table(2).rows() == [
        (2, "Service Date", "soon", "not a date such as 2025-10-15 or 10/15/2025"),
        (2, "mod1, mod2", "GP KX 59 76 77", "more than 4 modifiers"),
    ]


def test_repairs_are_counted_by_line():
    _, told = cleaned(hcpcs=["99213.0", "99213.0", "97110"], mac=["1112", "10112", None])
    assert sorted(told.repairs.values()) == [1, 2]


def test_a_typed_frame_needs_no_repair():
    frame, told = cleaned(hcpcs=["99213"], service_date=[dt.datetime(2025, 10, 15, 9)], units=[2], minutes=[5], qp=[True])
    assert frame.row(0) == (dt.date(2025, 10, 15), "99213", 2, True, 5)
    assert not told.repairs
    assert told.problems_table(1).is_empty()


def test_lists_are_no_codes():
    with pytest.raises(InputError, match="Column hcpcs holds Struct"):
        cleaned(hcpcs=[{"a": 1}])


# Files ------------------------------------------------------------------------------------------------------------------


def table(tmp_path, content, name="claims.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_table(path)


def whole(opened):
    return pl.concat([opened.schema.to_frame(), *opened.frames()])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("block", [3, 7, 64, 1 << 20])
def test_csv_in_any_encoding_separator_and_block(tmp_path, monkeypatch, separator, encoding, block):
    monkeypatch.setattr(claims.delimited, "BLOCK", block)
    rows = [["hcpcs", "note"], ["99213", "é"], ["97110", '"two\nlines"'], ["", ""], ["0", '"a ""b"""']]
    read = table(tmp_path, "\r\n".join(separator.join(row) for row in rows).encode(encoding))
    assert whole(read).rows() == [("99213", "é"), ("97110", "two\nlines"), (None, None), ("0", 'a "b"')]
    assert read.first_row == 2
    assert next(read.frames(["note"])).columns == ["note"]


def test_old_macintosh_line_ends_and_blank_lines(tmp_path):
    assert whole(table(tmp_path, "hcpcs,a\r99213,b\r")).rows() == [("99213", "b")]
    read = table(tmp_path, "\n\nhcpcs,a\n\n99213,b\n\n\n")
    assert whole(read).rows() == [(None, None), ("99213", "b")]
    assert read.first_row == 4  # as a spreadsheet counts
    read = table(tmp_path, 'hcpcs\r\n\r\n\r\n"a\n\nb"\r\n\r\nc\r\n')
    assert whole(read)["hcpcs"].to_list() == [None, None, "a\n\nb", None, "c"]


@pytest.mark.parametrize("block", [3, 1 << 20])
def test_a_short_record_lacks_its_last_fields(tmp_path, monkeypatch, block):
    monkeypatch.setattr(claims.delimited, "BLOCK", block)
    assert whole(table(tmp_path, "hcpcs,a\n99213\n97110,b\n99213")).rows() == [("99213", None), ("97110", "b"), ("99213", None)]


@pytest.mark.parametrize("block", [5, 1 << 20])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "0 bytes"),
        ("\n\n", "nothing but blank lines"),
        ("hcpcs,a\n99213,b\n99213,b,c\n99213,b\n", "row 3"),
        ('hcpcs,a\n99213,"b\n97110,c\n', "never closed"),
        ('hcpcs,a\n99213,b" "\n97110,"c"d\n', "row 2|row 3"),
        ("hcpcs,hcpcs\n1,2\n", "same name: hcpcs"),
    ],
)
def test_a_csv_that_cannot_be_read_says_where(tmp_path, monkeypatch, content, says, block):
    monkeypatch.setattr(claims.delimited, "BLOCK", block)
    with pytest.raises(InputError, match=says) as error:
        whole(table(tmp_path, content))
    assert "97110" not in str(error.value)


@pytest.mark.parametrize("name", ["claims.parquet", "claims.xlsx"])
def test_other_files_that_cannot_be_read(tmp_path, name):
    for content in (b"", b"hcpcs\n99213\n"):
        with pytest.raises(InputError, match=r"0 bytes|cannot be read|is no workbook"):
            table(tmp_path, content, name)
    with pytest.raises(InputError, match="a claims file is"):
        table(tmp_path, b"x", "claims.doc")


def test_a_workbook_is_read_as_the_text_that_it_shows(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "June"
    sheet.append(["HCPCS", "Service Date", "charge", None])
    sheet.append([99213, dt.date(2025, 10, 15), 81.86, "x"])
    sheet.append([None, None, None, None])
    sheet.append(["G0283", "10/15/2025", "$1,200.00", None])
    sheet.append([" ", None, None, None])
    book.create_sheet("July")
    book.save(tmp_path / "claims.xlsx")
    read = open_table(tmp_path / "claims.xlsx")
    assert read.notes == ["Read: the first of 2 sheets, June"]
    assert whole(read).columns == ["HCPCS", "Service Date", "charge", "column_4"]
    assert whole(read).rows() == [
        ("99213", "2025-10-15", "81.86", "x"),
        (None, None, None, None),
        ("G0283", "10/15/2025", "$1,200.00", None),
    ]


# Batches ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_frames_become_batches(size):
    frames = [pl.DataFrame({"a": range(start, start + 7)}) for start in range(0, 70, 7)]
    ends = [*range(size, 70, size), 70]
    made = list(batches(iter(frames), ends))
    assert [frame.height for frame in made] == [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert pl.concat(made)["a"].to_list() == list(range(70))
    assert list(batches(iter([frames[0].clear()]), [])) == []


@pytest.mark.parametrize("size", [1, 3, 10, 1000])
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_plan_keeps_claims_whole(size, shuffled):
    keys = [None if number % 7 == 0 else number // 4 for number in range(200)] + [3, 3]
    if shuffled:
        random.Random(1).shuffle(keys)
    ends, scattered = plan(runs_of(pl.Series(keys, dtype=pl.UInt64)), len(keys), size)
    part_of = dict(scattered.iter_rows())
    assert ends[-1] == len(keys)
    assert all(end - start >= size for start, end in zip([0, *ends], ends[:-1], strict=False))
    batch_of = [sum(end <= row for end in ends) for row in range(len(keys))]
    for key in set(keys) - {None}:
        rows = [row for row, other in enumerate(keys) if other == key]
        assert len({part_of.get(row) for row in rows}) == 1
        assert rows[0] in part_of or len({batch_of[row] for row in rows}) == 1
    assert not any(keys[row] is None for row in part_of)


def test_the_plan_of_no_rows_and_of_no_claims():
    assert plan(None, 0, 5)[0] == []
    assert plan(Runs.of([]), 0, 5)[0] == []
    assert plan(None, 12, 5)[0] == [5, 10, 12]
    assert plan(None, 10, 5)[0] == [5, 10]
