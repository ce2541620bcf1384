"""One explanation of benefits, typed or pasted: the lines of one visit, which rules make them, and where they depart from them.

What is typed stays in the session: nothing of it is put into the link.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from feecalc.analysis.variance import EobLine, Explained, Variance, explain_eob
from feecalc.analysis.variance.eob import PASTED, adjustment, read_pasted
from feecalc.errors import FeecalcError
from feecalc.ui import asked, payments, payments_line, shell, words
from feecalc.ui.payments import HERE, Asked
from feecalc.ui.payments_line import dollars, off
from feecalc.ui.where import ANY_FACILITY, ANY_OFFICE

COLUMNS = PASTED
Typed = dict[str, str]
NEEDED = {"code": "its code", "billed": "what was billed", "paid": "what was paid"}
EMPTY: list[Typed] = []
POS = {ANY_OFFICE: "11", ANY_FACILITY: "22"}  # the places of service that stand for all of their kind
# A visit as a remittance printed it: the exercise was taken for the day's first service, in place of the activities.
EXAMPLE_PLACE, EXAMPLE_DAY = "35203", dt.date(2026, 4, 10)
EXAMPLE: list[Typed] = [
    dict(zip(COLUMNS, row, strict=True))
    for row in (
        ("97530-GP", "1", "70.00", "23.65", "18.54", "CO-45 46.35, CO-253 0.38, PR-2 4.73", ""),
        ("97110-GP", "2", "130.00", "48.41", "37.96", "CO-45 81.59, CO-253 0.77, PR-2 9.68", ""),
        ("97140-GP", "1", "60.00", "20.25", "15.88", "CO-45 39.75, CO-253 0.32, PR-2 4.05", ""),
    )
]


def section(asked_for: Asked) -> None:
    """The visit, and what makes it."""
    head = st.container(border=True)  # filled when the grid has been read
    st.markdown("**The lines of the visit, as they are printed**", help=words.term("eob"))
    typed = [row for row in _grid() if any(row.values())]
    with st.popover("Paste lines", icon=":material/content_paste:"):
        _paste()
    with head:
        if not typed:
            st.markdown("#### Type one visit's lines, and see which rules make them.")
            st.button("Use an example", key="eob_example", icon=":material/play_arrow:", on_click=_example)
            return
        if asked_for.where is None:
            payments.mend(asked_for)
            return
        lines, problems = read(typed, POS.get(HERE.value("pos"), HERE.value("pos")))
        for problem in problems:
            st.warning(words.md(problem), icon=":material/help:")
        if problems:
            return
        try:
            found = _explained(lines, asked_for)
        except FeecalcError as error:
            st.error(words.md(str(error)), icon=":material/error:")
            return
        _head(found, asked_for)
    _lines(found, lines)


def _example() -> None:
    """Load the example with its place and day."""
    HERE.put(zip=EXAMPLE_PLACE, locality=None, date=EXAMPLE_DAY)
    _begin(EXAMPLE)


# The grid ------------------------------------------------------------------------------------------------------------------


def _begin(rows: Sequence[Typed]) -> None:
    """Draw the grid anew from these rows: its own edits belong to the rows that it began with."""
    state = st.session_state
    state["eob:base"] = state["eob:rows"] = [dict(row) for row in rows]
    state["eob:grid"] = state.get("eob:grid", 0) + 1


def _grid() -> list[Typed]:
    """The grid as it stands; whoever comes back to it finds it as it was left."""
    state = st.session_state
    if f"eob_grid_{state.get('eob:grid', 0)}" not in state:
        _begin(state.get("eob:rows", EMPTY))
    column = partial(st.column_config.TextColumn, default="")
    heads = {
        "code": column("Code", width=120, help=f"{words.term('code')} Such as 97110-GP."),
        "units": column("Units", width=68, help=words.term("eob_units")),
        "billed": column("Billed, $", width=86),
        "allowed": column("Allowed, $", width=102, help=words.term("eob_allowed")),
        "paid": column("Paid, $", width=78, help=words.term("eob_paid")),
        "adjusted": column("Adjustments", width=226, help=words.term("eob_adjusted")),
        "remarks": column("Remarks", width=86, help=words.term("eob_remarks")),
    }
    base = state["eob:base"]
    edited = st.data_editor(
        pl.DataFrame({name: [row[name] for row in base] for name in COLUMNS}, schema=dict.fromkeys(COLUMNS, pl.String)),
        key=f"eob_grid_{state['eob:grid']}",
        column_config=heads,
        num_rows="dynamic",
        hide_index=True,
        alt="The lines of the visit",
    )
    state["eob:rows"] = [{name: (row[name] or "").strip() for name in COLUMNS} for row in edited.iter_rows(named=True)]
    found: list[Typed] = state["eob:rows"]
    return found


def _paste() -> None:
    """Lines as text, in place of those of the grid."""
    st.text_area(
        "Lines of a spreadsheet, or as they are printed",
        key="eob_pasted",
        height=150,
        placeholder="97530-GP 1 70.00 32.42 25.42 CO-45 37.58, CO-253 0.52, PR-2 6.48",
        help=words.term("eob_pasted"),
    )
    st.button("Read these lines", key="eob_paste", on_click=_pasted, type="primary")
    for said in st.session_state.get("eob:pasted said", ()):
        st.caption(f":material/edit_note: {words.md(said)}")


def _pasted() -> None:
    found, problems = read_pasted(st.session_state["eob_pasted"] or "")
    if found:
        _begin(found)
    taken = f"{payments_line.counted(len(found), 'line')} read." if found else "No line could be read; nothing was changed."
    st.session_state["eob:pasted said"] = [taken, *problems]


def read(typed: Sequence[Typed], pos: str | None = None) -> tuple[list[EobLine], list[str]]:
    """The rows as lines of an explanation of benefits, furnished at a place of service; and what still has to be said."""
    lines, problems = [], []
    for number, row in enumerate(typed, 1):
        missing = [what for name, what in NEEDED.items() if not row[name]]
        if missing:
            problems.append(f"Line {number}: say {' and '.join(missing)}.")
            continue
        units = row["units"].removesuffix(".0")
        if units and not re.fullmatch(r"[0-9]{1,4}", units):
            problems.append(f"Line {number}: “{row['units']}” is not a whole number of units, such as 2.")
            continue
        code = "-".join(row["code"].upper().replace("-", " ").split())
        lines.append(
            EobLine(
                code=f"{code}x{units}" if units else code,
                billed=row["billed"],
                paid=row["paid"],
                allowed=row["allowed"] or None,
                adjusted=[part for part in re.split(r"\s*[,;\n]\s*(?=[A-Za-z])", row["adjusted"]) if part.strip()],
                pos=pos,
                remarks=" ".join(re.split(r"[\s,;]+", row["remarks"].upper().strip())),
            )
        )
    return lines, problems


def _explained(lines: Sequence[EobLine], asked_for: Asked) -> Explained:
    """explain_eob, kept until something else is asked. Raises InputError as there."""
    assert asked_for.where is not None
    own = asked_for.settings
    key = (asked.stamp(), repr(lines), repr(asked_for.where), HERE.date, repr(own))
    kept: tuple[object, Explained] | None = st.session_state.get("eob:answer")
    if kept is None or kept[0] != key:
        with st.spinner("Trying the rules …"):
            kept = (key, explain_eob(lines, asked_for.where, HERE.date, asked.schedule(), own))
        st.session_state["eob:answer"] = kept
    return kept[1]


# The answer ----------------------------------------------------------------------------------------------------------------


def _head(found: Explained, asked_for: Asked) -> None:
    """The answer in a sentence, why it differs, and what was assumed."""
    st.markdown(f"#### {words.md(headline(found.variance, asked_for))}")
    for row in found.variance.by_cause().iter_rows(named=True):
        effect = off(row["effect"]) if row["effect"] else "no difference in all"
        st.markdown(f"**{words.md(row['title'])}**: {words.md(effect)}. {words.md(row['sentence'])}")
    schedule = asked.schedule().schedule
    serving, in_force = schedule.serving(HERE.date)
    shell.release_line(serving, in_force)
    for said in (*found.assumptions, *found.variance.notes):
        st.caption(f":material/edit_note: {words.md(said)}")


def headline(variance: Variance, asked_for: Asked) -> str:
    """The answer in a sentence."""
    told = variance.totals
    at = f"{asked_for.at} on {words.day(HERE.date)}"
    if told["not priceable"] == told["lines"]:
        return f"No line of this visit can be compared with Medicare's fee schedule {at}."
    if told["matches"] == told["lines"]:
        return f"Medicare paid {dollars(told['paid'])} for this visit {at}: every line as the rules make it."
    due, apart = dollars(told["expected_paid"]), off(told["difference"])
    return f"Medicare paid {dollars(told['paid'])} for this visit {at}; by the rules it should be {due}: {apart}."


def _lines(found: Explained, lines: Sequence[EobLine]) -> None:
    """Each line with what makes it; those that differ are open."""
    for number in range(1, len(lines) + 1):
        row = found.line(number)
        title = f"Line {number}: {payments_line.code(row)} · {_outcome(row)}"
        with st.expander(words.md(title), expanded=row["outcome"] not in ("matches",), icon=":material/receipt_long:"):
            adjusted = [adjustment(text, number) for text in lines[number - 1].adjusted]
            payments_line.show(row, found.arithmetic[number], adjusted)


def _outcome(row: Mapping[str, Any]) -> str:
    outcome = payments_line.OUTCOMES[row["outcome"]]
    return outcome if not row["difference"] else f"{off(row['difference'])}, {outcome}"
