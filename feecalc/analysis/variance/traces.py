"""The arithmetic of what was expected: the engine's own steps for some lines, priced again with the lines of their claims."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from feecalc.analysis.variance.expected import CLAIM_LINE, rules_for
from feecalc.analysis.variance.result import Variance
from feecalc.api import OpenSchedule
from feecalc.pricing import engine, explain
from feecalc.pricing.explain import Step


@dataclass(frozen=True)
class Arithmetic:
    """How the expected amount of a line comes about: `steps` to the allowed amount, `after` from there to what is received.

    Empty for a line that is not priced; `source` names the release and its file.
    """

    steps: tuple[Step, ...]
    after: tuple[Step, ...]
    source: str


def arithmetic(variance: Variance, claims: Iterable[int], opened: OpenSchedule) -> dict[int, Arithmetic]:
    """The arithmetic of every line of some claims, by the line's `row`.

    As in the comparison, lines that were denied take no place from those that were paid: each of them is priced with the
    whole day, the others without them.
    """
    wanted = pl.Series(sorted(claims), dtype=pl.Int64).implode()
    mine = variance.lines.filter(pl.col("claim").is_in(wanted), pl.col("outcome") != "not priceable")
    denied = mine.filter(pl.col("allowed") == 0, pl.col("paid") == 0)["row"]
    lines = variance.asked.filter(pl.col("row").is_in(mine["row"].implode()))
    if lines.is_empty():
        return {}
    lines_by_row = {line["row"]: line for line in mine.iter_rows(named=True)}
    rules = rules_for(opened.schedule, [lines["service_date"]], [lines["hcpcs"]])
    found = {}
    without = lines.filter(~pl.col("row").is_in(denied.implode()))
    for asked, keep in ((lines, set(denied)), (without, set(without["row"]))):
        if asked.is_empty():
            continue
        worked = engine.work_out(asked.select(CLAIM_LINE), rules)
        for row, answer in zip(asked["row"], worked.iter_rows(named=True), strict=True):
            if row in keep:
                found[row] = _of_line(answer, lines_by_row[row], opened)
    return found


def _of_line(answer: dict[str, Any], line: dict[str, Any], opened: OpenSchedule) -> Arithmetic:
    """The steps of the engine's answer, and those after the allowed amount with the deductible that the check took."""
    release = answer["release"]
    file = opened.schedule.releases[str(release)].sources[0]["file"] if release is not None else ""
    source = f"release {release} ({file})" if release is not None else ""
    if answer["_outcome"] != "priced":
        return Arithmetic((), (), source)
    shares = {
        "_allowed": line["expected_allowed"],
        "_deductible": 0,  # the steps ask for the patient's part as a whole
        "_coinsurance": line["expected_patient"],
        "_medicare_share": line["expected_paid"] + line["expected_sequestration"],
        "_received": line["expected_patient"] + line["expected_paid"],
    }
    return Arithmetic(tuple(explain.trace(answer)), tuple(explain.shares({**answer, **shares})), source)
