"""The levers of a what-if: each changes the volumes of a practice, or what they are priced at, and says what it did.

A lever is a frozen dataclass of plain values, checked when it is made, so that it can be kept in a file and read back. `apply`
takes rows as feecalc.analysis.mix makes them and a feecalc.analysis.revenue.Basis, and gives both back changed, with
sentences.

Volumes stay whole numbers. Where a share is taken of many rows, the share of all of them (for each code, reversals apart) is
the nearest whole number, and every row gets its own to within one unit, spread evenly over the file: units are rounded as they
add up.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

import polars as pl

from feecalc import locality as places
from feecalc import policy
from feecalc.analysis.revenue import Basis
from feecalc.errors import InputError
from feecalc.money import FACTOR_SCALE, scaled, to_cents
from feecalc.pricing.explain import decimal
from feecalc.pricing.kinds import ROOM, as_categories
from feecalc.therapy_codes import discipline, disciplines
from feecalc.therapy_codes import units as unit_kinds

HUNDREDTHS = 10_000  # percentages are held in hundredths of a percent: the whole
MOST_PERCENT = 1_000  # of more services, far beyond any plan
TIMED = "15 minutes"
MOST_MODIFIERS = 4  # of a claim line
WITH_THE_PATIENT = "KX"  # a modifier that stays true of a patient's other services of the day


# Values ---------------------------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of value: what it is in words, and how it is read; `read` raises ValueError for what is none."""

    words: str
    read: Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError
    return tuple(_text(one) for one in value)


def _codes(value: Any) -> tuple[str, ...]:
    return tuple(one.upper() for one in _texts(value))


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


def _yes_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _percent(value: Any) -> Decimal:
    """Exact: a binary float is none, it holds 12.1 as something else."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise ValueError from None
    if not number.is_finite() or number * 100 != (number * 100).to_integral_value():
        raise ValueError
    return number


def _date(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    return dt.date.fromisoformat(_text(value))


def _factor(value: Any) -> str:
    text = str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else _text(value)
    if scaled(text, FACTOR_SCALE) <= 0:
        raise ValueError
    return text


def _dollars(value: Any) -> str:
    text = str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else _text(value)
    if to_cents(text) < 0:
        raise ValueError
    return text


# What the fields of the levers hold, as their metadata.
TEXT = {"kind": Kind("a text", _text)}
TEXTS = {"kind": Kind("a list of texts", _texts)}
CODES = {"kind": Kind("a list of codes as texts", _codes)}
WHOLE = {"kind": Kind("a whole number", _whole)}
YES_NO = {"kind": Kind("true or false", _yes_no)}
PERCENT = {"kind": Kind('a number of percent with at most two decimals, as 10 or "12.5"', _percent)}
DATE = {"kind": Kind("a date such as 2026-07-01", _date)}
FACTOR = {"kind": Kind('dollars with up to four decimals, as "33.4009"', _factor)}
DOLLARS = {"kind": Kind('an amount of dollars, as "45.00"', _dollars)}


# What all levers are --------------------------------------------------------------------------------------------------------


class Applied(NamedTuple):
    """What a lever made of the rows and the basis, and what it has to say."""

    rows: pl.DataFrame
    basis: Basis
    told: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lever:
    """A lever. `NAME` is what a file calls it; two levers of one `SLOT` would contradict each other in a scenario."""

    NAME: ClassVar[str]
    SLOT: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for one in fields(self):
            given = getattr(self, one.name)
            if given is None and one.default is None:
                continue
            kind = kind_of(one)
            try:
                read = kind.read(given)
            except ValueError:
                raise InputError(f"Lever {self.NAME}: {one.name} must be {kind.words}, not {given!r}.") from None
            object.__setattr__(self, one.name, read)
        self.check()

    def check(self) -> None:
        """Raise InputError where the values do not go together."""

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """The rows and the basis changed; `number` is the lever's place in its scenario, from 1."""
        raise NotImplementedError

    def must(self, true: bool, what: str) -> None:
        """Raise InputError that says what this lever must have, unless it is so."""
        if not true:
            raise InputError(f"Lever {self.NAME}: {what}.")


def kind_of(one: Field[Any]) -> Kind:
    """The kind of value that a lever's field holds."""
    kind: Kind = one.metadata["kind"]
    return kind


@dataclass(frozen=True, kw_only=True)
class _OnSome(Lever):
    """A lever that may be for some rows alone: those that match every list that is not empty."""

    codes: tuple[str, ...] = field(default=(), metadata=CODES)
    providers: tuple[str, ...] = field(default=(), metadata=TEXTS)
    payers: tuple[str, ...] = field(default=(), metadata=TEXTS)
    sites: tuple[str, ...] = field(default=(), metadata=TEXTS)

    def _lists(self) -> dict[str, tuple[str, ...]]:
        return {"hcpcs": self.codes, "provider": self.providers, "payer": self.payers, "site": self.sites}

    @property
    def for_all(self) -> bool:
        """Whether it is for every row."""
        return not any(self._lists().values())

    def chosen(self) -> pl.Expr:
        """Which rows it is for."""
        chosen = pl.lit(value=True)
        for column, wanted in self._lists().items():
            if wanted:
                chosen &= pl.col(column).is_in(wanted).fill_null(value=False)
        return chosen

    def chosen_rows(self, rows: pl.DataFrame) -> pl.Series:
        """The same of some rows, as true and false."""
        if self.for_all:
            return pl.repeat(value=True, n=rows.height, dtype=pl.Boolean, eager=True)
        return rows.select(chosen=self.chosen())["chosen"]

    @property
    def where(self) -> str:
        """Which rows it is for, in words."""
        words = {"hcpcs": "code", "provider": "provider", "payer": "payer", "site": "site"}
        return (
            "; ".join(f"{words[column]} {', '.join(wanted)}" for column, wanted in self._lists().items() if wanted)
            or "all rows"
        )

    def nothing(self, rows: pl.DataFrame, basis: Basis, what: str) -> Applied:
        """What is said where the lever finds nothing to move."""
        return Applied(rows, basis, (f"Lever {self.NAME} changed nothing: {what} ({self.where}).",))


# What the volumes are priced at ---------------------------------------------------------------------------------------------


class Proposed(NamedTuple):
    """Conversion factors that CMS proposed for a year, in ten-thousandths of a dollar: never law, never a default."""

    year: int
    factor: int
    qp: int
    standing: str
    source: str
    sentence: str


def proposed(year: int) -> Proposed:
    """The proposed conversion factors of a year. Raises InputError where policy/proposed.toml has none."""
    entries = policy.load("proposed")["factor"]
    for entry in entries:
        if entry["year"] == year:
            factor, qp = (scaled(entry[name], FACTOR_SCALE) for name in ("factor", "qp"))
            return Proposed(year, factor, qp, entry["standing"], entry["source"], entry["sentence"])
    known = ", ".join(str(entry["year"]) for entry in entries)
    raise InputError(f"No proposed conversion factor is known for {year}. Known: {known}.")


@dataclass(frozen=True, kw_only=True)
class ProposedFactor(Lever):
    """The conversion factors that CMS proposed for a year, in place of those of law."""

    NAME = "proposed_factor"
    SLOT = "factor"
    year: int = field(metadata=WHOLE)

    def check(self) -> None:
        """There must be some."""
        proposed(self.year)

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """Another factor."""
        known = proposed(self.year)
        shown = f"{decimal(known.factor, FACTOR_SCALE)}, for Qualifying APM Participants {decimal(known.qp, FACTOR_SCALE)}"
        said = f"Conversion factor {shown}: proposed for {self.year}, not law. {known.sentence} Source: {known.source}."
        return Applied(rows, replace(basis, factor=(known.factor, known.qp)), (said,))


@dataclass(frozen=True, kw_only=True)
class Factor(Lever):
    """A conversion factor of one's own; `qp` is the one for Qualifying APM Participants, the same where it is not given."""

    NAME = "factor"
    SLOT = "factor"
    factor: str = field(metadata=FACTOR)
    qp: str | None = field(default=None, metadata=FACTOR)

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """Another factor."""
        qp = self.qp or self.factor
        both = (scaled(self.factor, FACTOR_SCALE), scaled(qp, FACTOR_SCALE))
        said = f"Conversion factor {self.factor}, for Qualifying APM Participants {qp}: your own assumption."
        return Applied(rows, replace(basis, factor=both), (said,))


@dataclass(frozen=True, kw_only=True)
class WorkFloor(Lever):
    """Whether the 1.0 floor of the work GPCIs holds."""

    NAME = "work_floor"
    SLOT = "work_floor"
    holds: bool = field(default=False, metadata=YES_NO)

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """With or without the floor."""
        if self.holds:
            return Applied(rows, replace(basis, work_floor=True), ("The 1.0 floor of the work GPCIs holds.",))
        known = policy.load("proposed")["work_floor"][-1]
        said = f"The work GPCIs are taken without their 1.0 floor. {known['sentence']} Source: {known['source']}."
        return Applied(rows, replace(basis, work_floor=False), (said,))


@dataclass(frozen=True, kw_only=True)
class On(Lever):
    """One date of service for all rows: a day, or the first day of a release."""

    NAME = "date"
    SLOT = "date"
    date: dt.date | None = field(default=None, metadata=DATE)
    release: str | None = field(default=None, metadata=TEXT)

    def check(self) -> None:
        """One of the two, and a release that there may be."""
        self.must((self.date is None) != (self.release is None), "give date or release, one of them")
        if self.release is not None:
            self.must(self._first_day() is not None, f"{self.release!r} is no release such as 2026C")

    def _first_day(self) -> dt.date | None:
        name = (self.release or "").upper()
        year = re.match(r"20[0-9]{2}", name)
        return dict(policy.known_releases(int(year[0]))).get(name) if year else None

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """Another date."""
        day = self.date or self._first_day()
        of = f", the first day of release {self.release.upper()}" if self.release else ""
        return Applied(rows, replace(basis, date=day), (f"All rows are priced as of {day}{of}.",))


@dataclass(frozen=True, kw_only=True)
class Qp(Lever):
    """Whether the clinicians are Qualifying APM Participants."""

    NAME = "qp"
    SLOT = "qp"
    qp: bool = field(metadata=YES_NO)

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """With or without."""
        said = f"The clinicians are {'' if self.qp else 'not '}Qualifying APM Participants."
        return Applied(rows, replace(basis, qp=self.qp), (said,))


@dataclass(frozen=True, kw_only=True)
class Participating(Lever):
    """Whether the practice participates with Medicare."""

    NAME = "participating"
    SLOT = "participating"
    participating: bool = field(metadata=YES_NO)

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """With or without."""
        said = f"The practice {'participates' if self.participating else 'does not participate'} with Medicare."
        return Applied(rows, replace(basis, participating=self.participating), (said,))


@dataclass(frozen=True, kw_only=True)
class Place(_OnSome):
    """Another place of service: for all rows, or for those of some sites, providers, payers or codes."""

    NAME = "place"
    zip: str | None = field(default=None, metadata=TEXT)
    locality: str | None = field(default=None, metadata=TEXT)
    state: str | None = field(default=None, metadata=TEXT)

    def check(self) -> None:
        """One place, which the rows can hold."""
        self.must(len([p for p in (self.zip, self.locality, self.state) if p]) == 1, "give one of zip, locality and state")
        self.must(self.for_all or not self.state, "a state can be given for all rows only; give the zip or locality of some")
        Basis(zip=self.zip, locality=self.locality, state=self.state)

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """Another place."""
        shown = self.zip or self.locality or self.state
        if self.for_all:
            moved = replace(basis, zip=self.zip, locality=self.locality, state=self.state)
            return Applied(rows, moved, (f"All rows are priced in {shown}.",))
        self.must(
            not basis.state,
            f"some rows cannot move while all are priced in {basis.state}: give that place as a zip or locality",
        )
        count = rows.filter(self.chosen()).height
        if not count:
            return self.nothing(rows, basis, "no row is such")
        if basis.zip or basis.locality:  # what held for all rows becomes the rows' own, as some are to differ
            rows = _put(rows, basis.zip, basis.locality, pl.lit(value=True))
        moved_rows = _put(rows, self.zip, self.locality, self.chosen())
        told = (f"{_counted(count, 'row')} ({self.where}) moved to {shown}.",)
        return Applied(moved_rows, replace(basis, zip=None, locality=None), told)


def _put(rows: pl.DataFrame, zip_code: str | None, key: str | None, chosen: pl.Expr) -> pl.DataFrame:
    mac, local = places.parse_key(key) if key else (None, None)
    new = {"zip": zip_code, "mac": mac, "locality": local}
    return rows.with_columns(
        pl.when(chosen).then(pl.lit(text, dtype=pl.String)).otherwise(name).alias(name) for name, text in new.items()
    )


@dataclass(frozen=True, kw_only=True)
class Setting(_OnSome):
    """Another setting (facility, nonfacility), for all rows or some. It takes the place of their places of service."""

    NAME = "setting"
    setting: str = field(metadata=TEXT)

    def check(self) -> None:
        """One of the two."""
        self.must(self.setting in ("facility", "nonfacility"), f"the setting is facility or nonfacility, not {self.setting!r}")

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """Another setting."""
        count = rows.filter(self.chosen()).height
        if not count:
            return self.nothing(rows, basis, "no row is such")
        moved = rows.with_columns(
            setting=pl.when(self.chosen()).then(pl.lit(self.setting)).otherwise("setting"),
            pos=pl.when(self.chosen()).then(pl.lit(None, dtype=pl.String)).otherwise("pos"),
        )
        return Applied(moved, basis, (f"{_counted(count, 'row')} ({self.where}) moved to the setting {self.setting}.",))


# How much of what ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Volume(_OnSome):
    """More services (`percent` above 0) or fewer (below 0), for all rows or some.

    Units of rows that name no visit grow or shrink; charges and payments go along. Of visits (rows with a visit and a date)
    the chosen lines are repeated as a visit of their own, or left out, in every so manieth visit, evenly over the file: a
    visit has its units.
    """

    NAME = "volume"
    percent: Decimal = field(metadata=PERCENT)

    def check(self) -> None:
        """Not less than nothing."""
        self.must(-100 <= self.percent <= MOST_PERCENT, f"percent must be from -100 to {MOST_PERCENT:,}, not {self.percent}")

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """More or fewer."""
        chosen = self.chosen_rows(rows)
        if not chosen.any():
            return self.nothing(rows, basis, "no row is such")
        more = int(self.percent * 100)
        dated = _in_visit(rows)
        units, added = rows["units"], []
        free = (chosen & ~dated).arg_true()
        if free.len():
            here = rows.select("hcpcs", "units")[free]
            up = here["units"] >= 0
            share = _share(here["units"].abs(), HUNDREDTHS + more, HUNDREDTHS, _alike(here.select("hcpcs", up.alias("up"))))
            units = units.scatter(free, share * _sign(up))
        lines = (chosen & dated).arg_true()
        if lines.len():
            # Visits are numbered as they come in the file, and each stands for so many more, or fewer, of itself.
            visits = _alike(rows.select("visit", "service_date")[lines])
            each = pl.Series([1]).new_from_index(0, visits.n_unique())
            times = _share(each, abs(more), HUNDREDTHS).gather(visits)
            if more < 0:
                units = units.scatter(lines.filter(times > 0), 0)
            else:
                again = ((copy, lines.filter(times >= copy)) for copy in range(1, -(-more // HUNDREDTHS) + 1))
                added = [rows[at].with_columns(pl.col("visit") + f" (what-if {number}.{copy})") for copy, at in again]
        changed = pl.concat([_recounted(rows, units), *added])
        before, after = int(rows["units"].sum()), int(changed["units"].sum())
        told = f"{self.percent:+} % services ({self.where}): {before:,} units become {after:,}."
        return Applied(changed, basis, (told,))


@dataclass(frozen=True, kw_only=True)
class Assistants(_OnSome):
    """The share of therapy that assistants furnish: `percent` of the units under GP take CQ, of those under GO CO.

    Units that have CQ or CO already keep it and count towards the share, for each code; only what is lacking is taken from the
    others. Rows are split by whole units into a row with the modifier and one without. Codes that no assistant furnishes
    (evaluations, see policy/what_ifs.toml) stay as they are, and so do rows that have four modifiers and room for no other.
    """

    NAME = "assistants"
    percent: Decimal = field(metadata=PERCENT)
    disciplines: tuple[str, ...] = field(default=("PT", "OT"), metadata=TEXTS)

    def check(self) -> None:
        """A share, of disciplines that have assistants."""
        self.must(0 <= self.percent <= 100, f"percent must be from 0 to 100, not {self.percent}")
        self.must(bool(self.disciplines), "give at least one discipline")
        for one in self.disciplines:
            self.must(bool(discipline(one).assistant), f"{one} has no assistants that Medicare pays by a modifier")

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """With assistants."""
        never = policy.load("what_ifs")["not_by_assistants"]["codes"]
        under = {discipline(one).modifier: discipline(one).assistant for one in self.disciplines}
        assistants = {one.assistant for one in disciplines().values() if one.assistant}

        def read(mods: list[str]) -> dict[str, Any]:
            fitting = [under[m] for m in mods if m in under]
            return {
                "takes": fitting[0] if len(fitting) == 1 else "",
                "has": bool(assistants & set(mods)),
                "room": len(mods) < MOST_MODIFIERS,
            }

        texts = _by_modifiers(rows, read, {"takes": pl.String, "has": pl.Boolean, "room": pl.Boolean})
        therapy = (self.chosen_rows(rows) & (texts["takes"] != "")).arg_true()
        frame = rows.select("hcpcs", "units")[therapy].with_columns(texts[therapy]).with_columns(at=therapy)
        evaluations = frame.filter(pl.col("hcpcs").is_in(never))
        frame = frame.filter(~pl.col("hcpcs").is_in(never)).with_columns(size=pl.col("units").abs(), up=pl.col("units") >= 0)
        if frame.is_empty():
            return self.nothing(rows, basis, f"no row of treatment carries {' or '.join(under)}")
        frame = frame.with_columns(_alike(frame.select("hcpcs", "takes", "up")).alias("key")).with_columns(
            free=pl.when(~pl.col("has") & pl.col("room")).then("size").otherwise(0)
        )
        totals = frame.group_by("key").agg(
            every=pl.col("size").sum(), had=pl.col("size").filter("has").sum(), free=pl.col("free").sum()
        ).sort("key")  # fmt: skip
        wanted = _nearest(pl.col("every") * int(self.percent * 100), pl.lit(HUNDREDTHS))
        totals = totals.with_columns(wanted=wanted, lacking=pl.max_horizontal(wanted - pl.col("had"), 0)).with_columns(
            need=pl.min_horizontal("lacking", "free")
        )
        of_code = totals.select("need", "free")[frame["key"]]
        part = _share(frame["free"], of_code["need"], of_code["free"], frame["key"])
        frame = frame.with_columns(part=part * _sign(frame["up"])).filter(part > 0)
        old = rows[frame["at"]]
        turned = _recounted(old, frame["part"]).with_columns(
            modifiers=(old["modifiers"].fill_null("") + " " + frame["takes"]).str.strip_chars()
        )
        left = rows["units"].scatter(frame["at"], old["units"] - frame["part"])
        money = {name: old[name] - turned[name] for name in MONEY}  # what the other part of the row leaves
        kept = rows.with_columns(left, *(rows[name].scatter(frame["at"], rest) for name, rest in money.items()))
        gone = frame["at"].filter(frame["part"] == old["units"])
        both = pl.concat([_without(kept, gone), turned])
        every, had, now = int(totals["every"].sum()), int(totals["had"].sum()), int(totals["need"].sum())
        told = [
            f"Assistants furnish {had + now:,} of {every:,} units of therapy ({self.where}): {had:,} had CQ or CO already, "
            f"{now:,} take it."
        ]
        if short := int((totals["lacking"] - totals["need"]).sum()):
            told.append(f"{_counted(short, 'unit')} more would be needed, of rows that have no room for another modifier.")
        if above := int((totals["had"] - totals["wanted"]).clip(lower_bound=0).sum()):
            told.append(f"{_counted(above, 'unit')} above the share of a code had CQ or CO before, and keep it.")
        if evaluations.height:
            told.append(f"Evaluations stay with the therapists: {_counted(int(evaluations['units'].sum()), 'unit')}.")
        return Applied(both, basis, tuple(told))


@dataclass(frozen=True, kw_only=True)
class Group(_OnSome):
    """Group sessions in place of individual units of treatment.

    What is assumed: of the individual 15-minute units of `codes` (none given: those of policy/what_ifs.toml) `percent` are
    given up. For a patient one group session takes the place of `units` of them, and is billed as one unit of 97150, whatever
    its length: it is untimed. `patients` share a session, and each is billed his own 97150. The sessions bear the modifiers of
    the plan of care (GP, GO, GN), of the assistant (CQ, CO) and KX of the units that they replace, and `charge` (dollars for a
    patient and session).

    Units are given up where a whole session comes of them: within rows alike in provider, payer, site, place, month and those
    modifiers, or within one visit, which gets one session at most. Time is not money here: what the therapist wins by it is
    told, `minutes` being how long a session lasts (none given: as long as the units that it replaces for one patient), and
    fills no visit by itself.
    """

    NAME = "group"
    percent: Decimal = field(metadata=PERCENT)
    patients: int = field(metadata=WHOLE)
    units: int = field(metadata=WHOLE)
    minutes: int | None = field(default=None, metadata=WHOLE)
    charge: str | None = field(default=None, metadata=DOLLARS)

    def check(self) -> None:
        """A share, of units that are timed, for several patients."""
        self.must(0 <= self.percent <= 100, f"percent must be from 0 to 100, not {self.percent}")
        self.must(2 <= self.patients <= 20, f"patients must be from 2 to 20, not {self.patients}")
        self.must(1 <= self.units <= 16, f"units must be from 1 to 16, not {self.units}")
        self.must(self.minutes is None or 1 <= self.minutes <= 480, f"minutes must be from 1 to 480, not {self.minutes}")
        for code in self.codes:
            known = unit_kinds().get(code)
            self.must(
                known is not None and known.timed and known.words == TIMED,
                f"{code} is no individual 15-minute code that feecalc knows",
            )

    def apply(self, rows: pl.DataFrame, basis: Basis, number: int) -> Applied:
        """With groups."""
        table = policy.load("what_ifs")["group"]
        whom = replace(self, codes=self.codes or tuple(table["in_place_of"]))
        stays = {WITH_THE_PATIENT, *(m for one in disciplines().values() for m in (one.modifier, one.assistant))}
        here = (whom.chosen_rows(rows) & (rows["units"] > 0)).arg_true()
        if here.is_empty():
            return whom.nothing(rows, basis, "no row has individual units of these codes")
        texts = _by_modifiers(rows, lambda mods: {"stays": " ".join(m for m in mods if m in stays)}, {"stays": pl.String})
        frame = rows.select(*ALIKE_IN_A_GROUP, "units")[here].with_columns(
            texts[here], dated=_in_visit(rows).gather(here), at=here
        )
        keys = frame.with_columns(visit=pl.when("dated").then("visit")).select(*ALIKE_IN_A_GROUP, "stays")
        frame = frame.with_columns(_alike(keys).alias("party"))
        parties = frame.group_by("party").agg(
            pl.col("at").first(), pl.col("units").sum(), pl.col("dated", "stays").first()
        ).sort("party")  # fmt: skip
        # A party is a patient's visit, or all the visits of a month that are alike.
        whole = parties["units"] // self.units
        most = whole.zip_with(~parties["dated"], whole.clip(upper_bound=1))
        asked = _share(parties["units"], int(self.percent * 100), HUNDREDTHS * self.units)
        parties = parties.with_columns(sessions=pl.min_horizontal(asked, most))
        sessions = int(parties["sessions"].sum())
        individual = int(parties["units"].sum())
        if not sessions:
            return whom.nothing(rows, basis, f"of {individual:,} units no whole session comes")
        of_party = parties.select("sessions", "units")[frame["party"]]
        gone = _share(frame["units"], of_party["sessions"] * self.units, of_party["units"], frame["party"])
        left = _recounted(rows, rows["units"].scatter(here, frame["units"] - gone))
        with_sessions = parties.filter(pl.col("sessions") > 0)
        each = None if self.charge is None else to_cents(self.charge)
        new = rows[with_sessions["at"]].with_columns(
            pl.lit(str(table["code"])).alias("hcpcs"),
            with_sessions["stays"].alias("modifiers"),
            with_sessions["sessions"].alias("units"),
            (with_sessions["sessions"] * pl.lit(each, dtype=pl.Int64)).alias("charge"),
            pl.lit(None, dtype=pl.Int64).alias("paid"),
        )
        return Applied(pl.concat([left, new]), basis, whom._told(sessions, int(asked.sum()), individual))

    def _told(self, sessions: int, asked: int, individual: int) -> tuple[str, ...]:
        minutes = int(policy.load("therapy")["timed"][TIMED]["minutes"])
        given_up = sessions * self.units
        groups = -(-sessions // self.patients)
        length = self.minutes or self.units * minutes
        won = given_up * minutes - groups * length
        hours = (Decimal(abs(won)) / 60).quantize(Decimal("0.1"))
        said = [
            f"{given_up:,} of {individual:,} individual units ({self.where}) become {sessions:,} patients' group sessions, "
            f"{self.units} units each: about {groups:,} groups of {self.patients}.",
            f"Treatment time {'won' if won >= 0 else 'lost'}: {hours:,} hours, at {length} minutes a group; "
            "it fills no visit by itself.",
        ]
        if asked > sessions:
            said.append(f"{asked:,} sessions were asked for; no more came of whole sessions within rows alike, or one a visit.")
        return tuple(said)


# Shares of units -----------------------------------------------------------------------------------------------------------

MONEY = ("charge", "paid")  # of a whole row: they go along with its units
ALIKE_IN_A_GROUP = (
    "visit", "service_date", "month", "provider", "payer", "site", "pos", "setting", "zip", "mac", "locality"
)  # fmt: skip


def _nearest(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """The quotient of what is not negative, to the nearest whole number, halves up; 0 of nothing."""
    return (2 * numerator + denominator) // pl.max_horizontal(2 * denominator, 1)


def _share(
    units: pl.Series, numerator: pl.Series | int, denominator: pl.Series | int, of: pl.Series | None = None
) -> pl.Series:
    """Each row's numerator / denominator of its units, so that their sums, up to every row, are the nearest whole numbers.

    `of` numbers what is summed apart; numerator and denominator are the same for all rows of one.
    """
    frame = pl.DataFrame({"units": units}).with_columns(
        pl.lit(0).alias("of") if of is None else of.alias("of"),
        pl.lit(numerator).alias("numerator") if isinstance(numerator, int) else numerator.alias("numerator"),
        pl.lit(denominator).alias("denominator") if isinstance(denominator, int) else denominator.alias("denominator"),
    )
    frame = frame.with_columns(up_to=pl.col("units").cum_sum().over("of") if of is not None else pl.col("units").cum_sum())
    most = frame.select(pl.col("units").sum(), pl.col("numerator", "denominator").max()).row(0)
    wide = pl.Int64 if 2 * (most[0] + 1) * (most[1] or 0) + 2 * (most[2] or 0) < 2**63 else pl.Int128
    below = pl.col("denominator").cast(wide)

    def rounded(units: pl.Expr) -> pl.Expr:
        return _nearest(units.cast(wide) * pl.col("numerator").cast(wide), below)

    return frame.select((rounded(pl.col("up_to")) - rounded(pl.col("up_to") - pl.col("units"))).cast(pl.Int64)).to_series()


def _alike(frame: pl.DataFrame) -> pl.Series:
    """The number of each row's kind: the same where all columns are the same, from 0 in the order of the rows."""
    key, room = pl.zeros(frame.height, dtype=pl.Int64, eager=True), 1
    for column in as_categories(frame.with_columns(pl.col(pl.Date).to_physical())).iter_columns():
        # As a number from 1 on; a null is a value like any other, 0.
        own = column.to_physical().cast(pl.Int64)
        least, most = own.min(), own.max()
        if not isinstance(least, int) or not isinstance(most, int):
            continue
        span = most - least + 2
        if room * span > ROOM:
            key, room = key.rank("dense").cast(pl.Int64), frame.height + 1
        key, room = key * span + (own - least + 1).fill_null(0), room * span
    first = pl.DataFrame({"key": key}).with_row_index("at").select(pl.col("at").min().over("key"))["at"]
    return first.rank("dense").cast(pl.UInt32) - 1


def _sign(up: pl.Series) -> pl.Series:
    return up.cast(pl.Int64) * 2 - 1


def _recounted(rows: pl.DataFrame, units: pl.Series) -> pl.DataFrame:
    """The rows with other units, their charges and payments in proportion; a row that loses all its units is left out."""
    changed = (rows["units"] != units).arg_true()
    some = rows.select("units", *MONEY)[changed].with_columns(units.gather(changed).alias("new"))
    old = pl.col("units").abs().cast(pl.Int128)
    money = {
        name: pl.col(name).sign() * _nearest(pl.col(name).abs() * pl.col("new").abs().cast(pl.Int128), old).cast(pl.Int64)
        for name in MONEY
        if some[name].null_count() < some.height
    }
    worth = some.select(**money)
    counted = rows.with_columns(units.alias("units"), *(rows[name].scatter(changed, worth[name]) for name in money))
    return _without(counted, changed.filter(some["new"] == 0))


def _without(rows: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    """The rows but those at some places."""
    if places.is_empty():
        return rows
    return rows.filter(pl.repeat(value=True, n=rows.height, eager=True).scatter(places, values=False))


def _by_modifiers(rows: pl.DataFrame, read: Callable[[list[str]], dict[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """What is read of each row's modifiers: once for each different text of them."""
    of_line = _alike(rows.select("modifiers"))
    texts = rows["modifiers"].gather(of_line.arg_unique())
    return pl.DataFrame([read((text or "").split()) for text in texts], schema=dict(schema))[of_line]


def _in_visit(rows: pl.DataFrame) -> pl.Series:
    """Which rows are of a visit whose day is known, and so are priced as a claim."""
    return rows["visit"].is_not_null() & rows["service_date"].is_not_null()


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


LEVERS: dict[str, type[Lever]] = {
    lever.NAME: lever
    for lever in (ProposedFactor, Factor, WorkFloor, On, Qp, Participating, Place, Setting, Volume, Assistants, Group)
}
