"""A practice's volumes in a session: the mix that was loaded, what it is priced at, and the answers kept between reruns.

The volumes lie in the session's memory and go with it. The address bar holds the place, the date and the settings alone.
"""

import datetime as dt
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import streamlit as st

import feecalc
from feecalc import locality
from feecalc.analysis import change, elsewhere, scenarios
from feecalc.analysis.change import Change
from feecalc.analysis.mix import Mix, read_mix
from feecalc.analysis.packing import Packing
from feecalc.analysis.revenue import Basis, Priced, price
from feecalc.analysis.scenarios import Scenario
from feecalc.errors import FeecalcError, InputError
from feecalc.locality import NATIONWIDE, Place
from feecalc.ui import address, asked, typed, where, words
from feecalc.ui.address import Field
from feecalc.ui.where import Where

SAMPLES_FOLDER = Path(feecalc.__file__).resolve().parent / "analysis" / "samples"
SAMPLES = {"therapy_clinic": "A small therapy clinic", "family_practice": "A family practice"}
OWN_DATES, OWN_DAY = "rows", "day"  # what the box "Prices of" offers beside the releases
MOST_ROWS = 800_000  # priced rows kept in a session: some hundred megabytes
FEWEST_ANSWERS, MOST_ANSWERS = 3, 16

T = TypeVar("T")
_numbers = count(1)


# The volumes ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loaded:
    """A mix with the name of its file. `number` tells it from every other that was loaded."""

    name: str
    mix: Mix
    number: int

    @property
    def dated(self) -> bool:
        """Whether every row says when it was."""
        return bool(self.mix.rows.select(pl.coalesce("service_date", "month").is_not_null().all()).item())

    @property
    def groups(self) -> list[str]:
        """By what its totals can be told: by code, and by what the file has columns of."""
        has = {"provider", "payer", "site"} & set(self.mix.columns)
        dates = [] if self.mix.rows["month"].null_count() == self.mix.rows.height else ["month"]
        return ["code", *(name for name in ("provider", "payer", "site") if name in has), *dates]

    @property
    def period(self) -> str:
        """The months that it spans: 'January to December 2025'; blank where it names none."""
        first, last = self.mix.rows.select(pl.col("month").min().alias("a"), pl.col("month").max().alias("b")).row(0)
        if first is None:
            return ""
        if first == last:
            return f"{first:%B %Y}"
        return f"{first:%B} to {last:%B %Y}" if first.year == last.year else f"{first:%B %Y} to {last:%B %Y}"


def loaded() -> Loaded | None:
    """The volumes of the session."""
    found: Loaded | None = st.session_state.get("practice:loaded")
    return found


def put(name: str, mix: Mix) -> None:
    """Take a mix for the session's volumes. Answers to the one before are dropped."""
    st.session_state["practice:loaded"] = Loaded(name, mix, next(_numbers))
    st.session_state["practice:answers"] = {}


def forget() -> None:
    """Drop the volumes, their file and every answer."""
    for name in ("practice:loaded", "practice:file", "practice:chosen", "practice:answers"):
        st.session_state.pop(name, None)


def put_sample(name: str) -> None:
    """Load a sample of feecalc's."""
    forget()
    put(SAMPLES[name], read_mix(SAMPLES_FOLDER / f"{name}.csv"))


def values(of: Loaded, column: str) -> list[str]:
    """The different texts of a column, found once."""
    kept: dict[tuple[int, str], list[str]] = st.session_state.setdefault("practice:values", {})
    if (of.number, column) not in kept:
        for old in [key for key in kept if key[0] != of.number]:
            del kept[old]
        kept[of.number, column] = of.mix.rows[column].drop_nulls().unique().sort().to_list()
    return kept[of.number, column]


# Answers, kept ---------------------------------------------------------------------------------------------------------------


def _kept(key: Hashable, rows: int, make: Callable[[], T]) -> T:
    """An answer, made once. The oldest go first, so that a session of large files stays small."""
    answers: dict[Hashable, Any] = st.session_state.setdefault("practice:answers", {})
    if key in answers:
        answers[key] = answers.pop(key)  # used last
        found: T = answers[key]
        return found
    made = answers[key] = make()
    most = min(MOST_ANSWERS, max(FEWEST_ANSWERS, MOST_ROWS // max(rows, 1)))
    for oldest in list(answers)[:-most]:
        del answers[oldest]
    return made


class Answer:
    """A priced mix, with the totals that were asked of it. `told` is what the levers of a what-if said."""

    def __init__(self, priced: Priced, told: tuple[str, ...] = ()) -> None:
        self.priced, self.told = priced, told
        self._by: dict[tuple[str, ...], pl.DataFrame] = {}
        self._changes: dict[int, Change] = {}

    def by(self, *columns: str) -> pl.DataFrame:
        """Priced.by, kept."""
        if columns not in self._by:
            self._by[columns] = self.priced.by(*columns)
        return self._by[columns]

    def change_from(self, before: "Answer") -> Change:
        """What changed, from another answer to this one; kept with it."""
        if id(before) not in self._changes:
            self._changes = {id(before): change.compare(before.priced, self.priced)}
        return self._changes[id(before)]


def answer(of: Loaded, basis: Basis, packing: Packing, scenario: Scenario | None = None) -> Answer:
    """The volumes priced at a basis, or as a scenario changes both. Raises InputError as `scenarios.apply` and `price` do."""
    rows = of.mix.rows.height

    def make() -> Answer:
        if scenario is None or not scenario.levers:
            return Answer(price(of.mix, basis, asked.schedule(), packing))
        mix, there, told = scenarios.apply(scenario, of.mix, basis)
        return Answer(price(mix, there, asked.schedule(), packing), told)

    levers = scenario.levers if scenario else ()
    key = (of.number, asked.stamp(), basis, packing, levers)
    if key in st.session_state.get("practice:answers", {}):
        return _kept(key, rows, make)
    with st.spinner(f"Pricing {rows:,} rows …", show_time=True):
        return _kept(key, rows, make)


def everywhere(of: Loaded, here: Answer, tell: Callable[[int, int], None] | None) -> pl.DataFrame | None:
    """An answer's volumes in every locality, kept whatever the place; None where that was not worked out and `tell` is None."""
    priced = here.priced
    nowhere = replace(priced.basis, zip=None, locality=None, state=None)
    key = ("everywhere", of.number, asked.stamp(), nowhere, priced.packing)
    if tell is None and key not in st.session_state.get("practice:answers", {}):
        return None
    return _kept(key, of.mix.rows.height, lambda: elsewhere.everywhere(priced, asked.schedule(), tell))


# What it is priced at --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PracticeWhere(Where):
    """Where and when a practice's volumes are priced. Both pages of a practice share the boxes."""

    @property
    def date(self) -> dt.date:
        """The date of service; of rows with their own dates the last."""
        chosen = self.value("prices")
        if chosen == OWN_DATES:
            of = loaded()
            last = of.mix.rows.select(pl.coalesce("service_date", "month").max()).item() if of else None
            return last or dt.date.today()
        if chosen == OWN_DAY:
            return self.value("day") or dt.date.today()
        return asked.schedule().schedule.release(chosen).effective

    def mend_dates(self) -> str:
        """Where the rows have no dates of their own, today's prices stand. Returns that as a sentence."""
        of, chosen = loaded(), self.value("prices")
        if chosen == OWN_DATES and of is not None and not of.dated:
            self.put(prices=todays_release())
            return "Not every row of these volumes has a date: they are priced at one date for all."
        return ""

    def prices_box(self) -> None:
        """The prices of which release, of a day, or of each row's own date."""
        of = loaded()
        named = release_words()
        offered = [*([OWN_DATES] if of is not None and of.dated else []), *named]
        st.selectbox(
            "Prices of",
            offered,
            format_func={OWN_DATES: "each row's own date", **named}.__getitem__,
            key=self.key("prices"),
            help=words.term("prices_of", "release"),
            width=270,
        )
        if self.value("prices") == OWN_DAY:
            st.date_input(
                "Date of service",
                key=self.key("day"),
                min_value=dt.date(2000, 1, 1),
                max_value=dt.date(2099, 12, 31),
                help=words.term("date"),
                persist_state="page",
                width=150,
            )

    def office_box(self) -> None:
        """The setting of rows that name none."""
        st.segmented_control(
            "Setting, where a row names none",
            list(words.SETTINGS),
            format_func={"nonfacility": "Office", "facility": "Facility"}.__getitem__,
            key=self.key("setting"),
            required=True,
            help=words.term("setting_default", "setting"),
        )

    def visit_boxes(self) -> None:
        """What a therapy visit is like, where volumes do not say which visit a unit was of."""
        for name, label in (("units", "Units in a therapy visit"), ("codes", "Different codes in a therapy visit")):
            st.number_input(
                label,
                min_value=1.0,
                max_value=20.0,
                step=0.5,
                format="%.1f",
                key=self.key(f"visit_{name}"),
                help=words.term("therapy_visit", "therapy"),
                width=230,
            )

    def packing(self) -> tuple[Packing, str]:
        """The therapy visit; and a sentence where its boxes contradict each other."""
        units, codes = self.value("visit_units") or 4, self.value("visit_codes") or 3
        if codes > units:
            told = f"A visit of {units:g} units has no more than {units:g} different codes: priced with {units:g}."
            return Packing(f"{units:g}", f"{units:g}"), told
        return Packing(f"{units:g}", f"{codes:g}"), ""

    def basis(self) -> Basis:
        """The boxes as a basis. Raises InputError for a ZIP that is none."""
        return Basis(
            date=None if self.value("prices") == OWN_DATES else self.date,
            zip=self.value("zip") if self.value("zip") and not self.value("locality") else None,
            locality=self.value("locality") or None,
            setting=self.value("setting"),
            qp=bool(self.value("qp") and self.two_factors()),
            participating=not self.value("nonpar"),
        )

    def place(self) -> locality.Answer:
        """The one place for all rows; the nationwide one where none was named. Raises InputError for a ZIP that is none."""
        if self.value("locality"):
            key = locality.parse_key(self.value("locality"))
            return locality.named(asked.schedule().schedule, self.release(), *key)
        if self.value("zip"):
            return locality.by_zip(asked.schedule().schedule, self.release(), self.value("zip"), self.date)
        return locality.Answer(NATIONWIDE)

    def places(self, fields: Sequence[Field]) -> list[Field]:
        """The fields of both pages, which begin as the other page left them."""
        return [Field(f.key, remembered(f.key, f.default), f.read, f.write, f.named) for f in fields]


def todays_release() -> str:
    """The release that serves today; the newest where none does."""
    schedule = asked.schedule().schedule
    serving, _ = schedule.serving(dt.date.today())
    return (serving or schedule.newest).name


def release_words() -> dict[str, str]:
    """The releases in words, the newest first, and a day of one's own."""
    schedule = asked.schedule().schedule
    days = {name: schedule.releases[name].effective for name in reversed(schedule.priceable())}
    return {**{name: f"{name}, from {on:%b} {on.day}, {on.year}" for name, on in days.items()}, OWN_DAY: "a day of your choice"}


def read_prices(text: str) -> str:
    """An address's `prices`. Raises ValueError."""
    if text in (OWN_DATES, OWN_DAY) or text in asked.schedule().schedule.priceable():
        return text
    raise ValueError(text)


def read_half(text: str) -> float:
    """Units or codes of a visit from an address, in halves. Raises ValueError."""
    number = float(text)
    if not 1 <= number <= 20:
        raise ValueError(text)
    return number


def _read_setting(text: str) -> str:
    if text in words.SETTINGS:
        return text
    raise ValueError(text)


HERE = PracticeWhere("practice_")


def fields() -> tuple[Field, ...]:
    """The inputs that both pages share, as fields of the address."""
    shared = HERE.fields(lambda on: "")
    own = (
        Field(HERE.key("prices"), todays_release, read_prices, lambda v: "" if v == todays_release() else str(v), "prices"),
        Field(
            HERE.key("day"),
            dt.date.today,
            typed.date,
            lambda on: on.isoformat() if on and HERE.value("prices") == OWN_DAY else "",
            "date",
        ),
        Field(
            HERE.key("setting"),
            lambda: where.ANY_OFFICE,
            _read_setting,
            lambda v: "" if v == where.ANY_OFFICE else str(v),
            "setting",
        ),
        Field(HERE.key("visit_units"), lambda: 4.0, read_half, lambda v: "" if v in (4, None) else f"{v:g}", "visit_units"),
        Field(HERE.key("visit_codes"), lambda: 3.0, read_half, lambda v: "" if v in (3, None) else f"{v:g}", "visit_codes"),
    )
    return tuple(HERE.places([*(shared[name] for name in ("zip", "locality", "nonpar", "qp")), *own]))


def remembered(key: str, default: Callable[[], Any]) -> Callable[[], Any]:
    """What a box held when either page was last left."""

    def value() -> Any:
        held: dict[str, Any] = st.session_state.get("practice:boxes", {})
        return held[key] if key in held else default()

    return value


def publish(page: str, of: Sequence[Field]) -> None:
    """Write the inputs into the address, and keep them for the other page of the practice, which then begins with them."""
    address.publish(page, of)
    held = st.session_state.setdefault("practice:boxes", {})
    held.update({f.key: st.session_state[f.key] for f in of})
    for other in ("revenue", "contracts"):
        if other != page:
            st.session_state.pop(f"{other}:written", None)


def restore(page: str, of: Sequence[Field]) -> list[str]:
    """Fill the boxes before they are drawn. Returns what could not be read or had to be mended, as sentences."""
    told = address.restore(page, of)
    mended = HERE.mend_dates()
    return [*told, mended] if mended else told


# The place that was asked for ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What the boxes ask for: the place for all rows and the basis; or why it cannot be priced, as a question or a mistake.

    `at` is the place inside a sentence. Files are built when they are asked for, where the boxes can be read no longer.
    """

    place: Place | None = None
    basis: Basis | None = None
    packing: Packing | None = None
    told: tuple[str, ...] = ()
    problem: str = ""
    candidates: tuple[Place, ...] = ()
    at: str = ""


def asked_for() -> Asked:
    """Read the boxes."""
    packing, told = HERE.packing()
    try:
        basis, found = HERE.basis(), HERE.place()
    except FeecalcError as error:
        return Asked(problem=str(error))
    if found.place is None:
        question = "ZIP {} lies in more than one payment area. Which one is it?".format(HERE.value("zip"))
        asks = question if found.reason == "ambiguous_zip" else found.detail
        return Asked(problem=asks, candidates=found.candidates)
    return Asked(found.place, basis, packing, (told,) if told else (), at=HERE.at(found.place, "nationally"))


def mend(of: Asked) -> None:
    """The question, and buttons that answer it."""
    st.warning(words.md(of.problem), icon=":material/help:")
    choices = [(words.locality(place), {"locality": place.key}) for place in of.candidates]
    where.buttons([*choices, ("Use the national amount", {"locality": NATIONWIDE.key})], "practice_mend", HERE.put)


def inputs(of: Loaded) -> None:
    """Where, when and how, in one row on a desk."""
    release = HERE.release()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        HERE.prices_box()
        HERE.zip_box()
        HERE.locality_box(release)
        HERE.office_box()
        said = HERE.clinician_said()
        packing, _ = HERE.packing()
        if str(packing) != str(Packing()):
            said.append(str(packing))
        with st.popover(", ".join(said) if said else "More", icon=":material/tune:"):
            HERE.clinician_switches()
            HERE.visit_boxes()


def read_file(name: str, content: bytes, chosen: dict[str, str]) -> Mix:
    """A mix from an uploaded file. Raises InputError."""
    if not content:
        raise InputError(f"{name} is empty: it has no bytes. Save it again from your practice system, and look inside.")
    return read_mix(content, name, chosen)
