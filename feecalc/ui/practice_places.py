"""A practice's year in every payment locality: what the same volumes are allowed there, drawn when it is asked for."""

import polars as pl
import streamlit as st

from feecalc.api import Spread, spread
from feecalc.errors import FeecalcError
from feecalc.locality import NATIONWIDE, Place
from feecalc.ui import pictures, practice, practice_answer, shell, words
from feecalc.ui.practice import Answer, Asked, Loaded

COLUMNS = {
    "mac": st.column_config.TextColumn("MAC", help=words.term("mac")),
    "locality": st.column_config.TextColumn("Locality"),
    "name": st.column_config.TextColumn("Name"),
    "state": st.column_config.TextColumn("State"),
    "allowed": st.column_config.NumberColumn("Allowed, $", format="dollar", help=words.term("allowed")),
    "received": st.column_config.NumberColumn("Received, $", format="dollar", help=words.term("received")),
}


@st.fragment
def section(of: Loaded, answer: Answer, asked_for: Asked) -> None:
    """The section: an offer at first, for a large file takes seconds; then the picture, the table and its files."""
    st.subheader("The same year across the country", anchor=False, help=words.term("locality", "gpci"))
    found = practice.everywhere(of, answer, None)
    if found is None:
        found = _offered(of, answer)
    if found is None:
        return
    ends = spread(found)
    if ends is None:
        st.caption("No locality has an amount for these volumes.")
        return
    _drawn(of, answer, asked_for, found, ends)


def _offered(of: Loaded, answer: Answer) -> pl.DataFrame | None:
    """The button, and what was worked out where it was pressed."""
    place = st.empty()
    with place.container():
        st.caption(
            "What these volumes would be allowed in each of Medicare's payment localities, if all of them were given there."
        )
        pressed = st.button("Price them in every locality", key="practice_everywhere", icon=":material/map:")
    if not pressed:
        return None
    bar = place.progress(0.0, text="Pricing the volumes in every locality …")

    def tell(done: int, whole: int) -> None:
        bar.progress(done / whole, text=f"Priced in {done} of {whole} localities …")

    try:
        found = practice.everywhere(of, answer, tell)
    except FeecalcError as error:
        place.error(words.md(str(error)), icon=":material/error:")
        return None
    place.empty()
    return found


def _drawn(of: Loaded, answer: Answer, asked_for: Asked, found: pl.DataFrame, ends: Spread) -> None:
    (low, low_name), (high, high_name) = (
        (words.money(end["allowed"]), words.place(Place(end["mac"], end["locality"], end["name"], end["state"])))
        for end in (ends.lowest, ends.highest)
    )
    said = (
        f"Lowest {low} in {low_name}; median {words.money(ends.median)}; highest {high} in {high_name}. "
        f"{ends.count} payment localities; all services as if given there."
    )
    here = None if asked_for.place in (None, NATIONWIDE) else asked_for.place
    pictures.over_places(found.drop("received"), ends, here, said, "dollars allowed", "Allowed")
    st.caption(words.md(said))
    with st.expander("Table and files of the localities", icon=":material/table:"):
        st.dataframe(found, hide_index=True, height=260, column_config=COLUMNS, alt="Localities")
        notes = [*practice_answer.notes(of, answer.priced, asked_for), ("Localities", said)]
        shell.downloads(f"{practice_answer.file_name(asked_for)}-localities", lambda: found, notes, "practice-localities")
