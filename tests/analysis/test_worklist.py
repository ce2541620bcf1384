"""What to do about a variance: what is asked for, until when, in which words, and the files."""

import datetime as dt

import openpyxl
import polars as pl
import pytest
from remitted import HERE, paid_right, remittance

from feecalc.analysis.variance import Where, check
from feecalc.analysis.worklist import letter, sheets, table_of_lines, worklist, write
from feecalc.errors import InputError

ALABAMA = Where(locality=HERE)
TODAY = dt.date(2026, 11, 23)
APRIL = dt.date(2026, 4, 10)


def office(opened, code: str, **given) -> str:
    return str(opened.price(code, **{"date": APRIL, "locality": HERE, **given}).allowed)


def denied(code: str, *adjusted: str, **more) -> dict:
    return {"code": code, "charge": "100.00", "paid": "0.00", "adjusted": [*adjusted], **more}


@pytest.fixture(scope="module")
def variance(opened):
    """Seven claims: right, facility rate, denied in four ways, overpaid, and one that the deductible took."""
    august = dt.date(2024, 8, 1)
    amount = office(opened, "99213")
    return check(
        remittance(
            ({}, [paid_right(amount, "99213")]),
            ({"paid_date": dt.date(2026, 8, 1)}, [paid_right(office(opened, "99214", setting="facility"), "99214")]),
            (
                {},
                [
                    paid_right(office(opened, "94060", date=august), "94060", date=august),
                    denied("94010", "CO-97 100.00", date=august),
                ],
            ),
            ({"paid_date": dt.date(2026, 5, 1)}, [denied("97110-GP", "CO-50 100.00")]),
            ({}, [denied("99204", "CO-16 100.00", remarks="MA130")]),
            ({}, [paid_right("300.00", "99215")]),
            ({}, [{"code": "99213", "allowed": amount, "paid": "0.00", "adjusted": [f"PR-1 {amount}"]}]),
        ),
        ALABAMA,
        opened,
    )


def test_what_is_worth_most_and_can_still_be_asked_for_comes_first(variance):
    found = worklist(variance, TODAY)
    assert found["claim_id"].to_list() == ["C5", "C2", "C4", "C3"]
    assert found["standing"].to_list() == ["open", "open", "late", "closed"]
    assert found["place"].to_list() == [1, 2, 3, 4]
    assert found["dollars"].min() > 0
    assert (found["dollars"] == found["expected_paid"] - found["paid"]).all()


def test_limits_are_counted_from_the_remittance_or_the_service(variance):
    rows = {row["claim_id"]: row for row in worklist(variance, TODAY).to_dicts()}
    assert rows["C2"]["limit"] == dt.date(2026, 8, 1) + dt.timedelta(days=120)
    assert rows["C2"]["days_left"] == (dt.date(2026, 11, 29) - TODAY).days == 6
    assert rows["C2"]["age"] == (TODAY - dt.date(2026, 8, 1)).days
    assert rows["C4"]["days_left"] < 0
    assert rows["C5"]["limit"] == APRIL + dt.timedelta(days=365)  # it is sent again, not appealed
    assert rows["C3"]["limit"] is None  # a pair of indicator 0
    assert "indicator 0" in rows["C3"]["edit"]
    later = worklist(variance, dt.date(2026, 12, 1))
    assert dict(later.select("claim_id", "standing").iter_rows())["C2"] == "late"


def test_a_remittance_without_a_date_has_no_limit(opened):
    held = remittance(({"paid_date": None}, [denied("97110-GP", "CO-50 100.00")]))
    row = worklist(check(held, ALABAMA, opened), TODAY).row(0, named=True)
    assert (row["limit"], row["age"], row["standing"]) == (None, None, "open")


def test_a_letter_has_the_arithmetic_and_the_sources_and_no_patient(variance, opened):
    text = letter(variance, 2, opened, TODAY)
    fee, paid = office(opened, "99214"), office(opened, "99214", setting="facility")
    assert f"Allowed ${paid}; by the fee schedule ${fee}." in text
    assert "Paid at the other setting's rate" in text
    row = variance.lines.filter(pl.col("claim") == 2).row(0, named=True)
    assert f"${-row['difference'] / 100:.2f} more is due" in text
    assert "× 33.4009" in text
    assert "release 2026" in text
    assert "42 CFR 405.942" in text
    assert "Patient: [name and Medicare number]" in text
    assert "2026-11-29" in text
    assert "Claim control number: 26000000002   Our claim number: C2" in text


def test_a_letter_for_a_denial_says_what_the_day_would_have_paid(opened):
    lines = [paid_right(office(opened, "97110"), "97110-GP"), denied("97530-GP", "CO-50 100.00", remarks="N115")]
    variance = check(remittance(({}, lines)), ALABAMA, opened)
    text = letter(variance, 1, opened, TODAY)
    assert "Line 2: 97530 GP" in text
    assert "Line 1" not in text
    assert "CO-50: Not found medically necessary." in text
    assert "N115: Decided by a local coverage determination." in text
    day = opened.price_day(["97110", "97530"], date=APRIL, locality=HERE)
    less = float(day.quotes[1].allowed) - variance.lines["expected_allowed"][1] / 100
    assert f"Less ${less:.2f}, by which the other lines of the day were paid more" in text


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        (1, "nothing is to be asked"),
        (3, "can be overturned"),
        (5, "not to be appealed"),
        (6, "nothing is to be"),
        (99, "nothing is to be"),
    ],
)
def test_no_letter_where_there_is_nothing_to_ask(variance, opened, claim, says):
    with pytest.raises(InputError, match=says):
        letter(variance, claim, opened, TODAY)


def test_the_workbook(variance, opened, tmp_path):
    target = tmp_path / "variance.xlsx"
    write(variance, target, TODAY, opened)
    book = openpyxl.load_workbook(target)
    names = [
        "Summary",
        "Causes",
        "Worklist",
        "Lines that differ",
        "By payer",
        "By code",
        "By month",
        "By practitioner",
        "By action",
    ]
    assert book.sheetnames == [*names, "Codes", "Sources"]
    listed = book["Worklist"]
    cells = [[cell.value for cell in row] for row in listed.iter_rows()]
    head = next(number for number, row in enumerate(cells) if row[0] == "place")
    assert cells[head + 1][cells[head].index("claim_id")] == "C5"
    dollars = cells[head + 1][cells[head].index("dollars")]
    assert dollars == worklist(variance, TODAY)["dollars"][0] / 100
    assert "Correct the claim and send it again" in cells[head + 1]
    codes = [[cell.value for cell in row] for row in book["Codes"].iter_rows()]
    assert any(row[0] == "CO-50" and row[2] == "Not found medically necessary." for row in codes)
    sources = dict(row[:2] for row in book["Sources"].iter_rows(values_only=True))
    assert sources["Place of service"] == HERE
    assert {"Release 2026C", "Release 2024C"} <= set(sources)


def test_sheets_of_what_was_not_compared_and_of_whole_claims(opened):
    held = remittance(
        ({"filing": "16"}, [paid_right("60.00", "99213")]),
        ({"adjusted": ["CO-B4 3.00"]}, [paid_right(office(opened, "99213"), "99213")]),
    )
    names = [sheet.name for sheet in sheets(check(held, ALABAMA, opened), TODAY)]
    assert names[-2:] == ["Whole claims", "Not compared"]


def test_the_lines_as_csv(variance, opened, tmp_path):
    target = tmp_path / "variance.csv"
    write(variance, target, TODAY, opened)
    back = pl.read_csv(target, infer_schema=False)
    assert back.height == variance.lines.height
    row = back.filter(pl.col("claim_id") == "C2").row(0, named=True)
    assert row["outcome"] == "explained"
    assert row["action"] == "Ask for a reopening or a redetermination"
    assert float(row["difference"]) == variance.lines.filter(pl.col("claim") == 2)["difference"][0] / 100
    assert table_of_lines(variance.lines)["paid"].dtype == pl.Decimal(18, 2)
    with pytest.raises(InputError, match=r"must end in \.csv"):
        write(variance, tmp_path / "variance.txt", TODAY, opened)
