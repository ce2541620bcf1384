"""What the rules need to know of each row of the fee schedule, worked out once for a table and not once for a line."""

import polars as pl

from feecalc import policy
from feecalc.pricing import fee
from feecalc.pricing.outcomes import REASON, because

LISTS = {"2": "surgery", "3": "surgery", "4": "imaging", "5": "therapy", "6": "cardiovascular", "7": "ophthalmology"}
LIST = pl.Enum(["surgery", "imaging", "therapy", "cardiovascular", "ophthalmology"])
# Every value that an indicator, a status or a global period can have (the readers refuse others).
INDICATORS = pl.Enum([*"0123456789", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "000", "010", "090", "XXX", "YYY", "ZZZ", "MMM"])
DIAGNOSTIC = ("imaging", "cardiovascular", "ophthalmology")


def facts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per release, code and modifier, with what the rules ask of it beside its figures.

    `row_reason`   why its status alone keeps it from being priced (C1), a code of policy/reasons.toml
    `list`         the same-day list it belongs to by its MULT PROC
    `family`       the base code of its endoscopy family, for the base's own row too, whose ENDO BASE is blank
    `is_base`      whether it is the base of a family
    `is_technical` whether it pays for equipment and staff (C3)
    `has_parts`    whether it is a whole test whose TC and 26 rows exist and are payable
    """
    key = ["release", "hcpcs"]
    payable = pl.col("status").is_in(fee.PRICED_STATUSES) & fee.has_rvus()
    parts = (
        rows.lazy()
        .filter(pl.col("modifier").is_in(["26", "TC"]), payable)
        .group_by(key)
        .agg(_parts=pl.len())
        .filter(pl.col("_parts") == 2)
    )
    bases = (
        rows.lazy().filter(pl.col("endo_base") != "").select("release", hcpcs="endo_base", is_base=pl.lit(value=True)).unique()
    )
    by_status = {status: entry.get("reason") for status, entry in policy.load("statuses")["status"].items()}
    return (
        rows.lazy()
        .join(parts, on=key, how="left", maintain_order="left")
        .join(bases, on=key, how="left", maintain_order="left")
        .with_columns(
            row_reason=pl.when((pl.col("status") == "R") & ~fee.has_rvus())
            .then(because("restricted_without_rvus"))
            .otherwise(pl.col("status").replace_strict(by_status, default=None, return_dtype=REASON)),
            list=pl.col("mult_proc").replace_strict(LISTS, default=None, return_dtype=pl.String),
            is_base=pl.col("is_base").fill_null(value=False),
            is_capped=fee.is_capped(),
            is_technical=(pl.col("modifier") == "TC")
            | ((pl.col("modifier") == "") & (pl.col("pctc") == "1"))
            | pl.col("pctc").is_in(["3", "4"]),
            has_parts=(pl.col("modifier") == "") & (pl.col("pctc") == "1") & pl.col("_parts").is_not_null(),
        )
        .with_columns(
            family=pl.when("is_base").then("hcpcs").when(pl.col("endo_base") != "").then("endo_base"),
            list=pl.when("is_base").then(pl.lit("surgery")).otherwise("list"),
        )
        .drop("_parts")
        # Small integers until someone reads them: the gates compare them a million times.
        .with_columns(
            pl.col(name).cast(INDICATORS)
            for name in ("status", "pctc", "global_days", "bilateral", "assistant_surgery", "co_surgery", "team_surgery")
        )
        .with_columns(pl.col("list").cast(LIST))
        .collect(engine="in-memory")
    )
