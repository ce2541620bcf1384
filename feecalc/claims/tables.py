"""Claims files as frames of rows, whatever their kind: parquet here, workbooks and delimited text in modules of their own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import polars as pl

from feecalc.claims.delimited import CsvTable
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


def open_table(path: Path, find: Finder = find_header, what: str = "claims") -> Table:
    """Open a file of claims, or of `what` else, by its ending: .parquet, .xlsx, or .csv, .tsv, .txt; `find` finds its header.

    Raises InputError where it cannot be read.
    """
    kinds: dict[str, Callable[[Path], Table]] = {".parquet": ParquetTable, ".xlsx": lambda p: ExcelTable(p, find, what)}
    kinds |= dict.fromkeys((".csv", ".tsv", ".txt"), lambda p: CsvTable(p, find))
    if path.suffix.lower() == ".xls":
        raise InputError(f"{path.name} is a workbook of the old kind, .xls. Save it as .xlsx or .csv.")
    if path.suffix.lower() not in kinds:
        raise InputError(f"{path.name}: a {what} file is .csv, .parquet or .xlsx.")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty: it has 0 bytes.")
    with damage(path):
        return kinds[path.suffix.lower()](path)


@contextmanager
def damage(source: Path) -> Iterator[None]:
    """Name the file where polars cannot read it. The words of polars may hold values of the file, so they are left out."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{source.name} cannot be read as {source.suffix[1:]}: it is damaged, or something else.") from error


class ParquetTable:
    """A parquet file, read by row groups."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema = pl.Schema(pl.read_parquet_schema(path))
        self.first_row = 1
        self.notes: list[str] = []

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""
        lazy = pl.scan_parquet(self.path, glob=False)
        if columns is not None:
            lazy = lazy.select(columns)
        with damage(self.path):
            # A few columns are read to be looked through: the calls cost more than the rows where frames are small.
            yield from lazy.collect_batches(chunk_size=1 << (18 if columns is None else 20))
