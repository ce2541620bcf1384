"""Revenue: what Medicare allows for a practice's year, what the practice receives, and what would change it."""

import streamlit as st

from feecalc.errors import FeecalcError
from feecalc.ui import asked, practice, practice_answer, practice_places, practice_upload, practice_what_if, shell, words
from feecalc.ui.address import Field
from feecalc.ui.practice import HERE, Loaded
from feecalc.ui.practice_answer import GROUPS

PAGE = "revenue"


def _read_group(text: str) -> str:
    if text in GROUPS:
        return text
    raise ValueError(text)


def _fields() -> tuple[Field, ...]:
    by = Field(
        "revenue_by", practice.remembered("revenue_by", lambda: "code"), _read_group, lambda v: "" if v == "code" else v, "by"
    )
    return (*practice.fields(), by)


def page() -> None:
    """The page, from top to bottom: the answer, what it was asked, its picture, then the detail."""
    fields = _fields()
    told = practice.restore(PAGE, fields)
    repaired = HERE.tidy()
    of = practice.loaded()
    if of is None:
        practice_upload.start()
        practice.publish(PAGE, fields)
        return
    if st.session_state["revenue_by"] not in of.groups:
        st.session_state["revenue_by"] = "code"
    answer = st.container(border=True)  # filled when the boxes have been read
    practice.inputs(of)
    by = _by(of)
    practice.publish(PAGE, fields)
    for said in (*told, *([repaired] if repaired else [])):
        st.caption(f":material/edit_note: {words.md(said)}")
    _answer(of, by, answer)


def _by(of: Loaded) -> str:
    by = st.segmented_control(
        "Where it comes from, by", of.groups, format_func=GROUPS.__getitem__, key="revenue_by", required=True
    )
    return by or "code"


def _answer(of: Loaded, by: str, head: st.delta_generator.DeltaGenerator) -> None:
    asked_for = practice.asked_for()
    if asked_for.basis is None or asked_for.packing is None:
        with head:
            practice.mend(asked_for)
            practice_upload.loaded_line(of)
        return
    try:
        answer = practice.answer(of, asked_for.basis, asked_for.packing)
    except FeecalcError as error:
        with head:
            st.error(words.md(str(error)), icon=":material/error:")
            practice_upload.loaded_line(of)
        return
    codes = asked.codes(HERE.release())
    with head:
        practice_answer.head(of, answer, asked_for)
        practice_upload.loaded_line(of)
    practice_answer.picture(of, answer, by, codes)
    practice_answer.tables(of, answer, asked_for, by, codes)
    practice_answer.without(answer, codes)
    practice_upload.left_out(of)
    practice_what_if.section(of, answer, asked_for, codes)
    practice_places.section(of, answer, asked_for)
    practice_answer.work(of, answer, asked_for)
    practice_answer.source(of, answer, asked_for, codes)


with shell.frame("Revenue", "What Medicare allows for what your practice did, and what would change it."):
    page()
