"""One explanation of benefits, typed in: which rules make it, and where it departs from them."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import polars as pl

from feecalc import pasted, policy
from feecalc.analysis.remittance.frames import UNIT_SCALE
from feecalc.analysis.variance import codes
from feecalc.analysis.variance.checking import check
from feecalc.analysis.variance.result import Variance
from feecalc.analysis.variance.settings import Settings, Where
from feecalc.analysis.variance.traces import Arithmetic, arithmetic
from feecalc.api import Asked, OpenSchedule
from feecalc.errors import InputError
from feecalc.money import half_up, show, to_cents

Amount = str | Decimal | int


@dataclass(frozen=True)
class EobLine:
    """One line as the explanation of benefits prints it, amounts in dollars.

    `code` is a code with modifiers and units ("97110-GPx2"). `adjusted` are its adjustments, each as "CO-45 70.00"; where it
    names none of the patient's part, the usual coinsurance of what was allowed is taken for it. Without `allowed` it is what
    was paid and the adjustments after it. `remarks` are remark codes.
    """

    code: str
    billed: Amount
    paid: Amount
    allowed: Amount | None = None
    adjusted: Sequence[str] = ()
    pos: str | None = None
    remarks: str = ""


@dataclass(frozen=True)
class Explained:
    """One visit explained: the comparison, and by the place of each line (from 1) how the expected amount comes about."""

    variance: Variance
    arithmetic: dict[int, Arithmetic]
    assumptions: tuple[str, ...] = field(default=())

    def line(self, number: int) -> dict[str, Any]:
        """A line's row of `variance.lines`, by its number from 1."""
        return self.variance.lines.row(number - 1, named=True)

    def card(self) -> str:
        """The answer as a person reads it."""
        said: list[str] = []
        for number, row in enumerate(self.variance.lines.iter_rows(named=True), 1):
            said += [*self._line_card(number, row), ""]
        if any(row["difference"] for row in self.variance.lines.iter_rows(named=True)):
            said += ["What differs", *self._causes_card(), ""]
        return "\n".join([*said, *self.assumptions, *self.variance.notes]).strip()

    def _line_card(self, number: int, row: dict[str, Any]) -> list[str]:
        name = " ".join(part for part in (row["hcpcs"], row["modifiers"]) if part)
        said = [f"{number}. {name} × {row['units']}, billed {show(row['charge'])}: {row['outcome']}"]
        if row["expected_allowed"] is None:
            sentences = {**{code: one.sentence for code, one in policy.reasons().items()}, **codes.skips()}
            return [*said, f"   {sentences.get(row['reason'], '')}"]
        pairs = (("Allowed", "allowed"), ("Patient's part", "patient"), ("Medicare paid", "paid"))
        for word, column in pairs:
            said.append(f"   {word:<16}{_money(row[column]):>12}   by the rules {_money(row[f'expected_{column}']):>12}")
        for step in self.arithmetic[number].steps:
            carc = f" (usually {step.carc})" if step.carc else ""
            said.append(f"     {step.before} -> {step.after}  {step.rule}{carc}{f' {step.detail}' if step.detail else ''}")
        for step in self.arithmetic[number].after:
            said.append(f"     {step.before} -> {step.after}  {step.rule}{f' (usually {step.carc})' if step.carc else ''}")
        for code in dict.fromkeys([*row["codes"].split(), *row["remarks"].split()]):
            said.append(f"     {code}: {codes.explain_code(code)}")
        if row["causes"]:
            said.append(f"   Why: {row['causes']}")
        if row["alternatives"]:
            said.append(f"   Or: {row['alternatives']}")
        if row["edit"] or row["hint"]:
            said.append(f"   {' '.join(part for part in (row['edit'], row['hint']) if part)}")
        if row["outcome"] != "matches":
            said.append(f"   To do: {codes.actions()[row['action']].sentence}")
        return said

    def _causes_card(self) -> list[str]:
        rows = self.variance.by_cause().iter_rows(named=True)
        return [f"  {row['title']}: {_money(row['effect'])}. {row['sentence']}" for row in rows]


def explain_eob(
    lines: Sequence[EobLine], where: Where, date: str | dt.date, opened: OpenSchedule, settings: Settings | None = None
) -> Explained:
    """Explain one visit: the lines of one patient, practitioner and day. Raises InputError for what cannot be understood."""
    if not lines:
        raise InputError("No line was given.")
    try:
        on = date if isinstance(date, dt.date) else dt.date.fromisoformat(date.strip())
    except ValueError:
        raise InputError(f"Date {date!r} is not a date such as 2025-10-15.") from None
    typed = _Typed.of(lines, on)
    variance = check(typed, where, opened, settings)
    found = arithmetic(variance, [1], opened)
    nothing = Arithmetic((), (), "")
    by_number = {number: found.get(row, nothing) for number, row in enumerate(variance.lines["row"], 1)}
    return Explained(variance, by_number, tuple(typed.assumptions))


@dataclass(frozen=True)
class _Typed:
    """Typed lines as the frames of a remittance."""

    claims: pl.DataFrame
    lines: pl.DataFrame
    adjustments: pl.DataFrame
    assumptions: list[str]

    @classmethod
    def of(cls, given: Sequence[EobLine], on: dt.date) -> "_Typed":
        rows, adjustments, said = [], [], []
        for number, one in enumerate(given, 1):
            asked = Asked.parse(one.code)
            billed, paid = _cents(one.billed, number, "billed"), _cents(one.paid, number, "paid")
            allowed = None if one.allowed is None else _cents(one.allowed, number, "allowed")
            own = [adjustment(text, number) for text in one.adjusted]
            if not any(group == "PR" for group, _, _ in own) and allowed:
                percent = int(policy.load("cost_sharing")["coinsurance"]["percent"])
                part = pl.select(half_up(pl.lit(allowed) * percent, 100)).item()
                own.append(("PR", str(codes.section("coinsurance_shown")["reasons"][0]), part))
                said.append(
                    f"Line {number} names no patient's part: {percent} percent of what was allowed, {show(part)}, was taken."
                )
            if allowed is None and paid and not own:
                raise InputError(f"Line {number}: give what was allowed, or the adjustments (such as PR-2 5.37).")
            adjustments += [(1, number, group, reason, cents) for group, reason, cents in own]
            rows.append({
                "claim": 1, "line": number, "hcpcs": asked.code, "modifiers": " ".join(asked.modifiers), "charge": billed,
                "paid": paid, "units": asked.units * UNIT_SCALE, "service_date": on, "allowed": allowed, "pos": one.pos,
                "remarks": one.remarks,
            })  # fmt: skip
        schema = {"claim": pl.Int64, "line": pl.Int64, "group": pl.String, "reason": pl.String, "amount": pl.Int64}
        types = {"pos": pl.String, "allowed": pl.Int64, "charge": pl.Int64, "paid": pl.Int64}
        return cls(
            claims=pl.DataFrame({"claim": [1]}),
            lines=pl.DataFrame(rows, schema_overrides=types),
            adjustments=pl.DataFrame(adjustments, schema=schema, orient="row"),
            assumptions=said,
        )


def _cents(amount: Amount, number: int, name: str) -> int:
    try:
        return to_cents(str(amount))
    except ValueError as error:
        raise InputError(f"Line {number}, {name}: {error}.") from None


def adjustment(text: str, number: int) -> tuple[str, str, int]:
    """ "CO-45 70.00" of a line by its number, as group, reason and cents. Raises InputError."""
    found = re.fullmatch(r"\s*(CO|PR|OA|PI|CR)[\s-]*([0-9A-Z]{1,4})[\s:=]+(\$?-?[0-9.,]+)\s*", text.upper())
    if found is None:
        raise InputError(f"Line {number}: {text!r} is no adjustment such as CO-45 70.00.")
    return found[1], found[2], _cents(found[3], number, "adjusted")


def _money(cents: int | None) -> str:
    return "not known" if cents is None else show(cents)


# Pasted lines --------------------------------------------------------------------------------------------------------------

MARKS = "\t;"  # a comma stands in amounts and between adjustments
PASTED = ("code", "units", "billed", "allowed", "paid", "adjusted", "remarks")
# How the columns are headed, letters alone. Deductible and coinsurance become adjustments.
HEADINGS = {
    "code": ("code", "proc", "procedure", "cpt", "hcpcs", "cpthcpcs"),
    "modifiers": ("modifiers", "modifier", "mods", "mod"),
    "units": ("units", "unit", "qty", "quantity", "nos"),
    "billed": ("billed", "charge", "charges", "charged", "submitted"),
    "allowed": ("allowed", "allowable", "approved"),
    "paid": ("paid", "provpd", "providerpaid", "medicarepaid", "payment", "pmt", "inspmt"),
    "deductible": ("deductible", "deduct", "ded"),
    "coinsurance": ("coinsurance", "coins", "coin"),
    "adjusted": ("adjustments", "adjustment", "adjusted", "adj", "grprcamt"),
    "remarks": ("remarks", "remark", "remarkcodes", "rarc"),
}
AS_REASON = {"deductible": "deductible_shown", "coinsurance": "coinsurance_shown"}
_AMOUNT = r"\$?-?[0-9][0-9,]*(?:\.[0-9]{1,2})?"
_ADJUSTED = rf"(?:CO|PR|OA|PI|CR)[ -]?[0-9A-Z]{{1,4}}[ :=]+{_AMOUNT}"
# A line as it is printed: code, modifiers, units, three amounts, then adjustments and remarks.
_PRINTED = re.compile(
    rf"(?P<code>[0-9A-Z][0-9]{{3}}[0-9A-Z](?:-[0-9A-Z]{{2}})*(?: [A-Z0-9]{{2}}(?= ))*?) (?:(?P<units>[0-9]{{1,3}}) )?"
    rf"(?P<billed>{_AMOUNT}) (?P<allowed>{_AMOUNT}) (?P<paid>{_AMOUNT})(?P<more>(?: .*)?)"
)


def read_pasted(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """Lines of a notice pasted as text: each as the texts PASTED, and what could not be read, row by row.

    Cells are parted by tabs or semicolons. With a heading they go by its names, without one in the order of PASTED. A row
    without either is read as a printed line: code, modifiers, units, billed, allowed, paid, adjustments, remarks.
    """
    rows = [line.strip("\r\n") for line in text.splitlines() if line.strip()]
    headed = _headings(rows[0]) if rows else {}
    found, problems = [], []
    for number, row in enumerate(rows[1:] if headed else rows, 2 if headed else 1):
        cells = _cells(row)
        if headed:
            named = {name: cells[place] for name, place in headed.items() if place < len(cells) and cells[place]}
        elif len(cells) > 1:
            named = dict(zip(PASTED, cells, strict=False))
        else:
            named = _printed(row)
        if named.get("code"):
            found.append(_as_typed(named))
        else:
            problems.append(f"Row {number} was left out: it has no code with what was billed, allowed and paid.")
    return found, problems


def _cells(row: str) -> list[str]:
    """The cells of a row; a printed line is parted by blanks alone, and stays whole."""
    return pasted.cells(row, MARKS) if any(mark in row for mark in MARKS) else [row]


def _headings(row: str) -> dict[str, int]:
    """Where a heading has which column; nothing where the row is none."""
    places = pasted.columns(_cells(row), HEADINGS)
    return places if {"code", "paid"} <= set(places) else {}


def _printed(row: str) -> dict[str, str]:
    found = _PRINTED.fullmatch(" ".join(row.upper().split()))
    if found is None:
        return {}
    more = found["more"]
    return {
        "code": found["code"].replace(" ", "-"),
        "units": found["units"] or "",
        **{name: found[name] for name in ("billed", "allowed", "paid")},
        "adjusted": ", ".join(re.findall(_ADJUSTED, more)),
        "remarks": " ".join(re.findall(r"\b(?:MA|M|N)[0-9]{1,3}\b", re.sub(_ADJUSTED, " ", more))),
    }


def _as_typed(named: dict[str, str]) -> dict[str, str]:
    """The texts PASTED; modifiers go to the code, deductible and coinsurance to the adjustments."""
    code = "-".join(re.findall(r"[0-9A-Za-z]+", f"{named['code']} {named.get('modifiers', '')}")).upper()
    adjusted = [named["adjusted"]] if named.get("adjusted") else []
    for name, shown in AS_REASON.items():
        if named.get(name, "").strip("$0. "):
            entry = codes.section(shown)
            adjusted.append(f"PR-{entry.get('reason') or entry['reasons'][0]} {named[name]}")
    return {name: named.get(name, "") for name in PASTED} | {"code": code, "adjusted": ", ".join(adjusted)}
