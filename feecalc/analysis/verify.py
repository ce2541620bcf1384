"""feecalc against CMS's own payment amount files (PFALL, PFREV): every amount of the file, to the cent.

CMS's fee columns hold the amount before the OPPS cap, whatever the record layout says (verified on a 2020 file that has
82 rows above their cap); a row that equals its cap instead is counted apart. Amounts that the file does not use print 0.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from feecalc.api import OpenSchedule
from feecalc.cms import read_payment_file
from feecalc.errors import ArchiveError, NotLoadedError
from feecalc.money import FACTOR_SCALE, dollars
from feecalc.pricing import fee
from feecalc.pricing.explain import decimal
from feecalc.schedule import Release

FEES = ("nonfacility", "facility")
THERAPY = ("therapy_nonfacility", "therapy_facility")
CAPS = ("opps_nonfacility", "opps_facility")
AMOUNTS = (*FEES, *THERAPY, *CAPS)


@dataclass(frozen=True)
class Verification:
    """What a comparison found. `differences`: one row per amount that differs, in dollars, in the file's order."""

    file: str
    release: str
    factor: str
    rows_compared: int
    amounts_compared: int
    exact: int
    capped: int
    not_in_release: int
    differences: pl.DataFrame
    notes: tuple[str, ...]

    @property
    def different(self) -> int:
        """How many amounts differ."""
        return self.differences.height

    @property
    def agrees(self) -> bool:
        """Whether something was compared and all of it agrees."""
        return self.rows_compared > 0 and self.different == 0

    def summary(self) -> str:
        """The result in a few lines."""
        lines = [
            f"{self.file} against release {self.release} ({self.factor})",
            f"  rows compared         {self.rows_compared:>12,}",
            f"  amounts compared      {self.amounts_compared:>12,}",
            f"  exact                 {self.exact:>12,}",
            f"  equal to the OPPS cap {self.capped:>12,}",
            f"  different             {self.different:>12,}",
            f"  rows not in release   {self.not_in_release:>12,}",
            *(f"  {note}" for note in self.notes),
        ]
        if not self.rows_compared:
            lines.append("  Nothing was compared: no row of the file is in this release.")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON, with the first 100 differences."""
        return {
            "file": self.file,
            "release": self.release,
            "rows_compared": self.rows_compared,
            "amounts_compared": self.amounts_compared,
            "exact": self.exact,
            "capped": self.capped,
            "different": self.different,
            "not_in_release": self.not_in_release,
            "agrees": self.agrees,
            "notes": list(self.notes),
            "differences": self.differences.head(100).to_dicts(),
        }


def verify(opened: OpenSchedule, file: Path, release: str | None = None, qp: bool = False) -> Verification:
    """Compare every amount of a payment amount file with the engine's.

    Raises ArchiveError where the file holds no payment amounts, RejectedError for rows that cannot be read, NotLoadedError
    for a release that is not there.
    """
    tables = read_payment_file([file])
    if len(tables) > 1:  # the zips of 2026 hold one file for each conversion factor
        tables = [t for t in tables if (t.meta["qp"] == "QPP") == qp]
    if len(tables) != 1:
        raise ArchiveError(f"{file.name} holds several payment amount files. Extract the one to compare with.")
    table = tables[0]
    given = table.frame
    serving = opened.schedule.release(release) if release else _newest_of(opened, str(given["year"][0]))
    factor = opened.factor(serving, qp)
    compared = _beside_engine(opened, given, serving.name, factor)
    matched = compared.filter(pl.col("_known"))
    results = pl.concat([_compare(matched, name) for name in AMOUNTS])
    return Verification(
        file=file.name,
        release=serving.name,
        factor=f"conversion factor {decimal(factor, FACTOR_SCALE)}" + (", Qualifying APM Participants" if qp else ""),
        rows_compared=matched.height,
        amounts_compared=results.height,
        exact=results.filter(pl.col("result") == "exact").height,
        capped=results.filter(pl.col("result") == "capped").height,
        not_in_release=compared.height - matched.height,
        differences=results.filter(pl.col("result") == "different")
        .sort("row", "amount")
        .select("row", "hcpcs", "modifier", "mac", "locality", "amount", dollars(pl.col("cms")).alias("cms"),
                dollars(pl.col("feecalc")).alias("feecalc")),
        notes=table.notes,
    )  # fmt: skip


def _newest_of(opened: OpenSchedule, year: str) -> Release:
    of_year = [name for name in opened.schedule.priceable() if name.startswith(year)]
    if not of_year:
        raise NotLoadedError(f"No release of {year}, the file's year, is loaded. Name one with --release.")
    return opened.schedule.release(of_year[-1])


def _beside_engine(opened: OpenSchedule, given: pl.DataFrame, release: str, factor: int) -> pl.DataFrame:
    """The file's rows with the engine's amounts as `engine_*` (cents, 0 where none applies), and whether both know the key."""
    tables = opened.schedule.tables([release], given["hcpcs"].unique(), zips=False)
    rows = fee.with_cap_work(tables.rows.lazy()).drop("release").with_columns(_row_known=pl.lit(value=True))
    gpci = tables.gpci.lazy().drop("release")
    payable = pl.col("status").is_in(fee.PRICED_STATUSES) & fee.has_rvus()
    cms = given.lazy().rename({name: f"cms_{name}" for name in (*AMOUNTS, "status", "mult_proc", "pctc")})
    joined = (
        cms.join(rows, on=["hcpcs", "modifier"], how="left", maintain_order="left")
        .join(gpci, on=["mac", "locality"], how="left", maintain_order="left")
        .with_columns(_known=pl.col("_row_known").fill_null(value=False) & pl.col("gpci_work").is_not_null())
    )
    amounts = fee.amounts(pl.lit(factor, dtype=pl.Int64), cap_work="cap_work")
    engine = {
        f"engine_{name}": (column if name in CAPS else pl.when(payable).then(column)).fill_null(0)
        for name, column in amounts.items()
    }
    return joined.with_columns(**engine).collect()


def _compare(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """One amount column of the file against the engine's: `exact`, `capped` or `different` a row."""
    if name in THERAPY:  # in other rows the field carries a flat visit fee of another programme
        rows = rows.filter(pl.col("cms_mult_proc") == "5")
    ours, theirs = pl.col(f"engine_{name}"), pl.col(f"cms_{name}")
    capped = (
        (pl.min_horizontal(ours, f"engine_opps_{name}") == theirs) & (pl.col(f"engine_opps_{name}") > 0)
        if name in FEES
        else pl.lit(value=False)
    )
    result = pl.when(ours == theirs).then(pl.lit("exact")).when(capped).then(pl.lit("capped")).otherwise(pl.lit("different"))
    return rows.select(
        "row",
        "hcpcs",
        "modifier",
        "mac",
        "locality",
        amount=pl.lit(name),
        cms=theirs,
        feecalc=ours,
        result=result,
    )
