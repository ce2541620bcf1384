"""A claims file from its path to the priced file: survey, batches, and the lines of scattered claims."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from feecalc import export, paths
from feecalc.api import OpenSchedule
from feecalc.claims.cleaning import clean, compact
from feecalc.claims.columns import Columns
from feecalc.claims.files import damage
from feecalc.claims.flow import WORKERS, ahead, batches
from feecalc.claims.survey import Survey, plan, take_survey
from feecalc.claims.tables import Table, open_table
from feecalc.claims.told import Summary, Told
from feecalc.claims.writing import write
from feecalc.errors import InputError

BATCH = 700_000  # rows that are priced at once
EXPLAINED_BATCH = 50_000  # the words of an explanation take far more room than its numbers

Progress = Callable[[int, int], None]


def reprice(
    source: Path,
    target: Path,
    opened: OpenSchedule,
    *,
    group_by: Sequence[str] = (),
    explain: bool = False,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> Summary:
    """Price a claims file into `target`: every row and column of it in its order, with the answer beside it.

    `group_by` names the columns that, with the date, mean one patient's day with one practitioner, in place of claim_id.
    `progress` hears of the lines done and of all lines. Values that cannot be read go to `<target>.rejects.csv`. Raises
    InputError for a file that cannot be read; then nothing is written.
    """
    rejects = target.with_name(f"{target.stem}.rejects.csv")
    _check_paths(source, target, rejects)
    table = open_table(source)
    job = Job(table, Columns.of(table.schema.names(), group_by), opened, explain, flat=target.suffix.lower() != ".parquet")
    with damage(source):
        survey = take_survey(table, job.columns)
    if target.suffix.lower() == ".xlsx" and survey.rows > export.XLSX_ROWS:
        raise InputError(
            f"{survey.rows:,} rows do not fit a worksheet of {export.XLSX_ROWS:,}. Write .csv or .parquet instead."
        )
    told = job.told
    with paths.new_file(target) as scratch:
        write(job.priced(survey, min(batch, EXPLAINED_BATCH) if explain else batch, progress), job.output_schema, scratch)
        problems = told.problems_table(table.first_row)
        if problems.height:
            with paths.new_file(rejects) as other:
                other.write_bytes(export.csv_bytes(problems))
    if not problems.height:
        rejects.unlink(missing_ok=True)
    summary = told.summary
    summary.lines = survey.rows
    summary.repairs = told.repairs
    summary.rejected_lines = problems["row"].n_unique()
    summary.rejects = rejects if problems.height else None
    summary.duplicates = survey.duplicates
    summary.duplicate_rows = [tuple(row + table.first_row for row in rows) for rows in survey.duplicate_rows]
    summary.notes = [*table.notes, *job.columns.notes, *survey.notes]
    return summary


def _check_paths(source: Path, target: Path, rejects: Path) -> None:
    """Everything about the names that can be wrong, before any work is done."""
    if target.suffix.lower() not in (".csv", ".parquet", ".xlsx"):
        raise InputError(f"{target.name}: the name must end in .csv, .parquet or .xlsx.")
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; nothing was written.")
    if not source.is_file():
        raise InputError(f"{source} is not a file.")
    for written in (target, rejects):
        if written.exists() and written.samefile(source):
            raise InputError(f"{written} is the claims file itself. Give the output another name.")


class Job:
    """One claims file on its way through, batch after batch."""

    def __init__(self, table: Table, columns: Columns, opened: OpenSchedule, explain: bool, flat: bool) -> None:
        self.table, self.columns, self.opened, self.explain, self.flat = table, columns, opened, explain, flat
        self.told = Told()
        blank = table.schema.to_frame().clear(1)  # a line of nulls tells which columns pricing adds
        self.added = self._price(clean(blank, pl.Series([0]), columns, Told())).schema
        taken = {name.lower() for name in self.added}
        clash = [name for name in table.schema if name.strip().lower() in taken]
        if clash:
            raise InputError(f"Rename these columns first, feecalc writes them itself: {', '.join(clash)}.")
        nested = [name for name, kind in table.schema.items() if kind.is_nested()]
        if flat and nested:
            raise InputError(f"Only .parquet can hold the lists of {', '.join(nested)}.")
        words = {name: pl.String() for name, kind in self.added.items() if isinstance(kind, pl.Categorical | pl.Enum)}
        self.output_schema = pl.Schema({**table.schema, **self.added, **words})

    def _price(self, cleaned: pl.DataFrame) -> pl.DataFrame:
        """Only what pricing adds, row by row."""
        added = self.opened.answers(cleaned, self.explain)
        if self.flat:
            added = added.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String))
            added = added.with_columns(_as_json(name) for name, kind in added.schema.items() if kind.is_nested())
        return added

    def priced(self, survey: Survey, size: int, progress: Progress | None) -> Iterator[pl.DataFrame]:
        """The file's rows with the answer beside them, batch after batch."""
        ends, scattered = plan(survey.runs, survey.rows, evenly(survey.rows, size))
        survey.runs = None  # nobody needs them any more
        if survey.rows > size:  # else no two batches could ask for the rules at the same time
            self.opened.prepare(*survey.days)
        done = 0

        def tell(rows: int) -> None:
            nonlocal done
            done += rows
            if progress is not None:
                progress(done, survey.rows)

        waiting = self._collect(scattered, survey.ambiguous, tell)

        def work(task: _Task) -> tuple[pl.DataFrame, pl.DataFrame, Told]:
            frame = task.frame if self.flat else compact(task.frame, self.columns)
            told = Told()
            return frame, self._answers(frame, task.rows, _widen(task.ready, self.added), survey.ambiguous, told), told

        def tasks() -> Iterator[_Task]:
            nonlocal waiting
            start = 0
            for frame in batches(self.table.frames(), ends):
                rows = pl.int_range(start, start + frame.height, dtype=pl.Int64, eager=True)
                start += frame.height
                ready, waiting = _split_at(waiting, start)
                yield _Task(frame, rows, ready)

        for task, (frame, answer, told) in ahead(work, tasks(), WORKERS):
            self.told.add(told)
            self._count(answer)
            yield frame.hstack(answer)
            tell(frame.height - task.ready.height)

    def _answers(self, frame: pl.DataFrame, rows: pl.Series, ready: pl.DataFrame, ambiguous: bool, told: Told) -> pl.DataFrame:
        """The answers of a batch: those that are ready, and the others priced now, in the order of the rows."""
        if ready.is_empty():
            return self._price(self._clean(frame, rows, ambiguous, told))
        own = ~rows.is_in(ready["row"].implode())
        if not own.any():
            return ready.drop("row")
        priced = self._price(self._clean(frame.filter(own), rows.filter(own), ambiguous, told))
        return pl.concat([priced.insert_column(0, rows.filter(own).alias("row")), ready]).sort("row").drop("row")

    def _clean(self, frame: pl.DataFrame, rows: pl.Series, ambiguous: bool, told: Told) -> pl.DataFrame:
        return clean(frame, rows, self.columns, told, ambiguous)

    def _collect(self, scattered: pl.DataFrame, ambiguous: bool, tell: Callable[[int], None]) -> pl.DataFrame:
        """Price the lines of scattered claims, claims whole, and give the answers by row. Reads the file once for each part."""
        answers = [_narrow(pl.DataFrame(schema={"row": pl.Int64, **self.added}))]
        for part in scattered.partition_by("part", maintain_order=True) if scattered.height else []:
            rows = part["row"].cast(pl.Int64)
            found, start = [], 0
            for frame in self.table.frames(self.columns.needed):
                here = rows.slice(*_between(rows, start, start + frame.height))
                found.append(frame[here - start])
                start += frame.height
            priced = self._price(self._clean(pl.concat(found), rows, ambiguous, self.told))
            answers.append(_narrow(priced.insert_column(0, rows.alias("row"))))
            tell(rows.len())
        return pl.concat(answers).sort("row")

    def _count(self, answer: pl.DataFrame) -> None:
        summary = self.told.summary
        summary.outcomes.update(dict(answer["outcome"].value_counts().iter_rows()))
        summary.allowed += Decimal(answer["allowed"].sum() or 0)


class _Task(NamedTuple):
    """A batch of the file, the places of its rows, and those of its answers that are ready."""

    frame: pl.DataFrame
    rows: pl.Series
    ready: pl.DataFrame


def evenly(rows: int, size: int) -> int:
    """A size near the one wished for, of which all workers have as many batches: none of them waits for the last of another."""
    if rows <= size:
        return max(1, size)
    rounds = max(1, round(rows / (size * WORKERS)))
    return -(-rows // (rounds * WORKERS))


def _between(rows: pl.Series, start: int, end: int) -> tuple[int, int]:
    """Offset and length of the rows from `start` to before `end` in a sorted series."""
    first, last = int(rows.search_sorted(start)), int(rows.search_sorted(end))
    return first, last - first


def _split_at(waiting: pl.DataFrame, end: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answers of rows before `end`, and the others."""
    at = int(waiting["row"].search_sorted(end))
    return waiting.head(at), waiting.slice(at)


def _narrow(answers: pl.DataFrame) -> pl.DataFrame:
    """Answers that wait, in half their room: amounts as whole numbers."""
    amounts = [name for name, kind in answers.schema.items() if isinstance(kind, pl.Decimal)]
    return answers.with_columns(pl.col(name).to_physical().cast(pl.Int64) for name in amounts)


def _widen(answers: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Narrow answers as pricing gave them."""
    amounts = {name: kind for name, kind in schema.items() if isinstance(kind, pl.Decimal)}
    return answers.with_columns(pl.col(name).cast(pl.Int128).reinterpret(dtype=kind) for name, kind in amounts.items())


def _as_json(column: str) -> pl.Expr:
    """A list of records as JSON text."""
    steps = pl.col(column).list.eval(pl.element().struct.json_encode()).list.join(",")
    return pl.concat_str(pl.lit("["), steps, pl.lit("]")).alias(column)
