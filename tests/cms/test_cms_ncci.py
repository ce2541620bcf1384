"""NCCI files: pairs (PTP), unit limits (MUE), add-on codes. Small files in CMS's layouts, then the real ones."""

import json
import zipfile
from datetime import date

import polars as pl
import pytest
from cms_files import as_csv, as_xlsx, as_zip

from feecalc.cms import Kind, recognise, what_is
from feecalc.cms import addon as aoc
from feecalc.cms import mue as mue_table
from feecalc.cms import ncci as ptp
from feecalc.cms.normalize import edit_version, read_edit_file
from feecalc.errors import ArchiveError, LayoutError, RejectedError

PTP_COPY = "ncci-ptp-practitioner-2024q3-rebuilt.parquet"
ADDON_COPY = "ncci-addon-2024q2-rebuilt.csv"
MUE_ZIP = "medicare-ncci-2026-q2-practitioner-services-mue-table.zip"

NOTICE = "CPT only copyright 2025 American Medical Association.  All rights reserved."
PTP_HEADING = [
    ["Column 1", "Column 2", "*=in existence", "Effective", "Deletion", "Modifier", "PTP Edit Rationale"],
    ["", "", "prior to 1996", "Date", "Date", "0=not allowed", ""],
    ["", "", "", "", "*=no data", "1=allowed", ""],
    ["", "", "", "", "", "9=not applicable", ""],
]
EXTENSIVE = "More extensive procedure"
EXCLUSIVE = "Mutually exclusive procedures"
PRACTICE = "Standards of medical/surgical practice"
OPEN = ["97530", "97537", "", "20201001", "*", "1", EXTENSIVE]
ENDED = ["97530", "97535", "", "20201001", "20211231", "1", EXTENSIVE]
VOID = ["97530", "97110", "*", "19960101", "19960101", "9", EXCLUSIVE]
HARD = ["98940", "97164", "", "20200101", "*", "0", PRACTICE]


def ptp_sheet(rows):
    pad = [""] * 6
    return [[NOTICE, *pad], ["Column1/Column2 Edits", *pad], *PTP_HEADING, *rows]


def ptp_text(*rows, ends="\r\n"):
    return "".join("\t".join(row) + ends for row in ptp_sheet(rows))


def part(number, *rows, version="v322r0", kind="ccipra"):
    return f"{kind}-{version}-f{number}.TXT", ptp_text(*(rows or [OPEN]))


def zips(tmp_path, parts, quarter="2026q3", kind="practitioner-ptp-edits-ccipra", version="v322r0"):
    return [
        as_zip(tmp_path / f"medicare-ncci-{quarter}-{kind}-{version}-f{n}.zip", [part(n, *rows, version=version)])
        for n, rows in parts.items()
    ]


def all_parts(tmp_path, **others):
    return zips(tmp_path, {1: [OPEN], 2: [ENDED], 3: [VOID], 4: [HARD]}, **others)


# Pairs ----------------------------------------------------------------------------------------------------------------------


def test_a_part_as_txt_and_as_xlsx(member):
    rows = [HARD, OPEN, VOID, ENDED]
    table = ptp.read_ptp(member("ccipra-v322r0-f1.TXT", ptp_text(*rows)))
    assert table.frame.schema == pl.Schema(ptp.schema())
    assert table.frame.rows() == [
        ("97530", "97110", date(1996, 1, 1), None, date(1996, 1, 1), "9", "mutually_exclusive"),
        ("97530", "97535", date(2020, 10, 1), None, date(2021, 12, 31), "1", "more_extensive"),
        ("97530", "97537", date(2020, 10, 1), None, None, "1", "more_extensive"),
        ("98940", "97164", date(2020, 1, 1), None, None, "0", "standard_of_practice"),
    ]
    assert table.meta == {"version": "v322r0", "quarter": "2026Q3", "part": "1", "dates": "known"}
    sheet = ptp.read_ptp(member("ccipra-v322r0-f1.xlsx", as_xlsx(ptp_sheet(rows))))
    assert sheet.frame.equals(table.frame)
    assert sheet.layout == "ncci_ptp, xlsx, 7 columns"


def test_latin_1_bare_line_ends_and_a_mark_at_the_end(member):
    text = ptp_text(OPEN, ends="\n").replace("copyright", "copyright \xae") + "\x1a\n"
    assert ptp.read_ptp(member("CCIPRA-V322R0-F1.txt", text.encode("latin-1"))).frame.height == 1


@pytest.mark.parametrize(
    ("name", "quarter"),
    [("v300r0", "2024Q1"), ("v301r0", "2024Q2"), ("v302r1", "2024Q3"), ("v310r0", "2025Q1"), ("v323r0", "2026Q4")],
)
def test_the_version_tells_the_quarter(member, name, quarter):
    assert ptp.read_ptp(member(f"ccipra-{name}-f4.txt", ptp_text(OPEN))).meta["quarter"] == quarter


@pytest.mark.parametrize("name", ["ccipra-v324r0-f1.txt", "ccipra-v322r0-f5.txt", "ccipra.txt", "pairs.txt"])
def test_a_name_that_tells_no_version(member, name):
    with pytest.raises(ArchiveError, match=r"tells no version and part such as ccipra-v322r0-f1"):
        ptp.read_ptp(member(name, ptp_text(OPEN)))


def test_every_bad_row(member):
    rows = [
        OPEN,
        ["9753O.", *OPEN[1:]],
        ["9753", *OPEN[1:]],
        [*OPEN[:3], "20201301", *OPEN[4:]],
        [*OPEN[:4], "", *OPEN[5:]],
        ["97537", *OPEN[1:]],
    ]
    with pytest.raises(RejectedError) as error:
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", ptp_text(*rows)))
    assert [(p.row, p.column, p.value) for p in error.value.problems] == [
        (8, "Column 1", "9753O."),
        (9, "Column 1", "9753"),
        (10, "Effective Date", "20201301"),
        (11, "Deletion Date *=no data", ""),
        (12, None, "97537"),
    ]
    assert all(p.file == "ccipra-v322r0-f1.TXT" for p in error.value.problems)
    with pytest.raises(RejectedError, match="no pair in the whole file"):
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", ptp_text()))


@pytest.mark.parametrize("indicator", ["2", "", "x"])
def test_an_indicator_that_nobody_knows(member, indicator):
    with pytest.raises((LayoutError, RejectedError), match=r"row 7.*Modifier 0=not allowed"):
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", ptp_text([*OPEN[:5], indicator, EXTENSIVE])))


@pytest.mark.parametrize("left", [5, 12, 17, 25, 34, 36, 50])
def test_a_file_cut_in_the_middle_of_a_record(member, left):
    whole = ptp_text(OPEN, ENDED)
    last = "\t".join(ENDED)
    assert left < len(last)
    cut = whole[: whole.rindex(last) + left]
    with pytest.raises(RejectedError, match=r"row 8.*cut short. Download it again"):
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", cut))


def test_a_category_or_column_that_nobody_knows(member):
    with pytest.raises(LayoutError, match=r"row 7.*'Another reason'.*policy/edits\.toml"):
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", ptp_text([*OPEN[:6], "Another reason"], OPEN)))
    renamed = ptp_text(OPEN).replace("Deletion", "End")
    with pytest.raises(LayoutError, match=r"'End Date \*=no data', is in no known layout.*ncci_ptp\.toml"):
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", renamed))
    wider = ptp_text([*OPEN, "more"], OPEN, ENDED)
    with pytest.raises(RejectedError, match=r"row 7: 8 of 7 cells"):
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", wider))
    with pytest.raises(LayoutError, match="no heading row"):
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", "\t".join(OPEN)))
    six = "\n".join("\t".join(row[:6]) for row in ptp_sheet([OPEN]))
    with pytest.raises(LayoutError, match=r"the column 'PTP Edit Rationale' is missing"):
        ptp.read_ptp(member("ccipra-v322r0-f1.TXT", six))


def test_four_parts_are_one_table(tmp_path):
    files = all_parts(tmp_path)
    table = read_edit_file(files)
    assert (table.table, table.quarter, table.effective, table.version) == ("ptp", "2026Q3", "2026-07-01", "v322r0")
    assert table.frame["column2"].to_list() == ["97110", "97535", "97537", "97164"]
    assert [s.name for s in table.sources] == sorted(f.name for f in files)
    assert table.members["ncci_ptp 3"] == "ccipra-v322r0-f3.TXT"
    assert {edit_version(file) for file in files} == {"v322r0"}
    assert read_edit_file([tmp_path]).frame.equals(table.frame)
    assert read_edit_file(list(reversed(files))).frame.equals(table.frame)


def test_a_version_without_one_of_its_parts(tmp_path):
    files = all_parts(tmp_path)
    with pytest.raises(RejectedError, match=r"(?s)v322r0 is not whole.*missing: f3\."):
        read_edit_file([files[0], files[1], files[3]])
    with pytest.raises(RejectedError, match=r"missing: f2, f3, f4\."):
        read_edit_file(files[:1])


def test_parts_that_do_not_belong_together(tmp_path):
    files = all_parts(tmp_path)
    other = zips(tmp_path, {4: [HARD]}, quarter="2026q2", version="v321r0")
    with pytest.raises(RejectedError, match=r"several versions: v321r0, v322r0"):
        read_edit_file([*files[:3], *other])
    again = as_zip(tmp_path / "again.zip", [part(4, OPEN)])
    with pytest.raises(RejectedError, match=r"Which ncci_ptp file is meant"):
        read_edit_file([*files, again])
    wrong = as_zip(tmp_path / "medicare-ncci-2026q4-practitioner-f1.zip", [part(1)])
    with pytest.raises(RejectedError, match=r"named for 2026Q4, but the file in it is version 32\.2, for 2026Q3"):
        read_edit_file([wrong])


def test_a_record_printed_in_two_parts_is_kept_once(tmp_path):
    table = read_edit_file(zips(tmp_path, {1: [OPEN], 2: [OPEN, ENDED], 3: [VOID], 4: [HARD]}))
    assert table.frame.height == 4
    assert "1 record printed twice, kept once" in table.notes


@pytest.mark.parametrize(
    ("zip_name", "inner", "whose"),
    [
        ("medicare-ncci-2026q3-hospital-ptp-edits-ccioph-v322r0-f1.zip", "ccioph-v322r0-f1.TXT", "hospital outpatient"),
        ("download.zip", "ccioph-v322r0-f1.TXT", "hospital outpatient"),
        ("medicare-ncci-2026q3-hospital-ptp-edits-ccioph-v322r0-f1.zip", "ccipra-v322r0-f1.TXT", "hospital outpatient"),
        ("medicaid-ncci-q3-2026-ptp-edits-practitioner-services.zip", "ccipra-v322r0-f1.TXT", "Medicaid"),
    ],
)
def test_another_programmes_pairs_are_refused_by_name(tmp_path, zip_name, inner, whose):
    file = as_zip(tmp_path / zip_name, [(inner, ptp_text(OPEN))])
    assert what_is(file) == "ncci_ptp"
    with pytest.raises(ArchiveError, match=f"{inner}.*is the table for {whose}"):
        read_edit_file([file])


# Unit limits ----------------------------------------------------------------------------------------------------------------

MUE_NAME = "MCR_MUE_PractitionerServices_Eff_10-01-2026.csv"
LINE_EDIT, POLICY, CLINICAL = "1 Line Edit", "2 Date of Service Edit: Policy", "3 Date of Service Edit: Clinical"


def mue_sheet(rows, whose="Practitioner Services"):
    heading = ["HCPCS/\nCPT Code", f"{whose} MUE Values", "MUE Adjudication Indicator", "MUE Rationale"]
    notice = "CPT codes are copyright 2025 American Medical Association.\n\nCPT is a trademark.\nApplicable restrictions apply."
    return [[notice, "", "", ""], heading, *rows]


TIMED = ["97110", "6", CLINICAL, "Clinical: Data"]
ONE_LINE = ["20550", "5", LINE_EDIT, "Clinical: Data"]
ZERO = ["V5364", "0", CLINICAL, "CMS Policy"]


def test_unit_limits_as_csv_and_as_xlsx(member):
    rows = [
        ZERO,
        TIMED,
        ["0001U", "1", POLICY, "Code Descriptor / CPT Instruction"],
        ["20550", "5", LINE_EDIT, "Clinical: Data"],
    ]
    table = mue_table.read_mue(member(MUE_NAME, as_csv(mue_sheet(rows))))
    assert table.frame.schema == pl.Schema(mue_table.schema())
    assert table.frame.rows() == [
        ("0001U", 1, "2", "code_instruction"),
        ("20550", 5, "1", "claims_data"),
        ("97110", 6, "3", "claims_data"),
        ("V5364", 0, "3", "medicare_policy"),
    ]
    assert table.meta == {"quarter": "2026Q4"}
    assert mue_table.read_mue(member(MUE_NAME.replace("csv", "xlsx"), as_xlsx(mue_sheet(rows)))).frame.equals(table.frame)


def test_unit_limits_every_bad_row(member):
    rows = [TIMED, ["9711", *TIMED[1:]], ["971100", *TIMED[1:]], ["97112", "4.5", *TIMED[2:]], TIMED]
    with pytest.raises(RejectedError) as error:
        mue_table.read_mue(member(MUE_NAME, as_csv(mue_sheet(rows))))
    assert [(p.row, p.value) for p in error.value.problems] == [(5, "971100"), (6, "4.5"), (7, "97110")]
    with pytest.raises(LayoutError, match=r"'4 ANOTHER'|'4 Another'"):
        mue_table.read_mue(member(MUE_NAME, as_csv(mue_sheet([["97110", "6", "4 Another", "Clinical: Data"]]))))
    with pytest.raises(LayoutError, match=r"'Fashion' is a category.*policy/edits\.toml"):
        mue_table.read_mue(member(MUE_NAME, as_csv(mue_sheet([["97112", "6", CLINICAL, "Fashion"], TIMED]))))
    with pytest.raises(RejectedError, match="no code in the whole file"):
        mue_table.read_mue(member(MUE_NAME, as_csv(mue_sheet([]))))


@pytest.mark.parametrize(
    ("name", "heading", "whose"),
    [
        ("MCR_MUE_OutpatientHospitalServices_Eff_10-01-2026.csv", "Practitioner Services", "hospital outpatient"),
        ("MCR_MUE_DMESupplierServices_Eff_10-01-2026.csv", "Practitioner Services", "suppliers"),
        (MUE_NAME, "Outpatient Hospital Services", "hospital outpatient"),
        (MUE_NAME, "DME Supplier Services", "suppliers"),
        ("MCD_MUE_PractitionerServices_Eff_10-01-2026.csv", "Practitioner Services", "Medicaid"),
    ],
)
def test_other_settings_limits_are_refused_by_name_and_by_content(tmp_path, name, heading, whose):
    file = as_zip(tmp_path / "table.zip", [(name, as_csv(mue_sheet([TIMED], heading)))])
    assert what_is(file) == "ncci_mue"
    with pytest.raises(ArchiveError, match=f"is the table for {whose}"):
        read_edit_file([file])


def test_the_quarter_of_unit_limits_is_in_the_name_alone(member, tmp_path):
    with pytest.raises(ArchiveError, match="does not tell from when"):
        mue_table.read_mue(member("MCR_MUE_PractitionerServices.csv", as_csv(mue_sheet([TIMED]))))
    with pytest.raises(RejectedError, match=r"not the first day of a quarter.*Eff_10-15-2026"):
        mue_table.read_mue(member("MCR_MUE_PractitionerServices_Eff_10-15-2026.csv", as_csv(mue_sheet([TIMED]))))
    with pytest.raises(RejectedError, match=r"not the first day of a quarter.*Eff_13-01-2026"):
        mue_table.read_mue(member("MCR_MUE_PractitionerServices_Eff_13-01-2026.csv", as_csv(mue_sheet([TIMED]))))
    file = as_zip(
        tmp_path / "medicare-ncci-2026-q3-practitioner-services-mue-table.zip", [(MUE_NAME, as_csv(mue_sheet([TIMED])))]
    )
    with pytest.raises(RejectedError, match="the download is named for 2026Q3"):
        read_edit_file([file])


# Add-on codes ---------------------------------------------------------------------------------------------------------------

AOC_NAME = "AOC_V2026Q2-MCR.xlsx"
AOC_HEADING = [
    "AOC_Edit_Type", "Add-On_Code", "AOC_DelDT", "Primary_Code", "Primary_Code_DelDT", "AOC_Edit_EffDT", "AOC_Edit_DelDT",
    "Special_Instruction_Notes",
]  # fmt: skip
LISTED = ["1", "97811", "", "97810", "", "2013091", "", ""]
CONTRACTORS = ["2", "33268", "", "CCCCC", "", "2022001", "", "(Contractor Defined Primary Codes)"]
GONE = ["1", "0163T", "2022365", "22857", "", "2013001", "2022365", ""]


def aoc_sheet(*rows):
    return [[NOTICE, *[""] * 7], AOC_HEADING, *(rows or [LISTED])]


def test_add_on_codes(member):
    rows = [LISTED, CONTRACTORS, GONE, ["3", "96160", "", "99213", "", "2017001", "", "something new"]]
    table = aoc.read_addon(member(AOC_NAME, as_xlsx(aoc_sheet(*rows))))
    assert table.frame.schema == pl.Schema(aoc.schema())
    assert table.frame.rows() == [
        ("0163T", "22857", "1", date(2013, 1, 1), date(2022, 12, 31), ""),
        ("33268", "", "2", date(2022, 1, 1), None, "contractor_defined"),
        ("96160", "99213", "3", date(2017, 1, 1), None, "other"),
        ("97811", "97810", "1", date(2013, 4, 1), None, ""),
    ]
    assert table.meta == {"quarter": "2026Q2", "dates": "known"}
    assert any("1 row with a special instruction that feecalc does not know" in note for note in table.notes)
    tabs = "\r\n".join("\t".join(row) for row in aoc_sheet(*rows))
    assert aoc.read_addon(member("AOC_V2026Q2-MCR.txt", tabs)).frame.equals(table.frame)


def test_add_on_codes_every_bad_row(member):
    rows = [
        LISTED,
        [*LISTED[:5], "2013400", "", ""],
        [*LISTED[:5], "", "", ""],
        [*LISTED[:6], "2022366", ""],
        ["1", "97810", "", "97810", "", "2013001", "", ""],
    ]
    with pytest.raises(RejectedError) as error:
        aoc.read_addon(member("AOC_V2026Q2-MCR.csv", as_csv(aoc_sheet(*rows))))
    assert [(p.row, p.column, p.value) for p in error.value.problems] == [
        (4, "AOC_Edit_EffDT", "2013400"),
        (5, "AOC_Edit_EffDT", ""),
        (6, "AOC_Edit_DelDT", "2022366"),
        (7, None, "97810"),
    ]
    with pytest.raises(LayoutError, match="'4' is a value that no known layout has"):
        aoc.read_addon(member(AOC_NAME, as_xlsx(aoc_sheet(["4", *LISTED[1:]]))))


def test_add_on_codes_in_other_shapes(member):
    with pytest.raises(LayoutError, match=r"fixed-width add-on code file.*xlsx of the same download"):
        aoc.read_addon(member("AOC_V2026Q2-MCR.txt", "1978110000000978100000000201309100000000"))
    with pytest.raises(ArchiveError, match="does not tell the quarter"):
        aoc.read_addon(member("AOC.csv", as_csv(aoc_sheet())))
    with pytest.raises(ArchiveError, match="Medicaid"):
        aoc.read_addon(member("AOC_V2026Q2-MCD.csv", as_csv(aoc_sheet())))


def test_a_copy_with_years_says_so(member):
    heading = "add_on_code,primary_code,aoc_edit_type,edit_effective_year,edit_deleted_year,primary_deleted_year"
    heading += ",addon_deleted_year,notes"
    copy = f"{heading}\n0092T,22856,1,2013,2014,,2014,\n97811,97810,1,2013,,,,\n"
    table = aoc.read_addon(member("ncci-addon-2024q2-rebuilt.csv", copy))
    assert table.frame.rows() == [
        ("0092T", "22856", "1", date(2013, 1, 1), date(2014, 12, 31), ""),
        ("97811", "97810", "1", date(2013, 1, 1), None, ""),
    ]
    assert table.meta["dates"] == "years only"
    assert any("dates are years" in note for note in table.notes)
    with pytest.raises(RejectedError, match="not a year such as 2024"):
        aoc.read_addon(member("ncci-addon-2024q2-rebuilt.csv", copy + "97814,97810,1,2013001,,,,\n"))


# What a download is ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("ccipra-v322r0-f1.TXT", ptp_text(OPEN), Kind.NCCI_PTP),
        ("pairs.txt", ptp_text(OPEN), Kind.NCCI_PTP),
        ("CCIOPH-v322r0-f1.xlsx", b"", Kind.NCCI_PTP),
        (MUE_NAME, as_csv(mue_sheet([TIMED])), Kind.NCCI_MUE),
        ("limits.csv", as_csv(mue_sheet([TIMED])), Kind.NCCI_MUE),
        ("AOC_V2026Q2-MCR.xlsx", b"", Kind.NCCI_ADDON),
        ("addon.csv", as_csv(aoc_sheet()), Kind.NCCI_ADDON),
        (PTP_COPY, b"PAR1", Kind.NCCI_PTP),
        ("other.parquet", b"PAR1", None),
    ],
)
def test_recognising(member, name, content, kind):
    assert recognise(member(name, content)) == kind


def test_several_tables_at_once_are_refused(tmp_path):
    both = as_zip(tmp_path / "both.zip", [part(1), (MUE_NAME, as_csv(mue_sheet([TIMED])))])
    with pytest.raises(ArchiveError, match=r"Several NCCI tables at once.*one table at a time"):
        read_edit_file([both])
    with pytest.raises(ArchiveError, match="no NCCI table"):
        read_edit_file([as_zip(tmp_path / "none.zip", [("readme.pdf", b"%PDF")])])


def test_a_republished_table_is_checked_row_by_row(tmp_path):
    good = {
        "column1": ["97530"] * 3,
        "column2": ["97535", "97537", "97110"],
        "prior_1996": [None, None, "*"],
        "effective_date": [None, None, "1996-01-01"],
        "first_seen": ["v30.1", "v30.2", "v30.1"],
        "deletion_date": ["2021-12-31", None, "1996-01-01"],
        "modifier_indicator": ["1", "1", "9"],
        "rationale": [EXTENSIVE, EXTENSIVE, EXCLUSIVE],
    }
    file = tmp_path / PTP_COPY
    pl.DataFrame(good).write_parquet(file)
    table = read_edit_file([file])
    assert table.frame.select("column2", "effective", "seen", "deletion").rows() == [
        ("97110", date(1996, 1, 1), None, date(1996, 1, 1)),
        ("97535", None, date(2024, 4, 1), date(2021, 12, 31)),
        ("97537", None, date(2024, 7, 1), None),
    ]
    assert (table.quarter, table.version, table.meta) == ("2024Q3", "", {"dates": "partly known"})
    bad = {
        **good,
        "column1": ["9753", "97530", "97530"],
        "first_seen": ["v30.1", "soon", "v30.1"],
        "modifier_indicator": ["1", "1", "3"],
    }
    pl.DataFrame(bad).write_parquet(file)
    with pytest.raises(RejectedError) as error:
        read_edit_file([file])
    assert [(p.row, p.column) for p in error.value.problems] == [(1, "column1"), (2, "first_seen"), (3, "modifier_indicator")]
    pl.DataFrame(good).drop("first_seen").write_parquet(file)
    with pytest.raises(LayoutError, match="'first_seen' is missing"):
        read_edit_file([file])


# CMS's own files ------------------------------------------------------------------------------------------------------------


def test_every_pair_of_2024q3(cms_dir):
    source = pl.read_parquet(cms_dir / PTP_COPY)
    table = read_edit_file([cms_dir / PTP_COPY]).frame
    assert table.height == source.height == 2_546_017
    assert table["deletion"].null_count() == 1_669_820
    counts = dict(table["indicator"].value_counts().rows())
    assert counts == {"0": 739_553, "1": 1_707_611, "9": 98_853}
    assert table["effective"].is_not_null().sum() == 98_853
    assert table.select("column1", "column2").equals(table.select("column1", "column2").sort("column1", "column2"))
    same = source.select("column1", "column2", pl.col("deletion_date").str.to_date("%Y-%m-%d"), "modifier_indicator")
    read = table.select("column1", "column2", "deletion", pl.col("indicator").cast(pl.String))
    assert read.sort(pl.all()).rows() == same.rename({"deletion_date": "deletion"}).sort(pl.all()).rows()


def test_every_unit_limit_of_2026q2(cms_dir):
    table = read_edit_file([cms_dir / MUE_ZIP])
    assert (table.quarter, table.effective, table.frame.height) == ("2026Q2", "2026-04-01", 15_095)
    assert dict(table.frame["mai"].value_counts().rows()) == {"1": 41, "2": 5_417, "3": 9_637}
    assert (table.frame["units"] == 0).sum() == 2_642
    known = dict(table.frame.filter(pl.col("hcpcs").str.starts_with("97")).select("hcpcs", "units").rows())
    expected = {"97110": 6, "97112": 4, "97116": 4, "97140": 6, "97150": 1, "97530": 6, "97535": 8, "97537": 6}
    assert {code: known[code] for code in expected} == expected


def test_the_xlsx_of_the_unit_limits_is_the_csv(cms_dir, member):
    name = "MCR_MUE_PractitionerServices_Eff_04-01-2026"
    with zipfile.ZipFile(cms_dir / MUE_ZIP) as archive:
        forms = [mue_table.read_mue(member(f"{name}.{form}", archive.read(f"{name}.{form}"))) for form in ("csv", "xlsx")]
    assert forms[0].frame.equals(forms[1].frame)


def test_every_add_on_code_of_2024q2(cms_dir):
    table = read_edit_file([cms_dir / ADDON_COPY]).frame
    assert table.height == 8_186
    assert dict(table["type"].value_counts().rows()) == {"1": 7_496, "2": 41, "3": 649}
    assert (table["primary"] == "").sum() == 49
    assert table["deletion"].null_count() == 7_157


def test_the_built_in_tables_are_what_the_files_give_byte_for_byte(cms_dir, tmp_path):
    from feecalc import paths
    from feecalc.importing import build

    build([cms_dir / name for name in (MUE_ZIP, PTP_COPY, ADDON_COPY)], tmp_path / "again")
    fresh = {str(p.relative_to(tmp_path / "again")): p.read_bytes() for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert len(fresh) == 6
    for name, content in fresh.items():
        assert (paths.builtin() / name).read_bytes() == content, name
    ptp_folder = paths.builtin() / "ncci" / "ptp-2024Q3"
    assert (ptp_folder / "ptp.parquet").stat().st_size < 1_000_000
    manifest = json.loads((ptp_folder / "manifest.json").read_text("utf-8"))
    assert manifest["tables"]["ptp"]["rows"] == 2_546_017
    assert len(manifest["sources"][0]["sha256"]) == 64
