"""The page *Check payments*, driven as a person would, without a browser."""

import io
import zipfile
from decimal import Decimal

import openpyxl
import polars as pl
import pytest
from driven import checked, click, headlines, plain, put, said, visit
from streamlit.testing.v1 import AppTest

from feecalc.analysis import paid_files, paid_lines
from feecalc.analysis.variance import Where, check
from feecalc.claims.files import File
from feecalc.ui import payments, payments_eob, payments_files, payments_line, payments_upload

PAGE = "feecalc/ui/pages/check_payments.py"
HERE = "35203"
FIRST = "Drop the remittances that came, and see what Medicare should have paid."
# A claim of a patient with a name, of one line that no rule makes: 99213 in Alabama on April 10, 2026 is allowed $87.79 by
# release 2026C, and $77.77 is nobody's amount. With the payment an earlier overpayment was taken back.
HEAD = "ISA*00*          *00*          *ZZ*MEDICARE       *ZZ*CLINIC         *260210*1200*^*00501*000000001*0*P*:~"
BODY = (
    "GS*HP*MEDICARE*CLINIC*20260901*1200*1*X*005010X221A1~ST*835*0001~"
    "BPR*I*{total}*C*ACH*CCP*01*999999999*DA*123456*1450000001**01*999988880*DA*98765*20260901~TRN*1*EFT1*1450000001~"
    "DTM*405*20260901~N1*PR*NORTHERN CONTRACTOR~N3*1 MAIN STREET~N4*FARGO*ND*58108~N1*PE*WALNUT STREET THERAPY*XX*1234567893~"
    "LX*1~"
    "CLP*A-17*1*180*{paid}*{share}*MB*2226005123456*11*1~NM1*QC*1*HUSHED*NAMELESS****MI*1EG4TE5MK73~"
    "SVC*HC:99213*180*{paid}**1~DTM*472*20260410~CAS*CO*45*{off}**253*{cut}~CAS*PR*2*{share}~AMT*B6*{allowed}~LQ*HE*N130~"
    "PLB*1234567893*20261231*WO:2225999*5~SE*19*0001~GE*1*1~IEA*1*000000001~"
)
# A therapy day whose second code was paid in full, where its practice expense is to be halved.
CSV = (
    "Claim No,DOS,CPT,Mods,Units,Billed,Allowed,Ins Pmt,Coins,Sequester,Patient Name\n"
    "B-1,2026-04-10,97530,GP,1,70.00,32.42,25.42,6.48,0.52,Hushed\n"
    "B-1,2026-04-10,97110,GP,2,130.00,54.40,42.65,10.88,0.87,Hushed\n"
)


def remittance(allowed: str = "77.77") -> bytes:
    """One claim of one line, paid by the rules for what was allowed."""
    share = (Decimal(allowed) / 5).quantize(Decimal("0.01"))
    cut = ((Decimal(allowed) - share) / 50).quantize(Decimal("0.01"))
    paid = Decimal(allowed) - share - cut
    filled = BODY.format(paid=paid, total=paid - 5, share=share, cut=cut, allowed=allowed, off=180 - Decimal(allowed))
    return (HEAD + filled).encode()


def visiting(**params: str) -> AppTest:
    return visit(PAGE, **params)


def drop(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    given = [(name, content, "application/octet-stream") for name, content in files]
    return checked(page.file_uploader(key="payments_upload").set_value(given).run())


def held(page: AppTest) -> payments.Loaded:
    return page.session_state["payments:loaded"]


@pytest.fixture(scope="module")
def compared(opened):
    """A remittance compared as the page does it: what was read, and the answer."""
    read = paid_files.read(paid_files.sort([File("one.835", remittance())], keep_patient=True))
    of = payments.Loaded(read, 1, None)
    at = Where(zip=HERE)
    return of, payments.Answer(check(read.remittance, at, opened)), payments.Asked(at, at="in Alabama")


# The first screen --------------------------------------------------------------------------------------------------------


def test_the_empty_page_offers_a_sample_and_an_upload():
    page = visiting()
    assert headlines(page) == [FIRST]
    assert page.file_uploader(key="payments_upload").accept_multiple_files
    assert page.toggle(key="payments_names").value is False
    assert page.query_params == {}


def test_the_sample_is_compared_with_one_click(opened):
    page = click(visiting(), "Use the sample")
    found = check(
        paid_files.read(paid_files.sort([File.of(payments.SAMPLE)])).remittance,
        Where(zip=payments.SAMPLE_ZIP),
        opened,
    )
    told = found.totals
    assert found.lines.height > told["matches"] > 0
    (headline,) = headlines(page)
    assert headline.startswith(f"Medicare paid {payments_line.dollars(told['paid'])} for ")
    assert f"by the rules it should be {payments_line.dollars(told['expected_paid'])}: " in headline
    values = {m.label: plain(m.value) for m in page.metric}
    assert values["Difference"] == f"+{payments_line.dollars(told['difference'])}"
    odd = told["lines"] - told["not priceable"] - told["matches"]
    assert f"{told['explained']} of {odd} lines" in said(page)
    assert page.query_params == {"zip": payments.SAMPLE_ZIP}  # and nothing of a patient
    before = page.session_state["payments:answers"]
    first = next(iter(before.values()))
    checked(page.run())
    assert next(iter(page.session_state["payments:answers"].values())) is first  # a rerun compares nothing anew
    line = page.selectbox(key="payments_line")
    assert len(line.options) == odd
    checked(line.select_index(0).run())
    assert headlines(page)[1].startswith("Claim ")
    assert "What the remittance says" in said(page)
    put(page, "text_input", "payments_find", "no such claim")
    assert "No line is like that." in said(page)
    click(page, "Other files")
    assert headlines(page) == [FIRST]


# A remittance ------------------------------------------------------------------------------------------------------------


def test_without_a_place_it_asks_and_a_click_answers():
    page = drop(visiting(), ("one.835", remittance()))
    assert "Where were these services furnished?" in said(page)
    assert headlines(page) == []
    put(page, "text_input", "payments_zip", "00000")
    assert "ZIP 00000 is not in CMS's ZIP-to-locality file" in said(page)
    click(page, "Use the national amount")
    assert "at the national amounts" in headlines(page)[0]


def test_an_unexplained_line_is_opened_with_its_codes_and_a_letter():
    page = drop(visiting(zip=HERE), ("one.835", remittance()))
    assert "To look at below: 1 line that no rule explains in full" in said(page)
    assert "mistake" not in said(page)
    assert "| An earlier overpayment taken back (WO) | 1 | $5.00 taken off |" in said(page)
    put(page, "button_group", "payments_which", "open")
    checked(page.selectbox(key="payments_line").select_index(0).run())
    assert headlines(page)[1].startswith("Claim A-17, line 1 of April 10, 2026: $")
    text = said(page)
    assert "Paid too little, unexplained" in text
    assert "`CO-253`" in text
    assert "the federal cut of Medicare's payment" in text
    assert "`N130` (remark)" in text
    assert "× 33.4009" in text
    assert "Ask for a reopening or a redetermination." in text
    checked(page.selectbox(key="payments_letter").select_index(0).run())
    letter = page.code[0].value
    assert "Our claim number: A-17" in letter
    assert "Allowed $77.77; by the fee schedule $87.79." in letter
    assert "HUSHED" not in said(page)
    assert "A-17" not in str(page.query_params)


def test_settings_are_kept_in_the_link_and_change_the_answer():
    page = drop(visiting(zip=HERE), ("one.835", remittance()))
    first = headlines(page)[0]
    put(page, "selectbox", "payments_kind", "NP")
    assert headlines(page)[0] != first
    put(page, "toggle", "payments_met", True)
    put(page, "number_input", "payments_cents", 5)
    assert page.query_params == {"zip": HERE, "kind": "NP", "met": "1", "cents": "5"}
    again = visiting(zip=HERE, kind="NP", cents="many", door="window")
    assert again.session_state["payments_kind"] == "NP"
    assert "The link's cents “many” cannot be read" in said(again)
    assert "The link's door “window” cannot be read" in said(again)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("era.835", b"", "era.835 is empty"),
        ("era.835", b"%PDF-1.7 nothing", "era.835 is a PDF, not an 835. Ask the payer"),
        ("paid.csv", b"  \n", "paid.csv is empty"),
        ("paid.xlsx", b"no workbook", "paid.xlsx"),
        ("notes.txt", b"Dear Sir or Madam", "notes.txt is not an 835"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(name, content, complaint):
    page = drop(visiting(), (name, content))
    assert len(page.error) == 1
    assert complaint in page.error[0].value
    assert headlines(page) == [FIRST]


def test_of_several_files_the_good_ones_are_read_and_the_bad_ones_told():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("era.835", "x")
    page = drop(visiting(zip=HERE), ("one.835", remittance()), ("packed.zip", packed.getvalue()), ("paid.csv", b""))
    text = said(page)
    assert "for 1 service line at ZIP 35203" in headlines(page)[0]
    assert "paid.csv is empty" in text
    problems = next(f.value for f in page.dataframe if "to_do" in f.value.columns)
    assert any("is a zip archive" in what for what in problems["what"])


# Tables ------------------------------------------------------------------------------------------------------------------


def test_the_columns_of_a_table_are_confirmed_before_anything_is_priced():
    page = drop(visiting(zip=HERE), ("paid.csv", CSV.encode()))
    assert headlines(page) == ["paid.csv: is every column read as it should be?"]
    boxes = {plain(box.label.split("**")[1]): box.value for box in page.selectbox if box.label.endswith("→")}
    assert boxes["CPT"] == "hcpcs"
    assert boxes["Ins Pmt"] == "paid"
    assert boxes["Patient Name"] == ""
    put(page, "selectbox", "payments_column_0_Ins Pmt", "")
    assert "Which one holds what was paid?" in said(page)
    assert next(b for b in page.button if b.label == "Check these payments").disabled
    put(page, "selectbox", "payments_column_0_Ins Pmt", "paid")
    click(page, "Check these payments")
    assert "for 2 service lines at ZIP 35203 in Alabama" in headlines(page)[0]
    text = said(page)
    assert "$9.39 too much" in headlines(page)[0]  # 54.40 was allowed in place of 42.42: 42.65 was paid in place of 33.26
    assert "Hushed" not in text


def test_a_table_and_a_remittance_are_compared_together():
    page = drop(visiting(zip=HERE), ("one.835", remittance()), ("paid.csv", CSV.encode()))
    click(page, "Check these payments")
    of = held(page)
    assert of.held.remittance.claims["claim"].to_list() == [1, 2]
    assert of.held.remittance.lines["claim"].to_list() == [1, 2, 2]
    assert "2 files" in said(page)
    assert "for 3 service lines" in headlines(page)[0]


def test_numbers_of_claims_and_payments_go_on_from_file_to_file():
    one = paid_files.read(paid_files.sort([File("one.835", remittance())])).remittance
    two = paid_lines.read(CSV.encode(), "paid.csv")
    whole = paid_files.together([one, two, one])
    assert whole.claims["claim"].to_list() == [1, 2, 3]
    assert whole.claims["payment"].to_list() == [1, 2, 3]
    assert whole.adjustments.filter(claim=3).height == one.adjustments.height
    assert whole.payments["payment"].to_list() == [1, 2, 3]


def test_columns_are_settled_before_they_are_used():
    chosen, problems = payments_upload.settled({"A": "hcpcs", "B": "modifiers", "C": "modifiers", "D": "paid", "E": ""})
    assert not problems
    assert (chosen["hcpcs"], chosen["modifiers"], chosen["paid"], chosen["units"]) == ("A", "B, C", "D", "")
    _, problems = payments_upload.settled({"A": "hcpcs", "B": "hcpcs", "C": None})
    assert len(problems) == 3  # two of one kind, one undecided, nothing paid
    assert set(paid_lines.ALIASES) == {name for name in payments_upload.READ_AS if name}


# Patients and files ------------------------------------------------------------------------------------------------------


def test_patients_are_dropped_at_reading_unless_they_are_asked_for():
    page = drop(visiting(zip=HERE), ("one.835", remittance()))
    assert held(page).held.patients is None
    assert "No file names a patient" in said(page)
    page = put(visiting(zip=HERE), "toggle", "payments_names", True)
    drop(page, ("one.835", remittance()))
    assert held(page).held.patients.rows() == [(1, "HUSHED, NAMELESS", "1EG4TE5MK73")]
    assert "patient_name" not in held(page).held.remittance.claims.columns
    assert "Files with claims name the patients" in said(page)
    assert "HUSHED" not in said(page)
    assert "payments:dropped" not in page.session_state  # the files themselves are gone


def test_the_workbook_holds_everything_and_names_patients_only_where_asked(compared):
    of, answer, asked_for = compared
    book = openpyxl.load_workbook(io.BytesIO(payments_files.book(of, answer, asked_for)))
    assert book.sheetnames[:4] == ["Summary", "Causes", "Worklist", "Lines that differ"]
    assert book.sheetnames[-2:] == ["Whole payments", "Sources"]
    assert [cell.value for cell in book["Whole payments"]["F"]][-1] == 5
    cells = [str(cell.value) for row in book["Lines that differ"].iter_rows() for cell in row]
    assert "1EG4TE5MK73" in cells
    assert "in Alabama" in [cell.value for row in book["Sources"].iter_rows() for cell in row]
    nameless = payments.Loaded(paid_files.Held(of.held.names, of.held.remittance, None), 2, None)
    content = payments_files.book(nameless, answer, asked_for)
    for sheet in openpyxl.load_workbook(io.BytesIO(content)):
        told = " ".join(str(cell.value) for row in sheet.iter_rows() for cell in row)
        assert "1EG4TE5MK73" not in told
        assert "2225999" not in told
    table = pl.read_csv(payments_files.lines_csv(of, answer), infer_schema=False)
    assert table["member_id"].to_list() == ["1EG4TE5MK73"]
    assert table["allowed"].to_list() == ["77.77"]
    assert "member_id" not in pl.read_csv(payments_files.lines_csv(nameless, answer)).columns
    assert payments_files.lines_table(of, answer.odd)["member_id"].to_list() == ["1EG4TE5MK73"]
    assert "member_id" not in payments_files.lines_table(nameless, answer.odd).columns


def test_words_of_amounts():
    assert payments_line.dollars(-123456) == "−$1,234.56"
    assert payments_line.off(-10) == "$0.10 too little"
    assert payments_line.off(0) == "no difference"


# One explanation of benefits ---------------------------------------------------------------------------------------------


def edit(page: AppTest, **edits) -> AppTest:
    """Change cells of the grid, as the browser reports it."""
    page.session_state[page.data_editor[0].key] = {"edited_rows": {}, "added_rows": [], "deleted_rows": [], **edits}
    return checked(page.run())


def test_the_example_of_a_visit_is_explained():
    page = click(visiting(door="eob"), "Use an example")
    assert headlines(page)[0] == (
        "Medicare paid $72.38 for this visit at ZIP 35203 in Alabama on April 10, 2026; by the rules it should be $74.56:"
        " $2.18 too little."
    )
    text = said(page)
    assert "Same-day reduction ranked otherwise: $2.18 too little" in text.replace("**", "")
    assert "`CO-253` $0.38" in text
    assert page.query_params == {"door": "eob", "zip": "35203", "date": "2026-04-10"}
    edit(page, edited_rows={"0": {"allowed": "lots"}})
    assert "Line 1, allowed" in page.error[0].value
    put(page, "button_group", "payments_door", "remittances")
    assert headlines(page) == [FIRST]
    put(page, "button_group", "payments_door", "eob")
    assert "Line 1, allowed" in page.error[0].value  # what was typed is still there


def test_a_visit_is_typed_and_what_is_missing_is_asked_for():
    page = visiting(door="eob", zip=HERE, date="2026-04-10")
    edit(page, added_rows=[{"code": "99213", "billed": "180.00"}])
    assert "Line 1: say what was paid." in said(page)
    edit(page, added_rows=[{"code": "99213", "billed": "180.00", "paid": "0", "adjusted": "CO-50 180.00", "remarks": "N115"}])
    assert "$0.00 for this visit at ZIP 35203 in Alabama on April 10, 2026" in headlines(page)[0]
    assert "Denied: not found necessary" in said(page)


def test_lines_are_pasted():
    page = visiting(door="eob", zip=HERE, date="2026-04-10")
    put(page, "text_area", "eob_pasted", "97530 GP 1 70.00 23.65 18.54 CO-45 46.35 CO-253 0.38 PR-2 4.73\nTotal 70.00")
    click(page, "Read these lines")
    assert page.session_state["eob:rows"][0]["adjusted"] == "CO-45 46.35, CO-253 0.38, PR-2 4.73"
    assert "1 line read." in said(page)
    assert "Row 2 was left out" in said(page)
    assert headlines(page)[0].startswith("Medicare paid $18.54 for this visit")


def test_rows_are_read_as_lines():
    row, given = dict.fromkeys(payments_eob.COLUMNS, ""), "CO-45 1,070.00, PR-2 9"
    lines, problems = payments_eob.read(
        [
            {**row, "code": "97110 gp", "units": "2", "billed": "1,130.00", "paid": "37.96", "adjusted": given},
            {**row, "code": "97110", "units": "two", "billed": "1", "paid": "1"},
        ],
        "11",
    )
    assert problems == ["Line 2: “two” is not a whole number of units, such as 2."]
    assert lines[0].code == "97110-GPx2"
    assert list(lines[0].adjusted) == ["CO-45 1,070.00", "PR-2 9"]
    assert (lines[0].pos, lines[0].allowed) == ("11", None)
