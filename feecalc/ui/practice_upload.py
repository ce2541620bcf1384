"""A practice's file on its way into the session: a sample or an upload, and the columns shown for confirmation first."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from feecalc.analysis.mix import propose
from feecalc.analysis.mix_columns import MONTHS, Proposal
from feecalc.errors import FeecalcError
from feecalc.ui import practice, words

KINDS = ["csv", "tsv", "txt", "xlsx", "xls", "parquet"]
NOTHING = ""  # a column that is read as nothing

# What a column may be read as, in words.
READ_AS = {
    NOTHING: "not read",
    "hcpcs": "code (CPT or HCPCS)",
    "modifiers": "modifiers",
    "units": "units (volume)",
    "service_date": "date of service",
    "month": "month",
    "visit": "visit or claim number",
    "provider": "provider",
    "payer": "payer",
    "site": "site",
    "pos": "place of service",
    "setting": "setting (office, facility)",
    "zip": "ZIP code",
    "mac": "Medicare contractor (MAC)",
    "locality": "Medicare locality",
    "charge": "charge, whole row",
    "paid": "payment received, whole row",
}


def start() -> None:
    """The page before any volumes: two samples that one click loads, and the upload."""
    if "practice:file" in st.session_state:
        _confirm()
        return
    with st.container(border=True):
        st.markdown("#### Load what your practice did, or look at a sample first.")
        st.markdown(
            "One click loads a sample; a file needs a column of codes and one of units, and may name providers, payers, sites,"
            " months or dates, visits and charges."
        )
        with st.container(horizontal=True):
            for name, label in practice.SAMPLES.items():
                st.button(label, key=f"practice_sample_{name}", icon=":material/play_arrow:", on_click=_sample, args=(name,))
        uploader()


def uploader() -> None:
    """The upload of a file."""
    st.file_uploader(
        "Your own volumes: csv, Excel or parquet",
        type=KINDS,
        key="practice_upload",
        on_change=_uploaded,
        help=words.term("volumes"),
    )
    st.caption(
        "The file stays in this session on this computer: nothing of it is sent, kept or put into the link. Leave out names and"
        " birth dates of patients; none are needed."
    )
    if said := st.session_state.get("practice:refused"):
        st.error(words.md(said), icon=":material/error:")


def _sample(name: str) -> None:
    practice.put_sample(name)
    st.session_state.pop("practice:refused", None)


def _uploaded() -> None:
    """Take over the bytes of an upload, so that they outlive the box. A file that cannot be read at all is refused here."""
    file = st.session_state["practice_upload"]
    state = st.session_state
    state.pop("practice:refused", None)
    if file is None:
        return
    content = file.getvalue()
    try:
        if not content:
            practice.read_file(file.name, content, {})
        found = propose(content, file.name)
    except FeecalcError as error:
        said = str(error)
        state["practice:refused"] = said if said.startswith(file.name) else f"{file.name}: {said}"
        return
    practice.forget()
    state["practice:file"] = (file.name, content, found)


MOST_SHOWN = 16  # letters of a value below its column's box


# Which column is what -------------------------------------------------------------------------------------------------------


def _confirm() -> None:
    """The columns that were recognised, each with a box to change it. Nothing is priced before the answer."""
    name, content, found = st.session_state["practice:file"]
    with st.container(border=True):
        st.markdown(f"#### {words.md(name)}: is every column read as it should be?")
        st.markdown("Your file's column → read as", help=words.term("volumes"))
        chosen, problems = _boxes(found)
        for note in found.notes:
            st.caption(f":material/edit_note: {words.md(note)}")
        for problem in problems:
            st.warning(words.md(problem), icon=":material/help:")
        if said := st.session_state.get("practice:refused"):
            st.error(words.md(said), icon=":material/error:")
        with st.container(horizontal=True):
            st.button(
                "Price these volumes",
                key="practice_confirm",
                type="primary",
                icon=":material/check:",
                disabled=bool(problems),
                on_click=_accept,
                args=(name, content, chosen),
            )
            st.button("Another file", key="practice_another", on_click=drop)


def _boxes(found: Proposal) -> tuple[dict[str, str], list[str]]:
    """A box a column: what the file is to be read as, and what still keeps it from being read."""
    months = [month.column for month in found.months]
    recognised = [(column, wanted) for wanted, text in found.columns.items() for column in _columns(wanted, text, found)]
    open_ones = [(column, None) for several in found.open.values() for text in several for column in _listed(text)]
    answers: dict[str, str | None] = {}
    with st.container(horizontal=True):
        for column, wanted in [*recognised, *((c, w) for c, w in open_ones if c != MONTHS)]:
            answers[column] = _box(column, wanted, found)
    by_month = _months_box(months) if months else ""
    if any(month.month.year is None for month in found.months) or "which year" in st.session_state.get("practice:refused", ""):
        st.text_input("Year of the months", key="practice_year", max_chars=4, placeholder="2025", width=150)
    if found.unread:
        with (
            st.expander(f"Columns that are not read: {', '.join(found.unread)}", icon=":material/visibility_off:"),
            st.container(horizontal=True),
        ):
            for column in found.unread:
                answers[column] = _box(column, NOTHING, found)
    chosen, problems = settled(answers)
    if by_month:
        if chosen["units"]:
            problems.append("Units are read from the columns of the months: another column cannot hold them too.")
        chosen["units"] = MONTHS
    year = st.session_state.get("practice_year", "").strip()
    if year:
        chosen["year"] = year
    elif by_month and any(month.month.year is None for month in found.months):
        problems.append("Of which year are the months? Their columns do not say.")
    return chosen, problems


def _columns(wanted: str, text: str, found: Proposal) -> list[str]:
    """The columns of the file that one of the mix is read from: several of modifiers are parted by commas."""
    if wanted == "units" and text == MONTHS and found.months:
        return []
    return _listed(text) if wanted == "modifiers" else [text]


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _box(column: str, wanted: str | None, found: Proposal) -> str | None:
    """The box of a column, with its first values below, by which a person tells what it holds."""
    options = list(READ_AS)
    with st.container(width=225, gap="xxsmall"):
        answer: str | None = st.selectbox(
            f"**{words.md(column)}** →",
            options,
            index=None if wanted is None else options.index(wanted),
            format_func=READ_AS.__getitem__,
            key=f"practice_column_{column}",
            placeholder="choose",
        )
        values = " · ".join(_short(value) for value in found.first.get(column, ()))
        st.caption(words.md(values) if values else "no values")
    return answer


def _short(value: str) -> str:
    return value if len(value) <= MOST_SHOWN else f"{value[: MOST_SHOWN - 1]}…"


def _months_box(months: Sequence[str]) -> str:
    """The columns that each hold a month."""
    answer: str | None = st.selectbox(
        f"**{words.md(months[0])} … {words.md(months[-1])}** ({len(months)} columns) →",
        [MONTHS, NOTHING],
        format_func={MONTHS: "units, a column a month", NOTHING: "not read"}.__getitem__,
        key="practice_months",
        width=300,
    )
    return answer or NOTHING


def settled(answers: dict[str, str | None]) -> tuple[dict[str, str], list[str]]:
    """The answers as `read_mix` takes them: column of the mix -> column of the file; and what is wrong with them."""
    problems = [f"Say what column {column} is." for column, wanted in answers.items() if wanted is None]
    chosen = dict.fromkeys((name for name in READ_AS if name), "")
    for column, wanted in answers.items():
        if not wanted:
            continue
        if chosen[wanted] and wanted != "modifiers":
            problems.append(f"{chosen[wanted]} and {column} are both read as {READ_AS[wanted]}: keep one of them.")
        chosen[wanted] = f"{chosen[wanted]}, {column}" if chosen[wanted] else column
    if not chosen["hcpcs"]:
        problems.append("No column is read as the code. Which one holds the CPT or HCPCS codes?")
    return chosen, problems


def _accept(name: str, content: bytes, chosen: dict[str, str]) -> None:
    """Read the file as confirmed."""
    state: Any = st.session_state
    state.pop("practice:refused", None)
    try:
        practice.put(name, practice.read_file(name, content, chosen))
    except FeecalcError as error:
        state["practice:refused"] = str(error)


def drop() -> None:
    """Begin anew with another file."""
    practice.forget()
    st.session_state.pop("practice:refused", None)


def reopen() -> None:
    """Go back to the columns of the file."""
    st.session_state.pop("practice:loaded", None)


# What was read ---------------------------------------------------------------------------------------------------------------


def loaded_line(of: practice.Loaded) -> None:
    """Which volumes these are, and the ways to others."""
    with st.container(horizontal=True, vertical_alignment="center"):
        rows = of.mix.rows.height
        period = f", {of.period}" if of.period else ""
        st.markdown(
            f":material/table: **{words.md(of.name)}**: {rows:,} rows of volume{period}",
            width="content",
        )
        if "practice:file" in st.session_state:
            st.button("Change the columns", key="practice_reopen", on_click=reopen, type="tertiary")
        st.button("Other volumes", key="practice_drop", on_click=drop, type="tertiary", icon=":material/upload:")


def left_out(of: practice.Loaded) -> None:
    """What was repaired, passed over and rejected, row by row."""
    mix = of.mix
    said = [note for note in mix.notes if not note.startswith("Column read as")]
    count = mix.rejects.height
    counts = [f"{len(said)} note{'' if len(said) == 1 else 's'}"] if said else []
    counts += [f"{count:,} value{'' if count == 1 else 's'} that could not be read"] if count else []
    title = ": ".join(["How the file was read", *([", ".join(counts)] if counts else [])])
    with st.expander(title, icon=":material/fact_check:"):
        read = " · ".join(f"`{column}` → {READ_AS[wanted]}" for wanted, column in mix.columns.items() if wanted in READ_AS)
        st.markdown(read)
        for note in said:
            st.markdown(f"- {words.md(note)}")
        if count:
            st.dataframe(
                mix.rejects,
                hide_index=True,
                height=min(260, 40 + 35 * count),
                column_config={"row": "Row of the file", "column": "Column", "value": "Value", "why": "Why it was not read"},
            )
