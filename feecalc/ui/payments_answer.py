"""What a comparison comes to, drawn: the sentence, the four numbers, the picture by cause, and the totals behind it."""

from functools import partial

import polars as pl
import streamlit as st

from feecalc.analysis.variance import Variance, codes
from feecalc.money import to_dollars
from feecalc.ui import asked, payments_files, practice_pictures, shell, words
from feecalc.ui.payments import Answer, Asked, Loaded
from feecalc.ui.payments_line import LAZY, counted, dollars, light, off

BARS = 9  # of the picture; the table has them all
BY = {
    "cause": "Cause",
    "payer": "Payer",
    "code": "Code",
    "month": "Month",
    "practitioner": "Practitioner",
    "action": "What to do",
}
MONEY = {
    "less": "Paid too little, $",
    "more": "Paid too much, $",
    "effect": "Together, $",
    "expected_paid": "Should be paid, $",
    "paid": "Paid, $",
    "underpaid": "Paid too little, $",
    "overpaid": "Paid too much, $",
    "difference": "Together, $",
}
COLUMNS = {
    "title": st.column_config.TextColumn("Cause", width="medium"),
    "payer": st.column_config.TextColumn("Payer"),
    "hcpcs": st.column_config.TextColumn("Code", help=words.term("code")),
    "words": st.column_config.TextColumn("In words"),
    "month": st.column_config.TextColumn("Month of service"),
    "npi": st.column_config.TextColumn("Practitioner (NPI)"),
    "action": st.column_config.TextColumn("What to do", width="medium"),
    "lines": st.column_config.NumberColumn("Lines", format="localized"),
    "odd": st.column_config.NumberColumn("Lines that differ", format="localized"),
    "claims": st.column_config.NumberColumn("Claims", format="localized"),
    **{name: st.column_config.NumberColumn(title, format="dollar") for name, title in MONEY.items()},
    "sentence": st.column_config.TextColumn("In a sentence", width="large"),
}


# In sight at once --------------------------------------------------------------------------------------------------------


def head(of: Loaded, answer: Answer, asked_for: Asked) -> None:
    """The answer in a sentence, its four numbers, what to look at, and the release."""
    variance, told = answer.variance, answer.variance.totals
    st.markdown(f"#### {words.md(headline(variance, asked_for))}")
    compared = told["lines"] - told["not priceable"]
    odd = compared - told["matches"]
    sign = "+" if told["difference"] > 0 else ""
    numbers = (
        ("Medicare paid", dollars(told["paid"]), f"{counted(compared, 'line')} compared"),
        ("By the rules", dollars(told["expected_paid"]), "expected"),
        ("Difference", f"{sign}{dollars(told['difference'])}", f"{odd:,} of {counted(compared, 'line')}"),
        ("Explained", _share(told["explained"], odd), f"{told['explained']:,} of {counted(odd, 'line')}"),
    )
    with st.container(horizontal=True, gap="small"):
        for label, value, below in numbers:
            with st.container(width="content", gap="xsmall"):
                st.metric(label, value, width="content")
                st.caption(words.md(below), help=words.term("explained") if label == "Explained" else None)
    if odd:
        little, much = dollars(told["underpaid"]), dollars(told["overpaid"])
        st.markdown(f":material/swap_vert: Paid too little: {words.md(little)}. Paid too much: {words.md(much)}.")
    releases(variance)
    if beware := _beware(of, answer):
        st.markdown(f":material/warning: To look at below: {words.md(', '.join(beware))}.")
    for note in variance.notes:
        st.caption(f":material/info: {words.md(note)}")


def headline(variance: Variance, asked_for: Asked) -> str:
    """The answer in a sentence."""
    told = variance.totals
    compared = told["lines"] - told["not priceable"]
    at = asked_for.at
    if not compared:
        return f"None of {counted(told['lines'], 'service line')} can be compared with Medicare's fee schedule {at}."
    paid, due = dollars(told["paid"]), dollars(told["expected_paid"])
    lines = counted(compared, "service line")
    if told["matches"] == compared:
        return f"Medicare paid {paid} for {lines} {at}: every one as the rules make it."
    return f"Medicare paid {paid} for {lines} {at}; by the rules it should be {due}: {off(told['difference'])} in all."


def _share(part: int, whole: int) -> str:
    return "all match" if not whole else f"{100 * part // whole} %"


def releases(variance: Variance) -> None:
    """The releases that the lines were priced by."""
    used = variance.lines["release"].drop_nulls().unique().sort().to_list()
    if len(used) == 1:
        release = asked.schedule().schedule.releases[used[0]]
        shell.release_line(release, release.name)
    elif used:
        st.markdown(
            f":material/verified: **Releases {', '.join(used)}**, each line by its own date of service",
            help=words.term("release", "cf"),
        )


def _beware(of: Loaded, answer: Answer) -> list[str]:
    told, found = answer.variance.totals, []
    open_lines = told["unexplained underpayment"] + told["unexplained overpayment"] + told["partly"]
    if open_lines:
        found.append(f"{counted(open_lines, 'line')} that no rule explains in full")
    if told["not priceable"]:
        found.append(f"{counted(told['not priceable'], 'line')} not compared")
    errors = of.held.remittance.errors.height
    if errors:
        found.append(f"{counted(errors, 'mistake')} in the files")
    return found


# The picture, and the totals -----------------------------------------------------------------------------------------------


def picture(answer: Answer) -> None:
    """What the difference is made of."""
    causes = answer.by("cause")
    if causes.is_empty():
        return
    st.subheader("What the difference is made of", anchor=False, help=words.term("cause"))
    few = causes if causes.height == BARS + 1 else causes.head(BARS)  # no bar for one other alone
    steps = list(few.select("title", "effect").iter_rows())
    rest = causes.slice(few.height)
    if rest.height:
        steps.append((f"{rest.height} others together", int(rest["effect"].sum())))
    total = answer.variance.totals["difference"]
    alt = "Paid more or less than expected, by cause: " + "; ".join(
        f"{name} {practice_pictures.change(c)}" for name, c in steps
    )
    practice_pictures.causes(steps, total, alt, "payments-causes")


def totals(of: Loaded, answer: Answer, asked_for: Asked) -> None:
    """Totals by cause, payer, code, month, practitioner and what to do."""
    st.subheader("Totals", anchor=False)
    by = st.segmented_control(
        "Totals by", list(BY), format_func=BY.__getitem__, key="payments_by", default="cause", required=True
    )
    by = by or "cause"
    build = partial(table, answer, by)
    shown = build()
    if shown.is_empty():
        st.caption("Nothing was compared, so there is nothing to add up.")
        return
    order = [name for name in COLUMNS if name in shown.columns]
    st.dataframe(
        light(shown.select(order)),
        hide_index=True,
        height=min(380, 40 + 35 * shown.height),
        lazy=shown.height > LAZY,
        column_config=COLUMNS,
        alt=f"Totals by {BY[by].lower()}",
    )
    notes = payments_files.notes(of, answer, asked_for)
    shell.downloads(f"feecalc-payments-by-{by}", build, notes, f"payments-{by}")


def table(answer: Answer, by: str) -> pl.DataFrame:
    """Totals in dollars, codes with their words."""
    frame = Variance.table_of(answer.by(by))
    if by == "code":
        labels = asked.codes(asked.schedule().schedule.newest.name)
        label = pl.col("hcpcs").replace_strict(labels, default="", return_dtype=pl.String).alias("words")
        return frame.select("hcpcs", label, pl.exclude("hcpcs"))
    return frame.drop("cause") if by == "cause" else frame


def not_compared(of: Loaded, answer: Answer) -> None:
    """Why lines were not compared, and what was taken off whole claims and whole payments."""
    found, whole = answer.variance.unpriced, answer.variance.whole_claims
    if found.height:
        with st.expander(f"{counted(int(found['lines'].sum()), 'line')} not compared", icon=":material/visibility_off:"):
            rows = [
                (words.md(row["sentence"] or row["reason"]), f"{row['lines']:,}", words.md(dollars(row["paid"])))
                for row in found.iter_rows(named=True)
            ]
            shell.table(("Why", "Lines", "Paid"), rows, right=(1, 2))
    if whole.height:
        title = f"{counted(whole.height, 'adjustment')} of whole claims, {words.money(to_dollars(int(whole['amount'].sum())))}"
        with st.expander(words.md(title), icon=":material/receipt:"):
            st.caption("No service line bears them, so they are in no line's difference.")
            st.dataframe(
                light(Variance.table_of(whole).select("claim_id", "group", "reason", "amount", "sentence")),
                hide_index=True,
                height=min(260, 40 + 35 * whole.height),
                lazy=whole.height > LAZY,
                column_config={
                    "claim_id": "Your claim number",
                    "group": "Group",
                    "reason": "Reason",
                    "amount": st.column_config.NumberColumn("Taken off, $", format="dollar"),
                    "sentence": st.column_config.TextColumn("In plain words", width="large"),
                },
            )
    _settled(of)


def _settled(of: Loaded) -> None:
    """What payers settled with whole payments: overpayments taken back, interest."""
    found = of.held.remittance.provider_adjustments
    if found.is_empty():
        return
    sums = found.group_by("reason").agg(pl.len(), pl.col("amount").sum()).sort(pl.col("amount").abs(), descending=True)
    with st.expander(words.md(f"Settled with whole payments: {_way(int(sums['amount'].sum()))}"), icon=":material/balance:"):
        st.caption("It belongs to no service line of these files, so it is in no difference. The Excel file has each of them.")
        told = codes.settled()
        rows = [(f"{told.get(code, 'Other')} ({code})", f"{times:,}", _way(cents)) for code, times, cents in sums.rows()]
        shell.table(("What", "Times", "Amount"), [tuple(map(words.md, row)) for row in rows], right=(1, 2))


def _way(cents: int) -> str:
    """An amount that lowers a payment, or adds to it, in words."""
    return f"{dollars(abs(cents))} {'taken off' if cents > 0 else 'added'}"
