"""One code over every loaded release: what it paid in a place, and the points, factor and status behind it."""

from functools import partial

import polars as pl
import streamlit as st

from feecalc.analysis import code_history
from feecalc.locality import Place
from feecalc.ui import asked, pictures, releases_place, shell, typed, where, words

EXAMPLE = "97110"
MATCHES = 6

COLUMNS = {
    "release": st.column_config.TextColumn("Release"),
    "effective": st.column_config.DateColumn("In force from", format="YYYY-MM-DD"),
    "outcome": st.column_config.TextColumn("Outcome"),
    "allowed": st.column_config.NumberColumn("One unit, $", format="dollar", help=words.term("allowed")),
    "status": st.column_config.TextColumn("Status", help=words.term("status")),
    "work": st.column_config.NumberColumn("Work RVU", format="%.2f", help=words.term("work")),
    "pe": st.column_config.NumberColumn("PE RVU", format="%.2f", help=words.term("pe")),
    "mp": st.column_config.NumberColumn("MP RVU", format="%.2f", help=words.term("mp")),
    "factor": st.column_config.NumberColumn("Conversion factor, $", format="%.4f", help=words.term("cf")),
}


def section(prefix: str, place: Place, setting: str, qp: bool) -> None:
    """The box for a code and, below it, its years."""
    st.subheader("One code over the years", anchor=False, help=words.term("release"))
    st.text_input(
        "Code",
        key=f"{prefix}code",
        type="search",
        live="300ms",
        autocomplete="off",
        placeholder="A code or a word, such as 97110 or exercise",
        help=words.term("code"),
        width=330,
    )
    text = str(st.session_state[f"{prefix}code"])
    read = typed.code(text)
    if not text.strip():
        st.button(
            f"Show {EXAMPLE}", key=f"{prefix}example", on_click=_put, args=(prefix, EXAMPLE), icon=":material/play_arrow:"
        )
        return
    if not read.value:
        _matches(prefix, text)
        return
    modifier = next((name for name in read.modifiers if name in ("26", "TC", "53")), "")
    _shown(read.value, modifier, place, setting, qp)


def _put(prefix: str, code: str) -> None:
    st.session_state[f"{prefix}code"] = code


def _matches(prefix: str, text: str) -> None:
    codes = asked.codes(asked.schedule().schedule.newest.name)
    found = typed.search(text, codes, most=MATCHES)
    if found:
        choices = [(words.code(code, codes[code]), {"code": code}) for code in found]
        where.buttons(choices, f"{prefix}found", lambda code: _put(prefix, code))
    else:
        said = f"No code matches “{text}”. A code has five characters, such as 97110 or G0283."
        st.warning(words.md(said), icon=":material/help:")


# Shared between sessions and not copied: read it, do not change it.
@st.cache_resource(max_entries=asked.KEPT, show_spinner=False)
def _table(as_of: str, code: str, modifier: str, place: Place, setting: str, qp: bool) -> pl.DataFrame:
    return code_history.table(asked.schedule(), code, modifier, place, setting, qp)


def table(code: str, modifier: str, place: Place, setting: str, qp: bool) -> pl.DataFrame:
    """code_history.table, kept."""
    return _table(asked.stamp(), code, modifier, place, setting, qp)


def _shown(code: str, modifier: str, place: Place, setting: str, qp: bool) -> None:
    build = partial(table, code, modifier, place, setting, qp)
    frame = build()
    priced = frame.filter(pl.col("outcome") == "priced")
    named = "-".join(filter(None, (code, modifier)))
    if frame["status"].null_count() == frame.height:
        st.warning(f"No loaded release has {named}.", icon=":material/help:")
        return
    if priced.is_empty():
        st.markdown(f"No loaded release has an amount for {named} {words.md(releases_place.said(place))}.")
    else:
        said = sentence(named, priced, place)
        st.markdown(f"**{words.md(said)}**")
        pictures.over_time(frame, asked.unserved(), None, said)
    paid = pl.when(pl.col("outcome") == "priced").then("allowed").alias("allowed")
    shown = frame.with_columns(paid, pl.col("outcome").replace(words.OUTCOMES)).reverse()
    st.dataframe(shown, hide_index=True, height=300, column_config=COLUMNS, placeholder="–")
    notes = [("Code", named), ("Place", str(place)), ("Setting", words.SETTINGS[setting])]
    shell.downloads(f"feecalc-history-{named}-{place.key}", build, notes, "changes_history")


def sentence(named: str, priced: pl.DataFrame, place: Place) -> str:
    """The first and the last amount, in a sentence."""
    first, last = priced.row(0, named=True), priced.row(-1, named=True)
    return (
        f"One unit of {named} paid {words.money(first['allowed'])} {releases_place.said(place)} from"
        f" {words.day(first['effective'])} ({first['release']}) and pays {words.money(last['allowed'])} from"
        f" {words.day(last['effective'])} ({last['release']})."
    )
