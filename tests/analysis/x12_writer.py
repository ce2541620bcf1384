"""Writes 835 files (005010X221A1) from payments, claims and lines, as Medicare contractors lay them out.

It knows nothing of the reader: what a test expects it takes from the same payments that it had written.
"""

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Signs:
    element: str = "*"
    component: str = ":"
    repetition: str = "^"
    terminator: str = "~"
    line_end: str = "\n"  # after each terminator


@dataclass(frozen=True)
class Adjustment:
    group: str
    reason: str
    amount: int  # cents
    quantity: str = ""


@dataclass(frozen=True)
class Line:
    code: str
    charge: int
    paid: int
    modifiers: tuple[str, ...] = ()
    qualifier: str = "HC"
    units: str = "1"
    units_billed: str = ""
    billed: tuple[str, ...] = ()  # code and modifiers as sent, where the payer changed them
    revenue: str = ""
    dates: tuple[tuple[str, dt.date], ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    location: str = ""
    control: str = ""
    rendering: str = ""
    amounts: tuple[tuple[str, int], ...] = ()
    quantities: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    claim_id: str
    charge: int
    paid: int
    status: str = "1"
    responsibility: int | None = None
    filing: str = "MB"
    payer_claim: str = "2226005123456"
    pos: str = "11"
    frequency: str = "1"
    adjustments: tuple[Adjustment, ...] = ()
    patient: tuple[str, str, str] = ("DOE", "JANE", "1EG4TE5MK73")
    insured: tuple[str, str, str] | None = None
    corrected: tuple[str, str, str] | None = None
    rendering: str = ""
    crossover: tuple[str, str] | None = None  # name and id
    corrected_payer: tuple[str, str] | None = None
    remarks: tuple[str, ...] = ()
    inpatient_remarks: tuple[str, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    dates: tuple[tuple[str, dt.date], ...] = ()
    amounts: tuple[tuple[str, int], ...] = ()
    quantities: tuple[tuple[str, str], ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class ProviderAdjustment:
    reason: str
    reference: str
    amount: int  # what is positive lowers the payment


@dataclass(frozen=True)
class Payment:
    claims: tuple[Claim, ...]
    payer: str = "NORTHERN MEDICARE CONTRACTOR"
    payer_id: str = "1450000001"  # TRN03
    contractor: str = "01112"
    payee: str = "WALNUT STREET THERAPY"
    payee_npi: str = "1234567893"
    check: str = "EFT0000001"
    date: dt.date = dt.date(2026, 2, 10)
    method: str = "ACH"
    provider_adjustments: tuple[ProviderAdjustment, ...] = ()
    amount: int | None = None  # what the claims make, where none is given

    @property
    def paid(self) -> int:
        made = sum(c.paid for c in self.claims) - sum(a.amount for a in self.provider_adjustments)
        return made if self.amount is None else self.amount


def money(cents: int) -> str:
    """Cents as X12 writes them: no trailing zeros, no point where none is needed."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    whole, part = divmod(cents, 100)
    return sign + (f"{whole}.{part:02}".rstrip("0") if part else str(whole))


def day(date: dt.date) -> str:
    return date.strftime("%Y%m%d")


# Segments as lists of elements; a composite is a tuple ------------------------------------------------------------------------

Segment = list[str | tuple[str, ...]]


def cas(adjustments: Iterable[Adjustment]) -> list[Segment]:
    """One CAS a group, six reasons in each."""
    groups: dict[str, list[Adjustment]] = {}
    for one in adjustments:
        groups.setdefault(one.group, []).append(one)
    written: list[Segment] = []
    for group, held in groups.items():
        for start in range(0, len(held), 6):
            segment: Segment = ["CAS", group]
            for one in held[start : start + 6]:
                segment += [one.reason, money(one.amount), one.quantity]
            written.append(segment)
    return written


def person(qualifier: str, who: tuple[str, str, str], kind: str) -> Segment:
    last, first, number = who
    return ["NM1", qualifier, "1", last, first, "", "", "", kind if number else "", number]


def line_segments(line: Line) -> list[Segment]:
    composite = (line.qualifier, line.code, *line.modifiers)
    billed: str | tuple[str, ...] = (line.qualifier, *line.billed) if line.billed else ""
    first: Segment = [
        "SVC",
        composite,
        money(line.charge),
        money(line.paid),
        line.revenue,
        line.units,
        billed,
        line.units_billed,
    ]
    written = [first, *(["DTM", qualifier, day(date)] for qualifier, date in line.dates), *cas(line.adjustments)]
    written += [["REF", "LU", line.location]] if line.location else []
    written += [["REF", "6R", line.control]] if line.control else []
    written += [["REF", "HPI", line.rendering]] if line.rendering else []
    written += [["AMT", qualifier, money(cents)] for qualifier, cents in line.amounts]
    written += [["QTY", qualifier, quantity] for qualifier, quantity in line.quantities]
    return [*written, *(["LQ", "HE", code] for code in line.remarks)]


def claim_segments(claim: Claim) -> list[Segment]:
    share = "" if claim.responsibility is None else money(claim.responsibility)
    written: list[Segment] = [
        ["CLP", claim.claim_id, claim.status, money(claim.charge), money(claim.paid), share, claim.filing, claim.payer_claim,
         claim.pos, claim.frequency],
        *cas(claim.adjustments),
        person("QC", claim.patient, "MI"),
    ]  # fmt: skip
    written += [person("IL", claim.insured, "MI")] if claim.insured else []
    written += [person("74", claim.corrected, "C")] if claim.corrected else []
    written += [person("82", ("ROE", "RICHARD", claim.rendering), "XX")] if claim.rendering else []
    for qualifier, carrier in (("TT", claim.crossover), ("PR", claim.corrected_payer)):
        if carrier:
            written.append(["NM1", qualifier, "2", carrier[0], "", "", "", "", "PI", carrier[1]])
    if claim.inpatient_remarks:
        first, *more = claim.inpatient_remarks
        written.append(["MIA", "0", "", "", "0", first, *[""] * 14, *more])
    if claim.remarks:
        written.append(["MOA", "", "", *claim.remarks])
    written += [["REF", qualifier, number] for qualifier, number in claim.references]
    written += [["DTM", qualifier, day(date)] for qualifier, date in claim.dates]
    written += [["AMT", qualifier, money(cents)] for qualifier, cents in claim.amounts]
    written += [["QTY", qualifier, quantity] for qualifier, quantity in claim.quantities]
    return [*written, *(segment for line in claim.lines for segment in line_segments(line))]


def payment_segments(payment: Payment, control: str) -> list[Segment]:
    amount, date = payment.paid, day(payment.date)
    bpr: Segment = ["BPR", "I", money(amount), "C", payment.method]
    if payment.method == "ACH":
        bpr += ["CCP", "01", "999999999", "DA", "123456", payment.payer_id, "", "01", "999988880", "DA", "98765"]
    else:
        bpr += [""] * 11
    written: list[Segment] = [
        ["ST", "835", control],
        [*bpr, date],
        ["TRN", "1", payment.check, payment.payer_id],
        ["DTM", "405", date],
        ["N1", "PR", payment.payer],
        ["N3", "1 MAIN STREET"],
        ["N4", "FARGO", "ND", "58108"],
        ["REF", "2U", payment.contractor],
        ["PER", "BL", "EDI", "TE", "8005551212"],
        ["N1", "PE", payment.payee, "XX", payment.payee_npi],
        ["REF", "TJ", "123456789"],
    ]
    if payment.claims:
        written.append(["LX", "1"])
    written += [segment for claim in payment.claims for segment in claim_segments(claim)]
    held = payment.provider_adjustments
    for start in range(0, len(held), 6):
        segment: Segment = ["PLB", payment.payee_npi, f"{payment.date.year}1231"]
        for one in held[start : start + 6]:
            segment += [(one.reason, one.reference) if one.reference else one.reason, money(one.amount)]
        written.append(segment)
    return [*written, ["SE", str(len(written) + 1), control]]


def write(payments: Sequence[Payment], signs: Signs = Signs(), control: int = 1, groups: int = 1) -> str:
    """One interchange of payments, dealt out to so many groups."""
    isa = [
        "ISA", "00", " " * 10, "00", " " * 10, "ZZ", "MEDICARE".ljust(15), "ZZ", "CLINIC".ljust(15), "260210", "1200",
        signs.repetition, "00501", f"{control:09}", "0", "P",
    ]  # fmt: skip
    written: list[Segment] = []
    for group in range(groups):
        held = payments[group::groups]
        written.append(["GS", "HP", "MEDICARE", "CLINIC", "20260210", "1200", str(group + 1), "X", "005010X221A1"])
        for number, payment in enumerate(held, 1):
            written += payment_segments(payment, f"{number:04}")
        written.append(["GE", str(len(held)), str(group + 1)])
    written.append(["IEA", str(groups), f"{control:09}"])
    end = signs.terminator + signs.line_end
    body = end.join(_written(segment, signs) for segment in written)
    return signs.element.join([*isa, signs.component]) + end + body + end


def _written(segment: Segment, signs: Signs) -> str:
    parts = [signs.component.join(part) if isinstance(part, tuple) else part for part in segment]
    while parts[-1] == "":
        parts.pop()
    return signs.element.join(parts)


# Claims as a Medicare contractor pays them ------------------------------------------------------------------------------------

THERAPY = (("97110", 2906), ("97112", 3273), ("97116", 2906), ("97140", 2772), ("97530", 3507), ("97535", 3240))
OFFICE = (("99213", 9268), ("99214", 13128), ("20610", 6580), ("G0283", 1202))


def random_line(rng: random.Random, number: int, date: dt.date, therapy: bool) -> Line:
    """A line with the adjustments that Medicare takes: fee schedule, a second reduction, coinsurance, sequestration."""
    code, fee = rng.choice(THERAPY if therapy else OFFICE)
    units = rng.choice((1, 1, 1, 2, 3))
    allowed = fee * units
    charge = allowed * 2 + rng.randrange(0, 2000)
    adjusted = [Adjustment("CO", "45", charge - allowed)]
    if therapy and rng.random() < 0.5:
        less = allowed // 5
        adjusted.append(Adjustment("CO", "59", less))
        allowed -= less
    share = allowed // 5
    paid = allowed - share
    sequestered = paid * 2 // 100
    paid -= sequestered
    adjusted += [Adjustment("CO", "253", sequestered), Adjustment("PR", "2", share)]
    modifiers = (("GP", "CQ") if rng.random() < 0.3 else ("GP",)) if therapy else (("25",) if rng.random() < 0.2 else ())
    if rng.random() < 0.05:
        adjusted, paid = [Adjustment("CO", "97", charge)], 0
    return Line(
        code,
        charge,
        paid,
        modifiers,
        units=str(units),
        dates=(("472", date),),
        adjustments=tuple(adjusted),
        location="11",
        control=f"{number:08}",
        amounts=(("B6", allowed),) if paid else (),
        remarks=("N130",) if not paid else (),
    )


def random_claim(rng: random.Random, number: int) -> Claim:
    """A claim of one day with one line to five; few have adjustments of their own, and few have no lines."""
    date = dt.date(2026, 1, 1) + dt.timedelta(days=rng.randrange(120))
    therapy = rng.random() < 0.6
    lines = tuple(random_line(rng, number * 10 + n, date, therapy) for n in range(rng.choice((1, 2, 3, 3, 4, 5))))
    charge, paid = sum(one.charge for one in lines), sum(one.paid for one in lines)
    share = sum(a.amount for one in lines for a in one.adjustments if a.group == "PR")
    claim = Claim(
        f"PT{number:07}",
        charge,
        paid,
        responsibility=share,
        payer_claim=f"22260{number:08}",
        patient=(f"FAMILY{number}", "GIVEN", "1EG4TE5MK73"),
        rendering=rng.choice(("1098765432", "1987654321")),
        remarks=("MA01", "MA18") if rng.random() < 0.5 else ("MA01",),
        dates=(("232", date), ("233", date), ("050", date + dt.timedelta(days=9))),
        references=(("EA", f"MR{number}"),) if rng.random() < 0.3 else (),
        amounts=(("AU", charge),) if rng.random() < 0.5 else (),
        crossover=("STATE MEDICAID", "12345") if rng.random() < 0.2 else None,
        lines=lines,
    )
    kind = rng.random()
    if kind < 0.05:
        taken = paid // 10  # of the claim as a whole
        return replace(claim, paid=paid - taken, adjustments=(Adjustment("CO", "B4", taken),))
    if kind < 0.08:
        return replace(claim, status="4", paid=0, lines=(), responsibility=None, adjustments=(Adjustment("CO", "29", charge),))
    return claim


def reversed_claim(claim: Claim) -> Claim:
    """The claim taken back: the same with the other sign."""

    def back(adjustments: tuple[Adjustment, ...]) -> tuple[Adjustment, ...]:
        return tuple(replace(one, amount=-one.amount) for one in adjustments)

    lines = tuple(
        replace(one, charge=-one.charge, paid=-one.paid, adjustments=back(one.adjustments), amounts=()) for one in claim.lines
    )
    return replace(
        claim,
        status="22",
        charge=-claim.charge,
        paid=-claim.paid,
        responsibility=None,
        adjustments=back(claim.adjustments),
        amounts=(),
        lines=lines,
    )


@dataclass
class Writer:
    """Random payments from a seed."""

    seed: int
    number: int = 0
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def payment(self, claims: int, **given: object) -> Payment:
        """A payment of so many claims."""
        self.number += 1
        start = self.number * 1_000_000 if claims > 1000 else self.number * 1000
        held = tuple(random_claim(self.rng, start + n) for n in range(claims))
        return replace(Payment(held, check=f"EFT{self.number:07}"), **given)  # type: ignore[arg-type]
