"""The priced buckets of a claims file, put together in the order of the file."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import export, paths
from feecalc.claims import Columns, Progress, Summary
from feecalc.claims.survey import SHOWN_DUPLICATES
from feecalc.claims.writing import write
from feecalc.errors import InputError
from feecalc.pricing.lines import ADDED
from feecalc.scale.buckets import ROW, Split
from feecalc.scale.priced import priced_file

WINDOW = 1 << 21  # rows of the joined file that are laid in order at once


def join(folder: Path, priced: Path, target: Path, progress: Progress | None = None) -> Summary:
    """Put the priced buckets of a split folder together: the file, the rejects and the summary that `reprice` would give.

    Raises InputError with a list where buckets are missing, of another split, or priced by other schedules than the rest.
    """
    told_of = Split.of(folder)
    if target.suffix.lower() not in (".csv", ".parquet", ".xlsx"):
        raise InputError(f"{target.name}: the name must end in .csv, .parquet or .xlsx.")
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; nothing was written.")
    if target.suffix.lower() == ".xlsx" and told_of.rows > export.XLSX_ROWS:
        raise InputError(
            f"{told_of.rows:,} rows do not fit a worksheet of {export.XLSX_ROWS:,}. Write .csv or .parquet instead."
        )
    reports = _reports(told_of, priced)
    files = [priced_file(priced, bucket, "parquet") for bucket in range(1, told_of.buckets + 1)]
    schema = pl.Schema({name: kind for name, kind in pl.read_parquet_schema(files[0]).items() if name != ROW})
    flat = target.suffix.lower() != ".parquet"
    nested = [name for name, kind in schema.items() if kind.is_nested()]
    if flat and nested:
        raise InputError(f"Only .parquet can hold the lists of {', '.join(nested)}.")
    problems = pl.concat(
        pl.read_parquet(priced_file(priced, bucket, "rejects.parquet")) for bucket in range(1, told_of.buckets + 1)
    )
    rejects = target.with_name(f"{target.stem}.rejects.csv")
    with paths.new_file(target) as scratch:
        write(_in_order(told_of, files, flat, progress), schema, scratch)
        if problems.height:
            with paths.new_file(rejects) as other:
                other.write_bytes(export.csv_bytes(problems.sort("row", maintain_order=True)))
    if not problems.height:
        rejects.unlink(missing_ok=True)
    return _whole(told_of, reports, rejects if problems.height else None)


def _in_order(told_of: Split, files: Sequence[Path], flat: bool, progress: Progress | None) -> Iterator[pl.DataFrame]:
    """The lines of all buckets in the order of the claims file, some at a time. A bucket's own lines are in that order."""
    window = (pl.col(ROW) - told_of.first_row) // WINDOW
    shares = [dict(pl.scan_parquet(file, glob=False).group_by(window).agg(pl.len()).collect().iter_rows()) for file in files]
    few = _few_texts(files[0], told_of)
    taken = [0] * len(files)
    done = 0
    for number in range(-(-told_of.rows // WINDOW)):
        parts = []
        for place, (file, share) in enumerate(zip(files, shares, strict=True)):
            if count := share.get(number, 0):
                parts.append(pl.scan_parquet(file, glob=False).slice(taken[place], count))
                taken[place] += count
        frame = pl.concat(pl.collect_all(parts)).sort(ROW)
        expected = min(WINDOW, told_of.rows - done)
        if frame.height != expected or frame[ROW].n_unique() != expected:
            first = done + told_of.first_row
            raise InputError(
                f"Rows {first:,} to {first + expected - 1:,}: the priced buckets hold {frame.height:,} lines of them."
            )
        done += expected
        frame = frame.drop(ROW)
        yield frame if flat else frame.with_columns(pl.col(few).cast(pl.Categorical))
        if progress is not None:
            progress(done, told_of.rows)


def _few_texts(file: Path, told_of: Split) -> list[str]:
    """The columns of few different texts: as categories they are written several times faster."""
    texts = {name for name, kind in pl.read_parquet_schema(file).items() if kind == pl.String}
    columns = Columns.of([name for name in pl.read_parquet_schema(file) if name not in (*ADDED, ROW)], told_of.group_by)
    return [name for name in (*columns.texts, *ADDED) if name in texts]


def _reports(told_of: Split, priced: Path) -> list[dict[str, Any]]:
    """The reports of all buckets. Raises InputError with a list of what is missing or does not fit."""
    reports, missing, foreign = [], [], []
    for bucket in range(1, told_of.buckets + 1):
        file = priced_file(priced, bucket, "json")
        if not file.is_file() or not priced_file(priced, bucket, "parquet").is_file():
            missing.append(bucket)
            continue
        reports.append(json.loads(file.read_text(encoding="utf-8")))
        if reports[-1]["split"] != told_of.id:
            foreign.append(bucket)
    if missing:
        raise InputError(f"{len(missing):,} of {told_of.buckets:,} buckets are not priced in {priced}: {_spans(missing)}.")
    if foreign:
        raise InputError(f"Buckets of another split lie in {priced}: {_spans(foreign)}. Price them again, into a new folder.")
    [(usual, often), *_] = Counter(report["schedule"] for report in reports).most_common(1)
    if often < len(reports):
        others = [report["bucket"] for report in reports if report["schedule"] != usual]
        raise InputError(
            f"These buckets were priced with other releases, or another version of feecalc, than the rest: {_spans(others)}. "
            "Give every machine the same and price them again."
        )
    return reports


def _spans(numbers: Sequence[int]) -> str:
    """1, 2, 3, 7 as 1-3, 7."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in spans)


def _whole(told_of: Split, reports: Sequence[dict[str, Any]], rejects: Path | None) -> Summary:
    """The summary of the file from those of its buckets."""
    whole = Summary(lines=told_of.rows, rejects=rejects, notes=list(told_of.notes))
    for report in reports:
        whole.outcomes.update(report["outcomes"])
        whole.allowed += Decimal(report["allowed"])
        whole.repairs.update(report["repairs"])
        whole.rejected_lines += report["rejected_lines"]
        whole.duplicates += report["duplicates"]
        whole.duplicate_rows += [tuple(rows) for rows in report["duplicate_rows"]]
    whole.duplicate_rows = sorted(whole.duplicate_rows)[:SHOWN_DUPLICATES]
    return whole
