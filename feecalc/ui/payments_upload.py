"""Files of payments on their way into the session: the sample or an upload, and a table's columns shown for confirmation."""

from dataclasses import replace
from typing import Any

import streamlit as st

from feecalc.analysis import paid_files
from feecalc.analysis.paid_files import Dropped, Table
from feecalc.analysis.paid_lines import Proposal
from feecalc.claims.files import File
from feecalc.errors import FeecalcError
from feecalc.ui import payments, words
from feecalc.ui.payments import Loaded
from feecalc.ui.payments_line import LAZY, counted

NOTHING = ""  # a column that is read as nothing
MANY = ("modifiers",)  # what several columns may hold together
MEGABYTE = 1_000_000  # bytes, as people count them

# What a column may be read as, in words.
READ_AS = {
    NOTHING: "not read",
    "hcpcs": "code (CPT or HCPCS)",
    "modifiers": "modifiers",
    "units": "units paid",
    "units_billed": "units billed",
    "service_date": "date of service",
    "service_date_to": "last date of service",
    "charge": "charge, $",
    "allowed": "allowed, $",
    "paid": "paid by the payer, $",
    "deductible": "deductible, $",
    "coinsurance": "coinsurance, $",
    "copay": "copay, $",
    "patient_responsibility": "patient's part in all, $",
    "write_off": "written off, $",
    "sequestration": "sequestration, $",
    "adjustments": "adjustment codes with amounts",
    "remarks": "remark codes",
    "claim_id": "your claim number",
    "line": "line of the claim",
    "payer": "payer",
    "payer_id": "payer's number",
    "check_number": "check or transfer number",
    "paid_date": "date of payment",
    "status": "claim status",
    "filing": "kind of insurance (MB, MA …)",
    "payer_claim": "payer's claim number",
    "pos": "place of service",
    "rendering_npi": "practitioner (NPI)",
    "payee_npi": "paid to (NPI)",
    "line_control": "line control number",
}


def start() -> None:
    """The page before any remittance: the sample that one click loads, and the upload."""
    with st.container(border=True):
        st.markdown("#### Drop the remittances that came, and see what Medicare should have paid.")
        st.markdown(
            "Every service line is priced again; each difference gets the rule that explains it, or is marked as unexplained.",
            help=words.term("remittance"),
        )
        st.button("Use the sample", key="payments_sample", icon=":material/play_arrow:", on_click=payments.put_sample)
        uploader()


def uploader() -> None:
    """The upload of files."""
    st.toggle(
        "Keep patients' names and member numbers for the export",
        key="payments_names",
        help=words.term("keep_patients"),
    )
    st.file_uploader(
        "Remittances (835 files as they come), or tables of paid lines (csv, Excel)",
        key="payments_upload",
        accept_multiple_files=True,
        on_change=_uploaded,
        help=words.term("paid_lines"),
    )
    st.caption(
        "Files stay in this session's memory on this computer: nothing of them is sent or put into the link, and all of it is"
        " gone when the page is closed."
    )
    for said in st.session_state.get("payments:refused", ()):
        st.error(words.md(said), icon=":material/error:")


def _uploaded() -> None:
    """Take over the bytes of an upload, so that they outlive the box."""
    state: Any = st.session_state
    files = [File(one.name, one.getvalue()) for one in state["payments_upload"] or ()]
    keep = bool(state["payments_names"])
    payments.forget()
    if files:
        state["payments:dropped"] = paid_files.sort(files, keep)


# Tables, confirmed -----------------------------------------------------------------------------------------------------------


def waiting(of: Dropped) -> bool:
    """Ask about the columns of the next table; once none is left, read everything. True where something is still asked."""
    for place, table in enumerate(of.tables):
        if table.chosen is None:
            _confirm(of, place, table)
            return True
    _read(of)
    return payments.loaded() is None


def _read(of: Dropped) -> None:
    """Read what was dropped. Where it cannot be read, say so and begin anew."""
    state = st.session_state
    count = len(of.remittances) + len(of.tables)
    size = f"{of.size / MEGABYTE:,.1f} MB"
    try:
        with st.spinner(f"Reading {counted(count, 'file')}, {size} …", show_time=True):
            held = paid_files.read(of)
    except FeecalcError as error:
        payments.forget()
        state["payments:refused"] = (*of.refused, str(error))
        start()
        return
    if held.names:
        payments.put(held)
        return
    payments.forget()
    state["payments:refused"] = held.refused
    start()


def _confirm(of: Dropped, place: int, table: Table) -> None:
    """The columns that were recognised, each with a box to change it. Nothing is priced before the answer."""
    with st.container(border=True):
        st.markdown(f"#### {words.md(table.file.name)}: is every column read as it should be?")
        st.markdown("Your file's column → read as", help=words.term("paid_lines"))
        chosen, problems = _boxes(table.found, place)
        for note in table.found.notes:
            st.caption(f":material/edit_note: {words.md(note)}")
        for problem in problems:
            st.warning(words.md(problem), icon=":material/help:")
        for said in of.refused:
            st.error(words.md(said), icon=":material/error:")
        with st.container(horizontal=True):
            st.button(
                "Check these payments",
                key="payments_confirm",
                type="primary",
                icon=":material/check:",
                disabled=bool(problems),
                on_click=_accept,
                args=(place, chosen),
            )
            st.button("Other files", key="payments_other", on_click=payments.forget)


def _accept(place: int, chosen: dict[str, str]) -> None:
    of = payments.dropped()
    if of is not None:
        tables = list(of.tables)
        tables[place] = replace(tables[place], chosen=chosen)
        st.session_state["payments:dropped"] = replace(of, tables=tuple(tables))


def _boxes(found: Proposal, place: int) -> tuple[dict[str, str], list[str]]:
    """A box a column: what the file is to be read as, and what still keeps it from being read."""
    recognised = {column: wanted for wanted, text in found.columns.items() for column in _columns(wanted, text)}
    undecided = [column for wanted, several in found.open.items() for text in several for column in _columns(wanted, text)]
    answers: dict[str, str | None] = {}
    with st.container(horizontal=True):
        for column, wanted in [*recognised.items(), *((column, None) for column in dict.fromkeys(undecided))]:
            answers[column] = _box(column, wanted, place)
    if found.unread:
        needed = {"hcpcs", "paid"} - set(recognised.values())
        title = f"Columns that are not read: {', '.join(found.unread)}"
        with (
            st.expander(words.md(title), icon=":material/visibility_off:", expanded=bool(needed)),
            st.container(horizontal=True),
        ):
            for column in found.unread:
                answers[column] = _box(column, NOTHING, place)
    return settled(answers)


def _columns(wanted: str, text: str) -> list[str]:
    """The columns of the file that one of paid lines is read from: several of modifiers are parted by commas."""
    return [part.strip() for part in text.split(",")] if wanted in MANY else [text]


def _box(column: str, wanted: str | None, place: int) -> str | None:
    options = list(READ_AS)
    answer: str | None = st.selectbox(
        f"**{words.md(column)}** →",
        options,
        index=None if wanted is None else options.index(wanted),
        format_func=READ_AS.__getitem__,
        key=f"payments_column_{place}_{column}",
        placeholder="choose",
        width=225,
    )
    return answer


def settled(answers: dict[str, str | None]) -> tuple[dict[str, str], list[str]]:
    """The answers as `paid_lines.read` takes them: column of paid lines -> column of the file; and what is wrong with them."""
    problems = [f"Say what column {column} is." for column, wanted in answers.items() if wanted is None]
    chosen = dict.fromkeys((name for name in READ_AS if name), "")
    for column, wanted in answers.items():
        if not wanted:
            continue
        if chosen[wanted] and wanted not in MANY:
            problems.append(f"{chosen[wanted]} and {column} are both read as {READ_AS[wanted]}: keep one of them.")
        chosen[wanted] = f"{chosen[wanted]}, {column}" if chosen[wanted] else column
    for name, what in (("hcpcs", "the CPT or HCPCS codes"), ("paid", "what was paid")):
        if not chosen[name]:
            problems.append(f"No column is read as {READ_AS[name]}. Which one holds {what}?")
    return chosen, problems


# What was read ---------------------------------------------------------------------------------------------------------------


def loaded_line(of: Loaded) -> None:
    """Which files these are, whether they name patients, and the way to others."""
    held = of.held.remittance
    with st.container(horizontal=True, vertical_alignment="center"):
        claims, lines = counted(held.claims.height, "claim"), counted(held.lines.height, "service line")
        st.markdown(f":material/receipt_long: **{words.md(of.words)}**: {claims}, {lines}", width="content")
        st.button("Other files", key="payments_drop", on_click=payments.forget, type="tertiary", icon=":material/upload:")
    for said in of.held.refused:
        st.error(words.md(f"Left out: {said}"), icon=":material/error:")
    if of.held.patients is not None:
        st.caption(":material/person: Patients' names and member numbers are kept for the export, in this session alone.")


def how_read(of: Loaded) -> None:
    """What was wrong with the files, by segment or row, and what to do."""
    problems = of.held.remittance.problems
    if problems.is_empty():
        return
    counts = {name: problems.filter(severity=name).height for name in ("error", "warning", "note")}
    told = ", ".join(counted(n, name) for name, n in counts.items() if n)
    with st.expander(f"How the files were read: {told}", icon=":material/fact_check:", expanded=bool(counts["error"])):
        st.dataframe(
            problems.select("severity", "file", "segment", "what", "to_do"),
            hide_index=True,
            height=min(300, 40 + 35 * problems.height),
            lazy=problems.height > LAZY,
            column_config={
                "severity": "How grave",
                "file": "File",
                "segment": st.column_config.NumberColumn("Segment or row", help=words.term("segment")),
                "what": st.column_config.TextColumn("What is wrong", width="large"),
                "to_do": st.column_config.TextColumn("What to do", width="large"),
            },
        )
