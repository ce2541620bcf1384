"""The first reading of a claims file: which lines belong together, what the whole file decides, and where batches end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import polars as pl

from feecalc.claims.cleaning import claim_key, dates, without_point
from feecalc.claims.columns import Columns
from feecalc.claims.flow import WORKERS, ahead
from feecalc.claims.tables import Table

SHOWN_DUPLICATES = 10


@dataclass
class Runs:
    """Neighbouring lines of one claim (and day): where each run begins, and a number that stands for its claim.

    Files hold the lines of a claim together as a rule, so runs tell nearly all, and are few beside the lines.
    """

    starts: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.Int64))
    keys: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.UInt64))  # null where a line has no claim
    rows: int = 0
    span: tuple[int, int] | None = None  # the first and the last claim, where they are numbers that grow from run to run

    @classmethod
    def of(cls, parts: Sequence["Runs"]) -> "Runs":
        """The runs of a file from those of its parts; one that two parts share is one."""
        offsets = list(accumulate((part.rows for part in parts), initial=0))
        if not parts:
            return cls()
        starts = pl.concat([part.starts + offset for part, offset in zip(parts, offsets, strict=False)])
        keys = pl.concat([part.keys for part in parts])
        begins = keys.is_null() | keys.ne_missing(keys.shift())
        spans = [part.span for part in parts if part.span is not None]
        grows = len(spans) == len(parts) and all(before[1] <= after[0] for before, after in pairwise(spans))
        whole = (spans[0][0], spans[-1][1]) if grows else None
        return cls(starts.filter(begins), keys.filter(begins), offsets[-1], whole)

    @property
    def unique(self) -> bool:
        """Whether no claim lies in two places."""
        if self.span is not None:
            return True
        return self.keys.drop_nulls().n_unique() == self.keys.len() - self.keys.null_count()

    def rows_of(self, which: pl.Series) -> pl.DataFrame:
        """`row` and `key` of every line of some runs."""
        ends = self.starts.shift(-1, fill_value=self.rows)
        runs = pl.DataFrame({"start": self.starts, "end": ends, "key": self.keys}).filter(which)
        return runs.select(row=pl.int_ranges("start", "end"), key="key").explode("row")


def runs_of(claims: pl.Series, days: pl.Series | None = None) -> Runs:
    """The runs of lines of one claim, or of one claim and day. The keys are hashes; a line without a claim is its own run."""
    begins = claims.ne_missing(claims.shift()) | claims.is_null()
    if days is not None:
        begins |= days.ne_missing(days.shift())
    first = begins.scatter(0, True).arg_true()
    of_claim = claims.gather(first)
    keys = of_claim.hash(seed=1)
    grows = claims.dtype.is_integer() and not of_claim.has_nulls() and bool((of_claim > of_claim.shift()).all())
    span = (of_claim[0], of_claim[-1]) if grows else None
    if days is not None:
        keys ^= days.gather(first).hash(seed=2)
    return Runs(first.cast(pl.Int64), _blank(keys, of_claim.is_null()), claims.len(), span)


def _blank(series: pl.Series, where: pl.Series) -> pl.Series:
    return series.zip_with(~where, series.clear(1).new_from_index(0, series.len()))


@dataclass
class Survey:
    """What the whole file decides. `runs` are those of claims and days; None where no line has a claim. `days` are the first
    and the last date of service, as far as dates can be read.
    """

    rows: int
    days: tuple[Any, Any]
    runs: Runs | None
    ambiguous: bool
    duplicates: int
    duplicate_rows: list[tuple[int, ...]]
    notes: list[str]


def take_survey(table: Table, columns: Columns) -> Survey:
    """Read what tells claims and days apart."""
    claim, of = columns.claim, columns.of_contract
    identity = (of["claim_id"],) if "claim_id" in of else claim
    numbered = "line" in of and bool(claim)

    def look(frame: pl.DataFrame) -> _Part:
        days, day_first = dates(frame, columns)
        of_days = runs_of(_claims(frame, claim), days) if claim else None
        span = (None, None) if days is None else (days.min(), days.max())
        if not numbered:
            return _Part(frame.height, day_first, span, of_days)
        claims, numbers = _claims(frame, identity), _line_numbers(frame[of["line"]])
        of_claims = runs_of(claims)
        ends = ((claims[0], numbers[0]), (claims[-1], numbers[-1]))
        return _Part(frame.height, day_first, span, of_days, of_claims, _counts_up(numbers, of_claims.starts), *ends)

    frames = (frame for frame in table.frames(_identifying(columns, identity)) if frame.height)
    parts = [part for _, part in ahead(look, frames, WORKERS)]
    rows, ambiguous = sum(part.rows for part in parts), any(part.day_first for part in parts)
    of_days = [part.of_days for part in parts if part.of_days is not None]
    of_claims = [part.of_claims for part in parts if part.of_claims is not None]
    counts_up = all(part.counts_up for part in parts) and all(map(_follows, parts, parts[1:]))
    runs = Runs.of(of_days) if claim else None
    # Where no claim lies in two places and its lines count upwards, no two lines share claim and number.
    plain = not numbered or (counts_up and Runs.of(of_claims).unique)
    count, shown = (0, []) if plain else _duplicates(table, identity, of["line"])
    alone = runs.keys.null_count() if runs is not None else 0
    notes = [f"{alone:,} lines have no {' or no '.join(claim)}: each is priced as a day of its own."] if alone else []
    days = [day for part in parts for day in part.span if day is not None]
    return Survey(rows, (min(days, default=None), max(days, default=None)), runs, ambiguous, count, shown, notes)


class _Part(NamedTuple):
    """What the survey sees in a part of the file. `first` and `last` are claim and number of its first and last line."""

    rows: int
    day_first: bool
    span: tuple[Any, Any]
    of_days: Runs | None
    of_claims: Runs | None = None
    counts_up: bool = True
    first: tuple[Any, Any] = (None, None)
    last: tuple[Any, Any] = (None, None)


def _identifying(columns: Columns, identity: Sequence[str]) -> list[str]:
    """The columns of the file that tell claims and days apart."""
    of = columns.of_contract
    needed = [*columns.claim, *identity, *(of[name] for name in ("line", "service_date") if name in of)]
    return list(dict.fromkeys(needed)) or [of["hcpcs"]]


def _duplicates(table: Table, identity: Sequence[str], line: str) -> tuple[int, list[tuple[int, ...]]]:
    """How many lines share claim and number with another, and the rows of the first such groups."""
    keys = []
    for frame in table.frames(list(dict.fromkeys([*identity, line]))):
        claims, numbers = _claims(frame, identity), _line_numbers(frame[line])
        keys.append(_blank(claims.hash(seed=1) ^ numbers.hash(seed=2), claims.is_null()))
    lines = pl.DataFrame({"key": pl.concat(keys)}).with_row_index("row").drop_nulls()
    twice = lines.filter(pl.col("key").is_duplicated())
    groups = twice.group_by("key", maintain_order=True).agg("row").head(SHOWN_DUPLICATES)
    return twice.height, [tuple(rows) for rows in groups["row"].to_list()]


def _follows(part: _Part, following: _Part) -> bool:
    """Whether the numbers of a claim that two parts share go on upwards."""
    (claim, number), (next_claim, next_number) = part.last, following.first
    return claim is None or claim != next_claim or bool(number and next_number and number < next_number)


def _claims(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    return frame.select(claim_key(frame.schema, columns)).to_series()


def _line_numbers(column: pl.Series) -> pl.Series:
    """The numbers of lines, or the texts that stand for them."""
    return column if column.dtype.is_numeric() else without_point(column.cast(pl.String))


def _counts_up(numbers: pl.Series, starts: pl.Series) -> bool:
    """Whether each line's number is above that of the line before, but for the first lines of runs."""
    if not numbers.dtype.is_integer():
        numbers = numbers.cast(pl.Int64, strict=False)
    above = (numbers > numbers.shift()).fill_null(value=False)
    return bool(above.scatter(starts, True).all()) and not numbers.has_nulls()


def plan(runs: Runs | None, rows: int, size: int) -> tuple[list[int], pl.DataFrame]:
    """Batches of at least `size` rows that end where a claim ends, and the rows of claims that lie in several of them.

    Returns the ends of the batches, and `row`, `part` of the scattered lines: the lines of a claim are in one part, and a
    part has about `size` rows.
    """
    nothing = pl.DataFrame(schema={"row": pl.Int64, "part": pl.Int64})
    if runs is None:
        return [*range(size, rows, size), rows] if rows else [], nothing
    starts = runs.starts
    ends: list[int] = []
    while rows and (not ends or ends[-1] < rows):
        at = int(starts.search_sorted((ends[-1] if ends else 0) + size))
        ends.append(int(starts[at]) if at < starts.len() else rows)
    if runs.unique:
        return ends, nothing
    batch = pl.Series(ends).search_sorted(starts, side="right")
    spread = (
        pl.DataFrame({"key": runs.keys, "batch": batch})
        .drop_nulls()
        .group_by("key")
        .agg(pl.col("batch").n_unique())
        .filter(pl.col("batch") > 1)["key"]
    )
    # The key is a hash: two claims that share one are only collected together, never priced as one.
    scattered = runs.rows_of(runs.keys.is_in(spread.implode()).fill_null(value=False))
    sizes = scattered.group_by("key", maintain_order=True).len()
    parts = sizes.select("key", part=(pl.col("len").cast(pl.Int64).cum_sum() - pl.col("len")) // size)
    return ends, scattered.join(parts, on="key", how="left", maintain_order="left").select("row", "part")
