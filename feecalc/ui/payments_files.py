"""What to do about a comparison: the worklist, a draft letter, and the files of the whole, built when they are asked for."""

import datetime as dt
from dataclasses import replace
from functools import partial

import polars as pl
import streamlit as st

from feecalc import export
from feecalc.analysis import worklist
from feecalc.analysis.remittance.frames import PATIENT
from feecalc.analysis.variance import Variance
from feecalc.errors import FeecalcError
from feecalc.export import Sheet
from feecalc.notices import NOTICES
from feecalc.ui import asked, payments_line, shell, words
from feecalc.ui.payments import Answer, Asked, Loaded

OFFERED = 200  # claims that the box offers at once
STANDINGS = {"open": "open", "late": "the limit has passed", "closed": "nothing can overturn it"}
COLUMNS = {
    "place": st.column_config.NumberColumn("Place", format="localized"),
    "dollars": st.column_config.NumberColumn("To ask for, $", format="dollar"),
    "limit": st.column_config.DateColumn("Last day to ask", format="YYYY-MM-DD", help=words.term("appeal_limit")),
    "days_left": st.column_config.NumberColumn("Days left", format="localized"),
    "action": st.column_config.TextColumn("What to do", width="medium"),
    "claim_id": st.column_config.TextColumn("Your claim number"),
    "line": st.column_config.NumberColumn("Line", format="localized"),
    "hcpcs": st.column_config.TextColumn("Code", help=words.term("code")),
    "service_date": st.column_config.DateColumn("Date of service", format="YYYY-MM-DD"),
    "causes": st.column_config.TextColumn("Why", width="large"),
    "standing": st.column_config.TextColumn("Standing"),
    "age": st.column_config.NumberColumn("Age, days", format="localized", help=words.term("worklist_age")),
    "edit": st.column_config.TextColumn("The edit tables", width="medium", help=words.term("ptp")),
}


def section(of: Loaded, answer: Answer, asked_for: Asked) -> None:
    """What to ask for, most worth first, and the letter for one claim."""
    st.subheader("What to do", anchor=False, help=words.term("worklist"))
    today = dt.date.today()
    found = answer.worklist(today)
    if found.is_empty():
        st.caption("Nothing was paid too little without a rule for it, so there is nothing to ask for.")
        return
    open_ones = found.filter(pl.col("standing") == "open")
    worth = payments_line.dollars(int(open_ones["dollars"].sum()))
    st.markdown(
        words.md(f"{open_ones.height:,} of {found.height:,} lines can still be asked for, {worth} in all.")
        + " An amount is what the rules make of the line, not a promise of payment."
    )
    shown = Variance.table_of(found).with_columns(pl.col("standing").replace(STANDINGS)).select(list(COLUMNS))
    st.dataframe(
        payments_line.light(shown),
        hide_index=True,
        height=min(380, 40 + 35 * shown.height),
        column_config=COLUMNS,
        alt="Worklist",
        lazy=shown.height > payments_line.LAZY,
    )
    build = partial(_with_patients, of, Variance.table_of(found))
    shell.downloads("feecalc-payments-worklist", build, notes(of, answer, asked_for), "payments-worklist")
    _letter(answer, found, today)


def _letter(answer: Answer, found: pl.DataFrame, today: dt.date) -> None:
    """A draft letter for one claim."""
    claims = found.group_by("claim", maintain_order=True).agg(
        pl.col("claim_id").first(), pl.col("dollars").sum(), pl.len().alias("lines")
    )
    offered = {row["claim"]: row for row in claims.head(OFFERED).iter_rows(named=True)}
    more = f" (the first {OFFERED:,} of {claims.height:,})" if claims.height > OFFERED else ""
    claim = st.selectbox(
        f"Draft a letter for a claim{more}",
        list(offered),
        index=None,
        format_func=lambda number: _of_claim(offered[number]),
        key="payments_letter",
        placeholder="the claim to write about",
        filter_mode="contains",
        help=words.term("letter"),
    )
    if claim is None:
        return
    try:
        text = answer.letter(claim, today)
    except FeecalcError as error:
        st.info(words.md(str(error)), icon=":material/info:")
        return
    with st.container(border=True):
        st.code(text, language=None, wrap_lines=True)
        _button("Letter, text", partial(_utf8, text), f"letter-{_plain(offered[claim]['claim_id'])}.txt", "text/plain", "draft")


def _of_claim(row: dict[str, object]) -> str:
    cents, lines = int(str(row["dollars"])), int(str(row["lines"]))
    return f"{row['claim_id'] or 'no claim number'} · {payments_line.dollars(cents)} · {payments_line.counted(lines, 'line')}"


def _plain(text: object) -> str:
    """A claim number as a part of a file's name."""
    return "".join(letter for letter in str(text or "claim") if letter.isalnum() or letter in "-_") or "claim"


def _utf8(text: str) -> bytes:
    return text.encode("utf-8")


# Files ---------------------------------------------------------------------------------------------------------------------


def files(of: Loaded, answer: Answer, asked_for: Asked) -> None:
    """The whole as a workbook, and every line as csv."""
    with st.container(horizontal=True):
        _button("Everything, Excel", partial(book, of, answer, asked_for), "feecalc-payments.xlsx", shell.XLSX, "table")
        _button("Every line, csv", partial(lines_csv, of, answer), "feecalc-payments-lines.csv", "text/csv", "download")
    if of.held.patients is not None:
        st.caption(":material/person: Files with claims name the patients, as you asked when the remittances were loaded.")
    else:
        st.caption("No file names a patient: claims go by the practice's own numbers.")


def _button(label: str, build: partial[bytes], file: str, mime: str, icon: str) -> None:
    st.download_button(
        label, build, file_name=file, mime=mime, key=f"payments-file-{icon}", on_click="ignore", icon=f":material/{icon}:"
    )


def book(of: Loaded, answer: Answer, asked_for: Asked) -> bytes:
    """Every table as one workbook."""
    sheets = [_named(of, sheet) for sheet in worklist.sheets(answer.variance, dt.date.today())]
    sheets += worklist.sheets_of_files(of.held.remittance, keep_references=of.held.patients is not None)
    return export.book_bytes(sheets, [*notes(of, answer, asked_for), *NOTICES])


def lines_csv(of: Loaded, answer: Answer) -> bytes:
    """Every line, compared or not."""
    return export.csv_bytes(lines_table(of, answer.variance.lines))


def lines_table(of: Loaded, lines: pl.DataFrame) -> pl.DataFrame:
    """Some lines of the answer for a file, in dollars."""
    return _with_patients(of, worklist.table_of_lines(lines))


def _named(of: Loaded, sheet: Sheet) -> Sheet:
    return replace(sheet, frame=_with_patients(of, sheet.frame))


def _with_patients(of: Loaded, frame: pl.DataFrame) -> pl.DataFrame:
    """A table of claims with who the patients are, where a person asked for it."""
    if of.held.patients is None or "claim" not in frame.columns:
        return frame
    return frame.join(of.held.patients, on="claim", how="left", maintain_order="left").select(pl.exclude(*PATIENT), *PATIENT)


def notes(of: Loaded, answer: Answer, asked_for: Asked) -> list[tuple[str, str]]:
    """What a file rests on."""
    held = of.held.remittance
    files = [("File", name) for name in of.held.names]
    claims = payments_line.counted(held.claims.height, "claim")
    lines = payments_line.counted(held.lines.height, "service line")
    return [
        *files,
        ("Read", f"{claims}, {lines}"),
        ("Furnished", asked_for.at),
        *worklist.notes(answer.variance, asked.schedule()),
    ]
