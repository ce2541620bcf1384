"""Contracts as a person types them: a draft a payer, its boxes and grids, and the contract that it makes.

A draft holds what stands in the boxes, as text; the contract is made of it anew in every run, so that a mistake is told at once
and nothing is lost by it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl
import streamlit as st

from feecalc.analysis import contracts_file
from feecalc.analysis.contract_terms import CarveOut, Contract, Rate, plain
from feecalc.analysis.revenue import Basis
from feecalc.errors import FeecalcError, InputError
from feecalc.ui import asked, words

RATES = ("codes", "percent")
CARVES = ("codes", "modifiers", "fee", "charge_percent", "not_covered")
FOLLOWS = ""  # "percent of": Medicare of whatever date the page is asked for
ROUNDINGS = {"cent": "whole cents", "dollar": "whole dollars"}
SETTINGS = {"": "each service's own", **words.SETTINGS}
RULES = {
    "same_day": "Medicare's same-day reduction of therapy holds",
    "lesser_of_charge": "Pays the charge where that is lower",
    "sequestration": "Takes off sequestration as Medicare does",
    "assistant_reduction": "Takes off 15 percent for assistants (CQ, CO)",
    "qp": "Percent of the factor for Qualifying APM Participants",
}

Row = dict[str, str]


class Draft:
    """What stands in the boxes of one payer."""

    def __init__(self, number: int, contract: Contract) -> None:
        self.number, self.version = number, 0
        self.name = contract.payer
        self.loaded = contract  # what the boxes do not show (a date, a place) stays as it was
        self.default = "" if contract.default is None else plain_text(contract.default)
        self.medicare = FOLLOWS if contract.medicare is None else str(contract.medicare)
        self.place = contract.place or ""
        self.setting = contract.setting or ""
        self.share = plain_text(contract.patient_share)
        self.rounding = contract.rounding
        self.also = ", ".join(contract.also)
        self.note = contract.note
        self.rules = {name: bool(getattr(contract, name)) for name in RULES}
        self.rates = [{"codes": rate.of, "percent": plain_text(rate.percent)} for rate in contract.rates]
        self.carves = [_carve_row(one) for one in contract.carve_outs]
        self.bases: dict[str, list[Row]] = {}

    def contract(self) -> Contract:
        """The contract that it makes. Raises InputError, which names the payer."""
        return replace(
            self.loaded,
            payer=self.name,
            also=tuple(part.strip() for part in self.also.split(",") if part.strip()),
            default=_percent(self.default),
            medicare=self.medicare or None,
            place=self.place.strip() or None,
            setting=self.setting or None,
            patient_share=_percent(self.share),
            rounding=self.rounding,
            note=self.note,
            rates=tuple(Rate(one["codes"], _percent(one["percent"]) or "") for one in _filled(self.rates)),
            carve_outs=tuple(_carve_out(one) for one in _filled(self.carves)),
            **self.rules,
        )

    def key(self, name: str) -> str:
        """The key of one of its boxes."""
        return f"contract_{self.number}_{name}"


def plain_text(value: object) -> str:
    """A percent as people write it; blank for none."""
    return "" if value is None else plain(Decimal(str(value)))


def _carve_row(one: CarveOut) -> Row:
    return {
        "codes": one.of,
        "modifiers": one.modifiers,
        "fee": "" if one.fee is None else f"{one.fee:.2f}",
        "charge_percent": plain_text(one.charge_percent),
        "not_covered": "yes" if one.not_covered else "",
    }


def _filled(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if any(row.values())]


def _percent(text: str) -> str | None:
    return text.strip().removesuffix("%").strip() or None


def _carve_out(row: Row) -> CarveOut:
    """A row of the grid as a carve-out. Raises InputError."""
    said = row["not_covered"].strip().lower()
    if said not in ("", "yes", "y", "x", "true", "no", "n", "false"):
        raise InputError(f"Not covered is yes or blank for {row['codes'] or 'a carve-out'}, not “{row['not_covered']}”.")
    fee = row["fee"].replace("$", "").replace(",", "").strip()
    return CarveOut(
        row["codes"],
        fee=fee or None,
        charge_percent=_percent(row["charge_percent"]),
        not_covered=said in ("yes", "y", "x", "true"),
        modifiers=row["modifiers"],
    )


# The session's drafts -----------------------------------------------------------------------------------------------------


def drafts() -> list[Draft]:
    """All of them."""
    found: list[Draft] = st.session_state.setdefault("contracts:drafts", [])
    return found


def put(contracts: Sequence[Contract]) -> None:
    """Take contracts in place of those that are there."""
    st.session_state["contracts:drafts"] = []
    for contract in contracts:
        add(contract)
    st.session_state["contracts_payer"] = drafts()[0].number if drafts() else None


def add(contract: Contract) -> None:
    """Add a contract."""
    number = st.session_state["contracts:number"] = st.session_state.get("contracts:number", 0) + 1
    drafts().append(Draft(number, contract))
    st.session_state["contracts_payer"] = number


def remove(number: int) -> None:
    """Drop a contract."""
    left = [draft for draft in drafts() if draft.number != number]
    st.session_state["contracts:drafts"] = left
    st.session_state["contracts_payer"] = left[0].number if left else None


def contracts() -> tuple[list[Contract], list[str]]:
    """The contracts of the drafts that make one, and what is wrong with the others, as sentences."""
    found: list[Contract] = []
    problems: list[str] = []
    for draft in drafts():
        try:
            contract = draft.contract()
            if isinstance(contract.medicare, str):  # names a release or a year that must be there
                contract.basis_of(asked.schedule().schedule, Basis())
        except FeecalcError as error:
            problems.append(str(error))
            continue
        taken = {name for other in found for name in other.names}
        twice = [written for name, written in contract.names.items() if name in taken]
        if twice:
            problems.append(f"Two contracts are with “{twice[0]}”: the second is left out. Give it another name.")
        else:
            found.append(contract)
    return found, problems


# The form -----------------------------------------------------------------------------------------------------------------


def form(draft: Draft) -> None:
    """The boxes of a payer."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draft.name = st.text_input("Payer, as your file writes it", draft.name, key=draft.key("name"), max_chars=100, width=230)
        draft.default = st.text_input(
            "Percent of Medicare",
            draft.default,
            key=draft.key("default"),
            max_chars=10,
            placeholder="such as 110",
            help=words.term("contract_default"),
            width=150,
        )
        draft.medicare = _medicare_box(draft)
        with st.popover("Rules", icon=":material/rule:"):
            _rules(draft)
        with st.popover("Fees from a spreadsheet", icon=":material/upload_file:"):
            _fees_box(draft)
    for told in st.session_state.get("contracts:fees told", ()):
        st.caption(f":material/edit_note: {words.md(told)}")
    st.markdown("**Other percentages, by code**", help=words.term("contract_rates"))
    draft.rates = _grid(draft, "rates", RATES, draft.rates)
    st.markdown("**Carve-outs**", help=words.term("contract_carve_outs"))
    draft.carves = _grid(draft, "carves", CARVES, draft.carves)


def _medicare_box(draft: Draft) -> str:
    releases = list(reversed(asked.schedule().schedule.priceable()))
    years = sorted({name[:4] for name in releases}, reverse=True)
    offered = [FOLLOWS, *years, *releases]
    if draft.medicare not in offered:
        offered.append(draft.medicare)
    chosen = st.selectbox(
        "of Medicare of",
        offered,
        index=offered.index(draft.medicare),
        format_func=_medicare_words,
        key=draft.key("medicare"),
        help=words.term("contract_medicare"),
        width=230,
    )
    return str(chosen)


def _medicare_words(text: str) -> str:
    if text == FOLLOWS:
        return "the year priced (follows it)"
    if len(text) == 4:
        return f"{text}, its newest release"
    try:
        return f"{dt.date.fromisoformat(text):%B %d, %Y}"
    except ValueError:
        return text


def _rules(draft: Draft) -> None:
    for name, label in RULES.items():
        draft.rules[name] = st.toggle(label, draft.rules[name], key=draft.key(name))
    draft.setting = st.selectbox(
        "Setting that it pays by",
        list(SETTINGS),
        index=list(SETTINGS).index(draft.setting),
        format_func=SETTINGS.__getitem__,
        key=draft.key("setting"),
        help=words.term("setting"),
    )
    draft.place = st.text_input(
        "Place that it pays by",
        draft.place,
        key=draft.key("place"),
        placeholder="the practice's own",
        help="A ZIP code (35203), a locality (10112-00), a state (AL) or national.",
    )
    draft.share = st.text_input("The patient's part, percent", draft.share, key=draft.key("share"), max_chars=6)
    draft.rounding = st.selectbox(
        "Amounts are rounded to",
        list(ROUNDINGS),
        index=list(ROUNDINGS).index(draft.rounding),
        format_func=ROUNDINGS.__getitem__,
        key=draft.key("rounding"),
    )
    draft.also = st.text_input(
        "Other names of this payer in your file", draft.also, key=draft.key("also"), placeholder="parted by commas"
    )
    draft.note = st.text_area("Note", draft.note, key=draft.key("note"), max_chars=1000)


def _fees_box(draft: Draft) -> None:
    """A payer's own fee schedule: its fees become carve-outs."""
    st.file_uploader(
        "The payer's fee schedule: csv, Excel or parquet",
        type=["csv", "xlsx", "xls", "parquet"],
        key=draft.key("fees"),
        on_change=_fees,
        args=(draft,),
        help=words.term("contract_fees"),
    )


def _fees(draft: Draft) -> None:
    """Take over the fees of an upload; the carve-outs that are there stay."""
    state: Any = st.session_state
    file = state[draft.key("fees")]
    state["contracts:fees told"] = []
    if file is None:
        return
    try:
        read = contracts_file.read_fees(file.getvalue(), file.name)
        changed = contracts_file.with_fees(draft.contract(), read)
    except FeecalcError as error:
        state["contracts:fees told"] = [str(error)]
        return
    draft.carves = [_carve_row(one) for one in changed.carve_outs]
    draft.version += 1  # the grid begins anew with them
    state["contracts:fees told"] = [f"{len(read.carve_outs):,} fees read from {file.name}.", *read.notes]


HEADS = {
    "rates": {
        "codes": st.column_config.TextColumn("Codes", width=190, help="A code, a range such as 97010-97799, or several."),
        "percent": st.column_config.TextColumn("Percent", width=90),
    },
    "carves": {
        "codes": st.column_config.TextColumn("Codes", width=110, help="A code, a range such as 97010-97799, or several."),
        "modifiers": st.column_config.TextColumn("Modifiers", width=96),
        "fee": st.column_config.TextColumn("Fee a unit, $", width=104),
        "charge_percent": st.column_config.TextColumn("% of charge", width=100),
        "not_covered": st.column_config.TextColumn("Not covered", width=100, help="yes, or blank"),
    },
}


def _grid(draft: Draft, name: str, columns: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    """A grid of texts; the rows as they stand after its edits."""
    key = draft.key(f"{name}_{draft.version}" if draft.version else name)
    if key not in st.session_state or name not in draft.bases:  # drawn anew: it begins with what it had
        draft.bases[name] = [dict(row) for row in rows]
    base = draft.bases[name]
    edited = st.data_editor(
        pl.DataFrame({column: [row[column] for row in base] for column in columns}, schema=dict.fromkeys(columns, pl.String)),
        key=key,
        column_config=HEADS[name],
        num_rows="dynamic",
        hide_index=True,
        alt=f"Terms of {draft.name}",
    )
    return [{column: str(value or "").strip() for column, value in row.items()} for row in edited.iter_rows(named=True)]
