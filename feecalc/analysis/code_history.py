"""One code over every loaded release: what a unit of it paid in a place, and the RVUs, status and factor behind it."""

from typing import Any

import polars as pl

from feecalc.api import OpenSchedule
from feecalc.locality import Place
from feecalc.money import FACTOR_SCALE, RVU_SCALE
from feecalc.pricing.explain import decimal

RVU = pl.Decimal(12, 2)
SCHEMA: dict[str, Any] = {
    "release": pl.String,
    "status": pl.String,
    "work": RVU,
    "pe": RVU,
    "mp": RVU,
    "factor": pl.Decimal(12, 4),
}


def table(opened: OpenSchedule, code: str, modifier: str, place: Place, setting: str, qp: bool) -> pl.DataFrame:
    """One row a release, oldest first: `release`, `effective`, `outcome`, `allowed` (dollars, one unit), `status`, `work`, `pe`
    (of the setting), `mp`, `factor`. Null where the release does not have the code or the place.
    """
    # A row without RVUs has no amount of its own: anesthesia is paid by base units and time.
    nothing = (pl.col("outcome") == "priced") & (pl.col("fee") == 0)
    told = pl.when(nothing).then(pl.lit("cannot_price")).otherwise("outcome").alias("outcome")
    history = opened.history(code, modifier=modifier, place=place, setting=setting, qp=qp)
    paid = history.with_columns(told, pl.when(~nothing).then("allowed").alias("allowed"))
    schedule = opened.schedule
    rows = []
    for name in paid["release"]:
        found = schedule.table(name, "pprrvu").filter(pl.col("hcpcs") == code, pl.col("modifier") == modifier)
        row = found.row(0, named=True) if found.height else {}
        points = {part: row.get(column) for part, column in (("work", "work"), ("pe", f"pe_{setting}"), ("mp", "mp"))}
        rows.append(
            {
                "release": name,
                "status": row.get("status"),
                **{part: None if number is None else decimal(number, RVU_SCALE) for part, number in points.items()},
                "factor": decimal(opened.factor(schedule.release(name), qp), FACTOR_SCALE),
            }
        )
    behind = pl.DataFrame(rows, schema=SCHEMA)
    return paid.drop("fee").join(behind, on="release", how="left", maintain_order="left")
