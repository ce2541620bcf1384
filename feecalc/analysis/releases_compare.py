"""Two releases beside each other in one place: what each code paid, what it pays, why, and what else of it changed.

The amounts are the engine's, the causes those of `feecalc.analysis.causes`; here they are put side by side. Money in cents,
RVUs in hundredths, GPCIs in thousandths.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import polars as pl

from feecalc.analysis import causes
from feecalc.analysis.change import LABELS
from feecalc.api import OpenSchedule
from feecalc.locality import NATIONWIDE, Place
from feecalc.pricing import fee, outcomes
from feecalc.pricing import rows as pricing_rows

KEY = ("hcpcs", "modifier")
POINTS = ("work", "pe", "mp")
INDEXES = ("g_work", "g_pe", "g_mp")
# The policy indicators that a claim is priced by, as the rows have them; `policy/indicators.toml` says what each value means.
INDICATORS = ("pctc", "global_days", "mult_proc", "bilateral", "assistant_surgery", "co_surgery", "team_surgery")
# By how many percent an amount moved: the upper ends of the bars of the picture, in tenths of a percent.
EDGES = (-200, -100, -50, -20, -10, 0, 0, 10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Question:
    """What is compared: two releases, some codes (None: all), a place, a setting."""

    before: str
    after: str
    codes: tuple[str, ...] | None
    place: Place
    setting: str
    qp: bool


@dataclass(frozen=True)
class Found:
    """What was found. `rows`: one row a code and modifier of either release, in their order.

    `kind` is new, gone, begins, ceases (its amount), up, down, same or unpaid (on both sides). Of both sides: `status_0`,
    `work_0`, `pe_0`, `mp_0`, `paid_0` (cents, null where there is no amount) and the indicators; `change` (cents) and
    `tenths` (of a percent) where both sides are paid; the causes, which add up to the change of the row.
    """

    question: Question
    rows: pl.DataFrame
    factors: tuple[int, int]
    places: pl.DataFrame

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many rows are of each kind."""
        return dict(self.rows["kind"].value_counts().iter_rows())

    @cached_property
    def both(self) -> pl.DataFrame:
        """The rows that are paid on both sides."""
        return self.rows.filter(pl.col("change").is_not_null())

    @cached_property
    def causes(self) -> dict[str, int]:
        """What the changes of one unit of every code paid on both sides are made of, in cents, in the order of LABELS."""
        sums = self.both.select(pl.col(name).sum() for name in causes.CAUSES).row(0, named=True)
        return {cause: sums[cause] for cause in LABELS if sums.get(cause)}

    @property
    def median(self) -> int | None:
        """The middle change, in tenths of a percent, of the rows that are paid on both sides."""
        found = self.both["tenths"].drop_nulls().sort()
        return None if found.is_empty() else int(found[(found.len() - 1) // 2])

    def of(self, *kinds: str) -> pl.DataFrame:
        """The rows of some kinds."""
        return self.rows.filter(pl.col("kind").is_in(kinds))

    def indicators(self) -> pl.DataFrame:
        """One row a changed status or indicator of a row of both releases: its key, `indicator`, `before`, `after`."""
        there = self.rows.filter("present_0", "present_1")
        parts = [
            there.filter(pl.col(f"{name}_0") != pl.col(f"{name}_1")).select(
                *KEY, indicator=pl.lit(name), before=pl.col(f"{name}_0"), after=pl.col(f"{name}_1")
            )
            for name in ("status", *INDICATORS)
        ]
        return pl.concat(parts).sort(*KEY, "indicator")

    def points(self) -> pl.DataFrame:
        """The rows of both releases with other RVUs."""
        differs = pl.any_horizontal(pl.col(f"{part}_0") != pl.col(f"{part}_1") for part in POINTS)
        return self.rows.filter(pl.col("present_0") & pl.col("present_1") & differs)

    def movers(self, count: int, by: str) -> pl.DataFrame:
        """The rows that rose most and those that fell most, by `change` (cents) or `tenths` (of a percent)."""
        moved = self.both.filter(pl.col(by) != 0).sort(by, *KEY, descending=[True, False, False])
        up, down = moved.filter(pl.col(by) > 0), moved.filter(pl.col(by) < 0)
        return pl.concat([up.head(count), down.tail(count)])

    def distribution(self) -> list[tuple[int | None, int | None, int]]:
        """How many rows lie between two edges, in tenths of a percent (None: without end), lowest first."""
        tenths = self.both["tenths"].drop_nulls()
        ends = [None, *EDGES, None]
        counted: list[tuple[int | None, int | None, int]] = []
        for low, high in pairwise(ends):
            if low == high:  # the row that did not move
                within = tenths == 0
            elif high is not None and high <= 0:  # what falls counts toward the edge below: -5 % lies in -10 % to -5 %
                within = (tenths <= high if high else tenths < 0) & (True if low is None else tenths > low)
            else:
                within = (tenths >= low if low else tenths > 0) & (True if high is None else tenths < high)
            counted.append((low, high, int(within.sum())))
        return counted


def compare(opened: OpenSchedule, question: Question) -> Found:
    """Put two releases beside each other. Raises NotLoadedError, and InputError where no factor is known for QPs."""
    sides = [_side(opened, question, name, number) for number, name in enumerate((question.before, question.after))]
    both = sides[0].join(sides[1], on=KEY, how="full", coalesce=True, maintain_order="left_right").sort(KEY)
    known = both.with_columns(
        pl.lit(1, dtype=pl.Int64).alias("units"), *(pl.col(f"present_{side}").fill_null(value=False) for side in "01")
    )
    answered = known.with_columns(
        *(
            pl.col(f"{name}_{side}").fill_null("" if name == "outcome" else 0)
            for side in "01"
            for name in ("allowed", "outcome")
        )
    )
    parts = causes.split(answered)
    change = pl.when(pl.col("paid_0").is_not_null() & pl.col("paid_1").is_not_null()).then(pl.col("paid_1") - pl.col("paid_0"))
    rows = known.hstack(parts).with_columns(change=change).with_columns(kind=_kind(), tenths=_tenths())
    factors = tuple(opened.factor(opened.schedule.release(name), question.qp) for name in (question.before, question.after))
    return Found(question, rows, (factors[0], factors[1]), _places(opened, question))


def _side(opened: OpenSchedule, question: Question, name: str, side: int) -> pl.DataFrame:
    """The rows of one release with their amounts in the place; columns end in `_0` or `_1`."""
    release = opened.schedule.release(name)
    tables = opened.schedule.tables([name], zips=False)
    factor = opened.factor(release, question.qp)
    place = question.place
    here = tables.gpci.filter(pl.col("mac") == place.mac, pl.col("locality") == place.locality).drop("release")
    amounts = fee.amounts(pl.col("factor"))
    setting = question.setting
    of_setting = ("work", f"pe_{setting}", "mp")
    frame = pricing_rows.facts(tables.rows).lazy()
    if question.codes is not None:
        frame = frame.filter(pl.col("hcpcs").is_in(question.codes))
    # Rows without RVUs have no amount of their own, as in the fee schedule: anesthesia is paid by base units and time.
    payable = pl.col("status").cast(pl.String).is_in(fee.PRICED_STATUSES) & fee.has_rvus()
    priced = pl.col("row_reason").is_null() & payable & pl.col("gpci_work").is_not_null()
    outcome = pl.coalesce(outcomes.of(pl.col("row_reason")), pl.when(priced).then(pl.lit("priced")), pl.lit("cannot_price"))
    worked = (
        frame.with_columns(factor=pl.lit(factor, dtype=pl.Int64))
        .join(here.lazy(), how="left", left_on=pl.lit(1), right_on=pl.lit(1))
        .with_columns(**{f"_{one}": amounts[one] for one in (setting, f"opps_{setting}")}, outcome=outcome)
        .with_columns(paid=pl.when(pl.col("outcome") == "priced").then(pl.min_horizontal(f"_{setting}", f"_opps_{setting}")))
        .select(
            *KEY,
            *(pl.col(name).cast(pl.String) for name in ("status", *INDICATORS)),
            "outcome",
            "paid",
            "factor",
            pl.lit(value=True).alias("present"),
            *(pl.col(column).cast(pl.Int64).alias(part) for part, column in zip(POINTS, of_setting, strict=True)),
            *(pl.col(f"gpci_{part}").alias(f"g_{part}") for part in POINTS),
            fee=pl.col(f"_{setting}"),
            alone=pl.col("paid"),
            allowed=pl.col("paid"),
        )
    )
    found = worked.collect()
    return found.rename({column: f"{column}_{side}" for column in found.columns if column not in KEY})


def _kind() -> pl.Expr:
    paid_0, paid_1 = pl.col("paid_0").is_not_null(), pl.col("paid_1").is_not_null()
    return (
        pl.when(~pl.col("present_0"))
        .then(pl.lit("new"))
        .when(~pl.col("present_1"))
        .then(pl.lit("gone"))
        .when(~paid_0 & ~paid_1)
        .then(pl.lit("unpaid"))
        .when(~paid_0)
        .then(pl.lit("begins"))
        .when(~paid_1)
        .then(pl.lit("ceases"))
        .when(pl.col("change") > 0)
        .then(pl.lit("up"))
        .when(pl.col("change") < 0)
        .then(pl.lit("down"))
        .otherwise(pl.lit("same"))
    )


def _tenths() -> pl.Expr:
    """The change in tenths of a percent of what was paid before, halves away from zero; null where that was nothing."""
    size = (2000 * pl.col("change").abs() + pl.col("paid_0")) // (2 * pl.col("paid_0"))
    return pl.when(pl.col("paid_0") > 0).then(size * pl.col("change").sign())


def _places(opened: OpenSchedule, question: Question) -> pl.DataFrame:
    """The area indexes of both releases beside each other where they differ; of one place, or of all where none was named."""
    frames = []
    for side, name in enumerate((question.before, question.after)):
        gpci = opened.schedule.table(name, "gpci").select("mac", "locality", "name", "state", "work", "pe", "mp")
        frames.append(gpci.rename({one: f"{one}_{side}" for one in ("name", "state", "work", "pe", "mp")}))
    both = frames[0].join(frames[1], on=["mac", "locality"], how="full", coalesce=True).sort("mac", "locality")
    differs = pl.any_horizontal(pl.col(f"{part}_0").ne_missing(pl.col(f"{part}_1")) for part in POINTS)
    found = both.filter(differs)
    if question.place != NATIONWIDE:
        found = found.filter(pl.col("mac") == question.place.mac, pl.col("locality") == question.place.locality)
    named = [pl.coalesce(f"{one}_1", f"{one}_0").alias(one) for one in ("name", "state")]
    return found.select("mac", "locality", *named, *(f"{part}_{side}" for part in POINTS for side in "01"))
