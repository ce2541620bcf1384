"""Export: a fee schedule to take away, for the releases, places, codes and layout that another system wants."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from feecalc import export
from feecalc.analysis import releases_export
from feecalc.analysis.releases_export import ALL_PLACES, AMOUNTS, LAYOUTS, ROUNDINGS, Wanted
from feecalc.errors import FeecalcError, InputError
from feecalc.locality import NATIONWIDE
from feecalc.notices import NOTICES
from feecalc.ui import address, asked, releases_codes, shell, words
from feecalc.ui.address import Field
from feecalc.ui.releases_codes import Chosen

PAGE = "export"
PREFIX = "export_"
PREVIEW = 12  # codes
SETTINGS = {"nonfacility": "Office (non-facility)", "facility": "Facility"}
HEADS: dict[str, Any] = {
    "release": st.column_config.TextColumn("Release"),
    "locality": st.column_config.TextColumn("Locality", help=words.term("locality")),
    "hcpcs": st.column_config.TextColumn("Code", help=words.term("code")),
    "modifier": st.column_config.TextColumn("Modifier", help=words.term("modifier")),
    "status": st.column_config.TextColumn("Status", help=words.term("status")),
    "setting": st.column_config.TextColumn("Setting", help=words.term("setting")),
    **{name: st.column_config.TextColumn(name) for name in ("CPT", "Modifier", "Effective Date", "End Date")},
}


# The inputs ----------------------------------------------------------------------------------------------------------------


def _newest() -> list[str]:
    return [asked.schedule().schedule.newest.name]


def _several(known: Callable[[], list[str]]) -> Callable[[str], list[str]]:
    """Read several names of an address, all of them known. Raises ValueError."""

    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        if not names or not set(names) <= set(known()):
            raise ValueError(text)
        return names

    return read


def _one_of(known: dict[str, Any]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in known:
            return text
        raise ValueError(text)

    return read


def _releases() -> list[str]:
    return list(reversed(asked.schedule().schedule.priceable()))


def _places() -> dict[str, str]:
    """Every place of the releases that are loaded, in words; all of them, and the national amounts, first."""
    newest = asked.places(asked.schedule().schedule.newest.name)
    named = {key: words.locality(place) for key, place in newest.items()}
    return {NATIONWIDE.key: "National, no local adjustment", ALL_PLACES: "Every locality", **named}


def _field(name: str, default: Callable[[], Any], read: Callable[[str], Any], write: Callable[[Any], str]) -> Field:
    return Field(f"{PREFIX}{name}", default, read, lambda v: "" if v == default() else write(v), name)


def _fields() -> tuple[Field, ...]:
    joined = ",".join
    return (
        _field("releases", _newest, _several(_releases), joined),
        _field("places", lambda: [NATIONWIDE.key], _several(lambda: list(_places())), joined),
        _field("settings", lambda: list(SETTINGS), _several(lambda: list(SETTINGS)), joined),
        _field("amounts", lambda: ["allowed"], _several(lambda: list(AMOUNTS)), joined),
        _field("percent", lambda: "100", str, str),
        _field("rounding", lambda: "cent", _one_of(ROUNDINGS), str),
        _field("layout", lambda: "long", _one_of(LAYOUTS), str),
        _field("qp", lambda: False, lambda text: text == "1", lambda on: "1" if on else ""),
        *releases_codes.fields(PREFIX),
    )


def value(name: str) -> Any:
    """What a box holds."""
    return st.session_state[f"{PREFIX}{name}"]


def _inputs() -> None:
    known = _releases()
    st.session_state[f"{PREFIX}releases"] = [name for name in value("releases") if name in known]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect("Releases", known, key=f"{PREFIX}releases", help=words.term("release"), width=300)
        places = _places()
        st.multiselect(
            "Places",
            list(places),
            format_func=places.__getitem__,
            key=f"{PREFIX}places",
            filter_mode="contains",
            help=words.term("locality"),
            width=380,
        )
        releases_codes.box(PREFIX)
    releases_codes.list_box(PREFIX)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect("Settings", list(SETTINGS), format_func=SETTINGS.__getitem__, key=f"{PREFIX}settings", width=330)
        st.multiselect(
            "Amounts",
            list(AMOUNTS),
            format_func=lambda name: AMOUNTS[name][0],
            key=f"{PREFIX}amounts",
            help=words.term("allowed", "opps", "therapy", "nonpar", "limiting"),
            width=420,
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Percent of Medicare", key=f"{PREFIX}percent", max_chars=12, help=words.term("export_percent"), width=170)
        st.selectbox(
            "Rounded", list(ROUNDINGS), format_func=lambda name: ROUNDINGS[name][0], key=f"{PREFIX}rounding", width=180
        )
        st.selectbox("Layout", list(LAYOUTS), format_func=LAYOUTS.__getitem__, key=f"{PREFIX}layout", width=290)
        st.toggle("QP factor", key=f"{PREFIX}qp", help=words.term("qp"))


def _wanted(chosen: Chosen) -> Wanted:
    """The boxes as a question. Raises InputError where one of them holds nothing that can be used."""
    if chosen.problem:
        raise InputError(chosen.problem)
    places = [ALL_PLACES] if ALL_PLACES in value("places") else value("places")
    return Wanted(
        releases=tuple(sorted(value("releases"))),
        places=tuple(places),
        settings=tuple(name for name in SETTINGS if name in value("settings")),
        amounts=tuple(name for name in AMOUNTS if name in value("amounts")),
        codes=chosen.codes,
        percent=releases_export.percent(str(value("percent"))),
        rounding=value("rounding"),
        layout=value("layout"),
        qp=bool(value("qp")),
    )


# The page ------------------------------------------------------------------------------------------------------------------


def page() -> None:
    """The page, from top to bottom: what the file will hold, the inputs, the first rows, the files."""
    fields = _fields()
    complaints = address.restore(PAGE, fields)
    answer = st.container(border=True)  # filled when the boxes have been read
    _inputs()
    address.publish(PAGE, fields)
    for said in complaints:
        st.caption(f":material/edit_note: {words.md(said)}")
    known = {code: "" for name in value("releases") for code in asked.codes(name)}
    chosen = releases_codes.chosen(PREFIX, known)
    try:
        wanted = _wanted(chosen)
        counted = _count(asked.stamp(), wanted)
        first = _preview(asked.stamp(), wanted)
    except FeecalcError as error:
        with answer:
            st.markdown("#### Say what the file is to hold.")
            st.error(words.md(str(error)), icon=":material/error:")
        return
    with answer:
        _head(wanted, chosen, counted)
    _shown(first)
    _files(wanted, chosen, counted)


@st.cache_data(max_entries=50, show_spinner="Counting …")
def _count(as_of: str, wanted: Wanted) -> int:
    return releases_export.rows(asked.schedule(), wanted)


@st.cache_data(max_entries=50, show_spinner=False)
def _without_amount(as_of: str, wanted: Wanted) -> list[str]:
    return releases_export.without_amount(asked.schedule(), wanted)


@st.cache_data(max_entries=50, show_spinner="Working out the first rows …")
def _preview(as_of: str, wanted: Wanted) -> pl.DataFrame:
    return releases_export.build(asked.schedule(), wanted, first=PREVIEW)


def headline(wanted: Wanted, chosen: Chosen, counted: int) -> str:
    """What the file will hold, in a sentence."""
    places = _places()
    if ALL_PLACES in wanted.places:
        where = "every payment locality"
    elif len(wanted.places) == 1:
        where = places.get(wanted.places[0], wanted.places[0]).split(",")[0].split(" (")[0]
        where = "the nation" if where == "National" else where
    else:
        where = f"{len(wanted.places)} places"
    releases = f"release {wanted.releases[0]}" if len(wanted.releases) == 1 else f"{len(wanted.releases)} releases"
    share = "" if wanted.percent == 10_000 else f", at {wanted.percent / 100:g} percent of Medicare"
    what = f"{counted:,} fee schedule row{'' if counted == 1 else 's'}"
    rounded = ROUNDINGS[wanted.rounding][0]
    return f"The file holds {what}: {chosen.words} of {releases} for {where}{share}, rounded {rounded}."


def _head(wanted: Wanted, chosen: Chosen, counted: int) -> None:
    st.markdown(f"#### {words.md(headline(wanted, chosen, counted))}")
    theirs = value("codes") in (releases_codes.MINE, releases_codes.VOLUMES)  # of a family nobody asked for each code
    for said in (*chosen.told, *(_without_amount(asked.stamp(), wanted) if theirs else [])):
        st.caption(f":material/edit_note: {words.md(said)}")
    newest = asked.schedule().schedule.release(wanted.releases[-1])
    shell.release_line(newest, newest.name)


def _shown(first: pl.DataFrame) -> None:
    st.subheader("The first rows", anchor=False)
    if first.is_empty():
        st.info("None of these codes has a fee schedule amount in these releases.", icon=":material/info:")
        return
    dollars = [name for name in first.columns if name not in HEADS]
    heads = {name: HEADS.get(name) or st.column_config.NumberColumn(head(name), format="dollar") for name in first.columns}
    shown = first.with_columns(pl.col("setting").replace(SETTINGS)) if "setting" in first.columns else first
    st.dataframe(shown.head(200), hide_index=True, height=320, column_config=heads, placeholder="–", key="export_preview")
    columns = f"{len(dollars)} column{'' if len(dollars) == 1 else 's'} of dollars"
    codes = first["CPT" if "CPT" in first.columns else "hcpcs"].n_unique()
    st.caption(f"The first {codes} codes, with {columns}, as a preview; the files hold all of them.")


def head(name: str) -> str:
    """A column's name in words: nonfacility_allowed_10112-00 -> Office: allowed, 10112-00, $."""
    for setting, label in (("nonfacility", "Office"), ("facility", "Facility")):
        if name.startswith(f"{setting}_"):
            kind, _, rest = name.removeprefix(f"{setting}_").partition("_")
            return f"{label}: {kind}{f', {rest}' if rest else ''}, $"
    return f"{name.capitalize()}, $"


def _files(wanted: Wanted, chosen: Chosen, counted: int) -> None:
    stem = file_stem(wanted)
    build = partial(releases_export.build, asked.schedule(), wanted)
    notes = about(wanted, chosen, counted)
    with st.container(horizontal=True):
        too_long = counted > export.XLSX_ROWS - 1 and wanted.layout == "long"
        _button("csv", partial(_csv, build), f"{stem}.csv", "text/csv")
        _button("Excel", partial(_xlsx, build, notes), f"{stem}.xlsx", shell.XLSX, disabled=too_long)
        _button("Parquet", partial(_parquet, build), f"{stem}.parquet", "application/vnd.apache.parquet")
    if too_long:
        st.caption(f"{counted:,} rows do not fit a worksheet: take csv or Parquet, or choose fewer places.")
    st.caption("A file is built when you click; every locality takes a few seconds.")
    with st.expander("What the file rests on", icon=":material/source:"):
        st.markdown("\n".join(f"- {words.md(name)}: {words.md(text)}" for name, text in notes))


def _button(label: str, build: Callable[[], bytes], file: str, mime: str, disabled: bool = False) -> None:
    st.download_button(
        label,
        build,
        file_name=file,
        mime=mime,
        key=f"export_file_{label}",
        on_click="ignore",
        icon=":material/download:",
        disabled=disabled,
    )


def _csv(build: Callable[[], pl.DataFrame]) -> bytes:
    return export.csv_bytes(build())


def _xlsx(build: Callable[[], pl.DataFrame], notes: list[tuple[str, str]]) -> bytes:
    return export.xlsx_bytes(build(), [*notes, *NOTICES])


def _parquet(build: Callable[[], pl.DataFrame]) -> bytes:
    buffer = io.BytesIO()
    build().write_parquet(buffer)
    return buffer.getvalue()


def file_stem(wanted: Wanted) -> str:
    """The beginning of every file's name: the releases and the place."""
    releases = wanted.releases[0] if len(wanted.releases) == 1 else f"{wanted.releases[0]}-{wanted.releases[-1]}"
    place = wanted.places[0] if len(wanted.places) == 1 else f"{len(wanted.places)}-places"
    return f"feecalc-schedule-{releases}-{place}"


def about(wanted: Wanted, chosen: Chosen, counted: int) -> list[tuple[str, str]]:
    """What the file holds and rests on."""
    return [("Holds", headline(wanted, chosen, counted)), *releases_export.notes(asked.schedule(), wanted, chosen.words)]


with shell.frame("Export", "Fee schedules to take away, for the releases, places and codes that you choose."):
    page()
