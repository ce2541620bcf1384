"""Which codes a table of the fee schedule is to hold: all, therapy, a family, those of the practice, or a list of one's own."""

from collections.abc import Collection
from dataclasses import dataclass

import streamlit as st

from feecalc.analysis.code_lists import FAMILIES, parse
from feecalc.therapy_codes import kinds
from feecalc.ui import practice, words
from feecalc.ui.address import Field

ALL, THERAPY, MINE, VOLUMES = "all", "therapy", "mine", "volumes"
LONGEST = 1_500  # characters of a list that the link takes

LABELS = {
    ALL: "All codes",
    THERAPY: "Therapy codes",
    MINE: "My own list of codes",
    VOLUMES: "The codes of my practice's volumes",
    **{name: f"{label} ({spans.replace(' ', ', ')})" for name, (label, spans) in FAMILIES.items()},
}


@dataclass(frozen=True)
class Chosen:
    """The codes that were chosen; None stands for all of them. `told` says what was left out, `words` what they are."""

    codes: tuple[str, ...] | None
    words: str
    told: tuple[str, ...] = ()
    problem: str = ""


def fields(prefix: str) -> tuple[Field, Field]:
    """The choice and the list as fields of the address. The codes of one's volumes do not stand in a link."""
    return (
        Field(f"{prefix}codes", lambda: ALL, _read_choice, lambda name: "" if name in (ALL, VOLUMES) else str(name), "codes"),
        Field(f"{prefix}list", str, str, lambda text: text if len(text) <= LONGEST else "", "list"),
    )


def _read_choice(text: str) -> str:
    if text in LABELS and text != VOLUMES:
        return text
    raise ValueError(text)


def box(prefix: str, width: int = 330) -> None:
    """The choice, and the box for a list where that is chosen."""
    options = [name for name in LABELS if name != VOLUMES or practice.loaded() is not None]
    if st.session_state[f"{prefix}codes"] not in options:  # the volumes are gone
        st.session_state[f"{prefix}codes"] = ALL
    st.selectbox(
        "Codes",
        options,
        format_func=LABELS.__getitem__,
        key=f"{prefix}codes",
        filter_mode="contains",
        help=words.term("code_choice"),
        width=width,
    )


def list_box(prefix: str) -> None:
    """The list of one's own, where it is asked for."""
    if st.session_state[f"{prefix}codes"] == MINE:
        st.text_area(
            "My codes",
            key=f"{prefix}list",
            placeholder="97110, 97140 99202-99215 971*",
            help="Paste a column of a spreadsheet, or type codes, spans of codes (97110-97150) and beginnings (971*).",
            height=90,
        )


def chosen(prefix: str, known: Collection[str]) -> Chosen:
    """The codes that the boxes stand for, among those that are known."""
    name = st.session_state[f"{prefix}codes"]
    if name == ALL:
        return Chosen(None, "all codes")
    if name == THERAPY:
        return Chosen(tuple(code for code in sorted(kinds()) if code in set(known)), "therapy codes")
    if name == VOLUMES:
        of = practice.loaded()
        rows = [] if of is None else of.mix.rows["hcpcs"].drop_nulls().unique().sort().to_list()
        found = parse(" ".join(rows), known)
        return Chosen(tuple(found.codes), "the codes of my practice", tuple(found.told))
    if name == MINE:
        found = parse(st.session_state[f"{prefix}list"], known)
        problem = "" if found.codes else "Type or paste the codes that you want to see, such as 97110, 97140."
        count = "1 code" if len(found.codes) == 1 else f"{len(found.codes):,} codes"
        return Chosen(tuple(found.codes), f"{count} of my own list", tuple(found.told), problem)
    label, spans = FAMILIES[name]
    return Chosen(tuple(parse(spans, known).codes), f"{label[:1].lower()}{label[1:]}")
