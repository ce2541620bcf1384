"""Therapy minutes to billable units, and which of the units take an assistant's modifier (CQ, CO).

from feecalc.units import Treated, allocate
allocate([Treated("97110", 33), Treated("97140", 7), Treated("97150", 20)]).units   # 97110: 2, 97140: 1, 97150: 1

Grain: one patient, one day, one discipline; every number is whole minutes or whole units. Each unit comes with the reason why
it stands where it does, and every equally legal way to place the units is given. Lengths, shares, dates and the words of the
reasons stand in policy/therapy.toml; what one unit of a code is, in policy/therapy_codes.toml.
"""

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, islice
from typing import Any, NamedTuple

from feecalc import policy
from feecalc.errors import InputError
from feecalc.likeness import alike
from feecalc.therapy_codes import Discipline
from feecalc.therapy_codes import discipline as discipline_of
from feecalc.therapy_codes import units as known_units

RULES = {"cms": "cms", "midpoint": "midpoint", "ama": "midpoint"}
CODE = re.compile(r"[0-9]{4}[0-9A-Z]|[A-Z][0-9]{4}")
FIFTEEN = "15 minutes"  # the name of the unit whose minutes are totalled, in both files
DAY = 24 * 60
SHOWN = 1000  # alternatives; a visit that has more is a typing error rather than a visit
LISTED = 6  # ways that a sentence names one by one


@dataclass(frozen=True)
class Treated:
    """What was furnished by one code. `minutes` are all of them, the assistant's included; None for an untimed code without.

    `assistant_minutes` are those that the assistant furnished alone: minutes together with the therapist are the therapist's.
    """

    hcpcs: str
    minutes: int | None = None
    assistant_minutes: int = 0
    discipline: str = "PT"


@dataclass(frozen=True)
class Reason:
    """Why something is as it is: of one unit of a code (counted from 1), of a code (`unit` None), or of all (`hcpcs` "")."""

    code: str  # a name of [reason] in policy/therapy.toml
    hcpcs: str
    unit: int | None
    sentence: str
    standing: str
    source: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self))


class Line(NamedTuple):
    """One claim line: units of a code that carry the same modifiers, in their order (GP or GO first)."""

    hcpcs: str
    units: int
    modifiers: tuple[str, ...]


@dataclass(frozen=True)
class Units:
    """The units of a visit, why they stand where they do, and the other ways that are equally legal.

    `total_minutes` and `timed_units` are those of the 15-minute codes alone. `units` names every code in the order typed, those
    without a unit too; so does each of `alternatives`, and none of them is `units` itself. `lines` has no code without a unit.
    """

    rule: str
    total_minutes: int
    timed_units: int
    units: dict[str, int]
    alternatives: list[dict[str, int]]
    reasons: list[Reason]
    lines: list[Line]
    assisted: bool  # an assistant furnished minutes alone

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the lines only where they tell something, that is where an assistant furnished minutes."""
        found: dict[str, Any] = {
            "total_minutes": self.total_minutes,
            "timed_units": self.timed_units,
            "units": self.units,
            "alternatives": self.alternatives,
            "reasons": [reason.as_dict() for reason in self.reasons],
        }
        if self.assisted:
            found["lines"] = [{**line._asdict(), "modifiers": list(line.modifiers)} for line in self.lines]
        return found


def allocate(
    treated: Sequence[Treated],
    rule: str = "cms",
    visit_minutes: int | None = None,
    date: dt.date | None = None,
    timed: Collection[str] = (),
    choice: Mapping[str, int] | None = None,
) -> Units:
    """The units that a visit's minutes make.

    `rule` is "cms" (Medicare's total-time rule) or "midpoint" (CPT's own, of other payers; "ama" is the same). `visit_minutes`,
    where given, must hold the minutes of the 15-minute codes, which are one-on-one. `date` places CQ and CO; without it the
    newest rules do. `timed` names codes that feecalc does not know and that are to count as 15-minute codes. `choice` picks one
    of the equally legal ways by the units of its codes, or of some of them; without it the codes typed first have the units.

    Raises InputError for what is no code, no time, no possible time, or not known as timed or untimed, for a choice that is not
    legal, and for codes of several disciplines: the total is one of a discipline.
    """
    if rule not in RULES:
        raise InputError(f"Rule {rule!r} is not known. Give one of {', '.join(RULES)}.")
    discipline = _discipline(treated)
    codes = _codes(treated, timed)
    _possible(codes, visit_minutes, date)
    wanted = {_hcpcs(hcpcs): units for hcpcs, units in (choice or {}).items()}
    placed = _total_time(codes, wanted) if RULES[rule] == "cms" else _midpoint(codes, wanted)
    modified = {code.hcpcs: _modified(code, placed.units[code.hcpcs], discipline, date) for code in codes}
    reasons = [*placed.general, *_of_visit(codes, RULES[rule], discipline, date)]
    reasons += _differing(codes, placed, discipline, date)
    for code in codes:
        reasons += [*_told(code), *placed.reasons[code.hcpcs], *modified[code.hcpcs].reasons]
    flagged = {hcpcs: one.flagged for hcpcs, one in modified.items()}
    return Units(
        rule=RULES[rule],
        total_minutes=sum(code.minutes for code in codes if code.in_total),
        timed_units=sum(placed.units[code.hcpcs] for code in codes if code.in_total),
        units=placed.units,
        alternatives=placed.alternatives,
        reasons=reasons,
        lines=_lines(placed.units, flagged, discipline),
        assisted=any(code.assistant for code in codes),
    )


# What was typed -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """How a code is counted. `length` and `smallest` are minutes, 0 where one unit is one session; `unit` is its name."""

    unit: str
    length: int
    smallest: int
    in_total: bool
    standing: str


@dataclass(frozen=True)
class _Code:
    """All that was furnished by one code, and how it is counted."""

    hcpcs: str
    minutes: int
    assistant: int
    kind: _Kind
    times: int = 1  # how often it was typed
    stated: bool = False  # timed only because the asker said so

    @property
    def in_total(self) -> bool:
        """Its minutes make up Medicare's total."""
        return self.kind.in_total

    @property
    def length(self) -> int:
        """The minutes of one unit; 0 of an untimed code."""
        return self.kind.length

    @property
    def timed(self) -> bool:
        """Its minutes make its units."""
        return self.kind.length > 0

    @property
    def whole(self) -> int:
        """Its whole units of time."""
        return self.minutes // self.length

    @property
    def left(self) -> int:
        """The minutes beyond its whole units."""
        return self.minutes % self.length


@cache
def _kinds() -> dict[str, _Kind]:
    """How each code is counted: by time of a length that policy/therapy.toml has, or once, whatever the time."""
    found = {}
    for hcpcs, unit in known_units().items():
        if unit.timed and unit.words in policy.load("therapy")["timed"]:
            found[hcpcs] = _timed_kind(unit.words, unit.standing)
        elif unit.once and not unit.timed:
            found[hcpcs] = _Kind(unit.words, 0, 0, False, unit.standing)
    return found


def _timed_kind(unit: str, standing: str) -> _Kind:
    entry = policy.load("therapy")["timed"][unit]
    return _Kind(unit, entry["minutes"], entry["smallest"], entry["in_total"], standing)


def _discipline(treated: Sequence[Treated]) -> Discipline:
    """The one discipline of a visit. Raises InputError for none, several, or an unknown one, and for assistants it has not."""
    if not treated:
        raise InputError("No code was given. Give each code with its minutes, such as 97110=33.")
    found = list(dict.fromkeys(discipline_of(one.discipline) for one in treated))
    names = " and ".join(one.name for one in found)
    if len(found) > 1:
        raise InputError(f"{names} together: each discipline's minutes make a total of their own. Ask for each.")
    if not found[0].assistant and any(one.assistant_minutes for one in treated):
        raise InputError(f"{names} has no modifier for an assistant, so it can have no assistant minutes. Leave them out.")
    return found[0]


def _codes(treated: Sequence[Treated], timed: Collection[str]) -> list[_Code]:
    """The codes in the order typed, the minutes of a repeated one added up."""
    if isinstance(timed, str):
        raise InputError(f"timed is a set of codes, not the text {timed!r}.")
    stated = {_hcpcs(text) for text in timed}
    found: dict[str, _Code] = {}
    for one in treated:
        hcpcs = _hcpcs(one.hcpcs)
        _check_times(hcpcs, one)
        kind = _kind(hcpcs, stated)
        if one.minutes is None and kind.length:
            raise InputError(f"{hcpcs} is timed: give its minutes, such as {hcpcs}=15.")
        if one.minutes == 0 and not kind.length:
            raise InputError(f"{hcpcs} with 0 minutes: was it furnished? Leave the code out, or give it without minutes.")
        before = found.get(hcpcs)
        found[hcpcs] = _Code(
            hcpcs=hcpcs,
            minutes=(one.minutes or 0) + (before.minutes if before else 0),
            assistant=one.assistant_minutes + (before.assistant if before else 0),
            kind=kind,
            times=before.times + 1 if before else 1,
            stated=hcpcs not in _kinds(),
        )
    if astray := sorted(stated - set(found)):
        raise InputError(f"{', '.join(astray)} was said to be timed and is not among the codes. Check it, or give its minutes.")
    return list(found.values())


def _hcpcs(text: str) -> str:
    hcpcs = text.strip().upper()
    if not CODE.fullmatch(hcpcs):
        raise InputError(f"{text!r} is no procedure code: give five characters, such as 97110 or G0283.")
    return hcpcs


def _check_times(hcpcs: str, one: Treated) -> None:
    for words, value in (("minutes", one.minutes), ("assistant minutes", one.assistant_minutes)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"{hcpcs}: {value!r} {words} is not a whole number of minutes.")
        if value < 0:
            raise InputError(f"{hcpcs}: {value} {words} is below 0.")


def _kind(hcpcs: str, stated: Collection[str]) -> _Kind:
    """How a code is counted. Raises InputError where that is not known, or said to be what it is known not to be."""
    known = _kinds().get(hcpcs)
    if known is not None:
        if hcpcs in stated and known.unit != FIFTEEN:
            raise InputError(f"{hcpcs} is no 15-minute code: one unit of it is the {known.unit}. Do not name it as timed.")
        return known
    if hcpcs in known_units():
        raise InputError(
            f"{hcpcs} is not counted by 15 minutes or sessions: one unit of it is the {known_units()[hcpcs].words}, "
            "which feecalc does not work out from minutes. Count its units yourself."
        )
    if hcpcs in stated:
        return _timed_kind(FIFTEEN, "assumed")
    likeness = alike(hcpcs, _kinds())
    near = sorted(likeness, key=lambda code: (-likeness[code], code))
    meant = f" Did you mean {', '.join(near[:6])}?" if near else ""
    raise InputError(
        f"feecalc does not know {hcpcs} as a timed or an untimed code, and does not guess.{meant} If it is a 15-minute code, "
        f"name it as timed (--timed {hcpcs}); if it is untimed, leave it out: it is one unit a session and outside the total."
    )


def _possible(codes: Sequence[_Code], visit_minutes: int | None, date: dt.date | None) -> None:
    """Raises InputError for times that cannot be, and for a date before the rules."""
    since: dt.date = policy.load("therapy")["units"]["from"]
    if date is not None and date < since:
        raise InputError(f"{date} is before the first day that feecalc knows these rules for, {since}.")
    for code in codes:
        if code.assistant > code.minutes:
            raise InputError(
                f"{code.hcpcs}: the assistant's {_minutes(code.assistant)} are more than the {code.minutes} of the code. "
                "Give all minutes of the code; they include the assistant's."
            )
    everything = sum(code.minutes for code in codes)
    if everything > DAY:
        raise InputError(f"{everything} minutes in all are more than a day has ({DAY}). Give the minutes of one day.")
    if visit_minutes is None:
        return
    if isinstance(visit_minutes, bool) or not isinstance(visit_minutes, int) or not 0 <= visit_minutes <= DAY:
        raise InputError(f"A visit of {visit_minutes!r} minutes: give a whole number from 0 to {DAY}.")
    one_on_one = sum(code.minutes for code in codes if code.in_total)
    if one_on_one > visit_minutes:
        raise InputError(
            f"{one_on_one} one-on-one minutes of timed codes are more than the visit's {visit_minutes}. "
            "Time with one patient counts once: correct the minutes or the length of the visit."
        )


# The units ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Placed:
    """The units of each code with their reasons, the reasons of the visit as a whole, and the other legal ways."""

    units: dict[str, int]
    reasons: dict[str, list[Reason]]
    general: list[Reason]
    alternatives: list[dict[str, int]]


def _total_time(codes: Sequence[_Code], wanted: Mapping[str, int]) -> _Placed:
    """Medicare's rule: the total of the 15-minute codes makes the units, and the remainders decide whose they are.

    With length 15 and a smallest unit of 8, T the total, b and r the whole units and the minutes left of each code:
    1. U = (T + 7) // 15 units in all.
    2. Each code has its b, which no other code takes from it.
    3. The U - sum(b) that are left go, one each, to the largest r. An r below 8 can win.
    4. Where equal r compete, every choice is equally legal: the one that was `wanted`, else that of the codes typed first.

    Step 3 always comes out, one unit a code at most: T = 15 sum(b) + sum(r), so what is left is (sum(r) + 7) // 15, never below
    0. With k codes that have minutes left sum(r) <= 14k, and 14k + 7 < 15(k + 1): never more than k. It is 0 where k is 0.

    Source: Claims Processing Manual ch. 5 s20.2.C; steps 1 and 2 sourced, 3 and 4 secondary.
    """
    pool = [code for code in codes if code.in_total]
    units, reasons = _by_themselves([code for code in codes if not code.in_total])
    total = sum(code.minutes for code in pool)
    entry = policy.load("therapy")["timed"][FIFTEEN]
    length, smallest = entry["minutes"], entry["smallest"]
    all_units = (total + length - smallest) // length
    extra = all_units - sum(code.whole for code in pool)

    ranked = sorted((code for code in pool if code.left), key=lambda code: -code.left)  # stable: ties in the order typed
    last = ranked[extra - 1].left if extra else length  # the smallest remainder that may have a unit; none where none is left
    sure = {code.hcpcs for code in ranked if code.left > last}
    tied = [code.hcpcs for code in ranked if code.left == last]
    open_units = extra - len(sure)
    ways = list(islice(combinations(tied, open_units), SHOWN + 2))  # the first is that of the codes typed first
    if len(ways) > SHOWN + 1:
        raise InputError(
            f"{len(tied)} codes have {_minutes(last)} left over each, so the units can be placed in more than {SHOWN:,} "
            "equally legal ways. Check the minutes."
        )
    whole = {code.hcpcs: code.whole for code in pool}
    placed = [_in_order(codes, units | {h: b + (h in sure or h in way) for h, b in whole.items()}) for way in ways]
    units = _wanted(placed, wanted)

    contest = _Contest(ranked, tied, extra, open_units, bool(wanted))
    for code in pool:
        reasons[code.hcpcs] = [*_whole_reasons(code), *contest.told(code, units[code.hcpcs])]
    general = []
    if total and all_units:
        low, high = all_units * length - (length - smallest), (all_units + 1) * length - (length - smallest) - 1
        general.append(_reason("total", total=total, units=_counted(all_units, "unit"), low=low, high=high))
    elif total:
        general.append(_reason("total_too_short", total=total, smallest=smallest))
    return _Placed(units, reasons, general, [way for way in placed if way != units])


def _wanted(ways: Sequence[dict[str, int]], wanted: Mapping[str, int]) -> dict[str, int]:
    """The first way that gives the units wanted. Raises InputError where none does."""
    if strangers := [hcpcs for hcpcs in wanted if hcpcs not in ways[0]]:
        raise InputError(f"Units of {', '.join(strangers)} were chosen, which is not among the codes.")
    for way in ways:
        if all(way[hcpcs] == units for hcpcs, units in wanted.items()):
            return way
    asked = ", ".join(f"{hcpcs} {units}" for hcpcs, units in wanted.items())
    legal = "; ".join(", ".join(f"{hcpcs} {way[hcpcs]}" for hcpcs in wanted) for way in ways[:LISTED])
    raise InputError(f"The minutes do not make {asked}. They make: {legal}{'; …' if len(ways) > LISTED else ''}.")


@dataclass(frozen=True)
class _Contest:
    """Who competes for the units beyond the whole ones: every code with minutes left, largest first, and those that tie."""

    ranked: list[_Code]
    tied: list[str]
    extra: int
    open_units: int  # those of the `extra` that the tied codes share
    chosen: bool  # by the asker

    def told(self, code: _Code, units: int) -> list[Reason]:
        """Why a code's minutes left over make a unit, or none."""
        if not code.left:
            return []
        extra = f"the {self.extra} units left go to the largest remainders"
        if self.extra == 1:
            extra = "the one unit left goes to the largest remainder"
        words = {"left": _minutes(code.left), "extra": extra}
        words["ranking"] = ", ".join(f"{one.hcpcs} {one.left}" for one in self.ranked)
        won = units > code.whole
        if code.hcpcs in self.tied and self.open_units < len(self.tied):
            words["others"] = _listed([hcpcs for hcpcs in self.tied if hcpcs != code.hcpcs])
            words["choice"] = f"{_counted(self.open_units, 'unit')} for {len(self.tied)} codes, every choice equally legal"
            order = "you chose so" if self.chosen else f"it was typed {'earlier' if won else 'later'}, which is arbitrary"
            words["because"] = f"{code.hcpcs} has {'it' if won else 'none'} here because {order}"
            return [_reason("tie_chosen", code, units, **words) if won else _reason("tie_not_chosen", code, **words)]
        if won:
            return [_reason("largest_remainder" if len(self.ranked) > 1 else "only_remainder", code, units, **words)]
        return [_reason("remainder_smaller" if self.extra else "remainder_too_short", code, **words)]


def _midpoint(codes: Sequence[_Code], wanted: Mapping[str, int]) -> _Placed:
    """CPT's rule, of other payers: each code by itself, units = (minutes + 7) // 15. Secondary: public coding pages."""
    units, reasons = _by_themselves(codes)
    return _Placed(_wanted([units], wanted), reasons, [], [])


def _by_themselves(codes: Iterable[_Code]) -> tuple[dict[str, int], dict[str, list[Reason]]]:
    """Codes that no total holds together: one unit a session of an untimed one; of a timed one, what its own minutes make."""
    units: dict[str, int] = {}
    reasons: dict[str, list[Reason]] = {}
    for code in codes:
        if not code.timed:
            units[code.hcpcs] = 1
            reasons[code.hcpcs] = [_reason("untimed", code, 1, unit=code.kind.unit)]
            continue
        n = units[code.hcpcs] = (code.minutes + code.length - code.kind.smallest) // code.length
        told = [] if code.in_total else [_reason("not_in_total", code, unit=code.kind.unit)]
        told += _whole_reasons(code)
        words = {"left": _minutes(code.left), "smallest": code.kind.smallest, "length": code.length}
        if n > code.whole:
            told.append(_reason("midpoint", code, n, **words))
        elif code.left:
            told.append(_reason("below_midpoint", code, **words))
        reasons[code.hcpcs] = told
    return units, reasons


def _whole_reasons(code: _Code) -> list[Reason]:
    """One reason for each whole unit of a timed code; for a code without minutes, that it has none."""
    if not code.minutes:
        return [_reason("no_minutes", code)]
    return [
        _reason("full_time", code, unit, first=(unit - 1) * code.length + 1, last=unit * code.length, length=code.length)
        for unit in range(1, code.whole + 1)
    ]


def _in_order(codes: Sequence[_Code], units: dict[str, int]) -> dict[str, int]:
    return {code.hcpcs: units[code.hcpcs] for code in codes}


def _told(code: _Code) -> list[Reason]:
    """What should be known of a code before its units."""
    found = []
    if code.times > 1:
        found.append(_reason("repeated", code, times=code.times))
    if code.stated:
        found.append(_reason("stated_timed", code))
    return found


# The assistants' modifiers --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Modified:
    """How many of a code's units take the assistant's modifier, and why."""

    flagged: int
    reasons: list[Reason]


def _modified(code: _Code, units: int, discipline: Discipline, date: dt.date | None) -> _Modified:
    """Which units of a code take CQ or CO.

    An untimed code (and one by the hour) is one service: the share of the assistant's minutes in all of its minutes decides. A
    15-minute code is decided unit by unit, the minutes of each taken in this order:
    1. Whole units of the therapist alone: without the modifier.
    2. Whole units of the assistant alone: with it.
    3. One unit left: from 2022 on without, where the therapist alone furnished 8 minutes or more of what is left; else the
       share of the assistant in the minutes left decides.
    4. Two units left: from 2022 on one without and one with, where each furnished 9 to 14 minutes of what is left. Elsewhere no
       rule parts the minutes, so both units are tested on all of them, the last by the sentence before first.
    Steps 1 and 2 never take more than the code has: each one's whole units fit into the whole units of the sum, which the code
    never loses. What they leave is below two units of time, so at most one whole unit and the one of the remainder are left.

    Above the de minimis share means: assistant / all, rounded to a whole percent, of 11 or more (percentage test). The simple
    test (a tenth of the minutes, rounded, plus one) is worked out beside it, and a disagreement is told.

    Source: CMS CQ and CO modifiers page with its billing examples, CY2022 PFS final rule: secondary; step 4 elsewhere: assumed.
    """
    if not code.assistant or not units or not _reported(date):
        return _Modified(0, [])
    modifier = discipline.assistant
    if not code.in_total:
        over, told = _de_minimis(code, None, code.minutes - code.assistant, code.assistant, modifier)
        return _Modified(units if over else 0, [_reason("whole_service", code), *told])

    therapist = code.minutes - code.assistant
    own, assistants = therapist // code.length, code.assistant // code.length
    words = {"modifier": modifier, "length": code.length}
    reasons = [_reason("therapist_full_time", code, unit, **words) for unit in range(1, own + 1)]
    reasons += [_reason("assistant_full_time", code, unit, **words) for unit in range(own + 1, own + assistants + 1)]
    left = _left_over(code, units, own + assistants, modifier, date)
    return _Modified(assistants + left.flagged, [*reasons, *left.reasons])


def _left_over(code: _Code, units: int, done: int, modifier: str, date: dt.date | None) -> _Modified:
    """The units of a 15-minute code beyond the `done` whole ones of therapist and assistant: none, one or two."""
    therapist, assistant = (code.minutes - code.assistant) % code.length, code.assistant % code.length
    rule = policy.load("therapy")["assistant"]["midpoint"]
    in_force = date is None or date >= rule["from"]
    low, high = rule["each_from"], rule["each_to"]
    each = {"therapist": _minutes(therapist), "assistant": _minutes(assistant), "modifier": modifier}
    flagged, reasons = 0, []
    if units - done == 2:
        if in_force and low <= therapist <= high and low <= assistant <= high:
            words = {**each, "low": low, "high": high}
            without, with_it = "two_left_without", "two_left_with"
            return _Modified(1, [_reason(without, code, done + 1, **words), _reason(with_it, code, done + 2, **words)])
        over, told = _de_minimis(code, done + 1, therapist, assistant, modifier)
        flagged, reasons = int(over), [_reason("two_left_otherwise", code, **each), *told]
    if units > done:
        if not assistant:
            reasons.append(_reason("therapist_alone", code, units, **each))
        elif in_force and therapist >= rule["therapist_minutes"]:
            reasons.append(_reason("midpoint_exception", code, units, **each, smallest=rule["therapist_minutes"]))
        else:
            over, told = _de_minimis(code, units, therapist, assistant, modifier)
            flagged, reasons = flagged + over, [*reasons, *told]
    return _Modified(flagged, reasons)


def _de_minimis(code: _Code, unit: int | None, therapist: int, assistant: int, modifier: str) -> tuple[bool, list[Reason]]:
    """Is the assistant's part above the de minimis share? By the percentage test, told where the simple one disagrees."""
    rule = policy.load("therapy")["assistant"]
    total = therapist + assistant
    percent = _rounded(100 * assistant, total)
    needed = _rounded(rule["percent"] * total, 100) + rule["simple_added_minutes"]
    over = percent >= rule["flagged_from_percent"]
    words = {"modifier": modifier, "percent": percent, "flagged": rule["flagged_from_percent"], "needed": needed}
    words |= {"assistant": assistant, "total": _minutes(total)}
    reasons = [_reason("over_de_minimis" if over else "within_de_minimis", code, unit, **words)]
    if over != (assistant >= needed):
        reasons.append(_reason("tests_disagree", code, unit, **words))
    return over, reasons


def _rounded(numerator: int, denominator: int) -> int:
    """A quotient of whole numbers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def _reported(date: dt.date | None) -> bool:
    """CQ and CO exist on a date."""
    return date is None or bool(date >= policy.load("therapy_codes")["assistants"]["reported_from"])


def _of_visit(codes: Sequence[_Code], rule: str, discipline: Discipline, date: dt.date | None) -> list[Reason]:
    """What is to be known of the visit as a whole: how sure the list of timed codes is, and the modifier on its date."""
    standing = policy.weakest([code.kind.standing for code in codes])
    reasons = [replace(_reason("timing", standing=standing), standing=standing)]
    if not any(code.assistant for code in codes):
        return reasons
    modifier = discipline.assistant
    if not _reported(date):
        since = policy.load("therapy_codes")["assistants"]["reported_from"]
        return [*reasons, _reason("modifier_not_yet", modifier=modifier, since=since, date=date)]
    cut_from = policy.percentage("assistant_minutes").start
    if date is not None and date < cut_from:
        reasons.append(_reason("modifier_reported_only", modifier=modifier, since=cut_from, date=date))
    if rule == "midpoint":
        reasons.append(_reason("modifier_other_payer", modifier=modifier))
    return [*reasons, _reason("modifier_scope", modifier=modifier, plan=discipline.modifier), _reason("minutes_together")]


def _differing(codes: Sequence[_Code], placed: _Placed, discipline: Discipline, date: dt.date | None) -> list[Reason]:
    """That the legal ways differ in what an assistant's modifier costs, where they do."""
    ways = [placed.units, *placed.alternatives]
    counts = [sum(_modified(code, way[code.hcpcs], discipline, date).flagged for code in codes) for way in ways]
    if len(set(counts)) == 1:
        return []
    listed = f"{counts[0]} as placed here"
    if len(ways) <= LISTED:
        listed += "".join(f", {n} with {_way(codes, way)}" for n, way in zip(counts[1:], ways[1:], strict=True))
    else:
        listed += f", {min(counts)} to {max(counts)} in all {len(ways)} ways"
    return [_reason("alternatives_differ", modifier=discipline.assistant, counts=listed)]


def _way(codes: Sequence[_Code], way: dict[str, int]) -> str:
    return " ".join(f"{code.hcpcs}x{way[code.hcpcs]}" for code in codes if code.in_total and way[code.hcpcs])


def _lines(units: dict[str, int], flagged: dict[str, int], discipline: Discipline) -> list[Line]:
    """The claim lines: a code's units are parted where only some of them take the assistant's modifier."""
    plain = (discipline.modifier,)
    found = []
    for hcpcs, count in units.items():
        found.append(Line(hcpcs, count - flagged[hcpcs], plain))
        found.append(Line(hcpcs, flagged[hcpcs], (*plain, discipline.assistant)))
    return [line for line in found if line.units]


# Words ----------------------------------------------------------------------------------------------------------------------


def _reason(name: str, about: _Code | None = None, number: int | None = None, /, **words: object) -> Reason:
    """A reason, its words filled in."""
    entry: dict[str, str] = policy.load("therapy")["reason"][name]
    filled = {"hcpcs": about.hcpcs, "minutes": about.minutes, **words} if about else words
    return Reason(
        code=name,
        hcpcs=about.hcpcs if about else "",
        unit=number,
        sentence=entry["sentence"].format(**filled),
        standing=entry["standing"],
        source=entry["source"],
    )


def _counted(number: int, word: str) -> str:
    return f"1 {word}" if number == 1 else f"{number} {word}s"


def _minutes(number: int) -> str:
    return _counted(number, "minute")


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
