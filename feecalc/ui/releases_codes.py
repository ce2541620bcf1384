"""Which codes a table of the fee schedule is to hold: all, therapy, a family, those of the practice, or a list of one's own."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

import streamlit as st

from feecalc.therapy_codes import kinds
from feecalc.ui import practice, typed, words
from feecalc.ui.address import Field

ALL, THERAPY, MINE, VOLUMES = "all", "therapy", "mine", "volumes"
LONGEST = 1_500  # characters of a list that the link takes

# Parts of the code book by their numbers, in our words.
FAMILIES = {
    "physical-medicine": ("Physical medicine and rehabilitation", "97010-97799"),
    "speech-hearing": ("Speech, hearing and swallowing", "92502-92700"),
    "office-visits": ("Office visits", "99202-99215"),
    "visits": ("Visits and consultations, all places", "99202-99499"),
    "surgery": ("Surgery", "10004-69990"),
    "radiology": ("Radiology", "70010-79999"),
    "laboratory": ("Laboratory and pathology", "80047-89398"),
    "medicine": ("Medicine, other than visits", "90281-99199"),
    "psychiatry": ("Psychiatry and psychology", "90785-90899 96105-96171"),
    "manual": ("Acupuncture, osteopathic and chiropractic", "97810-97814 98925-98943"),
    "g-codes": ("Medicare's own G codes", "G*"),
}
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


@dataclass
class Parsed:
    """A list of codes as read."""

    codes: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def parse(text: str, known: Collection[str]) -> Parsed:
    """Read codes, spans (97110-97150) and beginnings (971*) that are parted by blanks, commas or lines, against known codes."""
    read, unknown, unread, marks = Parsed(), [], [], []
    ordered = sorted(known)
    among = set(known)
    joined = re.sub(r"\s*[-–—]\s*(?=[0-9A-Z]{5}\b)", "-", typed.tidy(text))
    for token in (one for one in re.split(r"[\s,;|]+", joined) if one):
        one = token.removesuffix(".0")  # a spreadsheet took the code for a number
        found: list[str] = []
        if typed.CODE.fullmatch(one):
            found = [one] if one in among else []
        elif span := re.fullmatch(r"([0-9A-Z]{5})-([0-9A-Z]{5})", one):
            first, last = sorted(span.groups())
            found = [code for code in ordered if first <= code <= last]
        elif begins := re.fullmatch(r"([0-9A-Z]{1,4})\*", one):
            found = [code for code in ordered if code.startswith(begins[1])]
        elif marked := re.fullmatch(r"([0-9A-Z]{5})((?:-[0-9A-Z]{2})+)", one):
            found = [marked[1]] if marked[1] in among else []
            marks.append(one)
        else:
            unread.append(token)
            continue
        if not found:
            unknown.append(one)
        read.codes += found
    read.codes = list(dict.fromkeys(read.codes))
    if unread:
        read.told.append(f"Not read as codes: {_listed(unread)}. A code has five characters, such as 97110 or G0283.")
    if unknown:
        read.told.append(f"Not in the fee schedule: {_listed(unknown)}.")
    if marks:
        read.told.append(f"The modifiers of {_listed(marks)} were left out: every row of these codes is shown.")
    return read


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8:,} more" if len(names) > 8 else shown


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
        return Chosen(tuple(found.codes), f"{len(found.codes):,} codes of my own list", tuple(found.told), problem)
    label, spans = FAMILIES[name]
    return Chosen(tuple(parse(spans, known).codes), f"{label[:1].lower()}{label[1:]}")
