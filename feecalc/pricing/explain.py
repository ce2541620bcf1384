"""Why an amount is what it is: the steps from RVUs to the allowed amount, and how sure the answer is."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from feecalc import policy
from feecalc.money import FACTOR_SCALE, GPCI_SCALE, RVU_SCALE, show


@dataclass(frozen=True)
class Step:
    """One rule at work: what it changed, from what to what, by which rule and source."""

    step: str
    rule: str
    before: str
    after: str
    source: str
    standing: str
    detail: str = ""  # the rule's own arithmetic, where the amounts do not show it

    def as_dict(self) -> dict[str, str]:
        """The step under the names of the trace contract."""
        return {
            "step": self.step,
            "rule": self.rule,
            "from": self.before,
            "to": self.after,
            "source": self.source,
            "standing": self.standing,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Confidence:
    """How sure an answer is: the weakest standing among the rules and data it rests on, with the reasons."""

    standing: str
    because: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.standing}: {self.because[0]}" if self.because else self.standing


MEANING = {
    "verified": "Reproduced from CMS's own payment files.",
    "sourced": "Stated in a named document of CMS or the law.",
    "secondary": "Rests in part on public secondary sources.",
    "assumed": "Rests in part on an assumption that no public source settles.",
}


def decimal(value: int, scale: int) -> Decimal:
    """A scaled integer as a decimal with as many places as its scale has."""
    places = len(str(scale)) - 1
    return Decimal(value).scaleb(-places)


def formula(row: Mapping[str, Any], pe: int, pe_percent: int = 100) -> str:
    """The fee formula with the line's own figures, as a person would write it."""
    work, pe_text, mp = (decimal(v, RVU_SCALE) for v in (row["work"], pe, row["mp"]))
    gpcis = [decimal(row[f"gpci_{part}"], GPCI_SCALE) for part in ("work", "pe", "mp")]
    half = "" if pe_percent == 100 else f" × {pe_percent}%"
    factor = decimal(row["_factor"], FACTOR_SCALE)
    return f"({work} × {gpcis[0]} + {pe_text} × {gpcis[1]}{half} + {mp} × {gpcis[2]}) × {factor}"


def steps(row: Mapping[str, Any]) -> list[Step]:
    """The trace of one priced line, from a row of `engine.work_out`. Amounts in it add up to the line's allowed amount."""
    setting = row["_line_setting"]
    units, reduced = row["_units"], row["_units_reduced"]
    trace = [
        Step(
            "fee",
            f"Work, {_words(setting)} practice expense and malpractice RVUs, each times its GPCI, times the conversion factor;"
            " rounded once.",
            formula(row, row[f"pe_{setting}"]),
            show(row["_fee"]),
            "PFS record layout; reproduced from CMS's payment amount files",
            "verified",
        )
    ]
    running = row["_fee"]
    if row["_cap"] is not None:
        bound = row["_cap"] < row["_fee"]
        trace.append(
            Step(
                "opps_cap",
                "The technical part of imaging is paid no more than the hospital outpatient amount"
                + ("." if bound else "; the cap is above the fee and changes nothing."),
                show(running),
                show(row["_unit"]),
                "Deficit Reduction Act 5102(b); OPPSCAP file",
                "verified",
            )
        )
        running = row["_unit"]
    if units > 1:
        rule = policy.percentage("therapy_practice_expense")
        if reduced:
            total = running * row["_units_full"] + row["_reduced"] * reduced
            before = f"{row['_units_full']} × {show(running)} + {reduced} × {show(row['_reduced'])}"
            detail = f"{formula(row, row[f'pe_{setting}'], int(rule.percent))} = {show(row['_reduced'])}"
            trace.append(Step("therapy_units", rule.sentence, before, show(total), rule.source, rule.standing, detail))
        else:
            total = running * units
            trace.append(
                Step(
                    "units",
                    "Each unit pays the same amount.",
                    f"{units} × {show(running)}",
                    show(total),
                    "feecalc's convention A2: one unit is rounded to cents, then counted",
                    "assumed",
                )
            )
        running = total
    if row["_nonpar"]:
        rule = policy.percentage("nonparticipating")
        trace.append(Step("nonparticipating", rule.sentence, show(running), show(row["_allowed"]), rule.source, rule.standing))
    return trace


def confidence(row: Mapping[str, Any], trace: list[Step], raised: list[str]) -> Confidence:
    """The weakest standing of the steps, the flags and the place of service; its reasons weakest first."""
    grounds: list[tuple[str, str]] = [(s.standing, s.rule) for s in trace]
    all_flags = policy.load("flags")["flag"]
    grounds += [(all_flags[name]["standing"], all_flags[name]["sentence"]) for name in raised]
    if row.get("_reason") is not None:
        reason = policy.reasons()[row["_reason"]]
        grounds.append((reason.standing, reason.sentence))
    if row.get("_pos") is not None and row.get("_setting") is None:
        pos = policy.load("places_of_service")
        grounds.append((pos["standing"], "The setting follows from the place of service by public copies of CMS's list."))
    standing = policy.weakest([s for s, _ in grounds]) if grounds else "verified"
    because = tuple(dict.fromkeys(text for s, text in grounds if s == standing and s != "verified"))
    return Confidence(standing, because or (MEANING[standing],))


def _words(setting: str) -> str:
    return "non-facility" if setting == "nonfacility" else "facility"
