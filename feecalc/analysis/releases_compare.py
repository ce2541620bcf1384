"""Two releases beside each other in one place: what each code paid, what it pays, why, and what else of it changed.

The amounts are the engine's, the causes those of `feecalc.analysis.causes`; here they are put side by side. Money in cents,
RVUs in hundredths, GPCIs in thousandths.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import polars as pl

from feecalc import policy
from feecalc.analysis import causes
from feecalc.analysis.change import LABELS
from feecalc.api import OpenSchedule
from feecalc.locality import NATIONWIDE, Place
from feecalc.money import FACTOR_SCALE
from feecalc.pricing import fee, outcomes
from feecalc.pricing import rows as pricing_rows

KEY = ("hcpcs", "modifier")
POINTS = ("work", "pe", "mp")
INDEXES = ("g_work", "g_pe", "g_mp")
# What CMS's file says of a code beside its RVUs; `policy/indicators.toml` says what each value means.
INDICATORS = (
    "status",
    "not_used_for_medicare",
    "na_nonfacility",
    "na_facility",
    "pctc",
    "global_days",
    "pre_op",
    "intra_op",
    "post_op",
    "mult_proc",
    "bilateral",
    "assistant_surgery",
    "co_surgery",
    "team_surgery",
    "endo_base",
    "supervision",
    "calculation_flag",
    "imaging_family",
    "pricing_indicator",
)
RVUS = ("work", "pe_nonfacility", "pe_facility", "mp", "opps_pe_nonfacility", "opps_pe_facility", "opps_mp")
ANESTHESIA_SCALE = 100  # anesthesia factors are held in cents
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
    `work_0`, `pe_0`, `mp_0` (of the setting), `paid_0` (cents, null where there is no amount); `change` (cents) and `tenths`
    (of a percent) where both sides are paid; the causes, which add up to the change of the row.

    `indicators`: one row a changed status or indicator of a code that both releases have: its key, `indicator`, `before`,
    `after` (text). `points`: the rows of both releases with other RVUs, of both sides each of RVUS. `places`: the areas with
    other GPCIs. `rates`: the conversion factors, and the anesthesia factors that differ: `what`, `qp`, `mac`, `locality`,
    `name`, `state`, `before`, `after` (ten-thousandths of a dollar).
    """

    question: Question
    rows: pl.DataFrame
    factors: tuple[int, int]
    indicators: pl.DataFrame
    points: pl.DataFrame
    places: pl.DataFrame
    rates: pl.DataFrame

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
    printed = _printed(opened, question)
    return Found(
        question,
        rows,
        (factors[0], factors[1]),
        _indicators(printed),
        _points(printed),
        _places(opened, question),
        _rates(opened, question),
    )


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
            pl.col("status").cast(pl.String),
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


def _printed(opened: OpenSchedule, question: Question) -> pl.DataFrame:
    """The rows that both releases have, as CMS prints them, beside each other; those after are named with `_1`."""
    sides = [opened.schedule.table(name, "pprrvu") for name in (question.before, question.after)]
    if question.codes is not None:
        sides = [side.filter(pl.col("hcpcs").is_in(question.codes)) for side in sides]
    return sides[0].join(sides[1], on=KEY, suffix="_1").sort(KEY)


def _indicators(printed: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for name in INDICATORS:
        before, after = (printed[side].cast(pl.String).fill_null("").str.strip_chars() for side in (name, f"{name}_1"))
        # A column that one of the releases does not print has not changed with every code.
        if (before == "").all() or (after == "").all():
            continue
        values = printed.select(*KEY).with_columns(indicator=pl.lit(name), before=before, after=after)
        parts.append(values.filter(pl.col("before") != pl.col("after")))
    schema = dict.fromkeys((*KEY, "indicator", "before", "after"), pl.String)
    return pl.concat(parts).sort(*KEY, "indicator") if parts else pl.DataFrame(schema=schema)


def _points(printed: pl.DataFrame) -> pl.DataFrame:
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_1")) for name in RVUS)
    sides = [column for name in RVUS for column in (pl.col(name).alias(f"{name}_0"), pl.col(f"{name}_1"))]
    return printed.filter(differs).select(*KEY, *sides)


def _rates(opened: OpenSchedule, question: Question) -> pl.DataFrame:
    """The conversion factors of both releases, for QPs too where one has its own, and the anesthesia factors that differ."""
    releases = [opened.schedule.release(name) for name in (question.before, question.after)]
    rows: list[tuple[object, ...]] = [("services", False, "", "", "", "", *(release.factor for release in releases))]
    laws = [policy.conversion_factor(release.effective) for release in releases]
    of_qp = [None if law is None else law.qp for law in laws]
    if any(of_qp):  # before there were two, the one factor was for them as well
        rows.append(
            ("services", True, "", "", "", "", *(qp or release.factor for qp, release in zip(of_qp, releases, strict=True)))
        )
    schema = {
        **{"what": pl.String, "qp": pl.Boolean},
        **dict.fromkeys(("mac", "locality", "name", "state"), pl.String),
        **{"before": pl.Int64, "after": pl.Int64},
    }
    services = pl.DataFrame(rows, schema=schema, orient="row")
    if not all(release.has("anesthesia") for release in releases):
        return services
    tables = [opened.schedule.table(name, "anesthesia") for name in (question.before, question.after)]
    frames = [table.rename({"factor": f"factor_{side}", "factor_qp": f"qp_{side}"}) for side, table in enumerate(tables)]
    named = opened.schedule.table(question.after, "gpci").select("mac", "locality", "name", "state")
    known = _here(frames[0].join(frames[1], on=["mac", "locality"]).join(named, on=["mac", "locality"], how="left"), question)
    scale = FACTOR_SCALE // ANESTHESIA_SCALE
    parts = [
        known.select(
            pl.lit("anesthesia").alias("what"),
            pl.lit(value=qp).alias("qp"),
            *("mac", "locality", "name", "state"),
            before=before.cast(pl.Int64) * scale,
            after=after.cast(pl.Int64) * scale,
        )
        for qp, before, after in (
            (False, pl.col("factor_0"), pl.col("factor_1")),
            (True, pl.coalesce("qp_0", "factor_0"), pl.col("qp_1")),
        )
    ]
    return pl.concat([services, *parts]).filter((pl.col("what") == "services") | (pl.col("before") != pl.col("after")))


def _here(places: pl.DataFrame, question: Question) -> pl.DataFrame:
    """The rows of the place that was asked for, of all places where none was."""
    if question.place == NATIONWIDE:
        return places
    return places.filter(pl.col("mac") == question.place.mac, pl.col("locality") == question.place.locality)


def _places(opened: OpenSchedule, question: Question) -> pl.DataFrame:
    """The area indexes of both releases beside each other where they differ; of one place, or of all where none was named."""
    frames = []
    for side, name in enumerate((question.before, question.after)):
        gpci = opened.schedule.table(name, "gpci").select("mac", "locality", "name", "state", "work", "pe", "mp")
        frames.append(gpci.rename({one: f"{one}_{side}" for one in ("name", "state", "work", "pe", "mp")}))
    both = frames[0].join(frames[1], on=["mac", "locality"], how="full", coalesce=True).sort("mac", "locality")
    differs = pl.any_horizontal(pl.col(f"{part}_0").ne_missing(pl.col(f"{part}_1")) for part in POINTS)
    found = _here(both.filter(differs), question)
    named = [pl.coalesce(f"{one}_1", f"{one}_0").alias(one) for one in ("name", "state")]
    return found.select("mac", "locality", *named, *(f"{part}_{side}" for part in POINTS for side in "01"))
