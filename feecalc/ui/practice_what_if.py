"""What changes a practice's revenue: levers that one picks, what they come to and why, and named scenarios side by side."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from feecalc import policy
from feecalc.analysis import kept, levers, scenarios
from feecalc.analysis.change import LABELS, WITHHELD, WITHHELD_LABEL, Change
from feecalc.analysis.levers import Lever
from feecalc.analysis.scenarios import Outcome, Scenario, SideBySide
from feecalc.errors import FeecalcError, InputError
from feecalc.money import decimals
from feecalc.ui import asked, practice, practice_answer, practice_pictures, shell, typed, words
from feecalc.ui.practice import Answer, Asked, Loaded
from feecalc.ui.practice_pictures import Bar

MOVERS = 5  # up and down, in sight
MEASURES = {"allowed": "What Medicare allows", "received": "What the practice receives"}


# The levers ----------------------------------------------------------------------------------------------------------------


def _offered() -> dict[str, str]:
    """The levers by key, in words."""
    proposed = {
        f"proposed:{entry['year']}": f"Factor proposed for {entry['year']}" for entry in policy.load("proposed")["factor"]
    }
    return {
        "prices": "Prices of another release",
        **proposed,
        "floor": "Work floor ends",
        "factor": "A factor of my own",
        "place": "Another place",
        "setting": "Another setting",
        "volume": "More or fewer services",
        "assistants": "Assistants treat more",
        "group": "Group sessions",
        **({"qp": "Qualifying APM Participants"} if practice.HERE.two_factors() else {}),
    }


def _pulled(of: Loaded) -> tuple[tuple[Lever, ...], list[str]]:
    """The levers that were picked, from their boxes; and what is missing or wrong."""
    offered = _offered()
    picked = st.pills(
        "What if …",
        list(offered),
        selection_mode="multi",
        format_func=offered.__getitem__,
        key="what_if",
        help=words.term("what_if"),
        persist_state="session",
    )
    found: list[Lever] = []
    problems: list[str] = []
    for name in picked:
        try:
            lever = _lever(name, of)
        except InputError as error:
            problems.append(str(error))
            continue
        if isinstance(lever, str):
            problems.append(lever)
        elif lever is not None:
            found.append(lever)
    return tuple(found), problems


def _lever(name: str, of: Loaded) -> Lever | str | None:
    """The boxes of one lever, and the lever; a sentence where something must be said first."""
    if name.startswith("proposed:"):
        return levers.ProposedFactor(year=int(name.partition(":")[2]))
    if name == "floor":
        return levers.WorkFloor(holds=False)
    if name == "qp":
        return levers.Qp(qp=not (practice.HERE.value("qp") and practice.HERE.two_factors()))
    with st.container(border=True):
        return _BOXES[name](of)


def _prices(of: Loaded) -> Lever | str | None:
    here, own = practice.HERE.release(), practice.HERE.value("prices") == practice.OWN_DATES
    named = practice.release_words()
    others = [name for name in named if name != practice.OWN_DAY and (name != here or own)]
    chosen = st.selectbox(
        "Prices of",
        others,
        index=_year_before(others, here),
        format_func=named.__getitem__,
        key="what_if_release",
        persist_state="session",
        width=270,
    )
    return levers.On(date=asked.schedule().schedule.release(chosen).effective) if chosen else None


def _year_before(others: Sequence[str], here: str) -> int:
    """The release that served a year before, as the first to compare with."""
    schedule = asked.schedule().schedule
    on = schedule.release(here).effective
    before = [n for n, name in enumerate(others) if (on - schedule.release(name).effective).days >= 270]
    return before[0] if before else 0


def _factor(of: Loaded) -> Lever | str | None:
    text = st.text_input(
        "Dollars a point",
        key="what_if_factor",
        placeholder="33.4009",
        max_chars=10,
        help=words.term("cf"),
        persist_state="session",
        width=180,
    ).strip()
    return levers.Factor(factor=text.replace("$", "")) if text else "Give the conversion factor of your own, such as 33.4009."


def _place(of: Loaded) -> Lever | str | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "To ZIP code", key="what_if_zip", placeholder="such as 35203", max_chars=10, persist_state="session", width=140
        )
        names = {key: words.locality(place) for key, place in asked.places(practice.HERE.release()).items()}
        local = st.selectbox(
            "or to a locality by name",
            list(names),
            index=None,
            format_func=names.__getitem__,
            key="what_if_locality",
            filter_mode="contains",
            placeholder="State or locality",
            persist_state="session",
            width=300,
        )
        scope = _scope(of, "place")
    read = typed.zip_code(text).value
    if local:
        return levers.Place(locality=local, **scope)
    return levers.Place(zip=read, **scope) if read else "Say to which place: a ZIP code, or a locality by name."


def _setting(of: Loaded) -> Lever | str | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control(
            "Setting",
            list(words.SETTINGS),
            default="facility",
            format_func=words.SETTINGS.__getitem__,
            key="what_if_setting",
            required=True,
            help=words.term("setting"),
            persist_state="session",
        )
        return levers.Setting(setting=str(chosen), **_scope(of, "setting"))


def _volume(of: Loaded) -> Lever | str | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        percent = _percent("Services more (+) or fewer (−), percent", "what_if_volume", 10.0, -100.0, 1000.0)
        return levers.Volume(percent=percent, **_scope(of, "volume"))


def _assistants(of: Loaded) -> Lever | str | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        percent = _percent("Therapy units that assistants give, percent", "what_if_assistants", 50.0, 0.0, 100.0)
        return levers.Assistants(percent=percent, **_scope(of, "assistants"))


def _group(of: Loaded) -> Lever | str | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        percent = _percent("Individual units given up for groups, percent", "what_if_group", 20.0, 0.0, 100.0)
        patients = _whole("Patients in a group", "what_if_patients", 3, 2, 20)
        units = _whole("Units that a session replaces", "what_if_replaced", 2, 1, 16)
        scope = {name: values for name, values in _scope(of, "group").items() if name != "codes"}
    return levers.Group(percent=percent, patients=patients, units=units, **scope)


def _percent(label: str, key: str, first: float, least: float, most: float) -> Decimal:
    given = st.number_input(
        label,
        min_value=least,
        max_value=most,
        value=first,
        step=5.0,
        format="%.1f",
        key=key,
        persist_state="session",
        width=290,
    )
    return Decimal(f"{first if given is None else given:.2f}")


def _whole(label: str, key: str, first: int, least: int, most: int) -> int:
    given = st.number_input(label, min_value=least, max_value=most, value=first, key=key, persist_state="session", width=200)
    return first if given is None else int(given)


_BOXES: dict[str, Callable[[Loaded], Lever | str | None]] = {
    "prices": _prices,
    "factor": _factor,
    "place": _place,
    "setting": _setting,
    "volume": _volume,
    "assistants": _assistants,
    "group": _group,
}


def _scope(of: Loaded, lever: str) -> dict[str, Any]:
    """For which rows a lever is: all of them, or those that were picked."""
    columns = {"codes": "hcpcs", "providers": "provider", "payers": "payer", "sites": "site"}
    offered = {"codes": "code", "providers": "provider", "payers": "payer", "sites": "site"}
    keys = {name: f"what_if_{lever}_{name}" for name in columns if offered[name] in of.groups}
    count = sum(bool(st.session_state.get(key)) for key in keys.values())
    scope: dict[str, tuple[str, ...]] = {}
    with st.popover("For some rows" if count else "For all rows", icon=":material/filter_alt:"):
        for name, key in keys.items():
            values = practice.values(of, columns[name])
            scope[name] = tuple(
                st.multiselect(f"Only these {name}", values, key=key, placeholder="all", persist_state="session", width=320)
            )
    return {name: values for name, values in scope.items() if values}


# What it comes to ------------------------------------------------------------------------------------------------------------


@st.fragment  # a lever redraws what is below it, not the whole page
def section(of: Loaded, base: Answer, asked_for: Asked, codes: dict[str, str]) -> None:
    """The levers, what they come to, and the scenarios that were kept."""
    st.subheader("What changes it", anchor=False, help=words.term("what_if"))
    pulled, problems = _pulled(of)
    for problem in problems:
        st.warning(words.md(problem), icon=":material/help:")
    if pulled and asked_for.basis is not None and asked_for.packing is not None:
        try:
            scenario = Scenario("What-if", pulled)
            answer = practice.answer(of, asked_for.basis, asked_for.packing, scenario)
            with st.container(border=True):
                _outcome(of, base, answer, asked_for, codes, pulled)
        except FeecalcError as error:
            st.error(words.md(str(error)), icon=":material/error:")
        else:
            _keep(pulled)
    elif not problems:
        st.caption("Pick one or several: the answer is compared with the one above, cause by cause.")
    _scenarios(of, base, asked_for)


def _with(pulled: Sequence[Lever]) -> str:
    """What is compared, as the beginning of a sentence on what the year pays."""
    if len(pulled) > 1:
        return "With these changes the year"
    lever = pulled[0]
    if isinstance(lever, levers.On) and lever.date is not None:
        release, _ = asked.schedule().schedule.serving(lever.date)
        return f"At the prices of {release.name if release else lever.date} the year"
    if isinstance(lever, levers.ProposedFactor):
        return f"With the factor proposed for {lever.year} the year"
    if isinstance(lever, levers.Volume):
        return f"With {abs(lever.percent):f} percent {'more' if lever.percent >= 0 else 'fewer'} services the year"
    if isinstance(lever, levers.Assistants):
        return f"With assistants for {lever.percent:f} percent the year"
    return {
        levers.WorkFloor: "Without the work floor the year",
        levers.Factor: "With that conversion factor the year",
        levers.Place: "In the other place the year",
        levers.Setting: "In the other setting the year",
        levers.Group: "With group sessions the year",
    }.get(type(lever), "With this change the year")


def _outcome(
    of: Loaded, base: Answer, answer: Answer, asked_for: Asked, codes: dict[str, str], pulled: Sequence[Lever]
) -> None:
    changed = answer.change_from(base)
    if st.session_state.get("practice:levers") != pulled:  # new levers are told by what they move
        st.session_state["practice:levers"] = pulled
        st.session_state["what_if_measure"] = "allowed" if changed.difference() else "received"
    of_what = st.session_state["what_if_measure"]
    if any(isinstance(lever, levers.ProposedFactor) for lever in pulled):
        st.markdown(":orange-badge[:material/gavel: Proposed, not law]")
    st.markdown(f"#### {words.md(changed.sentence(_with(pulled), of_what))}")
    st.markdown(
        " · ".join(
            f"{label}: {words.md(practice_pictures.amount(changed.before(name)))} →"
            f" **{words.md(practice_pictures.amount(changed.after(name)))}**"
            f" ({words.md(practice_pictures.change(changed.difference(name)))})"
            for name, label in MEASURES.items()
        )
    )
    for told in answer.told:
        st.caption(words.md(told))
    st.segmented_control(
        "Causes of the change in",
        list(MEASURES),
        format_func=MEASURES.__getitem__,
        key="what_if_measure",
        required=True,
        persist_state="session",
    )
    _causes(changed, of_what)
    _movers(of, changed, codes)
    for note in changed.notes:
        st.caption(words.md(note))
    notes = [*practice_answer.notes(of, base.priced, asked_for), *(("What-if", told) for told in answer.told)]
    with st.expander("Tables and files of the change", icon=":material/table:"):
        build = partial(_causes_table, changed)
        st.dataframe(
            build(),
            hide_index=True,
            column_config={
                "cause": "Cause",
                "allowed": st.column_config.NumberColumn("Allowed, $", format="dollar"),
                "received": st.column_config.NumberColumn("Received, $", format="dollar"),
            },
        )
        shell.downloads(f"{practice_answer.file_name(asked_for)}-causes", build, notes, "what-if-causes")
        st.caption("By code, with every cause:")
        name = f"{practice_answer.file_name(asked_for)}-change-by-code"
        shell.downloads(name, partial(_by_code, changed), notes, "what-if-codes")


def _by_code(changed: Change) -> pl.DataFrame:
    return practice_answer.in_units(changed.by("code").rename({"change": "change of allowed"}))


def _causes(changed: Change, of_what: str) -> None:
    parts = changed.parts(of_what)
    steps = [(LABELS.get(cause, WITHHELD_LABEL), cents) for cause, cents in parts.items() if cents]
    if not steps:
        return
    total = changed.difference(of_what)
    said = "; ".join(f"{label} {practice_pictures.change(cents)}" for label, cents in steps)
    practice_pictures.causes(steps, total, f"What the change is made of: {said}.", "what-if-causes-picture")


def _causes_table(changed: Change) -> pl.DataFrame:
    received = changed.parts("received")
    allowed = changed.parts()
    rows = [(LABELS.get(cause, WITHHELD_LABEL), allowed.get(cause, 0), received[cause]) for cause in [*LABELS, WITHHELD]]
    rows.append(("All together", changed.difference(), changed.difference("received")))
    frame = pl.DataFrame(rows, schema={"cause": pl.String, "allowed": pl.Int64, "received": pl.Int64}, orient="row")
    return frame.with_columns(decimals(pl.col("allowed"), 2), decimals(pl.col("received"), 2))


def _movers(of: Loaded, changed: Change, codes: dict[str, str]) -> None:
    groups = practice_answer.GROUPS
    by = st.segmented_control(
        "What moved most, by",
        of.groups,
        default="code",
        format_func=groups.__getitem__,
        key="what_if_by",
        required=True,
        persist_state="session",
    )
    movers = changed.movers(by or "code", MOVERS)
    rows = [
        (
            words.md(practice_answer.named(row[by or "code"], by or "code", codes)),
            words.md(practice_pictures.change(row["change"])),
            words.md(row["cause"]),
        )
        for row in movers.iter_rows(named=True)
    ]
    if rows:
        shell.table((groups[by or "code"], "Allowed, more or less", "Mostly by"), rows, right=(1,))


# Scenarios, kept -------------------------------------------------------------------------------------------------------------


def _held() -> tuple[Scenario, ...]:
    held: tuple[Scenario, ...] = st.session_state.get("practice:scenarios", ())
    return held


def _keep(pulled: tuple[Lever, ...]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name of this what-if", key="what_if_name", placeholder="Next year", max_chars=100, width=260)
        st.button("Keep it to compare", key="what_if_keep", icon=":material/bookmark_add:", on_click=_kept, args=(pulled,))
    if said := st.session_state.pop("practice:not kept", ""):
        st.error(words.md(said), icon=":material/error:")


def _kept(pulled: tuple[Lever, ...]) -> None:
    state = st.session_state
    name = state["what_if_name"].strip() or f"What-if {len(_held()) + 1}"
    if name.casefold() in {held.name.strip().casefold() for held in _held()}:
        state["practice:not kept"] = f"A what-if is already named “{name}”: give this one another name."
        return
    state["practice:scenarios"] = (*_held(), Scenario(name, pulled))
    state["what_if_name"] = ""


def _scenarios(of: Loaded, base: Answer, asked_for: Asked) -> None:
    held = _held()
    if held:
        st.markdown("**What-ifs side by side**")
        _side_by_side(of, base, asked_for, held)
    with st.container(horizontal=True):
        if held:
            st.download_button(
                "Save the what-ifs",
                partial(to_bytes, held),
                file_name="feecalc-what-ifs.toml",
                mime="application/toml",
                key="what_if_save",
                on_click="ignore",
                icon=":material/save:",
            )
            st.button("Clear them", key="what_if_clear", on_click=_clear, icon=":material/delete:")
        with st.popover("Open saved what-ifs", icon=":material/folder_open:"):
            st.file_uploader(
                "What-ifs that were saved here (toml or json)", type=["toml", "json"], key="what_if_file", on_change=_opened
            )
            if said := st.session_state.get("practice:scenarios refused"):
                st.error(words.md(said), icon=":material/error:")


def _side_by_side(of: Loaded, base: Answer, asked_for: Asked, held: Sequence[Scenario]) -> None:
    assert asked_for.basis is not None
    assert asked_for.packing is not None
    outcomes = []
    for scenario in held:
        try:
            answer = practice.answer(of, asked_for.basis, asked_for.packing, scenario)
        except FeecalcError as error:
            st.error(words.md(f"{scenario.name}: {error}"), icon=":material/error:")
            continue
        outcomes.append(Outcome(scenario, answer.priced, answer.change_from(base), answer.told))
    if not outcomes:
        return
    beside = SideBySide(base.priced, tuple(outcomes))
    given = [Bar(beside.base_name, base.priced.totals["received"], muted=True)]
    given += [
        Bar(o.scenario.name, o.priced.totals["received"], note=practice_pictures.change(o.change.difference("received")))
        for o in outcomes
    ]
    said = "; ".join(f"{bar.label} {practice_pictures.amount(bar.cents)}" for bar in given)
    practice_pictures.bars(given, f"Received by what-if: {said}", "what-if-bars", "dollars received")
    build = beside.table
    shown = build()
    st.dataframe(
        shown.select("scenario", "allowed", "received", "received_change", "percent"),
        hide_index=True,
        column_config={
            "scenario": "What-if",
            "allowed": st.column_config.NumberColumn("Allowed, $", format="dollar"),
            "received": st.column_config.NumberColumn("Received, $", format="dollar"),
            "received_change": st.column_config.NumberColumn("More or less received, $", format="dollar"),
            "percent": st.column_config.NumberColumn("Allowed, percent", format="%+.1f"),
        },
    )
    notes = practice_answer.notes(of, base.priced, asked_for)
    notes += [(outcome.scenario.name, told) for outcome in outcomes for told in outcome.told]
    shell.downloads(f"{practice_answer.file_name(asked_for)}-what-ifs", build, notes, "what-if-table")


def to_bytes(held: Sequence[Scenario]) -> bytes:
    """Scenarios as the file that `scenarios.load` reads."""
    return scenarios.dumps(held).encode()


def of_bytes(name: str, content: bytes) -> tuple[Scenario, ...]:
    """Scenarios of an uploaded file. Raises InputError."""
    ending = kept.ending_of(Path(name), "Scenarios")
    text = kept.decoded(content, name, ending)
    try:
        return scenarios.loads(text, ending)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _opened() -> None:
    file = st.session_state["what_if_file"]
    state = st.session_state
    state["practice:scenarios refused"] = ""
    if file is None:
        return
    try:
        state["practice:scenarios"] = of_bytes(file.name, file.getvalue())
    except FeecalcError as error:
        state["practice:scenarios refused"] = str(error)


def _clear() -> None:
    st.session_state["practice:scenarios"] = ()
