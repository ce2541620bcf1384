"""Claims files whose header is not where it should be: titles above it, and other sheets before it."""

import datetime as dt

import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner

from feecalc import claims
from feecalc.claims import Columns, open_table, reprice
from feecalc.claims.columns import contract_columns
from feecalc.claims.headers import LOOKED_AT, find_header
from feecalc.cli import cli
from feecalc.errors import InputError
from feecalc.pricing.lines import ADDED

HEADER = ["claim_id", "line", "service_date", "CPT", "units", "locality"]
LINE = ["A", "1", "2025-10-15", "99213", "1", "10112-00"]
TITLES = [["Charges by practitioner"], ["Report as of", "2025-11-01"], []]
PASSED = "Header found in row 4; rows 1-3 above it were passed over"


def text(rows, separator=",", end="\n"):
    return "".join(separator.join(row) + end for row in rows)


def save(tmp_path, content, name="claims.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table(tmp_path, content, name="claims.csv"):
    return open_table(save(tmp_path, content, name))


def whole(opened):
    return pl.concat([opened.schema.to_frame(), *opened.frames()])


def workbook(tmp_path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path = tmp_path / "claims.xlsx"
    book.save(path)
    return path


# What a header is -------------------------------------------------------------------------------------------------------


def test_the_columns_that_a_header_names_are_those_that_columns_finds():
    for names in (HEADER, ["HCPCS Code", "mod1", "Mod 2", "x"], ["Procedure\nCode", "DOS", None], ["Zip Code", "CPT/HCPCS"]):
        columns = Columns.of([name for name in names if name])
        found = {*columns.of_contract, *(["modifiers"] if columns.modifiers else [])}
        assert contract_columns(names) == found
    assert contract_columns(["CPT", "Procedure code", "units"]) == {"hcpcs", "units"}  # doubtful, but a header
    assert contract_columns(["Charges by CPT code", "99213", None, ""]) == set()


def test_a_first_row_that_names_the_codes_is_the_header_and_nothing_more_is_read():
    def rows():
        yield ["CPT"]
        raise AssertionError("read on")

    header = find_header(rows())
    assert (header.place, header.known, header.notes) == (0, True, [])


def test_a_later_row_must_name_another_column_too():
    rows = [["A report"], ["CPT", "all"], ["CPT", "DOS"], ["CPT", "DOS", "units"]]
    assert find_header(rows).place == 2
    header = find_header(rows[:2])
    assert (header.place, header.known, header.cells) == (0, False, ["A report"])
    assert find_header([["CPT"], ["CPT", "DOS"]], alone=False).place == 1
    assert find_header([[], [None, " "]]) is None


def test_how_far_is_looked():
    assert find_header([["title"]] * (LOOKED_AT - 1) + [HEADER]).place == LOOKED_AT - 1
    assert not find_header([["title"]] * LOOKED_AT + [HEADER]).known
    assert find_header([[]] * 100 + [["hcpcs"]]).place == 100  # blank rows are no titles


# Delimited text ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [3, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize(("separator", "name"), [(",", "c.csv"), (";", "c.csv"), ("\t", "c.tsv"), ("\t", "c.txt")])
def test_titles_above_the_header(tmp_path, monkeypatch, separator, name, encoding, end, block):
    monkeypatch.setattr(claims.delimited, "BLOCK", block)
    rows = [["Précis"], *TITLES[1:], HEADER, LINE, LINE]
    read = table(tmp_path, text(rows, separator, end).encode(encoding), name)
    assert whole(read).columns == HEADER
    assert whole(read).rows() == [tuple(LINE)] * 2
    assert (read.first_row, read.notes[0]) == (5, PASSED)


@pytest.mark.parametrize("block", [3, 1 << 20])
@pytest.mark.parametrize(
    ("above", "rows"),
    [
        ("Charges\n", 1),
        ("\n\n", 2),
        ("\n \n", 2),
        (",,,,,\n,,,,,\n", 2),
        ("Charges,,,,,\n,,,,,\n", 2),
        ('"Charges,\nof the ""whole"" practice\n\nin June",,,,,\n\n', 2),
        ("sep=,\n", 1),
        ("June; July; August; September\n", 1),
        ("a,title,wider,than,the,header,by,far\n", 1),
        ('Splints of 5" and more\n', 1),
        ('"A title that never ends\n', 1),
        ('"Charges" of June\n', 1),
        ("Codes:,all\n", 1),
        ("Printed,by me\nCPT,all\n", 2),
    ],
)
def test_what_lies_above_a_header(tmp_path, monkeypatch, above, rows, block):
    monkeypatch.setattr(claims.delimited, "BLOCK", block)
    quoted = [*LINE[:-1], '"10112-00"']
    read = table(tmp_path, above + text([HEADER, LINE, [], quoted]))
    assert whole(read).columns == HEADER
    assert whole(read).rows() == [tuple(LINE), (None,) * 6, tuple(LINE)]
    assert read.first_row == rows + 2
    above_it = "row 1 above it was" if rows == 1 else f"rows 1-{rows} above it were"
    assert read.notes == [f"Header found in row {rows + 1}; {above_it} passed over"]


def test_a_header_of_two_lines_is_one_row(tmp_path):
    read = table(tmp_path, 'Charges\n"Service\nDate","Procedure\nCode",units\n2025-10-15,99213,1\n')
    assert read.schema.names() == ["Service\nDate", "Procedure\nCode", "units"]
    assert read.first_row == 3
    assert whole(read).rows() == [("2025-10-15", "99213", "1")]
    assert table(tmp_path, '"Procedure\nCode",units\n99213,1\n').first_row == 2


def test_a_header_in_the_first_row_stays_the_header(tmp_path):
    for content in ("hcpcs\nCPT\n", "CPT,note\nCPT,units\n"):
        read = table(tmp_path, content)
        assert (read.first_row, read.notes, whole(read).height) == (2, [], 1)


def test_a_file_without_a_header_says_what_its_first_row_has(opened, tmp_path):
    for above in ("", "\n\n"):
        source = save(tmp_path, above + text([["code", "quantity"], ["99213", "1"]]))
        with pytest.raises(InputError, match=r"^The file has no column 'hcpcs'. It has: code, quantity\.$"):
            reprice(source, tmp_path / "out.csv", opened)
    source = save(tmp_path, "title\n" * LOOKED_AT + text([HEADER, LINE]))
    with pytest.raises(InputError, match=r"no column 'hcpcs'. It has: title\.$"):
        reprice(source, tmp_path / "out.csv", opened)


def test_a_first_row_that_cannot_be_taken_apart_is_named(tmp_path):
    with pytest.raises(InputError, match="has no header: row 2 has a quotation mark") as error:
        table(tmp_path, '\n"hcpcs" x,units\n99213,1\n')
    assert "99213" not in str(error.value)


def test_a_header_that_is_in_doubt_is_refused_below_titles_too(opened, tmp_path):
    with pytest.raises(InputError, match="Several columns have the same name: hcpcs"):
        table(tmp_path, "Charges\nhcpcs,hcpcs,units\n")
    source = save(tmp_path, "Charges\nCPT,Procedure Code,units\n")
    with pytest.raises(InputError, match=r"Which column is hcpcs\? The file has CPT, Procedure Code"):
        reprice(source, tmp_path / "out.csv", opened)


def test_a_file_with_titles_is_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(claims.delimited, "BLOCK", 1000)
    read = table(tmp_path, text([*TITLES, HEADER, *[LINE] * 500]))
    heights = [frame.height for frame in read.frames()]
    assert sum(heights) == 500
    assert max(heights) < 40


# Workbooks --------------------------------------------------------------------------------------------------------------


def test_a_workbook_with_titles(tmp_path):
    wide = ["Report", None, None, None, None, None, None, "page 1"]
    read = open_table(workbook(tmp_path, June=[wide, ["as of", dt.date(2025, 11, 1)], [], HEADER, LINE, [], LINE]))
    assert read.notes == [PASSED]
    assert read.first_row == 5
    assert whole(read).columns == HEADER  # the cells of titles make no columns
    assert whole(read).rows() == [tuple(LINE), (None,) * 6, tuple(LINE)]


def test_a_column_without_a_name_stays_where_its_lines_hold_something(tmp_path):
    read = open_table(workbook(tmp_path, June=[["Report"], [*HEADER, None], [*LINE, "mine"]]))
    assert whole(read).rows() == [(*LINE, "mine")]
    assert read.schema.names()[-1] == "column_7"


def test_blank_rows_above_a_worksheets_header_count(tmp_path):
    book = openpyxl.Workbook()
    for row, cells in enumerate([HEADER, LINE], 3):
        for column, cell in enumerate(cells, 2):
            book.active.cell(row, column, cell)
    book.save(tmp_path / "claims.xlsx")
    read = open_table(tmp_path / "claims.xlsx")
    assert whole(read).rows() == [tuple(LINE)]
    assert (read.first_row, read.notes) == (4, ["Header found in row 3; rows 1-2 above it were passed over"])


def test_a_workbook_without_a_header_says_what_its_first_row_has(opened, tmp_path):
    for sheets in ({"a": [["x", "y"]]}, {"a": [["x", "y"]], "b": [["z"], ["CPT"]]}):
        with pytest.raises(InputError, match=r"no column 'hcpcs'. It has: x, y\."):
            reprice(workbook(tmp_path, **sheets), tmp_path / "out.csv", opened)
    for sheets in ({"a": []}, {"a": [], "b": [["z"]]}):
        with pytest.raises(InputError, match="the first sheet is empty"):
            open_table(workbook(tmp_path, **sheets))


# Sheets -----------------------------------------------------------------------------------------------------------------

COVER = [["Charges"], ["printed by", "me"]]
CLAIMS = [HEADER, LINE]


def test_the_first_sheet_is_read_where_it_holds_claims(tmp_path):
    read = open_table(workbook(tmp_path, June=CLAIMS, Cover=COVER))
    assert read.notes == ["Read: the first of 2 sheets, June"]
    read = open_table(workbook(tmp_path, June=[*TITLES, *CLAIMS], July=CLAIMS, Codes=[["CPT", "words"]], August=[[], *CLAIMS]))
    assert read.notes == [
        "Read: the first of 4 sheets, June",
        "Not read, though their columns are those of claims too: July, August",
        PASSED,
    ]
    assert whole(read).height == 1


@pytest.mark.parametrize("cover", [COVER, [], [["Code", "words"], ["99213", "visit"]]])
def test_a_later_sheet_is_read_where_only_it_holds_claims(tmp_path, cover):
    read = open_table(workbook(tmp_path, Cover=cover, June=[*TITLES, *CLAIMS, LINE], Codes=[["CPT", "words"]]))
    assert read.notes == ["Read: June, the only one of 3 sheets whose columns are those of claims", PASSED]
    assert whole(read).rows() == [tuple(LINE)] * 2
    assert read.first_row == 5


def test_two_later_sheets_of_claims_are_refused(tmp_path):
    path = workbook(tmp_path, Cover=COVER, June=CLAIMS, July=[*TITLES, *CLAIMS], Notes=COVER)
    with pytest.raises(InputError, match=r"Not the first, Cover, but the columns of June, July are.*Delete the others"):
        open_table(path)


def test_a_chart_before_the_claims_is_passed_over(tmp_path, capfd):
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "claims.xlsx") as book:
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=June!$E$2:$E$2"})
        book.add_chartsheet("Chart").set_chart(chart)
        sheet = book.add_worksheet("June")
        for row, cells in enumerate(CLAIMS):
            sheet.write_row(row, 0, cells)
    assert whole(open_table(tmp_path / "claims.xlsx")).rows() == [tuple(LINE)]
    assert capfd.readouterr().err == ""


# Priced -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx"])
def test_rows_keep_the_numbers_of_the_file(opened, tmp_path, kind, batch):
    bad = ["B", "1", "soon", "99213", "1", "10112-00"]
    rows = [*TITLES, HEADER, LINE, bad, LINE]
    if kind == "xlsx":
        source = workbook(tmp_path, June=rows)
    else:
        source = save(tmp_path, text(rows, "\t" if kind == "tsv" else ","), f"claims.{kind}")
    summary = reprice(source, tmp_path / "out.csv", opened, batch=batch)
    result = pl.read_csv(tmp_path / "out.csv", infer_schema=False)
    assert result.columns == [*HEADER, *ADDED]
    assert result["outcome"].to_list() == ["priced", "cannot_price", "priced"]
    assert result["allowed"][0] == str(opened.price("99213", locality="10112-00", date="2025-10-15").allowed)
    assert pl.read_csv(tmp_path / "out.rejects.csv")["row"].to_list() == [6]
    assert (summary.lines, summary.duplicate_rows) == (3, [(5, 7)])
    assert PASSED in summary.notes


def test_the_command_tells_of_the_rows_above(tmp_path):
    source = save(tmp_path, text([*TITLES, HEADER, LINE]))
    done = CliRunner().invoke(cli, ["reprice", str(source), "--out", str(tmp_path / "out.csv")])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.splitlines()[:2] == ["1 lines: 1 priced, 0 zero, 0 cannot_price; allowed $81.86 in all", PASSED]
