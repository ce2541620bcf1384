"""What is wrong with a remittance, as rows of PROBLEMS. No value of the file stands in a sentence, but codes and amounts."""

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from feecalc import money
from feecalc.analysis.remittance.frames import PROBLEMS

Severity = Literal["error", "warning", "note"]
ASK = "Compare it with the payer's own notice, and ask the payer or clearinghouse."


@dataclass
class Told:
    """Problems as they are found, in any order."""

    rows: list[tuple[str, int | None, Severity, None, None, str, str]] = field(default_factory=list)
    frames: list[pl.DataFrame] = field(default_factory=list)

    def tell(self, file: str, segment: int | None, severity: Severity, what: str, to_do: str) -> None:
        """One problem."""
        self.rows.append((file, segment, severity, None, None, what, to_do))

    def tell_all(self, found: pl.DataFrame, severity: Severity, what: pl.Expr | str, to_do: str) -> None:
        """One problem for each row of a frame with file, segment, and perhaps claim and line."""
        if found.is_empty():
            return
        sentence = pl.lit(what) if isinstance(what, str) else what
        given = {
            "severity": pl.lit(severity),
            "what": sentence,
            "to_do": pl.lit(to_do),
            **{name: pl.lit(None) for name in ("claim", "line") if name not in found.columns},
        }
        self.frames.append(found.with_columns(**given).select(pl.col(name).cast(kind) for name, kind in PROBLEMS.items()))

    def frame(self) -> pl.DataFrame:
        """The problems in the order of the file, beginning with what is of the whole."""
        rows = pl.DataFrame(self.rows, schema=PROBLEMS, orient="row")
        return pl.concat([rows, *self.frames]) if self.frames else rows


def dollars(cents: pl.Expr) -> pl.Expr:
    """Cents as people read them, for sentences: of the few rows that are told, one by one."""
    return cents.map_batches(lambda held: pl.Series([in_dollars(one) for one in held], dtype=pl.String), pl.String)


def in_dollars(cents: int | None) -> str:
    """Cents as people read them, for sentences."""
    return "no amount" if cents is None else money.show(cents)
