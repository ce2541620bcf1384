"""The sections of the page *Data* that take files: CMS's own zips into the schedule, and payment files to hold it against."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from feecalc import importing
from feecalc.analysis import postings, verify
from feecalc.analysis.verify import Verification
from feecalc.errors import FeecalcError
from feecalc.importing import Imported
from feecalc.ui import asked, shell, words

NEWEST = "newest of the file's year"
AMOUNTS = {
    "nonfacility": "non-facility fee",
    "facility": "facility fee",
    "therapy_nonfacility": "therapy, non-facility",
    "therapy_facility": "therapy, facility",
    "opps_nonfacility": "OPPS cap, non-facility",
    "opps_facility": "OPPS cap, facility",
}
DIFFERENCES: dict[str, Any] = {
    "row": st.column_config.NumberColumn("Row of the file", format="localized"),
    "hcpcs": "Code",
    "modifier": "Modifier",
    "mac": "MAC",
    "locality": "Locality",
    "amount": "Amount",
    "cms": st.column_config.NumberColumn("CMS, $", format="dollar"),
    "feecalc": st.column_config.NumberColumn("feecalc, $", format="dollar"),
}


@dataclass(frozen=True)
class Added:
    """What an import did: what was added, and what was wrong with the file at which it ended."""

    done: tuple[Imported, ...]
    problem: str = ""


@contextmanager
def on_disk(uploads: Sequence[Any]) -> Iterator[list[Path]]:
    """Uploaded files under their own names, each in a folder of its own, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="feecalc-") as folder:
        files = []
        for number, upload in enumerate(uploads):
            place = Path(folder) / str(number)
            place.mkdir()
            file = place / (Path(upload.name.replace("\\", "/")).name or "upload")
            file.write_bytes(upload.getvalue())
            files.append(file)
        yield files


# Import --------------------------------------------------------------------------------------------------------------------


def add() -> None:
    """Add files of CMS's that the person has: release zips, ZIP files, NCCI tables."""
    st.subheader("Add files of your own", anchor=False, help=words.term("import"))
    uploads = st.file_uploader(
        "CMS's files as they are downloaded: release zips, ZIP-to-locality zips, NCCI tables",
        type=["zip", "csv", "txt", "xlsx", "parquet"],
        accept_multiple_files=True,
        key="data_import",
    )
    if st.button("Check and add", key="data_add", icon=":material/add:", disabled=not uploads):
        st.session_state["data:added"] = _add(uploads or [])
        st.rerun()  # the tables above are of before
    added = st.session_state.get("data:added")
    if added is not None:
        _told(added)


def _add(uploads: Sequence[Any]) -> Added:
    done: list[Imported] = []
    with st.status("Reading …", expanded=False) as status, on_disk(uploads) as files:
        try:
            for one in importing.import_files(files):
                postings.of_import(asked.schedule().schedule, one.name, one.folder)  # the tables above offer what it kept
                done.append(one)
                status.update(label=f"Added {one.name}; reading on …")
        except (FeecalcError, OSError) as error:
            return Added(tuple(done), str(error))
    return Added(tuple(done))


def _told(added: Added) -> None:
    for one in added.done:
        st.success(
            words.md(f"{one.name} was added from {', '.join(one.files)} and serves now. Kept in {one.folder}"),
            icon=":material/check_circle:",
        )
        for note in one.notes:
            st.caption(words.md(note))
    if added.problem:
        st.error(words.md(added.problem).replace("\n", "  \n"), icon=":material/error:")


# Verify --------------------------------------------------------------------------------------------------------------------


def check() -> None:
    """Hold the schedule against a payment amount file of CMS's, to the cent."""
    st.subheader("Compare with CMS's own payment amounts", anchor=False, help=words.term("verify"))
    upload = st.file_uploader(
        "A payment amount file of CMS's (PFALL, PFREV): txt, csv or zip", type=["zip", "txt", "csv"], key="data_verify"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = asked.schedule().schedule.priceable()
        st.selectbox("Against release", [NEWEST, *reversed(names)], key="data_verify_release", width=260)
        st.toggle("Qualifying APM Participants (QP)", key="data_verify_qp", help=words.term("qp"))
        if st.button("Compare", key="data_compare", icon=":material/fact_check:", disabled=upload is None):
            st.session_state["data:verified"] = _compare(upload)
    found = st.session_state.get("data:verified")
    if isinstance(found, str):
        st.error(words.md(found).replace("\n", "  \n"), icon=":material/error:")
    elif found is not None:
        _result(found)


def _compare(upload: Any) -> Verification | str:
    chosen = st.session_state["data_verify_release"]
    with st.spinner("Comparing every amount of the file …", show_time=True), on_disk([upload]) as (file,):
        try:
            release = None if chosen == NEWEST else chosen
            return verify.verify(asked.schedule(), file, release, bool(st.session_state["data_verify_qp"]))
        except (FeecalcError, OSError) as error:
            return f"{upload.name}: {error}".replace(" Name one with --release.", " Choose one above.")


def sentence(found: Verification) -> str:
    """What a comparison found, in a sentence."""
    if not found.rows_compared:
        return f"Nothing was compared: no row of {found.file} is in release {found.release}."
    if found.agrees:
        capped = f", {found.capped:,} of them as the OPPS cap" if found.capped else ""
        return f"All {found.amounts_compared:,} amounts of {found.file} agree with release {found.release} to the cent{capped}."
    return f"{found.different:,} of {found.amounts_compared:,} amounts of {found.file} differ from release {found.release}."


def _result(found: Verification) -> None:
    with st.container(border=True):
        st.markdown(f"#### {words.md(sentence(found))}")
        shell.table(
            ("Compared", "Count"),
            [
                ("Rows of the file in the release", f"{found.rows_compared:,}"),
                ("Amounts", f"{found.amounts_compared:,}"),
                ("Exact to the cent", f"{found.exact:,}"),
                ("Equal to the OPPS cap", f"{found.capped:,}"),
                ("Different", f"{found.different:,}"),
                ("Rows of codes or places that the release does not have", f"{found.not_in_release:,}"),
            ],
            right=(1,),
        )
        st.caption(words.md("; ".join([found.factor, *found.notes])))
        if found.different:
            shown = found.differences.with_columns(pl.col("amount").replace(AMOUNTS))
            st.dataframe(shown, hide_index=True, height=min(320, 40 + 35 * shown.height), column_config=DIFFERENCES)
            notes = [("File", found.file), ("Release", found.release), ("Result", sentence(found))]
            shell.downloads(f"feecalc-verify-{found.release}", lambda: found.differences, notes, "data_differences")
