"""Checks that several readers share. Each lists every bad row, never only the first."""

from collections.abc import Sequence

import polars as pl

from feecalc.cms.tabular import ROW
from feecalc.errors import Problem


def many(count: int, noun: str) -> str:
    """A count with its noun, for notes: "1 row", "1,071 lines"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def bad_rows(
    frame: pl.DataFrame, bad: pl.Expr, file: str, message: str, column: str | None = None, value: pl.Expr | None = None
) -> list[Problem]:
    """One Problem for each row of `frame` where `bad` holds, in the order of the file. `value` is shown if given."""
    found = frame.filter(bad).sort(ROW).select(ROW, (pl.lit(None) if value is None else value).cast(pl.String).alias("v"))
    return [Problem(file, message, row, column, shown) for row, shown in found.iter_rows()]


def duplicates(frame: pl.DataFrame, key: Sequence[str], file: str, columns: str) -> list[Problem]:
    """One Problem for each row whose key an earlier row of the file has already."""
    ordered = frame.sort(ROW)
    repeated = ordered.filter(~pl.struct(key).is_first_distinct())
    if repeated.is_empty():
        return []
    first = ordered.unique(key, keep="first").select(*key, pl.col(ROW).alias("first_row"))
    shown = pl.concat_str(key, separator=" ").str.strip_chars()
    pairs = repeated.join(first, on=list(key), nulls_equal=True).sort(ROW).select(ROW, "first_row", shown.alias("v"))
    return [Problem(file, f"the same {columns} as row {first}", row, None, v) for row, first, v in pairs.iter_rows()]


def missing(left: pl.DataFrame, right: pl.DataFrame, key: Sequence[str]) -> list[tuple[str, ...]]:
    """Keys of `left` that `right` does not have, sorted."""
    return left.select(key).join(right.select(key), on=list(key), how="anti").unique().sort(key).rows()
