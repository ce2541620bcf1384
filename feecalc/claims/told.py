"""What is told of a claims file: the summary for the person, and every repair and unreadable value on the way to it."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import polars as pl


@dataclass
class Summary:
    """What became of a claims file: told to the person, never with a value of the file."""

    lines: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    allowed: Decimal = Decimal("0.00")
    repairs: Counter[str] = field(default_factory=Counter)
    rejected_lines: int = 0
    rejects: Path | None = None
    duplicates: int = 0
    duplicate_rows: list[tuple[int, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The summary as lines of text."""
        outcomes = ", ".join(f"{self.outcomes[name]:,} {name}" for name in ("priced", "zero", "cannot_price"))
        said = [f"{self.lines:,} lines: {outcomes}; allowed ${self.allowed:,} in all", *self.notes]
        said += [f"Repaired: {count:,} {kind}" for kind, count in sorted(self.repairs.items())]
        if self.duplicates:
            shown = "; ".join(" and ".join(f"{row:,}" for row in rows) for rows in self.duplicate_rows)
            more = " …" if self.duplicates > sum(map(len, self.duplicate_rows)) else ""
            said.append(f"Duplicates: {self.duplicates:,} lines share claim and line number, all priced: rows {shown}{more}")
        if self.rejects is not None:
            said.append(f"Rejected: {self.rejected_lines:,} lines with values that cannot be read, see {self.rejects}")
        return "\n".join(said)


@dataclass
class Told:
    """What is told of a file while it is read: repairs by kind, and every value that cannot be read."""

    repairs: Counter[str] = field(default_factory=Counter)
    problems: list[pl.DataFrame] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)

    def add(self, other: "Told") -> None:
        """What another part of the file told."""
        self.repairs.update(other.repairs)
        self.problems += other.problems

    def reject(self, rows: pl.Series, column: str, values: pl.Series, reasons: pl.Series) -> None:
        """Keep values that cannot be read; `rows` count from 0."""
        name = pl.Series([column], dtype=pl.String).new_from_index(0, rows.len())
        self.problems.append(
            pl.DataFrame([rows.alias("row"), name.alias("column"), values.alias("value"), reasons.alias("reason")])
        )

    def problems_table(self, first_row: int) -> pl.DataFrame:
        """The rejects in the order of the file, rows numbered as the person sees them."""
        schema = {"row": pl.Int64, "column": pl.String, "value": pl.String, "reason": pl.String}
        if not self.problems:
            return pl.DataFrame(schema=schema)
        return pl.concat(self.problems).sort("row", maintain_order=True).with_columns(pl.col("row") + first_row)
