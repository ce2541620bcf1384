"""Tables of paid lines: their columns, what is in their cells, and the same answer as the 835 of the same lines."""

import datetime as dt
import io
import tempfile
from pathlib import Path

import polars as pl
import pytest
import x12_writer as x12

from feecalc.analysis import paid_files, paid_lines
from feecalc.analysis.paid_lines import match, propose, read
from feecalc.analysis.remittance import read as read_835
from feecalc.analysis.variance import Settings, Where, check
from feecalc.claims.files import File
from feecalc.errors import InputError

MARCH = dt.date(2026, 3, 9)
HEADER = "Claim #,Patient,DOS,CPT,Mod 1,Mod 2,Qty,Billed,Allowed Amount,Coins,CO 253,CO 45,Ins Pmt"


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *rows)).encode()


def problems(found) -> dict[str, list[str]]:
    return {kind: found.problems.filter(severity=kind)["what"].to_list() for kind in ("error", "warning", "note")}


# Columns -------------------------------------------------------------------------------------------------------------------


def test_columns_are_found_under_the_names_of_systems():
    found = propose(table("1,DOE,2026-03-09,97110,GP,,2,100,60,12,0.96,40,47.04"), "lines.csv")
    assert found.columns == {
        "claim_id": "Claim #", "service_date": "DOS", "hcpcs": "CPT", "modifiers": "Mod 1, Mod 2", "units": "Qty",
        "charge": "Billed", "allowed": "Allowed Amount", "coinsurance": "Coins", "sequestration": "CO 253",
        "write_off": "CO 45", "paid": "Ins Pmt",
    }  # fmt: skip
    assert found.unread == ("Patient",)
    assert not found.problems


def test_two_columns_of_one_kind_are_asked_about_and_not_guessed():
    content = b"CPT,Paid,Payment\n97110,20,21\n"
    found = propose(content, "lines.csv")
    assert found.open == {"paid": ("Paid", "Payment")}
    assert "Which column is paid?" in found.problems[0]
    with pytest.raises(InputError, match="Which column is paid"):
        read(content, "lines.csv")
    assert read(content, "lines.csv", {"paid": "payment"}).lines["paid"].to_list() == [2100]


@pytest.mark.parametrize(
    ("names", "chosen", "says"),
    [
        (["CPT", "Units"], {}, "No column holds what was paid"),
        (["Paid", "Units"], {}, "No column holds the codes"),
        ([], {}, "The file has no columns"),
    ],
)
def test_what_is_missing_is_named(names, chosen, says):
    assert any(says in problem for problem in match(names, chosen).problems)


def test_a_chosen_column_must_be_there():
    with pytest.raises(InputError, match=r"The file has no column 'Betrag' to read as paid\. It has 'CPT'"):
        match(["CPT"], {"paid": "Betrag"})
    with pytest.raises(InputError, match="Paid lines have no column 'colour'"):
        match(["CPT"], {"colour": "CPT"})


# Cells ---------------------------------------------------------------------------------------------------------------------


def test_cells_are_read_as_people_write_them():
    rows = (
        '7,DOE,3/9/2026,97110-GP,CQ,,2,"$1,100.00",60.00,12.00,0.96,"1,040.00",$47.04',
        "7,DOE,3/9/2026,HC:97140:GP,,,1.0,100,20,4,0.32,80,15.68",
        "8,ROE,3/9/2026,99213,25,,,200,(90.00),-18.00,,,-72.00",
    )
    found = read(table(*rows), "lines.csv")
    lines = found.lines
    assert lines["hcpcs"].to_list() == ["97110", "97140", "99213"]
    assert lines["modifiers"].to_list() == ["GP CQ", "GP", "25"]
    assert lines["units"].to_list() == [2000, 1000, 1000]
    assert lines["charge"].to_list() == [110_000, 10_000, 20_000]
    assert lines["allowed"].to_list() == [6_000, 2_000, -9_000]
    assert lines["paid"].to_list() == [4_704, 1_568, -7_200]
    assert lines["service_date"].to_list() == [MARCH] * 3
    assert found.claims.select("claim_id", "charge", "paid").rows() == [("7", 120_000, 6_272), ("8", 20_000, -7_200)]
    reasons = found.adjustments.select("claim", "line", "group", "reason", "amount").rows()
    assert (1, 1, "CO", "45", 104_000) in reasons
    assert (1, 2, "PR", "2", 400) in reasons
    assert lines["segment"].to_list() == [2, 3, 4]  # the rows of the file
    assert not problems(found)["error"]


def test_patients_names_are_never_read():
    found = read(table("1,SECRETNAME,2026-03-09,97110,GP,,2,100,60,12,0.96,40,47.04"), "lines.csv")
    frames = (found.claims, found.lines, found.adjustments, found.payments, found.problems)
    assert not any("SECRETNAME" in frame.write_csv() for frame in frames)


def test_values_that_cannot_be_read_are_told_by_row_and_their_rows_are_kept():
    rows = (
        "1,DOE,2026-03-09,97110,GP,,2,100,60,12,0.96,40,forty",
        "1,DOE,the ninth,97140,GP,,1,100,20,4,0.32,80,15.68",
        "1,DOE,2026-03-09,97-1-10,GP,,one,100,20,4,0.32,80,15.68",
        "1,DOE,2026-03-09,97530,GP,,1,100,20.005,4,0.32,80,15.68",
    )
    found = read(table(*rows), "lines.csv")
    errors = found.problems.filter(severity="error").select("segment", "what").rows()
    said = {(segment, what.split(":")[0]) for segment, what in errors}
    assert said == {
        (2, "Column Ins Pmt"),
        (3, "Column DOS"),
        (4, "Column CPT"),
        (4, "Column Qty"),
        (5, "Column Allowed Amount"),
    }
    assert not any(value in what for _, what in errors for value in ("forty", "the ninth"))
    assert found.lines.height == 4


def test_totals_blank_rows_and_headers_that_come_again_are_no_lines():
    rows = (
        "1,DOE,2026-03-09,97110,GP,,2,100,60,12,0.96,40,47.04", ",,,,,,,,,,,,", HEADER,
        "2,DOE,2026-03-09,97140,GP,,1,100,20,4,0.32,80,15.68", "Total,,,,,,,200,80,16,1.28,120,62.72",
    )  # fmt: skip
    found = read(table(*rows), "lines.csv")
    assert found.lines.height == 2
    told = problems(found)
    assert any("without a code: 6" in what for what in told["warning"])
    assert any("the header once more: 4" in what for what in told["note"])


def test_titles_above_the_header_and_a_workbook(tmp_path):
    frame = pl.read_csv(table("1,DOE,2026-03-09,97110,GP,,2,100,60,12,0.96,40,47.04"), infer_schema=False)
    book = io.BytesIO()
    frame.write_excel(book, position="A4")
    found = read(book.getvalue(), "lines.xlsx")
    assert found.lines["paid"].to_list() == [4_704]
    assert found.lines["segment"].to_list() == [5]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"CPT,Paid\n", "no row with a code"),
        (b"CPT,Paid\n97110,\n", "no row with a code and a payment"),
    ],
)
def test_a_table_without_lines_is_refused(content, says):
    with pytest.raises(InputError, match=says):
        read(content, "lines.csv")


def test_a_table_stays_in_memory(monkeypatch):
    def refuse(*_args, **_named):
        raise AssertionError("something was about to be written")

    for maker in ("mkstemp", "mkdtemp", "TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile"):
        monkeypatch.setattr(tempfile, maker, refuse)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    content = table("1,DOE,2026-03-09,97110,GP,,2,100,60,12,0.96,40,47.04")
    assert read(content, "lines.csv").lines.height == 1


# Beside the 835 of the same lines ---------------------------------------------------------------------------------------------


def service(code: str, units: int, allowed: int, charge: int = 30_000) -> x12.Line:
    part = (allowed * 20 + 50) // 100
    taken = ((allowed - part) * 2 + 50) // 100
    reasons = (("CO", "45", charge - allowed), ("PR", "2", part), ("CO", "253", taken))
    return x12.Line(
        code, charge, allowed - part - taken, ("GP",), units=str(units), dates=(("472", MARCH),),
        adjustments=tuple(x12.Adjustment(*one) for one in reasons), amounts=(("B6", allowed),),
    )  # fmt: skip


def test_paid_lines_and_their_835_have_the_same_answer(opened):
    price = opened.price("97110", modifiers="GP", date=MARCH, zip="35203").row["_allowed"]
    visits = [
        [service("97110", 1, price)],
        [service("97110", 1, price - 3)],
        [service("97530", 1, 4_000), service("97110", 2, 2 * price)],
    ]
    claims = [
        x12.Claim(f"C{n}", sum(one.charge for one in lines), sum(one.paid for one in lines), lines=tuple(lines))
        for n, lines in enumerate(visits)
    ]
    remitted = read_835(x12.write([x12.Payment(tuple(claims), date=dt.date(2026, 4, 1))]).encode(), "era.835")
    rows = []
    for claim in claims:
        for one in claim.lines:
            _, part, taken = (adjustment.amount for adjustment in one.adjustments)
            allowed = one.amounts[0][1]
            cents = (one.charge, allowed, part, taken, one.charge - allowed, one.paid)
            amounts = ",".join(f"{value / 100:.2f}" for value in cents)
            rows.append(f"{claim.claim_id},X,2026-03-09,{one.code},GP,,{one.units},{amounts}")
    typed = read(table(*rows), "lines.csv")
    answers = [
        check(found, Where(zip="35203"), opened, Settings(payers="all")).lines.select(
            "claim_id", "line", "hcpcs", "units", "allowed", "paid", "expected_allowed", "expected_paid", "outcome", "causes"
        )
        for found in (remitted, typed)
    ]
    assert answers[0].equals(answers[1])
    assert answers[0]["outcome"].n_unique() > 1


def test_tables_and_remittances_are_told_apart_by_what_they_hold(opened):
    era = x12.write([x12.Payment((x12.Claim("C1", 100, 100, lines=(service("97110", 1, 100, 100),)),))]).encode()
    lines = table("1,DOE,2026-03-09,97110,GP,,2,100,60,12,0.96,40,47.04")
    sorted_files = paid_files.sort([File("odd.csv", era), File("lines.csv", lines), File("void.csv", b" \n")])
    assert [file.name for file in sorted_files.remittances] == ["odd.csv"]
    assert [one.file.name for one in sorted_files.tables] == ["lines.csv"]
    assert sorted_files.refused == ("void.csv is empty. Export it once more, and look inside.",)
    held = paid_files.read(sorted_files)
    assert held.names == ("odd.csv", "lines.csv")
    assert held.remittance.claims["claim"].to_list() == [1, 2]
    assert held.remittance.lines["claim"].to_list() == [1, 2]
    assert paid_lines.ALIASES.keys() >= set(sorted_files.tables[0].found.columns)
