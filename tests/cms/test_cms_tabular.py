import polars as pl
import pytest
from cms_files import as_xlsx

from feecalc.cms.numbers import scaled
from feecalc.cms.tabular import read_csv, read_lines, read_xlsx
from feecalc.errors import ArchiveError, RejectedError


def rows(data):
    return read_csv(data, "a.csv").frame.rows()


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_every_line_end_keeps_the_row_numbers(end):
    text = end.join(["title", "", "A,B", ' 1 ,"x, ""y"""', ",", "\x1a,", "2"])
    assert rows(text.encode()) == [(1, "title", ""), (3, "A", "B"), (4, "1", 'x, "y"'), (7, "2", "")]


def test_encodings():
    assert rows("\ufeffé,x".encode()) == [(1, "é", "x")]
    assert rows("é,x".encode("latin-1")) == [(1, "é", "x")]
    assert rows("é,x".encode("utf-16")) == [(1, "é", "x")]
    assert rows(b"") == []
    assert rows(b"\n\n,,\n") == []


def test_unclosed_quotation_mark():
    with pytest.raises(RejectedError, match=r"a\.csv, row \d: a quotation mark is out of place"):
        rows(b'A,B\n1,"x\n2,y\n')


def test_xlsx_cells_are_text():
    data = as_xlsx([["A", "B"], ["100", "0.5"], [], ["x", ""]], sheet="First")
    grid = read_xlsx(data, "a.xlsx")
    assert grid.sheet == "First"
    assert grid.frame.rows() == [(1, "A", "B"), (2, "100", "0.5"), (4, "x", "")]


def test_damaged_xlsx():
    with pytest.raises(ArchiveError, match=r"a\.xlsx is not a readable xlsx file"):
        read_xlsx(as_xlsx([["A"]])[:-100], "a.xlsx")


def test_lines():
    assert read_lines(b"ab\r\n\r\n cd \r\n\x1a").rows() == [(1, "ab"), (3, " cd ")]


@pytest.mark.parametrize(
    ("text", "decimals", "expected"),
    [
        ("1.30", 2, 130),
        (".10", 2, 10),
        ("1", 2, 100),
        ("1.", 2, 100),
        ("0.5", 3, 500),
        ("0001339.81", 2, 133_981),
        ("32.3465", 4, 323_465),
        ("1.3000", 2, 130),
        ("1.0489999999999997", 3, 1049),
        ("1.0490000000000002", 3, 1049),
        ("1.9999999999999998", 2, 200),
        ("1.0489999999999997", 2, None),
        ("1.049", 2, None),
        ("1.0499999", 2, None),
        ("", 2, None),
        (".", 2, None),
        ("1.3O", 2, None),
        ("-1.30", 2, None),
        ("1e3", 2, None),
        ("1,339.81", 2, None),
        ("1931", 0, 1931),
        ("19.31", 0, None),
    ],
)
def test_scaled(text, decimals, expected):
    assert pl.select(scaled(pl.lit(text), decimals)).item() == expected
