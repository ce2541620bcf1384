"""The priced batches as a file."""

import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from feecalc import export


def write(frames: Iterator[pl.DataFrame], schema: pl.Schema, target: Path) -> None:
    """Write batches to a file by its ending; without any, a file with the header and no rows."""
    empty = schema.to_frame()
    if target.suffix.lower() == ".parquet":
        _write_parquet(frames, schema, target)
    elif target.suffix.lower() == ".csv":
        with target.open("wb") as file:
            file.write(export.csv_bytes(empty, faithful=True))
            for frame in frames:
                frame.with_columns(pl.col(pl.String).replace("", None)).write_csv(file, include_header=False)
    else:
        export.write(pl.concat([empty, *frames]), target)


def _write_parquet(frames: Iterator[pl.DataFrame], schema: pl.Schema, target: Path) -> None:
    """Feed the batches to polars' streaming writer, which compresses one while the next is priced.

    The file says of its columns what `schema` does: the categories of the frames are the texts that they stand for.
    """
    empty = io.BytesIO()
    schema.to_frame().write_parquet(empty)
    empty.seek(0)
    first = next(frames, schema.to_frame())

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        yield first
        yield from frames

    register_io_source(source, schema=first.schema).sink_parquet(
        target, compression="lz4", statistics=False, maintain_order=True, metadata=pl.read_parquet_metadata(empty)
    )
