"""Data: which releases are loaded, where each came from and how it was checked; new ones from CMS or from a file."""

import datetime as dt
from collections.abc import Callable
from functools import partial

import polars as pl
import streamlit as st

from feecalc.analysis import postings
from feecalc.api import OpenSchedule
from feecalc.cms import catalogue
from feecalc.edits import Edits
from feecalc.schedule import Release
from feecalc.ui import address, asked, releases_fetch, releases_files, releases_loaded, shell, words
from feecalc.ui.address import Field

PAGE = "data"

TABLES = {
    "release": st.column_config.TextColumn("Release"),
    "effective": st.column_config.DateColumn("In force from", format="YYYY-MM-DD"),
    "until": st.column_config.DateColumn("to", format="YYYY-MM-DD"),
    "factor": st.column_config.NumberColumn("Conversion factor, $", format="%.4f", help=words.term("cf")),
    "factor_qp": st.column_config.NumberColumn("for QPs, $", format="%.4f", help=words.term("qp")),
    "codes": st.column_config.NumberColumn("Rows", format="localized"),
    "places": st.column_config.NumberColumn("Places", format="localized"),
    "checked": st.column_config.TextColumn("Checked when read in"),
    "origin": st.column_config.TextColumn("Origin"),
    "imported": st.column_config.DateColumn("Read in", format="YYYY-MM-DD"),
    "address": st.column_config.TextColumn("Fetched from"),
    "file": st.column_config.TextColumn("CMS's file"),
    "sha256": st.column_config.TextColumn("SHA-256", help=words.term("sha256")),
    "zip5": st.column_config.NumberColumn("ZIP codes", format="localized"),
    "zip9": st.column_config.NumberColumn("Nine-digit ZIP codes", format="localized"),
    "table": st.column_config.TextColumn("Table"),
    "quarter": st.column_config.TextColumn("Quarter"),
    "rows": st.column_config.NumberColumn("Rows", format="localized"),
    "notes": st.column_config.TextColumn("Noticed"),
}


# What a release may hold: the kind of its file -> our words, and the table that it becomes.
CONTENTS = {
    "pprrvu": ("Relative values", "pprrvu"),
    "gpci": ("Area price indexes", "gpci"),
    "anesthesia": ("Anesthesia factors", "anesthesia"),
    "locality_county": ("Counties of the areas", "localities"),
    "opps_cap": ("OPPS cap prices", "opps_cap"),
    "descriptions": ("Descriptions", "descriptions"),
}


def _read_release(text: str) -> str:
    if text.upper() in asked.schedule().schedule.releases:
        return text.upper()
    raise ValueError(text)


def _newest() -> str:
    return asked.schedule().schedule.newest.name


FIELDS = (Field("data_release", _newest, _read_release, lambda name: "" if name == _newest() else name, "release"),)


def page() -> None:
    """The page, from top to bottom."""
    complaints = address.restore(PAGE, FIELDS)
    opened = asked.schedule()
    today = dt.date.today()
    with st.container(border=True):
        st.markdown(f"#### {words.md(headline(opened, today))}")
        for said in beside(opened, today):
            st.markdown(words.md(said))
        shell.release_line(*opened.schedule.serving(today))
    for said in complaints:
        st.caption(f":material/edit_note: {words.md(said)}")
    spans = releases_loaded.spans(opened, today)
    releases_loaded.timeline(spans, headline(opened, today), "picture-releases")
    releases_fetch.section(opened)
    _tables(opened)
    _look_into(opened)
    left, right = st.columns(2, gap="large")
    with left:
        releases_files.add()
    with right:
        releases_files.check()
    address.publish(PAGE, FIELDS)


def headline(opened: OpenSchedule, today: dt.date) -> str:
    """What is loaded, in a sentence."""
    schedule = opened.schedule
    names = schedule.priceable()
    loaded = f"{len(names)} releases of the fee schedule are loaded, {names[0]} to {names[-1]}"
    serving, in_force = schedule.serving(today)
    if serving is None:
        return f"{loaded}; none of them is of {today.year}, so that services of today have no price."
    if serving.name == in_force:
        return f"{loaded}; services of today are priced by {serving.name}, which is in force."
    return f"{loaded}; services of today are priced by {serving.name}, because {in_force}, which is in force, is not loaded."


def beside(opened: OpenSchedule, today: dt.date) -> list[str]:
    """What is missing or incomplete since the first loaded release, and how recent the ZIP files are."""
    spans = releases_loaded.spans(opened, today)
    missing = [span["release"] for span in spans if span["state"] == "not loaded" and span["start"] <= today]
    parts = [span["release"] for span in spans if span["state"] == "in part only"]
    said = [f"Not loaded: {', '.join(missing)}."] if missing else []
    said += [f"Loaded in part, without prices: {', '.join(parts)}."] if parts else []
    zips = list(opened.schedule.zip_files)
    said.append(f"ZIP codes are placed by the file of {words.day(zips[-1])}." if zips else "No ZIP file is loaded.")
    return said


def _tables(opened: OpenSchedule) -> None:
    st.subheader("What is loaded", anchor=False)
    builders: dict[str, Callable[[], pl.DataFrame]] = {
        "Releases": partial(releases_loaded.releases, opened),
        "ZIP files": partial(releases_loaded.zip_files, opened),
        "NCCI tables": partial(releases_loaded.edit_tables, Edits.open()),
    }
    for tab, (name, build) in zip(st.tabs(list(builders)), builders.items(), strict=True):
        with tab:
            table = build()
            key = name.lower().replace(" ", "-")
            st.dataframe(
                table,
                hide_index=True,
                height=min(320, 40 + 35 * max(table.height, 1)),
                column_config={column: TABLES[column] for column in table.columns},
                key=f"data_table_{key}",
                placeholder="–",
            )
            notes = [("What", f"{name} loaded in feecalc on {dt.date.today()}")]
            shell.downloads(f"feecalc-{key}", build, notes, f"data_{key}")


def _look_into(opened: OpenSchedule) -> None:
    """One release: the files and tables behind it, what was noticed, and the fingerprint."""
    releases = opened.schedule.releases
    if st.session_state["data_release"] not in releases:  # it was loaded when the box was last drawn
        st.session_state["data_release"] = _newest()
    st.selectbox("Look into a release", list(reversed(releases)), key="data_release", width=260)
    release = releases[st.session_state["data_release"]]
    with st.container(border=True):
        st.markdown(_about(release))
        st.markdown("\n".join(f"- {said}" for said in _contents(release)))
        for note in release.manifest["notes"]:
            st.caption(f":material/edit_note: {words.md(str(note))}")
        if why := catalogue.why_caps_differ(release.name, release.manifest["checks"]):
            st.caption(f":material/fact_check: Why cap prices differ: {words.md(why)}")
        _replaced(release)


def _replaced(release: Release) -> None:
    """What a newer posting of a release changed, as a file, where it took the place of another."""
    replaced = release.manifest.get("replaces")
    if not replaced:
        return
    older = "the built-in one" if replaced["origin"] == "built-in" else f"an older posting, kept as {replaced['folder']}"
    count = replaced["differences"]
    st.markdown(f"Takes the place of {words.md(older)}: {_values(count)}.")
    file = release.path / postings.FILE
    if count and file.is_file():
        st.download_button(
            "What this posting changes, csv",
            file.read_bytes,
            file_name=f"feecalc-{release.name}-{postings.FILE}",
            mime="text/csv",
            key="data_differences_file",
            on_click="ignore",
            icon=":material/difference:",
        )


def _values(count: int) -> str:
    if not count:
        return "no value differs"
    return "1 value differs" if count == 1 else f"{count:,} values differ"


def _about(release: Release) -> str:
    manifest = release.manifest
    imported = manifest.get("imported_at")
    read_in = f", read in on {words.day(dt.datetime.fromisoformat(imported).date())}" if imported else ""
    released = f", released by CMS on {manifest['released']}" if manifest["released"] else ""
    lines = [
        f"**Release {release.name}**, in force from {words.day(release.effective)}{released}",
        f"{releases_loaded.ORIGINS[release.origin].capitalize()}{read_in}",
        f"Checked: {words.md(releases_loaded.checked(release))}",
        *(f"Fetched from `{address}`" for address in manifest.get("addresses", ())),
        *(f"CMS file `{source['file']}`, SHA-256 `{source['sha256']}`" for source in release.sources),
    ]
    return "  \n".join(lines)


def _contents(release: Release) -> list[str]:
    """What the release holds: each table with its rows, and the file inside the zip that it was read from."""
    # A list and not a table: the names of CMS's files do not break, and a phone is narrower than two columns with one.
    members, counted = release.manifest["members"], release.manifest["tables"]
    said = []
    for member, (name, table) in CONTENTS.items():
        if member in members or table in counted:
            rows = f"{counted[table]['rows']:,} rows" if table in counted else "used for the checks only"
            said.append(f"{name}: {rows}{f', from `{members[member]}`' if member in members else ''}")
    return said


with shell.frame("Data", "Which releases and tables are loaded, where they come from, and what is new at CMS."):
    page()
