import polars as pl
import pytest
from cms_files import as_xlsx, payment, zip5, zip9

from feecalc.cms.payment_amounts import read_payment_amounts
from feecalc.cms.zip_locality import read_zip5, read_zip9
from feecalc.columns import PAYMENT_AMOUNTS, ZIP5, ZIP9
from feecalc.errors import LayoutError, RejectedError

ZIP_HEADINGS = [
    "STATE", "ZIP CODE", "CARRIER", "LOCALITY", "RURAL IND", "LAB CB LOCALITY", "RURAL IND2", "PLUS 4 FLAG",
    "PART B DRUG INDICATOR", "YEAR/QTR",
]  # fmt: skip


def text(*lines):
    return "\r\n".join(lines) + "\r\n"


def test_zip5(member):
    table = read_zip5(member("ZIP5_OCT2025.txt", text(zip5("99501"), zip5("36104", "1011200", "1", "AL"))))
    assert table.frame.schema == pl.Schema(ZIP5)
    assert table.frame.rows() == [("36104", "AL", "10112", "00", True), ("99501", "AK", "02102", "01", False)]
    assert table.meta == {"quarter": "20254"}
    rows = [["AK", "99501", "02102", "01", "", "Z9", "", "0", "A", "20254"]]
    rows += [["AL", "36104", "10112", "00", "", "Z9", "", "1", "A", "20254"]]
    assert read_zip5(member("ZIP5_OCT2025.xlsx", as_xlsx([ZIP_HEADINGS, *rows]))).frame.equals(table.frame)


def test_zip5_every_bad_row(member):
    lines = [zip5("99501"), zip5("9950X"), zip5("99501"), zip5("99502", quarter="20261"), zip5("99503", "X210201")]
    with pytest.raises(RejectedError) as error:
        read_zip5(member("ZIP5_OCT2025.txt", text(*lines)))
    assert [(p.row, p.column, p.value) for p in error.value.problems] == [
        (2, "ZIP CODE", "9950X"),
        (3, None, "99501"),
        (4, "YEAR/QTR", "20261"),
        (5, "CARRIER", "X2102"),
    ]
    with pytest.raises(LayoutError, match=r"PLUS 4 FLAG: '2' is a value.*zip_locality\.toml"):
        read_zip5(member("ZIP5_OCT2025.txt", text(zip5("99501", flag="2"))))
    with pytest.raises(RejectedError, match="not a year and quarter such as 20254"):
        read_zip5(member("ZIP5_OCT2025.txt", text(zip5("99501", quarter="20255"))))
    with pytest.raises(LayoutError, match="lines of 79 characters"):
        read_zip5(member("ZIP5_OCT2025.txt", text(zip5("99501")[:-1])))


def test_zip9(member):
    table = read_zip9(member("ZIP9_OCT2025.txt", text(zip9("99501", "0002"), zip9("99501", "0001", "1011200"))))
    assert table.frame.schema == pl.Schema(ZIP9)
    assert table.frame.rows() == [("99501", "0001", "AK", "10112", "00"), ("99501", "0002", "AK", "02102", "01")]
    assert table.meta == {"quarter": "20254"}


def test_payment_amounts(member):
    lines = text(
        payment(locality="09"),
        payment(modifier=" "),
        payment(modifier="26", fee="0000028.79"),
        payment(modifier="  "),
        '"TRL- 000000004 RECORDS, 2025"',
    )
    table = read_payment_amounts(member("PFREV26B-nonQP/PFREV25C.txt", lines))
    assert table.frame.schema == pl.Schema(PAYMENT_AMOUNTS)
    assert table.frame.select("row", "hcpcs", "modifier", "locality", "nonfacility", "facility").rows() == [
        (2, "76145", "", "05", 133_981, 133_981),
        (1, "76145", "", "09", 133_981, 133_981),
        (3, "76145", "26", "05", 2_879, 2_879),
    ]
    assert table.meta == {"year": "2025", "qp": "nonQPP"}
    assert "1 record printed again with the same amounts, read once" in table.notes[0]


def test_payment_amounts_every_bad_row(member):
    lines = text(
        payment(),
        payment(fee="0001339.82"),
        payment(fee="00O1339.81", locality="09"),
        payment(locality="10") + ',"x"',
        "oops",
        payment(code="7614", locality="11"),
        payment(year="2024", locality="12"),
        payment(fee="0001339.8", locality="13"),
        payment(fee="0001339.811", locality="14"),
    )
    with pytest.raises(RejectedError) as error:
        read_payment_amounts(member("PFREV25C.txt", lines))
    assert [(p.row, p.column) for p in error.value.problems] == [
        (2, None),
        (3, "nonfacility"),
        (3, "facility"),
        (4, None),
        (5, None),
        (7, "year"),
        (9, "nonfacility"),
        (9, "facility"),
    ]
    assert "row 2: the same code, modifier, carrier and locality as an earlier row, but other values" in str(error.value)
    assert "row 4: not 16 fields" in str(error.value)
    with pytest.raises(LayoutError, match=r"opps_indicator.*payment_amounts\.toml"):
        read_payment_amounts(member("PFREV25C.txt", text(payment().replace('"9"', '"7"'))))
    with pytest.raises(RejectedError, match="no payment amount in the whole file"):
        read_payment_amounts(member("PFREV25C.txt", '"TRL- 0"'))
