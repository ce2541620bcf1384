"""A patient's visit as the clinic knows it: codes with minutes or units, who treated, where and when; and what it pays.

from feecalc.visit import Item, Visit, price
visit = Visit([Item("97530", minutes=15), Item("97110", minutes=30), Item("97140", minutes=15)], date=date(2025, 10, 15))
price(visit, feecalc.open_schedule()).day.total("allowed")        # Decimal("98.97")

Minutes become units, units with their modifiers become claim lines, and the lines are priced together; beside them stand what
NCCI's edits, the therapy modifiers and the year's thresholds say of them. Those are warnings: they change no price. A visit
knows no patient.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from feecalc import therapy_modifiers, thresholds, units
from feecalc.api import Asked, Circumstances, OpenSchedule
from feecalc.edits import Answer, Edits, Pair
from feecalc.errors import InputError
from feecalc.money import to_cents, to_dollars
from feecalc.quote import Day, Quote
from feecalc.therapy_codes import discipline as discipline_of
from feecalc.therapy_codes import disciplines, kinds
from feecalc.therapy_codes import units as unit_kinds

TIMED = "15 minutes"  # the unit of policy/therapy_codes.toml that minutes make


@dataclass(frozen=True)
class Item:
    """What was done by one code: `minutes` in all or `units`, and the minutes that an assistant furnished alone.

    `modifiers` are those that the clinic adds itself; GP, GO, GN, CQ and CO follow from discipline and minutes. `charge` is in
    dollars, for a unit. `discipline` is that of the visit where it is None.
    """

    hcpcs: str
    minutes: int | None = None
    units: int | None = None
    assistant_minutes: int = 0
    modifiers: tuple[str, ...] = ()
    charge: str | None = None
    discipline: str | None = None


@dataclass(frozen=True)
class Visit:
    """A visit: what was done, when, where, and by whom. The circumstances are those of `api.Circumstances`.

    `treated_by` "assistant": all therapy minutes are an assistant's, alone. `rule` is that of `units.allocate`. `choice` picks
    one of the equally right ways to give units, by code. `allowed_so_far` is what the patient was allowed this year before the
    visit, in dollars, by discipline.
    """

    items: Sequence[Item]
    date: dt.date
    discipline: str = "PT"
    treated_by: str = "therapist"
    rule: str = "cms"
    visit_minutes: int | None = None
    choice: Mapping[str, int] = field(default_factory=dict)
    allowed_so_far: Mapping[str, str] = field(default_factory=dict)
    zip: str | None = None
    locality: str | None = None
    state: str | None = None
    pos: str | None = None
    setting: str | None = None
    provider_type: str | None = None
    participating: bool = True
    qp: bool = False
    deductible_left: str = "0"

    @property
    def circumstances(self) -> Circumstances:
        """What holds for every line."""
        return Circumstances(
            zip=self.zip,
            locality=self.locality,
            state=self.state,
            date=self.date,
            pos=self.pos,
            setting=self.setting,
            provider_type=self.provider_type,
            participating=self.participating,
            qp=self.qp,
            deductible_left=self.deductible_left,
        )


@dataclass(frozen=True)
class Stake:
    """A pair of codes that NCCI's edits name, and what the visit is allowed less while its second column is not paid."""

    pair: Pair
    dollars: Decimal | None


@dataclass(frozen=True)
class Priced:
    """What a visit comes to. `units` are those that minutes made, by discipline; `lines` the claim's lines, in order."""

    visit: Visit
    units: Mapping[str, units.Units]
    lines: tuple[Asked, ...]
    disciplines: tuple[str | None, ...]  # of each line; None where it is no therapy
    day: Day
    edits: Answer
    findings: tuple[therapy_modifiers.Finding, ...]
    totals: Mapping[str, thresholds.Total]
    stakes: tuple[Stake, ...]

    @cached_property
    def by_discipline(self) -> dict[str, Decimal]:
        """What is allowed for the lines of each discipline, and of none ("")."""
        sums: dict[str, Decimal] = {}
        for name, quote in zip(self.disciplines, self.day.quotes, strict=True):
            sums[name or ""] = sums.get(name or "", Decimal("0.00")) + (quote.allowed or Decimal("0.00"))
        return sums

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "visit": to_dict(self.visit),
            "units": {name: made.as_dict() for name, made in self.units.items()},
            **self.day.as_dict(),
            "by_discipline": {name: str(amount) for name, amount in self.by_discipline.items()},
            "edits": self.edits.as_dicts(),
            "at_stake": [
                {"column1": s.pair.column1, "column2": s.pair.column2, "dollars": None if s.dollars is None else str(s.dollars)}
                for s in self.stakes
            ],
            "findings": [asdict(finding) for finding in self.findings],
            "thresholds": {name: total.as_dict() for name, total in self.totals.items()},
        }


def price(visit: Visit, opened: OpenSchedule, edits: Edits | None = None) -> Priced:
    """Units, lines, amounts, edits, modifiers and thresholds of a visit.

    Raises InputError for minutes, units, codes or circumstances that cannot be understood, naming what it was.
    """
    if not visit.items:
        raise InputError("The visit has no codes. Add one, such as 97110 with 30 minutes.")
    made, lines, of = _lines(visit)
    day = opened.price_day(lines, **visit.circumstances)
    found = (edits or Edits.open()).check([(line.code, line.units, line.modifiers) for line in lines], visit.date)
    allowed = [thresholds.Line(n, name, quote.allowed or Decimal(0)) for n, (name, quote) in _therapy(of, day)]
    running = [
        thresholds.Running.of_amount(visit.date.year, name, amount) for name, amount in visit.allowed_so_far.items() if amount
    ]
    totals = thresholds.totals(allowed, _one_a_pool(running, visit.date.year, of))
    above = {n for total in totals.values() for n in total.needs_kx or ()}
    known = {pool for pool, total in totals.items() if total.needs_kx is not None and visit.allowed_so_far}
    checks = [
        therapy_modifiers.Line(
            number=n,
            hcpcs=line.code,
            modifiers=line.modifiers,
            date=visit.date,
            units=line.units,
            discipline=name,
            provider_type=visit.provider_type,
            above=n in above if name and thresholds.pool_of(name).name in known else None,
        )
        for n, (line, name) in enumerate(zip(lines, of, strict=True), 1)
    ]
    return Priced(
        visit=visit,
        units=made,
        lines=tuple(lines),
        disciplines=tuple(of),
        day=day,
        edits=found,
        findings=therapy_modifiers.check(checks),
        totals=totals,
        stakes=_stakes(found.ptp, lines, day, visit, opened),
    )


def _therapy(of: Sequence[str | None], day: Day) -> Iterable[tuple[int, tuple[str, Quote]]]:
    """The therapy lines, by number."""
    return ((n, (name, quote)) for n, (name, quote) in enumerate(zip(of, day.quotes, strict=True), 1) if name)


def _one_a_pool(running: Sequence[thresholds.Running], year: int, of: Sequence[str | None]) -> list[thresholds.Running]:
    """One total a pool: the amounts of disciplines that share one are added, pools of the visit without one begin at 0.

    A pool that the visit has nothing of, and that nothing was allowed for, is left out.
    """
    ours = [thresholds.pool_of(name).name for name in of if name]
    cents = dict.fromkeys(ours, 0)
    for one in running:
        cents[one.pool] = cents.get(one.pool, 0) + one.cents
    return [thresholds.Running(year, pool, amount) for pool, amount in cents.items() if amount or pool in ours]


def _stakes(pairs: Sequence[Pair], lines: Sequence[Asked], day: Day, visit: Visit, opened: OpenSchedule) -> tuple[Stake, ...]:
    """What the day is allowed less without the lines of a pair's second column: after reductions, as they are priced anew."""
    left = {pair.lines2: [line for n, line in enumerate(lines, 1) if n not in pair.lines2] for pair in pairs}
    asked = {without: rest for without, rest in left.items() if rest and day.whole}
    days = dict(zip(asked, opened.price_days(list(asked.values()), **visit.circumstances), strict=True))
    less = {without: day.total("allowed") - one.total("allowed") for without, one in days.items() if one.whole}
    return tuple(Stake(pair, less.get(pair.lines2)) for pair in pairs)


# From minutes to lines -----------------------------------------------------------------------------------------------------


def _lines(visit: Visit) -> tuple[dict[str, units.Units], list[Asked], list[str | None]]:
    """The units by discipline, and the claim's lines with the discipline of each."""
    items = [_checked(item, visit) for item in visit.items]
    made = {
        name: units.allocate(
            [
                units.Treated(i.hcpcs, i.minutes, i.assistant_minutes, name)
                for i in items
                if i.discipline == name and _counted(i)
            ],
            rule=visit.rule,
            visit_minutes=visit.visit_minutes,
            date=visit.date,
            **_choice(visit, name, items),
        )
        for name in dict.fromkeys(i.discipline for i in items if i.discipline and _counted(i))
    }
    lines: list[Asked] = []
    of: list[str | None] = []
    counted: set[tuple[str | None, str]] = set()
    for item in items:
        if not _counted(item):
            plan = (disciplines()[item.discipline].modifier,) if item.discipline else ()
            assistant = (
                (disciplines()[item.discipline].assistant,) if item.discipline and visit.treated_by == "assistant" else ()
            )
            lines.append(_asked(item, item.units or 1, (*plan, *assistant)))
            of.append(item.discipline)
        elif (item.discipline, item.hcpcs) not in counted:  # a code that stands twice makes its units once
            counted.add((item.discipline, item.hcpcs))
            for line in made[item.discipline or ""].lines:
                if line.hcpcs == item.hcpcs:
                    # Without minutes nothing says whose an untimed service was but who treated the visit.
                    modifiers = line.modifiers if item.minutes else _modifiers(item, visit)
                    lines.append(_asked(item, line.units, modifiers))
                    of.append(item.discipline)
    if not lines:
        raise InputError(
            "These minutes make no unit, so there is nothing to bill. Medicare needs 8 timed minutes for a first unit."
        )
    return made, lines, of


def _choice(visit: Visit, name: str, items: Sequence[Item]) -> dict[str, Any]:
    """The way that was chosen for a discipline's units, where one was."""
    chosen = {i.hcpcs: visit.choice[i.hcpcs] for i in items if i.discipline == name and i.hcpcs in visit.choice}
    return {"choice": chosen} if chosen else {}


def _modifiers(item: Item, visit: Visit) -> tuple[str, ...]:
    """GP, GO or GN, and CQ or CO, of a line whose units were given."""
    if item.discipline is None:
        return ()
    plan = disciplines()[item.discipline]
    return (plan.modifier, plan.assistant) if visit.treated_by == "assistant" else (plan.modifier,)


def _asked(item: Item, count: int, modifiers: Iterable[str]) -> Asked:
    try:
        charge = to_dollars(to_cents(item.charge) * count) if item.charge else None
    except ValueError as error:
        raise InputError(f"{item.hcpcs}, charge: {error}. Give dollars, such as 60.00.") from None
    return Asked(item.hcpcs, count, tuple(dict.fromkeys((*filter(None, modifiers), *item.modifiers))), charge)


def _counted(item: Item) -> bool:
    """Whether the item's units follow from minutes: it is therapy, and its units were not given."""
    unit = unit_kinds().get(item.hcpcs)
    by_minutes = unit is not None and (unit.words == TIMED or (unit.once and not unit.timed))
    return item.units is None and item.discipline is not None and by_minutes


def _checked(item: Item, visit: Visit) -> Item:
    """The item with its code in capitals, its discipline where it is therapy, and the assistant's minutes of the visit."""
    code = item.hcpcs.strip().upper()
    for what in ("minutes", "units", "assistant_minutes"):
        value = getattr(item, what)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise InputError(f"{code}: {value!r} is not a whole number of {what.replace('_', ' ')}.")
    if item.units == 0:
        raise InputError(f"{code}: 0 units. Leave the code out, or give its minutes.")
    therapy = item.discipline or (visit.discipline if kinds().get(code) == "always" else None)
    name = discipline_of(therapy).name if therapy else None
    unit = unit_kinds().get(code)
    timed = unit is not None and unit.words == TIMED
    if item.units is not None and item.minutes is not None and timed and visit.rule == "cms":
        raise InputError(f"{code} has minutes and units: give one of them, so that it is clear which counts.")
    if item.units is None and item.minutes is None and timed and name:
        raise InputError(f"{code} is billed by the minute: give its minutes, or its units.")
    if item.units is None and item.minutes is not None and timed and not name and kinds().get(code) == "always":
        raise InputError(f"{code} is therapy, billed by the minute: give the visit's discipline (PT, OT or SLP), or its units.")
    if item.units is None and name and unit is not None and unit.timed and not timed:
        raise InputError(f"One unit of {code} is {unit.words}: give its units.")
    assisted = item.assistant_minutes
    if visit.treated_by not in ("therapist", "assistant"):
        raise InputError(f"{visit.treated_by!r} treated? Say therapist or assistant.")
    if visit.treated_by == "assistant" and name and item.minutes and not assisted and disciplines()[name].assistant:
        assisted = item.minutes
    modifiers = tuple(m.strip().upper() for m in item.modifiers if m.strip())
    return replace(item, hcpcs=code, discipline=name, assistant_minutes=assisted, modifiers=modifiers)


# As plain values -----------------------------------------------------------------------------------------------------------


def to_dict(visit: Visit) -> dict[str, Any]:
    """A visit as a file holds it: what differs from the defaults."""
    plain = {f.name: getattr(visit, f.name) for f in fields(Visit)}
    kept = {name: value for name, value in plain.items() if name != "items" and value not in (None, {}, _DEFAULTS.get(name))}
    rows = [
        {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(item).items()
            if name == "hcpcs" or value != _ITEM[name]
        }
        for item in visit.items
    ]
    return {**kept, "date": visit.date.isoformat(), "items": rows}


_DEFAULTS = {f.name: f.default for f in fields(Visit)}
_ITEM = {f.name: f.default for f in fields(Item)}
