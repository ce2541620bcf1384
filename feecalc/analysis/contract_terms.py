"""What a payer's contract says: percentages of Medicare by code, fixed fees, and rules of its own.

Contract("Blue Plan", default=105, rates=(Rate("97010-97799", "112.5"),), carve_outs=(CarveOut("97161", fee=95),))

A contract is checked when it is made. Percentages are exact decimals of up to four places, amounts whole cents; a binary
float is refused. Of several terms for a code the fixed fee, the fee as a percent of the charge and "not covered" go before the
percentages of Medicare, and among each the term for fewer codes goes before one that holds all of its codes; where that leaves
two, the contract is refused with both named.
"""

import datetime as dt
import re
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from feecalc import policy
from feecalc.analysis.revenue import Basis
from feecalc.errors import InputError, NotLoadedError
from feecalc.money import show, to_cents
from feecalc.pricing.lines import MOST_CENTS
from feecalc.pricing.modifiers import registry
from feecalc.schedule import Schedule

PERCENT = 10_000  # parts of a percent
WHOLE = 100 * PERCENT  # a hundred percent
MOST_PERCENT = 1_000  # of Medicare, far beyond any contract
MOST_NAME = 100  # letters of a name, and ten times as many of a note
ROUNDINGS = {"cent": 1, "dollar": 100}  # what an amount of a unit is rounded to, in cents

# Kinds of modifiers (policy/modifiers.toml) that leave a fixed fee as it is.
HARMLESS = ("informational", "denied", "cost_share")

Percent = Decimal | int | str


# Codes ---------------------------------------------------------------------------------------------------------------------


class Span(NamedTuple):
    """The codes from `first` to `last`, both among them. They are of one shape: letters stand in the same places."""

    first: str
    last: str

    @classmethod
    def parse(cls, text: str) -> "Span":
        """97110, or 97010-97799, or J0120-J9999. Raises InputError for anything else."""
        bare = re.sub(r"\s", "", str(text).upper()).replace("\u2013", "-")
        found = re.fullmatch(r"([0-9A-Z]{5})(?:-([0-9A-Z]{5}))?", bare, re.ASCII)
        if not found or not any(letter.isdigit() for letter in found[1]):
            raise InputError(f"{text!r} is no code and no range of codes such as 97010-97799.")
        first, last = found[1], found[2] or found[1]
        if _shape(first) != _shape(last):
            raise InputError(f"The range {text!r} ends with a code of another kind than it begins with.")
        if first > last:
            raise InputError(f"The range {text!r} ends before it begins.")
        return cls(first, last)

    @property
    def single(self) -> bool:
        """Whether it is one code."""
        return self.first == self.last

    @property
    def width(self) -> int:
        """How far it reaches, for comparing spans of one shape."""
        return int(re.sub(r"\D", "", self.last)) - int(re.sub(r"\D", "", self.first))

    def __str__(self) -> str:
        return self.first if self.single else f"{self.first}-{self.last}"


_DIGITS = str.maketrans("012345678", "999999999")


def _shape(code: str) -> str:
    return code.translate(_DIGITS)


def spans(codes: Any) -> tuple[Span, ...]:
    """Codes and ranges of codes, as one text (`97110, 97140-97150`) or several. Raises InputError where there is none."""
    texts = re.split(r"[,;]", codes) if isinstance(codes, str) else codes
    if not isinstance(texts, list | tuple):
        raise InputError(f"Codes are a text such as 97010-97799, or a list of them, not {codes!r}.")
    found = []
    for text in texts:
        if isinstance(text, Span):
            found.append(text)
        elif not isinstance(text, str):
            raise InputError(f"Write the code {text!r} in quotes: a code is a text, not a number.")
        elif text.strip():
            found.append(Span.parse(text))
    if not found:
        raise InputError("A term of a contract needs at least one code or range of codes.")
    return tuple(found)


T = TypeVar("T")


class Book(Generic[T]):
    """Terms by the codes that they are for; the term for fewer codes goes first.

    Raises InputError where two are for the same codes, or for codes of which only some are shared.
    """

    def __init__(self, entries: Iterable[tuple[Span, T]], what: str) -> None:
        self._single: dict[str, T] = {}
        self._wide: dict[str, list[tuple[int, Span, T]]] = {}
        by_shape: dict[str, list[tuple[Span, T]]] = {}
        for span, value in entries:
            if span.single:
                if span.first in self._single:
                    raise InputError(f"Two {what} are for {span}. Keep one of them.")
                self._single[span.first] = value
            else:
                by_shape.setdefault(_shape(span.first), []).append((span, value))
        for shape, several in by_shape.items():
            _check_nested([span for span, _ in several], what)
            ordered: list[tuple[int, Span, T]] = []
            for span, value in several:
                insort(ordered, (span.width, span, value), key=lambda entry: entry[:2])
            self._wide[shape] = ordered

    def find(self, code: str) -> tuple[Span, T] | None:
        """The term for a code, with the codes that it is for."""
        if code in self._single:
            return Span(code, code), self._single[code]
        of_shape = self._wide.get(_shape(code), ())
        return next(((span, value) for _, span, value in of_shape if span.first <= code <= span.last), None)


def _check_nested(of_one_shape: list[Span], what: str) -> None:
    """Refuse two spans that are alike, or share some of their codes alone: neither is the one for fewer."""
    around: list[Span] = []
    for span in sorted(of_one_shape, key=lambda one: (one.first, -one.width)):
        while around and around[-1].last < span.first:
            around.pop()
        if around and span == around[-1]:
            raise InputError(f"Two {what} are for {span}. Keep one of them.")
        if around and span.last > around[-1].last:
            raise InputError(
                f"The {what} for {around[-1]} and for {span} overlap, and neither lies within the other, so it is not said "
                f"which holds for {span.first}-{around[-1].last}. Divide them."
            )
        around.append(span)


# Terms ---------------------------------------------------------------------------------------------------------------------


def percent_of(value: Any, what: str) -> Decimal:
    """A percent as an exact decimal. Raises InputError for a binary float, too many places, and what is not above 0."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise InputError(f'{what} must be a whole number or a text such as "112.5", not {value!r}.')
    try:
        percent = Decimal(str(value).strip().removesuffix("%").strip())
    except ArithmeticError:
        raise InputError(f'{what} must be a percent such as 110 or "112.5", not {value!r}.') from None
    if not percent.is_finite() or not 0 < percent <= MOST_PERCENT:
        raise InputError(f"{what} must be above 0 and at most {MOST_PERCENT:,} percent, not {value}.")
    if percent * PERCENT != int(percent * PERCENT):
        raise InputError(f"{what} may have four places after the point, not {value}.")
    return percent


def _parts(percent: Decimal) -> int:
    """A percent as a numerator over WHOLE."""
    return int(percent * PERCENT)


def plain(percent: Decimal) -> str:
    """A percent as people write it: 105, 112.5."""
    return f"{percent.normalize():f}"


@dataclass(frozen=True)
class Rate:
    """A percent of Medicare for some codes."""

    codes: Any
    percent: Percent

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", spans(self.codes))
        object.__setattr__(self, "percent", percent_of(self.percent, f"The percent for {self.of}"))

    @property
    def of(self) -> str:
        """Its codes in words."""
        return ", ".join(map(str, self.codes))


@dataclass(frozen=True)
class CarveOut:
    """Codes that are not paid as a percent of Medicare: by a fixed fee a unit (dollars), as a percent of the charge, or not.

    A fee may be for a code with `modifiers` (26, or "26 RT"); it then goes before one without them.
    """

    codes: Any
    fee: Percent | None = None
    charge_percent: Percent | None = None
    not_covered: bool = False
    modifiers: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", spans(self.codes))
        if (self.fee is not None) + (self.charge_percent is not None) + (self.not_covered is True) != 1:
            raise InputError(f"The carve-out of {self.of} must be one of a fee, a percent of the charge, and not covered.")
        if self.charge_percent is not None:
            object.__setattr__(self, "charge_percent", percent_of(self.charge_percent, f"The percent of charge of {self.of}"))
        if self.fee is not None:
            object.__setattr__(self, "fee", _fee(self.fee, self.of))
        given = str(self.modifiers).upper().replace(",", " ").split()
        if any(not re.fullmatch(r"[0-9A-Z]{2}", one, re.ASCII) for one in given):
            raise InputError(f"The modifiers of {self.of} must be of two letters or digits each, not {self.modifiers!r}.")
        if given and self.fee is None:
            raise InputError(f"The carve-out of {self.of}: only a fixed fee may be for a modifier.")
        object.__setattr__(self, "modifiers", " ".join(sorted(set(given))))

    @property
    def of(self) -> str:
        """Its codes in words."""
        return ", ".join(map(str, self.codes))


def _fee(value: Any, of: str) -> Decimal:
    """A fee in dollars and whole cents."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise InputError(f'The fee of {of} must be dollars such as 95 or "95.50", not {value!r}.')
    try:
        cents = to_cents(str(value))
    except ValueError as error:
        raise InputError(f"The fee of {of}: {error}.") from None
    if not 0 < cents <= MOST_CENTS:
        raise InputError(f"The fee of {of} must be above 0, not {value}. What is not paid is not covered.")
    return Decimal(cents).scaleb(-2)


class Term(NamedTuple):
    """How a contract pays for a code with its modifiers.

    `how`: percent (of Medicare), fee, charge (percent of it), not_covered, or none. `number`: a numerator over WHOLE, or cents.
    `rule` names the term. `reason`, where there is none: no_rate, fee_modifier, fee_unclear.
    """

    how: str
    number: int = 0
    rule: str = ""
    reason: str | None = None


@dataclass(frozen=True)
class Contract:
    """A payer's contract.

    payer, also       the payer's name as the practice's file writes it, and other names of it there
    medicare          the Medicare that its percentages are of: a year (2025: its newest loaded release), a release (2025D) or a
                      date; None: the same as it is compared with, so that the contract follows Medicare
    place             ZIP, MAC-locality, state or national; None: the practice's own
    setting           nonfacility or facility for everything; None: each service's own
    qp                the conversion factor for Qualifying APM Participants
    default           percent of Medicare for every other code; None: what has no term is not priced
    same_day          Medicare's same-day reduction of therapy holds
    sequestration     Medicare's sequestration comes off the payer's share, at the rate of the date of service
    assistant_reduction   services of therapy assistants (CQ, CO) pay the payer's share times 85 percent, as Medicare's
    patient_share     percent of the allowed amount that the patient pays, which the last two leave alone
    lesser_of_charge  the lower of the charge and the contract's amount is allowed
    rounding          of the amount of a unit: cent or dollar, halves up
    """

    payer: str
    medicare: str | dt.date | None = None
    place: str | None = None
    setting: str | None = None
    qp: bool = False
    default: Percent | None = None
    rates: tuple[Rate, ...] = ()
    carve_outs: tuple[CarveOut, ...] = ()
    same_day: bool = True
    sequestration: bool = False
    assistant_reduction: bool = False
    patient_share: Percent | None = None
    lesser_of_charge: bool = False
    rounding: str = "cent"
    also: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.payer, str) or not self.payer.strip() or len(self.payer) > MOST_NAME:
            raise InputError(f"A contract needs the payer's name, of up to {MOST_NAME} letters.")
        try:
            self._check()
        except InputError as error:
            raise InputError(f"Contract with {self.payer}: {error}") from None

    def _check(self) -> None:
        for name in ("also", "rates", "carve_outs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if any(not isinstance(name, str) or not name.strip() for name in self.also):
            raise InputError("also must be other names of the payer, texts.")
        if not isinstance(self.note, str) or len(self.note) > 10 * MOST_NAME:
            raise InputError(f"the note must be a text of up to {10 * MOST_NAME:,} letters.")
        for name in ("qp", "same_day", "sequestration", "assistant_reduction", "lesser_of_charge"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} must be true or false, not {getattr(self, name)!r}.")
        if self.rounding not in ROUNDINGS:
            raise InputError(f"rounding must be {' or '.join(ROUNDINGS)}, not {self.rounding!r}.")
        if self.default is not None:
            object.__setattr__(self, "default", percent_of(self.default, "default"))
        share = policy.load("cost_sharing")["coinsurance"]["percent"] if self.patient_share is None else self.patient_share
        object.__setattr__(self, "patient_share", _patient_share(share))
        object.__setattr__(self, "medicare", _medicare(self.medicare))
        _ = self.basis_of(None, Basis()), self.percents, self.terms_apart, self.fees

    # What it pays by ----------------------------------------------------------------------------------------------------

    @cached_property
    def percents(self) -> Book[Term]:
        """The percentages of Medicare by code."""
        return Book(((span, _percent_term(rate.percent, str(span))) for rate in self.rates for span in rate.codes), "rates")

    @cached_property
    def otherwise(self) -> Term:
        """What holds for a code without a term of its own."""
        return Term("none", reason="no_rate") if self.default is None else _percent_term(self.default, "all other codes")

    @cached_property
    def terms_apart(self) -> Book[CarveOut]:
        """What has no modifiers of the carve-outs, by code."""
        return Book(((span, one) for one in self.carve_outs if not one.modifiers for span in one.codes), "carve-outs")

    @cached_property
    def fees(self) -> dict[str, Book[CarveOut]]:
        """The fixed fees that are for modifiers, by these."""
        sets = sorted({one.modifiers for one in self.carve_outs if one.modifiers}, key=lambda text: (-len(text), text))
        return {
            text: Book(
                ((span, one) for one in self.carve_outs if one.modifiers == text for span in one.codes), f"fees with {text}"
            )
            for text in sets
        }

    def term(self, code: str, modifiers: str = "") -> Term:
        """How it pays for a code with its modifiers (separated by blanks)."""
        has = set(modifiers.split())
        if found := self._fee_with_modifiers(code, has):
            return found
        if apart := self.terms_apart.find(code):
            span, one = apart
            if one.not_covered:
                return Term("not_covered", 0, f"not covered: {span}")
            if one.charge_percent is not None:
                percent = Decimal(one.charge_percent)
                return Term("charge", _parts(percent), f"{plain(percent)} % of the charge: {span}")
            return self._fee_term(one, span, has)
        rate = self.percents.find(code)
        return rate[1] if rate else self.otherwise

    def _fee_with_modifiers(self, code: str, has: set[str]) -> Term | None:
        """The fixed fee for the most of the modifiers; none where there is none, unclear where several are for as many."""
        fitting = [
            (text.split(), found) for text, book in self.fees.items() if has >= set(text.split()) and (found := book.find(code))
        ]
        if not fitting:
            return None
        most = max(len(named) for named, _ in fitting)
        best = [found for named, found in fitting if len(named) == most]
        if len(best) > 1 and len({one.fee for _, one in best}) > 1:
            return Term("none", reason="fee_unclear")
        span, one = best[0]
        return self._fee_term(one, span, has)

    @staticmethod
    def _fee_term(one: CarveOut, span: Span, has: set[str]) -> Term:
        """A fixed fee, unless the line has a modifier that changes what is paid, and the fee does not name it."""
        unnamed = has - set(one.modifiers.split())
        if any(
            registry().get(modifier, {"kind": ""})["kind"] not in HARMLESS and modifier not in ("LT", "RT")
            for modifier in unnamed
        ):
            return Term("none", reason="fee_modifier")
        cents = to_cents(str(one.fee))
        return Term("fee", cents, f"fee {show(cents)}: {'-'.join([str(span), *one.modifiers.split()])}")

    # What it is a percent of --------------------------------------------------------------------------------------------

    def basis_of(self, schedule: Schedule | None, basis: Basis) -> Basis:
        """The basis of the Medicare that it is a percent of, where it is compared with another one.

        Without a `schedule` years and releases are not looked up. Raises InputError for a place that is none,
        NotLoadedError for a year or release that is not loaded.
        """
        zip_code, locality, state = _place(self.place) if self.place is not None else (basis.zip, basis.locality, basis.state)
        placed = replace(
            basis,
            zip=zip_code,
            locality=locality,
            state=state,
            qp=self.qp,
            participating=True,
            setting=self.setting or basis.setting,
        )
        if self.medicare is None:
            return placed
        lawful = replace(placed, factor=None, work_floor=True)
        if isinstance(self.medicare, dt.date):
            return replace(lawful, date=self.medicare)
        return lawful if schedule is None else replace(lawful, date=_first_day(schedule, self.medicare))

    def release_of(self, schedule: Schedule) -> str:
        """The release that its Medicare is of; "" where it follows the dates of service, or its date has none."""
        date = self.basis_of(schedule, Basis()).date
        if date is None:
            return ""
        return next((found for found, *_ in schedule.days.filter(date=date).select("release").iter_rows() if found), "")

    # What is said of it ---------------------------------------------------------------------------------------------------

    @property
    def names(self) -> dict[str, str]:
        """Its payer's names as they are compared, and as they are written."""
        return {folded(name): name for name in (self.payer, *self.also)}

    def words(self, schedule: Schedule | None = None) -> str:
        """What it says, in a sentence."""
        release = self.release_of(schedule) if schedule is not None and not isinstance(self.medicare, dt.date) else ""
        of = "Medicare" if self.medicare is None else f"Medicare of {self.medicare}"
        of += f" (release {release})" if release and release != self.medicare else ""
        of += " as a Qualifying APM Participant" if self.qp else ""
        of += f", {self.place}" if self.place else ""
        of += f", {self.setting} amounts" if self.setting else ""
        default = "no default percent" if self.default is None else f"{plain(Decimal(self.default))} %"
        fixed = sum(len(one.codes) for one in self.carve_outs if one.fee is not None)
        rates = [f"{plain(Decimal(rate.percent))} % for {_shortened(rate.codes)}" for rate in self.rates]
        said = [
            f"{default} of {of}",
            *rates[:6],
            *([f"{len(rates) - 6} more rates"] if len(rates) > 6 else []),
            *([f"{fixed:,} fixed fee{'s' if fixed > 1 else ''}"] if fixed else []),
            f"{'with' if self.same_day else 'without'} the same-day reduction of therapy",
            *(["sequestration"] if self.sequestration else []),
            *(["the assistant reduction (CQ, CO)"] if self.assistant_reduction else []),
            *(["the lower of charge and contract"] if self.lesser_of_charge else []),
            *(["rounded to the dollar"] if self.rounding == "dollar" else []),
        ]
        return f"{self.payer}: {'; '.join(said)}."


def _percent_term(percent: Any, codes: str) -> Term:
    exact = Decimal(percent)
    return Term("percent", _parts(exact), f"{plain(exact)} % of Medicare: {codes}")


def _shortened(codes: tuple[Span, ...]) -> str:
    shown = ", ".join(map(str, codes[:4]))
    return shown if len(codes) <= 4 else f"{shown} and {len(codes) - 4:,} more"


def folded(name: str) -> str:
    """A payer's name as it is compared: letter case and the width of blanks never matter, everything else does."""
    return " ".join(name.split()).casefold()


def by_payer(contracts: Iterable[Contract]) -> dict[str, Contract]:
    """The contracts by every name of their payers, as it is compared. Raises InputError where two have one."""
    found: dict[str, Contract] = {}
    for contract in contracts:
        for name, written in contract.names.items():
            if name in found and found[name] is not contract:
                raise InputError(
                    f"Two contracts are for {written}: with {found[name].payer} and with {contract.payer}. Keep one of them."
                )
            found[name] = contract
    return found


def _patient_share(value: Any) -> Decimal:
    """A percent from 0 to 100."""
    return Decimal(0) if str(value).strip() in ("0", "0.0", "0%") and not isinstance(value, bool | float) else _up_to_all(value)


def _up_to_all(value: Any) -> Decimal:
    percent = percent_of(value, "patient_share")
    if percent > 100:
        raise InputError(f"patient_share must be at most 100 percent, not {value}.")
    return percent


def _medicare(value: Any) -> str | dt.date | None:
    """A year, a release, or a date."""
    if value is None or (isinstance(value, dt.date) and not isinstance(value, dt.datetime)):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    text = value.strip().upper() if isinstance(value, str) else ""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            text = ""
    if not re.fullmatch(r"20\d{2}[A-Z]{0,2}", text):
        raise InputError(f"medicare must be a year (2025), a release (2025D) or a date (2025-10-15), not {value!r}.")
    return text


def _first_day(schedule: Schedule, named: str) -> dt.date:
    """The first day of a release, or of the newest release of a year."""
    loaded = schedule.priceable()
    fitting = [name for name in loaded if name == named or (named.isdigit() and schedule.releases[name].year == int(named))]
    if not fitting:
        raise NotLoadedError(f"Medicare of {named} is not loaded. Loaded: {', '.join(loaded)}.")
    return schedule.releases[fitting[-1]].effective


def _place(text: Any) -> tuple[str | None, str | None, str | None]:
    """A ZIP code, a MAC-locality, a state or national, as ZIP, locality and state of a basis."""
    bare = text.strip() if isinstance(text, str) else ""
    if re.fullmatch(r"\d{5}(?:[- ]?\d{4})?", bare):
        return bare, None, None
    if re.fullmatch(r"(?i)national|\d{5}-\d{2}", bare):
        return None, bare.lower(), None
    if re.fullmatch(r"[A-Za-z]{2}", bare):
        return None, None, bare.upper()
    raise InputError(
        f"place must be a ZIP code (35203), a MAC and locality (10112-00), a state (AL) or national, not {text!r}."
    )
