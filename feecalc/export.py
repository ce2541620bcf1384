"""Tables to files: csv, parquet or xlsx by the name's ending, written beside the target and then renamed.

In a workbook codes stay text and money stays a number, and no text of a user's file ever becomes a formula.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import paths
from feecalc.errors import InputError

XLSX_ROWS = 1_048_575  # rows of a worksheet, less the header
FORMATS = {2: "#,##0.00", 3: "0.000", 4: "0.0000"}  # decimals by their places


def write(frame: pl.DataFrame, target: Path, notes: list[tuple[str, str]] | None = None) -> None:
    """Write a table; `notes` (name, text) become the second sheet of an xlsx. Raises InputError for another ending."""
    writers: dict[str, Callable[[pl.DataFrame, Path], object]] = {
        ".csv": lambda f, p: p.write_bytes(csv_bytes(f)),
        ".parquet": lambda f, p: f.write_parquet(p),
        ".xlsx": lambda f, p: _write_xlsx(f, p, notes or []),
    }
    ending = target.suffix.lower()
    if ending not in writers:
        raise InputError(f"{target.name}: the name must end in .csv, .parquet or .xlsx.")
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; nothing was written.")
    if ending == ".xlsx" and frame.height > XLSX_ROWS:
        raise InputError(f"{frame.height:,} rows do not fit a worksheet of {XLSX_ROWS:,}. Write .csv or .parquet instead.")
    with paths.new_file(target) as scratch:
        writers[ending](frame, scratch)


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """A table as the bytes of a csv file, in UTF-8; blank text is an empty field, as other programs expect."""
    return frame.with_columns(pl.col(pl.String).replace("", None)).write_csv().encode("utf-8")


def xlsx_bytes(frame: pl.DataFrame, notes: list[tuple[str, str]] | None = None) -> bytes:
    """A table as the bytes of a formatted workbook, for a download."""
    buffer = io.BytesIO()
    _write_xlsx(frame, buffer, notes or [])
    return buffer.getvalue()


def _write_xlsx(frame: pl.DataFrame, target: Path | io.BytesIO, notes: list[tuple[str, str]]) -> None:
    import xlsxwriter  # here and not above: most commands write no workbook

    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    handle = str(target) if isinstance(target, Path) else target
    with xlsxwriter.Workbook(handle, as_text) as book:
        _sheet(book, "Table", frame)
        if notes:
            _sheet(book, "Sources", pl.DataFrame(notes, schema=["Item", "Value"], orient="row"))


def _sheet(book: Any, name: str, frame: pl.DataFrame) -> None:
    decimals: dict[Any, str] = {
        column: FORMATS.get(kind.scale, "0.00") for column, kind in frame.schema.items() if isinstance(kind, pl.Decimal)
    }
    # Excel knows one kind of number; a decimal of up to 15 digits passes through it unchanged.
    numbers = frame.with_columns(pl.col(column).cast(pl.Float64) for column in decimals)
    numbers.write_excel(
        book,
        worksheet=name,
        column_formats=decimals,
        dtype_formats={pl.Date: "yyyy-mm-dd"},
        freeze_panes=(1, 0),
        autofit=frame.height <= 50_000,  # measuring every cell of a whole schedule takes longer than writing it
        header_format={"bold": True, "bottom": 1},
        table_style=None,
    )
