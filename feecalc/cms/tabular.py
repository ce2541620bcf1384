"""Bytes to rows of text, whatever the shape: csv, xlsx, or the lines of a fixed-width file.

Every cell is text without blanks around it, "" where empty. `row` is the number that a spreadsheet or editor shows,
from 1, so that a message can send a person to the very row. Rows with CMS's end-of-file mark (Ctrl-Z) are left out.
"""

import csv
import io
from dataclasses import dataclass

import fastexcel
import polars as pl

from feecalc.errors import ArchiveError, Problem, RejectedError

ROW = "row"
END_OF_FILE = "\x1a"  # CMS's mainframe closes some files with it, 2025A and B even as a row of its own
BLANKS = " \t\r\n\v\f\u00a0\ufeff"


@dataclass(frozen=True)
class Grid:
    """Rows of a table as text: column `row`, then c0, c1, … from left to right. `sheet` names the worksheet of an xlsx."""

    frame: pl.DataFrame
    sheet: str = ""

    @property
    def width(self) -> int:
        """Number of cells of the widest row."""
        return self.frame.width - 1


def text_of(data: bytes) -> str:
    """Decode a CMS text file: UTF-8 where it is marked or proves valid, otherwise Latin-1. Line ends become LF."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")  # 2025C ends its lines with a bare CR


def read_csv(data: bytes, file: str) -> Grid:
    """Rows of a csv file. Raises RejectedError where a quotation mark is never closed."""
    # The csv module, not polars: its parser stops at ragged rows and skips blank ones, so row numbers would be lost.
    reader = csv.reader(io.StringIO(text_of(data), newline="\n"), strict=True)
    rows: list[list[str]] = []
    try:
        rows.extend(reader)
    except csv.Error as error:
        problem = Problem(file, f"a quotation mark is out of place ({error}). Save the file again as csv", reader.line_num)
        raise RejectedError(f"{file} is no readable csv file", [problem]) from error
    width = max(map(len, rows), default=0)
    if any(len(row) != width for row in rows):
        rows = [row if len(row) == width else row + [""] * (width - len(row)) for row in rows]
    columns = zip(*rows, strict=True)
    return Grid(_tidy(pl.DataFrame([pl.Series(f"c{i}", cells, pl.String) for i, cells in enumerate(columns)])))


def read_xlsx(data: bytes, file: str) -> Grid:
    """Rows of the first worksheet that has any. Numbers arrive as text: "0.5", "100". Raises ArchiveError if damaged."""
    try:
        workbook = fastexcel.read_excel(data)
        for sheet in workbook.sheet_names:
            frame = workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_polars()
            if frame.height:
                names = [f"c{i}" for i in range(frame.width)]
                return Grid(_tidy(frame.rename(dict(zip(frame.columns, names, strict=True))).fill_null("")), sheet)
    except fastexcel.FastExcelError as error:
        raise ArchiveError(f"{file} is not a readable xlsx file. Download it again, or use the csv.") from error
    return Grid(pl.DataFrame({ROW: []}, schema={ROW: pl.UInt32}))


def read_lines(data: bytes) -> pl.DataFrame:
    """Lines of a fixed-width file: `row` and `line`, untouched but for the line ends; blank ones are left out."""
    lines = pl.DataFrame({"line": pl.Series(text_of(data).split("\n"), dtype=pl.String)})
    return lines.with_row_index(ROW, offset=1).filter(
        ~pl.col("line").str.contains(END_OF_FILE, literal=True), pl.col("line").str.strip_chars(BLANKS) != ""
    )


def _tidy(frame: pl.DataFrame) -> pl.DataFrame:
    """Number the rows, strip the cells, and leave out blank rows and those with the end-of-file mark."""
    if frame.is_empty():
        return pl.DataFrame({ROW: []}, schema={ROW: pl.UInt32})
    stripped = frame.with_row_index(ROW, offset=1).with_columns(pl.exclude(ROW).str.strip_chars(BLANKS))
    return stripped.filter(~pl.col("c0").str.contains(END_OF_FILE, literal=True), pl.any_horizontal(pl.exclude(ROW) != ""))
