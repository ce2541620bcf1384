"""Tables to files: csv, parquet or xlsx by the name's ending, written beside the target and then renamed.

In a workbook codes stay text and money stays a number, and no text of a user's file ever becomes a formula: every text is
written as a text. A csv file has no types, so that a spreadsheet takes a text such as =HYPERLINK(…) for a formula; `inert`
is what keeps it from that.
"""

import datetime as dt
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import paths
from feecalc.errors import InputError

XLSX_ROWS = 1_048_575  # rows of a worksheet, less the header
XLSX_COLUMNS = 16_384
XLSX_TEXT = 32_767  # characters of a cell
XLSX_DIGITS = 15  # of a number that a workbook keeps whole: it knows no other numbers than binary floats
FORMATS = {2: "#,##0.00", 3: "0.000", 4: "0.0000"}  # decimals by their places
WIDEST, DATE_WIDTH = 80, 10  # characters of a column
FIRST_DAY = dt.date(1900, 3, 1)  # Excel counts days from 1900 and takes that year for a leap year

# What begins a formula for Excel or LibreOffice, their wide twins too, where the text is no plain number or lone sign.
FORMULA_STARTS = "=+@\t\r\n＝＋－＠-"  # the hyphen last: the text stands in a class of letters below
_FORMULA_LIKE = f"^[{FORMULA_STARTS}]"
_HARMLESS = r"^[+-](?:\$?[0-9][0-9,]*(?:\.[0-9]*)?%?|\$?\.[0-9]+%?)?$"

Notes = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Sheet:
    """One worksheet: a table, and above it a title and sentences where there are any.

    Money comes as Decimal columns (feecalc.money.dollars), codes as text. Where `name` does not fit a worksheet's rules
    (31 characters, none of []:*?/\\) it is made to.
    """

    name: str
    frame: pl.DataFrame
    title: str = ""
    notes: tuple[str, ...] = ()

    @property
    def head(self) -> int:
        """The row of the table's header, counted from 0: below title, sentences and a blank row."""
        above = bool(self.title) + len(self.notes)
        return above + 1 if above else 0


def write(frame: pl.DataFrame, target: Path, notes: list[tuple[str, str]] | None = None) -> None:
    """Write a table; `notes` (name, text) become the second sheet of an xlsx. Raises InputError for another ending."""
    writers: dict[str, Callable[[pl.DataFrame, Path], object]] = {
        ".csv": lambda f, p: p.write_bytes(csv_bytes(f)),
        ".parquet": lambda f, p: f.write_parquet(p),
        ".xlsx": lambda f, p: _write_book([Sheet("Table", f)], p, notes or []),
    }
    ending = target.suffix.lower()
    if ending not in writers:
        raise InputError(f"{target.name}: the name must end in .csv, .parquet or .xlsx.")
    _check_folder(target)
    with paths.new_file(target) as scratch:
        writers[ending](frame, scratch)


def write_book(sheets: Sequence[Sheet], target: Path, sources: Notes = ()) -> None:
    """Write several tables as one workbook, a sheet each in their order, and `sources` (name, text) as the last one.

    Raises InputError where the name does not end in .xlsx, where there is no sheet, and where a table does not fit one.
    """
    if target.suffix.lower() != ".xlsx":
        raise InputError(f"{target.name}: the name of a workbook must end in .xlsx.")
    _check_folder(target)
    with paths.new_file(target) as scratch:
        _write_book(sheets, scratch, sources)


def book_bytes(sheets: Sequence[Sheet], sources: Notes = ()) -> bytes:
    """The same as bytes, for a download."""
    buffer = io.BytesIO()
    _write_book(sheets, buffer, sources)
    return buffer.getvalue()


def xlsx_bytes(frame: pl.DataFrame, notes: list[tuple[str, str]] | None = None) -> bytes:
    """A table as the bytes of a formatted workbook, for a download."""
    return book_bytes([Sheet("Table", frame)], notes or [])


def csv_bytes(frame: pl.DataFrame, *, faithful: bool = False) -> bytes:
    """A table as the bytes of a csv file, in UTF-8; blank text is an empty field, as other programs expect.

    What looks like a formula is made `inert`, unless `faithful`: a repriced claims file gives every row and column of the
    user's own file back as they were, because programs read it on, and one that is priced again must find the same values.
    """
    told = frame if faithful else inert(frame)
    return told.with_columns(pl.col(pl.String).replace("", None)).write_csv().encode("utf-8")


def inert(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with an apostrophe before every text that a spreadsheet would take for a formula, in its headings too.

    Only text: numbers, dates and money of any sign stay, and so does text that is a plain number (-12.50) or a lone sign.
    Codes, modifiers, ZIPs and localities never begin like a formula.
    """
    risky = pl.col(pl.String).str.contains(_FORMULA_LIKE) & ~pl.col(pl.String).str.contains(_HARMLESS)
    safe = frame.with_columns(pl.when(risky).then(pl.lit("'") + pl.col(pl.String)).otherwise(pl.col(pl.String)).name.keep())
    headings = pl.Series(frame.columns, dtype=pl.String)
    changed = headings.filter(headings.str.contains(_FORMULA_LIKE) & ~headings.str.contains(_HARMLESS))
    return safe.rename({name: f"'{name}" for name in changed})


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; nothing was written.")


# Workbooks -------------------------------------------------------------------------------------------------------------


def new_book(target: Path | io.BytesIO) -> Any:
    """An xlsxwriter workbook in which a text is never taken for a formula, an address or a number.

    What goes into memory is put together there: by itself xlsxwriter writes each worksheet into a temporary file first, and a
    download may name patients.
    """
    import xlsxwriter  # here and not above: most commands write no workbook

    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    if isinstance(target, Path):
        return xlsxwriter.Workbook(str(target), options)
    return xlsxwriter.Workbook(target, options | {"in_memory": True})


def print_setup(page: Any, head: int, wide: bool = True) -> None:
    """Print a worksheet one page wide, with its header, the row `head` (counted from 0), and a number on every page."""
    if wide:
        page.set_landscape()
    page.set_paper(1)  # US letter
    page.fit_to_pages(1, 0)
    page.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    page.repeat_rows(head)
    page.set_footer("&L&A&CPage &P of &N&R&F")


def _write_book(sheets: Sequence[Sheet], target: Path | io.BytesIO, sources: Notes) -> None:
    if not sheets:
        raise InputError("A workbook needs at least one table.")
    listed = [*sheets]
    if sources:
        listed.append(Sheet("Sources", pl.DataFrame([*sources], schema=["Item", "Value"], orient="row")))
    for sheet in listed:
        _check_fits(sheet)
    names = sheet_names(sheet.name for sheet in listed)
    with new_book(target) as book:
        formats = _Formats(book)
        for name, sheet in zip(names, listed, strict=True):
            _sheet(book.add_worksheet(name), sheet, formats)


def sheet_names(wanted: Iterable[str]) -> list[str]:
    """Names as a workbook allows them: 31 characters, none of []:*?/\\, no apostrophe at an end, and no two alike."""
    taken = {"history"}  # Excel keeps this one for itself
    names = []
    for name in wanted:
        cleaned = "".join(" " if letter in "[]:*?/\\" or ord(letter) < 32 else letter for letter in name)
        plain = cleaned.strip(" '")[:31].rstrip(" '") or "Sheet"
        given, number = plain, 1
        while given.lower() in taken:
            number += 1
            given = f"{plain[: 31 - len(f' {number}')].rstrip()} {number}"
        taken.add(given.lower())
        names.append(given)
    return names


def _check_fits(sheet: Sheet) -> None:
    """Raise InputError for what a worksheet would cut off without a word."""
    frame, instead = sheet.frame, "Write .csv or .parquet instead."
    most = XLSX_ROWS - sheet.head
    if frame.height > most:
        raise InputError(f"{frame.height:,} rows do not fit a worksheet of {most:,}. {instead}")
    if frame.width > XLSX_COLUMNS:
        raise InputError(f"{frame.width:,} columns do not fit a worksheet of {XLSX_COLUMNS:,}. {instead}")
    for name, kind in frame.schema.items():
        if kind != pl.String:
            continue
        too_long = (frame[name].str.len_chars() > XLSX_TEXT).arg_true()
        if too_long.len():
            where = f"Row {too_long[0] + 1:,} of column {name}"
            raise InputError(f"{where} has more than the {XLSX_TEXT:,} characters of a worksheet's cell. {instead}")


class _Formats:
    """The formats of a workbook, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[str, Any] = {}
        self.header = book.add_format({"bold": True, "bottom": 1})
        self.title = book.add_format({"bold": True, "font_size": 13})
        # As if typed with an apostrophe before it: it stays a text even where someone opens the cell and presses Enter.
        self.quoted = book.add_format({"quote_prefix": True})

    def of(self, kind: pl.DataType) -> Any:
        """The format of a column's numbers or dates; None where Excel's own will do."""
        if isinstance(kind, pl.Decimal):
            return self._shaped(FORMATS.get(kind.scale, f"0.{'0' * kind.scale}".rstrip(".")))
        if kind.is_integer():
            return self._shaped("0")
        if kind in (pl.Date, pl.Datetime):
            return self._shaped("yyyy-mm-dd" if kind == pl.Date else "yyyy-mm-dd hh:mm:ss")
        return None

    def _shaped(self, shape: str) -> Any:
        if shape not in self._made:
            self._made[shape] = self._book.add_format({"num_format": shape})
        return self._made[shape]


def _sheet(page: Any, sheet: Sheet, formats: _Formats) -> None:
    """Header frozen, filters on, widths by content; title and sentences above, which no width follows."""
    frame, head = sheet.frame, sheet.head
    for place, name in enumerate(frame.columns):
        page.write_string(head, place, name, formats.header)
        _column(page, head + 1, place, frame.to_series(place), formats)
    if frame.width:
        page.autofilter(head, 0, head + max(frame.height, 1), frame.width - 1)
        # Codes are text that looks like numbers, and that is no mistake.
        page.ignore_errors({"number_stored_as_text": _area(head, 0, head + frame.height, frame.width - 1)})
    for place, series in enumerate(frame):
        page.set_column(place, place, _width(series))
    page.freeze_panes(head + 1, 0)
    print_setup(page, head)
    above = [(sheet.title, formats.title)] if sheet.title else []
    for row, (text, look) in enumerate([*above, *((note, None) for note in sheet.notes)]):
        page.write_string(row, 0, text, look)


def _width(series: pl.Series) -> int:
    """How wide a column is, in characters: its longest value or its heading, with room for the filter's button."""
    if series.dtype == pl.String:
        longest = int(series.str.len_chars().max() or 0)  # type: ignore[arg-type]
    elif series.dtype.is_integer() or series.dtype.is_decimal():
        longest = max((len(f"{end:,}") for end in (series.min(), series.max()) if isinstance(end, int | Decimal)), default=0)
    else:
        longest = DATE_WIDTH
    return min(max(longest + 1, len(series.name) + 3), WIDEST)


def _column(page: Any, first: int, place: int, series: pl.Series, formats: _Formats) -> None:
    """The values of a column from a row on; a null and a blank text are a blank cell."""
    kind = series.dtype
    shape = formats.of(kind)
    if (kind.is_integer() or kind.is_decimal()) and _keeps(series):
        for row, number in enumerate(series.cast(pl.Float64).to_list(), first):
            if number is not None:
                page.write_number(row, place, number, shape)
        return
    for row, value in enumerate(series.to_list(), first):
        if value is None or value == "":
            continue
        if isinstance(value, str):
            page.write_string(row, place, value, formats.quoted if value[0] in FORMULA_STARTS else None)
        elif isinstance(value, bool):
            page.write_boolean(row, place, value)
        elif isinstance(value, float) and isfinite(value):
            page.write_number(row, place, value)
        elif isinstance(value, dt.date) and _is_day(value):
            page.write_datetime(row, place, value, shape)
        else:  # what a workbook has no type for: a long number, a day before 1900, a list
            page.write_string(row, place, str(value))


def _keeps(series: pl.Series) -> bool:
    """Whether a workbook keeps every number of a column whole: a claim number of 17 digits would lose its last ones."""
    scale = series.dtype.scale if isinstance(series.dtype, pl.Decimal) else 0
    beyond = 10 ** (XLSX_DIGITS - scale)
    return not any(isinstance(end, int | Decimal) and abs(end) >= beyond for end in (series.min(), series.max()))


def _is_day(value: dt.date) -> bool:
    if isinstance(value, dt.datetime):
        return value.tzinfo is None and value.date() >= FIRST_DAY
    return value >= FIRST_DAY


def _area(top: int, left: int, bottom: int, right: int) -> str:
    from xlsxwriter.utility import xl_range

    return str(xl_range(top, left, bottom, right))
