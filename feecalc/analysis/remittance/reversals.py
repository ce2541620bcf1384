"""Reversals: which claim each takes back, and which claim stands in its place.

A payer corrects a claim by its reversal (status 22, the same figures with the other sign) and the claim once more with the
right ones. The first payment is often in an older file; where both were read, claim and reversal are nothing together.
"""

from collections import defaultdict
from typing import Any

import polars as pl

_READ = (
    "claim",
    "payer",
    "payer_id",
    "claim_id",
    "payer_claim",
    "charge",
    "paid",
    "paid_date",
    "payment",
    "reversal",
)


def net(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims with `reversal_of`, `reversed_by`, `corrects` and `netted`, among all those given: of one file or many.

    A reversal takes back the claim of the same payer and claim number whose charge and payment are its own with the other
    sign: the one with the same number of the payer, else the last paid before it. What follows it under the same number in the
    same payment, or else is paid next, corrects it.
    """
    reversals = claims.filter("reversal")
    of: dict[int, int] = {}
    corrects: dict[int, int] = {}
    if reversals.height:
        same = claims.join(reversals.select("claim_id").unique(), on="claim_id", how="semi", maintain_order="left")
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
        for row in same.select(_READ).iter_rows(named=True):
            groups[row["payer_id"] or row["payer"], row["claim_id"]].append(row)
        for group in groups.values():
            _net_one(group, of, corrects)
    numbers, corrected = _frame(of, "reversal_of"), _frame(corrects, "corrects")
    back = numbers.select(pl.col("reversal_of").alias("claim"), pl.col("claim").alias("reversed_by"))
    columns = claims.columns
    joined = claims.drop("reversal_of", "reversed_by", "corrects", "netted")
    for found in (numbers, back, corrected):
        joined = joined.join(found, on="claim", how="left", maintain_order="left")
    netted = pl.col("reversal_of").is_not_null() | pl.col("reversed_by").is_not_null()
    return joined.with_columns(netted=netted).select(columns)


def _frame(found: dict[int, int], name: str) -> pl.DataFrame:
    return pl.DataFrame({"claim": list(found), name: list(found.values())}, schema={"claim": pl.Int64, name: pl.Int64})


def _net_one(group: list[dict[str, Any]], of: dict[int, int], corrects: dict[int, int]) -> None:
    """The claims of one claim number of one payer."""
    taken_back: set[int] = set()
    for reversal in group:
        if not reversal["reversal"]:
            continue
        before = [row for row in group if _takes_back(reversal, row) and row["claim"] not in taken_back]
        if before:
            alike = [row for row in before if row["payer_claim"] == reversal["payer_claim"]]
            original = max(alike or before, key=lambda row: row["claim"])["claim"]
            of[reversal["claim"]] = original
            taken_back.add(original)
    for reversal in group:
        if not reversal["reversal"]:
            continue
        after = [
            row
            for row in group
            if not row["reversal"] and row["claim"] not in corrects and row["claim"] != of.get(reversal["claim"])
            and row["claim"] > reversal["claim"]
        ]  # fmt: skip
        same = [row for row in after if row["payment"] == reversal["payment"]]
        found = same or after
        if found:
            corrects[found[0]["claim"]] = reversal["claim"]


def _takes_back(reversal: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a reversal may be that of a claim: its figures with the other sign, and not paid before it."""
    if row["reversal"] or None in (row["charge"], row["paid"], reversal["charge"], reversal["paid"]):
        return False
    if row["charge"] != -reversal["charge"] or row["paid"] != -reversal["paid"]:
        return False
    both = row["paid_date"] and reversal["paid_date"]
    return bool(row["paid_date"] <= reversal["paid_date"]) if both else True
