"""The answer to a practice's year, drawn: the sentence, where it comes from, tables, what has no amount, files."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import polars as pl
import streamlit as st

from feecalc import export
from feecalc.analysis.revenue import Priced
from feecalc.export import Sheet
from feecalc.money import decimals, to_dollars
from feecalc.notices import DISCLAIMER, NOTICE, NOTICES
from feecalc.schedule import Release
from feecalc.ui import asked, practice, practice_pictures, practice_sheet, practice_workbook, shell, words
from feecalc.ui.practice import Answer, Asked, Loaded
from feecalc.ui.practice_pictures import Bar

BARS = 12  # of the picture; the table has them all
GROUPS = {"code": "Code", "provider": "Provider", "payer": "Payer", "site": "Site", "month": "Month"}
NAMELESS = "(none named)"

# The columns of the tables on the page, with what they say on their heads.
COLUMNS = {
    "code": st.column_config.TextColumn("Code", help=words.term("code")),
    "words": st.column_config.TextColumn("In words"),
    "provider": st.column_config.TextColumn("Provider"),
    "payer": st.column_config.TextColumn("Payer"),
    "site": st.column_config.TextColumn("Site"),
    "month": st.column_config.DateColumn("Month", format="MMM YYYY"),
    "units": st.column_config.NumberColumn("Units", format="localized"),
    "fee_total": st.column_config.NumberColumn("List price, $", format="dollar", help=words.term("list_price")),
    "reduction": st.column_config.NumberColumn("Same-day reductions, $", format="dollar", help=words.term("therapy")),
    "allowed": st.column_config.NumberColumn("Allowed, $", format="dollar", help=words.term("allowed")),
    "received": st.column_config.NumberColumn("Received, $", format="dollar", help=words.term("received")),
    "charge": st.column_config.NumberColumn("Charged, $", format="dollar"),
    "paid": st.column_config.NumberColumn("Paid so far, $", format="dollar"),
    "work_rvu": st.column_config.NumberColumn("Work RVUs", format="accounting", help=words.term("work")),
    "work_rvu_adjusted": st.column_config.NumberColumn("Adjusted", format="accounting", help=words.term("work_adjusted")),
    "unpriced_units": st.column_config.NumberColumn("Units without an amount", format="localized"),
}


# In sight at once --------------------------------------------------------------------------------------------------------


def head(of: Loaded, answer: Answer, asked_for: Asked) -> None:
    """The answer in a sentence, how far the estimate reaches, what to look at, and the release."""
    st.markdown(f"#### {words.md(headline(of, answer.priced, asked_for))}")
    said = beside(answer.priced)
    if said:
        st.markdown(words.md(said), help=words.term("therapy_visit", "therapy"))
    release(answer.priced)
    if beware := _beware(answer.priced):
        st.markdown(f":material/warning: To look at below: {', '.join(beware)}.")
    for told in asked_for.told:
        st.caption(f":material/edit_note: {words.md(told)}")


def headline(of: Loaded, priced: Priced, asked_for: Asked) -> str:
    """The answer in a sentence."""
    totals = priced.totals
    when = "each row's own date" if priced.basis.date is None else words.day(priced.basis.date)
    period = f" of {of.period}" if of.period else ""
    return (
        f"At the prices of {when} Medicare allows {words.money(to_dollars(totals['allowed']))} for your"
        f" {totals['units']:,} units{period} {at(priced, asked_for)}; after sequestration the practice receives"
        f" {words.money(to_dollars(totals['received']))}, the patients' part included."
    )


def at(priced: Priced, asked_for: Asked) -> str:
    """Where, inside a sentence."""
    own = priced.mix.rows.select(pl.any_horizontal(pl.col("zip", "locality").is_not_null()).any()).item()
    if not priced.basis.placed and own:
        return "where each row says"
    return asked_for.at


def beside(priced: Priced) -> str:
    """How far the estimate of therapy reaches, in a sentence; blank where every visit is known."""
    interval = priced.interval
    if not interval.estimated:
        return ""
    if interval.allowed.known:
        return f"The same-day reduction of {interval.units:,} therapy units is the same whatever their visits were."
    allowed, received = interval.allowed, interval.received
    return (
        f"An estimate: which visit {interval.units:,} therapy units were of is not known. With {priced.packing} between"
        f" {words.money(to_dollars(allowed.low))} and {words.money(to_dollars(allowed.high))} are allowed, and between"
        f" {words.money(to_dollars(received.low))} and {words.money(to_dollars(received.high))} received."
    )


def release(priced: Priced) -> None:
    """The release in use, its first day and the factor."""
    schedule = asked.schedule().schedule
    if priced.basis.date is None:
        used = priced.rows["release"].drop_nulls().unique().sort().to_list()
        named = f"Release {used[0]}" if len(used) == 1 else f"Releases {', '.join(used)}"
        st.markdown(f":material/verified: **{named}**, each row by its own date", help=words.term("release", "cf"))
        return
    serving, in_force = schedule.serving(priced.basis.date)
    factor = None
    if serving is not None:
        factor = Decimal(asked.schedule().factor(serving, priced.basis.qp)).scaleb(-4)
    shell.release_line(serving, in_force, factor)


def _beware(priced: Priced) -> list[str]:
    found = []
    missing = priced.rows.filter(pl.col("outcome") == "cannot_price")
    if missing.height:
        codes = missing["hcpcs"].n_unique()
        count = "1 code" if codes == 1 else f"{codes:,} codes"
        found.append(f"{count} without an amount ({words.units(int(missing['units'].sum()))})")
    if priced.mix.rejects.height:
        values = priced.mix.rejects.height
        found.append("1 value that could not be read" if values == 1 else f"{values:,} values that could not be read")
    return found


# The picture and the table -----------------------------------------------------------------------------------------------


def picture(of: Loaded, answer: Answer, by: str, codes: dict[str, str]) -> None:
    """The totals as bars, the highest first; months in their order."""
    totals = answer.by(by)
    shown = totals.sort("month") if by == "month" else totals
    few = shown if by == "month" or shown.height == BARS + 1 else shown.head(BARS)  # no bar for one other alone
    whole = int(totals["allowed"].sum())
    given = [
        Bar(
            named(row[by], by, codes),
            row["allowed"],
            row["reduction"],
            f"{100 * row['allowed'] / whole:.0f} %" if whole else "",
            instead="" if row["rows"] else "no amount",
        )
        for row in few.iter_rows(named=True)
    ]
    rest = shown.slice(few.height)
    if rest.height:
        allowed, reduced = int(rest["allowed"].sum()), int(rest["reduction"].sum())
        share = f"{100 * allowed / whole:.0f} %" if whole else ""
        given.append(Bar(f"{rest.height:,} others together", allowed, reduced, share, muted=True))
    alt = f"Allowed by {GROUPS[by].lower()}: " + "; ".join(
        f"{b.label} {b.instead or practice_pictures.amount(b.cents)}" for b in given
    )
    practice_pictures.bars(given, alt, f"practice-bars-{by}", "dollars allowed")
    if any(bar.reduced for bar in given):
        st.caption("The pale ends are what same-day reductions take off.", help=words.term("therapy"))


def named(value: object, by: str, codes: dict[str, str]) -> str:
    """What a row of the totals is called."""
    if value is None:
        return NAMELESS
    if by == "code":
        return words.code(str(value), codes.get(str(value), ""))
    return f"{value:%B %Y}" if by == "month" else str(value)


def table(answer: Answer, by: str, codes: dict[str, str]) -> pl.DataFrame:
    """The totals as a table: money in dollars, RVUs with their decimals, codes with their words."""
    frame = in_units(answer.by(by))
    frame = frame.sort("month") if by == "month" else frame
    if by == "code":
        label = pl.col("code").replace_strict(codes, default="", return_dtype=pl.String).alias("words")
        frame = frame.select("code", label, pl.exclude("code"))
    empty = [name for name in ("charge", "paid") if not frame[name].cast(pl.Boolean).any()]
    return frame.drop(empty)


def in_units(totals: pl.DataFrame) -> pl.DataFrame:
    """Cents as dollars, hundredths of RVUs as RVUs."""
    counts = {"rows", "units", "unpriced_rows", "unpriced_units"}
    return totals.with_columns(
        decimals(pl.col(name), 2) for name, kind in totals.schema.items() if kind == pl.Int64 and name not in counts
    )


def tables(of: Loaded, answer: Answer, asked_for: Asked, by: str, codes: dict[str, str]) -> None:
    """The table behind the picture, with its files."""
    build = partial(table, answer, by, codes)
    with st.expander(f"Table by {GROUPS[by].lower()}, and files", icon=":material/table:"):
        shown = build()
        order = [name for name in COLUMNS if name in shown.columns]
        if not shown["unpriced_units"].sum():
            order.remove("unpriced_units")
        st.dataframe(
            shown.select(order), hide_index=True, height=min(380, 40 + 35 * shown.height), column_config=COLUMNS, alt="Totals"
        )
        shell.downloads(f"{file_name(asked_for)}-by-{by}", build, notes(of, answer.priced, asked_for), f"practice-{by}")


def work(of: Loaded, answer: Answer, asked_for: Asked) -> None:
    """Work RVUs, plain and adjusted: by provider where the file names any."""
    st.subheader("Work RVUs", anchor=False, help=words.term("work", "work_adjusted"))
    totals = answer.priced.totals
    plain, adjusted = (words.rvu(to_dollars(totals[name])) for name in ("work_rvu", "work_rvu_adjusted"))
    st.markdown(f"In all **{plain}**; adjusted for modifiers, operations of one day and assistants **{adjusted}**.")
    if "provider" not in of.groups:
        st.caption("The file names no provider, so that they cannot be told apart.")
        return
    build = partial(_work, answer)
    shown = build()
    st.dataframe(shown, hide_index=True, height=min(300, 40 + 35 * shown.height), column_config=COLUMNS, alt="Work RVUs")
    name = f"{file_name(asked_for)}-work-rvus"
    shell.downloads(name, build, notes(of, answer.priced, asked_for), "practice-work")


def _work(answer: Answer) -> pl.DataFrame:
    frame = in_units(answer.by("provider")).select("provider", "units", "work_rvu", "work_rvu_adjusted", "allowed")
    return frame.with_columns(pl.col("provider").fill_null(NAMELESS))


def without(answer: Answer, codes: dict[str, str]) -> None:
    """What has no amount, or pays nothing, with the reason and the rows."""
    found = answer.priced.unpriced
    if found.is_empty():
        return
    missing = found.filter(pl.col("outcome") == "cannot_price")["units"].sum()
    title = f"{found.height:,} kinds of rows that Medicare pays nothing for, or that have no amount"
    with st.expander(title, icon=":material/visibility_off:", expanded=bool(missing)):
        rows = [_unpriced(row, codes) for row in found.head(40).iter_rows(named=True)]
        shell.table(("Code", "Units", "Why", "Rows of the file"), rows, right=(1,))
        if found.height > len(rows):
            st.caption(f"{found.height - len(rows):,} more kinds are in the workbook below.")


def _unpriced(row: dict[str, object], codes: dict[str, str]) -> tuple[str, ...]:
    in_rows = row["in_rows"]
    assert isinstance(in_rows, list)
    listed = ", ".join(f"{number:,}" for number in in_rows[:6]) + (
        f" and {len(in_rows) - 6:,} more" if len(in_rows) > 6 else ""
    )
    code = "-".join([str(row["hcpcs"]), *str(row["modifiers"] or "").split()])
    label = codes.get(str(row["hcpcs"]), "")
    outcome = words.OUTCOMES[str(row["outcome"])]
    return f"`{code}` {words.md(label)}", f"{row['units']:,}", f"{outcome}: {words.md(str(row['sentence']))}", listed


# What it rests on, and files --------------------------------------------------------------------------------------------


def source(of: Loaded, answer: Answer, asked_for: Asked, codes: dict[str, str]) -> None:
    """What the answer rests on, and the files of the whole."""
    st.subheader("Where this comes from", anchor=False)
    priced = answer.priced
    with st.container(border=True):
        for release in _releases(priced):
            file = release.sources[0]
            origin = "built in" if release.origin == "built-in" else "your own import"
            st.markdown(
                f"**Release {release.name}**, in force from {words.day(release.effective)} ({origin})  \n"
                f"CMS file `{file['file']}`, SHA-256 `{file['sha256']}`"
            )
        st.markdown("\n".join(f"- {words.md(note)}" for note in [*priced.notes, *ASSUMED]))
        name = file_name(asked_for)
        with st.container(horizontal=True):
            button("All tables, Excel", partial(book, of, answer, asked_for, codes), f"{name}.xlsx", shell.XLSX, "table")
            too_large = practice_workbook.too_large(priced)
            button(
                "Workbook that calculates",
                partial(practice_workbook.build, of, priced),
                f"{name}-live.xlsx",
                shell.XLSX,
                "calculate",
                too_large or words.term("live_workbook"),
                disabled=bool(too_large),
            )
            button(
                "Page to print",
                partial(printable, of, answer, asked_for, codes),
                f"{name}.html",
                "text/html",
                "print",
            )
        st.caption("The link in the address bar holds the place, the date and the settings, and nothing of your volumes.")


ASSUMED = ("Assumed: the patients pay their coinsurance, and what was billed is covered. This is no coverage decision.",)


def button(
    label: str,
    build: Callable[[], bytes],
    file: str,
    mime: str,
    icon: str,
    help_text: str | None = None,
    disabled: bool = False,
) -> None:
    """A download that is built when it is asked for."""
    st.download_button(
        label,
        build,
        file_name=file,
        mime=mime,
        key=f"practice-{icon}",
        on_click="ignore",
        icon=f":material/{icon}:",
        help=help_text,
        disabled=disabled,
    )


def _releases(priced: Priced) -> list[Release]:
    used = priced.rows["release"].drop_nulls().unique().sort(descending=True)
    return [asked.schedule().schedule.release(name) for name in used]


def file_name(asked_for: Asked) -> str:
    """The beginning of every file's name: the place and the prices."""
    place = asked_for.place.key if asked_for.place else "no-place"
    chosen = practice.HERE.value("prices")
    when = (
        practice.HERE.date.isoformat()
        if chosen == practice.OWN_DAY
        else "own-dates"
        if chosen == practice.OWN_DATES
        else chosen
    )
    return f"feecalc-practice-{place}-{when}"


def notes(of: Loaded, priced: Priced, asked_for: Asked) -> list[tuple[str, str]]:
    """What a file rests on."""
    found = [("Volumes", f"{of.name}: {of.mix.rows.height:,} rows"), ("Answer", headline(of, priced, asked_for))]
    found += [("Estimate", said)] if (said := beside(priced)) else []
    for release in _releases(priced):
        found.append(("Release", f"{release.name}, in force from {release.effective}"))
        found += [item for s in release.sources for item in (("Source file", s["file"]), ("sha256", s["sha256"]))]
    found += [("Rests on", note) for note in (*priced.notes, *ASSUMED)]
    return found + [("The file", note) for note in of.mix.notes]


def book(of: Loaded, answer: Answer, asked_for: Asked, codes: dict[str, str]) -> bytes:
    """Every table as one workbook."""
    title = headline(of, answer.priced, asked_for)
    sheets = [Sheet(f"By {by}", table(answer, by, codes), title if by == "code" else "") for by in of.groups]
    if "provider" in of.groups:
        sheets.append(Sheet("Work RVUs", _work(answer)))
    unpriced = answer.priced.unpriced
    if unpriced.height:
        listed = pl.col("in_rows").list.head(50).cast(pl.List(pl.String)).list.join(", ").alias("rows of the file")
        sheets.append(Sheet("Without an amount", unpriced.select("hcpcs", "modifiers", "outcome", "sentence", "units", listed)))
    if of.mix.rejects.height:
        sheets.append(Sheet("Could not be read", of.mix.rejects))
    return export.book_bytes(sheets, [*notes(of, answer.priced, asked_for), *NOTICES])


def printable(of: Loaded, answer: Answer, asked_for: Asked, codes: dict[str, str]) -> bytes:
    """The year as one page to print."""
    priced = answer.priced
    parts: list[practice_sheet.Part] = []
    for by, most in (("code", 15), ("provider", 6), ("payer", 6), ("month", 12)):
        if by in of.groups:
            totals = answer.by(by).sort("month") if by == "month" else answer.by(by)
            parts.append(
                practice_sheet.Part(
                    f"By {GROUPS[by].lower()}",
                    (GROUPS[by], "Units", "Allowed", "Received"),
                    [
                        (
                            named(row[by], by, codes),
                            f"{row['units']:,}",
                            words.money(to_dollars(row["allowed"])) if row["rows"] else "no amount",
                            words.money(to_dollars(row["received"])) if row["rows"] else "",
                        )
                        for row in totals.head(most).iter_rows(named=True)
                    ],
                    f"{totals.height - most:,} more are not shown." if totals.height > most else "",
                )
            )
    told = [beside(priced), *(f"{text}." for text in _beware(priced))]
    rests = [f"Release {r.name}, in force from {words.day(r.effective)}." for r in _releases(priced)]
    return practice_sheet.html(
        "Revenue of the practice",
        headline(of, priced, asked_for),
        [text for text in told if text],
        parts,
        [*rests, *priced.notes, *ASSUMED],
        (DISCLAIMER, NOTICE),
    )
