"""The section of the page *Data* that brings releases from CMS: look first, accept the terms once, fetch with progress."""

import datetime as dt
import json
from pathlib import Path

import streamlit as st

from feecalc.analysis import refresh
from feecalc.analysis.refresh import Outcome, Report, Wanted
from feecalc.api import OpenSchedule
from feecalc.cms import catalogue, download
from feecalc.errors import FeecalcError, InputError
from feecalc.ui import asked, releases_job, words
from feecalc.ui.releases_job import Glance

PAGES = Path(__file__).resolve().parent / "pages"
EVERY = 0.5  # seconds between two looks at a running job
QUIET = 3.0  # seconds after which a line that says nothing is worth a word

# What the messages say of the command line, said for this page.
FOR_PAGE = (
    ("take it with --accept-changed", "tick “Take files that CMS has changed” and fetch again"),
    ("accept them with --accept-terms", "accept them here"),
    ("`feecalc import` takes it over without this comparison", "“Add files of your own” takes it over without this comparison"),
)


def section(opened: OpenSchedule) -> None:
    """What CMS has, what is fetched, and what became of it."""
    st.subheader("New from CMS", anchor=False, help=words.term("refresh", "release"))
    job = releases_job.current()
    glance = None if job is None else job.glance()
    if glance is not None and glance.running:
        _watch()
        return
    if glance is not None:
        _ended(glance)
    _choice(opened)


# What to look for ----------------------------------------------------------------------------------------------------------


def _choice(opened: OpenSchedule) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Years or releases",
            _options(opened),
            format_func=lambda one: f"All of {one}" if isinstance(one, int) else str(one),
            key="data_wanted",
            placeholder="Everything that is missing",
            help=words.term("wanted"),
            width=330,
        )
        st.toggle("NCCI tables too", key="data_ncci", help=words.term("ptp", "mue", "addon"))
        st.button("See what CMS has", key="data_look", icon=":material/travel_explore:", on_click=_look)
    try:
        st.caption(f"Looks at `{download.base_address()}` and fetches nothing yet. Nothing of yours is sent.")
    except InputError as error:
        st.error(words.md(f"{error} It stands in {download.BASE_VARIABLE}."), icon=":material/error:")
    if said := st.session_state.get("data:refused"):
        st.error(words.md(said), icon=":material/error:")


def _options(opened: OpenSchedule) -> list[int | str]:
    """Years from the first that is fetched to the next one, newest first, then every release that the catalogue knows."""
    last = max(dt.date.today().year, opened.schedule.newest.year) + 1
    names = [entry.name for entry in catalogue.known() if entry.kind == "release"]
    return [*range(last, catalogue.first_year() - 1, -1), *reversed(names)]


def _wanted() -> Wanted:
    chosen = st.session_state["data_wanted"]
    years = [one for one in chosen if isinstance(one, int)]
    return Wanted.of(years, [one for one in chosen if isinstance(one, str)], bool(st.session_state["data_ncci"]))


def _look() -> None:
    state = st.session_state
    state.pop("data:refused", None)
    try:
        releases_job.begin(_wanted(), dry_run=True)
    except FeecalcError as error:
        state["data:refused"] = str(error)


# Progress ------------------------------------------------------------------------------------------------------------------


@st.fragment(run_every=EVERY)
def _watch() -> None:
    """How far the job is, looked at again and again; when it ends, the page is drawn anew."""
    job = releases_job.current()
    glance = None if job is None else job.glance()
    if job is None or glance is None or not glance.running:
        st.rerun()
    with st.container(border=True):
        now = glance.said[-1] if glance.said else "Starting"
        st.markdown(f":material/hourglass_top: **{words.md(now)}** · {_lasting(glance.seconds)}")
        if not glance.dry_run:
            done = max(glance.begun - 1, 0)
            count = f"{glance.begun} of {glance.expected}" if glance.expected else str(glance.begun)
            share = min(done / glance.expected, 1.0) if glance.expected else 0.0
            st.progress(share, text=f"File {count}")
            for file in glance.files[-3:]:
                st.progress(*bar(file))
            if glance.quiet > QUIET and glance.files and glance.files[-1].total != glance.files[-1].received:
                st.caption(
                    f"Nothing has come for {_lasting(glance.quiet)}; a line that is cut is taken up again where it broke."
                )
        st.caption("The other pages go on answering meanwhile, and this page may be left: the work goes on.")
        st.button("Stopping …" if glance.stopping else "Stop", key="data_stop", on_click=job.stop, disabled=glance.stopping)


def bar(file: download.Progress) -> tuple[float, str]:
    """A download as a share of the whole and in words; without a known whole the bar stays empty until the end."""
    rate = f"{size(int(file.rate))} a second"
    if not file.total:
        return 0.0, f"{file.name}: {size(file.received)}, {rate}"
    share = min(file.received / file.total, 1.0)
    if file.received >= file.total:
        return share, f"{file.name}: {size(file.total)}, all here"
    return share, f"{file.name}: {size(file.received)} of {size(file.total)} ({share:.0%}), {rate}"


def size(count: int) -> str:
    """A count of bytes for a person."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def _lasting(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


# What became of it ---------------------------------------------------------------------------------------------------------


def _ended(glance: Glance) -> None:
    with st.container(border=True):
        if glance.problem:
            st.error(words.md(for_page(glance.problem)), icon=":material/error:")
        elif glance.stopped:
            st.warning(
                "Stopped. What had been taken over stays; a file that came in part is resumed.",
                icon=":material/stop:",
            )
        elif glance.report is not None and glance.dry_run:
            _found(glance.report)
        elif glance.report is not None:
            _done(glance, glance.report)
        if glance.report is not None and (glance.report.failed or (glance.dry_run and glance.report.outcomes)):
            _fetch(glance, f"Fetch {_files(len(glance.report.outcomes))}{'' if glance.dry_run else ' again'}")
        st.button("Put this away", key="data_forget", type="tertiary", on_click=releases_job.forget)


def _found(report: Report) -> None:
    """The answer of a look."""
    files = report.outcomes
    if not files:
        st.markdown("#### Everything that CMS lists is loaded.")
    else:
        st.markdown(f"#### {_files(len(files))} can be fetched. Nothing is fetched yet.")
        for one in files:
            with st.expander(_titled(one), icon=":material/cloud_download:"):
                st.markdown("\n".join(f"- {words.md(text)}" for text in (f"From {one.address}", *one.notes)))
    _notes(report)


def _done(glance: Glance, report: Report) -> None:
    """The answer of a refresh."""
    st.markdown(f"#### {summary(report)}")
    st.caption(f"Took {_lasting(glance.seconds)}.")
    _offer(report)
    for one in report.outcomes:
        _outcome(one)
    _notes(report)


def summary(report: Report) -> str:
    """What a refresh did, in a sentence."""
    if not report.outcomes:
        return "Everything that CMS lists is loaded."
    counts = [
        (len(report.added), "now serves", "now serve"),
        (sum(one.result == "unchanged" for one in report.outcomes), "is unchanged", "are unchanged"),
        (len(report.failed), "was not taken over", "were not taken over"),
    ]
    parts = [f"{_files(count)} {one if count == 1 else many}" for count, one, many in counts if count]
    return "; ".join(parts) + "."


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _offer(report: Report) -> None:
    """What a new release is good for, one click away. The pages ask the opened schedule anew, so that no restart is needed."""
    schedule = asked.schedule().schedule
    names = schedule.priceable()
    added = [one.name for one in report.added if one.kind == "release" and one.name in names]
    for name in added:
        release = schedule.release(name)
        st.success(
            f"Release {name} serves now, for services from {words.day(release.effective)}. No restart is needed.",
            icon=":material/new_releases:",
        )
        with st.container(horizontal=True):
            price = {"date": release.effective.isoformat(), "code": "97110"}
            to_page(f"Use {name}: price a code", "price_a_code.py", price, f"data_use_{name}")
            place = names.index(name)
            if place:
                changed = {"before": names[place - 1], "after": name}
                to_page(f"What changed since {names[place - 1]}", "what_changed.py", changed, f"data_changed_{name}")


def to_page(label: str, page: str, params: dict[str, str], key: str) -> None:
    """A button that leads to another page with its inputs set."""
    if st.button(label, key=key, icon=":material/arrow_forward:"):
        st.switch_page(st.Page(PAGES / page), query_params=params)


ICONS = {
    "added": ":material/check_circle:",
    "reposted": ":material/published_with_changes:",
    "unchanged": ":material/check:",
    "failed": ":material/error:",
}
RESULTS = {
    "added": "serves now",
    "reposted": "posted anew by CMS: the new one serves, the old one is kept",
    "unchanged": "unchanged",
    "failed": "not taken over; everything is as it was",
}


def _outcome(one: Outcome) -> None:
    said = [f"From {one.address}"] if one.address else []
    said += [str(change) for change in one.changes]
    said += one.notes
    if one.differences is not None:
        said.append(f"What changed, row by row: {one.differences}")
    if one.folder is not None:
        said.append(f"Kept in {one.folder}")
    with st.expander(f"{_titled(one)}: {RESULTS[one.result]}", icon=ICONS[one.result], expanded=one.result == "failed"):
        if one.problem:
            st.error(words.md(for_page(one.problem)).replace("\n", "  \n"))
        st.markdown("\n".join(f"- {words.md(text)}" for text in said))


def _titled(one: Outcome) -> str:
    return one.title[:1].upper() + one.title[1:]


def _notes(report: Report) -> None:
    for note in report.notes:
        st.caption(f":material/info: {words.md(note)}")


def for_page(text: str) -> str:
    """A message with what it says of the command line said for this page."""
    for of_command, of_page in FOR_PAGE:
        text = text.replace(of_command, of_page)
    return text


# Terms and the fetch -------------------------------------------------------------------------------------------------------


def _fetch(glance: Glance, label: str) -> None:
    """The terms, ticked once, and the button that fetches what was seen."""
    agreed = refresh.accepted()
    if agreed:
        st.caption(f":material/task_alt: {_accepted_said()}")
    else:
        with st.container(border=True):
            terms = catalogue.terms()
            st.markdown("**The terms of CMS and the AMA, to be accepted once**")
            st.markdown(words.md(terms.text))
            st.markdown(f"The terms themselves: [{terms.page}]({terms.page})")
            st.checkbox("I have read the terms and accept them", key="data_terms", on_change=_accept)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            label,
            key="data_fetch",
            type="primary",
            icon=":material/download:",
            disabled=not agreed,
            on_click=_begin,
            args=(glance.wanted, 0 if glance.report is None else len(glance.report.outcomes)),
        )
        st.toggle("Take files that CMS has changed", key="data_changed", help=words.term("changed_file"))


def _accepted_said() -> str:
    try:
        record = json.loads(refresh.terms_file().read_text(encoding="utf-8"))
        on = dt.datetime.fromisoformat(record["accepted_at"]).date()
    except (OSError, ValueError, KeyError):
        return "The terms of CMS and the AMA are accepted."
    return f"The terms of CMS and the AMA were accepted on {words.day(on)}."


def _accept() -> None:
    if st.session_state["data_terms"]:
        refresh.accept_terms()


def _begin(wanted: Wanted, count: int) -> None:
    releases_job.begin(wanted, dry_run=False, take_changed=bool(st.session_state["data_changed"]), expected=count)
