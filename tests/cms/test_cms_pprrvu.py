import polars as pl
import pytest
from cms_files import HEADINGS, as_csv, as_xlsx, headings, pprrvu, pprrvu_row, pprrvu_txt

from feecalc.cms.pprrvu import qp_of, read_pprrvu
from feecalc.columns import PPRRVU
from feecalc.errors import LayoutError, RejectedError

NAME = "PPRRVU2025_Oct.csv"


def refused(member, rows, kind=RejectedError, name=NAME, **more):
    with pytest.raises(kind) as error:
        read_pprrvu(member(name, as_csv(pprrvu(rows, **more))))
    return error.value


def test_columns_titles_and_types(member):
    rows = [
        pprrvu_row(hcpcs="99213"),
        pprrvu_row(hcpcs="31231", endo_base="31231", glob_days="000", pre_op="0.10", intra_op="0.80", post_op="0.10"),
        pprrvu_row(hcpcs="0001F", status_code="I", not_used_for_medicare_payment="+", non_fac_na_indicator="NA"),
        pprrvu_row(hcpcs="76145", mod="TC"),
    ]
    table = read_pprrvu(member(NAME, as_csv(pprrvu(rows))))
    assert table.frame.schema == pl.Schema(PPRRVU)
    assert table.frame.select("hcpcs", "modifier").rows() == [("0001F", ""), ("31231", ""), ("76145", "TC"), ("99213", "")]
    assert table.meta == {
        "year": "2025",
        "quarter": "D",
        "released": "09/11/2025",
        "conversion_factor": "32.3465",
        "qp": "",
    }
    visit = table.frame.row(3, named=True)
    assert (visit["work"], visit["pe_nonfacility"], visit["pe_facility"], visit["mp"]) == (130, 135, 57, 10)
    assert (visit["supervision"], visit["imaging_family"], visit["pricing_indicator"]) == ("09", "99", "")
    endoscopy = table.frame.row(1, named=True)
    assert (endoscopy["endo_base"], endoscopy["pre_op"], endoscopy["intra_op"]) == ("31231", 10, 80)
    first = table.frame.row(0, named=True)
    assert (first["not_used_for_medicare"], first["na_nonfacility"], first["na_facility"]) == (True, True, False)
    assert "description" not in table.frame.columns
    assert table.extra["descriptions"].columns == ["hcpcs", "modifier", "description"]
    assert table.layout == "pprrvu, csv, 31 columns"


def test_all_forms_agree(member):
    rows = [
        pprrvu_row(hcpcs="00100", status_code="J"),
        pprrvu_row(description="one, two", pre_op="0.10", intra_op="0.80", post_op="0.10", glob_days="090"),
    ]
    sheet = pprrvu(rows)
    tables = [
        read_pprrvu(member(NAME, as_csv(sheet))),
        read_pprrvu(member(NAME, as_csv(sheet, ends="\r"))),
        read_pprrvu(member(NAME, as_csv(sheet, ends="\n") + "\x1a" + "," * 30)),
        read_pprrvu(member("PPRRVU2025_Oct.xlsx", as_xlsx(sheet))),
        read_pprrvu(member("PPRRVU2025_Oct.xlsx", as_xlsx(sheet, numbers=False))),
        read_pprrvu(member("PPRRVU2025_Oct.txt", pprrvu_txt(rows))),
    ]
    for table in tables[1:]:
        assert table.frame.equals(tables[0].frame)
        assert table.extra["descriptions"].equals(tables[0].extra["descriptions"])
        assert table.meta["quarter"] == "D"
    # A workbook of numbers turned 00100 into 100, 090 into 90 and 09 into 9.
    assert "1 value of 'HCPCS' had lost its leading zeros" in tables[3].notes[0]


def test_the_heading_is_found_wherever_it_stands(member):
    sheet = pprrvu()
    assert read_pprrvu(member(NAME, as_csv([["", "", "one more caption"], *sheet]))).frame.height == 1
    flat = [*sheet[:5], [h.replace("|", " ") for h in HEADINGS], *sheet[10:]]
    assert read_pprrvu(member(NAME, as_csv(flat))).frame.height == 1


def test_2026_has_one_more_column(member):
    sheet = pprrvu([pprrvu_row(2026, conv_factor="33.4009")], year=2026, month="July")
    table = read_pprrvu(member("PPRRVU2026_Jul_nonQPP.csv", as_csv(sheet)))
    assert table.frame["pricing_indicator"].to_list() == ["9"]
    assert (table.meta["year"], table.meta["quarter"], table.meta["qp"]) == ("2026", "C", "nonQPP")
    with pytest.raises(LayoutError, match=r"column 24, 'PRIC IND', is in no known layout of 2025.*layouts/pprrvu\.toml"):
        read_pprrvu(member(NAME, as_csv(pprrvu([pprrvu_row(2026)], names=headings(2026)))))
    with pytest.raises(LayoutError, match="the column 'PRIC IND' is missing"):
        read_pprrvu(member("PPRRVU2026_Jul.csv", as_csv(pprrvu(year=2026, names=HEADINGS, rows=[pprrvu_row()]))))


def test_the_fixed_width_file_of_2026_is_not_known(member):
    with pytest.raises(LayoutError, match=r"fixed-width pprrvu file of 2026.*csv or xlsx"):
        read_pprrvu(member("PPRRVU2026_Jul_nonQPP.txt", pprrvu_txt([pprrvu_row()])))


def test_fixed_width_lines_of_another_length(member):
    text = pprrvu_txt([pprrvu_row(), pprrvu_row(hcpcs="99214"), pprrvu_row(hcpcs="99215")])
    with pytest.raises(LayoutError, match=r"lines of 172 characters where .*pprrvu\.toml knows 171"):
        read_pprrvu(member("PPRRVU2025_Oct.txt", text.replace("XXX", "XXX9")))
    lines = text.split("\r\n")
    lines[3] = lines[3][:-3]
    with pytest.raises(RejectedError, match=r"PPRRVU2025_Oct\.txt, row 4: a line of 168 characters, not 171"):
        read_pprrvu(member("PPRRVU2025_Oct.txt", "\r\n".join(lines)))


def test_year_and_quarter_from_the_name(member):
    sheet = pprrvu()
    sheet[0][2] = "Relative values"
    assert read_pprrvu(member("pprrvu25_jan.csv", as_csv(sheet))).meta["quarter"] == "A"
    with pytest.raises(LayoutError, match="neither the captions nor the name tell year and quarter"):
        read_pprrvu(member("PPRRVU.csv", as_csv(sheet)))


def test_renamed_and_missing_columns(member):
    renamed = [*HEADINGS[:5], "EFFORT", *HEADINGS[6:]]
    error = refused(member, [pprrvu_row()], LayoutError, names=renamed)
    assert "column 6, 'EFFORT', is in no known layout of 2025" in str(error)
    assert "feecalc/cms/layouts/pprrvu.toml" in str(error)
    code = ["CODE", *HEADINGS[1:]]
    assert "no heading row" in str(refused(member, [pprrvu_row()], LayoutError, names=code))
    short = [row[:-1] for row in pprrvu()]
    with pytest.raises(LayoutError, match="the column 'MP USED FOR OPPS PAYMENT AMOUNT' is missing"):
        read_pprrvu(member(NAME, as_csv(short)))
    twice = [*HEADINGS[:6], "WORK|RVU", *HEADINGS[7:]]
    assert "two columns are headed 'WORK RVU'" in str(refused(member, [pprrvu_row()], LayoutError, names=twice))


@pytest.mark.parametrize(
    ("heading", "value"),
    [
        ("STATUS CODE", "Z"),
        ("GLOB DAYS", "020"),
        ("PCTC IND", "A"),
        ("MULT PROC", "X"),
        ("BILAT SURG", "4"),
        ("ASST SURG", "3"),
        ("CO- SURG", "3"),
        ("TEAM SURG", "3"),
        ("FACILITY NA INDICATOR", "NO"),
        ("NOT USED FOR MEDICARE PAYMENT", "-"),
        ("CALCULATION FLAG", "1"),
        ("PHYSICIAN SUPERVISION OF DIAGNOSTIC PROCEDURES", "8Z"),
    ],
)
def test_letters_that_no_layout_knows(member, heading, value):
    name = heading.lower().replace("- ", "_").replace("-", "_").replace(" ", "_")
    error = refused(member, [pprrvu_row(hcpcs="99212"), pprrvu_row(**{name: value})], LayoutError)
    assert f"{NAME}, row 12, column {heading}: '{value}' is a value that no known layout has (1 row; known:" in str(error)
    assert "add it to feecalc/cms/layouts/pprrvu.toml" in str(error)


def test_every_bad_row_is_named(member):
    rows = [
        pprrvu_row(hcpcs="99211"),
        pprrvu_row(hcpcs="99212", work_rvu="1.3O"),
        pprrvu_row(hcpcs="99213", facility_total="1.98"),
        pprrvu_row(hcpcs="99211"),
        pprrvu_row(hcpcs="9921"),
        pprrvu_row(hcpcs="992145"),
        pprrvu_row(hcpcs="99215", mod="59"),
        pprrvu_row(hcpcs="99216", conv_factor="33.2875"),
        pprrvu_row(hcpcs="99217", mp_rvu="0.111"),
        pprrvu_row(hcpcs="99218", pctc_ind=""),
        pprrvu_row(hcpcs="99-19"),
    ]
    error = refused(member, rows)
    assert [(p.row, p.column, p.value) for p in error.problems] == [
        (12, "WORK RVU", "1.3O"),
        (13, "FACILITY TOTAL", "197 in hundredths, not 198"),
        (14, None, "99211"),
        (16, "HCPCS", "992145"),
        (17, "MOD", "59"),
        (18, "CONV FACTOR", "332875"),
        (19, "MP RVU", "0.111"),
        (20, "PCTC IND", ""),
        (21, "HCPCS", "99-19"),
    ]
    assert "the same code and modifier as row 11" in str(error)
    assert "nothing was changed" in str(error)


def test_a_comma_too_many(member):
    error = refused(member, [pprrvu_row(), [*pprrvu_row(hcpcs="99214"), "x"]])
    assert [(p.row, p.value) for p in error.problems] == [(12, "x")]


def test_padding_of_what_a_spreadsheet_shortened(member):
    row = pprrvu_row(hcpcs="100", glob_days="0", **{"physician_supervision_of_diagnostic_procedures": "1"})
    table = read_pprrvu(member(NAME, as_csv(pprrvu([row]))))
    assert table.frame.select("hcpcs", "global_days", "supervision").row(0) == ("00100", "000", "01")
    assert table.notes == (f"{NAME}: 1 value of 'HCPCS' had lost its leading zeros",)


def test_no_code_at_all(member):
    with pytest.raises(RejectedError, match="no code in the whole file"):
        read_pprrvu(member(NAME, as_csv(pprrvu()[:-1])))


def test_qp_names():
    assert qp_of("PPRRVU2026_Jul_nonQPP.csv") == "nonQPP"
    assert qp_of("PPRRVU2026_Jul_QPP.csv") == "QPP"
    assert qp_of("PFREV26B_QP.zip/PFREV26B.txt") == "QPP"
    assert qp_of("PFREV26B-non-QP.zip/PFREV26B.txt") == "nonQPP"
    assert qp_of("PPRRVU2025_Oct.csv") == ""


def test_figures_beyond_all_reason(member):
    error = refused(member, [pprrvu_row(pre_op="1.01"), pprrvu_row(hcpcs="99214", work_rvu="12345678.00")])
    assert [(p.row, p.column) for p in error.problems] == [(11, "PRE OP"), (12, "WORK RVU")]
