"""The rules that can be turned another way, each as a change to the claim lines, and what the lines are then allowed.

A switch changes columns of the lines (another QP status, another locality) or says how a line stands among those of its day.
Two switches that change different things are one pair. Any number of them is priced in one pass: their lines are stacked, and
every switch has claims of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Literal

import polars as pl

from feecalc import policy
from feecalc.analysis.variance.expected import CLAIM_LINE, rules_for
from feecalc.analysis.variance.settings import Settings
from feecalc.analysis.what_if import altered
from feecalc.errors import NotLoadedError
from feecalc.pricing import engine, modifiers
from feecalc.schedule import Schedule

SameDay = Literal["", "first", "later", "each"]
STACK = 400_000  # lines that are priced at once
BACK, AHEAD = 4, 1  # how many earlier and later fee schedules are tried


@dataclass(frozen=True)
class Switch:
    """One rule turned another way.

    `same_day`: "" as in the claim; "first" as if the line were alone on its day; "later" as if another like it came before;
    "each" as if every unit were alone. `of_claim` says that it holds for all lines of a claim or for none. `touches` are the
    columns that it changes. `only` names the lines that it can concern (an expression over the lines; None: all). `charged`
    allows the charge, whatever else holds.
    """

    causes: tuple[str, ...]
    details: tuple[str, ...]
    change: Callable[[pl.DataFrame], pl.DataFrame]
    touches: frozenset[str]
    of_claim: bool = True
    same_day: SameDay = ""
    floored: bool = True
    only: pl.Expr | None = None
    charged: bool = False

    def beside(self, other: "Switch") -> "Switch | None":
        """Both switches together; None where they change the same thing."""
        if self.touches & other.touches or self.charged or other.charged:
            return None
        both = [one for one in (self.only, other.only) if one is not None]
        return Switch(
            self.causes + other.causes,
            self.details + other.details,
            lambda lines: other.change(self.change(lines)),
            self.touches | other.touches,
            self.of_claim and other.of_claim,
            self.same_day or other.same_day,
            self.floored and other.floored,
            reduce(lambda a, b: a & b, both) if both else None,
        )


def _set(cause: str, detail: str, of_claim: bool = True, only: pl.Expr | None = None, **columns: pl.Expr) -> Switch:
    """A switch that gives some columns other values."""
    return Switch((cause,), (detail,), lambda lines: lines.with_columns(**columns), frozenset(columns), of_claim, only=only)


def _same(lines: pl.DataFrame) -> pl.DataFrame:
    return lines


class Switchboard:
    """The switches of one remittance: `lines` are those of `expected.claim_lines`, with what the payer decided beside them.

    It has the columns `paid_hcpcs`, `paid_modifiers`, `paid_units` and `base` (what the rules allow, cents) as well.
    """

    def __init__(self, lines: pl.DataFrame, schedule: Schedule, settings: Settings) -> None:
        self.lines, self.schedule, self.settings = lines, schedule, settings

    # The switches ------------------------------------------------------------------------------------------------------

    @cached_property
    def single(self) -> list[Switch]:
        """Every switch that does not ask for evidence first."""
        return [*self._of_line(), *self._of_claim(), *self._of_releases(), *self._of_floor()]

    def _of_line(self) -> list[Switch]:
        ways: list[tuple[str, SameDay]] = [
            ("same_day_not_reduced", "each"),
            ("same_day_reduced", "later"),
            ("same_day_first", "first"),
        ]
        same = [Switch((cause,), ("",), _same, frozenset({"day"}), of_claim=False, same_day=how) for cause, how in ways]
        fewer = pl.col("paid_units") < pl.col("units")
        other = (pl.col("paid_hcpcs") != pl.col("hcpcs")) | (pl.col("paid_modifiers") != pl.col("modifiers"))
        priced = {
            code for kind in ("bilateral", "split", "return", "role", "technology", "row") for code in modifiers.of_kind(kind)
        }
        without = {text: " ".join(m for m in text.split() if m not in priced) for text in self.lines["modifiers"].unique()}
        stripped = pl.col("modifiers").replace_strict(without, return_dtype=pl.String)
        with_part = (pl.col("modifiers") + " 26").str.strip_chars()
        whole = ~pl.col("modifiers").str.contains(r"\b(26|TC|53)\b")
        return [
            *same,
            _set("units", "", False, fewer, units=pl.col("paid_units")),
            _set("recoded", "", False, other, hcpcs=pl.col("paid_hcpcs"), modifiers=pl.col("paid_modifiers")),
            _set("modifier_ignored", "", False, stripped != pl.col("modifiers"), modifiers=stripped),
            _set("professional_part", "", False, whole, modifiers=with_part),
            _set("charge_ignored", "", False, charge=pl.lit(None, dtype=pl.Decimal(18, 2))),
            Switch(("as_charged",), ("",), _same, frozenset(), of_claim=False, only=_charge() > pl.col("base"), charged=True),
        ]

    def _of_claim(self) -> list[Switch]:
        settings = self.settings
        facility = pl.col("setting") == "facility"
        by_pos = _facility_places()
        now = (
            pl.when(pl.col("setting").is_not_null())
            .then(facility)
            .otherwise(pl.col("pos").str.zfill(2).is_in(by_pos))
            .fill_null(value=False)
        )
        setting = pl.when(now).then(pl.lit("nonfacility")).otherwise(pl.lit("facility"))
        other = "nonparticipating" if settings.participating else "participating"
        found = [
            _set("setting", "", setting=setting),
            _set("nonparticipating", f"paid as {other}", participation=pl.lit(other)),
        ]
        # One kind of practitioner stands for all with its percentage.
        for kind, percent in (("NP", "85"), ("CSW", "75"), ("PHYSICIAN", "100")):
            found.append(_set("practitioner", f"{percent} percent", provider_type=pl.lit(kind)))
        two = self.schedule.days.select("date", "factor_qp").drop_nulls()
        if two.height:
            dates = self.lines["service_date"].is_between(two["date"].min(), two["date"].max())
            if dates.any():
                now_qp = "the factor for QPs" if not settings.qp else "the factor for those who are no QPs"
                span = pl.col("service_date").is_between(two["date"].min(), two["date"].max())
                found.append(_set("qp", now_qp, only=span, qp=pl.lit(not settings.qp)))
        return found

    def _of_releases(self) -> list[Switch]:
        """Earlier and later fee schedules: those whose figures or factor are others, counted from each line's own."""
        spans = (
            self.schedule.calendar.filter(pl.col("release").is_not_null())
            .sort("from_date")
            .filter(pl.struct("release", "factor").ne_missing(pl.struct("release", "factor").shift()))
        )
        starts = spans["from_date"].to_list()
        names = dict(zip(starts, spans["release"].to_list(), strict=True))
        found = []
        own = self.lines.select("service_date").unique().drop_nulls().sort("service_date").set_sorted("service_date")
        place = own.join_asof(
            pl.DataFrame({"from_date": starts, "span": range(len(starts))}).set_sorted("from_date"),
            left_on="service_date",
            right_on="from_date",
        )
        for step in [*range(-1, -BACK - 1, -1), *range(1, AHEAD + 1)]:
            there = {
                day: starts[span + step]
                for day, span in place.select("service_date", "span").iter_rows()
                if span is not None and 0 <= span + step < len(starts)
            }
            # One release at a time: a cause says which one it was.
            for start in sorted(set(there.values())):
                days = [day for day, to in there.items() if to == start]
                only = pl.col("service_date").is_in(days)
                cause = "older_release" if step < 0 else "newer_release"
                found.append(_set(cause, f"release {names[start]}", only=only, service_date=pl.lit(start)))
        return found

    def _of_floor(self) -> list[Switch]:
        """The GPCIs without their work floor, for the dates of which CMS printed them."""
        days = self._unfloored_days
        if not self.lines["service_date"].is_in(days.implode()).any():
            return []
        only = pl.col("service_date").is_in(days.implode())
        return [Switch(("work_floor",), ("",), _same, frozenset({"floor"}), floored=False, only=only)]

    @cached_property
    def _unfloored_days(self) -> pl.Series:
        """The lines' dates of service that a release serves whose GPCIs are known without the floor."""
        served = self.schedule.days.select("date", "release").join(self.lines.select(date="service_date").unique(), on="date")
        floorless, known = altered(self.schedule, None, work_floor=False), []
        for release in served["release"].unique():
            try:
                floorless.table(release, "gpci")
            except NotLoadedError:
                continue
            known.append(release)
        return served.filter(pl.col("release").is_in(known))["date"]

    def locality(self, mac: str, locality: str, only: pl.Expr | None = None) -> Switch:
        """Another payment locality."""
        return _set("locality", f"{mac}-{locality}", only=only, mac=pl.lit(mac), locality=pl.lit(locality))

    # Pricing -----------------------------------------------------------------------------------------------------------

    def allowed(self, switches: Sequence[Switch], lines: pl.DataFrame) -> pl.DataFrame:
        """What each switch allows: `switch` (its number in the list), `row`, `allowed` (cents; null where it gives none).

        `lines` are whole claims. A switch that can concern no line of a claim is not priced for it.
        """
        found = [pl.DataFrame(schema={"switch": pl.UInt32, "row": pl.UInt32, "allowed": pl.Int64})]
        batch: list[tuple[int, Switch, pl.DataFrame]] = []
        waiting = 0
        for number, switch in enumerate(switches):
            frame = lines
            if switch.charged:
                found.append(_as_charged(number, switch, lines))
                continue
            if switch.only is not None:
                concerned = lines.filter(switch.only)
                frame = (
                    concerned
                    if switch.same_day
                    else lines.filter(pl.col("claim_id").is_in(concerned["claim_id"].unique().implode()))
                )
            if frame.is_empty():
                continue
            batch.append((number, switch, frame))
            waiting += frame.height
            if waiting >= STACK:
                found.append(self._priced(batch))
                batch, waiting = [], 0
        if batch:
            found.append(self._priced(batch))
        return pl.concat(found)

    def _priced(self, batch: list[tuple[int, Switch, pl.DataFrame]]) -> pl.DataFrame:
        found = []
        for floored in (True, False):
            some = [(number, switch, frame) for number, switch, frame in batch if switch.floored == floored]
            if some:
                stacked = pl.concat([_stack(number, switch, frame) for number, switch, frame in some])
                found.append(_price(stacked, self._rules if floored else self._unfloored_rules))
        return pl.concat(found)

    @cached_property
    def _rules(self) -> engine.Rules:
        return rules_for(self.schedule, self._dates, [self.lines["hcpcs"], self.lines["paid_hcpcs"]])

    @cached_property
    def _dates(self) -> list[pl.Series]:
        moved = [switch.change(self.lines.clear(1))["service_date"] for switch in self._of_releases()]
        return [self.lines["service_date"], *moved]

    @cached_property
    def _unfloored_rules(self) -> engine.Rules:
        floorless = altered(self.schedule, None, work_floor=False)
        return rules_for(floorless, [self._unfloored_days], [self.lines["hcpcs"], self.lines["paid_hcpcs"]])


APART = 1 << 32  # claims and lines of one switch are numbered below it


def _stack(number: int, switch: Switch, frame: pl.DataFrame) -> pl.DataFrame:
    """The lines of one switch with claims of their own: `key` (null: alone), `times`, `cap`; of a `twin` nothing is read."""
    changed = switch.change(frame).with_columns(
        switch=pl.lit(number, dtype=pl.UInt32),
        key=pl.col("claim_id").cast(pl.Int64) + number * APART,
        twin=pl.lit(value=False),
        times=pl.lit(1, dtype=pl.Int64),
        cap="charge",
    )
    if switch.same_day == "first":
        return changed.with_columns(key=pl.lit(None, dtype=pl.Int64))
    if switch.same_day == "each":  # one unit alone, as often as there are units; the charge is that of all of them
        one = {"units": pl.lit(1, dtype=pl.Int64), "charge": pl.lit(None, dtype=pl.Decimal(18, 2))}
        return changed.with_columns(key=pl.lit(None, dtype=pl.Int64), times="units", **one)
    if switch.same_day == "later":
        own = changed.with_columns(key=pl.col("row").cast(pl.Int64) + number * APART, line=pl.lit(1, dtype=pl.Int64))
        return pl.concat([own.with_columns(twin=pl.lit(value=True), line=pl.lit(0, dtype=pl.Int64)), own])
    return changed


def _price(stacked: pl.DataFrame, rules: engine.Rules) -> pl.DataFrame:
    """What the stacked lines are allowed: `switch`, `row`, `allowed`."""
    asked = stacked.with_columns(claim_id="key").select(CLAIM_LINE)
    worked = engine.work_out(asked, rules, every_column=False)
    cents = pl.col("cap").to_physical().cast(pl.Int64)
    return (
        stacked.select("switch", "row", "twin", "times", "cap", one=worked["_allowed"])
        .filter(~pl.col("twin"))
        .select(
            "switch",
            "row",
            allowed=pl.when(pl.col("one").is_not_null()).then(pl.min_horizontal(pl.col("one") * pl.col("times"), cents)),
        )
    )


def _charge() -> pl.Expr:
    """The charge in cents."""
    return pl.col("charge").to_physical().cast(pl.Int64)


def _as_charged(number: int, switch: Switch, lines: pl.DataFrame) -> pl.DataFrame:
    """The charges of the lines that a switch can concern, as what it allows."""
    concerned = lines if switch.only is None else lines.filter(switch.only)
    return concerned.select(pl.lit(number, dtype=pl.UInt32).alias("switch"), "row", allowed=_charge())


def _facility_places() -> list[str]:
    """The places of service that pay the facility rate."""
    return [code for code, entry in policy.load("places_of_service")["pos"].items() if entry["setting"] == "facility"]
