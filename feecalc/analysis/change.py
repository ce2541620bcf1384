"""Two pricings beside each other: what changed in all, by code, provider, payer, site or month, and why.

    change = compare(price(mix, this_year, opened), price(mix, next_year, opened))
    change.sentence("Next year")    # "Next year pays $12,345 less (-3.2 %): $9,000 of it is the conversion factor."

The rows of both are matched by their number, code and modifiers, however much of each there is: services that a what-if adds,
drops or makes more of are one cause, volume, beside those of feecalc.analysis.causes. All amounts are cents.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

import polars as pl

from feecalc.analysis import causes
from feecalc.analysis.revenue import Priced
from feecalc.errors import InputError
from feecalc.money import decimals, show
from feecalc.pricing.kinds import Kinds, tell_apart
from feecalc.therapy_codes import disciplines

WITHHELD = "withheld"

# Every cause in the order in which a reader follows it, with our words for it: as a label, and inside a sentence.
LABELS = {
    causes.VOLUME: "More or fewer services",
    "new_code": "Codes new to the fee schedule",
    "deleted_code": "Codes gone from the fee schedule",
    "status": "Codes that begin or cease to be payable",
    "conversion_factor": "Conversion factor (dollars per RVU)",
    "work_rvu": "RVUs of work",
    "pe_rvu": "RVUs of practice expense",
    "mp_rvu": "RVUs of malpractice insurance",
    "gpci_work": "Local price index of work",
    "gpci_pe": "Local price index of practice expense",
    "gpci_mp": "Local price index of malpractice insurance",
    "modifiers_and_caps": "Modifiers, percentages and caps",
    "same_day": "Same-day reductions",
    "rounding": "Rounding to whole cents",
}
WITHHELD_LABEL = "Held back: sequestration, therapy assistants"
IN_WORDS = {
    causes.VOLUME: "the number of services",
    "new_code": "codes new to the fee schedule",
    "deleted_code": "codes gone from the fee schedule",
    "status": "codes that begin or cease to be payable",
    "conversion_factor": "the conversion factor",
    "work_rvu": "the RVUs of work",
    "pe_rvu": "the RVUs of practice expense",
    "mp_rvu": "the RVUs of malpractice insurance",
    "gpci_work": "the local price index of work",
    "gpci_pe": "the local price index of practice expense",
    "gpci_mp": "the local price index of malpractice insurance",
    "modifiers_and_caps": "modifiers, percentages and caps",
    "same_day": "same-day reductions",
    "rounding": "rounding to whole cents",
    WITHHELD: "what is held back (sequestration, therapy assistants)",
}
MEASURES = ("allowed", "received")

NEARLY = (
    40  # a cause that misses the whole by no more than a 40th of it: sequestration, which follows all else, is about a 60th
)

NAMES = {"code": "hcpcs"}  # what a question calls a column of the rows
GROUPS = ("code", "provider", "payer", "site", "month")

OF_ROW = ("provider", "payer", "site")
SUMS = ("units", "alone", "allowed", "received")
FIGURES = ("work", "pe", "mp", "g_work", "g_pe", "g_mp", "factor", "fee")
KEY = ("row", "hcpcs", "month", "_modifiers")  # a row of the file that holds months has a row of the mix for each


@dataclass(frozen=True)
class Change:
    """What changed. `rows`: one row a matched row, all money in cents.

    Its columns: `row`, `hcpcs`, `modifiers`, `provider`, `payer`, `site`, `month`; of both sides `units_0`, `units_1` and so
    on with `outcome`, `reason`, `allowed`, `received` (0 where there is no amount); `change` (allowed); the causes of LABELS,
    which add up to `change`; and `withheld`, which with them adds up to the change of `received`.
    """

    rows: pl.DataFrame
    priced: tuple[Priced, Priced] = field(repr=False)  # before, after

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know of the comparison."""
        return tuple(_notes(self.rows, *self.priced))

    @cached_property
    def totals(self) -> dict[str, int]:
        """The sums of all rows: `allowed_0`, `allowed_1`, `received_0`, `received_1`, `change`, `withheld`, every cause."""
        return {name: int(value or 0) for name, value in self.rows.select(pl.col(_summed()).sum()).row(0, named=True).items()}

    def before(self, of: str = "allowed") -> int:
        """The total before."""
        return self.totals[f"{_measure(of)}_0"]

    def after(self, of: str = "allowed") -> int:
        """The total after."""
        return self.totals[f"{_measure(of)}_1"]

    def difference(self, of: str = "allowed") -> int:
        """After less before."""
        return self.after(of) - self.before(of)

    def percent(self, of: str = "allowed") -> Decimal | None:
        """The difference in percent of the total before, to one decimal; None where that is not above 0."""
        return _percent(self.difference(of), self.before(of))

    def parts(self, of: str = "allowed") -> dict[str, int]:
        """Every cause with its part of the difference, in the order of LABELS; they add up to it."""
        named = [*LABELS, *([WITHHELD] if _measure(of) == "received" else [])]
        return {cause: self.totals[cause] for cause in named}

    def by(self, *columns: str) -> pl.DataFrame:
        """The totals by any of `code`, `provider`, `payer`, `site`, `month`: these columns, then those of `totals`."""
        keys = _grouped(columns)
        # By categories: a hundred thousand texts take far longer to group than to price.
        shown = self.rows.lazy().with_columns(pl.col("hcpcs", *OF_ROW).cast(pl.Categorical))
        summed = shown.group_by(keys).agg(pl.col(_summed()).sum()).with_columns(pl.col(pl.Categorical).cast(pl.String))
        return summed.sort(list(columns), nulls_last=True).collect()

    def movers(self, by: str = "code", count: int = 10) -> pl.DataFrame:
        """The most that moved up, then the most that moved down, largest first.

        `direction` (up, down), the column asked for, `before`, `after`, `change`, `share` (in percent, one decimal, of all
        that moved in the same direction) and `cause`, the label of the largest part in that direction.
        """
        grouped = self.by(by).filter(pl.col("change") != 0)
        up = pl.col("change") > 0
        sign = pl.when(up).then(1).otherwise(-1)
        amount = pl.col("change").abs()
        moved = amount.sum().over("direction")
        largest = pl.concat_list(pl.col(cause) * sign for cause in LABELS).list.arg_max()
        frame = grouped.with_columns(direction=pl.when(up).then(pl.lit("up")).otherwise(pl.lit("down"))).with_columns(
            share=decimals((2000 * amount + moved) // (2 * moved), 1),
            cause=largest.replace_strict(dict(enumerate(LABELS.values())), return_dtype=pl.String),
        )
        ordered = frame.sort(up, amount, by, descending=[True, True, False], nulls_last=True)
        best = ordered.group_by("direction", maintain_order=True).head(count)
        return best.select(
            "direction", by, before="allowed_0", after="allowed_1", change="change", share="share", cause="cause"
        )

    def waterfall(self, of: str = "allowed", before: str = "Before", after: str = "After", every: bool = False) -> pl.DataFrame:
        """From the total before to the total after, cause by cause: `cause`, `label`, `from`, `to`, `amount`.

        The first and the last row are the totals (`cause` before, after; `from` 0). Causes without a part are left out unless
        `every`.
        """
        steps: list[dict[str, Any]] = [_step("before", before, 0, self.before(of))]
        level = self.before(of)
        for cause, amount in self.parts(of).items():
            if amount or every:
                steps.append(_step(cause, LABELS.get(cause, WITHHELD_LABEL), level, level + amount))
            level += amount
        steps.append(_step("after", after, 0, self.after(of)))
        text, number = pl.String, pl.Int64
        return pl.DataFrame(steps, schema={"cause": text, "label": text, "from": number, "to": number, "amount": number})

    def sentence(self, after: str = "After", of: str = "allowed") -> str:
        """The change in one sentence, with its largest cause. `after` names what is compared, such as "Next year"."""
        difference = self.difference(of)
        if difference == 0:
            return f"{after} pays the same: {show(self.after(of))}."
        down = difference < 0
        percent = self.percent(of)
        share = "" if percent is None else f" ({percent:+} %)"
        size = abs(difference)
        parts = {cause: -amount if down else amount for cause, amount in self.parts(of).items()}
        cause = max(parts, key=lambda name: parts[name])
        largest = parts[cause]
        if largest == size:
            why = f"all of it is {IN_WORDS[cause]}"
        elif abs(largest - size) * NEARLY <= size:
            why = f"nearly all of it is {IN_WORDS[cause]}"
        elif largest < size:
            why = f"{_shown(largest)} of it is {IN_WORDS[cause]}"
        else:
            other = min(parts, key=lambda name: parts[name])
            lost, won = f"{_shown(largest)} by {IN_WORDS[cause]}", f"{_shown(-parts[other])} by {IN_WORDS[other]}"
            why = f"it loses {lost} and wins {won}" if down else f"it wins {lost} and loses {won}"
        return f"{after} pays {_shown(size)} {'less' if down else 'more'}{share}: {why}."


def compare(before: Priced, after: Priced) -> Change:
    """Compare two pricings of the same volumes, or of volumes that a what-if has changed.

    Rows are matched by `row`, code and modifiers; CQ and CO are left out of the match, so that units which a what-if gives to
    assistants stay with their row. Raises InputError where a pricing lacks a column of its contract.
    """
    was, now = _side(before.rows, "0"), _side(after.rows, "1")
    in_step = _in_step(was, now)
    matched = _matched(was, now, in_step)
    known = matched.with_columns(
        *(pl.col(f"units_{side}").fill_null(0) for side in "01"),
        *((pl.col(f"reason_{side}") != "unknown_code").fill_null(value=True).alias(f"present_{side}") for side in "01"),
    )
    same = known["units_0"].equals(known["units_1"])
    alike = _alike(before, after, known.height) if in_step else Kinds()
    read = alike.one_of_each(known)
    parts = alike.lay(causes.split(read.rename({"units_0": "units"}).drop("units_1") if same else read))
    if same:
        parts = parts.with_columns(pl.lit(0, dtype=pl.Int64).alias(causes.VOLUME))
    amounts = {f"{name}_{side}": pl.col(f"{name}_{side}").fill_null(0) for side in "01" for name in MEASURES}
    rows = known.with_columns(**amounts).with_columns(change=pl.col("allowed_1") - pl.col("allowed_0"))
    withheld = pl.col("received_1") - pl.col("received_0") - pl.col("change")
    shown = rows.select(
        "row",
        "hcpcs",
        pl.coalesce("modifiers_0", "modifiers_1").alias("modifiers"),
        *(pl.coalesce(f"{name}_0", f"{name}_1").alias(name) for name in OF_ROW),
        "month",
        *(f"{name}_{side}" for name in ("units", "outcome", "reason", *MEASURES) for side in "01"),
        "change",
        withheld.alias(WITHHELD),
    )
    complete = shown.hstack(parts.select(list(LABELS)))
    return Change(complete, (before, after))


def _side(rows: pl.DataFrame, side: str) -> pl.DataFrame:
    """The rows of one pricing, one a key: pieces of a row that differ in CQ and CO alone are put together."""
    needed = ("row", "hcpcs", "month", "modifiers", "outcome", "reason", *OF_ROW, *SUMS, *FIGURES)
    missing = [name for name in needed if name not in rows.columns]
    if missing:
        raise InputError(f"A pricing cannot be compared: it has no column {', '.join(missing)}.")
    assistants = {one.assistant for one in disciplines().values() if one.assistant}
    texts = rows["modifiers"].unique().to_list()
    without = [" ".join(m for m in (text or "").split() if m not in assistants) for text in texts]
    frame = rows.select(needed).with_columns(pl.col("outcome", "reason").cast(pl.String))
    stripped = pl.col("modifiers").replace_strict(texts, without, return_dtype=pl.String) if texts else pl.col("modifiers")
    frame = frame.with_columns(_modifiers=stripped, _piece=pl.lit(0, dtype=pl.Int64))
    if frame["row"].n_unique() < frame.height:
        pieces = _pieces(frame)
        if pieces.any():
            frame = _put_together(frame, pieces)
    own = [name for name in frame.columns if name not in (*KEY, "_piece")]
    return frame.rename({name: f"{name}_{side}" for name in own})


def _pieces(frame: pl.DataFrame) -> pl.Series:
    """Which rows have the number, code and modifiers of another row."""
    several = frame.select(pl.col("row").is_duplicated())["row"]
    among = several.arg_true()  # only these can be: all rows are many, and their texts take long to compare
    return several.scatter(among, frame.select(KEY)[among].is_duplicated())


def _put_together(frame: pl.DataFrame, pieces: pl.Series) -> pl.DataFrame:
    """The rows, in the order in which they begin, with those together that agree in all but units, money and CQ or CO."""
    alike = [*KEY, "outcome", "reason", *FIGURES]
    first = [pl.col(name).first() for name in ("_at", "modifiers", *OF_ROW)]
    numbered = frame.with_row_index("_at")
    whole = numbered.filter(pieces).group_by(alike, maintain_order=True).agg(*first, pl.col(SUMS).sum())
    # Rows of one number with figures of their own are no pieces of one: they stay apart, and are matched in their order.
    whole = whole.with_columns(_piece=pl.int_range(pl.len(), dtype=pl.Int64).over(KEY))
    return pl.concat([numbered.filter(~pieces), whole.select(numbered.columns)]).sort("_at").drop("_at")


def _in_step(before: pl.DataFrame, after: pl.DataFrame) -> bool:
    """Whether both sides have the same rows in the same order."""
    on = [*KEY, "_piece"]
    return before.select(on).equals(after.select(on))


def _matched(before: pl.DataFrame, after: pl.DataFrame, in_step: bool) -> pl.DataFrame:
    """Both sides beside each other, in the order of the rows before, then of those that are new."""
    on = [*KEY, "_piece"]
    if in_step:
        return before.hstack(after.drop(on))
    return before.join(after, on=on, how="full", coalesce=True, nulls_equal=True, maintain_order="left_right")


def _alike(before: Priced, after: Priced, matched: int) -> Kinds:
    """Which of the matched rows, that are in step, change alike to the cent."""
    if not before.rows.height == after.rows.height == matched:  # pieces were put together
        return Kinds()
    worth = [priced.worth.select(pl.all().name.suffix(side)) for priced, side in ((before, "_0"), (after, "_1"))]
    return tell_apart(pl.concat(worth, how="horizontal"))


def _notes(rows: pl.DataFrame, before: Priced, after: Priced) -> list[str]:
    """What a reader has to know of the comparison."""
    notes = []
    for priced, word in ((before, "before"), (after, "after")):
        allowed = priced.interval.allowed
        if not allowed.known:
            notes.append(
                f"Same-day reductions of therapy rest on an estimate: {word}, between {show(allowed.low)} and "
                f"{show(allowed.high)} are allowed in all, {show(allowed.estimate)} by the estimate."
            )
    for side, word in (("0", "before"), ("1", "after")):
        unknown = rows.filter(pl.col(f"outcome_{side}") == "cannot_price")
        if unknown.height:
            count = "1 row has" if unknown.height == 1 else f"{unknown.height:,} rows have"
            counts = "counts" if unknown.height == 1 else "count"
            notes.append(f"{count} no known amount {word} and {counts} as $0.00 there.")
    return notes


def _step(cause: str, label: str, start: int, end: int) -> dict[str, Any]:
    return {"cause": cause, "label": label, "from": start, "to": end, "amount": end - start}


def _measure(of: str) -> str:
    if of not in MEASURES:
        raise InputError(f"{of!r} is no measure of a change. Give one of {', '.join(MEASURES)}.")
    return of


def _summed() -> list[str]:
    return [f"{name}_{side}" for name in MEASURES for side in "01"] + ["change", WITHHELD, *LABELS]


def _grouped(columns: Sequence[str]) -> list[pl.Expr]:
    wrong = [name for name in columns if name not in GROUPS]
    if wrong or not columns:
        raise InputError(f"A change is told by one or more of {', '.join(GROUPS)}, not by {', '.join(wrong) or 'nothing'}.")
    return [pl.col(NAMES.get(name, name)).alias(name) for name in columns]


def _percent(part: int, whole: int) -> Decimal | None:
    """A part in percent of a whole, to one decimal, halves away from zero; None where the whole is not above 0."""
    if whole <= 0:
        return None
    tenths = (2000 * abs(part) + whole) // (2 * whole)
    return Decimal(tenths if part >= 0 else -tenths).scaleb(-1)


def _shown(cents: int) -> str:
    """An amount as a sentence gives it: in whole dollars from a thousand on."""
    if cents < 100_000:
        return show(cents)
    return f"${(cents + 50) // 100:,}"
