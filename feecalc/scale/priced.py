"""One bucket of a split claims file, priced."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import paths
from feecalc.api import OpenSchedule
from feecalc.claims import BATCH, Columns, Progress, Summary, Told, clean, damage
from feecalc.claims.job import Job
from feecalc.claims.survey import take_survey
from feecalc.claims.writing import write
from feecalc.errors import InputError
from feecalc.scale.buckets import MANIFEST, ROW, Split, bucket_folder
from feecalc.scale.schedules import fingerprint


def price_bucket(
    folder: Path,
    bucket: int,
    of: int,
    into: Path,
    opened: OpenSchedule,
    *,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> Summary:
    """Price bucket `bucket` of `of` of a split folder into the folder `into`: its lines, then the answer, in the file's order.

    Writes priced-<bucket>.parquet, beside it its values that cannot be read, and last of all priced-<bucket>.json; a bucket
    that was priced before is replaced. Raises InputError where the folder was split into another number of buckets, or where
    lines are missing from the bucket.
    """
    told_of = Split.of(folder)
    if of != told_of.buckets or not 1 <= bucket <= of:
        raise InputError(
            f"{folder} has the buckets 1/{told_of.buckets} to {told_of.buckets}/{told_of.buckets}, not {bucket}/{of}."
        )
    table = _Bucket(folder, told_of, bucket)
    names = [name for name in table.schema.names() if name != ROW]
    job = _BucketJob(table, Columns.of(names, told_of.group_by), opened, explain=False, flat=False)
    target, rejects, report = (priced_file(into, bucket, ending) for ending in ("parquet", "rejects.parquet", "json"))
    with damage(folder / f"bucket-{bucket:05}.parquet"):
        survey = take_survey(table, job.columns)
        if survey.rows != told_of.lines[bucket - 1]:
            raise InputError(
                f"Bucket {bucket} of {folder} has {survey.rows:,} lines, where {MANIFEST} says {told_of.lines[bucket - 1]:,}. "
                "Its files are not complete: copy or split again."
            )
        survey.ambiguous = told_of.ambiguous
        shown = _numbers(table, [row for rows in survey.duplicate_rows for row in rows])
        into.mkdir(parents=True, exist_ok=True)
        report.unlink(missing_ok=True)  # a bucket is priced when it has its report
        with paths.new_file(target) as scratch:
            write(job.priced(survey, batch, progress), job.output_schema, scratch)
    problems = job.told.problems_table(table.first_row)
    with paths.new_file(rejects) as scratch:
        problems.write_parquet(scratch)
    summary = job.told.summary
    summary.lines = survey.rows
    summary.repairs = job.told.repairs
    summary.rejected_lines = problems["row"].n_unique()
    summary.rejects = rejects if problems.height else None
    summary.duplicates = survey.duplicates
    summary.duplicate_rows = [tuple(shown[row] for row in rows) for rows in survey.duplicate_rows]
    with paths.new_file(report) as scratch:
        said = _as_json(summary) | {"split": told_of.id, "bucket": bucket, "schedule": fingerprint(opened.schedule)}
        scratch.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return summary


def priced_file(folder: Path, bucket: int, ending: str) -> Path:
    """A file of a priced bucket: parquet, rejects.parquet or json."""
    return folder / f"priced-{bucket:05}.{ending}"


class _Bucket:
    """A bucket as a claims file: the columns of the file and the numbers of the rows, which come along with any others."""

    def __init__(self, folder: Path, split: Split, bucket: int) -> None:
        parts = sorted(bucket_folder(folder, bucket).glob("part-*.parquet"))
        self.files = [folder / "schema.parquet", *parts]
        self.schema = pl.Schema(pl.read_parquet_schema(self.files[0]))
        self.first_row = split.first_row
        self.notes: list[str] = []

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""
        lazy = pl.scan_parquet(self.files, glob=False)
        if columns is not None:
            lazy = lazy.select(list(dict.fromkeys([*columns, ROW])))
        yield from lazy.collect_batches(chunk_size=1 << 18, maintain_order=True)


class _BucketJob(Job):
    """The pricing of a bucket: that of a claims file, but for the rows, which keep their places in the whole file."""

    def _clean(self, frame: pl.DataFrame, rows: pl.Series, ambiguous: bool, told: Told) -> pl.DataFrame:
        return clean(frame, frame[ROW] - self.table.first_row, self.columns, told, ambiguous)


def _numbers(table: _Bucket, places: Sequence[int]) -> dict[int, int]:
    """The numbers in the claims file of some rows of a bucket."""
    wanted, start = pl.Series(places, dtype=pl.Int64).unique(), 0
    found: dict[int, int] = {}
    for frame in table.frames([]) if places else ():
        here = wanted.filter(wanted.is_between(start, start + frame.height, closed="left"))
        found |= dict(zip(here, frame[ROW].gather(here - start), strict=True))
        start += frame.height
    return found


def _as_json(summary: Summary) -> dict[str, Any]:
    return {
        "lines": summary.lines,
        "outcomes": dict(summary.outcomes),
        "allowed": str(summary.allowed),
        "repairs": dict(summary.repairs),
        "rejected_lines": summary.rejected_lines,
        "duplicates": summary.duplicates,
        "duplicate_rows": summary.duplicate_rows,
    }
