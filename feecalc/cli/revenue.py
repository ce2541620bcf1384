"""`feecalc revenue`: a practice's volumes, priced."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from feecalc.cli.options import json_option, out_option, print_json, qp_option, text_table
from feecalc.cli.practice import SHOWN, chosen_columns, fees_of, in_rows, unread

if TYPE_CHECKING:  # what it needs is imported when the command runs
    from collections.abc import Sequence

    from feecalc.analysis.revenue import Priced
    from feecalc.api import OpenSchedule
    from feecalc.export import Sheet

WORDS = {
    "units": "units",
    "fee_total": "list",
    "reduction": "same day",
    "allowed": "allowed",
    "received": "received",
    "work_rvu": "work RVU",
    "work_rvu_adjusted": "adjusted",
    "unpriced_units": "not priced",
}


@click.command("revenue")
@click.argument("mix", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--zip", "zip_code", help="ZIP code of the practice, for all rows, five or nine digits.")
@click.option("--locality", help="MAC and locality, such as 10112-00.")
@click.option("--state", help="Two-letter state with a single locality.")
@click.option("--national", is_flag=True, help="The national amounts (the default without a place).")
@click.option("--year", type=int, help="Price all rows by the newest loaded release of a year.")
@click.option("--date", "on", help="Price all rows as of a date of service, such as 2026-07-01 (default: each row's own).")
@click.option("--setting", type=click.Choice(["nonfacility", "facility"], case_sensitive=False), default="nonfacility")
@click.option("--nonpar", is_flag=True, help="The practitioners do not participate with Medicare.")
@qp_option
@click.option(
    "--what-ifs",
    "what_ifs_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Named what-ifs, as the page Revenue saves them (.toml, .json): side by side, cause by cause.",
)
@click.option("--against", help="Also at the prices of a release (2025D), a year or a date: what differs, cause by cause.")
@click.option("--factor", help="What if: another conversion factor, such as 32.8409.")
@click.option("--no-work-floor", is_flag=True, help="What if: the work GPCIs without their 1.0 floor.")
@click.option("--units-per-visit", default="4", show_default=True, help="Therapy units of a visit, where rows name none.")
@click.option("--codes-per-visit", default="3", show_default=True, help="Different therapy codes of a visit.")
@click.option(
    "--by",
    "by",
    multiple=True,
    type=click.Choice(["code", "provider", "payer", "site", "month"]),
    help="What the totals are by (default: code); may be given several times.",
)
@click.option(
    "--column", "chosen", multiple=True, metavar='NAME="COLUMN"', help='Which column is which: units="Qty"; payer="" for none.'
)
@json_option
@out_option
def revenue_command(
    mix: Path,
    zip_code: str | None,
    locality: str | None,
    state: str | None,
    national: bool,
    year: int | None,
    on: str | None,
    setting: str,
    nonpar: bool,
    qp: bool,
    what_ifs_file: Path | None,
    against: str | None,
    factor: str | None,
    no_work_floor: bool,
    units_per_visit: str,
    codes_per_visit: str,
    by: tuple[str, ...],
    chosen: tuple[str, ...],
    as_json: bool,
    out: Path | None,
) -> None:
    """Price the volumes in MIX (.csv, .xlsx or .parquet): what Medicare pays for a practice's codes.

    Only a column of codes is needed. Which column was read as which is printed. Rows of a visit with a date are priced as
    claims; of others the therapy reduction is estimated, and its bounds are shown. --out writes the priced rows, or with --by
    the totals; with what-ifs, a workbook (.xlsx) with a sheet of each.

    Exit code: 0 with an answer, 1 where a row cannot be read or another answer would price it, 2 where the file or the
    question cannot be understood.
    """
    from feecalc.analysis.mix import read_mix
    from feecalc.analysis.packing import Packing
    from feecalc.analysis.revenue import Basis, price
    from feecalc.analysis.scenarios import side_by_side
    from feecalc.api import open_schedule
    from feecalc.cli import what_ifs
    from feecalc.errors import InputError

    if national and (zip_code or locality or state):
        raise InputError("Give a place or --national, not both.")
    opened = open_schedule()
    read = read_mix(mix, chosen=chosen_columns(chosen, 'units="Qty"'))
    scenarios = what_ifs.asked(what_ifs_file, against, opened, read)
    if scenarios and out is not None and out.suffix.lower() != ".xlsx":
        raise InputError(f"{out.name}: what-ifs are written to a workbook, .xlsx.")
    date, fees_are = fees_of(opened, read, year, on)
    dated = f"Fees {fees_are}." if date else ""  # what each row's own means is told with the answer
    basis = Basis(
        date=date,
        zip=zip_code,
        locality=locality or ("national" if national else None),
        state=state,
        setting=setting,
        qp=qp,
        participating=not nonpar,
        factor=_factor(factor),
        work_floor=not no_work_floor,
    )
    priced = price(read, basis, opened, Packing(units_per_visit, codes_per_visit))
    beside = side_by_side(scenarios, read, basis, opened, priced.packing, priced) if scenarios else None
    if out is not None:
        _write(priced, out, by, dated, what_ifs.sheets(beside) if beside else ())
    elif as_json:
        found = _as_dict(priced, by or ("code",), dated)
        print_json(found | {"what_ifs": what_ifs.as_list(beside)} if beside else found)
    else:
        click.echo("\n".join([*_card(priced, by or ("code",), dated), *(what_ifs.card(beside) if beside else [])]))
    for line in _left_out(priced, opened):
        click.echo(f"feecalc: {line}", err=True)
    if priced.asks:
        sys.exit(1)


def _factor(text: str | None) -> tuple[int, int] | None:
    from feecalc.errors import InputError
    from feecalc.money import FACTOR_SCALE, scaled

    if text is None:
        return None
    try:
        factor = scaled(text, FACTOR_SCALE)
    except ValueError as error:
        raise InputError(f"--factor: {error}.") from None
    return factor, factor


# What is printed -----------------------------------------------------------------------------------------------------------


def _card(priced: "Priced", by: tuple[str, ...], dated: str) -> list[str]:
    """The answer as plain text."""
    import polars as pl

    table = priced.table(by)
    shown = table.select(*by, *(pl.col(name).alias(word) for name, word in WORDS.items())).head(SHOWN)
    if not priced.totals["reduction"]:
        shown = shown.drop("same day")
    if not priced.by()["unpriced_units"].item():
        shown = shown.drop("not priced")
    more = [f"... and {table.height - SHOWN:,} more: --out FILE writes all of them."] if table.height > SHOWN else []
    return [
        priced.headline,
        "",
        text_table(shown),
        *more,
        "",
        *filter(None, [dated]),
        *priced.notes,
        "",
        "Read from the file:",
        *(f"  {note}" for note in priced.mix.notes),
    ]


def _left_out(priced: "Priced", opened: "OpenSchedule") -> list[str]:
    """What is not priced, and why, with the rows of the file."""
    said = unread(priced.mix)
    table = priced.unpriced
    for one in table.head(SHOWN).iter_rows(named=True):
        near = opened.near(one["hcpcs"], opened.schedule.newest.name) if one["reason"] == "unknown_code" else []
        meant = f" Near it: {', '.join(near)}." if near else ""
        code = " ".join(filter(None, (one["hcpcs"], one["modifiers"])))
        said.append(
            f"{code}, {one['units']:,} units, {one['outcome'].replace('_', ' ')}: {one['sentence']}{meant} "
            f"(rows {in_rows(one['in_rows'])})"
        )
    if table.height > SHOWN:
        said.append(f"... and {table.height - SHOWN:,} more codes that are not priced")
    return said


def _as_dict(priced: "Priced", by: tuple[str, ...], dated: str) -> dict[str, Any]:
    """The answer for JSON: money in dollars."""
    import polars as pl

    from feecalc.money import to_dollars

    interval = priced.interval
    return {
        "headline": priced.headline,
        "totals": priced.table_of(priced.by()).to_dicts()[0],
        "interval": {
            name: {end: to_dollars(cents) for end, cents in getattr(interval, name)._asdict().items()}
            for name in ("allowed", "received")
        }
        | {"therapy_units": interval.units, "visits": interval.visits, "packing": str(priced.packing)},
        "by": priced.table(by).to_dicts(),
        "columns": priced.mix.columns,
        "notes": [*filter(None, [dated]), *priced.notes, *priced.mix.notes],
        "unpriced": priced.unpriced.to_dicts(),
        "rejects": priced.mix.rejects.with_columns(pl.col("row").cast(pl.Int64)).to_dicts(),
    }


def _write(priced: "Priced", out: Path, by: tuple[str, ...], dated: str, what_ifs: "Sequence[Sheet]" = ()) -> None:
    """The rows or the totals to a file, what-ifs as sheets of their own; what cannot be read beside it."""
    from feecalc import export, paths

    notes = [*filter(None, [dated]), priced.headline, *priced.notes, *priced.mix.notes]
    frame = priced.table(by)
    said = [(str(number), note) for number, note in enumerate(notes, 1)]
    if what_ifs:
        export.write_book([export.Sheet("Table", frame), *what_ifs], out, said)
    else:
        export.write(frame, out, said)
    click.echo(f"{priced.headline}\n{frame.height:,} rows written to {out}", err=True)
    rejects = out.with_name(f"{out.stem}.rejects.csv")
    if priced.mix.rejects.height:
        with paths.new_file(rejects) as scratch:
            scratch.write_bytes(export.csv_bytes(priced.mix.rejects))
        click.echo(f"Values that cannot be read: {rejects}", err=True)
    else:
        rejects.unlink(missing_ok=True)
