"""Do the modifiers of a visit's therapy lines fit? GP, GO and GN, the assistants' CQ and CO, KX, and units of untimed codes.

from feecalc.therapy_modifiers import Line, check
check([Line(1, "97110", ("GO", "CQ"), date(2026, 3, 2), provider_type="PT")])

A finding is a warning with what to do, never a price and never a change to the line. Which codes are therapy, what one unit
of them is, and what the findings say stands in policy/therapy_codes.toml; when CQ and CO cut payment, in percentages.toml.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from feecalc import policy
from feecalc.errors import InputError
from feecalc.therapy_codes import Discipline, discipline, disciplines, kinds, units


@dataclass(frozen=True)
class Line:
    """One line of a visit.

    `discipline` (PT, OT, SLP) and `provider_type` are checked against the modifiers where they are given. `above` says whether
    the year's allowed amounts, this line's included, are above the KX threshold; None where that is not known.
    """

    number: int
    hcpcs: str
    modifiers: Sequence[str]
    date: dt.date
    units: int = 1
    discipline: str | None = None
    provider_type: str | None = None
    above: bool | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit, or that should be known: on which line, what, what to do, and what it rests on."""

    line: int
    code: str  # a name of [finding] in policy/therapy_codes.toml
    sentence: str
    remedy: str
    standing: str
    source: str


def check(lines: Iterable[Line]) -> tuple[Finding, ...]:
    """Everything that does not fit on a visit's lines, in their order. Raises InputError for a discipline that is not known."""
    return tuple(finding for line in lines for finding in _check(_Read.of(line)))


@dataclass(frozen=True)
class _Read:
    """A line with its modifiers sorted out: `plans` are its GP, GO and GN, `assistants` its CQ and CO, in their order."""

    line: Line
    hcpcs: str
    modifiers: tuple[str, ...]
    plans: tuple[str, ...]
    assistants: tuple[str, ...]
    discipline: Discipline | None  # as the line states it
    provider: Discipline | None  # of the provider's own type
    kind: str | None

    @classmethod
    def of(cls, line: Line) -> "_Read":
        """Read a line, its texts in upper case."""
        modifiers = tuple(dict.fromkeys(m.strip().upper() for m in line.modifiers if m.strip()))
        try:
            stated = discipline(line.discipline) if line.discipline and line.discipline.strip() else None
        except InputError as error:
            raise InputError(f"Line {line.number}: {error}") from None
        hcpcs = line.hcpcs.strip().upper()
        return cls(
            line=line,
            hcpcs=hcpcs,
            modifiers=modifiers,
            plans=tuple(m for m in modifiers if m in {d.modifier for d in disciplines().values()}),
            assistants=tuple(m for m in modifiers if m in {d.assistant for d in disciplines().values() if d.assistant}),
            discipline=stated,
            provider=disciplines().get((line.provider_type or "").strip().upper()),
            kind=kinds().get(hcpcs),
        )

    def finding(self, code: str, **words: object) -> Finding:
        """A finding of this line, its words filled in."""
        entry: dict[str, str] = policy.load("therapy_codes")["finding"][code]
        filled = {"hcpcs": self.hcpcs, "modifiers": " and ".join(self.plans), **words}
        return Finding(
            line=self.line.number,
            code=code,
            sentence=entry["sentence"].format(**filled),
            remedy=entry["remedy"].format(**filled),
            standing=entry["standing"],
            source=entry["source"],
        )


def _check(read: _Read) -> list[Finding]:
    return [*_plan(read), *_assistants(read), *_kx(read), *_units(read)]


def _plan(read: _Read) -> list[Finding]:
    """GP, GO and GN: there, just one, and the right one."""
    if not read.plans:
        return _no_plan(read)
    found = []
    if read.kind is None:
        found.append(read.finding("discipline_not_therapy"))
    if len(read.plans) > 1:
        return [*found, read.finding("discipline_several")]  # which of them is wrong is not known
    modifier = read.plans[0]
    only = _only(read.hcpcs, read.line.date)
    if only and only.modifier != modifier:
        found.append(read.finding("discipline_of_code", discipline=only.words, wanted=only.modifier, modifier=modifier))
    if read.discipline and read.discipline.modifier != modifier:
        words = {"discipline": read.discipline.name, "wanted": read.discipline.modifier}
        found.append(read.finding("discipline_stated", modifier=modifier, **words))
    if read.provider and read.provider.modifier != modifier:
        words = {"provider": read.provider.name, "wanted": read.provider.modifier}
        found.append(read.finding("discipline_of_provider", modifier=modifier, **words))
    return found


def _no_plan(read: _Read) -> list[Finding]:
    """Always therapy needs one of the three; sometimes therapy where a therapist bills it or the line names a discipline."""
    plan = _only(read.hcpcs, read.line.date) or read.discipline or read.provider
    wanted = plan.modifier if plan else "one of " + ", ".join(d.modifier for d in disciplines().values())
    if read.kind == "always":
        return [read.finding("discipline_missing", wanted=wanted)]
    if read.kind == "sometimes" and (read.discipline or read.provider):
        return [read.finding("discipline_missing_sometimes", wanted=wanted)]
    return []


def _only(hcpcs: str, on: dt.date) -> Discipline | None:
    """The one discipline that a code belongs to on a date; None where several may bill it."""
    for entry in policy.load("therapy_codes")["only"]:
        if hcpcs in entry["codes"] and entry["from"] <= on:
            return disciplines()[entry["discipline"]]
    return None


def _assistants(read: _Read) -> list[Finding]:
    """CQ with GP and CO with GO alone, never both, and in their time."""
    found = []
    if len(read.assistants) > 1:
        found.append(read.finding("assistant_both"))
    for modifier in read.assistants:
        goes_with = next(d.modifier for d in disciplines().values() if d.assistant == modifier)
        if goes_with not in read.plans:
            found.append(read.finding("assistant_without_discipline", modifier=modifier, wanted=goes_with))
        found += _in_time(read, modifier)
    return found


def _in_time(read: _Read, modifier: str) -> list[Finding]:
    reported_from: dt.date = policy.load("therapy_codes")["assistants"]["reported_from"]
    cut_from = policy.percentage("assistant_minutes").start
    words: dict[str, Any] = {"modifier": modifier, "date": read.line.date}
    if read.line.date < reported_from:
        return [read.finding("assistant_not_yet", since=reported_from, **words)]
    if read.line.date < cut_from:
        return [read.finding("assistant_no_effect", since=cut_from, **words)]
    return []


def _kx(read: _Read) -> list[Finding]:
    """KX where the total is above the threshold, and only there. Elsewhere than on therapy KX means other things."""
    has_kx, therapy = "KX" in read.modifiers, read.kind == "always" or bool(read.plans)
    if therapy and read.line.above is True and not has_kx:
        return [read.finding("kx_missing")]
    if therapy and read.line.above is False and has_kx:
        return [read.finding("kx_early")]
    return []


def _units(read: _Read) -> list[Finding]:
    """One unit of a code that is billed once, whatever the minutes."""
    unit = units().get(read.hcpcs)
    if unit is None or not unit.once or read.line.units <= 1:
        return []
    if unit.group:
        return [read.finding("units_group", units=read.line.units)]
    code = "units_first" if unit.words.startswith("first ") else "units_once"
    return [read.finding(code, unit=unit.words, units=read.line.units)]
