"""Why an amount is what it is: the steps from RVUs to the allowed amount and to what is received, and how sure it is.

A trace adds up: each step begins where the one before it ended, the first at nothing and the last at the amount. Amounts
between percentages are exact, and one step rounds them, as the engine does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from feecalc import policy
from feecalc.money import FACTOR_SCALE, GPCI_SCALE, RVU_SCALE, show
from feecalc.pricing import modifiers
from feecalc.pricing.diagnostics import TECHNICAL_RULE
from feecalc.pricing.shares import BILATERAL, CUT, PARTICIPATION, RANK, ROLE, SPLIT, WHO
from feecalc.schedule import NATIONAL

Row = Mapping[str, Any]  # a row of engine.work_out

FORMULA_SOURCE = "PFS record layout; reproduced from CMS's payment amount files"
FEE_RULE = "Work, practice expense and malpractice RVUs, each times its GPCI, times the conversion factor; rounded once."


@dataclass(frozen=True)
class Step:
    """One rule at work on a line: from what to what, in exact cents, by which rule and source.

    `carc` is the claim adjustment reason code that an explanation of benefits usually shows for it, blank where none is known.
    """

    step: str
    rule: str
    start: Fraction
    end: Fraction
    source: str
    standing: str
    carc: str = ""
    detail: str = ""  # the rule's own arithmetic, where the amounts do not show it
    value: str = ""  # the number of law that it used, with its dates

    @property
    def before(self) -> str:
        """The amount before the step, as people read it."""
        return _dollars(self.start)

    @property
    def after(self) -> str:
        """The amount after it."""
        return _dollars(self.end)

    @property
    def based_on(self) -> str:
        """What the step rests on: standing and source of its rule, and the number of law that it used."""
        return f"{self.standing}: {self.source}{f'; {self.value}' if self.value else ''}"

    def as_dict(self) -> dict[str, str]:
        """The step under the names of the trace contract; amounts are decimal dollars."""
        return {
            "step": self.step,
            "rule": self.rule,
            "from": plain(self.start),
            "to": plain(self.end),
            "source": self.source,
            "standing": self.standing,
            "carc": self.carc,
            "detail": self.detail,
            "value": self.value,
        }


def plain(cents: Fraction) -> str:
    """Exact cents as decimal dollars, with at least two places: every percentage of the rules has a finite decimal."""
    dollars = Decimal(cents.numerator) / Decimal(cents.denominator) / 100
    return str(dollars.quantize(Decimal("0.01")) if cents.denominator == 1 else dollars.normalize())


def _dollars(cents: Fraction) -> str:
    return show(int(cents)) if cents.denominator == 1 else f"${plain(cents)}"


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


class Trace:
    """A line's steps as they are taken: each begins where the last one ended."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.at = Fraction(0)

    def to(
        self,
        end: Fraction | int,
        step: str,
        rule: str,
        source: str,
        standing: str,
        carc: str = "",
        detail: str = "",
        value: str = "",
    ) -> None:
        """Take a step; one that changes nothing is left out."""
        end = Fraction(end)
        if end != self.at:
            self.steps.append(Step(step, rule, self.at, end, source, standing, carc, detail, value))
            self.at = end

    def by_policy(self, end: Fraction | int, name: str, step: str = "", detail: str = "") -> None:
        """Take a step by a named rule of policy/percentages.toml."""
        rule = policy.percentage(name)
        value = policy.in_force(rule.percent, rule.start)
        self.to(end, step or name, rule.sentence, rule.source, rule.standing, rule.carc, detail, value)

    def times(self, numerator: int, one: int, step: str, rule: str, source: str, standing: str, value: str = "") -> None:
        """Take a step that multiplies."""
        self.to(self.at * Fraction(numerator, one), step, rule, source, standing, value=value)


def _factor_in_force(row: Row) -> str:
    """The line's conversion factor, and from when to when it is the law's; a proposed one has no dates."""
    found = policy.conversion_factor(row["_date"]) if row["_date"] else None
    dates = f", {found.start} to {found.end}" if found and row["_factor"] in (found.factor, found.qp) else ""
    figures = "RVUs" if row["_locality"] == NATIONAL else "RVUs and GPCIs"
    return f"conversion factor {decimal(row['_factor'], FACTOR_SCALE)}{dates}; {figures} of release {row['release']}"


def formula(row: Mapping[str, Any], pe: int, pe_percent: int = 100) -> str:
    """The fee formula with the line's own figures, as a person would write it."""
    work, pe_text, mp = (decimal(v, RVU_SCALE) for v in (row["work"], pe, row["mp"]))
    gpcis = [decimal(row[f"gpci_{part}"], GPCI_SCALE) for part in ("work", "pe", "mp")]
    half = "" if pe_percent == 100 else f" × {pe_percent}%"
    factor = decimal(row["_factor"], FACTOR_SCALE)
    return f"({work} × {gpcis[0]} + {pe_text} × {gpcis[1]}{half} + {mp} × {gpcis[2]}) × {factor}"


def trace(row: Row) -> list[Step]:
    """The steps of one priced line from nothing to its allowed amount."""
    path = Trace()
    if row["_anesthesia_tenths"] is not None:
        _anesthesia(path, row)
    else:
        value = _factor_in_force(row)
        path.to(row["_fee"] * row["_units"], "fee", FEE_RULE, FORMULA_SOURCE, "verified", detail=_fee_detail(row), value=value)
    if row["_parts_allowed"] is not None:
        _by_parts(path, row)
    else:
        _by_items(path, row)
    who = next(e for e in policy.load("practitioners")["practitioner"] if row["_type"] in e["types"])
    path.times(row["n_who"], WHO, "practitioner", f"{row['_type']} is paid {who['percent']} percent of the physician's amount.",
               who["source"], who["standing"], policy.in_force(who["percent"], who.get("from")))  # fmt: skip
    if row["n_par"] != PARTICIPATION:
        path.by_policy(path.at * Fraction(row["n_par"], PARTICIPATION), "nonparticipating")
    path.to(
        row["_full"], "rounding", "Each unit, or part of one, is rounded to cents once.", "feecalc's convention A2", "assumed"
    )
    path.to(
        row["_allowed"],
        "charge",
        "The lower of the charge and the fee is allowed.",
        "PFS record layout: every indicator's definition",
        "sourced",
    )
    if path.at != row["_allowed"]:
        raise AssertionError(f"the trace of {row['_code']} ends at {path.at}, not at {row['_allowed']}")
    return path.steps


def _fee_detail(row: Row) -> str:
    pe = row[f"pe_{row['_line_setting']}"]
    one = f"{formula(row, pe)} = {show(row['_fee'])}"
    return one if row["_units"] == 1 else f"{one}; {row['_units']} × {show(row['_fee'])}"


def _anesthesia(path: Trace, row: Row) -> None:
    units = decimal(row["_anesthesia_tenths"], 10)
    path.to(
        row["_fee"],
        "anesthesia",
        "Base units and time units of 15 minutes, to one decimal, times the locality's anesthesia conversion factor.",
        "42 CFR 414.46; ANES file; CMS's base units of 2022",
        "sourced",
        detail=f"{units} units × {show(row['_anesthesia_factor'])}",
        value=f"anesthesia conversion factor {show(row['_anesthesia_factor'])} of release {row['release']}",
    )


def _by_items(path: Trace, row: Row) -> None:
    """The steps of a line that is paid by whole items."""
    path.to(row["_unit"] * (row["_units"] if row["_anesthesia_tenths"] is None else 1), "opps_cap",
            "The technical part of imaging is paid no more than the hospital outpatient amount.",
            "Deficit Reduction Act 5102(b); OPPSCAP file", "verified", "45")  # fmt: skip
    _sides(path, row, row["_unit"] * row["_items"])
    _line_percentages(path, row)
    own = Fraction(row["n_side"] * row["n_split"] * row["n_role"], BILATERAL * SPLIT * ROLE)
    in_full = row["_first_amount"] * row["_first_count"] + row["_later_amount"] * row["_later_count"]
    if row["_list"] == "therapy":
        rule = policy.percentage("therapy_practice_expense")
        half = formula(row, row[f"pe_{row['_line_setting']}"], int(rule.percent)) + f" = {show(row['_reduced'])}"
        count = f"{row['_first_count']} in full, {row['_later_count']} at {show(row['_reduced'])}"
        path.by_policy(in_full * own, "therapy_practice_expense", "therapy_units", f"{half}; {count}")
    if row["_family_mode"]:
        path.to(
            in_full * own,
            "endoscopy_family",
            "Of several endoscopies of a family the highest is paid in full, the others less the amount of their base.",
            "PFS record layout (RVU25D), MULT PROC 3 and ENDO BASE",
            "sourced",
            "59",
        )
    ranked = (
        row["_first_amount"] * row["_first_count"] * row["_first_rank"]
        + row["_later_amount"] * row["_later_count"] * row["_later_rank"]
    )
    path.by_policy(Fraction(ranked, RANK) * own, "multiple_surgery")


def _sides(path: Trace, row: Row, items: int) -> None:
    end = Fraction(items * row["n_side"], BILATERAL)
    if row["_is_second"]:
        path.by_policy(end, "bilateral_second_side", "second_side")
    elif row["n_side"] != BILATERAL:
        path.by_policy(end, "bilateral", "both_sides")
    else:
        path.to(
            end,
            "both_sides",
            "The code's rule for both sides decides how many times it is paid.",
            "PFS record layout (RVU25D), BILAT SURG 0, 2 and 3",
            "sourced",
        )


def _line_percentages(path: Trace, row: Row) -> None:
    registry = modifiers.registry()
    split = row["m_split"].split("+")[0] or "78"
    path.times(row["n_split"], SPLIT, "global_package", "The part of the global surgical package that the modifier stands for.",
               registry[split]["source"], registry[split]["standing"],
               f"{policy.in_force(Fraction(row['n_split'] * 100, SPLIT))}, by release {row['release']}")  # fmt: skip
    if row["n_role"] != ROLE:
        code = row["m_anesthesia"] or next(c for c in row["mods"].split() if registry.get(c, {}).get("kind") == "role")
        share = policy.in_force(Fraction(row["n_role"] * 100, ROLE))
        path.times(row["n_role"], ROLE, "role", f"Modifier {code} is paid {share}.",
                   registry[code]["source"], registry[code]["standing"], share)  # fmt: skip


def _by_parts(path: Trace, row: Row) -> None:
    """The steps of a diagnostic line whose technical and professional parts are priced apart."""
    count, whole = row["_items"], row["_whole_count"]
    technical, professional = row["_tc"] or 0, row["_pc"] or 0
    cap = row["_tc_cap"]
    listed = row["_list"] in TECHNICAL_RULE
    _sides(path, row, row["_fee"] * count)
    _line_percentages(path, row)
    own = Fraction(row["n_side"] * row["n_split"] * row["n_role"], BILATERAL * SPLIT * ROLE)
    units = row["_fee"] * whole + (technical + professional) * (count - whole)
    path.to(units * own, "components", "The technical and the professional part have rows of their own.",
            "PPRRVU file, rows TC and 26", "verified")  # fmt: skip
    if listed:
        first, later = Fraction(1), policy.percentage(TECHNICAL_RULE[row["_list"]]).share
        ranks = [(first, row["_tc_full"] - whole), (later, count - row["_tc_full"])]
        pc_later = policy.percentage("imaging_professional").share
        pcs = [(first, row["_pc_full"] - whole), (pc_later, count - row["_pc_full"])]
    else:
        ranks = pcs = [
            (Fraction(row["_first_rank"], RANK), row["_first_count"]),
            (Fraction(row["_later_rank"], RANK), row["_later_count"]),
        ]
    has_tc, has_pc = row["_tc"] is not None, row["_pc"] is not None
    paid_tc = sum((technical * share * n for share, n in ranks), Fraction(0)) if has_tc else Fraction(0)
    paid_pc = sum((professional * share * n for share, n in pcs), Fraction(0)) if has_pc else Fraction(0)
    fixed = row["_fee"] * whole
    if listed and has_tc:
        path.by_policy((fixed + paid_tc + professional * (count - whole) * has_pc) * own, TECHNICAL_RULE[row["_list"]])
    if listed and has_pc:
        path.by_policy((fixed + paid_tc + paid_pc) * own, "imaging_professional")
    if not listed:
        path.by_policy((fixed + paid_tc + paid_pc) * own, "multiple_surgery")
    capped = [(_capped(technical, share, cap, listed), n) for share, n in ranks] if has_tc else []
    capped_tc = sum((amount * n for amount, n in capped), Fraction(0))
    fixed = row["_unit"] * whole
    path.to((fixed + capped_tc + paid_pc) * own, "opps_cap",
            "The technical part of imaging is paid no more than the hospital outpatient amount.",
            "Deficit Reduction Act 5102(b); OPPSCAP file", "verified", "45")  # fmt: skip
    cut = Fraction(row["_cut_share"], CUT**3)
    given = [c for c in ("FX", "FY", "CT") if row[f"m_{c.lower()}"]]
    if given:
        entry = modifiers.registry()[given[0]]
        rule = f"{', '.join(given)}: {policy.in_force((1 - cut) * 100)} off the technical part."
        value = "; ".join(f"{code}: {_cut_in_force(code, row)}" for code in given)
        path.to((fixed + capped_tc * cut + paid_pc) * own, "technology", rule, entry["source"], entry["standing"], value=value)


def _cut_in_force(code: str, row: Row) -> str:
    """What FX, FY or CT takes off on the line's date, and since when."""
    steps = [step for step in modifiers.registry()[code]["dates"] if step["from"] <= row["_date"]]
    return policy.in_force(steps[-1]["percent"], steps[-1]["from"]) if steps else "nothing yet"


def _capped(cents: int, share: Fraction, cap: int | None, listed: bool) -> Fraction:
    """A technical part at its place, no more than its cap: after the day's reduction of its list (E6), else before it."""
    if cap is None:
        return cents * share
    return min(cents * share, Fraction(cap)) if listed else min(cents, cap) * share


def shares(row: Row) -> list[Step]:
    """The steps from the allowed amount to what the practice receives: an assistant's part, and sequestration."""
    cost = policy.load("cost_sharing")
    path = Trace()
    path.at = Fraction(row["_allowed"])
    after_assistant = row["_deductible"] + row["_coinsurance"] + row["_medicare_share"]
    path.by_policy(after_assistant, "assistant_minutes")
    sequestration = cost["sequestration_source"]
    rate = [step for step in cost["sequestration"] if row["_date"] and step["from"] <= row["_date"]][-1:]
    path.to(
        row["_received"],
        "sequestration",
        sequestration["sentence"],
        sequestration["source"],
        sequestration["standing"],
        sequestration["carc"],
        value=policy.in_force(rate[0]["percent"], rate[0]["from"]) if rate else "",
    )
    return path.steps


@dataclass(frozen=True)
class Fall:
    """One bar of a waterfall, in cents: a total, or what one rule takes off (or adds)."""

    label: str
    cents: Fraction
    is_total: bool
    carc: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The bar for tables and JSON; the amount in decimal dollars."""
        return {"label": self.label, "amount": plain(self.cents), "total": self.is_total, "carc": self.carc}


LABELS = {
    "opps_cap": "Hospital outpatient (OPPS) cap",
    "both_sides": "Both sides",
    "second_side": "Second side",
    "global_package": "Part of the global package",
    "role": "Assistant, co-surgeon or direction",
    "therapy_units": "Therapy: later units at half practice expense",
    "endoscopy_family": "Endoscopy family",
    "multiple_surgery": "Multiple surgery",
    "components": "Parts priced apart",
    "imaging_technical": "Later images: technical part",
    "imaging_professional": "Later images: professional part",
    "cardiovascular_technical": "Later cardiovascular tests: technical part",
    "ophthalmology_technical": "Later eye tests: technical part",
    "technology": "Imaging technology (FX, FY, CT)",
    "practitioner": "Kind of practitioner",
    "nonparticipating": "Not participating",
    "rounding": "Rounding",
    "charge": "Charge below the fee",
    "assistant_minutes": "Therapy assistant (CQ, CO)",
    "sequestration": "Sequestration",
}


def waterfall(rows: Iterable[Row]) -> list[Fall]:
    """List price, what each rule takes off, allowed, what is taken off Medicare's share, received: of all priced lines."""
    priced = [row for row in rows if row["_outcome"] == "priced"]
    traces = [trace(row) for row in priced]
    first = sum((steps[0].end for steps in traces if steps), Fraction(0))
    bars = [Fall("List price", first, is_total=True), *_falls(steps[1:] for steps in traces)]
    bars.append(Fall("Allowed", Fraction(sum(row["_allowed"] for row in priced)), is_total=True))
    bars += _falls(shares(row) for row in priced)
    bars.append(Fall("Received", Fraction(sum(row["_received"] for row in priced)), is_total=True))
    return bars


def _falls(traces: Iterable[Sequence[Step]]) -> list[Fall]:
    """What each kind of step changes in all, in the order in which the kinds are first met."""
    sums: dict[str, Fraction] = {}
    codes: dict[str, str] = {}
    for steps in traces:
        for step in steps:
            sums[step.step] = sums.get(step.step, Fraction(0)) + step.end - step.start
            codes[step.step] = step.carc
    return [Fall(LABELS.get(name, name), change, is_total=False, carc=codes[name]) for name, change in sums.items() if change]


def _unseen(row: Row) -> Iterator[tuple[str, str]]:
    """What a priced line rests on and no step shows (policy/grounds.toml): standing and sentence."""
    said = policy.load("grounds")
    if row["_units"] > 1:
        yield said["units"]["standing"], said["units"]["sentence"]
    if row["_locality"] == NATIONAL:
        yield said["national"]["standing"], said["national"]["sentence"]
    for code in row["mods"].split():
        if (entry := modifiers.registry()[code])["kind"] == "informational":
            yield entry["standing"], f"{said['informational']['sentence']}{code}."


def confidence(row: Row, taken: list[Step], raised: list[str]) -> Confidence:
    """The weakest standing of the steps, the flags and the place of service; its reasons weakest first."""
    grounds: list[tuple[str, str]] = [(s.standing, s.rule) for s in taken]
    grounds += _unseen(row) if row.get("_reason") is None else []
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


TRACE_FIELDS = ("step", "rule", "from", "to", "source", "standing", "carc", "detail", "value")
TRACE = pl.List(pl.Struct(dict.fromkeys(TRACE_FIELDS, pl.String)))


def raised(row: Row) -> list[str]:
    """The flags of a line, as codes of policy/flags.toml; those about an amount only where there is one."""
    about_the_answer = ("release_substituted", "zip_file_substituted")
    names = [name for name in policy.load("flags")["flag"] if row.get(f"_flag_{name}")]
    return [name for name in names if row["_reason"] is None or name in about_the_answer]


def columns(worked: pl.DataFrame) -> pl.DataFrame:
    """`trace`, `sure` and `because` of every line of `engine.work_out`: slow beside pricing, as it is words for people."""
    traces, sure, because = [], [], []
    for row in worked.iter_rows(named=True):
        taken = trace(row) if row["_outcome"] == "priced" else []
        grounds = confidence(row, taken, raised(row))
        traces.append([step.as_dict() for step in taken])
        sure.append(grounds.standing)
        because.append(" ".join(grounds.because))
    return pl.DataFrame(
        {"trace": traces, "sure": sure, "because": because}, schema={"trace": TRACE, "sure": pl.String, "because": pl.String}
    )
