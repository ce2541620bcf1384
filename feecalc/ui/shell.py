"""The frame of every page: its head with the release in use, its foot with the notices, and the download buttons."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
import streamlit as st

from feecalc import export
from feecalc.notices import DISCLAIMER, NOTICE, NOTICES
from feecalc.pricing.explain import Step
from feecalc.schedule import Release
from feecalc.ui import asked, uploads, words

ICON = Path(__file__).resolve().parent / "icon.svg"
WIDTH = 1080  # pixels; narrower windows take what they have
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@contextmanager
def frame(title: str, lead: str) -> Iterator[None]:
    """A page between its head and its foot, no wider than reads well. To be the page's first call."""
    uploads.keep_in_memory()
    st.set_page_config(page_title=f"{title} · feecalc", page_icon=str(ICON), layout="wide")
    with st.container(horizontal_alignment="center"), st.container(width=WIDTH):
        st.header(title, anchor=False, help=lead)
        yield
        st.divider()
        st.markdown(f"**{DISCLAIMER}**")
        st.caption(NOTICE)


def release_line(release: Release | None, in_force: str | None, cf: Decimal | None = None) -> None:
    """The release in use, the day from which it is in force, and the factor; with a word where another one should serve."""
    if release is None:
        st.markdown(":material/event_busy: No fee schedule is loaded for this date.")
        return
    factor = [f"conversion factor {words.factor(cf)}"] if cf is not None else []
    said = [f"**Release {release.name}**", f"in force from {words.day(release.effective)}", *factor]
    st.markdown(f":material/verified: {' · '.join(said)}", help=words.term("release", "cf"))
    others = _release_words(release, in_force, dt.date.today())
    if others:
        st.caption(f":material/info: {' '.join(others)}")


def _release_words(release: Release, in_force: str | None, today: dt.date) -> list[str]:
    said = []
    if in_force is not None and release.name != in_force:
        said.append(f"Release {in_force} is in force on this date but is not loaded; {release.name} serves in its place.")
    schedule = asked.schedule().schedule
    newest = schedule.newest
    if newest.effective > release.effective:
        said.append(f"Newer: {newest.name}, for services from {words.day(newest.effective)}.")
    _, current = schedule.serving(today)
    if current is not None and current not in (in_force, newest.name) and newest.effective < today:
        said.append(f"{current}, in force today, is not loaded.")
    return said


def steps(taken: Sequence[Step]) -> None:
    """A trace: each rule with what it changed, its arithmetic, and what it rests on."""
    for number, step in enumerate(taken, 1):
        change = (
            f"{step.before} → **{words.md(step.after)}**"
            if not step.before
            else f"{words.md(step.before)} → {words.md(step.after)}"
        )
        st.markdown(f"**{number}. {words.md(step.rule)}**\n\n{change}")
        if step.detail:
            st.markdown(words.md(step.detail))
        st.caption(words.md(step.based_on[0].upper() + step.based_on[1:]))


def downloads(name: str, build: Callable[[], pl.DataFrame], notes: Sequence[tuple[str, str]], key: str) -> None:
    """Csv and xlsx of a table, built when asked for. `notes` become the workbook's sheet of sources."""
    with st.container(horizontal=True):
        st.download_button(
            "csv",
            partial(_csv, build),
            file_name=f"{name}.csv",
            mime="text/csv",
            key=f"{key}-csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            "Excel",
            partial(_xlsx, build, list(notes)),
            file_name=f"{name}.xlsx",
            mime=XLSX,
            key=f"{key}-xlsx",
            on_click="ignore",
            icon=":material/download:",
        )


def _csv(build: Callable[[], pl.DataFrame]) -> bytes:
    return export.csv_bytes(build())


def _xlsx(build: Callable[[], pl.DataFrame], notes: list[tuple[str, str]]) -> bytes:
    return export.xlsx_bytes(build(), [*notes, *NOTICES])


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A small table as markdown: it wraps on a phone, prints, and aligns the columns `right` to the right."""
    rule = ["---:" if n in right else ":---" for n in range(len(head))]
    lines = [head, rule, *rows]
    st.markdown("\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines))
