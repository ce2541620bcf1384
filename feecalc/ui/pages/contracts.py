"""Contracts: what each payer pays in percent of Medicare for the practice's own services, code by code."""

import streamlit as st

from feecalc.analysis.contract_terms import Contract, folded
from feecalc.errors import FeecalcError
from feecalc.ui import asked, practice, practice_answer, practice_contracts, practice_terms, practice_upload, shell, words
from feecalc.ui.practice import HERE, Asked, Loaded

PAGE = "contracts"


def page() -> None:
    """The page: the answer, then the contracts themselves, then the detail."""
    fields = practice.fields()
    told = practice.restore(PAGE, fields)
    repaired = HERE.tidy()
    of = practice.loaded()
    if of is None:
        st.markdown("Contracts are weighed by what your practice did, so that its volumes come first.")
        practice_upload.start()
        practice.publish(PAGE, fields)
        return
    answer = st.container(border=True)  # filled when the contracts have been read
    practice.inputs(of)
    practice.publish(PAGE, fields)
    for said in (*told, *([repaired] if repaired else [])):
        st.caption(f":material/edit_note: {words.md(said)}")
    top = st.container()
    _contracts(of)
    _answer(of, answer, top)


def _contracts(of: Loaded) -> None:
    """The contracts: which there are, and the boxes of one."""
    st.subheader("The contracts", anchor=False, help=words.term("contract"))
    drafts = {draft.number: draft for draft in practice_terms.drafts()}
    if drafts:
        if st.session_state.get("contracts_payer") not in drafts:
            st.session_state["contracts_payer"] = next(iter(drafts))
        number = st.pills(
            "Payer",
            list(drafts),
            format_func=lambda one: drafts[one].name or "(no name)",
            key="contracts_payer",
            required=True,
            label_visibility="collapsed",
        )
        draft = drafts[number or next(iter(drafts))]
        with st.container(border=True):
            practice_terms.form(draft)
            st.button("Remove this contract", on_click=practice_terms.remove, args=(draft.number,), key="contracts_remove")
    _ways(of, bool(drafts))


def _ways(of: Loaded, some: bool) -> None:
    """Ways to more contracts: a payer of the file, the sample, a file; and to save them."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        have = {name for draft in practice_terms.drafts() for name in (folded(draft.name), *map(folded, draft.also.split(",")))}
        offered = [name for name in practice.values(of, "payer") if folded(name) not in have]
        st.selectbox(
            "Add a payer",
            offered,
            index=None,
            key="contracts_add",
            placeholder="of your file, or type a name",
            accept_new_options=True,
            on_change=_add,
            width=250,
        )
        if some:
            found, _ = practice_terms.contracts()
            st.download_button(
                "Save the contracts",
                lambda: practice_contracts.to_bytes(found),
                file_name="feecalc-contracts.toml",
                mime="application/toml",
                key="contracts_save",
                on_click="ignore",
                icon=":material/save:",
            )
        else:
            st.button("Sample contracts", key="contracts_sample", on_click=_sample, icon=":material/play_arrow:")
        with st.popover("Open saved contracts", icon=":material/folder_open:"):
            st.file_uploader(
                "Contracts that were saved here (toml or json)", type=["toml", "json"], key="contracts_file", on_change=_opened
            )
    if said := st.session_state.get("contracts:refused"):
        st.error(words.md(said), icon=":material/error:")


def _add() -> None:
    name = (st.session_state["contracts_add"] or "").strip()
    if name:
        practice_terms.add(Contract(name, default=100))
    st.session_state["contracts_add"] = None


def _sample() -> None:
    practice_terms.put(practice_contracts.sample())


def _opened() -> None:
    file = st.session_state["contracts_file"]
    state = st.session_state
    state["contracts:refused"] = ""
    if file is None:
        return
    try:
        practice_terms.put(practice_contracts.of_bytes(file.name, file.getvalue()))
    except FeecalcError as error:
        state["contracts:refused"] = str(error)


def _answer(of: Loaded, head: st.delta_generator.DeltaGenerator, top: st.delta_generator.DeltaGenerator) -> None:
    asked_for = practice.asked_for()
    contracts, problems = practice_terms.contracts()
    with head:
        for problem in problems:
            st.error(words.md(problem), icon=":material/error:")
        if asked_for.basis is None:
            practice.mend(asked_for)
        elif not contracts:
            st.markdown("#### What do your payers pay, in percent of Medicare? Add a payer below, or take the sample.")
        if asked_for.basis is None or not contracts:
            practice_upload.loaded_line(of)
            return
    try:
        _compared(of, asked_for, contracts, head, top)
    except FeecalcError as error:
        with head:
            st.error(words.md(str(error)), icon=":material/error:")
            practice_upload.loaded_line(of)


def _compared(
    of: Loaded,
    asked_for: Asked,
    contracts: list[Contract],
    head: st.delta_generator.DeltaGenerator,
    top: st.delta_generator.DeltaGenerator,
) -> None:
    assert asked_for.basis is not None
    assert asked_for.packing is not None
    base = practice.answer(of, asked_for.basis, asked_for.packing)
    found = practice_contracts.compare(of, base, asked_for, contracts)
    labels = asked.codes(HERE.release())
    with head:
        practice_contracts.head(found)
        practice_answer.release(base.priced)
        practice_upload.loaded_line(of)
    with top:
        practice_contracts.picture(found)
    practice_contracts.payers(of, found, asked_for)
    practice_contracts.heat(of, found, asked_for, labels)
    practice_contracts.low_charges(of, found, asked_for, labels)
    practice_contracts.unpriced(found, labels)
    practice_contracts.across(found)
    practice_contracts.source(of, found, asked_for, labels)


with shell.frame("Contracts", "What your payers pay against Medicare, for the services of your own practice."):
    page()
