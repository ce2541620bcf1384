"""What Medicare pays for a practice's volumes: every row priced, totals by code, provider, payer, site and month.

from feecalc.analysis.mix import read_mix
from feecalc.analysis.revenue import Basis, price
priced = price(read_mix("volumes.xlsx"), Basis(date=date(2026, 7, 1), zip="35203"), feecalc.open_schedule())
priced.headline                                   # what it comes to, in a sentence
priced.by("provider")                             # totals, in cents

Rows of a visit (or claim) with a date are priced as claims, exactly. Of other rows each unit is priced as a line alone on its
day; as therapy pays less for the later units of a day, their reduction is bounded and estimated (`packing`). All rows are
priced at Medicare's rates, whoever the payer is.
"""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import polars as pl

from feecalc import locality as places
from feecalc import policy
from feecalc.analysis.alike import numbered
from feecalc.analysis.mix import Mix, counted
from feecalc.analysis.packing import Packing, Pools
from feecalc.analysis.what_if import altered
from feecalc.api import OpenSchedule
from feecalc.errors import InputError
from feecalc.money import decimals, show
from feecalc.pricing import engine
from feecalc.pricing.kinds import as_categories, tell_apart
from feecalc.pricing.shares import BILATERAL, RANK, ROLE, SPLIT
from feecalc.schedule import NATIONAL, Schedule

BY = {"code": "hcpcs", "provider": "provider", "payer": "payer", "site": "site", "month": "month"}

MONEY = ("allowed", "coinsurance", "medicare_share", "sequestration", "received")  # what the engine says of each line, cents
FIGURES = ("factor", "work", "pe", "mp", "g_work", "g_pe", "g_mp", "fee")
# What pricing adds to the rows of a mix, in this order.
ADDED = {
    "outcome": pl.String,
    "reason": pl.String,
    "release": pl.String,
    **dict.fromkeys(FIGURES, pl.Int64),
    **dict.fromkeys(("fee_total", "alone", "reduction", *MONEY, "work_rvu", "work_rvu_adjusted"), pl.Int64),
}
SUMMED = ("units", "work_rvu", "work_rvu_adjusted", "fee_total", "alone", "reduction", *MONEY)


@dataclass(frozen=True)
class Basis:
    """What a mix is priced at.

    `date` for all rows; None: each row's own date of service, else the first day of its month. One of `zip`, `locality`
    (MAC-locality, or "national") and `state` for all rows; none of them: each row's own place, else the national amount.
    `setting` (facility, nonfacility) where a row names neither setting nor place of service. `factor` is another conversion
    factor, with the one for Qualifying APM Participants (ten-thousandths of a dollar); `work_floor` False takes the 1.0 floor
    from the work GPCIs: see what_if.altered.
    """

    date: dt.date | None = None
    zip: str | None = None
    locality: str | None = None
    state: str | None = None
    setting: str = "nonfacility"
    qp: bool = False
    participating: bool = True
    factor: tuple[int, int] | None = None
    work_floor: bool = True

    def __post_init__(self) -> None:
        if len([place for place in (self.zip, self.locality, self.state) if place]) > 1:
            raise InputError("Give one of ZIP, locality and state, not several.")
        if self.setting not in ("facility", "nonfacility"):
            raise InputError(f"The setting is facility or nonfacility, not {self.setting!r}.")
        if self.zip and not re.fullmatch(r"[0-9]{5}([0-9]{4})?", re.sub(r"[\s-]", "", self.zip)):
            raise InputError(f"ZIP code {self.zip!r} is not five digits, or nine with the extension.")
        if self.locality:
            places.parse_key(self.locality)

    @property
    def placed(self) -> bool:
        """Whether it names one place for all rows."""
        return bool(self.zip or self.locality or self.state)


class Range(NamedTuple):
    """An amount in cents that lies between two bounds."""

    low: int
    estimate: int
    high: int

    @property
    def known(self) -> bool:
        """Whether the bounds are the same."""
        return self.low == self.high


@dataclass(frozen=True)
class Interval:
    """What is allowed and received, over all ways in which therapy units without visits may lie in visits.

    `units` are the therapy units that were so estimated, `visits` the visits that they are taken to come from.
    """

    allowed: Range
    received: Range
    units: int
    visits: int

    @property
    def estimated(self) -> bool:
        """Whether any therapy had to be estimated."""
        return self.units > 0


@dataclass(frozen=True)
class Priced:
    """A priced mix. `rows`: those of the mix in their order, with the columns ADDED.

    RVUs are in hundredths, GPCIs in thousandths, factors in ten-thousandths of a dollar, money in cents. `fee` is one unit in
    the row's setting, before caps; `alone` the row if every unit stood alone on its day; `reduction` (0 or below) what the
    same day takes, exactly in visits, else by the estimate; `allowed` the sum of the two. `work_rvu_adjusted` is `work_rvu`
    times what modifiers leave of a service (50 both sides, 54 and 55 parts of a package, 62, 80, 82, AS roles, CQ and CO
    assistants) and what the rank of an operation leaves of it; rows for 26, TC and 53 have work RVUs of their own. Not in it:
    who bills (85 percent of a nurse practitioner), the therapy and the diagnostic reductions, participation.
    Figures are null in a row that cannot be priced, and 0 (but for `factor` and the GPCIs) in one that pays nothing.
    """

    mix: Mix
    basis: Basis
    packing: Packing
    rows: pl.DataFrame
    worked: "_Worked" = field(repr=False)
    therapy: "Therapy" = field(repr=False)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What the answer rests on."""
        return tuple(_notes(self.mix, self.basis, self.rows, self.worked, self.therapy))

    @property
    def worth(self) -> pl.DataFrame:
        """What the worth of a row hangs on, as numbers: rows that agree in all of them are worth the same to the cent."""
        alike = self.mix.alike
        kinds = self.worked.of_kind.gather(alike.of_row)
        # What a row of a visit is worth hangs on the other rows of its day: each is a kind of its own.
        own = pl.int_range(kinds.len(), dtype=pl.Int64, eager=True) + kinds.len()
        kind = own.zip_with(alike.in_visit, kinds.cast(pl.Int64)) if alike.visits.height else kinds
        return pl.DataFrame({"kind": kind, "units": self.rows["units"], "in_full": self.therapy.in_full})

    @cached_property
    def interval(self) -> Interval:
        """What is allowed and received, where therapy is estimated: lowest, estimate, highest."""
        return self.therapy.interval(self.rows)

    @cached_property
    def totals(self) -> dict[str, int]:
        """The sums of all rows: units of priced rows, RVUs in hundredths, money in cents."""
        return self.by().drop("rows", "unpriced_rows", "unpriced_units").row(0, named=True)

    def by(self, *columns: str) -> pl.DataFrame:
        """Totals by any of BY (code, provider, payer, site, month), highest allowed amount first; by none of them one row.

        `rows` and `units` count what is priced or pays nothing, `unpriced_rows` and `unpriced_units` what cannot be priced.
        """
        unknown = [name for name in columns if name not in BY]
        if unknown:
            raise InputError(f"Totals are by {', '.join(BY)}, not by {', '.join(unknown)}.")
        keys = [pl.col(BY[name]).alias(name) for name in columns]
        settled = pl.col("allowed").is_not_null()
        sums = [
            pl.col("allowed").is_not_null().sum().cast(pl.Int64).alias("rows"),
            pl.col("units").filter(settled).sum(),
            *(pl.col(name).sum() for name in SUMMED if name != "units"),
            pl.col("charge").sum(),
            pl.col("paid").sum(),
            pl.col("allowed").is_null().sum().cast(pl.Int64).alias("unpriced_rows"),
            pl.col("units").filter(~settled).sum().alias("unpriced_units"),
        ]
        if not columns:
            return self.rows.select(sums)
        # By categories: a hundred thousand texts take far longer to group than to price.
        shown = self.rows.with_columns(pl.col(name).cast(pl.Categorical) for name in ("hcpcs", "provider", "payer", "site"))
        grouped = shown.lazy().group_by(keys).agg(sums).with_columns(pl.col(pl.Categorical).cast(pl.String))
        return grouped.sort("allowed", *columns, descending=[True, *[False] * len(columns)], nulls_last=True).collect()

    @cached_property
    def unpriced(self) -> pl.DataFrame:
        """What is not priced, by code and reason: `hcpcs`, `modifiers`, `outcome`, `reason`, `sentence`, `asks` (another answer
        would mend it), `units`, `in_rows` (the file's rows), most units first.
        """
        reasons = policy.reasons()
        table = pl.DataFrame(
            [(code, reason.sentence, reason.asks) for code, reason in reasons.items()],
            schema={"reason": pl.String, "sentence": pl.String, "asks": pl.Boolean},
            orient="row",
        )
        return (
            self.rows.filter(pl.col("outcome") != "priced")
            .group_by("hcpcs", "modifiers", "outcome", "reason")
            .agg(pl.col("units").sum(), pl.col("row").unique(maintain_order=True).alias("in_rows"))
            .join(table, on="reason", how="left")
            .select("hcpcs", "modifiers", "outcome", "reason", "sentence", "asks", "units", "in_rows")
            .sort("units", "hcpcs", "modifiers", descending=[True, False, False])
        )

    @property
    def asks(self) -> bool:
        """Whether another answer would price more: an unknown code or place, or a row that could not be read."""
        return self.mix.rejects.height > 0 or bool(self.unpriced["asks"].any())

    @property
    def headline(self) -> str:
        """What it comes to, in a sentence or two."""
        totals, received, allowed = self.totals, self.interval.received, self.interval.allowed
        said = (
            f"At Medicare's rates {totals['units']:,} units are allowed {show(allowed.estimate)}, of which the practice "
            f"receives {show(received.estimate)} (list: {show(totals['fee_total'])})."
        )
        if not allowed.known:
            said += (
                f" Between {show(allowed.low)} and {show(allowed.high)} are allowed, whatever the visits of "
                f"{self.interval.units:,} therapy units were, at {self.packing}."
            )
        return said

    def table(self, by: Sequence[str] = ()) -> pl.DataFrame:
        """The rows, or the totals by some columns, for a person or a file: money in dollars, RVUs with their decimals."""
        return self.table_of(self.by(*by) if by else self.rows)

    @staticmethod
    def table_of(frame: pl.DataFrame) -> pl.DataFrame:
        """The scaled integers of a frame of this class as decimals."""
        places_of = {"factor": 4, **dict.fromkeys(("g_work", "g_pe", "g_mp"), 3)}
        amounts = {"charge", "paid", *ADDED} - {"outcome", "reason", "release"}
        return frame.with_columns(decimals(pl.col(n), places_of.get(n, 2)).alias(n) for n in frame.columns if n in amounts)


def price(mix: Mix, basis: Basis, opened: OpenSchedule, packing: Packing | None = None) -> Priced:
    """Price a mix. Raises InputError where the basis names no place that is one, NotLoadedError where it asks for GPCIs that
    no release has.
    """
    packing = packing or Packing()
    worked = _worked_out(mix, basis, opened, altered(opened.schedule, basis.factor, basis.work_floor))
    therapy = Therapy.of(mix, worked, packing)
    rows = mix.rows.hstack(_worth(mix, worked, therapy.in_full))
    return Priced(mix, basis, packing, rows, worked, therapy)


# Kinds, priced by the engine -----------------------------------------------------------------------------------------------


class _Worked(NamedTuple):
    """What the engine says, one row a kind for `alone` and `behind`, one row a line of the mix's visits for `visits`.

    `alone` is a unit alone on its day; `behind` the MONEY of a therapy unit that follows another, with `key`, its non-facility
    practice expense RVU (null where no therapy reduction applies). `of_kind` numbers the kinds that differ at the basis: of
    one date for all rows, those of twelve months are one.
    """

    alone: pl.DataFrame
    behind: pl.DataFrame
    visits: pl.DataFrame
    of_kind: pl.Series


def _worked_out(mix: Mix, basis: Basis, opened: OpenSchedule, schedule: Schedule) -> _Worked:
    """Price the kinds and the visits of a mix, all at once."""
    alike = mix.alike
    lines = _lines(alike.kinds, basis, schedule)
    same = tell_apart(as_categories(lines))
    base, of_kind = same.one_of_each(lines), numbered(same.of_line, lines.height)
    rules = _rules(opened, schedule, base)
    keys = rules.tables.rows.filter(pl.col("mult_proc") == "5", pl.col("modifier") == "").select(
        "hcpcs", "release", key="pe_nonfacility"
    )
    therapy = base.select(pl.col("hcpcs").is_in(keys["hcpcs"].unique().implode()).arg_true())["hcpcs"]
    # The second of two like lines of a day is what a unit pays that follows another.
    pairs = base[therapy].with_columns(claim_id=pl.int_range(pl.len(), dtype=pl.Int64))
    of_visit = pl.col("day").cast(pl.Int64) + pairs.height
    visits = lines[alike.visits["kind"]].with_columns(alike.visits.select("units", claim_id=of_visit))
    found = _read(engine.work_out(pl.concat([base, pairs, pairs, visits]), rules, every_column=False))
    alone, behind = found.head(base.height), found.slice(base.height + pairs.height, pairs.height)
    behind = behind.hstack([therapy.alias("kind"), base["hcpcs"][therapy]])
    behind = behind.join(keys, on=["hcpcs", "release"], how="left", maintain_order="left").filter(
        pl.col("outcome") == "priced", pl.col("listed") == "therapy", pl.col("key").is_not_null()
    )
    beside = _spread(behind.with_columns(pl.col("kind").cast(pl.UInt32)), "kind", base.height, ["key", *MONEY])
    return _Worked(alone[of_kind], beside[of_kind], found.slice(base.height + 2 * pairs.height), of_kind)


def _lines(kinds: pl.DataFrame, basis: Basis, schedule: Schedule) -> pl.DataFrame:
    """Each kind as a claim line of one unit, at the basis."""
    on = pl.lit(basis.date, dtype=pl.Date) if basis.date else pl.col("date")
    unset = pl.col("setting").is_null() & pl.col("pos").is_null()
    lines = kinds.with_columns(date=on, setting=pl.when(unset).then(pl.lit(basis.setting)).otherwise("setting"))
    if basis.placed:
        # A date that no release serves has no places: the engine is asked for the nation's, and says what is wrong.
        served = pl.col("date").is_in(schedule.days["date"].implode())
        placed = _placed(lines.drop("zip", "mac", "locality"), basis, schedule)
        lines = placed.with_columns(
            zip=pl.when(served).then("zip"),
            mac=pl.when(served).then("mac"),
            locality=pl.when(served).then("locality").otherwise(pl.lit(NATIONAL)),
        )
    else:
        nowhere = pl.col("zip").is_null() & pl.col("locality").is_null() & pl.col("mac").is_null()
        lines = lines.with_columns(locality=pl.when(nowhere).then(pl.lit(NATIONAL)).otherwise("locality"))
    return lines.select(
        "hcpcs",
        "modifiers",
        "pos",
        "setting",
        "zip",
        "mac",
        "locality",
        service_date="date",
        units=pl.lit(1, dtype=pl.Int64),
        qp=pl.lit(basis.qp),
        participation=pl.lit("participating" if basis.participating else "nonparticipating"),
        claim_id=pl.lit(None, dtype=pl.Int64),
    )


def _placed(lines: pl.DataFrame, basis: Basis, schedule: Schedule) -> pl.DataFrame:
    """The lines at the one place of the basis: `zip`, `mac`, `locality`."""
    none = pl.lit(None, dtype=pl.String)
    if basis.locality:
        mac, locality = places.parse_key(basis.locality)
        return lines.with_columns(zip=none, mac=pl.lit(mac), locality=pl.lit(locality))
    bare = re.sub(r"[\s-]", "", basis.zip or "")
    if len(bare) == 5:  # the engine finds it, by the file of each line's date
        return lines.with_columns(zip=pl.lit(bare), mac=none, locality=none)
    # A nine-digit ZIP and a state are looked up here, once for each release and ZIP file that serve any of the dates.
    spans = lines.select("date").unique().join(schedule.days.select("date", "release", "zip_file"), on="date").sort("date")
    found = []
    for (release, _), days in spans.group_by("release", "zip_file", maintain_order=True):
        name, first = str(release), days["date"][0]
        answer = places.by_zip(schedule, name, bare, first) if bare else places.by_state(schedule, name, str(basis.state))
        if answer.place is None:
            near = f" Its localities: {', '.join(place.key for place in answer.candidates)}." if answer.candidates else ""
            raise InputError(f"{answer.detail}{near}")
        found.append(days.select("date", mac=pl.lit(answer.place.mac), locality=pl.lit(answer.place.locality)))
    nowhere = pl.DataFrame(schema={"date": pl.Date, "mac": pl.String, "locality": pl.String})
    where = pl.concat([nowhere, *found])
    placed = lines.join(where, on="date", how="left", maintain_order="left")
    return placed.with_columns(zip=none)


def _rules(opened: OpenSchedule, schedule: Schedule, lines: pl.DataFrame) -> engine.Rules:
    """The rules for the dates and ZIPs of the lines; the rows are those of the opened schedule, whatever is altered beside."""
    serving = schedule.serving_between(lines["service_date"].min(), lines["service_date"].max())
    known = opened.rules_over(serving)
    if schedule is opened.schedule:  # as they are: what they know of kinds of lines serves the next what-if
        return known
    zips = lines["zip"].drop_nulls().str.slice(0, 5).unique()
    around = schedule.tables(serving, codes=())
    asked = around.zips.filter(pl.col("zip").is_in(zips.implode()))
    return engine.Rules(replace(around, rows=known.tables.rows, zips=asked), like=known)


def _read(worked: pl.DataFrame) -> pl.DataFrame:
    """What is taken from the worked-out lines: figures, cents, and the share of the work that is left, over WHOLE."""
    one = BILATERAL * SPLIT * ROLE * RANK * 100
    own = pl.col("n_side") * pl.col("n_split") * pl.col("n_role") * pl.col("_assistant_percent")
    in_ranks = pl.col("_first_count") * pl.col("_first_rank") + pl.col("_later_count") * pl.col("_later_rank")
    # Of an endoscopy family each gets a part of its amount, and the same part of its work.
    in_amounts = pl.col("_first_amount") * pl.col("_first_count") * pl.col("_first_rank") + pl.col("_later_amount") * pl.col(
        "_later_count"
    ) * pl.col("_later_rank")
    family = pl.col("_family_mode") & (pl.col("_unit") > 0)
    left = pl.when(family).then(in_amounts).otherwise(in_ranks).cast(pl.Int128) * own * pl.col("work")
    per = pl.when(family).then("_unit").otherwise(1).cast(pl.Int128) * one
    return worked.select(
        outcome=pl.col("_outcome"),
        reason=pl.col("_reason"),
        release=pl.col("release").cast(pl.String),
        factor=pl.col("_factor"),
        work=pl.col("work").cast(pl.Int64),
        pe=pl.col("_pe").cast(pl.Int64),
        mp=pl.col("mp").cast(pl.Int64),
        g_work=pl.col("gpci_work"),
        g_pe=pl.col("gpci_pe"),
        g_mp=pl.col("gpci_mp"),
        fee=pl.col("_fee"),
        adjusted=left,
        adjusted_per=per,
        listed=pl.col("_list").cast(pl.String),
        **{name: pl.col(f"_{name}") for name in MONEY},
    )


# Rows ----------------------------------------------------------------------------------------------------------------------


SAVED = ("allowed", "received")  # what the reduction takes from


@dataclass(frozen=True)
class Therapy:
    """Therapy units of which the visits are not known, and how many of them the estimate takes to be paid in full.

    `pools`: their items by pool and kind, with what the reduction takes of a unit (`saved_allowed`, `saved_received`, cents).
    `in_full`: the units of each row of the mix that are paid in full; all, where nothing is estimated. `taken`: what the
    estimate takes of the `allowed` and the `received` amount.
    """

    pools: Pools
    in_full: pl.Series
    taken: dict[str, int]

    @classmethod
    def of(cls, mix: Mix, worked: _Worked, packing: Packing) -> "Therapy":
        """The rows of a mix that are in no visit, of kinds that the reduction may meet."""
        alike = mix.alike
        of_kind = worked.alone.select(
            pl.col("outcome") == "priced",
            hcpcs=alike.kinds["hcpcs"].cast(pl.Categorical),
            tie="fee",
            key=worked.behind["key"].cast(pl.Int64),
            saved_allowed=pl.col("allowed") - worked.behind["allowed"],
            saved_received=pl.col("received") - worked.behind["received"],
        )
        reducible = of_kind["outcome"] & of_kind["key"].is_not_null()
        # What is taken back in all is taken back as if it had been paid in full.
        items = alike.items.with_row_index("item").filter(reducible.gather(alike.items["kind"]) & (alike.items["units"] > 0))
        items = items.hstack(of_kind[items["kind"]].drop("outcome"))
        pools = Pools(items.drop("item", "kind"), packing)
        # A code's units in full are shared out to its items, and theirs to its rows, in their order and in proportion.
        of_code = ["pool", "hcpcs", "key", "tie"]
        shared = items.join(
            pools.codes.select(*of_code, "leaders", in_all="units"), on=of_code, how="left", maintain_order="left"
        )
        shared = shared.with_columns(before=(pl.col("units").cum_sum() - pl.col("units")).over(of_code))
        of_item = _spread(shared, "item", alike.items.height, ["leaders", "in_all", "before", *(f"saved_{n}" for n in SAVED)])
        leaders, in_all = pl.col("leaders"), pl.col("in_all")
        before = pl.col("before") + pl.col("_before")
        led = leaders * (before + pl.col("units")) // in_all - leaders * before // in_all
        rows = of_item[alike.item].with_columns(mix.rows["units"], _before=alike.before)
        rows = rows.with_columns(full=pl.when(in_all.is_not_null()).then(led).otherwise("units"))
        later = rows["units"] - rows["full"]
        return cls(pools, rows["full"], {name: int((later * rows[f"saved_{name}"]).sum()) for name in SAVED})

    @property
    def units(self) -> int:
        """How many there are."""
        return int(self.pools.items["units"].sum())

    def interval(self, rows: pl.DataFrame) -> Interval:
        """What is allowed and received over all packings, for the priced rows."""

        def over_all(name: str) -> Range:
            estimate, taken = int(rows[name].sum()), self.taken[name]
            least, most = self.pools.least_and_most(f"saved_{name}")
            return Range(estimate + taken - most, estimate, estimate + taken - least)

        return Interval(over_all("allowed"), over_all("received"), self.units, self.pools.visits())


def _spread(found: pl.DataFrame, place: str, height: int, columns: list[str]) -> pl.DataFrame:
    """Some columns of rows that name their places, laid out over so many places; null where none is named."""
    every = pl.DataFrame({place: pl.int_range(height, dtype=pl.UInt32, eager=True)})
    return every.join(found.select(place, *columns), on=place, how="left", maintain_order="left").drop(place)


def _worth(mix: Mix, worked: _Worked, in_full: pl.Series) -> pl.DataFrame:
    """The columns ADDED, row by row."""
    alike = mix.alike
    unit = worked.alone[alike.of_row]
    behind = worked.behind.select(pl.col(name).alias(f"behind_{name}") for name in MONEY)[alike.of_row]
    frame = pl.concat([mix.rows.select("units"), unit, behind], how="horizontal").with_columns(in_full.alias("full"))
    later = pl.col("units") - pl.col("full")
    frame = frame.with_columns(
        work_rvu=pl.col("work").fill_null(0) * pl.col("units"),
        work_rvu_adjusted=_of_units("units"),
        fee_total=pl.col("fee") * pl.col("units"),
        alone=pl.col("allowed") * pl.col("units"),
        **{
            name: pl.col(name) * pl.col("full") + pl.when(later != 0).then(pl.col(f"behind_{name}") * later).otherwise(0)
            for name in MONEY
        },
    )
    if worked.visits.height:
        frame = _with_visits(frame, mix, worked, unit)
    settled, pays = pl.col("outcome") != "cannot_price", pl.col("outcome") == "priced"
    known = {"factor": "factor", "g_work": "g_work", "g_pe": "g_pe", "g_mp": "g_mp"}
    sums = [name for name in ADDED if name not in (*known, "outcome", "reason", "release", "reduction")]
    return (
        frame.lazy()
        .with_columns(pl.col("outcome", "reason").cast(pl.String))
        .with_columns(
            *(pl.when(settled).then(pl.when(pays).then(pl.col(name).fill_null(0)).otherwise(0)).alias(name) for name in sums),
            *(pl.when(settled).then(name).alias(name) for name in known),
        )
        .with_columns(reduction=pl.col("allowed") - pl.col("alone"))
        .select(pl.col(name).cast(kind) for name, kind in ADDED.items())
        .collect(engine="in-memory")
    )


def _with_visits(frame: pl.DataFrame, mix: Mix, worked: _Worked, unit: pl.DataFrame) -> pl.DataFrame:
    """The rows of visits as their lines were priced together.

    A row gets what its units come to alone and, on top, the difference that its line makes: so rows that were netted into one
    line add up to it.
    """
    lines, at = mix.alike.visits, mix.alike.visits["row"]
    alone = unit[at].with_columns(lines["units"])
    together = worked.visits.with_columns(units=pl.lit(1, dtype=pl.Int64))  # its amounts are those of the line
    extra = {name: together[name] - alone[name] * alone["units"] for name in MONEY}
    extra["work_rvu_adjusted"] = together.select(_of_units("units")).to_series() - alone.select(_of_units("units")).to_series()
    changed = {name: frame[name].gather(at) + extra[name] for name in extra}
    # Where a unit alone has no amount and its line has one, the line's stands.
    changed |= {name: _or(changed[name], together[name]) for name in MONEY}
    changed["alone"] = _or(frame["alone"].gather(at), changed["allowed"])
    changed |= {name: together[name] for name in ("outcome", "reason")}
    return frame.with_columns(frame[name].scatter(at, new) for name, new in changed.items())


def _or(values: pl.Series, others: pl.Series) -> pl.Series:
    return values.zip_with(values.is_not_null(), others)


def _of_units(units: str) -> pl.Expr:
    """The work that is left of so many units, in hundredths of an RVU, rounded once, halves away from 0."""
    number, per = pl.col("adjusted") * pl.col(units), pl.col("adjusted_per")
    whole = (2 * number.abs() + per) // (2 * per)
    return (whole * pl.col(units).sign()).cast(pl.Int64)


# What is told ----------------------------------------------------------------------------------------------------------------

CROWDED = ("surgery", "imaging", "cardiovascular", "ophthalmology")


def _notes(mix: Mix, basis: Basis, rows: pl.DataFrame, worked: _Worked, therapy: Therapy) -> list[str]:
    """What the answer rests on."""
    notes = []
    if basis.date is None:
        notes.append("Date: each row's own date of service, else the first day of its month.")
    if not basis.placed:
        has_place = rows.select(pl.any_horizontal(pl.col("zip", "locality", "mac").is_not_null()).any()).item()
        notes.append("Place: each row's own, else the national amount." if has_place else "Place: national amount.")
    unset = int(rows.select((pl.col("setting").is_null() & pl.col("pos").is_null()).sum()).item())
    if unset:
        notes.append(f"Setting: {basis.setting} in {counted(unset)} without a setting or a place of service.")
    notes.append(
        f"Practitioners: paid in full, as physicians or therapists{'' if basis.participating else ', who do not participate'}; "
        f"{'' if basis.qp else 'not '}Qualifying APM Participants. Patients: the deductible is met."
    )
    if basis.factor is not None:
        has_anesthesia = rows.select(pl.col("hcpcs").str.contains(r"^0[01]\d{3}$").any()).item()
        notes.append(
            "The conversion factor is not the law's but a what-if"
            + ("; anesthesia keeps the factors of CMS's files." if has_anesthesia else ".")
        )
    if not basis.work_floor:
        notes.append("The work GPCIs are those without the 1.0 floor: a what-if.")
    if rows["payer"].drop_nulls().n_unique() > 1:
        notes.append("All payers' rows are priced at Medicare's rates.")
    if therapy.units:
        notes.append(
            f"{therapy.units:,} therapy units have no visit: their same-day reduction is estimated with "
            f"{therapy.pools.packing} ({therapy.pools.visits():,} visits), each visit's codes drawn at random."
        )
    if mix.alike.alone:
        notes.append(f"{mix.alike.alone:,} lines take back units that their visit does not have: taken back in full.")
    listed = worked.alone["listed"].is_in(CROWDED)[mix.alike.of_row] & ~mix.alike.in_visit & (rows["outcome"] == "priced")
    if listed.any():
        amount = show(int(rows["allowed"].filter(listed).sum()))
        notes.append(
            f"{amount} of operations and tests have no visit: what the same day takes of a second one is not known, and is not "
            "taken off."
        )
    below = rows.filter(pl.col("charge") < pl.col("allowed"), pl.col("allowed") > 0, pl.col("charge") >= 0)
    if below.height:
        less = int((below["allowed"] - below["charge"]).sum())
        notes.append(
            f"In {counted(below.height)} the charge is below what Medicare allows, by {show(less)} in all. Medicare pays the "
            "lower of the two; the amounts here are before that."
        )
    return notes
