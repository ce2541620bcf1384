"""A Spark data frame, priced by the same engine in Spark's own Python workers.

    from feecalc.scale.spark import price_with_spark
    price_with_spark(spark.read.parquet("claims")).write.parquet("priced")

Spark brings the lines of a claim into one partition and into order (a shuffle and a sort, both on disk where they must be);
`mapInArrow` hands each partition to a worker, which prices batches of whole claims and keeps only one in memory. The person's
own columns go through as they came, without a copy: only those that pricing reads become frames. Nothing here imports Spark:
the data frame brings it along.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from feecalc.api import OpenSchedule
from feecalc.claims import Columns, Told, clean
from feecalc.claims.cleaning import dates
from feecalc.errors import InputError
from feecalc.scale.schedules import fingerprint

BATCH = 400_000  # rows that a worker prices at once
UNREAD = "unread"  # "column: reason" of each value of a line that cannot be read; null where all can
KEY, ROW = "feecalc_key", "feecalc_row"
# What polars strips off texts: Unicode's white space. Claims that pricing takes for one must share a partition.
BLANKS = "\t\n\x0b\x0c\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"


def price_with_spark(
    lines: Any,
    schedule: OpenSchedule | None = None,
    *,
    group_by: Sequence[str] = (),
    partitions: int | None = None,
    day_first: bool | None = None,
    batch: int = BATCH,
) -> Any:
    """Price a Spark data frame of claim lines: its rows and columns, then those of `feecalc.pricing.lines.ADDED` and `unread`.

    The columns are found as in a claims file (`feecalc.claims.Columns`); amounts come back as decimal(18,2), the conversion
    factor as decimal(18,4), the rest as string. `unread` says of each value that cannot be read which it is and why. The rows
    come in no order. A line without a number in `line` takes the number that monotonically_increasing_id gives its row.

    `schedule` is what the driver opened (default: as `feecalc` opens it). A worker opens its own, once a process, and refuses
    to price by other releases than the driver's. `group_by` is that of `feecalc.claims.reprice`; `partitions` (default:
    Spark's own choice) is how many to price apart. `day_first` says whether dates such as 03/04/2025 are day/month/year; None
    looks through all dates, where they are texts, for one that fits nothing else, as a claims file does: one more reading.

    Raises InputError for columns that cannot be matched. What goes wrong in a worker is Spark's PythonException.
    """
    opened = schedule or OpenSchedule()
    columns = Columns.of(lines.columns, group_by)
    adds = _adds(opened)
    taken = {name.lower() for name in (*adds, KEY, ROW)}
    clash = [name for name in lines.columns if name.strip().lower() in taken]
    if clash:
        raise InputError(f"Rename these columns first, feecalc writes them itself: {', '.join(clash)}.")
    if day_first is None:
        day_first = _any_day_first(lines, columns)
    schema = deepcopy(lines.schema)  # Spark keeps one for each frame, and add changes it
    for name, kind in adds.items():
        schema = schema.add(name, kind)
    keyed = lines.selectExpr("*", f"monotonically_increasing_id() AS {ROW}").selectExpr("*", f"{_key(columns)} AS {KEY}")
    dealt = keyed.repartition(partitions, KEY) if partitions else keyed.repartition(KEY)
    pricer = _Pricer(columns, tuple(adds.items()), day_first, batch, fingerprint(opened.schedule))
    return dealt.sortWithinPartitions(KEY, ROW).mapInArrow(pricer, schema)


def _adds(opened: OpenSchedule) -> dict[str, str]:
    """What pricing adds, by Spark's names of the types."""
    added = opened.answers(pl.DataFrame({"hcpcs": [""]})).schema
    return {name: _spark_type(kind) for name, kind in added.items()} | {UNREAD: "string"}


def _spark_type(kind: pl.DataType) -> str:
    return f"decimal({kind.precision},{kind.scale})" if isinstance(kind, pl.Decimal) else "string"


def _key(columns: Columns) -> str:
    """Spark SQL for one number a claim; a line whose claim nobody knows goes by its row, as it is priced alone."""
    alone = f"xxhash64({ROW})"
    if not columns.claim:
        return alone
    texts = [f"btrim(CAST({quoted(name)} AS STRING), '{BLANKS}')" for name in columns.claim]
    blank = " OR ".join(f"coalesce({text}, '') = ''" for text in texts)
    return f"CASE WHEN {blank} THEN {alone} ELSE xxhash64({', '.join(texts)}) END"


def quoted(name: str) -> str:
    """A column's name in Spark SQL."""
    return "`" + name.replace("`", "``") + "`"


def _any_day_first(lines: Any, columns: Columns) -> bool:
    """Whether any date of the frame fits only day/month/year; only texts can."""
    name = columns.of_contract.get("service_date")
    if name is None or lines.schema[name].dataType.typeName() != "string":
        return False
    return bool(lines.select(quoted(name)).mapInArrow(_Look(columns), "found boolean").limit(1).collect())


@dataclass(frozen=True)
class _Look:
    """Yields a row from a partition that has a date in day/month/year, and none from others."""

    columns: Columns

    def __call__(self, pieces: Iterable[Any]) -> Iterator[Any]:
        for piece in pieces:
            if piece.num_rows and dates(_frame(piece), self.columns)[1]:
                yield from pl.DataFrame({"found": [True]}).to_arrow().to_batches()
                return


@dataclass(frozen=True)
class _Pricer:
    """Prices the partitions that a worker gets; sent to it with what the driver found out."""

    columns: Columns
    adds: tuple[tuple[str, str], ...]
    day_first: bool
    batch: int
    fingerprint: str

    def __call__(self, pieces: Iterable[Any]) -> Iterator[Any]:
        opened = _opened(self.fingerprint)
        for whole in whole_claims(pieces, self.batch):
            answers = self.answers(opened, pl.concat([_frame(piece.select([*self.columns.needed, ROW])) for piece in whole]))
            table, start = answers.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks(), 0
            for piece in whole:
                made = piece.drop_columns([KEY, ROW])
                part = table.slice(start, piece.num_rows).to_batches()[0]
                for name, _ in self.adds:
                    made = made.append_column(name, part.column(name))
                start += piece.num_rows
                yield made

    def answers(self, opened: OpenSchedule, frame: pl.DataFrame) -> pl.DataFrame:
        """What is added to the rows, in their order."""
        told = Told()
        answers = opened.answers(clean(frame, frame[ROW], self.columns, told, self.day_first))
        answers = answers.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String))
        return answers.with_columns(unread(frame[ROW], told))


@cache
def _opened(expected: str) -> OpenSchedule:
    """The schedule of a worker process, opened once."""
    opened = OpenSchedule()
    if fingerprint(opened.schedule) != expected:
        raise InputError(
            "This Spark worker has other releases of the fee schedule than the driver. Install one version of feecalc on all "
            "machines, and let FEECALC_HOME name one folder (or copies of it) on all."
        )
    return opened


def _frame(piece: Any) -> pl.DataFrame:
    frame = pl.from_arrow(piece)
    assert isinstance(frame, pl.DataFrame)
    return frame


def whole_claims(pieces: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Record batches, sorted by KEY, put together to lists of at least `size` rows that end where a key ends."""
    waiting: list[Any] = []
    have = 0
    for piece in pieces:
        rest = piece
        if have >= size and piece.num_rows:
            keys = pl.from_arrow(piece.column(KEY))
            assert isinstance(keys, pl.Series)
            begun = int((keys == waiting[-1].column(KEY)[-1].as_py()).sum())  # they are sorted: the first rows
            if begun < piece.num_rows:
                yield [*waiting, piece.slice(0, begun)] if begun else waiting
                waiting, have, rest = [], 0, piece.slice(begun)
        if rest.num_rows:
            waiting.append(rest)
            have += rest.num_rows
    if waiting:
        yield waiting


def unread(rows: pl.Series, told: Told) -> pl.Series:
    """For every row the values that cannot be read, as "column: reason", in the order of the columns."""
    nothing = pl.Series(UNREAD, [None], dtype=pl.String).new_from_index(0, rows.len())
    if not told.problems:
        return nothing
    said = pl.concat(told.problems).select("row", pl.format("{}: {}", "column", "reason").alias(UNREAD))
    of_row = said.group_by("row", maintain_order=True).agg(pl.col(UNREAD).str.join("; "))
    return pl.DataFrame({"row": rows}).join(of_row, on="row", how="left", maintain_order="left")[UNREAD]
