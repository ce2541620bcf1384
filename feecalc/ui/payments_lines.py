"""The lines that differ: found by what became of them, their cause, claim or code; and one of them opened."""

from functools import partial

import polars as pl
import streamlit as st

from feecalc.analysis.variance import Variance
from feecalc.errors import FeecalcError
from feecalc.ui import payments, payments_files, payments_line, shell, words
from feecalc.ui.payments import Answer, Asked, Loaded
from feecalc.ui.payments_line import LAZY, OUTCOMES, Row

OFFERED = 200  # lines that the box offers at once; the boxes above narrow them
WHICH = {"all": "All that differ", "open": "Unexplained", "less": "Paid too little", "more": "Paid too much"}
COLUMNS = {
    "claim_id": st.column_config.TextColumn("Your claim number"),
    "line": st.column_config.NumberColumn("Line", format="localized"),
    "service_date": st.column_config.DateColumn("Date of service", format="YYYY-MM-DD"),
    "hcpcs": st.column_config.TextColumn("Code", help=words.term("code")),
    "modifiers": st.column_config.TextColumn("Modifiers", help=words.term("modifier")),
    "difference": st.column_config.NumberColumn("Difference, $", format="dollar"),
    "outcome": st.column_config.TextColumn("Outcome", width="medium"),
    "causes": st.column_config.TextColumn("Why", width="large"),
    "units": st.column_config.NumberColumn("Units", format="localized"),
    "expected_allowed": st.column_config.NumberColumn("Allowed by the rules, $", format="dollar", help=words.term("allowed")),
    "allowed": st.column_config.NumberColumn("Allowed, $", format="dollar"),
    "expected_paid": st.column_config.NumberColumn("Should be paid, $", format="dollar"),
    "paid": st.column_config.NumberColumn("Paid, $", format="dollar"),
    "codes": st.column_config.TextColumn("Its codes", help=words.term("carc")),
}


def section(of: Loaded, answer: Answer, asked_for: Asked) -> None:
    """The lines, and one of them opened."""
    st.subheader("Lines that differ", anchor=False)
    if answer.odd.is_empty():
        st.caption("None: every line that could be compared was paid as the rules make it.")
        return
    found = _found(answer)
    if found.is_empty():
        st.caption("No line is like that.")
        return
    _table(found)
    build = partial(payments_files.lines_table, of, found)
    shell.downloads("feecalc-payments-lines-that-differ", build, payments_files.notes(of, answer, asked_for), "payments-odd")
    row = _chosen(found)
    if row is not None:
        _open(of, answer, row)


def _table(found: pl.DataFrame) -> None:
    """The lines as a table, whose rows open by a click where it is sent as a whole."""
    shown = Variance.table_of(found.select(list(COLUMNS))).with_columns(pl.col("outcome").replace(OUTCOMES))
    lazy = shown.height > LAZY
    key = f"payments_rows_{hash(tuple(found['row'].head(LAZY)))}"  # a row that was marked is of this list alone
    st.dataframe(
        payments_line.light(shown),
        hide_index=True,
        height=min(380, 40 + 35 * shown.height),
        column_config=COLUMNS,
        alt="Lines that differ",
        key=key,
        on_select="ignore" if lazy else partial(_clicked, key, found["row"]),
        selection_mode="single-row",
        lazy=lazy,
    )


def _clicked(key: str, rows: pl.Series) -> None:
    """Open the line whose row was marked."""
    marked = st.session_state[key].selection.rows
    if marked and marked[0] < min(rows.len(), OFFERED):
        st.session_state["payments_line"] = rows[marked[0]]


def _found(answer: Answer) -> pl.DataFrame:
    """The lines that the boxes ask for."""
    which = st.segmented_control(
        "Show", list(WHICH), format_func=WHICH.__getitem__, key="payments_which", default="all", required=True
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        titles = dict(answer.by("cause").select("cause", "title").iter_rows())
        cause = st.selectbox(
            "Cause",
            list(titles),
            index=None,
            format_func=titles.__getitem__,
            key="payments_cause",
            placeholder="Any",
            filter_mode="contains",
            width=290,
        )
        text = st.text_input("Claim number or code", key="payments_find", placeholder="such as 97110", max_chars=40, width=190)
    found = answer.odd
    if which == "open":
        found = found.filter(pl.col("outcome").is_in(["partly", "unexplained underpayment", "unexplained overpayment"]))
    elif which in ("less", "more"):
        found = found.filter(pl.col("difference") < 0 if which == "less" else pl.col("difference") > 0)
    if cause:
        rows = answer.variance.causes.filter(pl.col("cause") == cause)["row"]
        found = found.filter(pl.col("row").is_in(rows.implode()))
    if wanted := (text or "").strip().upper():
        named = pl.concat_str(
            [pl.col(name).fill_null("") for name in ("claim_id", "payer_claim", "hcpcs")], separator="\n"
        ).str.to_uppercase()
        found = found.filter(named.str.contains(wanted, literal=True))
    return found


def _chosen(found: pl.DataFrame) -> Row | None:
    """The line that is to be opened."""
    offered = {row["row"]: row for row in found.head(OFFERED).iter_rows(named=True)}
    more = f" (the first {OFFERED:,} of {found.height:,}; narrow them above)" if found.height > OFFERED else ""
    number = st.selectbox(
        f"Open a line{more}",
        list(offered),
        index=None,
        format_func=lambda row: label(offered[row]),
        key="payments_line",
        placeholder="the line to look into, most money first",
        filter_mode="contains",
    )
    return offered.get(number) if number is not None else None


def label(row: Row) -> str:
    """A line in a list."""
    apart, outcome = payments_line.off(row["difference"]), OUTCOMES[row["outcome"]]
    return f"{row['claim_id'] or 'no claim number'}, line {row['line']} · {payments_line.code(row)} · {apart} · {outcome}"


def _open(of: Loaded, answer: Answer, row: Row) -> None:
    with st.container(border=True):
        st.markdown(f"#### {words.md(_title(row))}")
        try:
            how = answer.arithmetic(row["claim"]).get(row["row"], payments_line.NOTHING)
        except FeecalcError as error:
            st.error(words.md(str(error)), icon=":material/error:")
            return
        payments_line.show(row, how, payments.adjustments(of.held, row["claim"], row["line"]))


def _title(row: Row) -> str:
    on = f" of {words.day(row['service_date'])}" if row["service_date"] else ""
    return f"Claim {row['claim_id'] or 'without a number'}, line {row['line']}{on}: {payments_line.off(row['difference'])}"
