"""Lines that are alike in everything that a rule asks of a line by itself are of one kind, and one of them stands for all.

A claims file has millions of lines and some ten thousands of kinds: the gates, the modifiers and the row of the fee schedule
are worked out once a kind, and laid beside its lines.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import polars as pl

ROOM = 2**62  # how far a number that packs several columns may reach
DIRECT = 2**24  # up to where it is looked up in a table,
SPARE = 8  # and no table has more than so many places a line: an emptier one takes longer than a join
FEW = 2_000  # lines: so many are priced one by one, as telling their kinds apart would take longer


@dataclass(frozen=True)
class Kinds:
    """`of_line`: the number of each line's kind; `first`: the first line of each kind. None: each line is of its own kind."""

    of_line: pl.Series | None = None
    first: pl.Series | None = None

    def one_of_each(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One line of each kind."""
        return lines if self.first is None else lines[self.first]

    def lay(self, worked: pl.DataFrame) -> pl.DataFrame:
        """What was worked out for the kinds, one row a line."""
        if self.of_line is None:
            return worked
        if self.of_line.len() <= FEW:
            return worked[self.of_line]
        # Most questions are about rare lines: a column that says the same throughout need not be looked up.
        same = [name for name in worked.columns if _all_alike(worked[name])]
        laid = worked.drop(same)[self.of_line]
        return laid.with_columns(worked[name].head(1).new_from_index(0, laid.height) for name in same).select(worked.columns)

    def of(self, lines: pl.DataFrame) -> pl.Series:
        """The kinds of some lines, by their `_row`."""
        return lines["_row"] if self.of_line is None else self.of_line.gather(lines["_row"])


@dataclass(frozen=True)
class WorkedOut:
    """What the rules say of each kind of line and of each place, before any line's amount. One row a kind, one a place."""

    kinds: Kinds
    by_kind: pl.DataFrame
    places: Kinds
    by_place: pl.DataFrame

    def lay(self, of_kind: Sequence[str] | None, of_place: Sequence[str] | None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Some of it (None: all) for every line, one row a line."""
        some = self.by_kind if of_kind is None else self.by_kind.select(of_kind)
        some_of_places = self.by_place if of_place is None else self.by_place.select(of_place)
        return self.kinds.lay(some), self.places.lay(some_of_places)

    def beside(self, lines: pl.DataFrame, *columns: str) -> pl.DataFrame:
        """Some lines with more of what was worked out for their kinds: what only a few lines need is not laid beside all."""
        return lines.with_columns(self.by_kind.select(columns)[self.kinds.of(lines)])

    def beside_places(self, lines: pl.DataFrame, *columns: str) -> pl.DataFrame:
        """The same of what was worked out for their places."""
        return lines.with_columns(self.by_place.select(columns)[self.places.of(lines)])


def _all_alike(column: pl.Series) -> bool:
    """Whether a column is null throughout, or a number or an answer of yes or no that is the same throughout."""
    nulls = column.null_count()
    if nulls or column.is_empty():
        return nulls > 0 and nulls == column.len()
    return (column.dtype.is_integer() or column.dtype == pl.Boolean) and column.min() == column.max()


class Memory:
    """What was worked out for the kinds met so far: each batch of a file brings few new ones."""

    MOST = 200_000  # kinds that are kept of one shape of frames
    MOST_FEW = 10_000
    SHAPES = 4  # of frames (columns and their types) of which kinds are kept

    def __init__(self, work: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self._work = work
        self._known: dict[Any, tuple[pl.DataFrame, pl.DataFrame]] = {}  # by the columns that tell the kinds apart
        self._few: dict[Any, tuple[dict[Any, int], pl.DataFrame]] = {}
        self._lock = Lock()

    def of_few(self, alike: pl.DataFrame) -> tuple[Kinds, pl.DataFrame]:
        """What is known of each of a few lines, looked up one by one: quick where they are like lines that came before."""
        schema, rows = tuple(alike.schema.items()), alike.rows()
        with self._lock:
            if schema not in self._few:
                _drop_oldest(self._few, self.SHAPES)
            places, worked = self._few.get(schema) or ({}, pl.DataFrame())
            if len(places) > self.MOST_FEW:
                places, worked = {}, pl.DataFrame()
            fresh = {row: place for place, row in enumerate(rows) if row not in places}
            if fresh or not worked.width:
                found = self._work(alike[list(fresh.values())])
                places = places | {row: worked.height + number for number, row in enumerate(fresh)}
                worked = pl.concat([worked, found.select(worked.columns)], rechunk=True) if worked.width else found
                self._few[schema] = places, worked
        return Kinds(pl.Series([places[row] for row in rows], dtype=pl.UInt32)), worked

    def of(self, kinds: Kinds, alike: pl.DataFrame) -> tuple[Kinds, pl.DataFrame]:
        """The kinds with numbers that hold for all batches, and what is known of each. `alike` has the columns that told them
        apart, and their `_date`.
        """
        found = kinds.one_of_each(alike)
        by = [name for name in found.columns if name != "_date"]
        with self._lock:
            schema = tuple(found.schema.items())
            if schema not in self._known or self._known[schema][0].height > self.MOST:
                _drop_oldest(self._known, self.SHAPES)
                self._known[schema] = found.select(by), self._work(found)
                return kinds, self._known[schema][1]
            known, worked = self._known[schema]
            numbers = found.select(by).join(
                known.with_row_index("_number"), on=by, how="left", nulls_equal=True, maintain_order="left"
            )["_number"]
            new = found.filter(numbers.is_null())
            if new.height:
                following = pl.int_range(known.height, known.height + new.height, dtype=pl.UInt32, eager=True)
                numbers = numbers.scatter(numbers.is_null().arg_true(), following)
                worked = pl.concat([worked, self._work(new).select(worked.columns)], rechunk=True)
                self._known[schema] = pl.concat([known, new.select(by)], rechunk=True), worked
        of_line = numbers if kinds.of_line is None else numbers.gather(kinds.of_line)
        return Kinds(of_line, kinds.first), worked


def _drop_oldest(kept: dict[Any, Any], most: int) -> None:
    """Make room for one more."""
    while len(kept) >= most:
        del kept[next(iter(kept))]


def tell_apart(alike: pl.DataFrame) -> Kinds:
    """The kinds of lines that differ in any of these columns of `as_categories`. A null is a value like any other."""
    key = _packed(alike.select(pl.col(name).to_physical() for name in alike.columns))
    first = key.arg_unique()
    if first.len() == key.len():  # none is like another
        return Kinds()
    kinds = pl.int_range(first.len(), dtype=pl.UInt32, eager=True)
    most = key.max()
    # A table with a place for every number takes a third of the time of a join.
    if isinstance(most, int) and most < min(DIRECT, SPARE * key.len()):
        return Kinds(pl.zeros(most + 1, pl.UInt32, eager=True).scatter(key.gather(first), kinds).gather(key), first)
    known = pl.LazyFrame({"key": key.gather(first), "kind": kinds})
    of_line = pl.LazyFrame({"key": key}).join(known, on="key", how="left", maintain_order="left").select("kind")
    return Kinds(of_line.collect(engine="in-memory")["kind"], first)


def as_categories(frame: pl.DataFrame) -> pl.DataFrame:
    """Every column as small numbers or categories, equal where its values are."""

    def kept(kind: pl.DataType) -> bool:  # a date is a number of days
        return kind.is_integer() or isinstance(kind, (pl.Boolean, pl.Categorical, pl.Date, pl.Enum))

    return frame.with_columns(
        pl.col(name).cast(pl.String).cast(pl.Categorical) for name, kind in frame.schema.items() if not kept(kind)
    )


def _packed(numbers: pl.DataFrame) -> pl.Series:
    """Several columns of numbers as one, equal where all of them are."""
    numbers = numbers.with_columns(pl.col(pl.Boolean).cast(pl.UInt8))
    least_and_most = numbers.select(pl.all().min().name.suffix(" least"), pl.all().max()).row(0)
    bounds = zip(least_and_most[: numbers.width], least_and_most[numbers.width :], strict=True)
    keys: list[pl.Expr] = [pl.lit(0, dtype=pl.Int64)]
    room = 1
    for name, (least, most) in zip(numbers.columns, bounds, strict=True):
        nulls = numbers[name].null_count()
        if least is None or (least == most and not nulls):  # all alike
            continue
        size = most - least + 1 + bool(nulls)
        if size >= ROOM:
            return _packed(numbers.with_columns(pl.col(name).rank("dense")))
        if room * size >= ROOM:
            keys.append(pl.lit(0, dtype=pl.Int64))
            room = 1
        room *= size
        above = pl.col(name).cast(pl.Int64) - least
        keys[-1] = keys[-1] * size + (above.fill_null(size - 1) if nulls else above)
    parts = numbers.select(key.alias(str(place)) for place, key in enumerate(keys))
    if parts.width > 1:  # their ranks are small, and fit one number
        return _packed(parts.select(pl.all().rank("dense")))
    return parts.to_series() if parts.height == numbers.height else parts.to_series().new_from_index(0, numbers.height)
