"""Where, when and by what kind of clinician a service was done: the inputs that pages share, and how they are asked about."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from feecalc import policy
from feecalc.api import Circumstances
from feecalc.locality import NATIONWIDE, Place
from feecalc.quote import Quote
from feecalc.ui import asked, typed, words
from feecalc.ui.address import Field

ANY_OFFICE, ANY_FACILITY = "nonfacility", "facility"


@dataclass(frozen=True)
class Where:
    """The boxes of one page. `prefix` begins their keys, so that the inputs of two pages do not mix."""

    prefix: str = ""

    def key(self, name: str) -> str:
        """The widget key of zip, locality, date, pos, nonpar or qp."""
        return f"{self.prefix}{name}"

    def value(self, name: str) -> Any:
        """What a box holds."""
        return st.session_state[self.key(name)]

    def put(self, **values: Any) -> None:
        """Set boxes with one click."""
        st.session_state.update({self.key(name): value for name, value in values.items()})

    def fields(self, write_date: Callable[[dt.date | None], str]) -> dict[str, Field]:
        """The boxes as fields of the address, by name; pages differ in when they write the date."""
        parts: list[tuple[str, Callable[[], Any], Callable[[str], Any], Callable[[Any], str]]] = [
            ("zip", str, str, _blank),
            ("locality", lambda: None, lambda text: typed.tidy(text) or None, _blank),
            ("date", dt.date.today, typed.date, write_date),
            ("pos", lambda: ANY_OFFICE, _read_setting, lambda where: "" if where == ANY_OFFICE else str(where)),
            ("nonpar", lambda: False, typed.switch, lambda on: "1" if on else ""),
            ("qp", lambda: False, typed.switch, lambda on: "1" if on else ""),
        ]
        return {name: Field(self.key(name), default, read, write, name) for name, default, read, write in parts}

    @property
    def without_place(self) -> str:
        """What stands where no place was named, in words."""
        return "National, no local adjustment"

    # Before the boxes are drawn ----------------------------------------------------------------------------------------

    @property
    def date(self) -> dt.date:
        """The date of service; today where the box is empty."""
        on: dt.date | None = self.value("date")
        return on or dt.date.today()

    def release(self) -> str:
        """The release whose codes and localities the boxes offer: the date's, else the newest."""
        opened = asked.schedule().schedule
        serving, _ = opened.serving(self.date)
        return (serving or opened.newest).name

    def tidy(self) -> str:
        """Put a pasted ZIP in order before its box is drawn. Returns what was repaired, as a sentence, while it stands."""
        state, key, told_key = st.session_state, self.key("zip"), f"{self.prefix}:zip told"
        read = typed.zip_code(state[key])
        if state[key] != read.value:
            state[told_key] = (read.value, read.told)
            state[key] = read.value
        of_zip, told = state.get(told_key, ("", ""))
        return told if of_zip == state[key] else ""

    # The boxes ---------------------------------------------------------------------------------------------------------

    def zip_box(self) -> None:
        """The ZIP code: the first answer to where."""
        st.text_input(
            "ZIP code",
            key=self.key("zip"),
            placeholder="such as 35203",
            max_chars=20,
            help=words.term("zip"),
            on_change=self.put,
            kwargs={"locality": None},  # the newer answer to "where" counts
            width=140,
        )

    def locality_box(self, release: str) -> None:
        """A locality by name, or the national amount, behind a button that names what was chosen."""
        with st.popover(self._locality_label(release), icon=":material/map:"):
            labels = {
                key: words.locality(place) for key, place in {NATIONWIDE.key: NATIONWIDE, **asked.places(release)}.items()
            }
            chosen = self.value("locality")
            if chosen and chosen not in labels:
                labels[chosen] = chosen  # a link may name a locality of another release: the answer says so, the box keeps it
            st.selectbox(
                "State or locality, or National",
                list(labels),
                index=None,
                format_func=labels.__getitem__,
                key=self.key("locality"),
                placeholder="By the ZIP code" if self.value("zip") else self.without_place,
                filter_mode="contains",
                help=words.term("locality"),
                on_change=self.put,
                kwargs={"zip": ""},
                width=330,
            )

    def _locality_label(self, release: str) -> str:
        chosen = self.value("locality")
        if chosen:
            # A locality that the release does not have keeps its key for a name.
            known = NATIONWIDE if chosen == NATIONWIDE.key else asked.places(release).get(chosen, Place("", chosen, chosen))
            return words.place(known)
        return "by name instead" if self.value("zip") else "National, or by name"

    def date_box(self) -> None:
        """The date of service."""
        st.date_input(
            "Date of service",
            key=self.key("date"),
            min_value=dt.date(2000, 1, 1),
            max_value=dt.date(2099, 12, 31),
            help=words.term("date"),
            width=170,
        )

    def setting_box(self) -> None:
        """The place of service, written out."""
        st.selectbox(
            "Place of service",
            _settings(),
            format_func=_setting,
            key=self.key("pos"),
            filter_mode="contains",
            help=words.term("place", "setting"),
            width=240,
        )

    def clinician_switches(self) -> None:
        """Whether the clinician participates, and whether the higher factor holds, where there are two."""
        st.toggle(
            "The clinician does not participate with Medicare",
            key=self.key("nonpar"),
            help=words.term("participating", "nonpar"),
        )
        if self.two_factors():
            st.toggle(
                "The clinician is a Qualifying APM Participant (QP)",
                key=self.key("qp"),
                help=words.term("qp"),
                persist_state="page",
            )
        else:
            st.caption("Only one conversion factor exists for this date; from 2026 there are two.", help=words.term("cf", "qp"))

    def clinician_said(self) -> list[str]:
        """What the switches say, for the label of what hides them."""
        said = ["non-participating"] if self.value("nonpar") else []
        return said + (["QP"] if self.value("qp") and self.two_factors() else [])

    def two_factors(self) -> bool:
        """Whether the date has a second conversion factor."""
        law = policy.conversion_factor(self.date)
        return law is not None and law.qp is not None

    # The question and its place in words -------------------------------------------------------------------------------

    def circumstances(self) -> Circumstances:
        """The boxes as the circumstances of a question."""
        asked_for = Circumstances(
            date=self.date,
            participating=not self.value("nonpar"),
            qp=bool(self.value("qp") and self.two_factors()),
        )
        if self.value("locality"):
            asked_for["locality"] = self.value("locality")
        elif self.value("zip"):
            asked_for["zip"] = self.value("zip")
        if self.value("pos") == ANY_FACILITY:
            asked_for["setting"] = ANY_FACILITY
        elif self.value("pos") != ANY_OFFICE:
            asked_for["pos"] = self.value("pos")
        return asked_for

    def at(self, place: Place | None, national: str) -> str:
        """Where, inside a sentence; `national` for the national amount."""
        if place is None or place == NATIONWIDE:
            return national
        by_zip = self.value("zip") and not self.value("locality")
        return f"at ZIP {self.value('zip')} in {words.place(place)}" if by_zip else f"in {words.place(place)}"

    def question(self, quote: Quote) -> str:
        """What a question without a place or a release asks back; its own sentence for other reasons."""
        if quote.reason == "no_release":
            loaded = asked.schedule().schedule.priceable()
            return f"No fee schedule of {quote.date.year} is loaded. Loaded: {loaded[0]} to {loaded[-1]}."
        if quote.reason == "ambiguous_zip":
            return f"ZIP {self.value('zip')} lies in more than one payment area. Which one is it?"
        return quote.sentence

    def mend(self, quote: Quote) -> None:
        """Buttons that answer what a question without a place or a release asks back."""
        choices: list[tuple[str, dict[str, Any]]]
        if quote.reason == "no_release":
            newest = asked.schedule().schedule.newest
            choices = [(f"Price by {newest.name}, on {words.day(newest.effective)}", {"date": newest.effective})]
        else:
            choices = [(words.locality(place), {"locality": place.key}) for place in quote.candidates]
            if quote.place is None:
                choices.append(("Use the national amount", {"locality": NATIONWIDE.key}))
        buttons(choices, f"{self.prefix}mend", self.put)
        if quote.reason == "ambiguous_zip":
            st.caption(words.md(quote.place_answer.detail))


def buttons(choices: Sequence[tuple[str, dict[str, Any]]], key: str, put: Callable[..., None]) -> None:
    """One button a choice; a click calls `put` with the choice's values."""
    with st.container(horizontal=True):
        for number, (label, values) in enumerate(choices):
            st.button(label, key=f"{key}-{number}", on_click=put, kwargs=values, wrap=True)


def _blank(value: Any) -> str:
    return str(value) if value else ""


def _settings() -> list[str]:
    return [ANY_OFFICE, ANY_FACILITY, *policy.load("places_of_service")["pos"]]


def _setting(choice: str) -> str:
    if choice == ANY_OFFICE:
        return "Any office, home or clinic"
    return "Any hospital or facility" if choice == ANY_FACILITY else words.pos(choice)


def _read_setting(text: str) -> str:
    if text in _settings():
        return text
    raise ValueError(text)
