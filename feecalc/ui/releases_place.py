"""The place that a table of the fee schedule is for: by ZIP, by name, or nationwide; asked back where it is not one."""

import datetime as dt

import streamlit as st

from feecalc import locality
from feecalc.errors import FeecalcError
from feecalc.locality import NATIONWIDE, Answer, Place
from feecalc.ui import asked, words
from feecalc.ui.address import Field
from feecalc.ui.where import Where, buttons

SETTINGS = list(words.SETTINGS)


def fields(here: Where, prefix: str) -> tuple[Field, ...]:
    """ZIP, locality, setting and QP as fields of the address."""
    shared = here.fields(lambda on: "")
    setting = Field(f"{prefix}setting", lambda: SETTINGS[0], _read_setting, lambda v: "" if v == SETTINGS[0] else v, "setting")
    return shared["zip"], shared["locality"], setting, shared["qp"]


def _read_setting(text: str) -> str:
    if text in SETTINGS:
        return text
    raise ValueError(text)


def setting_box(prefix: str) -> None:
    """Office or facility."""
    st.segmented_control(
        "Setting",
        SETTINGS,
        format_func={"nonfacility": "Office", "facility": "Facility"}.__getitem__,
        key=f"{prefix}setting",
        required=True,
        help=words.term("setting"),
    )


def settle(here: Where, release: str, on: dt.date) -> Place | None:
    """The place; None where the boxes do not name one, after it has been asked about with buttons to answer."""
    schedule = asked.schedule().schedule
    try:
        if here.value("locality"):
            answer = locality.named(schedule, release, *locality.parse_key(here.value("locality")))
        elif here.value("zip"):
            answer = locality.by_zip(schedule, release, here.value("zip"), on)
        else:
            answer = Answer(NATIONWIDE)
    except FeecalcError as error:
        st.error(words.md(str(error)), icon=":material/error:")
        return None
    if answer.place is None:
        st.warning(words.md(answer.detail), icon=":material/help:")
        choices = [(words.locality(place), {"locality": place.key, "zip": ""}) for place in answer.candidates]
        buttons([*choices, ("Use the national amounts", {"locality": NATIONWIDE.key, "zip": ""})], here.key("mend"), here.put)
    return answer.place


def said(place: Place) -> str:
    """Where, inside a sentence."""
    return "nationally" if place == NATIONWIDE else f"in {words.place(place)}"
