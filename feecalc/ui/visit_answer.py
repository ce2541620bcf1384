"""The answer to a visit, drawn: the sentence and the picture, lines with their traces, edits, units, thresholds, sources."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import polars as pl
import streamlit as st

from feecalc import policy, thresholds
from feecalc.edits import UnitLimit
from feecalc.notices import DISCLAIMER, NOTICE
from feecalc.pricing.explain import MEANING
from feecalc.quote import Quote
from feecalc.therapy_codes import disciplines
from feecalc.thresholds import History
from feecalc.ui import pictures, sheet, shell, where, words
from feecalc.ui.where import Where
from feecalc.visit import Priced, Stake
from feecalc.visit_files import to_json

WAYS = 8  # equally right ways to give units that are offered
PROBLEMS = 50  # rows of a history file that are listed
HISTORY_FILES = ["csv", "tsv", "txt", "xlsx", "parquet"]
NOT_CHECKED = "Not checked, or only against an older table"
TABLES = {"ptp": "code pairs", "mue": "unit limits", "addon": "add-on codes"}


def so_far_key(pool: str) -> str:
    """The key of the box that holds what was allowed this year, by pool."""
    return f"visit_so_far_{pool}"


def history_key() -> str:
    """The key of the box that takes a history file; another one each time that the box is emptied."""
    return f"visit_history_{st.session_state.get('visit:history box', 0)}"


# In sight at once ------------------------------------------------------------------------------------------------------


def head(priced: Priced, here: Where, left_out: Sequence[str], codes: dict[str, str], replace: Callable[..., None]) -> None:
    """The answer in a sentence, who pays it, and the release; or what has to be answered first.

    `replace` is called with `old` and `new` where a code that was meant is picked for a mistyped one.
    """
    first = priced.day.quotes[0]
    blocked = next((q for q in priced.day.quotes if q.reason == "no_release" or (q.asks and q.place is None)), None)
    if blocked is not None:
        st.warning(words.md(here.question(blocked)), icon=":material/help:")
        here.mend(blocked)
    elif not has_amount(priced):
        st.markdown("#### No line of this visit has an amount of Medicare's.")
        st.caption("The lines below say why.")
    else:
        st.markdown(f"#### {words.md(headline(priced, here, left_out))}")
        st.markdown(words.md(shares(priced)), help=words.term("coinsurance", "sequestration", "received"))
    shell.release_line(first.release, first.in_force, first.conversion_factor if has_amount(priced) else None)
    if beware := _beware(priced):
        st.markdown(f":material/warning: To look at below: {'; '.join(beware)}.")
    for quote in {quote.hcpcs: quote for quote in priced.day.quotes}.values():
        _unknown(quote, codes, replace)


def _beware(priced: Priced) -> list[str]:
    """What stands below and may cost money, in short."""
    edited = [f"`{pair.column1}` with `{pair.column2}` may not both be paid" for pair in priced.edits.ptp if pair.denied]
    over = [f"units of `{limit.hcpcs}`" for limit in _over(priced)]
    lacking = [f"`{addon.hcpcs}` without its main code" for addon in priced.edits.addon if addon.missing]
    lines = list(dict.fromkeys(found.line for found in priced.findings))
    modified = [f"modifiers and units of line {' and '.join(map(str, lines))}"] if lines else []
    open_ways = not priced.visit.choice and any(made.alternatives for made in priced.units.values())
    tied = ["minutes that tie, whose units may as well be another code's"] if open_ways else []
    return [*edited, *over, *lacking, *modified, *tied]


def _over(priced: Priced) -> list[UnitLimit]:
    """The codes with more units than their limit."""
    return [limit for limit in priced.edits.mue if limit.outcome in ("over", "never")]


def _unknown(quote: Quote, codes: dict[str, str], replace: Callable[..., None]) -> None:
    """A mistyped code, and buttons with those that may be meant."""
    if quote.reason != "unknown_code" or quote.release is None:
        return
    meant = " Did you mean one of these?" if quote.suggestions else " Check the code."
    st.warning(f"Release {quote.release.name} has no code {words.md(quote.hcpcs)}.{meant}", icon=":material/help:")
    choices = [(words.code(code, codes.get(code, "")), {"old": quote.hcpcs, "new": code}) for code in quote.suggestions]
    where.buttons(choices, f"visit_mend_{quote.hcpcs}", replace)


def has_amount(priced: Priced) -> bool:
    """Whether any line is priced."""
    return any(quote.outcome == "priced" for quote in priced.day.quotes)


def headline(priced: Priced, here: Where, left_out: Sequence[str]) -> str:
    """The answer in a sentence. `left_out` names the rows that could not be read."""
    day = priced.day
    what = "this visit" if day.whole else "the lines of this visit that have an amount"
    without = f" (without {' and '.join(left_out)})" if left_out else ""
    return (
        f"Medicare allows {words.money(day.total('allowed'))} for {what}{without}"
        f" {here.at(day.quotes[0].place, 'nationally')} on {words.day(priced.visit.date)}; after coinsurance and sequestration"
        f" the clinic receives {words.money(day.total('received'))}."
    )


def shares(priced: Priced) -> str:
    """Who pays it, in a sentence."""
    day = priced.day
    deductible, coinsurance = day.total("deductible"), day.total("coinsurance")
    patient = f"The patient pays {words.money(deductible + coinsurance)}, the coinsurance"
    if deductible:
        patient = (
            f"The patient pays {words.money(deductible + coinsurance)}: {words.money(deductible)} of the deductible and"
            f" {words.money(coinsurance)} coinsurance"
        )
    return f"{patient}. Medicare pays {words.money(day.total('medicare_share') - day.total('sequestration'))}."


def picture(priced: Priced) -> None:
    """From list price to received."""
    if not has_amount(priced):
        return
    st.markdown("**From list price to received**", help=words.term("allowed", "therapy", "cq", "sequestration", "carc"))
    falls = priced.day.waterfall
    said = "; ".join(f"{fall.label} {words.change(fall)}{words.usually(fall)}" for fall in falls)
    pictures.waterfall(falls, f"From list price to received. {said}.")


# Line by line ----------------------------------------------------------------------------------------------------------


def lines(priced: Priced, codes: dict[str, str]) -> None:
    """Every line with its amount or the words in its place, and behind each its trace."""
    st.subheader("The lines of the claim", anchor=False, help=words.term("line_modifiers", "therapy"))
    shell.table(("Line", "Allowed", "Received"), _line_table(priced, codes), right=(1, 2))
    _by_discipline(priced)
    for number, quote in enumerate(priced.day.quotes, 1):
        with st.expander(words.md(f"Why? Line {number}, {_coded(quote)}: {_amount(quote)}"), icon=":material/help:"):
            if quote.reason is None:
                shell.steps(quote.steps)
            else:
                st.markdown(words.md(quote.sentence))
                st.caption(f"{quote.steps[0].standing.capitalize()}: {words.md(quote.steps[0].source)}")
            st.caption(f"How sure: {words.md(str(quote.confidence))}")


def _line_table(priced: Priced, codes: dict[str, str]) -> list[tuple[str, ...]]:
    """What was taken off stands with its line, not in a column of its own, for which a phone has no room."""
    table: list[tuple[str, ...]] = []
    for number, quote in enumerate(priced.day.quotes, 1):
        parts = [f"{number}. `{_coded(quote)}` {words.units(quote.units)}", words.md(codes.get(quote.hcpcs, ""))]
        parts += [f":gray[{words.md(words.less(quote))}]"] if words.less(quote) else []
        received = words.money(quote.received) if quote.reason is None and quote.received is not None else ""
        table.append((" · ".join(filter(None, parts)), words.md(_amount(quote)), words.md(received)))
    total = "All lines" if priced.day.whole else "Lines with an amount"
    sums = [f"**{words.money_md(priced.day.total(name))}**" for name in ("allowed", "received")]
    return [*table, (f"**{total}**", *sums)] if has_amount(priced) else table


def _coded(quote: Quote) -> str:
    return "-".join((quote.hcpcs, *quote.modifiers))


def _amount(quote: Quote) -> str:
    """A line's allowed amount, or the words in its place."""
    return words.money(quote.allowed) if quote.reason is None and quote.allowed is not None else words.OUTCOMES[quote.outcome]


def _by_discipline(priced: Priced) -> None:
    names = {name: one.words for name, one in disciplines().items()}
    sums = {names.get(name, "other services"): total for name, total in priced.by_discipline.items() if total}
    if len(sums) > 1:
        said = ", ".join(f"{name} {words.money_md(total)}" for name, total in sums.items())
        st.markdown(f"Allowed by discipline: {said}.")


# Beside the price -------------------------------------------------------------------------------------------------------


def units(priced: Priced, choose: Callable[..., None]) -> None:
    """The minutes as units, why, and the other ways that are as right; `choose` is called with the units of one, by code."""
    if not priced.units:
        return
    st.subheader("Minutes and units", anchor=False, help=words.term("unit_rule"))
    if priced.visit.rule != "cms":
        st.caption("Medicare does not use the midpoint rule: the units are those of other payers, the amounts Medicare's.")
    for name, made in priced.units.items():
        counted = ", ".join(f"`{code}` {words.units(units)}" for code, units in made.units.items())
        st.markdown(f"**{name}**: {made.total_minutes} timed minutes make {words.units(made.timed_units)}. In all: {counted}.")
        if made.alternatives:
            more = f" {len(made.alternatives) - WAYS} more are not listed." if len(made.alternatives) > WAYS else ""
            st.markdown(f"Equally right, to choose with one click:{more}")
            where.buttons([(_way(way), dict(way)) for way in made.alternatives[:WAYS]], f"visit_way_{name}", choose)
        with st.expander(f"Why these units? {name}", icon=":material/help:"):
            for reason in made.reasons:
                at = f"`{reason.hcpcs}`{f', unit {reason.unit}' if reason.unit else ''}: " if reason.hcpcs else ""
                st.markdown(f"{at}{words.md(reason.sentence)}")
                st.caption(f"{reason.standing.capitalize()}: {words.md(reason.source)}")


def _way(way: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {words.units(units)}" for code, units in way.items())


def findings(priced: Priced) -> None:
    """Modifiers that do not fit, and what to do."""
    if not priced.findings:
        return
    st.subheader("Modifiers and units to look at", anchor=False, help=words.term("modifier", "cq", "kx"))
    for found in priced.findings:
        st.warning(
            f"**Line {found.line}.** {words.md(found.sentence)} {words.md(found.remedy)}"
            f"\n\n{_small(found.standing, found.source)}",
            icon=":material/rule:",
        )


def _small(standing: str, source: str) -> str:
    """What a warning rests on, below it."""
    return f":small[{standing.capitalize()}: {words.md(source)}]"


def edits(priced: Priced) -> None:
    """Pairs of codes, unit limits and add-on codes; and what was not checked."""
    found = priced.edits
    st.subheader("Edits between the codes", anchor=False, help=words.term("ptp", "mue", "addon"))
    for stake in priced.stakes:
        pair = stake.pair
        said = [
            f"**{words.md(pair.sentence)}** {words.md(pair.rationale)}",
            words.md(_at_stake(stake)),
            words.md(pair.modifiers),
        ]
        said += [words.md(f"{pair.in_force} Table of {pair.quarter}."), _small(pair.standing, pair.source)]
        (st.warning if pair.denied else st.info)("\n\n".join(said), icon=":material/join_inner:")
    limits = _over(priced)
    lacking = [addon for addon in found.addon if addon.missing is not False]
    warned = [(one.sentence, one.standing, one.source) for one in limits]
    warned += [(one.sentence, one.standing, one.source) for one in lacking]
    for sentence, standing, source in warned:
        st.warning(f"{words.md(sentence)}\n\n{_small(standing, source)}", icon=":material/warning:")
    if "ptp" in found.tables and not found.ptp:
        st.markdown(f"The table of {found.tables['ptp']} has no pair among these codes on this date.")
    fine = [one.sentence for one in found.mue if one not in limits] + [
        one.sentence for one in found.addon if one not in lacking
    ]
    fine += [note for addon in found.addon for note in addon.notes]
    for sentence in fine:
        st.caption(words.md(sentence))
    if found.not_checked:
        # One line in sight; the whole of it, with what to load, one click away.
        with st.expander(f"{NOT_CHECKED}: {_not_checked(priced)}", icon=":material/visibility_off:"):
            for one in found.not_checked:
                st.markdown(f"- {words.md(one.sentence)}")
    st.caption(
        "The lines count as one patient's day with one practitioner. An edit is no coverage decision, nor is its absence; it"
        " changes no amount on this page."
    )


def _at_stake(stake: Stake) -> str:
    if stake.dollars is None:
        return "What is at stake cannot be said: a line has no amount."
    return f"At stake: {words.money(stake.dollars)}, which the visit is allowed less without {stake.pair.column2}."


def _not_checked(priced: Priced) -> str:
    return " · ".join(f"{TABLES[one.table]} of {one.quarter}" for one in priced.edits.not_checked)


def year(priced: Priced, history: tuple[str, History] | None, opened: Callable[[], None], forget: Callable[[], None]) -> None:
    """The year's totals against the KX and review thresholds.

    `history` is the name of the file that says what was allowed before, as it was read; else boxes ask for it. `opened` is
    called when a file was given, `forget` to go back to the boxes.
    """
    if not priced.totals:
        return
    st.subheader("The year's therapy so far", anchor=False, help=words.term("kx"))
    for name, total in priced.totals.items():
        if history is None:
            _so_far_box(name, total)
        else:
            before = f"{words.money_md(total.before)} allowed in {total.year} before this visit, {total.pool.words}"
            st.markdown(f"{before}: by `{words.md(history[0])}`.")
        st.markdown(f"With this visit {words.money_md(total.after)}. {words.md(total.kx.sentence)}")
        st.markdown(words.md(total.review.sentence))
    _history(history, opened, forget)
    with st.expander("What counts, and what KX says", icon=":material/help:"):
        for note in thresholds.notes():
            st.markdown(words.md(note.sentence))
            st.caption(f"{note.standing.capitalize()}: {words.md(note.source)}")


def _so_far_box(name: str, total: thresholds.Total) -> None:
    st.text_input(
        f"Allowed in {total.year} before this visit, {total.pool.words}, $",
        key=so_far_key(name),
        max_chars=12,
        placeholder="0.00",
        help=words.term("so_far"),
        persist_state="session",
        width=330,
    )
    if not st.session_state.get(so_far_key(name), "").strip():
        st.caption("As long as it is empty: if nothing was allowed before this visit.")


def _history(history: tuple[str, History] | None, opened: Callable[[], None], forget: Callable[[], None]) -> None:
    """A file in place of the boxes, and what was left out of it."""
    with st.popover("From a history file", icon=":material/upload_file:"):
        st.file_uploader(
            "The patient's earlier therapy lines",
            type=HISTORY_FILES,
            key=history_key(),
            on_change=opened,
            help=words.term("history_file"),
        )
        st.caption(
            "Columns: date, allowed, and discipline (PT, OT, SLP) or modifier (GP, GO, GN). It stays in this window alone."
        )
    if history is None:
        return
    name, found = history
    st.button(f"Leave out {words.md(name)}", key="visit_history_forget", on_click=forget, icon=":material/close:")
    rows = "1 row counts" if found.counted == 1 else f"{found.counted:,} rows count"
    st.caption(" ".join([f"{rows}.", *map(words.md, found.notes)]))
    if found.problems:
        with st.expander(f"Rows that could not be read: {len(found.problems)}", icon=":material/error:"):
            for problem in found.problems[:PROBLEMS]:
                st.markdown(f"- {words.md(str(problem))}")
            if len(found.problems) > PROBLEMS:
                st.caption(f"{len(found.problems) - PROBLEMS:,} more are not listed.")


# What it rests on, and files ---------------------------------------------------------------------------------------------


def source(priced: Priced, sentence: str, told: Sequence[str], codes: dict[str, str]) -> None:
    """The source card and the files. `sentence` and `told` are the headline and the problems, for the printed page."""
    st.subheader("Where this comes from", anchor=False, help=words.term("sure"))
    first = priced.day.quotes[0]
    with st.container(border=True):
        if first.release is not None and first.source is not None:
            origin = "built in" if first.release.origin == "built-in" else "your own import"
            st.markdown(
                f"**Release {first.release.name}**, in force from {words.day(first.release.effective)} ({origin})  \n"
                f"CMS file `{first.source['file']}`, SHA-256 `{first.source['sha256']}`"
            )
        for what, (standing, because) in _sure(priced).items():
            st.markdown(f"**How sure, {what}: {standing}.** {words.md(because)}")
        said = [f"- Assumed. {words.md(text)}" for text in _assumptions(priced)]
        said += [f"- Note. {words.md(text)}" for text in _flags(priced)]
        if said:
            st.markdown("\n".join(said))
        name = _file_name(priced)
        notes = _notes(priced)
        shell.downloads(f"{name}-lines", partial(_table, priced), notes, "visit")
        with st.container(horizontal=True):
            st.download_button(
                "Save the visit",
                to_json(priced.visit),
                file_name=f"{name}.json",
                mime="application/json",
                key="visit_save",
                on_click="ignore",
                icon=":material/save:",
            )
            st.download_button(
                "Page to print",
                partial(printable, priced, sentence, told, codes),
                file_name=f"{name}.html",
                mime="text/html",
                key="visit_print",
                on_click="ignore",
                icon=":material/print:",
            )
        st.caption(
            "The link in the address bar holds the codes, the minutes, the place and the date, and nothing of a patient. The"
            " saved file also holds what was allowed so far and the deductible."
        )


def _sure(priced: Priced) -> dict[str, tuple[str, str]]:
    """How sure the amounts are, and the units where minutes made them: the weakest standing, and what has it."""
    sure = [quote.confidence for quote in priced.day.quotes]
    standing = policy.weakest([one.standing for one in sure])
    because = [MEANING[standing], *(text for one in sure if one.standing == standing for text in one.because)]
    found = {"the amounts": (standing, " ".join(dict.fromkeys(because)))}
    reasons = [reason for made in priced.units.values() for reason in made.reasons]
    if reasons:
        standing = policy.weakest([reason.standing for reason in reasons])
        because = [MEANING[standing], *(reason.sentence for reason in reasons if reason.standing == standing)]
        found["the units"] = (standing, " ".join(dict.fromkeys(because)))
    return found


def _assumptions(priced: Priced) -> list[str]:
    return list(dict.fromkeys(said for quote in priced.day.quotes for said in quote.assumptions))


def _flags(priced: Priced) -> list[str]:
    """What is noted of the lines, each note once with the codes that it is of."""
    codes: dict[str, list[str]] = {}
    for quote in priced.day.quotes:
        for said in quote.notes:
            codes.setdefault(said, []).append(quote.hcpcs)
    return [f"{', '.join(dict.fromkeys(found))}: {said}" for said, found in codes.items()]


def _file_name(priced: Priced) -> str:
    place = priced.day.quotes[0].place
    return f"feecalc-visit-{place.key if place else 'no-place'}-{priced.visit.date.isoformat()}"


def _notes(priced: Priced) -> list[tuple[str, str]]:
    first = priced.day.quotes[0]
    notes = [("Visit", f"{', '.join(map(_coded, priced.day.quotes))}; {first.place or 'no place'}; {priced.visit.date}")]
    if first.release is not None:
        notes.append(("Release", f"{first.release.name}, in force from {first.release.effective}"))
    if first.source is not None:
        notes += [("Source file", first.source["file"]), ("sha256", first.source["sha256"])]
    if first.conversion_factor is not None:
        notes.append(("Conversion factor", words.factor(first.conversion_factor)))
    notes += [(f"How sure, {what}", f"{standing}. {because}") for what, (standing, because) in _sure(priced).items()]
    notes += [("Assumed", said) for said in _assumptions(priced)]
    notes += [("Note", said) for said in _flags(priced)]
    return notes + [(NOT_CHECKED, one.sentence) for one in priced.edits.not_checked]


def _table(priced: Priced) -> pl.DataFrame:
    """The lines as a table for files."""
    table = priced.day.as_table()
    names = pl.Series("discipline", [name or "" for name in priced.disciplines], dtype=pl.String)
    return table.insert_column(0, pl.int_range(1, table.height + 1, eager=True).alias("line")).insert_column(4, names)


def printable(priced: Priced, sentence: str, told: Sequence[str], codes: dict[str, str]) -> bytes:
    """The visit as a page to print."""
    said = [*told, *(f"{stake.pair.sentence} {_at_stake(stake)}" for stake in priced.stakes)]
    for name, made in priced.units.items():
        if made.alternatives and not priced.visit.choice:
            more = "; …" if len(made.alternatives) > WAYS else ""
            said.append(f"{name}: minutes tie. Equally right: {'; '.join(map(_way, made.alternatives[:WAYS]))}{more}.")
    said += [f"Line {found.line}. {found.sentence} {found.remedy}" for found in priced.findings]
    said += [total.kx.sentence for total in priced.totals.values()]
    # On paper the tables that were not checked are named; what to load is for the screen and the workbook.
    brief = [note for note in _notes(priced) if note[0] != NOT_CHECKED]
    brief += [(NOT_CHECKED, _not_checked(priced))] if priced.edits.not_checked else []
    foot = (DISCLAIMER, NOTICE)
    return sheet.html(priced, sentence, shares(priced), codes, said, brief, foot).encode("utf-8")
