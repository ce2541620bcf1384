"""Check payments: what Medicare paid, against what it should have paid, and why they differ."""

import streamlit as st

from feecalc.errors import FeecalcError
from feecalc.ui import (
    address,
    payments,
    payments_answer,
    payments_eob,
    payments_files,
    payments_lines,
    payments_upload,
    shell,
    words,
)
from feecalc.ui.payments import DOOR, DOORS, EOB, HERE, REMITTANCES, Loaded

PAGE = "payments"


def page() -> None:
    """The page, from top to bottom: the door, then the answer and what it was asked, then the detail."""
    told = address.restore(PAGE, (DOOR,))
    chosen = st.segmented_control(
        "What do you have?", list(DOORS), format_func=DOORS.__getitem__, key=DOOR.key, required=True, help=words.term("eob")
    )
    address.publish(PAGE, (DOOR,))
    door = chosen or REMITTANCES
    fields = payments.fields(door)
    told += address.restore(f"{PAGE}-{door}", fields)
    repaired = HERE.tidy()
    told += [repaired] if repaired else []
    if door == EOB:
        _inputs(door)
        _publish(door, told)
        payments_eob.section(payments.asked_for(door))
        return
    dropped = payments.dropped()
    if payments.loaded() is None and dropped is not None and payments_upload.waiting(dropped):
        _publish(door, told)
        return
    of = payments.loaded()
    if of is None:
        payments_upload.start()
        _publish(door, told)
        return
    head = st.container(border=True)  # filled when the boxes have been read
    _inputs(door)
    _publish(door, told)
    _answer(of, head)


def _publish(door: str, told: list[str]) -> None:
    """Write the inputs into the address; tell what a link held that cannot be read, and what was repaired."""
    address.publish(f"{PAGE}-{door}", payments.fields(door))
    for said in told:
        st.caption(f":material/edit_note: {words.md(said)}")


def _inputs(door: str) -> None:
    """Where, when and by whom, in one row on a desk."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        HERE.zip_box()
        HERE.locality_box(HERE.release())
        if door == EOB:
            HERE.date_box()
            HERE.setting_box()
        said = HERE.said()
        with st.popover(", ".join(said) if said else "More", icon=":material/tune:"):
            HERE.practitioner_box()
            HERE.clinician_switches()
            if door == REMITTANCES:
                HERE.other_boxes()


def _answer(of: Loaded, head: st.delta_generator.DeltaGenerator) -> None:
    asked_for = payments.asked_for(REMITTANCES)
    if asked_for.where is None:
        with head:
            payments.mend(asked_for)
            payments_upload.loaded_line(of)
        payments_upload.how_read(of)
        return
    try:
        with head:
            answer = payments.answer(of, asked_for)
    except FeecalcError as error:
        with head:
            st.error(words.md(str(error)), icon=":material/error:")
            payments_upload.loaded_line(of)
        payments_upload.how_read(of)
        return
    with head:
        payments_answer.head(of, answer, asked_for)
        payments_upload.loaded_line(of)
        payments_files.files(of, answer, asked_for)
    payments_answer.picture(answer)
    payments_lines.section(of, answer, asked_for)
    payments_files.section(of, answer, asked_for)
    payments_answer.totals(of, answer, asked_for)
    payments_answer.not_compared(of, answer)
    payments_upload.how_read(of)


with shell.frame("Check payments", "What Medicare paid, against what it should have paid, and why they differ."):
    page()
