"""Files, interchanges, groups and transactions: who pays whom, by which check, and whether all that was sent is there.

These are few segments among many, so that they are gone through one by one.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from feecalc.analysis.remittance.delimiters import COMPONENT, ELEMENT
from feecalc.analysis.remittance.segments import Kind, Segments
from feecalc.analysis.remittance.told import ASK, Told, in_dollars
from feecalc.analysis.remittance.values import one_amount, one_day

OTHER_SETS = {
    "837": "claims as they are sent to a payer (837)",
    "999": "an acknowledgement of what was sent (999)",
    "997": "an acknowledgement of what was sent (997)",
    "824": "an acknowledgement of what was sent (824)",
    "277": "an answer on the status of claims (277)",
    "276": "a question on the status of claims (276)",
    "271": "an answer on coverage (271)",
    "270": "a question on coverage (270)",
    "278": "an authorization (278)",
    "820": "a payment of premiums (820)",
    "834": "an enrollment (834)",
}
DOWNLOAD_AGAIN = "Download the file again; if it is the same, ask the payer or clearinghouse for the whole of it."
VERSION = "005010X221"
# Medicare beneficiary identifiers, which some payers write behind the claim number of a provider adjustment.
_MEMBER = re.compile(r"[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[AC-HJKMNP-RT-Y]{2}\d{2}")
_MEMBER_AT = 19  # Medicare's own form: 19 characters of claim number, then the number of the member


@dataclass
class Payment:
    """A transaction: what its header says, and what its claims add up to."""

    number: int
    file: str
    segment: int
    payer: str | None = None
    payer_id: str | None = None
    payee: str | None = None
    payee_npi: str | None = None
    check_number: str | None = None
    paid_date: dt.date | None = None
    method: str | None = None
    amount: int | None = None
    amount_segment: int | None = None
    claims: int = 0
    claims_paid: int = 0
    adjusted: int = 0
    unread: bool = False  # an amount of its claims or adjustments could not be read
    party: str = ""

    @property
    def made(self) -> int:
        """What claims and provider adjustments make."""
        return self.claims_paid - self.adjusted

    @property
    def balanced(self) -> bool:
        """Whether that is what was paid."""
        return self.made == self.amount and not self.unread


class _Counted(NamedTuple):
    """A beginning (ISA, GS, ST) that waits for its end."""

    segment: int
    control: str
    parts_before: int


@dataclass
class _File:
    number: int
    name: str
    interchange: _Counted | None = None
    group: _Counted | None = None
    set: _Counted | None = None
    interchanges: int = 0
    groups: int = 0
    sets: int = 0
    payments: int = 0
    claims: int = 0
    others: Counter[str] = field(default_factory=Counter)


class Envelope:
    """Goes through the envelopes of batch after batch. `refused` holds, by file, why a file is no remittance."""

    def __init__(self, names: list[str], keep_patient: bool) -> None:
        self.names, self.keep_patient = names, keep_patient
        self.file = _File(0, "")
        self.payment: Payment | None = None
        self.numbered = 0
        self.ended: list[Payment] = []  # in this batch
        self.begun: list[tuple[int, Payment | None]] = []  # from which place in this batch which payment holds
        self.files: list[tuple[int, _File]] = []  # from which place in this batch which file holds
        self.ended_files: list[_File] = []
        self.adjustments: list[tuple[int | None, str, int, str | None, dt.date | None, str | None, str | None, int | None]] = []
        self.refused: dict[int, str] = {}

    def walk(self, segments: Segments, told: Told) -> None:
        """Go through a batch."""
        self.told, self.ended, self.ended_files, self.adjustments = told, [], [], []
        self.begun, self.files = [(-1, self.payment)], [(-1, self.file)]
        steps: dict[int, Callable[[int, list[str]], None]] = {
            Kind.OWN_BEGIN: self._begin_file, Kind.OWN_TOLD: self._told, Kind.OWN_END: self._end_file, Kind.ISA: self._isa,
            Kind.GS: self._gs, Kind.ST: self._st, Kind.BPR: self._bpr, Kind.TRN: self._trn, Kind.N1: self._n1,
            Kind.REF: self._ref, Kind.PLB: self._plb, Kind.SE: self._se, Kind.GE: self._ge, Kind.IEA: self._iea,
        }  # fmt: skip
        for kind, at, segment, text in _rows(segments):
            self.at = at
            steps[kind](segment, text.split(ELEMENT))

    def tell(self, segment: int, severity: str, what: str, to_do: str) -> None:
        """One problem of the file that is gone through."""
        self.told.tell(self.file.name, segment, severity, what, to_do)  # type: ignore[arg-type]

    # Files -----------------------------------------------------------------------------------------------------------------

    def _begin_file(self, segment: int, elements: list[str]) -> None:
        number = int(elements[1])
        self.file = _File(number, self.names[number])
        self.files.append((self.at, self.file))
        self._set_payment(None)

    def _told(self, segment: int, elements: list[str]) -> None:
        self.tell(segment + 1, "warning", f"{elements[1][0].upper()}{elements[1][1:]}.", ASK)

    def _end_file(self, segment: int, elements: list[str]) -> None:
        file, why = self.file, elements[1]
        self.ended_files.append(file)
        if why and why != "cut":
            self.refused[file.number] = why
            return
        missing = [
            name for name, open_one in (("SE", file.set), ("GE", file.group), ("IEA", file.interchange)) if open_one is not None
        ]
        if why == "cut":
            self.tell(
                segment, "error", "The file ends inside a segment: it is cut off behind this one. What was whole is read.",
                DOWNLOAD_AGAIN,
            )  # fmt: skip
        elif missing:
            what = f"The file ends without {', '.join(missing)}: it is cut off behind this segment, or its end is damaged."
            self.tell(segment, "error", what, DOWNLOAD_AGAIN)
        self._end_payment()

    def why_refused(self, file: _File) -> str | None:
        """Why an ended file is no remittance: nothing was paid in it; None where it is one."""
        if file.payments or file.claims:
            return None
        name = file.name or "The file"
        kinds = [OTHER_SETS[kind] for kind in file.others if kind in OTHER_SETS]
        if kinds:
            return f"{name} holds {' and '.join(kinds)}, not an 835. Download the 835 (ERA) of the same claims."
        if file.others:
            return f"{name} holds another kind of X12 transaction, not an 835. Download the 835 (ERA)."
        return f"{name} holds no transaction of the kind 835. Download the 835 (ERA) again."

    # Beginnings ------------------------------------------------------------------------------------------------------------

    def _isa(self, segment: int, elements: list[str]) -> None:
        file = self.file
        if file.interchange is not None:
            self._not_ended(segment, "ISA", "IEA")
        file.interchange = _Counted(segment, _element(elements, 13), file.groups)
        file.group = file.set = None
        self._end_payment()

    def _gs(self, segment: int, elements: list[str]) -> None:
        file = self.file
        if file.group is not None:
            self._not_ended(segment, "GS", "GE")
        file.group = _Counted(segment, _element(elements, 6), file.sets)
        file.set = None
        file.groups += 1
        version = _element(elements, 8)
        if version and not version.startswith(VERSION) and _element(elements, 1) == "HP":
            self.tell(
                segment, "warning", f"The group says that it is of another version of the 835 than {VERSION}A1.",
                "It was read as if it were of that one; check some claims by hand.",
            )  # fmt: skip
        self._end_payment()

    def _st(self, segment: int, elements: list[str]) -> None:
        file = self.file
        if file.set is not None:
            self._not_ended(segment, "ST", "SE")
        file.set = _Counted(segment, _element(elements, 2), 0)
        file.sets += 1
        self._end_payment()
        if _element(elements, 1) == "835":
            self._begin_payment(segment)
        else:
            file.others[_element(elements, 1)] += 1

    def _not_ended(self, segment: int, begins: str, ends: str) -> None:
        what = f"An {begins} begins before the {ends} of the one before it."
        self.tell(segment, "error", what, "Segments are missing before it. " + DOWNLOAD_AGAIN)

    def _bpr(self, segment: int, elements: list[str]) -> None:
        if self.payment is None or self.payment.amount_segment is not None:
            self._end_payment()
            what = "A payment (BPR) begins without an ST of the kind 835; it is read as one."
            self.tell(segment, "error", what, DOWNLOAD_AGAIN)
            payment = self._begin_payment(segment)
        else:
            payment = self.payment
        payment.amount_segment = segment
        payment.method = _element(elements, 4) or None
        payment.paid_date = one_day(_element(elements, 16))
        payment.amount = one_amount(_element(elements, 2))
        if payment.amount is None:
            self.tell(segment, "error", "BPR02 (the payment) is empty or no amount.", ASK)
        elif _element(elements, 3) == "D":
            payment.amount = -payment.amount

    def _begin_payment(self, segment: int) -> Payment:
        self.numbered += 1
        self.file.payments += 1
        payment = Payment(self.numbered, self.file.name, segment)
        self._set_payment(payment)
        return payment

    def _set_payment(self, payment: Payment | None) -> None:
        self.payment = payment
        self.begun.append((self.at, payment))

    def _trn(self, segment: int, elements: list[str]) -> None:
        payment = self.payment
        if payment is not None and payment.check_number is None:
            payment.check_number = _element(elements, 2) or None
            payment.payer_id = payment.payer_id or _element(elements, 3) or None

    def _n1(self, segment: int, elements: list[str]) -> None:
        payment = self.payment
        if payment is None:
            return
        payment.party = _element(elements, 1)
        if payment.party == "PR":
            payment.payer = _element(elements, 2) or None
            payment.payer_id = _element(elements, 4) or payment.payer_id
        elif payment.party == "PE":
            payment.payee = _element(elements, 2) or None
            payment.payee_npi = (_element(elements, 4) or None) if _element(elements, 3) == "XX" else None

    def _ref(self, segment: int, elements: list[str]) -> None:
        """The number of the payer (2U)."""
        if self.payment is not None and self.payment.party == "PR":
            self.payment.payer_id = _element(elements, 2) or self.payment.payer_id

    # Ends ------------------------------------------------------------------------------------------------------------------

    def _plb(self, segment: int, elements: list[str]) -> None:
        payment = self.payment
        for place in range(3, 15, 2):
            reason, amount = _element(elements, place), _element(elements, place + 1)
            if not reason and not amount:
                continue
            cents = one_amount(amount)
            if cents is None:
                self.tell(segment, "error", f"PLB{place + 1:02} (a provider adjustment) is empty or no amount.", ASK)
            if payment is not None:
                payment.adjusted += cents or 0
                payment.unread |= cents is None
            code, _, reference = reason.partition(":")
            number = None if payment is None else payment.number
            self.adjustments.append(
                (
                    number, self.file.name, segment, _element(elements, 1) or None, one_day(_element(elements, 2)),
                    code or None, self._reference(reference), cents,
                )
            )  # fmt: skip

    def _reference(self, text: str) -> str | None:
        """The reference of a provider adjustment, without a member's number."""
        if not self.keep_patient:
            text = _MEMBER.sub("", text)
            if text[:_MEMBER_AT].isdigit():
                text = text[:_MEMBER_AT]
        return text.strip() or None

    def _se(self, segment: int, elements: list[str]) -> None:
        begun = self.file.set
        if begun is None:
            self.tell(segment, "error", "An SE ends a transaction that has no ST.", DOWNLOAD_AGAIN)
        else:
            self._check_count(segment, "SE01", _element(elements, 1), segment - begun.segment + 1, "segments", "transaction")
            self._check_control(segment, "SE02", _element(elements, 2), "ST02", begun.control)
        self.file.set = None
        self._end_payment()

    def _ge(self, segment: int, elements: list[str]) -> None:
        begun = self.file.group
        if begun is None:
            self.tell(segment, "error", "A GE ends a group that has no GS.", DOWNLOAD_AGAIN)
        else:
            held = self.file.sets - begun.parts_before
            self._check_count(segment, "GE01", _element(elements, 1), held, "transactions", "group")
            self._check_control(segment, "GE02", _element(elements, 2), "GS06", begun.control)
        if self.file.set is not None:
            self._not_ended(segment, "ST", "SE")
        self.file.group = self.file.set = None
        self._end_payment()

    def _iea(self, segment: int, elements: list[str]) -> None:
        begun = self.file.interchange
        if begun is None:
            self.tell(segment, "error", "An IEA ends an interchange that has no ISA.", DOWNLOAD_AGAIN)
        else:
            held = self.file.groups - begun.parts_before
            self._check_count(segment, "IEA01", _element(elements, 1), held, "groups", "interchange")
            self._check_control(segment, "IEA02", _element(elements, 2), "ISA13", begun.control)
        if self.file.group is not None:
            self._not_ended(segment, "GS", "GE")
        self.file.interchange = self.file.group = self.file.set = None
        self.file.interchanges += 1
        self._end_payment()

    def _check_count(self, segment: int, name: str, said: str, held: int, parts: str, whole: str) -> None:
        if said.strip().lstrip("0") != str(held).lstrip("0"):
            count = f"{int(said):,}" if re.fullmatch(r"\s*[0-9]{1,10}\s*", said) else "no number"
            what = f"{name} says {count} for the {parts} of the {whole}; there are {held:,}."
            self.tell(segment, "error", what, DOWNLOAD_AGAIN)

    def _check_control(self, segment: int, name: str, said: str, of: str, control: str) -> None:
        if _bare(said) != _bare(control):
            self.tell(segment, "warning", f"{name} is another control number than {of}.", DOWNLOAD_AGAIN)

    def _end_payment(self) -> None:
        if self.payment is not None:
            self.ended.append(self.payment)
            self._set_payment(None)

    # Sums ------------------------------------------------------------------------------------------------------------------

    def add_claims(self, sums: pl.DataFrame) -> None:
        """Count the claims of this batch, by payment: number, count, paid, unread."""
        held = {payment.number: payment for _, payment in self.begun if payment is not None}
        for number, count, paid, unread in sums.iter_rows():
            payment = held[number]
            payment.claims += count
            payment.claims_paid += paid
            payment.unread |= unread

    def check_ended(self) -> None:
        """Whether the payments that ended in this batch are what their claims and provider adjustments make."""
        for payment in self.ended:
            if payment.amount_segment is None:
                what, to_do = "The transaction has no BPR, which says what was paid.", DOWNLOAD_AGAIN
                self.told.tell(payment.file, payment.segment, "error", what, to_do)
            elif payment.amount is not None and payment.made != payment.amount:
                what = (
                    f"The payment does not balance: claims of {in_dollars(payment.claims_paid)} less provider adjustments of "
                    f"{in_dollars(payment.adjusted)} make {in_dollars(payment.made)}, "
                    f"but BPR02 is {in_dollars(payment.amount)}."
                )
                self.told.tell(payment.file, payment.amount_segment, "error", what, ASK)


def _rows(segments: Segments) -> Iterator[tuple[int, int, int, str]]:
    """The segments of envelopes: kind, place, number and text."""
    kinds = [
        Kind.OWN_BEGIN, Kind.OWN_END, Kind.OWN_TOLD, Kind.ISA, Kind.GS, Kind.ST, Kind.BPR, Kind.PLB, Kind.SE, Kind.GE, Kind.IEA,
    ]  # fmt: skip
    kind = pl.col("kind")
    payer = (kind == Kind.REF) & pl.col("text").str.starts_with(f"REF{ELEMENT}2U{ELEMENT}")
    of_header = pl.col("header") & ((kind == Kind.TRN) | (kind == Kind.N1) | payer)
    found = segments.frame.filter(kind.is_in([int(one) for one in kinds]) | of_header)
    return found.select("kind", "at", "segment", "text").iter_rows()


def _element(elements: list[str], place: int) -> str:
    """An element without blanks around it, a colon between its parts; "" where there is none."""
    return elements[place].strip().replace(COMPONENT, ":") if place < len(elements) else ""


def _bare(control: str) -> str:
    return control.strip().lstrip("0")
