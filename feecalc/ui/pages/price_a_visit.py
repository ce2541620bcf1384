"""Price a visit: what Medicare allows for all that one patient had on one day, what the clinic receives, and why."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from feecalc import policy, thresholds
from feecalc.errors import FeecalcError, InputError
from feecalc.money import to_cents
from feecalc.therapy_codes import discipline, disciplines, kinds
from feecalc.thresholds import History, read_history
from feecalc.ui import address, asked, chooser, rows, shell, typed, visit_answer, where, words
from feecalc.ui.address import Field
from feecalc.ui.rows import Row
from feecalc.ui.where import Where
from feecalc.visit import Item, Priced, Visit
from feecalc.visit_files import from_json, read_pasted

PAGE = "visit"
HERE = Where("visit_")
SEVERAL, NO_THERAPY = "several", "none"
BOTH = "both"
TREATED = {"therapist": "Therapist", "assistant": "Assistant", BOTH: "Both"}
RULES = {"cms": "Medicare", "midpoint": "Midpoint"}
MATCHES = 6  # codes offered while one types

# The inputs ------------------------------------------------------------------------------------------------------------


def _example() -> list[Row]:
    return [dict(row) for row in rows.PRESETS["therapy"].rows]


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in known:
            return text
        raise ValueError(text)

    return read


def _disciplines() -> dict[str, str]:
    named = {name: f"{one.words[:1].upper()}{one.words[1:]}" for name, one in disciplines().items()}
    return {**named, SEVERAL: "Several, row by row", NO_THERAPY: "No therapy"}


def _practitioners() -> list[str]:
    return [name for entry in policy.load("practitioners")["practitioner"] for name in entry["types"]]


def _read_choice(text: str) -> dict[str, int]:
    return {code: typed.count(units) for code, _, units in (part.partition(".") for part in text.split(","))}


def _when_asked(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """Written once anything was asked: the untouched page keeps a plain address, and a link keeps its date."""

    def written(value: Any) -> str:
        state = st.session_state
        plain = state["visit_rows"] == _example() and HERE.date == dt.date.today()
        others = (HERE.value("zip"), HERE.value("locality"), state["visit_discipline"] != "PT")
        return "" if plain and not any(others) else write(value)

    return written


_WHERE = HERE.fields(_when_asked(lambda on: on.isoformat() if on else ""))
FIELDS = (
    Field("visit_rows", _example, rows.of_address, _when_asked(rows.to_address), "visit"),
    *_WHERE.values(),
    Field("visit_discipline", lambda: "PT", _one_of(list(_disciplines())), lambda v: "" if v == "PT" else v, "therapy"),
    Field("visit_treated", lambda: "therapist", _one_of(list(TREATED)), lambda v: "" if v == "therapist" else v, "treated"),
    Field("visit_rule", lambda: "cms", _one_of(list(RULES)), lambda v: "" if v == "cms" else v, "rule"),
    Field("visit_choice", dict, _read_choice, lambda v: ",".join(f"{code}.{n}" for code, n in v.items()), "choice"),
    Field("visit_minutes", str, str, lambda text: text if text.isdigit() else "", "minutes"),
    Field("visit_provider", lambda: None, _one_of(_practitioners()), lambda v: v or "", "provider"),
)


def _set_rows(new: Sequence[Row]) -> None:
    """Put other rows into the grid. It is drawn anew, as its own edits belong to the rows that it began with."""
    state = st.session_state
    state["visit_rows"] = state["visit:base"] = [dict(row) for row in new]
    state["visit:grid"] = state.get("visit:grid", 0) + 1


def _grid_key() -> str:
    return f"visit_grid_{st.session_state.get('visit:grid', 0)}"


def _absorb() -> None:
    """Take the grid's edits over into the rows, before anything else looks at them."""
    state = st.session_state
    if _grid_key() in state and "visit:base" in state:
        state["visit_rows"] = rows.edited(state["visit:base"], state[_grid_key()])


def _settle() -> None:
    """Where a link brought other rows than the grid has, or its columns change, it begins anew from the rows."""
    state = st.session_state
    edits = state.get(_grid_key(), {})
    shown = state.get("visit:columns")
    if "visit:base" not in state or shown != _columns() or state["visit_rows"] != rows.edited(state["visit:base"], edits):
        state["visit:columns"] = _columns()
        _set_rows(state["visit_rows"])


def _columns() -> list[str]:
    hidden = set() if st.session_state["visit_treated"] == BOTH else {"assistant"}
    hidden |= set() if st.session_state["visit_discipline"] == SEVERAL else {"discipline"}
    return [name for name in rows.COLUMNS if name not in hidden]


def _discipline_chosen() -> None:
    """Where each row is to name its own discipline, those of therapy begin with the one that held for all."""
    _absorb()
    state = st.session_state
    if state["visit_discipline"] == SEVERAL:
        of_all = state.get("visit:discipline", "")
        therapy = [kinds().get(typed.code(row["code"]).value) == "always" for row in state["visit_rows"]]
        found = [
            {**row, "discipline": row["discipline"] or of_all} if always else row
            for row, always in zip(state["visit_rows"], therapy, strict=True)
        ]
        _set_rows(found)


def _preset() -> None:
    """Load a common visit: its codes and its discipline. Where and when stay as they are."""
    chosen = rows.PRESETS.get(st.session_state["visit_preset"] or "")
    if chosen is not None:
        st.session_state["visit_discipline"] = chosen.discipline or NO_THERAPY
        st.session_state["visit_choice"] = {}
        _set_rows(chosen.rows)
    st.session_state["visit_preset"] = None


def _add(*codes: str) -> None:
    _absorb()
    _set_rows([*(row for _, row in rows.filled(st.session_state["visit_rows"])), *map(rows.for_code, codes)])
    st.session_state["visit_add"] = ""


def _replace(old: str, new: str) -> None:
    """Put the code that was meant in place of a mistyped one."""
    _absorb()
    found = [{**row, "code": new} if typed.code(row["code"]).value == old else row for row in st.session_state["visit_rows"]]
    _set_rows(found)


def _choose(**units: int) -> None:
    st.session_state["visit_choice"] = {**st.session_state["visit_choice"], **units}


def _inputs(release: str) -> None:
    """Where and when, in one row on a desk."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Start from",
            list(rows.PRESETS),
            index=None,
            format_func=lambda name: rows.PRESETS[name].label,
            key="visit_preset",
            placeholder="a common visit",
            on_change=_preset,
            width=220,
        )
        HERE.zip_box()
        HERE.locality_box(release)
        HERE.date_box()
        HERE.setting_box()
        _who()
        with st.popover(_more_label(), icon=":material/tune:"):
            _more()


def _who() -> None:
    """The discipline, and who treated."""
    st.selectbox(
        "Therapy",
        list(_disciplines()),
        format_func=_disciplines().__getitem__,
        key="visit_discipline",
        help=words.term("discipline"),
        on_change=_discipline_chosen,
        width=200,
    )
    st.session_state["visit:discipline"] = _one_discipline()
    st.segmented_control(
        "Who treated",
        list(TREATED),
        format_func=TREATED.__getitem__,
        key="visit_treated",
        required=True,
        help=words.term("cq"),
    )


def _more_label() -> str:
    state = st.session_state
    said = HERE.clinician_said() + ([state["visit_provider"]] if state["visit_provider"] else [])
    said += [f"{state['visit_minutes']} minutes in all"] if state["visit_minutes"].isdigit() else []
    said += ["deductible"] if state.get("visit_deductible", "").strip() else []
    return ", ".join(said) if said else "More"


def _more() -> None:
    st.selectbox(
        "Who bills",
        _practitioners(),
        index=None,
        key="visit_provider",
        placeholder="A physician, or a therapist in practice",
        help=words.term("practitioner"),
    )
    HERE.clinician_switches()
    st.text_input("Length of the visit, minutes", key="visit_minutes", max_chars=4, help=words.term("visit_minutes"))
    st.text_input(
        "Deductible still open, $",
        key="visit_deductible",
        max_chars=12,
        placeholder="0.00",
        help=words.term("deductible"),
        persist_state="session",
    )


def _services(codes: dict[str, str]) -> None:
    """What was done: the grid, and the ways to fill it."""
    _settle()
    _grid()
    _add_box(codes)
    st.segmented_control(
        "Rule for units",
        list(RULES),
        format_func=RULES.__getitem__,
        key="visit_rule",
        required=True,
        help=words.term("unit_rule"),
    )
    with st.container(horizontal=True):
        with st.popover("Paste rows", icon=":material/content_paste:"):
            _paste()
        with st.popover("Open a saved visit", icon=":material/folder_open:"):
            _open()
        with st.popover("Which code for which goal?", icon=":material/explore:"):
            chooser.panel(asked.schedule(), HERE.date, _one_discipline() or None, _add)


def _one_discipline() -> str:
    """The discipline of the whole visit; blank where each row names its own, or there is none."""
    chosen = st.session_state["visit_discipline"]
    return chosen if chosen in disciplines() else ""


def _grid() -> None:
    column = partial(st.column_config.TextColumn, default="")  # else the cells of a new row say None
    heads = {
        "code": column("Code", width=70, help=words.term("code")),
        "minutes": column("Minutes", width=84, help=words.term("minutes")),
        "assistant": column("Assistant", width=100, help=words.term("assistant_minutes")),
        "units": column("Units", width=68, help=words.term("line_units")),
        "modifiers": column("Modifiers", width=92, help=words.term("line_modifiers")),
        "charge": column("Charge, $", width=90, help=words.term("charge")),
        "discipline": column("Therapy", width=88, help=f"{words.term('discipline')} PT, OT or SLP."),
    }
    shown = _columns()
    base = st.session_state["visit:base"]
    st.data_editor(
        pl.DataFrame({name: [row[name] for row in base] for name in shown}, schema=dict.fromkeys(shown, pl.String)),
        key=_grid_key(),
        column_config={name: heads[name] for name in shown},
        num_rows="dynamic",
        hide_index=True,
        alt="What was done: codes with their minutes or units",
    )


def _add_box(codes: dict[str, str]) -> None:
    """A code by its number or by words, added to the grid with one click."""
    st.text_input(
        "Add a code",
        key="visit_add",
        type="search",
        live="300ms",
        autocomplete="off",
        placeholder="A code or a word, such as 97116 or walking",
    )
    text = st.session_state["visit_add"].strip()
    if not text:
        return
    read = typed.code(text)
    if read.value:
        several = [read.value, *read.others]
        found = {code: codes.get(code, "") for code in several}
        if len(several) > 1:
            st.button(f"Add all {len(several)}", key="visit_add_all", on_click=_add, args=tuple(several))
    else:
        found = {code: codes[code] for code in typed.search(text, codes, most=MATCHES)}
    if not found:
        st.caption(f"No code of release {HERE.release()} matches “{words.md(text)}”.")
    with st.container(horizontal=True):
        for code, label in list(found.items())[:MATCHES]:
            named = words.code(code, label)
            st.button(f"Add {named}", key=f"visit_add_{code}", on_click=_add, args=(code,), wrap=True)


# Pasted rows and files -------------------------------------------------------------------------------------------------


def _paste() -> None:
    st.text_area(
        "Rows of a spreadsheet",
        key="visit_pasted",
        height=150,
        placeholder="Code\tMinutes\n97530\t15\n97110\t30",
        help="With a heading, columns go by their names: code, minutes, units, assistant, modifiers, charge. Without one, the"
        " first is the code and the second its minutes. Leave out names and birth dates: feecalc needs none.",
    )
    with st.container(horizontal=True):
        st.button("Replace the visit", key="visit_paste", on_click=_pasted, args=(True,), type="primary")
        st.button("Add to the visit", key="visit_paste_more", on_click=_pasted, args=(False,))
    for said in st.session_state.get("visit:pasted said", ()):
        st.caption(f":material/edit_note: {words.md(said)}")


def _pasted(replace: bool) -> None:
    _absorb()
    items, problems = read_pasted(st.session_state["visit_pasted"])
    before = [] if replace else [row for _, row in rows.filled(st.session_state["visit_rows"])]
    if items:
        _set_rows([*before, *map(rows.of_item, items)])
    taken = f"{len(items)} row{'' if len(items) == 1 else 's'} read." if items else "No row could be read; nothing was changed."
    st.session_state["visit:pasted said"] = [taken, *problems]


def _open() -> None:
    st.file_uploader(
        "A visit that was saved here", type="json", key="visit_file", on_change=_opened, help="Use Save the visit, below."
    )
    if said := st.session_state.get("visit:opened said"):
        st.error(words.md(said), icon=":material/error:")


def _opened() -> None:
    file = st.session_state["visit_file"]
    st.session_state["visit:opened said"] = ""
    if file is None:
        return
    try:
        values, found = _of_visit(from_json(file.getvalue().decode("utf-8-sig")))
    except UnicodeDecodeError:
        st.session_state["visit:opened said"] = f"{file.name} is no text, so it is no visit file."
    except FeecalcError as error:
        st.session_state["visit:opened said"] = f"{file.name}: {error}"
    except (TypeError, ValueError, AttributeError) as error:  # values of another kind than a visit has
        st.session_state["visit:opened said"] = f"{file.name}: a value of it cannot be read ({error})."
    else:
        st.session_state.update(values)
        _history_forgotten()
        _set_rows(found)


def _of_visit(loaded: Visit) -> tuple[dict[str, Any], list[Row]]:
    """A loaded visit as the boxes' values and the grid's rows. Raises InputError for what the page has no box for."""
    whole = discipline(loaded.discipline).name if loaded.discipline else ""
    own = {discipline(item.discipline).name for item in loaded.items if item.discipline}
    several = bool(own - {whole})
    by_assistant = loaded.treated_by == "assistant"
    both = any(item.assistant_minutes for item in loaded.items)
    found = [rows.of_item(item) for item in loaded.items]
    for item, row in zip(loaded.items, found, strict=True):
        if several and not row["discipline"] and kinds().get(item.hcpcs) == "always":
            row["discipline"] = whole
        if both and by_assistant and not row["assistant"]:
            row["assistant"] = row["minutes"]
    values = {
        HERE.key("zip"): str(loaded.zip or ""),
        HERE.key("locality"): _locality(loaded),
        HERE.key("date"): loaded.date,
        HERE.key("pos"): _WHERE["pos"].read(loaded.setting or loaded.pos or where.ANY_OFFICE),
        HERE.key("nonpar"): not loaded.participating,
        HERE.key("qp"): bool(loaded.qp),
        "visit_discipline": SEVERAL if several else whole or NO_THERAPY,
        "visit_treated": BOTH if both else _one_of(list(TREATED))(loaded.treated_by),
        "visit_rule": _one_of(list(RULES))(loaded.rule),
        "visit_choice": {code: int(units) for code, units in loaded.choice.items()},
        "visit_minutes": "" if loaded.visit_minutes is None else str(loaded.visit_minutes),
        "visit_provider": _one_of(_practitioners())(loaded.provider_type) if loaded.provider_type else None,
        "visit_deductible": "" if loaded.deductible_left in ("", "0") else str(loaded.deductible_left),
    }
    sums: dict[str, Decimal] = {}
    for name, amount in loaded.allowed_so_far.items():
        pool = thresholds.pool_of(name).name
        sums[pool] = sums.get(pool, Decimal(0)) + Decimal(to_cents(amount)).scaleb(-2)
    typed_sums = {visit_answer.so_far_key(pool.name): str(sums.get(pool.name, "")) for pool in thresholds.pools()}
    return {**values, **typed_sums}, found


def _locality(loaded: Visit) -> str | None:
    """The locality of a loaded visit, also where it names a state that has but one."""
    if loaded.locality or not loaded.state:
        return loaded.locality
    serving, _ = asked.schedule().schedule.serving(loaded.date)
    names = asked.places(serving.name) if serving else {}
    found = [key for key, place in names.items() if place.state == loaded.state.strip().upper()]
    if len(found) != 1:
        raise InputError(
            f"it names the state {loaded.state}, which has {len(found)} payment areas here. Put a ZIP in its place."
        )
    return found[0]


# The question ----------------------------------------------------------------------------------------------------------


def _amount(key: str, what: str, problems: list[str]) -> str:
    """An amount that was typed; blank, and a problem, where it is none."""
    text = str(st.session_state.get(key, "")).strip()
    if not text:
        return ""
    try:
        cents = to_cents(typed.tidy(text))
    except ValueError as error:
        problems.append(f"{what}: {error}; it is left out. Give dollars, such as 2000.00.")
        return ""
    if cents < 0:
        problems.append(f"{what} is below 0; it is left out.")
        return ""
    return str(Decimal(cents).scaleb(-2))


def _history_opened() -> None:
    """Take over the bytes of a history file, so that they outlive its box."""
    file = st.session_state.get(visit_answer.history_key())
    st.session_state["visit:history"] = None if file is None else (file.name, file.getvalue())


def _history_forgotten() -> None:
    """The boxes, or a saved visit, take the place of a history file."""
    st.session_state["visit:history"] = None
    st.session_state["visit:history box"] = st.session_state.get("visit:history box", 0) + 1


def _history(problems: list[str]) -> tuple[str, History] | None:
    """The history file by its name, read for the visit's date; None, and a problem more, where it cannot be read."""
    given = st.session_state.get("visit:history")
    if given is None:
        return None
    name, content = given
    try:
        return name, read_history(Path(name), HERE.date.year, before=HERE.date, content=content)
    except InputError as error:
        if st.session_state.get(visit_answer.history_key()) is None:  # its box is empty, so that it could not be taken away
            _history_forgotten()
        else:
            problems.append(f"The history file: {error}")
        return None


def _so_far(history: tuple[str, History] | None, problems: list[str]) -> dict[str, str]:
    """What was allowed this year before the visit: by the history file, else as typed."""
    if history is not None:
        return history[1].so_far
    return {
        pool.disciplines[0]: amount
        for pool in thresholds.pools()
        if (amount := _amount(visit_answer.so_far_key(pool.name), f"Allowed so far, {pool.words}", problems))
    }


def _asked(items: Sequence[Item], so_far: Mapping[str, str], problems: list[str]) -> Visit:
    """The visit as the inputs stand."""
    state = st.session_state
    given = HERE.circumstances()
    length = state["visit_minutes"].strip()
    if length and not length.isdigit():
        problems.append(f"Length of the visit: “{length}” is not a whole number of minutes; it is left out.")
    return Visit(
        items=items,
        date=HERE.date,
        discipline=_one_discipline(),
        treated_by="assistant" if state["visit_treated"] == "assistant" else "therapist",
        rule=state["visit_rule"],
        visit_minutes=int(length) if length.isdigit() else None,
        choice={code: units for code, units in state["visit_choice"].items() if code in {item.hcpcs for item in items}},
        allowed_so_far=so_far,
        zip=given.get("zip"),
        locality=given.get("locality"),
        pos=given.get("pos"),
        setting=given.get("setting"),
        provider_type=state["visit_provider"],
        participating=given.get("participating", True),
        qp=given.get("qp", False),
        deductible_left=_amount("visit_deductible", "Deductible", problems) or "0",
    )


def _price(question: Visit, problems: list[str]) -> Priced:
    """The visit priced. A choice of units that other minutes have overtaken is left out, and told."""
    try:
        return asked.priced_visit(question)
    except InputError as error:
        if not question.choice:
            raise
        first = error
    try:
        priced = asked.priced_visit(_without_choice(question))
    except InputError:
        raise first from None
    st.session_state["visit_choice"] = {}
    problems.append("The way of giving units that you chose no longer fits the minutes and is left out.")
    return priced


def _without_choice(question: Visit) -> Visit:
    return Visit(**{**vars(question), "choice": {}})


# The page --------------------------------------------------------------------------------------------------------------


def _read(codes: Mapping[str, str], release: str) -> rows.Read:
    return rows.read(
        st.session_state["visit_rows"],
        therapy=_one_discipline(),
        several=st.session_state["visit_discipline"] == SEVERAL,
        assistants=st.session_state["visit_treated"] == BOTH,
        known=codes,
        near=partial(asked.near, release),
    )


def page() -> None:
    """The page, from top to bottom: the answer, what was done beside its picture, detail below."""
    _absorb()
    complaints = address.restore(PAGE, FIELDS)
    repaired = HERE.tidy()
    release = HERE.release()
    codes = asked.codes(release)
    answer = st.container(border=True)  # filled when the grid has been read
    _inputs(release)
    left, right = st.columns((11, 9), gap="small")
    with left:
        _services(codes)
        read = _read(codes, release)
        for said in (*complaints, *([repaired] if repaired else []), *read.told):
            st.caption(f":material/edit_note: {words.md(said)}")
    address.publish(PAGE, FIELDS)
    problems = list(read.problems)
    left_out = list(dict.fromkeys(said.partition(":")[0].lower() for said in problems))
    history = _history(problems)
    priced = _priced(read, history, problems)
    with answer:
        _answer(priced, problems, left_out, codes)
    if priced is not None:
        with right:
            visit_answer.picture(priced)
        _below(priced, visit_answer.headline(priced, HERE, left_out), history, problems, codes)


def _priced(read: rows.Read, history: tuple[str, History] | None, problems: list[str]) -> Priced | None:
    """The visit priced; None, and mostly a problem more, where that is not possible."""
    if not read.items:
        return None
    try:
        return _price(_asked(read.items, _so_far(history, problems), problems), problems)
    except FeecalcError as error:
        problems.append(str(error))
        return None


def _answer(priced: Priced | None, problems: Sequence[str], left_out: Sequence[str], codes: dict[str, str]) -> None:
    """The box at the top: the answer, or why there is none."""
    for said in problems:
        st.error(words.md(said), icon=":material/error:")
    if priced is not None:
        visit_answer.head(priced, HERE, left_out, codes, _replace)
        return
    if not problems:
        st.markdown("#### Type a code into the grid, or start from a common visit.")
    shell.release_line(*asked.schedule().schedule.serving(HERE.date))


def _below(
    priced: Priced,
    sentence: str,
    history: tuple[str, History] | None,
    problems: Sequence[str],
    codes: dict[str, str],
) -> None:
    """The detail: the lines and what needs looking at first, then how it was worked out, then where it comes from."""
    visit_answer.lines(priced, codes)
    visit_answer.findings(priced)
    if priced.units or priced.totals:
        left, right = st.columns(2, gap="large")
        with left:
            visit_answer.edits(priced)
        with right:
            visit_answer.units(priced, _choose)
            visit_answer.year(priced, history, _history_opened, _history_forgotten)
    else:
        visit_answer.edits(priced)
    visit_answer.source(priced, sentence, problems, codes)


with shell.frame("Price a visit", "What Medicare pays for all that one patient had on one day."):
    page()
