"""`feecalc contracts`: payers' contracts against Medicare, by a practice's own volumes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from feecalc.cli.options import json_option, print_json, qp_option, text_table
from feecalc.cli.practice import SHOWN, chosen_columns, fees_of, in_rows, pairs, unread

if TYPE_CHECKING:  # what it needs is imported when the command runs
    import polars as pl

    from feecalc.analysis.contract import Contracts
    from feecalc.analysis.contract_terms import Contract


@click.command("contracts")
@click.argument("mix", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--contracts",
    "terms",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The payers' contracts, .toml or .json. `feecalc contracts --sample` prints one to start from.",
)
@click.option(
    "--fees",
    "fees",
    multiple=True,
    metavar='"PAYER=FILE"',
    help="A payer's own fee schedule (.csv, .xlsx): codes, modifiers, fees. Added to that payer's terms of --contracts.",
)
@click.option("--zip", "zip_code", help="ZIP code of the practice, for all rows, five or nine digits.")
@click.option("--locality", help="MAC and locality, such as 10112-00.")
@click.option("--state", help="Two-letter state with a single locality.")
@click.option("--national", is_flag=True, help="The national amounts (the default without a place).")
@click.option("--year", type=int, help="Compare with the newest loaded release of a year.")
@click.option("--date", "on", help="Compare with Medicare as of a date of service (default: each row's own).")
@click.option("--setting", type=click.Choice(["nonfacility", "facility"], case_sensitive=False), default="nonfacility")
@qp_option
@click.option("--units-per-visit", default="4", show_default=True, help="Therapy units of a visit, where rows name none.")
@click.option("--codes-per-visit", default="3", show_default=True, help="Different therapy codes of a visit.")
@click.option(
    "--column",
    "chosen",
    multiple=True,
    metavar='NAME="COLUMN"',
    help='Which column is which: payer="Plan"; charge="" for none.',
)
@click.option(
    "--sample",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda c, _, on: _sample(c) if on else None,
    help="Print a sample file of contracts, with a word on every key, and stop.",
)
@json_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all tables to FILE.xlsx (.csv: the codes).")
def contracts_command(
    mix: Path,
    terms: Path | None,
    fees: tuple[str, ...],
    zip_code: str | None,
    locality: str | None,
    state: str | None,
    national: bool,
    year: int | None,
    on: str | None,
    setting: str,
    qp: bool,
    units_per_visit: str,
    codes_per_visit: str,
    chosen: tuple[str, ...],
    as_json: bool,
    out: Path | None,
) -> None:
    """Compare payers' contracts with Medicare, weighted by the volumes in MIX (.csv, .xlsx or .parquet).

    A row belongs to the contract of its payer. Of therapy without visits the same-day reduction is estimated, and its bounds
    are shown. What the words in a file of contracts mean is told by --sample.

    Exit code: 0 with an answer, 1 where a contract or a row leaves something open that another answer would price, or a
    contract belongs to no row, 2 where a file or the question cannot be understood.
    """
    from feecalc.analysis.contract import compare
    from feecalc.analysis.mix import read_mix
    from feecalc.analysis.packing import Packing
    from feecalc.analysis.revenue import Basis
    from feecalc.api import open_schedule
    from feecalc.errors import InputError

    if national and (zip_code or locality or state):
        raise InputError("Give a place or --national, not both.")
    opened = open_schedule()
    contracts, told = _contracts(terms, fees)
    read = read_mix(mix, chosen=chosen_columns(chosen, 'payer="Plan"'))
    date, fees_are = fees_of(opened, read, year, on)
    basis = Basis(
        date=date, zip=zip_code, locality=locality or ("national" if national else None), state=state, setting=setting, qp=qp
    )
    found = compare(read, contracts, opened, basis, Packing(units_per_visit, codes_per_visit))
    notes = [f"Compared with Medicare {fees_are}.", *found.notes, *told]
    if out is not None:
        _write(found, out, notes)
        click.echo(f"{found.headline}\nWritten to {out}", err=True)
    elif as_json:
        print_json(_as_dict(found, notes))
    else:
        click.echo("\n".join(_card(found, notes)))
    for line in _left_open(found):
        click.echo(f"feecalc: {line}", err=True)
    if found.asks:
        sys.exit(1)


def _sample(context: click.Context) -> None:
    from feecalc.analysis.contracts_file import sample

    click.echo(sample().read_text(encoding="utf-8"), nl=False)
    context.exit()


def _contracts(terms: Path | None, fees: tuple[str, ...]) -> tuple[list["Contract"], list[str]]:
    """The contracts of the file, with fee schedules added; what was read of these."""
    from feecalc.analysis.contract_terms import Contract, folded
    from feecalc.analysis.contracts_file import load, read_fees, with_fees
    from feecalc.errors import InputError

    if terms is None and not fees:
        raise InputError("Say what payers agreed to: --contracts FILE.toml, or --fees PAYER=FILE.xlsx.")
    contracts = list(load(terms)) if terms is not None else []
    told = []
    for payer, file in pairs(fees, "--fees", '"Blue Plan=fees.xlsx"').items():
        read = read_fees(Path(file))
        told += [f"{payer}: {note}." for note in read.notes]
        place = next((number for number, one in enumerate(contracts) if folded(payer) in one.names), None)
        if place is None:
            contracts.append(with_fees(Contract(payer), read))
        else:
            contracts[place] = with_fees(contracts[place], read)
    return contracts, told


# What is printed -----------------------------------------------------------------------------------------------------------


def _payers(found: "Contracts") -> "pl.DataFrame":
    """The payer table for a person, without columns that the file has nothing for."""
    import polars as pl

    table = found.table(found.payers.join(found.bounds, on="contract", how="left", maintain_order="left"))
    shown = table.select(
        pl.col("payer").fill_null("(no payer)"),
        "standing",
        "units",
        pl.when(pl.col("contract").is_null()).then("medicare").otherwise("compared_medicare").alias("Medicare"),
        pl.col("compared").alias("contract"),
        pl.col("rate").alias("percent"),
        pl.col("rate_low").alias("at least"),
        pl.col("rate_high").alias("at most"),
        "difference",
        pl.col("beyond"),
        pl.col("unpriced_units").alias("not priced"),
        "paid",
        pl.col("paid_rate").alias("paid percent"),
    )
    empty = [name for name in ("beyond", "not priced") if shown[name].sum() == 0]
    without = [] if "paid" in found.mix.columns else ["paid", "paid percent"]
    known = found.bounds.filter(pl.col("rate_low") != pl.col("rate_high")).is_empty()
    return shown.drop(empty + without + (["at least", "at most"] if known else []))


def _low_charges(found: "Contracts") -> "pl.DataFrame":
    import polars as pl

    return found.table(found.low_charges).select(
        "payer",
        "code",
        "modifiers",
        "units",
        pl.col("charge_unit").alias("charge a unit"),
        pl.col("contract_unit").alias("contract a unit"),
        pl.col("left").alias("below by"),
    )


def _card(found: "Contracts", notes: list[str]) -> list[str]:
    """The answer as plain text."""
    low = _low_charges(found)
    lines = [found.headline, "", text_table(_payers(found).head(SHOWN))]
    if low.height:
        lines += ["", "Charges below what the contract allows:", "", text_table(low.head(SHOWN))]
        lines += [f"... and {low.height - SHOWN:,} more: --out FILE.xlsx writes all of them."] if low.height > SHOWN else []
    return [
        *lines,
        "",
        *notes,
        "",
        *found.medicare.notes,
        "",
        "Read from the file:",
        *(f"  {note}" for note in found.mix.notes),
    ]


def _left_open(found: "Contracts") -> list[str]:
    """What is not priced, and why, with the rows of the file."""
    said = unread(found.mix)
    table = found.unpriced
    for one in table.head(SHOWN).iter_rows(named=True):
        code = " ".join(filter(None, (one["code"], one["modifiers"])))
        said.append(
            f"{one['payer']}: {code}, {one['units']:,} units, cannot be priced: {one['sentence']} "
            f"(rows {in_rows(one['in_rows'])})"
        )
    if table.height > SHOWN:
        said.append(f"... and {table.height - SHOWN:,} more that contracts do not price")
    return said


def _as_dict(found: "Contracts", notes: list[str]) -> dict[str, Any]:
    """The answer for JSON: money in dollars, rates in percent."""
    import polars as pl

    payers = found.payers.join(found.bounds, on="contract", how="left", maintain_order="left")
    return {
        "headline": found.headline,
        "total": found.table(pl.DataFrame([found.total])).to_dicts()[0] if found.total["rows"] else None,
        "payers": found.table(payers).to_dicts(),
        "codes": found.table(found.codes).to_dicts(),
        "families": found.table(found.by("payer", "family")).to_dicts(),
        "across": found.table(found.across).to_dicts(),
        "low_charges": found.table(found.low_charges).to_dicts(),
        "unpriced": found.table(found.unpriced).to_dicts(),
        "columns": found.mix.columns,
        "notes": [*notes, *found.medicare.notes, *found.mix.notes],
        "rejects": found.mix.rejects.to_dicts(),
    }


def _write(found: "Contracts", out: Path, notes: list[str]) -> None:
    """All tables as a workbook, or the codes and payers as a csv or parquet file."""
    import polars as pl

    from feecalc import export

    if out.suffix.lower() != ".xlsx":
        export.write(found.table(found.codes), out)
        return
    unpriced = found.table(found.unpriced).with_columns(
        in_rows=pl.col("in_rows").list.head(20).cast(pl.List(pl.String)).list.join(", ")
    )
    sheets = [
        export.Sheet("Payers", _payers(found), "Contracts against Medicare", (found.headline,)),
        export.Sheet("Percent by code", found.grid_table("rate"), "Percent of Medicare, by code and payer"),
        export.Sheet("Dollars by code", found.grid_table("allowed"), "What the contracts allow, by code and payer"),
        export.Sheet("Codes", found.table(found.codes)),
        export.Sheet("Families", found.table(found.by("payer", "family"))),
        export.Sheet("Each contract everywhere", found.table(found.across), "Every contract at every payer's volume"),
        export.Sheet("Charges too low", _low_charges(found)),
        export.Sheet("Not priced", unpriced),
    ]
    said = [*notes, *found.medicare.notes, *found.mix.notes]
    export.write_book(sheets, out, [(str(number), note) for number, note in enumerate(said, 1)])
