"""Two postings of one file of CMS's: what the newer one changes, counted by table, and row by row as a file to read.

CMS posts a release again under its name where it has found an error. The older posting is kept, the newer one serves, and
beside its tables lies `differences.csv`: what was new, gone or changed, column by column, in the units that CMS prints.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import export, paths
from feecalc.money import decimals
from feecalc.schedule import MANIFEST, Folder, Schedule

FILE = "differences.csv"
EXAMPLES = 5  # values told of what a posting changes; the file has all of them
KEYS = {
    "pprrvu": ["hcpcs", "modifier"],
    "gpci": ["mac", "locality"],
    "anesthesia": ["mac", "locality"],
    "localities": ["mac", "locality"],
    "zip5": ["zip"],
    "zip9": ["zip", "extension"],
    "mue": ["hcpcs"],
}
PLACES = {"pprrvu": 2, "gpci": 3, "anesthesia": 2}  # decimals of the whole numbers in which a table holds its figures
SCHEMA = dict.fromkeys(("table", "row", "what", "column", "before", "after"), pl.String)
CHANGED, NEW, GONE = "changed", "new", "gone"


@dataclass(frozen=True)
class Change:
    """What a new posting changes in one table, in rows. `changed` is None where the table has no key to tell rows by."""

    table: str
    before: int
    after: int
    added: int
    removed: int
    changed: int | None

    def __str__(self) -> str:
        changed = "" if self.changed is None else f", {self.changed:,} changed"
        return f"{self.table}: {self.before:,} -> {self.after:,} rows; {self.added:,} new, {self.removed:,} gone{changed}"


@dataclass(frozen=True)
class Differences:
    """What differs between two postings: `changes` counts it by table; `rows` has a row a value that differs.

    `rows`: `table`, `row` (its key, such as "99213 26" or "10112-00"), `what` (new, gone, changed), and of what changed
    `column`, `before` and `after`.
    """

    changes: tuple[Change, ...]
    rows: pl.DataFrame

    @property
    def said(self) -> list[str]:
        """The counts by table and the first values that changed, in words."""
        return [*map(str, self.changes), *self.examples(EXAMPLES)]

    def examples(self, count: int) -> list[str]:
        """The first values that changed, in words, and how many more there are."""
        changed = self.rows.filter(pl.col("what") == CHANGED)
        said = [
            f"{row['table']} {row['row']}: {row['column']} {row['before'] or 'blank'} -> {row['after'] or 'blank'}"
            for row in changed.head(count).iter_rows(named=True)
        ]
        more = changed.height - len(said)
        return said if more <= 0 else [*said, f"and {more:,} more values"]

    def write(self, folder: Path) -> Path:
        """The rows as a file in a folder; its path."""
        target = folder / FILE
        with paths.new_file(target) as scratch:
            scratch.write_bytes(export.csv_bytes(self.rows))
        return target


def record(before: Folder, after: Folder) -> Differences:
    """What `after` changes, kept beside its tables: the rows as FILE, and in its manifest what it replaces."""
    differences = compare(before, after)
    if differences.rows.height:
        differences.write(after.path)
    amend(after, replaces={"folder": before.path.name, "origin": before.origin, "differences": differences.rows.height})
    return differences


def of_import(served: Schedule, name: str, folder: Path) -> Differences | None:
    """What a release that was just imported into `folder` changes of the one of its name that served before, kept beside it.

    None where none did, where it is the same one, and for other files than releases.
    """
    before, now = served.releases.get(name), Schedule.open().releases.get(name)
    if before is None or now is None or now.path != folder or before.path == folder:
        return None
    return record(before, now)


def amend(folder: Folder, **more: Any) -> None:
    """Add to a folder's manifest. The copy of it in memory stays as it was read."""
    path = folder.path / MANIFEST
    amended = json.loads(path.read_text(encoding="utf-8")) | more
    with paths.new_file(path) as scratch:
        scratch.write_text(json.dumps(amended, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def compare(before: Folder, after: Folder) -> Differences:
    """What `after` changes; the descriptors, which the built-in schedule lacks, are left out."""
    order = [*KEYS, *after.manifest["tables"]]  # what prices most first
    tables = [name for name in dict.fromkeys(order) if after.has(name) and before.has(name) and name != "descriptions"]
    found = [_table(name, before.read(name), after.read(name)) for name in tables]
    rows = pl.concat([rows for _, rows in found]) if found else pl.DataFrame(schema=SCHEMA)
    return Differences(tuple(change for change, _ in found), rows)


def _table(table: str, before: pl.DataFrame, after: pl.DataFrame) -> tuple[Change, pl.DataFrame]:
    shared = [column for column in after.columns if column in before.columns]
    key = KEYS.get(table, shared)
    values = [column for column in shared if column not in key]
    old, new = before.select(shared), after.select(shared)
    added = new.join(old, on=key, how="anti", nulls_equal=True)
    removed = old.join(new, on=key, how="anti", nulls_equal=True)
    both = new.join(old, on=key, how="inner", nulls_equal=True, suffix="_before")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in values) if values else None
    changed = None if differs is None else both.filter(differs)
    counted = None if changed is None else changed.height
    change = Change(table, before.height, after.height, added.height, removed.height, counted)
    rows = [_whole(table, added, key, NEW), _whole(table, removed, key, GONE)]
    if changed is not None:
        rows += [_column(table, changed, key, name) for name in values]
    return change, pl.concat(rows).sort("row", maintain_order=True)


def _whole(table: str, frame: pl.DataFrame, key: Sequence[str], what: str) -> pl.DataFrame:
    """Rows that only one posting has."""
    nothing = [pl.lit("").alias(name) for name in ("column", "before", "after")]
    return frame.select(pl.lit(table).alias("table"), _row(key), pl.lit(what).alias("what"), *nothing)


def _column(table: str, frame: pl.DataFrame, key: Sequence[str], name: str) -> pl.DataFrame:
    """The rows in which one column differs."""
    return frame.filter(pl.col(name).ne_missing(pl.col(f"{name}_before"))).select(
        pl.lit(table).alias("table"),
        _row(key),
        pl.lit(CHANGED).alias("what"),
        pl.lit(name).alias("column"),
        _printed(table, frame.schema[name], f"{name}_before").alias("before"),
        _printed(table, frame.schema[name], name).alias("after"),
    )


def _row(key: Sequence[str]) -> pl.Expr:
    between = "-" if "locality" in key else " "
    texts = [pl.col(name).cast(pl.String).fill_null("") for name in key]
    return pl.concat_str(texts, separator=between).str.strip_chars().alias("row")


def _printed(table: str, kind: pl.DataType, name: str) -> pl.Expr:
    """A value as CMS prints it: a whole number with its point."""
    places = PLACES.get(table, 0) if kind.is_integer() else 0
    return (decimals(pl.col(name), places) if places else pl.col(name)).cast(pl.String).fill_null("")
