"""The answer to one question, as an object that prints as a card and turns into JSON."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import polars as pl

from feecalc import policy
from feecalc.locality import Answer, Place
from feecalc.money import FACTOR_SCALE, GPCI_SCALE, RVU_SCALE, show, to_dollars
from feecalc.pricing import explain
from feecalc.schedule import Release

# Who pays what of the allowed amount; `medicare_share` is before sequestration.
SHARES = ("deductible", "coinsurance", "medicare_share", "sequestration", "received")

SETTING_WORDS = {"nonfacility": "non-facility (such as an office)", "facility": "facility (such as a hospital)"}


@dataclass(frozen=True, repr=False)
class Quote:
    """What Medicare allows for one code, on one date, in one place, with the figures and rules behind it."""

    row: dict[str, Any]  # a row of engine.work_out
    place: Place | None
    place_answer: Answer
    modifiers: tuple[str, ...]
    release: Release | None
    in_force: str | None
    assumptions: tuple[str, ...]
    suggestions: tuple[str, ...]
    source: dict[str, str] | None

    # The answer --------------------------------------------------------------------------------------------------------

    @property
    def hcpcs(self) -> str:
        """The code asked for."""
        return str(self.row["_code"])

    @property
    def outcome(self) -> str:
        """`priced`, `zero` or `cannot_price`."""
        return str(self.row["_outcome"])

    @property
    def reason(self) -> str | None:
        """Why it is not priced, as a code of policy/reasons.toml; None where it is."""
        reason = self.row["_reason"]
        return None if reason is None else str(reason)

    @property
    def sentence(self) -> str:
        """Why it is not priced, in a sentence with what would mend it; blank where it is priced."""
        if self.reason is None:
            return ""
        parts = [policy.reasons()[self.reason].sentence]
        if self.place_answer.place is None and self.place_answer.detail:
            parts = [self.place_answer.detail]
        if self.reason == "unknown_code" and self.suggestions:
            parts.append(f"Did you mean {', '.join(self.suggestions)}?")
        return " ".join(parts)

    @property
    def asks(self) -> bool:
        """Whether another answer from the asker would mend it (an unknown code or ZIP), rather than Medicare's own rule."""
        return self.reason is not None and policy.reasons()[self.reason].asks

    @property
    def candidates(self) -> tuple[Place, ...]:
        """The localities to choose from, where the place was ambiguous or unknown."""
        return self.place_answer.candidates

    @property
    def allowed(self) -> Decimal | None:
        """What Medicare allows for the line, in dollars; 0.00 for `zero`, None for `cannot_price`."""
        return self._money("_allowed")

    def share(self, name: str) -> Decimal | None:
        """Who pays what of the allowed amount, by a name of SHARES; None for `cannot_price`."""
        return self._money(f"_{name}")

    @property
    def received(self) -> Decimal | None:
        """What the practice receives in all: the patient's part, and Medicare's after sequestration."""
        return self.share("received")

    @property
    def fee(self) -> Decimal | None:
        """The fee schedule amount of one unit in the line's setting, before the OPPS cap; None where it is not priced."""
        return self._money("_fee", only_priced=True)

    @property
    def nonfacility(self) -> Decimal | None:
        """The fee schedule amount of one unit outside a facility, before the OPPS cap."""
        return self._money("_nonfacility", only_priced=True)

    @property
    def facility(self) -> Decimal | None:
        """The fee schedule amount of one unit in a facility, before the OPPS cap."""
        return self._money("_facility", only_priced=True)

    @property
    def therapy(self) -> Decimal | None:
        """What a therapy unit after the first pays in the line's setting; None for other codes."""
        return self._money("_reduced", only_priced=True)

    @property
    def therapy_reduction(self) -> Decimal | None:
        """What one therapy unit after the first pays less than the first; None for other codes."""
        return None if self.fee is None or self.therapy is None else self.fee - self.therapy

    @property
    def reduction(self) -> Decimal | None:
        """What the line's units together pay less than as many full units; None where none is reduced."""
        less, count = self.therapy_reduction, self._later_therapy_units
        return less * count if less is not None and count else None

    @property
    def rarely_in(self) -> tuple[str, ...]:
        """The settings that CMS marks as rare or unknown for the code; their printed figures copy the other setting's."""
        return tuple(setting for setting in SETTING_WORDS if self.row[f"na_{setting}"])

    @property
    def opps_cap(self) -> Decimal | None:
        """The OPPS cap amount in the line's setting; None where no cap applies."""
        return self._money("_cap", only_priced=True)

    @property
    def nonparticipating(self) -> Decimal | None:
        """What a non-participating practitioner's one full unit pays."""
        return self._money("_nonpar_unit", only_priced=True)

    @property
    def limiting_charge(self) -> Decimal | None:
        """The most that a non-participating practitioner may charge for one full unit on an unassigned claim."""
        return self._money("_limiting", only_priced=True)

    @property
    def _later_therapy_units(self) -> int:
        """How many of the line's units are paid at the therapy-reduced amount."""
        return int(self.row["_later_count"]) if self.reason is None and self.row["_list"] == "therapy" else 0

    def _money(self, column: str, only_priced: bool = False) -> Decimal | None:
        cents = self.row.get(column)
        return None if cents is None or (only_priced and self.reason is not None) else to_dollars(cents)

    # What it rests on --------------------------------------------------------------------------------------------------

    @property
    def date(self) -> dt.date:
        """The date of service."""
        on: dt.date = self.row["_date"]
        return on

    @property
    def units(self) -> int:
        """How many units were asked for."""
        return int(self.row["_units"])

    @property
    def setting(self) -> str | None:
        """`nonfacility` or `facility`; None where the place of service does not settle it."""
        setting = self.row["_line_setting"]
        return None if setting is None else str(setting)

    @property
    def conversion_factor(self) -> Decimal | None:
        """Dollars per RVU, four places."""
        factor = self.row["_factor"]
        return None if factor is None else explain.decimal(factor, FACTOR_SCALE)

    @property
    def status(self) -> str | None:
        """The status code of the row (policy/statuses.toml); None where the release has no such row."""
        status = self.row["status"]
        return None if status is None else str(status)

    @property
    def is_anesthesia(self) -> bool:
        """Whether it is paid by base units and time (status J), not by RVUs."""
        return self.status == "J"

    @property
    def rvu(self) -> dict[str, Decimal] | None:
        """Work, PE (of the line's setting) and MP RVUs of the row; None where there is no row."""
        if self.status is None or self.setting is None:
            return None
        parts = {"work": "work", "pe": f"pe_{self.setting}", "mp": "mp"}
        return {name: explain.decimal(self.row[column], RVU_SCALE) for name, column in parts.items()}

    @property
    def gpci(self) -> dict[str, Decimal] | None:
        """Work, PE and MP GPCIs of the place; None where there is no place."""
        if self.row["gpci_work"] is None or self.place is None:
            return None
        return {part: explain.decimal(self.row[f"gpci_{part}"], GPCI_SCALE) for part in ("work", "pe", "mp")}

    @property
    def components(self) -> dict[str, Decimal] | None:
        """Work, PE and MP as exact dollars of one unit (RVU x GPCI x factor); they add up to `fee` before it is rounded."""
        if self.rvu is None or self.gpci is None or self.conversion_factor is None or self.reason is not None:
            return None
        if self.is_anesthesia:
            return None
        factor = self.conversion_factor
        return {part: self.rvu[part] * self.gpci[part] * factor for part in ("work", "pe", "mp")}

    @property
    def therapy_components(self) -> dict[str, Decimal] | None:
        """The same of a therapy unit after the first, whose practice expense is cut; None for other codes."""
        if self.components is None or self.therapy is None:
            return None
        share = Decimal(int(policy.percentage("therapy_practice_expense").percent)).scaleb(-2)
        return {**self.components, "pe": self.components["pe"] * share}

    @property
    def formula(self) -> str:
        """The fee formula with the line's own figures; blank where it is not priced."""
        if self.is_anesthesia and self.reason is None:
            return self.steps[0].detail
        return explain.formula(self.row, self.row[f"pe_{self.setting}"]) if self.reason is None else ""

    @property
    def flags(self) -> list[str]:
        """What the answer rests on, as codes of policy/flags.toml."""
        return explain.raised(self.row)

    @property
    def notes(self) -> list[str]:
        """The flags as sentences."""
        return [policy.load("flags")["flag"][name]["sentence"] for name in self.flags]

    @cached_property
    def steps(self) -> list[explain.Step]:
        """The trace from RVUs to the allowed amount; one step with the reason where it is not priced."""
        if self.reason is None:
            return explain.trace(self.row)
        reason = policy.reasons()[self.reason]
        nothing = Fraction(0)
        return [explain.Step(self.reason, self.sentence, nothing, nothing, reason.source, reason.standing)]

    @cached_property
    def confidence(self) -> explain.Confidence:
        """How sure the answer is, and why."""
        return explain.confidence(self.row, self.steps, self.flags)

    # Ways out ----------------------------------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """The answer for JSON: money, RVUs, GPCIs and factors as decimal strings."""

        def text(value: Decimal | None) -> str | None:
            return None if value is None else str(value)

        def texts(values: dict[str, Decimal] | None) -> dict[str, str] | None:
            return None if values is None else {name: str(value) for name, value in values.items()}

        return {
            "hcpcs": self.hcpcs,
            "modifiers": list(self.modifiers),
            "units": self.units,
            "date": self.date.isoformat(),
            "setting": self.setting,
            "place": None
            if self.place is None
            else {"locality": self.place.key, "name": self.place.name, "state": self.place.state},
            "outcome": self.outcome,
            "reason": self.reason,
            "reason_text": self.sentence or None,
            "allowed": text(self.allowed),
            **{name: text(self.share(name)) for name in SHARES},
            "fee": text(self.fee),
            "nonfacility": text(self.nonfacility),
            "facility": text(self.facility),
            "therapy_reduced": text(self.therapy),
            "opps_cap": text(self.opps_cap),
            "nonparticipating": text(self.nonparticipating),
            "limiting_charge": text(self.limiting_charge),
            "status": self.status,
            "release": self.release.name if self.release else None,
            "release_in_force": self.in_force,
            "conversion_factor": text(self.conversion_factor),
            "qp": self.row["_qp"],
            "rvu": texts(self.rvu),
            "gpci": texts(self.gpci),
            "flags": self.flags,
            "notes": self.notes,
            "assumptions": list(self.assumptions),
            "confidence": {"standing": self.confidence.standing, "because": list(self.confidence.because)},
            "candidates": [{"locality": p.key, "name": p.name, "state": p.state} for p in self.candidates],
            "suggestions": list(self.suggestions),
            "source": self.source,
            "steps": [step.as_dict() for step in self.steps],
        }

    def as_table(self) -> pl.DataFrame:
        """The answer as a table of one row, for csv, parquet and xlsx."""
        columns = {
            "hcpcs": self.hcpcs,
            "modifiers": " ".join(self.modifiers),
            "units": self.units,
            "date": self.date,
            "locality": self.place.key if self.place else None,
            "locality_name": str(self.place.name) if self.place else None,
            "setting": self.setting,
            "outcome": self.outcome,
            "reason": self.sentence or None,
            "allowed": self.allowed,
            **{name: self.share(name) for name in SHARES},
            "fee": self.fee,
            "nonfacility": self.nonfacility,
            "facility": self.facility,
            "therapy_reduced": self.therapy,
            "opps_cap": self.opps_cap,
            "nonparticipating": self.nonparticipating,
            "limiting_charge": self.limiting_charge,
            "release": self.release.name if self.release else None,
            "conversion_factor": self.conversion_factor,
            **{f"rvu_{part}": value for part, value in (self.rvu or {}).items()},
            **{f"gpci_{part}": value for part, value in (self.gpci or {}).items()},
            "flags": " ".join(self.flags),
            "sure": self.confidence.standing,
            "source_file": self.source["file"] if self.source else None,
            "source_sha256": self.source["sha256"] if self.source else None,
        }
        return pl.DataFrame({name: [value] for name, value in columns.items()})

    def __repr__(self) -> str:
        return self.card()

    def card(self) -> str:
        """The answer as a card of plain text."""
        code = "-".join((self.hcpcs, *self.modifiers))
        units = "" if self.units == 1 else f" × {self.units} units"
        where = str(self.place) if self.place else "no place"
        lines = [f"{code}{units}, {where}, {self.date}"]
        if self.reason is None and self.allowed is not None:
            received = f"the practice receives {show(self.row['_received'])} after coinsurance and sequestration"
            lines += [f"  Medicare allows {show(self.row['_allowed'])}; {received}", ""]
            lines += self._figures()
        else:
            word = "Medicare pays nothing separately" if self.outcome == "zero" else "Cannot be priced"
            lines += [f"  {word}: {self.sentence}"]
            lines += [f"    {place}" for place in self.candidates]
        if self.release:
            substitute = "" if self.release.name == self.in_force else f", in place of {self.in_force}"
            lines.append(f"  Release           {self.release.name}{substitute} (from {self.release.effective})")
        if self.source:
            lines.append(f"  Source            {self.source['file']}, sha256 {self.source['sha256'][:12]}…")
        lines.append(f"  Sure?             {self.confidence}")
        lines += [f"  Note              {note}" for note in self.notes]
        lines += [f"  Assumed           {said}" for said in self.assumptions]
        return "\n".join(lines)

    def _figures(self) -> list[str]:
        if self.is_anesthesia:
            return [f"  Anesthesia        {self.formula} = {show(self.row['_fee'])}"]
        other = "facility" if self.setting == "nonfacility" else "nonfacility"
        figures = [
            f"  One unit          {show(self.row['_fee'])} {SETTING_WORDS[str(self.setting)]}; "
            f"{show(self.row[f'_{other}'])} {SETTING_WORDS[other]}",
            f"  Formula           {self.formula}",
        ]
        if self._later_therapy_units:
            figures.append(f"  Further units     {show(self.row['_reduced'])} each, with half the practice expense")
        if self.row["_cap"] is not None:
            figures.append(f"  OPPS cap          {show(self.row['_cap'])}")
        figures.append(
            f"  Non-participating {show(self.row['_nonpar_unit'])} one unit; limiting charge {show(self.row['_limiting'])}"
        )
        return figures


@dataclass(frozen=True, repr=False)
class Day:
    """What Medicare allows for the codes of one patient's day, priced together."""

    quotes: tuple[Quote, ...]

    @property
    def whole(self) -> bool:
        """Whether every line has an amount, so that the totals are those of the day."""
        return all(quote.allowed is not None for quote in self.quotes)

    @property
    def asks(self) -> bool:
        """Whether another answer from the asker would mend a line."""
        return any(quote.asks for quote in self.quotes)

    def total(self, name: str) -> Decimal:
        """The sum of `allowed`, or of one of SHARES, over the lines that have an amount."""
        amounts = (quote.allowed if name == "allowed" else quote.share(name) for quote in self.quotes)
        return sum((amount for amount in amounts if amount is not None), Decimal("0.00"))

    @property
    def waterfall(self) -> list[explain.Fall]:
        """From the list price to what is received, rule by rule."""
        return explain.waterfall(quote.row for quote in self.quotes)

    def as_dict(self) -> dict[str, Any]:
        """The day for JSON: the lines, the totals, the waterfall."""
        return {
            "lines": [quote.as_dict() for quote in self.quotes],
            "whole": self.whole,
            "totals": {name: str(self.total(name)) for name in ("allowed", *SHARES)},
            "waterfall": [fall.as_dict() for fall in self.waterfall],
        }

    def as_table(self) -> pl.DataFrame:
        """One row a line."""
        return pl.concat([quote.as_table() for quote in self.quotes], how="vertical_relaxed")

    def __repr__(self) -> str:
        return self.card()

    def card(self, steps: bool = False) -> str:
        """The day as plain text: the lines, the waterfall, and on request every line's steps."""
        first = self.quotes[0]
        out = [f"{len(self.quotes)} line{'s' * (len(self.quotes) > 1)}, {first.place or 'no place'}, {first.date}", ""]
        for quote in self.quotes:
            code = "-".join((quote.hcpcs, *quote.modifiers)) + (f" × {quote.units}" if quote.units > 1 else "")
            amount = f"${quote.allowed:,}" if quote.reason is None else quote.outcome.replace("_", " ")
            out.append(f"  {code:22} {amount:>12}  {quote.sentence or '; '.join(quote.notes)}".rstrip())
            if steps:
                out += [f"      {s.before:>12} → {s.after:>12}  {s.rule} [{s.based_on}]" for s in quote.steps]
        out += ["", *_bars(self.waterfall), ""]
        deductible, coinsurance = self.total("deductible"), self.total("coinsurance")
        out.append(
            f"  The patient pays ${deductible + coinsurance:,} (deductible ${deductible:,}, coinsurance ${coinsurance:,});"
        )
        out.append(f"  Medicare pays ${self.total('medicare_share') - self.total('sequestration'):,}.")
        if not self.whole:
            out.append("  Lines without a public amount are not in these totals.")
        weakest = policy.weakest([quote.confidence.standing for quote in self.quotes])
        out.append(f"  Sure? {next(str(q.confidence) for q in self.quotes if q.confidence.standing == weakest)}")
        out += [f"  Assumed: {said}" for said in first.assumptions]
        return "\n".join(out)


def _bars(falls: list[explain.Fall]) -> list[str]:
    lines = []
    for fall in falls:
        code = f"  (usually CARC {fall.carc})" if fall.carc else ""
        sign = " " if fall.is_total else "+" if fall.cents > 0 else "−"
        label = fall.label if fall.is_total else f"  {fall.label}"
        lines.append(f"  {label:48} {sign}${explain.plain(abs(fall.cents)):>10}{code}")
    return lines
