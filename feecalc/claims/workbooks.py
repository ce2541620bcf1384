"""Workbooks: the sheet that holds the claims, every cell as the text that it shows."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl

from feecalc.claims.files import CONTAINER, ZIPPED, File
from feecalc.claims.headers import LOOKED_AT, Finder, find_header
from feecalc.errors import InputError

# A workbook's charts are sheets without cells. The reader warns of each; without a handler, Python would print that.
logging.getLogger("calamine").addHandler(logging.NullHandler())


class ExcelTable:
    """The first sheet of a workbook that has the header of claims; a later one only where no other has it."""

    def __init__(self, file: File, find: Finder = find_header, what: str = "claims") -> None:
        cells, self.notes = _sheet_of(file, find, what)
        header = find(cells.iter_rows())
        if header is None:
            raise InputError(f"{file.name}: the first sheet is empty.")
        self.notes += header.notes
        self.first_row = header.place + 2
        # A date without a time is a cell that shows none.
        body = cells.slice(header.place + 1).select(
            pl.col(old).cast(pl.String).str.replace(r" 00:00:00$", "").alias(new)
            for old, new in zip(cells.columns, header.names(), strict=True)
        )
        body = body.head(_filled_rows(body))
        # Where only the titles above the header had cells, there is no column.
        nameless = [name for name, cell in zip(body.columns, header.cells, strict=True) if cell is None]
        self.frame = body.drop(name for name in nameless if body[name].null_count() == body.height)
        self.schema = self.frame.schema

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""
        yield self.frame if columns is None else self.frame.select(columns)


def _sheet_of(file: File, find: Finder, what: str) -> tuple[pl.DataFrame, list[str]]:
    """The cells of the sheet that holds the claims, and what is told of the others. Where none has their header, the first.

    Raises InputError where the first has no such header and several others do.
    """
    _refuse_other_kinds(file)
    with _readable(file):
        sheets = _sheet_names(file)
        cells = _cells(file, [1])[sheets[0]]
        tops = _cells(file, list(range(2, len(sheets) + 1)), n_rows=LOOKED_AT)
    if len(sheets) == 1:
        return cells, []
    first = find(cells.iter_rows())
    claims = [name for name, top in tops.items() if (found := find(top.iter_rows(), alone=False)) and found.known]
    if (first is not None and first.known) or not claims:
        more = [f"Not read, though their columns are those of {what} too: {', '.join(claims)}"] if claims else []
        return cells, [f"Read: the first of {len(sheets)} sheets, {sheets[0]}", *more]
    if len(claims) > 1:
        raise InputError(
            f"{file.name}: which sheet holds the {what}? Not the first, {sheets[0]}, but the columns of {', '.join(claims)} "
            f"are those of {what}. Delete the others, or save the one that is wanted as a file of its own."
        )
    with _readable(file):
        cells = _cells(file, [sheets.index(claims[0]) + 1])[claims[0]]
    return cells, [f"Read: {claims[0]}, the only one of {len(sheets)} sheets whose columns are those of {what}"]


def _refuse_other_kinds(file: File) -> None:
    """Say what a file is that bears the name of a workbook and is none that can be read."""
    with file.open() as opened:
        content = opened.read()
    if not content.startswith((CONTAINER, ZIPPED)):
        raise InputError(
            f"{file.name} is no workbook, whatever its name. If it holds text, name it .csv; else open it in a spreadsheet "
            "and save it as .xlsx."
        )
    if content.startswith(ZIPPED):
        return
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise InputError(f"{file.name} is protected with a password. Save it without one, or as .csv.")
    raise InputError(f"{file.name} is a workbook of the old kind, .xls, whatever its name. Save it as .xlsx or .csv.")


@contextmanager
def _readable(file: File) -> Iterator[None]:
    """Name the file where it cannot be read."""
    import fastexcel  # here and not above: most claims are no workbooks

    try:
        yield
    except (fastexcel.FastExcelError, OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{file.name} cannot be read as a workbook: it is damaged, or something else. Open it in a spreadsheet and save it "
            "anew, as .xlsx or .csv."
        ) from error


def _sheet_names(file: File) -> list[str]:
    import fastexcel

    return list(fastexcel.read_excel(file.source).sheet_names)


def _cells(file: File, sheets: list[int], **limits: Any) -> dict[str, pl.DataFrame]:
    """The cells of some sheets as text, by name; `skip_rows` keeps blank rows at the top, so that rows keep their numbers."""
    if not sheets:
        return {}
    return pl.read_excel(
        file.source,
        sheet_id=sheets,
        has_header=False,
        drop_empty_rows=False,
        infer_schema_length=0,
        raise_if_empty=False,
        read_options={"skip_rows": 0, **limits},
    )


def _filled_rows(frame: pl.DataFrame) -> int:
    """Rows up to the last that holds anything: a sheet often ends in rows that were only formatted."""
    filled = frame.select(pl.any_horizontal((pl.all().fill_null("").str.strip_chars() != "").fill_null(value=False)))
    found = filled.to_series().arg_true()
    return 0 if found.is_empty() else int(found[-1]) + 1
