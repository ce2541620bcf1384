"""One service line, opened: the remittance beside the rules, its codes in plain words, the arithmetic, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import polars.selectors as cs
import streamlit as st

from feecalc import policy
from feecalc.analysis.variance import actions, explain_code
from feecalc.analysis.variance.codes import skips
from feecalc.analysis.variance.traces import Arithmetic
from feecalc.money import to_dollars
from feecalc.ui import shell, words

Row = Mapping[str, Any]
LAZY = 1_000  # rows from which a table is sent as one scrolls
NOTHING = Arithmetic((), (), "")  # of a line without an amount

# What became of a line, in words.
OUTCOMES = {
    "matches": "as it should be",
    "explained": "explained",
    "partly": "explained in part",
    "unexplained underpayment": "paid too little, unexplained",
    "unexplained overpayment": "paid too much, unexplained",
    "not priceable": "not compared",
}
# The amounts of a line: what they are called, and the columns that hold what was remitted and what the rules make.
AMOUNTS = (
    ("Allowed", "allowed", "expected_allowed"),
    ("Patient's part", "patient", "expected_patient"),
    ("Sequestration", "sequestration", "expected_sequestration"),
    ("Medicare paid", "paid", "expected_paid"),
)


def dollars(cents: int | None) -> str:
    """$12.34, a minus before the dollar sign, and words where there is no amount."""
    if cents is None:
        return "no amount"
    return f"−{words.money(to_dollars(-cents))}" if cents < 0 else words.money(to_dollars(cents))


def counted(count: int, what: str) -> str:
    """ "1 line", "1,200 lines"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def off(cents: int | None) -> str:
    """A difference with its direction in words: '$12.34 too little'."""
    if not cents:
        return "no difference" if cents == 0 else "no amount"
    return f"{words.money(to_dollars(abs(cents)))} {'too little' if cents < 0 else 'too much'}"


def code(row: Row) -> str:
    """A line's code with its modifiers."""
    return "-".join([str(row["hcpcs"] or "no code"), *str(row["modifiers"] or "").split()])


def light(frame: pl.DataFrame) -> pl.DataFrame:
    """A table for the page: a long one has its money as floats, which go to the browser ten times as fast as decimals."""
    return frame.with_columns(cs.decimal().cast(pl.Float64)) if frame.height > LAZY else frame


def show(row: Row, how: Arithmetic, adjusted: Sequence[tuple[str, str, int]]) -> None:
    """The line in two columns, the remittance's on the right, and below what can be done."""
    why = "" if row["outcome"].startswith("unexplained") else row["causes"] or _without(row)
    st.markdown(f"**{words.md(OUTCOMES[row['outcome']].capitalize())}**{f': {words.md(why)}' if why else ''}")
    for name, text in (("Or", row["alternatives"]), ("A hint", row["hint"]), ("The edit tables", row["edit"])):
        if text:
            st.markdown(f"{name}: {words.md(text)}")
    table(row)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**How the rules make it**")
        _rules(row, how)
    with right:
        st.markdown("**What the remittance says**", help=words.term("carc"))
        _said(row, adjusted)
    if row["outcome"] not in ("matches", "not priceable"):
        action = actions()[row["action"]]
        st.info(f"**{words.md(action.title)}.** {words.md(action.sentence)}", icon=":material/checklist:")


def _without(row: Row) -> str:
    """Why a line was not compared."""
    if row["outcome"] != "not priceable":
        return ""
    sentences = {**{name: one.sentence for name, one in policy.reasons().items()}, **skips()}
    return sentences.get(row["reason"], "")


def table(row: Row) -> None:
    """The amounts side by side."""
    units = words.units(row["units"] or 0)
    st.markdown(words.md(f"{code(row)}, {units}, charged {dollars(row['charge'])}"))
    rows = [(name, words.md(dollars(row[was])), words.md(dollars(row[due]))) for name, was, due in AMOUNTS]
    shell.table(("", "Remittance", "By the rules"), rows, right=(1, 2))  # a fourth column would not fit a phone


def _rules(row: Row, how: Arithmetic) -> None:
    if not how.steps:
        st.caption("There is no arithmetic for this line: it has no amount of its own in the fee schedule.")
        return
    shell.steps(how.steps)
    if row["expected_allowed"] is not None and round(how.steps[-1].end) != row["expected_allowed"]:
        st.caption("The rest is what the other lines of the day were paid more without this one.")
    if how.after:
        st.markdown("**From what is allowed to what is received**")
        shell.steps(how.after)
        part, paid = dollars(row["expected_patient"]), dollars(row["expected_paid"])
        st.markdown(words.md(f"Of this the patient's part is {part}, and Medicare pays {paid}."))
    if how.source:
        st.caption(f":material/verified: {words.md(how.source)}")


def _said(row: Row, adjusted: Sequence[tuple[str, str, int]]) -> None:
    """The remittance's own codes with their amounts, in plain words."""
    for group, reason, amount in adjusted:
        name = f"{group}-{reason}"
        st.markdown(f"`{name}` {words.md(dollars(amount))}  \n{words.md(explain_code(name))}")
    for name in dict.fromkeys(str(row["remarks"] or "").split()):
        st.markdown(f"`{name}` (remark)  \n{words.md(explain_code(name))}")
    if not adjusted and not row["remarks"]:
        st.caption("It names no adjustment and no remark for this line.")
    else:
        groups = {group for group, _, _ in adjusted}
        said = [text for name, text in GROUPS.items() if name in groups]
        st.caption(words.md(" ".join(said)))


# Who bears an adjustment, by the letters before its number.
GROUPS = {
    "CO": "CO: the practice bears it, by its contract with the payer.",
    "PR": "PR: the patient, or the next insurer, pays it.",
    "OA": "OA: another adjustment.",
    "PI": "PI: the payer took it off by its own decision.",
    "CR": "CR: a correction of an earlier decision.",
}
