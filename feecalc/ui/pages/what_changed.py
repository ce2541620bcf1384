"""What changed: two releases of the fee schedule beside each other, and one code over all of them."""

import streamlit as st

from feecalc.errors import FeecalcError
from feecalc.locality import Place
from feecalc.ui import address, asked, releases_changes, releases_codes, releases_history, releases_place, shell, typed, words
from feecalc.ui.address import Field
from feecalc.ui.where import Where

PAGE = "changes"
PREFIX = "changes_"
HERE = Where(PREFIX)


# The inputs ----------------------------------------------------------------------------------------------------------------


def _newest(place: int) -> str:
    """The newest release but so many."""
    names = asked.schedule().schedule.priceable()
    return names[max(len(names) - 1 - place, 0)]


def _read_release(text: str) -> str:
    name = text.strip().upper()
    if name in asked.schedule().schedule.priceable():
        return name
    raise ValueError(text)


def _fields() -> tuple[Field, ...]:
    return (
        Field(f"{PREFIX}before", lambda: _newest(1), _read_release, str, "before"),
        Field(f"{PREFIX}after", lambda: _newest(0), _read_release, str, "after"),
        *releases_codes.fields(PREFIX),
        *releases_place.fields(HERE, PREFIX),
        Field(f"{PREFIX}code", str, str, lambda text: typed.code(text).value, "code"),
    )


def value(name: str) -> str:
    """What a box holds."""
    return str(st.session_state[f"{PREFIX}{name}"])


def _inputs() -> None:
    names = list(reversed(asked.schedule().schedule.priceable()))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, label in (("before", "From release"), ("after", "To release")):
            if st.session_state[f"{PREFIX}{name}"] not in names:  # it was loaded when the box was last drawn
                st.session_state[f"{PREFIX}{name}"] = names[0]
            st.selectbox(label, names, format_func=_dated, key=f"{PREFIX}{name}", help=words.term("release"), width=210)
        st.button("Swap", key=f"{PREFIX}swap", icon=":material/swap_horiz:", on_click=_swap)
        releases_codes.box(PREFIX)
    releases_codes.list_box(PREFIX)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        HERE.zip_box()
        HERE.locality_box(value("after"))
        releases_place.setting_box(PREFIX)
        if HERE.two_factors():
            st.toggle("QP", key=HERE.key("qp"), help=words.term("qp"), persist_state="page")


def _dated(name: str) -> str:
    on = asked.schedule().schedule.releases[name].effective
    return f"{name}, from {on:%b} {on.day}, {on.year}"


def _swap() -> None:
    state = st.session_state
    before, after = value("before"), value("after")
    state[f"{PREFIX}before"], state[f"{PREFIX}after"] = after, before


# The page ------------------------------------------------------------------------------------------------------------------


def page() -> None:
    """The page, from top to bottom: the answer, the inputs, the pictures, the tables; then one code over the years."""
    fields = _fields()
    complaints = address.restore(PAGE, fields)
    opened = asked.schedule()
    after = st.session_state[f"{PREFIX}after"]
    HERE.put(date=opened.schedule.release(after).effective)  # whether there are two factors hangs on the newer date
    repaired = HERE.tidy()
    answer = st.container(border=True)  # filled when the boxes have been read
    _inputs()
    address.publish(PAGE, fields)
    for said in (*complaints, *([repaired] if repaired else [])):
        st.caption(f":material/edit_note: {words.md(said)}")
    place = releases_place.settle(HERE, value("after"), HERE.date)
    if place is not None:
        _compared(place, answer)
        releases_history.section(PREFIX, place, value("setting"), _qp())


def _qp() -> bool:
    return bool(HERE.value("qp") and HERE.two_factors())


def _compared(place: Place, answer: st.delta_generator.DeltaGenerator) -> None:
    """The two releases beside each other."""
    before, after = value("before"), value("after")
    known = {**asked.codes(before), **asked.codes(after)}
    chosen = releases_codes.chosen(PREFIX, known)
    with answer:
        if before == after:
            st.markdown(f"#### {after} is compared with itself: choose another release to compare with.")
            return
        if chosen.problem:
            st.markdown(f"#### {chosen.problem}")
            for said in chosen.told:
                st.caption(words.md(said))
            return
    question = releases_changes.Question(before, after, chosen.codes, place, value("setting"), _qp())
    try:
        told = releases_changes.ask(question, chosen.words)
    except FeecalcError as error:
        with answer:
            st.error(words.md(str(error)), icon=":material/error:")
        return
    with answer:
        releases_changes.head(told, chosen)
    releases_changes.pictures(told.found)
    releases_changes.tables(told)


with shell.frame("What changed", "Two releases of the fee schedule beside each other: codes, points, indexes and payments."):
    page()
