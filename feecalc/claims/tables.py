"""Claims files as frames of rows, whatever their kind: parquet here, workbooks and delimited text in modules of their own."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from feecalc.claims.delimited import CsvTable
from feecalc.claims.files import File, damage
from feecalc.claims.headers import Finder, find_header
from feecalc.claims.workbooks import ExcelTable
from feecalc.errors import InputError


class Table(Protocol):
    """A claims file: its columns, the number that a person gives its first row, and its rows in frames of any size."""

    schema: pl.Schema
    first_row: int
    notes: list[str]

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""


def open_table(source: Path | File, find: Finder = find_header, what: str = "claims") -> Table:
    """Open a file of claims, or of `what` else, by its ending: .parquet, .xlsx, or .csv, .tsv, .txt; `find` finds its header.

    Raises InputError where it cannot be read.
    """
    file = File.of(source)
    kinds: dict[str, Callable[[File], Table]] = {".parquet": ParquetTable, ".xlsx": lambda f: ExcelTable(f, find, what)}
    kinds |= dict.fromkeys((".csv", ".tsv", ".txt"), lambda f: CsvTable(f, find))
    if file.ending == ".xls":
        raise InputError(f"{file.name} is a workbook of the old kind, .xls. Save it as .xlsx or .csv.")
    if file.ending not in kinds:
        raise InputError(f"{file.name}: a {what} file is .csv, .parquet or .xlsx.")
    if not file.size:
        raise InputError(f"{file.name} is empty: it has 0 bytes.")
    with damage(file):
        return kinds[file.ending](file)


def whole(table: Table, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """All rows of a small file as text without blanks around it, "" where there is none; of some columns or all."""
    frames = list(table.frames(columns))
    frame = pl.concat(frames) if frames else table.schema.to_frame().select(columns or pl.all())
    nested = [name for name, kind in frame.schema.items() if kind.is_nested() or kind == pl.Binary]
    if nested:
        raise InputError(f"Column {nested[0]} holds {frame.schema[nested[0]]}, where feecalc reads text and numbers.")
    floats = [name for name, kind in frame.schema.items() if kind.is_float()]
    texts = frame.with_columns(pl.col(floats).fill_nan(None)).with_columns(pl.all().cast(pl.String))
    return texts.with_columns(pl.all().str.replace_all("\u00a0", " ", literal=True).str.strip_chars().fill_null(""))


class ParquetTable:
    """A parquet file, read by row groups."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.schema = pl.Schema(pl.read_parquet_schema(file.source))
        self.first_row = 1
        self.notes: list[str] = []

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""
        lazy = pl.scan_parquet(self.file.source, glob=False)
        if columns is not None:
            lazy = lazy.select(columns)
        with damage(self.file):
            # A few columns are read to be looked through: the calls cost more than the rows where frames are small.
            yield from lazy.collect_batches(chunk_size=1 << (18 if columns is None else 20))
