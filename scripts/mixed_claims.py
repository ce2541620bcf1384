"""Write a claims file of therapy, office visits, surgery and imaging in every locality, for measuring.

    python scripts/mixed_claims.py LINES OUT.parquet

Claims of one to eight lines on the days of 2025, codes drawn evenly from the payable ones of each kind; the same arguments
give the same file.
"""

import sys
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from feecalc.schedule import Schedule

RELEASE = "2025D"
VISITS = ("99202", "99203", "99204", "99212", "99213", "99214", "99215")
SHARES = {"therapy": 0.40, "visits": 0.30, "surgery": 0.15, "imaging": 0.15}  # of claims; one line in five is a visit anyway


def mixed_claims(lines: int, seed: int = 1) -> pl.DataFrame:
    """So many lines in the columns of the line contract, claims together."""
    schedule, rng = Schedule.open(), np.random.default_rng(seed)
    payable = schedule.table(RELEASE, "pprrvu").filter((pl.col("modifier") == "") & (pl.col("status") == "A"))
    listed = {"therapy": ["5"], "surgery": ["2", "3"], "imaging": ["4"]}
    pools = {kind: payable.filter(pl.col("mult_proc").is_in(values))["hcpcs"].to_list() for kind, values in listed.items()}
    pools["visits"] = list(VISITS)
    places = schedule.table(RELEASE, "gpci").select("mac", "locality")

    sizes = rng.integers(1, 9, lines)
    claims = int(np.searchsorted(np.cumsum(sizes), lines)) + 1
    sizes = sizes[:claims]
    claim = np.repeat(np.arange(claims), sizes)[:lines]
    kinds = list(SHARES)
    kind = rng.choice(len(kinds), claims, p=list(SHARES.values()))[claim]
    kind = np.where(rng.random(lines) < 0.2, kinds.index("visits"), kind)
    counts = np.array([len(pools[name]) for name in kinds])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    codes = np.array([code for name in kinds for code in pools[name]])
    code = codes[starts[kind] + (rng.random(lines) * counts[kind]).astype(int)]
    therapy, in_hospital = kind == kinds.index("therapy"), np.isin(kind, [kinds.index("surgery"), kinds.index("imaging")])
    where = rng.integers(0, places.height, claims)[claim]
    return pl.DataFrame(
        {
            "claim_id": claim,
            "line": np.arange(lines) - (np.cumsum(sizes) - sizes)[claim] + 1,
            "service_date": pl.Series(rng.integers(0, 365, claims)[claim]),
            "hcpcs": code,
            "units": np.where(therapy, rng.integers(1, 4, lines), 1),
            "modifiers": np.where(therapy, "GP", ""),
            "pos": np.where(in_hospital & (rng.random(lines) < 0.5), "22", "11"),
            "mac": places["mac"].gather(where),
            "locality": places["locality"].gather(where),
        }
    ).with_columns(service_date=pl.lit(date(2025, 1, 1)) + pl.duration(days=pl.col("service_date")))


if __name__ == "__main__":
    mixed_claims(int(sys.argv[1])).write_parquet(Path(sys.argv[2]))
