"""From the allowed amount to the payment: which rule, turned another way, makes what was paid of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import polars as pl

from feecalc import policy
from feecalc.analysis.variance import codes
from feecalc.analysis.variance.expected import settled
from feecalc.money import decimals, half_up

PER_FACTOR = 10_000  # a MIPS percentage is counted in hundredths of a percent
GROUP = ("payer_id", "npi", "year")
FOUND: dict[str, Any] = {
    "row": pl.UInt32,
    "causes": pl.List(pl.String),
    "details": pl.List(pl.String),
    "steps": pl.List(pl.Int64),  # what is paid after each, cents
    "alternatives": pl.List(pl.String),
}


@dataclass(frozen=True)
class Turn:
    """How a line's payment is worked out otherwise; None or False leaves a rule as it is."""

    causes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    deductible: bool = False
    coinsurance: int | None = None
    assistant: int | None = None
    sequestration: int | None = None
    mips: str = ""  # "shown" as the remittance says, "factor" by the line's own
    others: bool = False

    def beside(self, other: "Turn") -> "Turn | None":
        """Both together; None where they turn the same rule."""
        if self.causes[0] == other.causes[0] or {self.causes[0], other.causes[0]} == {"assistant_cut", "assistant_not_cut"}:
            return None
        both = replace(self, causes=self.causes + other.causes, details=self.details + other.details)
        return replace(
            both,
            deductible=self.deductible or other.deductible,
            coinsurance=other.coinsurance if self.coinsurance is None else self.coinsurance,
            assistant=other.assistant if self.assistant is None else self.assistant,
            sequestration=other.sequestration if self.sequestration is None else self.sequestration,
            mips=self.mips or other.mips,
            others=self.others or other.others,
        )


def turns() -> list[Turn]:
    """Every rule of the payment turned, one by one."""
    cost = policy.load("cost_sharing")
    cut = int(policy.percentage("assistant_minutes").percent)
    rates = sorted({int(step["percent"]) for step in cost["sequestration"]})
    return [
        Turn(("deductible",), ("",), deductible=True),
        Turn(("coinsurance",), ("waived",), coinsurance=0),
        Turn(("coinsurance",), ("taken",), coinsurance=int(cost["coinsurance"]["percent"])),
        Turn(("assistant_cut",), ("",), assistant=cut),
        Turn(("assistant_not_cut",), ("",), assistant=100),
        *(Turn(("sequestration",), (f"at {rate} percent" if rate else "not taken",), sequestration=rate) for rate in rates),
        Turn(("mips",), ("as the remittance shows",), mips="shown"),
        Turn(("mips",), ("",), mips="factor"),
        Turn(("shown_adjustment",), ("",), others=True),
    ]


def paid(frame: pl.DataFrame, turn: Turn | None = None, allowed: str = "allowed") -> pl.DataFrame:
    """What would be paid of the allowed amount: `paid`, `patient`, `sequestered`, in cents.

    `frame` has `allowed`, `deductible` (as remitted), `open_deductible` (as expected), the percentages of `expected.READ`,
    `mips`, `other_adjustments`, `factor` (hundredths of a percent, null where none is known).
    """
    turn = turn or Turn()
    percents = {"coinsurance": turn.coinsurance, "assistant": turn.assistant, "sequestration": turn.sequestration}
    changed = frame.with_columns(
        **{f"{name}_percent": pl.lit(value, dtype=pl.Int64) for name, value in percents.items() if value is not None},
        **({"preventive": pl.lit(value=False)} if turn.deductible else {}),
    )
    shares = settled(changed, allowed, "deductible" if turn.deductible else "open_deductible")
    share = pl.col("share")
    if turn.mips == "shown":
        share = share + frame["mips"]
    elif turn.mips:
        share = half_up(share * (PER_FACTOR + frame["factor"]), PER_FACTOR)
    others = frame["other_adjustments"] if turn.others else pl.lit(0, dtype=pl.Int64)
    told = shares.with_columns(share=share, percent=changed["sequestration_percent"])
    taken = half_up(pl.col("share") * pl.col("percent"), 100)
    return told.select(
        paid=pl.col("share") - taken - others, patient=pl.col("deductible") + pl.col("coinsurance"), sequestered=taken
    )


def explain(frame: pl.DataFrame, tolerance: int, evidence: int, pairs: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Which turns make the payments of the lines of `frame`, none of which the rules make: the columns FOUND, and hints.

    `frame` has what `paid` reads, and `row`, `actual_paid`, `actual_patient`, `sequestration` (as remitted), `reasons`, and
    GROUP with `group_lines`, how many lines of it were paid. MIPS percentages that the remittance does not show are found
    first, by payer, practitioner and year.
    """
    factors, weak = _mips(frame, tolerance, evidence)
    frame = frame.join(factors, on=GROUP, how="left", nulls_equal=True, maintain_order="left")
    singles = turns()
    hits = _hits(frame, list(enumerate(singles)), tolerance)
    found = [_best(hits, singles, frame)] if hits.height else []
    left = frame.join(hits, on="row", how="anti", maintain_order="left")
    if pairs and left.height:
        both = [pair for one, other in combinations(singles, 2) if (pair := one.beside(other)) is not None]
        more = _hits(left, list(enumerate(both)), tolerance)
        if more.height:
            found.append(_best(more, both, left))
    answer = pl.concat(found) if found else pl.DataFrame(schema=FOUND)
    return answer, weak.join(answer, on="row", how="anti")


def _hits(frame: pl.DataFrame, tried: Iterable[tuple[int, Turn]], tolerance: int) -> pl.DataFrame:
    """The lines whose payment and patient's part a turn makes: `row`, `turn`, `paid`, `agrees` on sequestration."""
    found = [
        pl.DataFrame(schema={"row": pl.UInt32, "turn": pl.UInt32, "agrees": pl.Boolean, "off": pl.Int64, "factor": pl.Int64})
    ]
    shown = {"shown": pl.col("mips") != 0, "factor": pl.col("factor").is_not_null()}
    for number, turn in tried:
        may = pl.lit(value=True)
        if turn.mips:
            may &= shown[turn.mips]
        if turn.others:
            may &= pl.col("other_adjustments") != 0
        if turn.deductible:
            may &= pl.col("deductible") != pl.when("preventive").then(0).otherwise("open_deductible")
        if turn.sequestration is not None:
            may &= pl.col("sequestration_percent") != turn.sequestration
        if turn.assistant is not None:
            may &= pl.col("assistant_percent") != turn.assistant
        if turn.coinsurance is not None:
            may &= pl.col("coinsurance_percent") != turn.coinsurance
        some = frame.filter(may)
        if some.is_empty():
            continue
        made = paid(some, turn)
        off = (made["paid"] - some["actual_paid"]).abs() + (made["patient"] - some["actual_patient"]).abs()
        near = ((made["paid"] - some["actual_paid"]).abs() <= tolerance) & (
            (made["patient"] - some["actual_patient"]).abs() <= tolerance
        )
        told = some.select("row", "factor", turn=pl.lit(number, dtype=pl.UInt32)).with_columns(
            off=off, agrees=(made["sequestered"] - some["sequestration"]).abs() <= tolerance
        )
        found.append(told.filter(near).select(found[0].columns))
    return pl.concat(found)


def _best(hits: pl.DataFrame, tried: list[Turn], frame: pl.DataFrame) -> pl.DataFrame:
    """The best turn of each line: one that agrees with the sequestration shown, with its adjustment codes, with most lines."""
    known = codes.causes()
    table = pl.DataFrame(
        {
            "turn": range(len(tried)),
            "causes": [list(one.causes) for one in tried],
            "details": [list(one.details) for one in tried],
            "name": [
                " and ".join(
                    f"{known[c].title} ({d})" if d else known[c].title for c, d in zip(one.causes, one.details, strict=True)
                )
                for one in tried
            ],
            "order": [sum(known[cause].order for cause in one.causes) for one in tried],
            "carc": [[code for cause in one.causes for code in known[cause].carc] for one in tried],
        },
        schema_overrides={"turn": pl.UInt32, "carc": pl.List(pl.String), "details": pl.List(pl.String)},
    )
    beside = hits.join(table, on="turn").join(frame.select("row", "reasons", *GROUP), on="row")
    ranked = beside.with_columns(
        support=pl.len().over("turn", *GROUP), shown=pl.col("reasons").list.set_intersection("carc").list.len() > 0
    ).sort(
        "row", "off", "agrees", "shown", "support", "order", "turn", descending=[False, False, True, True, True, False, False]
    )
    ranked = ranked.with_columns(as_good=pl.col("agrees") == pl.col("agrees").first().over("row"))
    names = pl.col("name").filter("as_good").unique(maintain_order=True)
    best = ranked.group_by("row", maintain_order=True).agg(
        pl.col("causes").first(),
        pl.col("details").first(),
        pl.col("turn", "factor").first(),
        alternatives=names.filter(names != pl.col("name").first()),
    )
    done = [_with_steps(part, tried[int(number[0])], frame) for number, part in best.group_by("turn", maintain_order=True)]
    return pl.concat(done).select(list(FOUND))


def _with_steps(best: pl.DataFrame, turn: Turn, frame: pl.DataFrame) -> pl.DataFrame:
    """`steps`, what is paid after each of the turn's causes, and the MIPS percentage among the details."""
    own = best.select("row").join(frame, on="row", how="left", maintain_order="left")
    first = next((one for one in turns() if one.causes == turn.causes[:1] and one.details == turn.details[:1]), turn)
    halfway, whole = paid(own, first)["paid"], paid(own, turn)["paid"]
    steps = pl.concat_list(halfway, whole) if len(turn.causes) > 1 else pl.concat_list(whole)
    told = best.with_columns(steps=steps)
    if turn.mips != "factor":
        return told
    at = turn.causes.index("mips")
    percent = pl.format("{} percent", decimals(pl.col("factor"), 2))
    details = [percent if place == at else pl.lit(text) for place, text in enumerate(turn.details)]
    return told.with_columns(details=pl.concat_list(details))


def _mips(frame: pl.DataFrame, tolerance: int, evidence: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The MIPS percentages that lines without a shown adjustment bear: GROUP, `factor`; and hints where too few lines agree.

    Every line allows a few percentages, to the cent; the one that most lines of a practitioner's year allow is taken, where
    it holds for half of all that was paid in the year: a MIPS adjustment spares no line.
    """
    empty = pl.DataFrame(schema={"payer_id": pl.String, "npi": pl.String, "year": pl.Int32, "factor": pl.Int64})
    no_hints = pl.DataFrame(schema={"row": pl.UInt32, "hint": pl.String})
    most = int(codes.section("limit")["mips"]["percent"]) * 100
    own = frame.hstack(paid(frame).select(made="paid", made_patient="patient"))
    shares = settled(frame, "allowed", "open_deductible")
    own = own.with_columns(full=shares["share"]).filter(
        pl.col("mips") == 0,
        (pl.col("made_patient") - pl.col("actual_patient")).abs() <= tolerance,
        (pl.col("made") - pl.col("actual_paid")).abs() > tolerance,
        pl.col("full") > 0,
    )
    if own.is_empty():
        return empty, no_hints
    kept = 100 - pl.col("sequestration_percent")
    middle = pl.col("actual_paid") * 100 * PER_FACTOR // (kept * pl.col("full")) - PER_FACTOR
    width = (2 + tolerance) * PER_FACTOR // pl.col("full") + 1
    tried = own.with_columns(least=(middle - width).clip(-most, most), greatest=(middle + width).clip(-most, most))
    tried = tried.filter(middle.abs() <= most + width).with_columns(factor=pl.int_ranges("least", pl.col("greatest") + 1))
    tried = tried.explode("factor").filter(pl.col("factor") != 0).with_columns(pl.col("factor").cast(pl.Int64))
    if tried.is_empty():
        return empty, no_hints
    made = paid(tried, Turn(mips="factor"))
    fits = tried.filter((made["paid"] - tried["actual_paid"]).abs() <= tolerance)
    counted = (
        fits.group_by(*GROUP, "factor")
        .agg(lines=pl.len(), different=pl.col("full").n_unique(), of_all=pl.col("group_lines").first())
        .sort("different", "lines", pl.col("factor").abs(), descending=[True, True, False])
        .group_by(GROUP, maintain_order=True)
        .first()
    )
    counted = counted.filter(pl.col("lines") * 2 >= pl.col("of_all"))
    firm = counted.filter(pl.col("different") >= max(evidence, 2))
    weak = fits.join(counted, on=[*GROUP, "factor"], how="semi", nulls_equal=True)
    weak = (
        weak.join(firm, on=GROUP, how="anti", nulls_equal=True)
        .group_by("row", maintain_order=True)
        .agg(pl.col("factor").first())
    )
    percent = decimals(pl.col("factor"), 2)
    hints = weak.select(
        "row",
        hint=pl.format("The payment would be that of a MIPS adjustment of {} percent. No other line confirms it.", percent),
    )
    return firm.select(empty.columns), hints
