"""What changed between two releases, drawn: the sentence, the pictures, the tables with their files, the changelog."""

from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl
import polars.selectors as cs
import streamlit as st

from feecalc.analysis import changes
from feecalc.analysis.change import IN_WORDS, LABELS
from feecalc.analysis.changes import CAUSES, Changes, percent
from feecalc.analysis.releases_compare import POINTS, RVUS, Found, Question
from feecalc.money import FACTOR_SCALE, to_dollars
from feecalc.pricing.explain import decimal
from feecalc.ui import asked, practice_pictures, releases_pictures, releases_place, shell, words
from feecalc.ui.releases_codes import Chosen
from feecalc.ui.releases_pictures import Bin, Mover

LAZY = 1_000  # rows from which a table is sent as one scrolls
MOVERS = 6  # to each side of the picture
RVU_WORDS = {
    "work": "Work RVU",
    "pe_nonfacility": "PE RVU, office",
    "pe_facility": "PE RVU, facility",
    "mp": "MP RVU",
    "opps_pe_nonfacility": "OPPS PE RVU, office",
    "opps_pe_facility": "OPPS PE RVU, facility",
    "opps_mp": "OPPS MP RVU",
}
__all__ = ["Question", "ask", "head", "pictures", "tables"]


# Shared between sessions and not copied: read it, do not change it.
@st.cache_resource(max_entries=12, show_spinner="Comparing the releases …")
def _ask(as_of: str, question: Question, of: str) -> Changes:
    return changes.of(asked.schedule(), question, of=of, where=releases_place.said)


def ask(question: Question, of: str) -> Changes:
    """changes.of, kept. Errors as there."""
    return _ask(asked.stamp(), question, of)


# In sight at once ----------------------------------------------------------------------------------------------------------


def head(told: Changes, chosen: Chosen) -> None:
    """The answer in a sentence, its parts in numbers, the factor, and the release."""
    st.markdown(f"#### {words.md(told.headlines[0])}")
    if told.beside:
        st.markdown(words.md(told.beside))
    st.markdown(words.md(told.factor_line), help=words.term("cf"))
    for text in chosen.told:
        st.caption(f":material/edit_note: {words.md(text)}")
    release = asked.schedule().schedule.release(told.question.after)
    shell.release_line(release, release.name, decimal(told.found.factors[1], FACTOR_SCALE))


def _signed(tenths: int) -> str:
    sign = "▲ +" if tenths > 0 else "▼ −" if tenths < 0 else ""
    return f"{sign}{percent(abs(tenths))} %"


# Pictures ------------------------------------------------------------------------------------------------------------------


def pictures(found: Found) -> None:
    """How the changes are spread, what made them, and the codes that moved most."""
    if found.both.is_empty():
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("How amounts moved", anchor=False)
        bins = [Bin(_between(low, high), _side(low, high), count) for low, high, count in found.distribution()]
        up, down, same = (found.counts.get(kind, 0) for kind in ("up", "down", "same"))
        said = f"{up:,} amount{'' if up == 1 else 's'} rose, {down:,} fell, {same:,} stayed."
        releases_pictures.distribution(bins, "amounts", said, "picture-distribution")
        st.caption(said)
    with right:
        st.subheader("What made the changes", anchor=False, help=words.term("change_causes"))
        _causes(found)
    st.subheader("The codes that moved most", anchor=False)
    by = st.segmented_control(
        "By", ["percent", "dollars"], key="changes_movers", default="percent", required=True, label_visibility="collapsed"
    )
    _movers(found, "change" if by == "dollars" else "tenths", asked.codes(found.question.after))


def _causes(found: Found) -> None:
    steps = [(LABELS[cause], cents) for cause, cents in found.causes.items()]
    total = sum(cents for _, cents in steps)
    if not steps:
        st.caption("Nothing moved.")
        return
    largest = max(found.causes, key=lambda cause: abs(found.causes[cause]))
    said = (
        f"One unit of each of these codes together: {practice_pictures.change(total)}; the largest part is"
        f" {IN_WORDS[largest]} ({practice_pictures.change(found.causes[largest])})."
    )
    practice_pictures.causes(steps, total, said, "picture-changes-causes")
    st.caption(words.md(said))


def _movers(found: Found, by: str, codes: dict[str, str]) -> None:
    rows = found.movers(MOVERS, by)
    if rows.is_empty():
        st.caption("No amount moved.")
        return
    bars = []
    for row in rows.iter_rows(named=True):
        name = "-".join(filter(None, (row["hcpcs"], row["modifier"])))
        label = codes.get(row["hcpcs"], "")
        fell_or_rose = practice_pictures.change(row["change"])
        text = _signed(row["tenths"]) if by == "tenths" else fell_or_rose
        tip = f"{words.money(to_dollars(row['paid_0']))} to {words.money(to_dollars(row['paid_1']))}"
        length = row[by] / (10 if by == "tenths" else 100)
        bars.append(Mover(words.code(name, label), length, text, tip))
    title = "percent" if by == "tenths" else "dollars a unit"
    said = f"Most up: {bars[0].label} {bars[0].text}. Most down: {bars[-1].label} {bars[-1].text}."
    releases_pictures.movers(bars, title, said, "picture-movers")


def _between(low: int | None, high: int | None) -> str:
    if low == high:
        return "no change"
    if low is None:
        return f"below {_short(high)} %"
    if high is None:
        return f"above {_short(low)} %"
    return f"{_short(low)} to {_short(high)} %"


def _short(tenths: int | None) -> str:
    number = tenths or 0
    sign = "+" if number > 0 else "−" if number < 0 else ""
    return f"{sign}{abs(number) // 10}"


def _side(low: int | None, high: int | None) -> str:
    if low == high:
        return "same"
    return "fall" if high is not None and high <= 0 else "rise"


# Tables --------------------------------------------------------------------------------------------------------------------

COLUMNS: dict[str, Any] = {
    "code": st.column_config.TextColumn("Code", help=words.term("code")),
    "words": st.column_config.TextColumn("In words"),
    "what": st.column_config.TextColumn("What"),
    "before": st.column_config.NumberColumn("Before, $", format="dollar"),
    "after": st.column_config.NumberColumn("After, $", format="dollar"),
    "change": st.column_config.NumberColumn("Change, $", format="dollar"),
    "percent": st.column_config.NumberColumn("Change, %", format="%.1f"),
    "cause": st.column_config.TextColumn("Mostly by"),
    "status_before": st.column_config.TextColumn("Status before", help=words.term("status")),
    "status_after": st.column_config.TextColumn("after"),
    **{
        f"{part}_{when}": st.column_config.NumberColumn(f"{RVU_WORDS[part]} {when}", format="%.2f")
        for part in RVUS
        for when in ("before", "after")
    },
    **{
        f"gpci_{part}_{when}": st.column_config.NumberColumn(f"{words.PART_SHORT[part]} GPCI {when}", format="%.3f")
        for part in POINTS
        for when in ("before", "after")
    },
    "indicator": st.column_config.TextColumn("Rule"),
    "value_before": st.column_config.TextColumn("CMS value before"),
    "value_after": st.column_config.TextColumn("after"),
    "meaning_before": st.column_config.TextColumn("In words before"),
    "meaning_after": st.column_config.TextColumn("after"),
    "locality": st.column_config.TextColumn("Locality", help=words.term("locality")),
    "name": st.column_config.TextColumn("Name"),
    "state": st.column_config.TextColumn("State"),
    "factor": st.column_config.TextColumn("Factor", help=words.term("cf")),
    **{
        f"factor_{when}": st.column_config.NumberColumn(f"{when.capitalize()}, $", format="%.4f")
        for when in ("before", "after")
    },
}


def tables(told: Changes) -> None:
    """The tables in tabs, each with its files; then the changelog of all of them."""
    st.subheader("Tables and files", anchor=False)
    # One table at a time: six of ten thousand rows would be sent with every answer.
    names = list(told.tables)
    name: str = st.segmented_control(
        "Table",
        names,
        format_func=lambda one: f"{one} ({told.tables[one].height:,})",
        key="changes_table",
        default=names[0],
        required=True,
        label_visibility="collapsed",
    )
    table = told.tables[name]
    if table.is_empty():
        st.caption("Nothing of this kind changed.")
    else:
        kind = name.split(" ")[0].lower()
        _table(table.drop(CAUSES, strict=False))  # of the split the page shows the largest part; files have all of it
        shell.downloads(f"{told.stem}-{kind}", partial(told.tables.__getitem__, name), told.notes, f"changes_{kind}")
    with st.container(horizontal=True):
        _button("Changelog", told.markdown, f"{told.stem}.md", "text/markdown", "article")
        _button("All tables, Excel", told.book, f"{told.stem}.xlsx", shell.XLSX, "table")


def _table(table: pl.DataFrame) -> None:
    st.dataframe(
        # Excel and csv get the decimals; ten thousand of them take the page longer to send than all the rest of it.
        table.with_columns(cs.decimal().cast(pl.Float64)) if table.height > LAZY else table,
        hide_index=True,
        height=min(360, 40 + 35 * table.height),
        column_config={column: COLUMNS[column] for column in table.columns},
        placeholder="–",
        key="changes_rows",
        lazy=table.height > LAZY,
    )


def _button(label: str, build: Callable[[], bytes], file: str, mime: str, icon: str) -> None:
    st.download_button(
        label, build, file_name=file, mime=mime, key=f"changes_file_{icon}", on_click="ignore", icon=f":material/{icon}:"
    )
