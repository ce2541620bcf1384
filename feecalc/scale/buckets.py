"""A claims file in buckets: each holds whole claims, is priced on its own anywhere, and joins the others in the file's order.

    split         CLAIMS -> a folder: split.json, and bucket-00001/ … with the lines as they came and the number of their row
    price_bucket  (priced.py) one bucket -> priced-00001.parquet, its rejects, and its summary, priced-00001.json, written last
    join          (joined.py) all priced buckets -> the file that `feecalc reprice` writes

A line's bucket follows from its claim alone: the CRC-32 (zlib, PNG, ISO 3309) of the claim's text in UTF-8, modulo the number
of buckets, plus one. That is the same on every machine, in every version and for every kind of file, and other tools can
compute it (`crc32` of Spark SQL and MySQL). A line without a claim is a day of its own, and goes by the number of its row.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from zlib import crc32

import polars as pl

from feecalc import paths
from feecalc.claims import Columns, Table, claim_key, damage, open_table
from feecalc.claims.cleaning import dates
from feecalc.errors import InputError

ROW = "feecalc_row"  # the number that a person gives a line's row in the claims file
BUCKET = "feecalc_bucket"
MANIFEST = "split.json"
MOST_BUCKETS = 10_000
SPILL = 2_000_000  # rows that wait in memory before each bucket gets its share


def bucket_of(claims: pl.Series, rows: pl.Series, buckets: int) -> pl.Series:
    """The bucket, from 1, of every line, by its claim (texts or whole numbers; null where it has none) and its row."""
    begins = claims.ne_missing(claims.shift()).scatter(0, True) if claims.len() else claims.is_null()
    first = begins.arg_true()
    texts = claims.gather(first).cast(pl.String).fill_null("").cast(pl.Binary).to_list()
    numbers = pl.Series([crc32(text) for text in texts], dtype=pl.Int64)  # once for each run of lines of a claim
    of_claim = numbers.gather(begins.cast(pl.Int64).cum_sum() - 1)
    return rows.zip_with(claims.is_null(), of_claim).cast(pl.Int64) % buckets + 1


@dataclass(frozen=True)
class Split:
    """What a split folder says of itself, and of the whole file what a bucket alone could not know."""

    id: str  # tells one split from any other
    source: str  # the file's name
    rows: int
    buckets: int
    first_row: int  # the number of the first row in the claims file
    group_by: list[str]
    ambiguous: bool  # whether any date of the file fits only day/month/year
    notes: list[str]
    lines: list[int]  # of each bucket

    @classmethod
    def of(cls, folder: Path) -> "Split":
        """Read a split folder's manifest. Raises InputError where the folder is none."""
        try:
            return cls(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise InputError(
                f"{folder} is no folder of buckets: it has no {MANIFEST}. Make one with feecalc scale split."
            ) from None
        except (ValueError, TypeError):
            raise InputError(
                f"{folder / MANIFEST} is damaged, or of another version of feecalc. Split the file again."
            ) from None


def split(
    source: Path,
    folder: Path,
    buckets: int,
    *,
    group_by: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
    spill: int = SPILL,
) -> Split:
    """Deal the lines of a claims file into `buckets` of whole claims, in a new folder. Reads the file once; memory stays flat.

    `group_by` is that of `feecalc.claims.reprice`; `progress` hears of the lines done. Raises InputError for a file that cannot
    be read, a folder that exists, or a number of buckets outside 1 to MOST_BUCKETS; then nothing is written.
    """
    if not 1 <= buckets <= MOST_BUCKETS:
        raise InputError(f"The number of buckets must be from 1 to {MOST_BUCKETS:,}, not {buckets:,}.")
    if folder.exists():
        raise InputError(f"{folder} exists. Name a new folder.")
    if not source.is_file():
        raise InputError(f"{source} is not a file.")
    table = open_table(source)
    columns = Columns.of(table.schema.names(), group_by)
    clash = [name for name in table.schema if name.strip().lower() in (ROW, BUCKET)]
    if clash:
        raise InputError(f"Rename these columns first, feecalc writes them itself: {', '.join(clash)}.")
    dealer = _Dealer(table, columns, buckets)
    with paths.new_folder(folder) as scratch, damage(source):
        pl.DataFrame(schema={**table.schema, ROW: pl.Int64}).write_parquet(scratch / "schema.parquet")
        for part, frame in enumerate(dealer.spills(spill), 1):
            dealer.write(frame, scratch, part)
            if progress is not None:
                progress(dealer.done)
        alone = f"{dealer.alone:,} lines have no {' or no '.join(columns.claim)}: each is priced as a day of its own."
        notes = [*table.notes, *columns.notes, *([alone] if dealer.alone else [])]
        made = Split(
            uuid.uuid4().hex, source.name, dealer.done, buckets, table.first_row, list(group_by), dealer.ambiguous, notes,
            dealer.lines,
        )  # fmt: skip
        (scratch / MANIFEST).write_text(json.dumps(asdict(made), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return made


class _Dealer:
    """One claims file on its way into buckets."""

    def __init__(self, table: Table, columns: Columns, buckets: int) -> None:
        self.table, self.columns, self.buckets = table, columns, buckets
        self.lines = [0] * buckets
        self.done = self.alone = 0
        self.ambiguous = False

    def spills(self, size: int) -> Iterator[pl.DataFrame]:
        """The file's rows with their numbers and buckets, about `size` at a time."""
        waiting: list[pl.DataFrame] = []
        for frame in self.table.frames():
            waiting.append(self._dealt(frame))
            if sum(part.height for part in waiting) >= size:
                yield pl.concat(waiting)
                waiting = []
        if waiting:
            yield pl.concat(waiting)

    def _dealt(self, frame: pl.DataFrame) -> pl.DataFrame:
        rows = pl.int_range(self.done, self.done + frame.height, dtype=pl.Int64, eager=True)
        self.done += frame.height
        self.ambiguous = self.ambiguous or dates(frame, self.columns)[1]
        if self.columns.claim:
            claims = frame.select(claim_key(frame.schema, self.columns.claim)).to_series()
            self.alone += claims.null_count()
        else:
            claims = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
        return frame.with_columns((rows + self.table.first_row).alias(ROW), bucket_of(claims, rows, self.buckets).alias(BUCKET))

    def write(self, frame: pl.DataFrame, folder: Path, part: int) -> None:
        """Give each bucket its share of the rows, in their order."""
        for (bucket,), share in frame.partition_by(BUCKET, as_dict=True, include_key=False, maintain_order=True).items():
            self.lines[bucket - 1] += share.height
            into = bucket_folder(folder, bucket)
            into.mkdir(exist_ok=True)
            share.write_parquet(into / f"part-{part:05}.parquet", compression="lz4", statistics=False)


def bucket_folder(folder: Path, bucket: int) -> Path:
    """Where the lines of a bucket lie."""
    return folder / f"bucket-{bucket:05}"
