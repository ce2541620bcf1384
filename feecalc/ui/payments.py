"""Remittances in a session: what was read, how it is compared, and the answers kept between reruns.

They lie in the session's memory and go with it: nothing is shared between sessions, written to a disk or put into the link.
"""

import datetime as dt
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import streamlit as st

import feecalc
from feecalc import locality, policy
from feecalc.analysis import paid_files, worklist
from feecalc.analysis.paid_files import Dropped, Held
from feecalc.analysis.variance import Settings, Variance, check
from feecalc.analysis.variance import Where as PaidAt
from feecalc.analysis.variance.settings import practitioner_types
from feecalc.analysis.variance.traces import Arithmetic, arithmetic
from feecalc.claims.files import File
from feecalc.errors import FeecalcError
from feecalc.locality import NATIONWIDE, Place
from feecalc.ui import asked, typed, where, words
from feecalc.ui.address import Field
from feecalc.ui.where import Where

SAMPLE = Path(feecalc.__file__).resolve().parent / "analysis" / "samples" / "remittance.835"
SAMPLE_NAME = "Sample remittance"
SAMPLE_ZIP = "35203"  # Birmingham, Alabama: where the sample's services were furnished
REMITTANCES, EOB = "remittances", "eob"  # the two doors of the page
DOORS = {REMITTANCES: "Remittances", EOB: "One explanation of benefits (EOB)"}
MOST_ANSWERS = 3  # comparisons kept in a session: one for each of the settings that a person goes to and fro between
MOST_CLAIMS = 60  # claims whose arithmetic is kept

# The kinds of practitioners, in words.
KINDS = {
    "PHYSICIAN": "Physician",
    "PT": "Physical therapist",
    "OT": "Occupational therapist",
    "SLP": "Speech-language pathologist",
    "AUD": "Audiologist",
    "NP": "Nurse practitioner",
    "PA": "Physician assistant",
    "CNS": "Clinical nurse specialist",
    "CNM": "Nurse-midwife",
    "CP": "Clinical psychologist",
    "CSW": "Clinical social worker",
    "MFT": "Marriage and family therapist",
    "MHC": "Mental health counselor",
    "RD": "Registered dietitian",
    "CRNA": "Nurse anesthetist",
}

T = TypeVar("T")
_numbers = count(1)


# What was read -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loaded:
    """What was read, with its number in the server's life, and the last date of service. The sample says so."""

    held: Held
    number: int
    last: dt.date | None
    sample: bool = False

    @property
    def words(self) -> str:
        """Which files these are."""
        names = self.held.names
        return names[0] if len(names) == 1 else f"{len(names)} files"


def loaded() -> Loaded | None:
    """The session's remittances."""
    found: Loaded | None = st.session_state.get("payments:loaded")
    return found


def dropped() -> Dropped | None:
    """Files that were dropped and are not read yet."""
    found: Dropped | None = st.session_state.get("payments:dropped")
    return found


def put(held: Held, sample: bool = False) -> None:
    """Take what was read for the session's. Answers to what was there before are dropped, and so are the files."""
    forget()
    last = held.remittance.lines["service_date"].max()
    st.session_state["payments:loaded"] = Loaded(held, next(_numbers), last if isinstance(last, dt.date) else None, sample)


def put_sample() -> None:
    """Load feecalc's sample, at its place."""
    put(paid_files.read(paid_files.sort([File(SAMPLE_NAME, SAMPLE)])), sample=True)
    HERE.put(zip=SAMPLE_ZIP, locality=None)


def forget() -> None:
    """Drop the remittances, their files and every answer."""
    for name in ("payments:loaded", "payments:dropped", "payments:answers", "payments:refused"):
        st.session_state.pop(name, None)


# Where, and by whom --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaymentsWhere(Where):
    """Where services were furnished and by whom: what both doors ask for."""

    @property
    def date(self) -> dt.date:
        """The day of the visit that was typed; else the last date of service that was read."""
        if st.session_state.get("payments_door") == EOB:
            on: dt.date | None = self.value("date")
            return on or dt.date.today()
        of = loaded()
        return (of.last if of else None) or dt.date.today()

    @property
    def without_place(self) -> str:
        """A remittance was paid somewhere: no place is taken for granted."""
        return "None yet: say where"

    def place(self) -> locality.Answer | None:
        """The place that was named; None where none was. Raises InputError for a ZIP that is none."""
        if self.value("locality"):
            key = locality.parse_key(self.value("locality"))
            return locality.named(asked.schedule().schedule, self.release(), *key)
        if self.value("zip"):
            return locality.by_zip(asked.schedule().schedule, self.release(), self.value("zip"), self.date)
        return None

    def practitioner_box(self) -> None:
        """Who billed."""
        st.selectbox(
            "Who billed",
            practitioner_types(),
            index=None,
            format_func=kind_words,
            key=self.key("kind"),
            placeholder="A physician or therapist, paid in full",
            help=words.term("practitioner"),
        )

    def other_boxes(self) -> None:
        """What else a comparison of remittances takes for granted."""
        st.toggle("Expect no deductible", key=self.key("met"), help=words.term("check_deductible"))
        st.toggle("Compare the claims of every payer", key=self.key("all"), help=words.term("check_payers"))
        st.number_input(
            "Cents that a line may be off",
            min_value=0,
            max_value=99,
            step=1,
            key=self.key("cents"),
            help=words.term("check_tolerance"),
        )

    def said(self) -> list[str]:
        """What the boxes behind the button say, for its label."""
        found = self.clinician_said()
        found += [kind_words(self.value("kind"))] if self.value("kind") else []
        if st.session_state["payments_door"] == EOB:
            return found
        found += ["no deductible"] if self.value("met") else []
        found += ["every payer"] if self.value("all") else []
        return found + ([f"{self.value('cents')}¢ tolerance"] if self.value("cents") else [])


HERE = PaymentsWhere("payments_")


def kind_words(kind: str) -> str:
    """A kind of practitioner in words, with what it is paid of the physician's amount where that is not all of it."""
    percent = next(entry["percent"] for entry in policy.load("practitioners")["practitioner"] if kind in entry["types"])
    name = KINDS.get(kind, kind)
    return name if percent == "100" else f"{name} ({percent} percent)"


def _read_door(text: str) -> str:
    if text in DOORS:
        return text
    raise ValueError(text)


def _read_kind(text: str) -> str:
    if text.upper() in practitioner_types():
        return text.upper()
    raise ValueError(text)


def _read_cents(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 99:
        raise ValueError(text)
    return number


def _switch(name: str, label: str) -> Field:
    return Field(HERE.key(name), lambda: False, typed.switch, lambda on: "1" if on else "", label)


DOOR = Field("payments_door", lambda: REMITTANCES, _read_door, lambda v: "" if v == REMITTANCES else str(v), "door")


def fields(door: str) -> tuple[Field, ...]:
    """The inputs of a door, as fields of the address."""
    shared = HERE.fields(lambda on: on.isoformat() if on and on != dt.date.today() else "")
    kind = Field(HERE.key("kind"), lambda: None, _read_kind, lambda v: v or "", "kind")
    both = (shared["zip"], shared["locality"], shared["nonpar"], shared["qp"], kind)
    if door == EOB:
        return (*both, shared["date"], shared["pos"])
    cents = Field(HERE.key("cents"), lambda: 0, _read_cents, lambda v: str(v) if v else "", "cents")
    return (*both, _switch("met", "met"), _switch("all", "all"), cents)


@dataclass(frozen=True)
class Asked:
    """What the boxes ask for; or, where the place is missing, why nothing can be compared and what would mend it.

    `at` is the place inside a sentence. Files are built after the run, when no box can be asked any more: they read it here.
    """

    where: PaidAt | None = None
    settings: Settings = field(default_factory=Settings)
    at: str = ""
    problem: str = ""
    candidates: tuple[Place, ...] = ()


def asked_for(door: str) -> Asked:
    """Read the boxes."""
    try:
        found = HERE.place()
        if found is None:
            return Asked(problem="Where were these services furnished? What Medicare pays depends on the place.")
        if found.place is None:
            several = found.reason == "ambiguous_zip"
            asks = f"ZIP {HERE.value('zip')} lies in more than one payment area. Which one is it?" if several else found.detail
            return Asked(problem=asks, candidates=found.candidates)
        key = HERE.value("locality")
        at = PaidAt(locality="national" if key == NATIONWIDE.key else key) if key else PaidAt(zip=HERE.value("zip"))
        return Asked(at, _settings(door), HERE.at(found.place, "at the national amounts"))
    except FeecalcError as error:
        return Asked(problem=str(error))


def _settings(door: str) -> Settings:
    own: dict[str, Any] = {
        "qp": bool(HERE.value("qp") and HERE.two_factors()),
        "participating": not HERE.value("nonpar"),
        "provider_type": HERE.value("kind"),
    }
    if door == REMITTANCES:
        own["deductible"] = "met" if HERE.value("met") else "remitted"
        own["payers"] = "all" if HERE.value("all") else "medicare"
        own["tolerance"] = int(HERE.value("cents") or 0)
    return Settings(**own)


def mend(of: Asked) -> None:
    """The question, and buttons that answer it."""
    st.warning(words.md(of.problem), icon=":material/help:")
    choices = [(words.locality(place), {"locality": place.key, "zip": ""}) for place in of.candidates]
    national = ("Use the national amount", {"locality": NATIONWIDE.key, "zip": ""})
    where.buttons([*choices, national], "payments_mend", HERE.put)


# Answers, kept ---------------------------------------------------------------------------------------------------------------


class Answer:
    """A comparison, with what was asked of it."""

    def __init__(self, variance: Variance) -> None:
        self.variance = variance
        self._kept: dict[Hashable, Any] = {}

    def _keep(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    @cached_property
    def odd(self) -> pl.DataFrame:
        """The lines that do not match, most money first."""
        found = self.variance.lines.filter(~pl.col("outcome").is_in(["matches", "not priceable"]))
        return found.sort(pl.col("difference").abs(), "row", descending=[True, False])

    def by(self, name: str) -> pl.DataFrame:
        """Variance.by, kept."""
        return self._keep(("by", name), lambda: self.variance.by(name))

    def worklist(self, today: dt.date) -> pl.DataFrame:
        """worklist.worklist, kept."""
        return self._keep(("worklist", today), lambda: worklist.worklist(self.variance, today))

    def arithmetic(self, claim: int) -> dict[int, Arithmetic]:
        """variance.traces.arithmetic of a claim, kept."""
        if len(self._kept) > MOST_CLAIMS:
            self._kept = {key: value for key, value in self._kept.items() if key[0] in ("by", "worklist")}  # type: ignore[index]
        return self._keep(("claim", claim), lambda: arithmetic(self.variance, [claim], asked.schedule()))

    def letter(self, claim: int, today: dt.date) -> str:
        """worklist.letter, kept. Raises InputError as there."""
        return self._keep(("letter", claim, today), lambda: worklist.letter(self.variance, claim, asked.schedule(), today))


def answer(of: Loaded, asked_for: Asked) -> Answer:
    """What was read, compared as it is asked for. Raises InputError as `variance.check` does."""
    assert asked_for.where is not None
    own, at = asked_for.settings, asked_for.where
    key = (of.number, asked.stamp(), repr(at), repr(own))
    answers: dict[Hashable, Answer] = st.session_state.setdefault("payments:answers", {})
    if key in answers:
        answers[key] = answers.pop(key)  # used last
        return answers[key]
    lines = of.held.remittance.lines.height
    with st.spinner(f"Pricing and comparing {lines:,} service lines …", show_time=True):
        answers[key] = Answer(check(of.held.remittance, at, asked.schedule(), own))
    for oldest in list(answers)[:-MOST_ANSWERS]:
        del answers[oldest]
    return answers[key]


def adjustments(of: Held, claim: int, line: int) -> Sequence[tuple[str, str, int]]:
    """What the remittance takes off a line, as it says it: group, reason and cents."""
    own = of.remittance.adjustments.filter(pl.col("claim") == claim, pl.col("line") == line)
    return list(own.select("group", "reason", "amount").iter_rows())
