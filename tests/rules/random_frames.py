"""Random claims as frames of the line contract: the reference's cents become dollars."""

import polars as pl

from .cases import dollars

CENTS = ("charge", "deductible_left")

# The kind of every column: some are absent or null in the first lines.
KINDS = {
    "claim_id": pl.String,
    "line": pl.Int64,
    "service_date": pl.Date,
    "hcpcs": pl.String,
    "modifiers": pl.String,
    "units": pl.Int64,
    "pos": pl.String,
    "setting": pl.String,
    "mac": pl.String,
    "locality": pl.String,
    "charge": pl.Decimal(18, 2),
    "provider_type": pl.String,
    "participation": pl.String,
    "qp": pl.Boolean,
    "minutes": pl.Int64,
    "induction": pl.Boolean,
    "deductible_left": pl.Decimal(18, 2),
}


def frame_of(lines: list[dict]) -> pl.DataFrame:
    rows = [{name: dollars(line.get(name)) if name in CENTS else line.get(name) for name in KINDS} for line in lines]
    return pl.DataFrame(rows, schema=KINDS)
