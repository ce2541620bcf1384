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


LOOKED_AT = 200  # claims of one number with the same figures among which the one taken back is looked for


def net(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims with `reversal_of`, `reversed_by`, `corrects` and `netted`, among all those given: of one file or many.

    A reversal takes back the claim of the same payer and claim number whose charge and payment are its own with the other
    sign: the one with the same number of the payer, else the last paid before it. What follows it under the same number in the
    same payment, or else is paid next, corrects it, even where it is of the same figures.
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
    """The claims of one claim number of one payer, in the order of their running numbers."""
    reversals, others = [row for row in group if row["reversal"]], [row for row in group if not row["reversal"]]
    alike: dict[Any, list[dict[str, Any]]] = defaultdict(list)  # by figures, and by figures and the payer's number
    for row in others:
        alike[row["charge"], row["paid"]].append(row)
        alike[row["charge"], row["paid"], row["payer_claim"]].append(row)
    taken_back: set[int] = set()
    for reversal in reversals:
        if None in (reversal["charge"], reversal["paid"]):
            continue
        figures = (-reversal["charge"], -reversal["paid"])
        for key in ((*figures, reversal["payer_claim"]), figures):
            original = _last_before(alike.get(key, []), reversal, taken_back)
            if original is not None:
                of[reversal["claim"]] = original
                taken_back.add(original)
                break
    after = _Following(others)
    in_payment: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in others:
        in_payment[row["payment"]].append(row)
    in_same = {payment: _Following(rows) for payment, rows in in_payment.items()}
    for reversal in reversals:
        same = in_same.get(reversal["payment"])
        found = same.first(reversal["claim"], of, corrects) if same else None
        found = after.first(reversal["claim"], of, corrects) if found is None else found
        if found is not None:
            corrects[found] = reversal["claim"]


def _last_before(rows: list[dict[str, Any]], reversal: dict[str, Any], taken_back: set[int]) -> int | None:
    """The last of some claims that a reversal may take back; None where there is none. They lose those that are taken."""
    while rows and rows[-1]["claim"] in taken_back:
        rows.pop()
    for row in rows[: -LOOKED_AT - 1 : -1]:
        if row["claim"] not in taken_back and _takes_back(reversal, row):
            return int(row["claim"])
    return None


class _Following:
    """The first claim behind each of some reversals, whose numbers rise, that corrects no other yet."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.numbers = [row["claim"] for row in rows]
        self.start = 0

    def first(self, reversal: int, of: dict[int, int], corrects: dict[int, int]) -> int | None:
        """The number of the claim; None where there is none."""
        numbers = self.numbers
        while self.start < len(numbers) and (numbers[self.start] < reversal or numbers[self.start] in corrects):
            self.start += 1
        own, near = of.get(reversal), numbers[self.start : self.start + LOOKED_AT]
        return next((number for number in near if number != own and number not in corrects), None)


def _takes_back(reversal: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a reversal of its figures may be that of a claim: it was not paid before it."""
    if row["payment"] == reversal["payment"] and row["claim"] > reversal["claim"]:  # that is the claim as it was corrected
        return False
    both = row["paid_date"] and reversal["paid_date"]
    return bool(row["paid_date"] <= reversal["paid_date"]) if both else True
