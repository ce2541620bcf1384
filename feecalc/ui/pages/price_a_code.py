"""Price a code: what Medicare pays for one service, on one day, in one place, and why."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from feecalc import policy
from feecalc.errors import FeecalcError
from feecalc.locality import NATIONWIDE, Place
from feecalc.pricing.explain import MEANING
from feecalc.quote import Quote
from feecalc.ui import address, asked, pictures, shell, typed, where, words
from feecalc.ui.address import Field
from feecalc.ui.where import Where

PAGE = "price"
HERE = Where()
EXAMPLE = {"code": "97110", "zip": "35203", "locality": None, "date": dt.date(2025, 10, 15), "units": 3}
MATCHES = 8  # codes offered while one types
INDICATORS = ("pctc", "mult_proc", "global_days", "bilateral", "assistant_surgery", "co_surgery", "team_surgery")


# The inputs ------------------------------------------------------------------------------------------------------------


def _read() -> typed.Typed:
    """What the code box holds, read as a code. The box keeps the text as it was typed: it may be half a word yet."""
    return typed.code(st.session_state["code"])


def _modifiers_asked() -> list[str]:
    return list(dict.fromkeys([*typed.modifiers(st.session_state["modifiers"]), *_read().modifiers]))


_WHERE = HERE.fields(lambda on: on.isoformat() if on and (_read().value or on != dt.date.today()) else "")
FIELDS = (
    Field("code", str, str, lambda _: _read().value),
    *(_WHERE[name] for name in ("zip", "locality", "date")),
    Field("units", lambda: 1, typed.count, lambda n: "" if n == 1 else str(n)),
    _WHERE["pos"],
    Field("modifiers", list, lambda text: typed.modifiers([text]), lambda _: " ".join(_modifiers_asked())),
    *(_WHERE[name] for name in ("nonpar", "qp")),
)


def _modifiers() -> list[str]:
    known = [name for entry in policy.load("modifiers")["modifier"] for name in entry["codes"]]
    return [*words.MODIFIER_WORDS, *(name for name in known if name not in words.MODIFIER_WORDS)]


def _tidy() -> list[str]:
    """Put a pasted ZIP and modifiers in order before their boxes are drawn. Returns what was repaired, as sentences."""
    st.session_state["modifiers"] = typed.modifiers(st.session_state["modifiers"])
    return [said for said in (_read().told, HERE.tidy()) if said]


def _put(**values: Any) -> None:
    """Set inputs with one click."""
    st.session_state.update(values)


def _code_box(codes: dict[str, str]) -> None:
    """The code, and right below it what matches while it is half typed, so that Tab leads from the one to the other."""
    # A box that answers while one types, and not a list to pick from: Streamlit's lists forget what was typed when the
    # next box is entered, and send all 17,000 codes to the browser with every answer.
    st.text_input(
        "Code",
        key="code",
        type="search",
        live="300ms",
        autocomplete="off",
        placeholder="A code or a word, such as 97110 or exercise",
        help=words.term("code"),
    )
    matches = st.container()  # always there, so that the boxes below are not drawn anew when it fills
    if st.session_state["code"].strip() and not _read().value:
        with matches:
            _found(codes)


def _inputs(release: str) -> None:
    """The other inputs, most asked first; one row on a desk, two side by side on a phone."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        HERE.zip_box()
        HERE.locality_box(release)
        HERE.date_box()
        st.number_input("Units", min_value=1, max_value=9999, step=1, key="units", help=words.term("units"), width=130)
        HERE.setting_box()
        with st.popover(_more_label(), icon=":material/tune:"):
            _more()


def _more_label() -> str:
    said = [*_modifiers_asked(), *HERE.clinician_said()]
    return ", ".join(said) if said else "More"


def _more() -> None:
    known = _modifiers()
    st.multiselect(
        "Modifiers",
        [*known, *(name for name in st.session_state["modifiers"] if name not in known)],
        format_func=words.modifier,
        key="modifiers",
        placeholder="None",
        max_selections=4,
        accept_new_options=True,
        help=words.term("modifier"),
    )
    HERE.clinician_switches()


def _ask() -> Quote:
    """The question as the inputs stand, answered."""
    return asked.price(
        hcpcs=_read().value,
        units=st.session_state["units"],
        modifiers=" ".join(_modifiers_asked()),
        **HERE.circumstances(),
    )


# The answer ------------------------------------------------------------------------------------------------------------


def _named(quote: Quote, codes: dict[str, str]) -> str:
    label = codes.get(quote.hcpcs, "")
    bare = "-".join((quote.hcpcs, *quote.modifiers))
    return f"{bare} ({words.md(label)})" if label else bare


def _answer(quote: Quote, codes: dict[str, str]) -> None:
    with st.container(border=True):
        if quote.outcome == "priced":
            _amount(quote, codes)
        else:
            _no_amount(quote, codes)
            shell.release_line(quote.release, quote.in_force)


def _amount(quote: Quote, codes: dict[str, str]) -> None:
    assert quote.allowed is not None
    who = " from a non-participating clinician" if st.session_state["nonpar"] else ""
    st.markdown(
        f"#### Medicare allows {words.money_md(quote.allowed)} for {words.units(quote.units)} of {_named(quote, codes)}"
        f" {HERE.at(quote.place, 'as the national amount')} on {words.day(quote.date)}{who}."
    )
    shell.release_line(quote.release, quote.in_force, quote.conversion_factor)
    _reductions(quote)
    left, right = st.columns((2, 3))
    with left:
        _two_settings(quote)
    with right:
        _parts_picture(quote)
    st.caption(
        "The full price that Medicare recognizes: its own share and the patient's together. Not taken off: deductible,"
        " coinsurance, sequestration. Not decided: coverage.",
        help=words.term("allowed"),
    )
    _why(quote)


def _reductions(quote: Quote) -> None:
    """What made the amount smaller, with its amount."""
    if quote.reduction:
        st.markdown(
            f":gray[:material/arrow_downward: {words.money_md(quote.reduction)} less than {words.units(quote.units)} at full"
            " price: therapy units after the first are paid with half their practice costs.]",
            help=words.term("therapy"),
        )
    if quote.opps_cap is not None and quote.fee is not None and "opps_capped" in quote.flags:
        st.markdown(
            f":gray[:material/arrow_downward: Capped at {words.money_md(quote.opps_cap)} a unit, what a hospital outpatient"
            f" department receives; the fee would be {words.money_md(quote.fee)}.]",
            help=words.term("opps"),
        )


def _two_settings(quote: Quote) -> None:
    """The two headline amounts side by side, on a phone too; the one that the answer uses is marked."""
    for column, setting in zip(st.columns(2, wrap=False), words.SETTINGS, strict=True):
        amount = quote.nonfacility if setting == "nonfacility" else quote.facility
        chosen = setting == quote.setting
        with column.container(border=True, height="stretch"):
            st.metric(words.SETTINGS[setting], words.money(amount) if amount is not None else "no amount")
            st.caption(f"one unit · {words.SETTING_EXAMPLES[setting]}", help=words.term("setting"))
            if chosen and quote.opps_cap is not None and "opps_capped" in quote.flags:
                st.caption(f"capped at {words.money_md(quote.opps_cap)}", help=words.term("opps"))
            if chosen and st.session_state["nonpar"] and quote.nonparticipating is not None:
                st.caption(f"non-participating: {words.money_md(quote.nonparticipating)}", help=words.term("nonpar"))
            if chosen:
                st.badge("used here", icon=":material/check:", color="blue")
    if set(quote.rarely_in) - {quote.setting}:
        names = " and ".join(words.SETTINGS[setting].lower() for setting in quote.rarely_in)
        st.caption(f"CMS marks {names} as rare for this code; the figure there copies the other one.")


def _parts_picture(quote: Quote) -> None:
    if quote.components is None or quote.fee is None:
        return
    first = "First unit" if quote.therapy is not None else "One unit"
    bars: list[tuple[str, Any, Decimal | None]] = [(f"{first}: {words.money(quote.fee)}", quote.components, None)]
    if quote.therapy is not None and quote.therapy_components is not None:
        heading = f"Each further unit that day: {words.money(quote.therapy)}"
        bars.append((heading, quote.therapy_components, quote.therapy_reduction))
    parts = ", ".join(f"{words.PARTS[part]} {words.money(amount)}" for part, amount in quote.components.items())
    pictures.fee_parts(bars, f"What the fee is made of. {first}: {parts}.")


def _why(quote: Quote) -> None:
    with st.expander("Why this amount?", icon=":material/help:"):
        shell.steps(quote.steps)


def _no_amount(quote: Quote, codes: dict[str, str]) -> None:
    """Words, and where another answer would mend it, buttons that give it."""
    named = _named(quote, codes)
    if quote.asks:
        st.warning(words.md(_question(quote)), icon=":material/help:")
        _mend(quote, codes)
    elif quote.outcome == "zero":
        st.markdown(f"#### Medicare pays nothing separately for {named}.")
        st.info(words.md(quote.sentence), icon=":material/info:")
    else:
        st.markdown(f"#### There is no amount to show for {named}.")
        st.info(words.md(quote.sentence), icon=":material/info:")


def _question(quote: Quote) -> str:
    if quote.reason == "unknown_code" and quote.release is not None:
        near = " Did you mean one of these?" if quote.suggestions else " Check the code on the claim."
        return f"Release {quote.release.name} has no code {quote.hcpcs}.{near}"
    return HERE.question(quote)


def _mend(quote: Quote, codes: dict[str, str]) -> None:
    if quote.reason == "unknown_code":
        choices = [(words.code(code, codes.get(code, "")), {"code": code}) for code in quote.suggestions]
        where.buttons(choices, "mend", _put)
    else:
        HERE.mend(quote)


# What the answer is made of --------------------------------------------------------------------------------------------


def _strip(quote: Quote) -> None:
    """The RVU strip: points, local index and dollars, and the formula with the line's own figures."""
    if quote.rvu is None or quote.gpci is None or quote.components is None or quote.fee is None:
        return
    st.subheader("How one unit is worked out", anchor=False, help=words.term("rvu", "gpci", "cf"))
    shell.table(
        ("Part", "RVU (points)", "GPCI (area)", "Dollars"),
        [
            (f"{words.PARTS[part]}", words.rvu(quote.rvu[part]), words.gpci(quote.gpci[part]), f"\\${amount:,.4f}")
            for part, amount in quote.components.items()
        ]
        + [("**Fee, rounded once**", "", "", f"**{words.money_md(quote.fee)}**")],
        right=(1, 2, 3),
    )
    st.caption(
        f"Dollars are points × area index × the conversion factor of {words.factor(quote.conversion_factor or Decimal(0))},"
        f" for the {words.SETTINGS[str(quote.setting)].lower()} setting."
    )
    st.code(f"{quote.formula} = {words.money(quote.fee)}", language=None, wrap_lines=True)


def _billing(quote: Quote) -> None:
    """What may be billed: participating, not participating, and the ceilings."""
    if quote.fee is None or quote.nonparticipating is None or quote.limiting_charge is None:
        return
    st.subheader("What may be charged for one unit", anchor=False, help=words.term("participating", "nonpar", "limiting"))
    rows = [
        ("Participating clinician", words.money_md(quote.fee)),
        ("Non-participating clinician, accepting Medicare's amount", words.money_md(quote.nonparticipating)),
        ("Limiting charge: the most that a non-participating clinician may bill", words.money_md(quote.limiting_charge)),
    ]
    if quote.therapy is not None and quote.therapy_reduction is not None:
        less = f":gray[({words.money_md(quote.therapy_reduction)} less)]"
        rows.append((f"Participating clinician, each further therapy unit that day {less}", words.money_md(quote.therapy)))
    if quote.opps_cap is not None:
        rows.append(("Hospital outpatient (OPPS) amount, which caps the fee", words.money_md(quote.opps_cap)))
    shell.table(("Who bills", "Dollars"), rows, right=(1,))


def _rules(quote: Quote) -> None:
    """Status and policy indicators of the row, in words."""
    row = asked.row(quote.release.name, quote.hcpcs, quote.row["_row_modifier"] or "") if quote.release else None
    if row is None:
        return
    st.subheader("Medicare's rules for this code", anchor=False, help=words.term("status"))
    status = policy.load("statuses")["status"].get(row["status"], {"name": "", "meaning": "Not a known status."})
    rows = [("Status", f"`{row['status']}`", f"{status['name']}. {status['meaning']}")]
    indicators = policy.load("indicators")
    for name in INDICATORS:
        value = str(row[name] or "").strip()
        meaning = indicators[name].get(value, "Not given" if not value else "Not a known value")
        rows.append((indicators[name]["title"], f"`{value}`" if value else "–", meaning))
    shell.table(("Rule", "CMS value", "In words"), rows)


# Elsewhere and before --------------------------------------------------------------------------------------------------


def _history(quote: Quote, place: Place) -> None:
    st.subheader("One unit over the years", anchor=False, help=words.term("release"))
    qp = bool(quote.row["_qp"])
    build = partial(asked.history, quote.hcpcs, quote.row["_row_modifier"] or "", place, str(quote.setting), qp)
    table = build()
    priced = table.filter(pl.col("outcome") == "priced")
    if priced.is_empty():
        st.caption("No loaded release has an amount for this code here.")
        return
    first, last = priced.row(0, named=True), priced.row(-1, named=True)
    said = (
        f"{words.money_md(first['allowed'])} from {words.day(first['effective'])} ({first['release']}),"
        f" {words.money_md(last['allowed'])} from {words.day(last['effective'])} ({last['release']})."
    )
    release = quote.release.name if quote.release else None
    pictures.over_time(table, asked.unserved(), release, said.replace("\\", ""))
    gaps = table.filter(pl.col("outcome") != "priced")["release"].to_list()
    missing = f" No amount in {', '.join(gaps)}." if gaps else ""
    st.caption(f"{said}{missing} The diamond marks the release of this answer. {words.SETTINGS[str(quote.setting)]},"
               f" {words.place(place)}.")  # fmt: skip
    _table_and_files(table, "history", quote, build)


def _across(quote: Quote, place: Place) -> None:
    assert quote.release is not None
    st.subheader("The same unit across the country", anchor=False, help=words.term("locality", "gpci"))
    qp = bool(quote.row["_qp"])
    modifier = quote.row["_row_modifier"] or ""
    build = partial(asked.across, quote.hcpcs, quote.release.name, modifier, str(quote.setting), qp)
    table = build()
    spread = asked.spread(table)
    if spread is None:
        st.caption("No locality has an amount for this code.")
        return
    ends = [(end["allowed"], words.place(Place(end["mac"], end["locality"], end["name"], end["state"])))
            for end in (spread.lowest, spread.highest)]  # fmt: skip
    (low, low_name), (high, high_name) = ends
    said = (
        f"Lowest {words.money_md(low)} in {low_name}; median {words.money_md(spread.median)};"
        f" highest {words.money_md(high)} in {high_name}. {spread.count} payment localities, release {quote.release.name}."
    )
    pictures.over_places(table, spread, None if place == NATIONWIDE else place, said.replace("\\", ""))
    st.caption(said)
    _table_and_files(table, "localities", quote, build)


# The columns of the tables on the page; the files keep the names and values of the API.
COLUMNS = {
    "release": st.column_config.TextColumn("Release"),
    "effective": st.column_config.DateColumn("In force from", format="YYYY-MM-DD"),
    "outcome": st.column_config.TextColumn("Outcome"),
    "mac": st.column_config.TextColumn("MAC", help=words.term("mac")),
    "locality": st.column_config.TextColumn("Locality"),
    "name": st.column_config.TextColumn("Name"),
    "state": st.column_config.TextColumn("State"),
    "allowed": st.column_config.NumberColumn("One unit, $", format="dollar"),
}


def _table_and_files(table: pl.DataFrame, name: str, quote: Quote, build: Callable[[], pl.DataFrame]) -> None:
    if "outcome" in table.columns:  # what Medicare does not pay shows words, never $0.00
        paid = pl.when(pl.col("outcome") == "priced").then("allowed").alias("allowed")
        table = table.with_columns(paid, pl.col("outcome").replace(words.OUTCOMES))
    with st.expander("Table and files", icon=":material/table:"):
        shown = table.select(column for column in COLUMNS if column in table.columns)
        st.dataframe(shown, hide_index=True, height=260, column_config=COLUMNS)
        shell.downloads(f"{_file_name(quote)}-{name}", build, _notes(quote), name)


def _file_name(quote: Quote) -> str:
    where = quote.place.key if quote.place else "no-place"
    return "-".join(["feecalc", quote.hcpcs, *quote.modifiers, where, quote.date.isoformat()])


def _notes(quote: Quote) -> list[tuple[str, str]]:
    notes = [("Question", f"{quote.hcpcs}, {words.units(quote.units)}, {quote.place or 'no place'}, {quote.date}")]
    if quote.release is not None:
        notes.append(("Release", f"{quote.release.name}, in force from {quote.release.effective}"))
    if quote.source is not None:
        notes += [("Source file", quote.source["file"]), ("sha256", quote.source["sha256"])]
    notes.append(("How sure", str(quote.confidence)))
    notes += [("Assumed", said) for said in quote.assumptions]
    return notes + [("Note", said) for said in quote.notes]


def _source(quote: Quote) -> None:
    """The source card: file, dates, how sure, what was assumed."""
    st.subheader("Where this comes from", anchor=False, help=words.term("sure"))
    with st.container(border=True):
        if quote.release is not None and quote.source is not None:
            origin = "built in" if quote.release.origin == "built-in" else "your own import"
            st.markdown(
                f"**Release {quote.release.name}**, in force from {words.day(quote.release.effective)} ({origin})  \n"
                f"CMS file `{quote.source['file']}`, SHA-256 `{quote.source['sha256']}`"
            )
        sure = quote.confidence
        because = [MEANING[sure.standing], *sure.because]
        st.markdown(f"**How sure: {sure.standing}.** {words.md(' '.join(dict.fromkeys(because)))}")
        said = [f"- Assumed. {words.md(text)}" for text in quote.assumptions] + [
            f"- Note. {words.md(text)}" for text in quote.notes
        ]
        if said:
            st.markdown("\n".join(said))
        shell.downloads(_file_name(quote), quote.as_table, _notes(quote), "answer")


def _empty(codes: dict[str, str]) -> None:
    """The page before the first code: a worked example that one click loads."""
    with st.container(border=True):
        st.markdown("#### Type a code above, or start from an example.")
        try:
            example = asked.price(hcpcs="97110", zip="35203", date=dt.date(2025, 10, 15), units=3)
        except FeecalcError:
            example = None
        if example is not None and example.allowed is not None and example.place is not None:
            st.markdown(
                f"Medicare allows **{words.money_md(example.allowed)}** for {words.units(example.units)} of"
                f" {_named(example, codes)} in {words.place(example.place)} on {words.day(example.date)}."
            )
        st.button("Show this example", key="example", on_click=_put, kwargs=EXAMPLE, icon=":material/play_arrow:")
        _release_of_the_day()


def _found(codes: dict[str, str]) -> None:
    """The codes that match a word or the beginning of a code, to choose with one click."""
    text = st.session_state["code"].strip()
    found = typed.search(text, codes, most=MATCHES + 1)
    if found:
        more = "; there are more, type on" if len(found) > MATCHES else ""
        st.markdown(f"**Codes that match “{words.md(text)}”**{more}")
        where.buttons([(words.code(code, codes[code]), {"code": code}) for code in found[:MATCHES]], "found", _put)
    else:
        st.warning(
            f"No code of release {HERE.release()} matches “{words.md(text)}”. A code has five characters, such as 97110 or"
            " G0283; words are found for the codes that have them.",
            icon=":material/help:",
        )


def _release_of_the_day() -> None:
    """The release that the date asks for, where there is no answer yet to say so."""
    shell.release_line(*asked.schedule().schedule.serving(HERE.date))


def _others(others: tuple[str, ...]) -> None:
    """Codes that were pasted after the first one."""
    if others:
        st.info("This page prices one code at a time. You also pasted:", icon=":material/content_paste:")
        where.buttons([(code, {"code": code}) for code in others], "others", _put)


def _below(quote: Quote) -> None:
    """The detail: two columns on a desk, one below the other on a phone."""
    if quote.outcome == "priced" and quote.place is not None:
        _side_by_side(partial(_strip, quote), partial(_billing, quote))
        _side_by_side(partial(_history, quote, quote.place), partial(_across, quote, quote.place))
    if not quote.asks:
        _side_by_side(partial(_rules, quote), partial(_source, quote))


def _side_by_side(*parts: Callable[[], None]) -> None:
    for column, part in zip(st.columns(len(parts), gap="large"), parts, strict=True):
        with column:
            part()


def page() -> None:
    """The page, from top to bottom."""
    complaints = address.restore(PAGE, FIELDS)
    repaired = _tidy()
    release = HERE.release()
    codes = asked.codes(release)
    _code_box(codes)
    _inputs(release)
    address.publish(PAGE, FIELDS)
    for said in [*complaints, *repaired]:
        st.caption(f":material/edit_note: {words.md(said)}")
    read = _read()
    if read.value:
        _others(read.others)
        _priced(codes)
    elif st.session_state["code"].strip():
        _release_of_the_day()
    else:
        _empty(codes)


def _priced(codes: dict[str, str]) -> None:
    try:
        quote = _ask()
        _answer(quote, codes)
        _below(quote)
    except FeecalcError as error:
        st.error(words.md(str(error)), icon=":material/error:")


with shell.frame("Price a code", "What Medicare pays for one service, on one day, in one place."):
    page()
