"""Which code for which goal: the guide as a panel of a page. It knows no price, and hands back the code that was chosen."""

import datetime as dt
from collections.abc import Callable

import streamlit as st

from feecalc import guide
from feecalc.api import OpenSchedule


def panel(opened: OpenSchedule, on: dt.date, discipline: str | None, choose: Callable[[str], None]) -> None:
    """Ask for a goal, show the codes that serve it in the order of their numbers, and call `choose` with the one picked."""
    wanted = st.text_input(
        "What is the goal?",
        placeholder="balance, walking, dressing, home exercise …",
        key="goal",
        help="In your own words. The guide compares codes; it never compares what they pay.",
    )
    several = st.toggle("Several patients at once", key="goal: several")
    if not wanted.strip():
        st.caption("For example: " + ", ".join(goal.name for goal in guide.goals()[:12]) + " …")
        return
    found = guide.candidates(wanted, discipline, one_on_one=not several)
    for word in guide.understood(wanted).unknown:
        st.caption(f"The guide does not know “{word}”.")
    if not found:
        st.info("No code of the guide serves that here. Try another word, or another discipline.")
        return
    among = {one.hcpcs for one in found}
    for one in found:
        _card(opened, on, one, among, choose)
    st.caption(" ".join(note.text for note in guide.general()))


def _card(opened: OpenSchedule, on: dt.date, one: guide.Candidate, among: set[str], choose: Callable[[str], None]) -> None:
    entry = one.entry
    with st.container(border=True):
        title, button = st.columns([4, 1], vertical_alignment="center")
        title.markdown(f"`{entry.hcpcs}` **{entry.label}**")
        button.button("Add", key=f"add {entry.hcpcs}", on_click=choose, args=(entry.hcpcs,), width="stretch")
        contact = guide.CONTACTS[entry.contact]
        st.markdown(f"{entry.purpose} {contact[0].upper()}{contact[1:]}; one unit is {entry.unit}.")
        st.markdown(f"The note should show: {'; '.join(entry.record)}.")
        for difference in entry.differences:
            if difference.other in among:
                st.markdown(f"Or `{difference.other}`? {difference.text}")
        st.caption(guide.payable(opened.schedule, entry.hcpcs, on).sentence)
        for note in entry.notes:
            st.caption(f"{note.text} {note.payers} ({note.standing}: {note.source}, {note.as_of})")
