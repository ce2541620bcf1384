"""Payers against Medicare, drawn: the sentence, the payers, code by code as a heat table, low charges, files."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from feecalc import export
from feecalc.analysis import contract, contracts_file, kept
from feecalc.analysis.contract import Contracts
from feecalc.analysis.contract_terms import Contract
from feecalc.errors import InputError
from feecalc.export import Sheet
from feecalc.money import to_dollars
from feecalc.notices import DISCLAIMER, NOTICE, NOTICES
from feecalc.ui import asked, practice, practice_answer, practice_pictures, practice_sheet, shell, words
from feecalc.ui.practice import Answer, Asked, Loaded
from feecalc.ui.practice_pictures import Bar

CODES = 14  # of the heat table; the table below has them all
LOW = 8  # codes with low charges in sight
VOLUMES = {"own": "Each payer's own", "all": "All of them"}
RATE = st.column_config.NumberColumn("Of Medicare, %", format="%.2f", help=words.term("contract_rate"))
COLUMNS = {
    "payer": st.column_config.TextColumn("Payer"),
    "standing": st.column_config.TextColumn("Contract"),
    "code": st.column_config.TextColumn("Code"),
    "family": st.column_config.TextColumn("Kind of service"),
    "units": st.column_config.NumberColumn("Units", format="localized"),
    "compared_medicare": st.column_config.NumberColumn("Medicare allows, $", format="dollar"),
    "compared": st.column_config.NumberColumn("Contract allows, $", format="dollar"),
    "medicare": st.column_config.NumberColumn("Medicare allows, $", format="dollar"),
    "allowed": st.column_config.NumberColumn("Contract allows, $", format="dollar"),
    "difference": st.column_config.NumberColumn("More or less, $", format="dollar"),
    "rate": RATE,
    "last_year": st.column_config.NumberColumn("To equal last year, %", format="%.2f", help=words.term("contract_last_year")),
    "paid_rate": st.column_config.NumberColumn("Paid so far, % of Medicare", format="%.2f"),
    "unpriced_units": st.column_config.NumberColumn("Units without an amount", format="localized"),
    "charge_unit": st.column_config.NumberColumn("Charge a unit, $", format="dollar"),
    "contract_unit": st.column_config.NumberColumn("Contract, a unit, $", format="dollar"),
    "left": st.column_config.NumberColumn("Charges are below by, $", format="dollar"),
}


class Compared:
    """Contracts beside Medicare, and beside the Medicare of a year before."""

    def __init__(self, now: Contracts, before: Contracts | None, before_words: str) -> None:
        self.now, self.before, self.before_words = now, before, before_words


def compare(of: Loaded, base: Answer, asked_for: Asked, contracts: Sequence[Contract]) -> Compared:
    """The contracts at the page's basis; at the prices of a year before where there are any. Kept between reruns."""
    assert asked_for.basis is not None
    assert asked_for.packing is not None
    basis, packing = asked_for.basis, asked_for.packing
    key = (of.number, asked.stamp(), basis, packing, repr(contracts))
    kept: dict[Any, Compared] = st.session_state.setdefault("contracts:compared", {})
    if key in kept:
        return kept[key]
    with st.spinner(f"Comparing {len(contracts)} contracts over {of.mix.rows.height:,} rows …", show_time=True):
        opened = asked.schedule()
        now = contract.compare(of.mix, contracts, opened, basis, packing, base.priced)
        earlier, said = _year_before()
        before = None
        if earlier is not None:
            there = replace(basis, date=earlier)
            medicare = practice.answer(of, there, packing).priced
            before = contract.compare(of.mix, contracts, opened, there, packing, medicare)
        st.session_state["contracts:compared"] = {key: Compared(now, before, said)}  # one is enough: edits come one by one
    found: Compared = st.session_state["contracts:compared"][key]
    return found


def _year_before() -> tuple[Any, str]:
    """The first day of the release that served a year before the page's date; None where none is loaded."""
    on = practice.HERE.date
    earlier = on.replace(year=on.year - 1, day=min(on.day, 28))
    release, _ = asked.schedule().schedule.serving(earlier)
    return (earlier, release.name) if release else (None, "")


# The answer -----------------------------------------------------------------------------------------------------------------


def head(found: Compared) -> None:
    """The answer in a sentence, then what stands beside it."""
    st.markdown(f"#### {words.md(headline(found.now))}")
    for sentence in beside(found.now):
        st.markdown(words.md(sentence))


def headline(now: Contracts) -> str:
    """What the payers pay in percent of Medicare, and who pays least."""
    compared = _compared(now)
    if compared.is_empty():
        everywhere = now.across.filter(pl.col("volume") == contract.ALL, pl.col("rate").is_not_null())
        named = [f"{name} would pay {percent(rate)}" for name, rate in everywhere.select("contract", "rate").iter_rows()]
        if not named:
            return "No service of your file can be compared with Medicare under these contracts."
        more = f" and {len(named) - 4} more" if len(named) > 4 else ""
        return f"No row of your file names these payers. For all its services {', '.join(named[:4])}{more} of Medicare."
    rate = now.total["rate"]
    if compared.height == 1:
        (payer,) = compared["payer"]
        return f"{payer} pays {percent(rate)} of what Medicare allows."
    weak, strong = compared.row(0, named=True), compared.row(-1, named=True)
    if weak["rate"] == strong["rate"]:
        return f"Each of your {compared.height} payers with contracts pays {percent(rate)} of Medicare."
    return (
        f"Your payers with contracts pay {percent(rate)} of Medicare; the weakest is {weak['payer']} at"
        f" {percent(weak['rate'])}, the best {strong['payer']} at {percent(strong['rate'])}."
    )


def _compared(now: Contracts) -> pl.DataFrame:
    """The payers with a contract and something to compare, the weakest first."""
    payers = now.payers.filter(pl.col("standing") == "compared", pl.col("rate").is_not_null())
    return payers.sort("rate", "payer")


def percent(hundredths: int | None) -> str:
    """Hundredths of a percent as a sentence gives them; the sign stays on the line of its number."""
    return "no percent" if hundredths is None else f"{Decimal(hundredths).scaleb(-2):,.1f}\u00a0%"


def beside(now: Contracts) -> list[str]:
    """The amounts behind the percent, payers without a contract, and charges that are too low."""
    total = now.total
    said = []
    if total["compared_medicare"]:
        more = total["difference"]
        said.append(
            f"That is {words.money(to_dollars(total['compared']))} where Medicare allows"
            f" {words.money(to_dollars(total['compared_medicare']))}: {practice_pictures.change(more)}."
        )
    without = now.payers.filter(pl.col("standing") == "no contract")["payer"].to_list()
    if without:
        named = ", ".join(str(name) if name is not None else "rows that name no payer" for name in without[:6])
        said.append(f"Without a contract here: {named}{f' and {len(without) - 6} more' if len(without) > 6 else ''}.")
    idle = now.payers.filter(pl.col("standing") == "no volume")["payer"].to_list()
    if idle and total["compared_medicare"]:
        said.append(f"Your file has no services of {', '.join(idle)}: is the name written as in the file?")
    left = int(now.low_charges["left"].sum())
    if left:
        said.append(f"Charges are below what contracts allow by {words.money(to_dollars(left))}: see the codes below.")
    return said


# The pictures and tables ------------------------------------------------------------------------------------------------------


def payers(of: Loaded, found: Compared, asked_for: Asked) -> None:
    """All payers against Medicare."""
    st.subheader("Payers against Medicare", anchor=False, help=words.term("contract_rate"))
    shown = payer_table(found)
    order = ["payer", "standing", "units", "compared_medicare", "compared", "difference", "rate", "last_year"]
    order += [name for name in ("paid_rate",) if shown[name].drop_nulls().len()]
    order += [name for name in ("unpriced_units",) if shown[name].sum()]
    if found.before is None:
        order.remove("last_year")
    st.dataframe(
        shown.select(order),
        hide_index=True,
        height=min(380, 40 + 35 * max(shown.height, 1)),
        column_config=COLUMNS,
        placeholder="–",
        alt="Payers against Medicare",
    )
    if found.before is not None:
        st.caption(
            f"To equal last year: the percent of these prices that comes to what the payer allowed at the prices of"
            f" {found.before_words}, for the same services."
        )
    shell.downloads(f"{_file(asked_for)}-payers", partial(payer_table, found), notes(of, found, asked_for), "contracts-payers")


def payer_table(found: Compared) -> pl.DataFrame:
    """The payers with their amounts in dollars and rates in percent."""
    table = found.now.payers
    earlier = found.before.payers.select("payer", "contract", then="compared") if found.before is not None else None
    if earlier is None:
        table = table.with_columns(last_year=pl.lit(None, dtype=pl.Int64))
    else:
        table = table.join(earlier, on=["payer", "contract"], how="left", nulls_equal=True, maintain_order="left")
        table = table.with_columns(last_year=_rate("then", "compared_medicare")).drop("then")
    compared = pl.col("standing") == "compared"
    table = table.with_columns(
        pl.when(compared).then("compared_medicare").when(pl.col("standing") == "no contract").then("medicare"),
        *(pl.when(compared).then(name).alias(name) for name in ("compared", "difference")),
    )
    return found.now.table(table).with_columns(
        (pl.col("last_year").cast(pl.Int128).reinterpret(dtype=pl.Decimal(18, 2))).alias("last_year"),
        pl.col("payer").fill_null(practice_answer.NAMELESS),
    )


def _rate(part: str, whole: str) -> pl.Expr:
    """A part in hundredths of a percent of a whole, half up; null where there is no whole."""
    number, of = pl.col(part).cast(pl.Int128) * 10_000, pl.col(whole).cast(pl.Int128)
    return pl.when(of > 0).then(((2 * number + of) // (2 * of)).cast(pl.Int64))


def picture(found: Compared) -> None:
    """The payers as bars in percent, beside Medicare's 100."""
    compared = _compared(found.now)
    if compared.is_empty():
        return
    rows = [(str(row["payer"]), row["rate"]) for row in compared.iter_rows(named=True)]
    said = "; ".join(f"{name} {percent(rate)}" for name, rate in rows)
    practice_pictures.percents([*rows, ("Medicare", 10_000)], f"In percent of Medicare: {said}.", "contracts-bars")


def heat(of: Loaded, found: Compared, asked_for: Asked, labels: dict[str, str]) -> None:
    """Payers by codes: where each pays above Medicare and where below."""
    st.subheader("Code by code", anchor=False)
    now = found.now
    volume = st.segmented_control(
        "Over which services",
        list(VOLUMES),
        default="all" if now.codes.is_empty() else "own",
        format_func=VOLUMES.__getitem__,
        key="contracts_volume",
        required=True,
    )
    frame = now.across_codes.rename({"contract": "payer"}) if volume == "all" else now.codes
    if frame.is_empty():
        st.caption("No code of a payer with a contract can be compared.")
        return
    top = frame.group_by("code").agg(pl.col("medicare").max()).sort("medicare", "code", descending=[True, False])["code"]
    names = [one.payer for one in now.contracts if one.payer in set(frame["payer"])]
    cells = [_cell(row, labels) for row in frame.filter(pl.col("code").is_in(top.head(CODES).implode())).iter_rows(named=True)]
    rows = top.head(CODES).to_list()
    practice_pictures.heat(cells, names, rows, f"Percent of Medicare by code and payer, {len(rows)} codes.", "contracts-heat")
    st.caption("Percent of Medicare; blank where a payer had no such service. The codes with the most dollars come first.")
    build = partial(_code_table, found, str(volume), labels)
    with st.expander("Every code, and files", icon=":material/table:"):
        st.dataframe(build(), hide_index=True, height=300, column_config=COLUMNS, alt="Codes by payer")
        shell.downloads(f"{_file(asked_for)}-codes", build, notes(of, found, asked_for), "contracts-codes")


def _cell(row: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    rate = row["rate"]
    return {
        "payer": row["payer"],
        "code": row["code"],
        "percent": None if rate is None else rate / 100,
        "text": "" if rate is None else f"{rate / 100:.0f}",
        "why": f"{words.code(row['code'], labels.get(row['code'], ''))}: {row['units']:,} units",
    }


def _code_table(found: Compared, volume: str, labels: dict[str, str]) -> pl.DataFrame:
    now = found.now
    frame = now.across_codes.rename({"contract": "payer"}) if volume == "all" else now.codes
    words_of = pl.col("code").replace_strict(labels, default="", return_dtype=pl.String).alias("words")
    return now.table(frame).select("code", words_of, pl.exclude("code", "family", "below_charge"))


def low_charges(of: Loaded, found: Compared, asked_for: Asked, labels: dict[str, str]) -> None:
    """Codes whose charge is below what a contract allows."""
    low = found.now.low_charges
    if low.is_empty():
        return
    st.subheader("Charges that are too low", anchor=False, help=words.term("contract_low_charge"))
    rows = [
        (
            words.md(str(row["payer"])),
            f"`{'-'.join([row['code'], *row['modifiers'].split()])}` {words.md(labels.get(row['code'], ''))}",
            words.md(words.money(to_dollars(row["charge_unit"]))),
            words.md(words.money(to_dollars(row["contract_unit"]))),
            words.md(words.money(to_dollars(row["left"]))),
        )
        for row in low.head(LOW).iter_rows(named=True)
    ]
    shell.table(("Payer", "Code", "Charge a unit", "Contract, a unit", "Left in all"), rows, right=(2, 3, 4))
    if low.height > LOW:
        st.caption(f"{low.height - LOW:,} more are in the files.")
    build = partial(found.now.table, low)
    shell.downloads(f"{_file(asked_for)}-low-charges", build, notes(of, found, asked_for), "contracts-low")


def unpriced(found: Compared, labels: dict[str, str]) -> None:
    """What the contracts cannot price."""
    rows = found.now.unpriced
    if rows.is_empty():
        return
    with st.expander(f"{rows.height:,} kinds of services that a contract has no amount for", icon=":material/visibility_off:"):
        shell.table(
            ("Payer", "Code", "Units", "Why"),
            [
                (
                    words.md(str(row["payer"])),
                    f"`{'-'.join([row['code'], *row['modifiers'].split()])}` {words.md(labels.get(row['code'], ''))}",
                    f"{row['units']:,}",
                    words.md(str(row["sentence"])),
                )
                for row in rows.head(30).iter_rows(named=True)
            ],
            right=(2,),
        )


def across(found: Compared) -> None:
    """What the practice would have, were every payer to pay by one contract. Worked out when it is opened."""
    nothing_else = _compared(found.now).is_empty()
    if len(found.now.contracts) < 2 and not nothing_else:
        return
    here = st.expander(
        "If every payer paid by one contract", nothing_else, key="contracts_all", icon=":material/balance:", on_change="rerun"
    )
    if here.open:
        with here:
            _across(found)


def _across(found: Compared) -> None:
    table = found.now.across.filter(pl.col("volume") == contract.ALL)
    given = [
        Bar(str(row["contract"]), row["allowed"], note=percent(row["rate"]))
        for row in table.sort("allowed", descending=True).iter_rows(named=True)
    ]
    said = "; ".join(f"{bar.label} {practice_pictures.amount(bar.cents)}" for bar in given)
    practice_pictures.bars(given, f"All services by each contract: {said}", "contracts-across", "dollars allowed")


# What it rests on, and files --------------------------------------------------------------------------------------------


def source(of: Loaded, found: Compared, asked_for: Asked, labels: dict[str, str]) -> None:
    """What the answer rests on, and the files of the whole."""
    st.subheader("What this rests on", anchor=False)
    with st.container(border=True):
        st.markdown("\n".join(f"- {words.md(text)}" for text in [*found.now.notes, *practice_answer.ASSUMED]))
        name = _file(asked_for)
        with st.container(horizontal=True):
            practice_answer.button(
                "All tables, Excel", partial(book, of, found, asked_for, labels), f"{name}.xlsx", shell.XLSX, "table"
            )
            practice_answer.button(
                "Page to print", partial(printable, of, found, asked_for), f"{name}.html", "text/html", "print"
            )
        st.caption("The link in the address bar holds the place, the date and the settings, and nothing of payers or volumes.")


def _file(asked_for: Asked) -> str:
    return practice_answer.file_name(asked_for).replace("feecalc-practice", "feecalc-contracts")


def notes(of: Loaded, found: Compared, asked_for: Asked) -> list[tuple[str, str]]:
    """What a file rests on."""
    said = [("Answer", headline(found.now))]
    said += [("Rests on", note) for note in found.now.notes]
    return said + practice_answer.notes(of, found.now.medicare, asked_for)


def book(of: Loaded, found: Compared, asked_for: Asked, labels: dict[str, str]) -> bytes:
    """Every table as one workbook."""
    now = found.now
    sheets = [
        Sheet("Payers", payer_table(found), headline(now)),
        Sheet("Codes", _code_table(found, "own", labels)),
        Sheet("Percent by payer", now.grid_table()),
        Sheet("Any contract, any payer", now.table(now.across)),
    ]
    if now.low_charges.height:
        sheets.append(Sheet("Low charges", now.table(now.low_charges)))
    if now.unpriced.height:
        rows = pl.col("in_rows").list.head(50).cast(pl.List(pl.String)).list.join(", ").alias("rows of the file")
        sheets.append(Sheet("Without an amount", now.unpriced.select("payer", "code", "modifiers", "sentence", "units", rows)))
    tail = [*NOTICES]
    return export.book_bytes(sheets, [*notes(of, found, asked_for), *tail])


def printable(of: Loaded, found: Compared, asked_for: Asked) -> bytes:
    """The payers as one page to print."""
    now = found.now
    table = payer_table(found).filter(pl.col("standing") == "compared")
    rows = [
        (
            str(row["payer"]),
            f"{row['units']:,}",
            words.money(row["compared_medicare"]),
            words.money(row["compared"]),
            "" if row["rate"] is None else f"{row['rate']} %",
        )
        for row in table.iter_rows(named=True)
    ]
    low = [
        (
            f"{row['payer']}, {row['code']}",
            words.money(to_dollars(row["charge_unit"])),
            words.money(to_dollars(row["contract_unit"])),
        )
        for row in now.low_charges.head(12).iter_rows(named=True)
    ]
    parts = [practice_sheet.Part("Payers against Medicare", ("Payer", "Units", "Medicare", "Contract", "Rate"), rows)]
    parts += [practice_sheet.Part("Charges that are too low", ("Payer, code", "Charge", "Contract"), low)] if low else []
    return practice_sheet.html(
        "Contracts of the practice",
        headline(now),
        beside(now),
        parts,
        [*now.notes, *practice_answer.ASSUMED],
        (DISCLAIMER, NOTICE),
        beside=False,
    )


# The file of contracts --------------------------------------------------------------------------------------------------


def sample() -> tuple[Contract, ...]:
    """The sample of feecalc's, for the payers of its sample volumes."""
    return contracts_file.load(contracts_file.sample())


def to_bytes(contracts: Sequence[Contract]) -> bytes:
    """Contracts as the file that `of_bytes` reads."""
    return contracts_file.dumps(contracts).encode("utf-8")


def of_bytes(name: str, content: bytes) -> tuple[Contract, ...]:
    """Contracts of an uploaded file, TOML or JSON. Raises InputError."""
    ending = kept.ending_of(Path(name), "Contracts")
    text = kept.decoded(content, name, ending)
    try:
        return contracts_file.loads(text, ending)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
