"""`feecalc check`: a remittance against the fee schedule."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from feecalc.cli.options import json_option, print_json, qp_option, text_table

if TYPE_CHECKING:  # what it needs is imported when the command runs
    import datetime as dt

    from feecalc.analysis.paid_files import Held
    from feecalc.analysis.variance import Variance
    from feecalc.api import OpenSchedule

SHOWN = 15
TOTALS = ["cause", "payer", "code", "month", "practitioner", "outcome", "action"]


@click.command("check")
@click.argument("remittance", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--zip", "zip_code", help="ZIP code of the place of service, five or nine digits.")
@click.option("--locality", help="MAC and locality, such as 10112-00.")
@click.option("--state", help="Two-letter state with a single locality.")
@click.option("--national", is_flag=True, help="The national amounts, without a local adjustment.")
@qp_option
@click.option("--nonpar", is_flag=True, help="The practitioners do not participate with Medicare.")
@click.option("--provider-type", metavar="KIND", help="Kind of practitioner, such as NP (default: paid in full).")
@click.option("--practitioner", "kinds", multiple=True, metavar="NPI=KIND", help="The kind of one practitioner; several times.")
@click.option("--setting", type=click.Choice(["nonfacility", "facility"]), help="In place of the claims' places of service.")
@click.option("--deductible", type=click.Choice(["remitted", "met"]), default="remitted", show_default=True,
              help="What is expected of it: what the remittance says, or none.")  # fmt: skip
@click.option("--all-payers", is_flag=True, help="Compare the claims of every payer, not of Medicare Part B alone.")
@click.option("--tolerance", type=click.IntRange(0), default=0, show_default=True, help="Cents a line that may differ.")
@click.option(
    "--unit-tolerance", type=click.IntRange(0), default=0, show_default=True, help="Cents a unit of the allowed amount."
)
@click.option("--by", type=click.Choice(TOTALS), default="cause", show_default=True, help="What the totals are by.")
@click.option("--worklist", "listed", is_flag=True, help="Show what to ask for in place of the totals.")
@click.option("--letter", "claim", metavar="CLAIM", help="Print a draft letter for one claim, by your claim number.")
@click.option("--today", metavar="DATE", help="The day from which ages and limits are counted (default: today).")
@click.option(
    "--column",
    "chosen",
    multiple=True,
    metavar='NAME="COLUMN"',
    help='Of tables of paid lines: which column is which, such as paid="Ins Pmt".',
)
@json_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write everything to FILE: .xlsx; or the lines, or with --worklist that: .csv, .parquet.",
)
def check_command(
    remittance: tuple[Path, ...],
    zip_code: str | None,
    locality: str | None,
    state: str | None,
    national: bool,
    qp: bool,
    nonpar: bool,
    provider_type: str | None,
    kinds: tuple[str, ...],
    setting: str | None,
    deductible: str,
    all_payers: bool,
    tolerance: int,
    unit_tolerance: int,
    by: str,
    listed: bool,
    claim: str | None,
    today: str | None,
    chosen: tuple[str, ...],
    as_json: bool,
    out: Path | None,
) -> None:
    """Compare what REMITTANCE paid with what Medicare should have paid, and say why they differ.

    REMITTANCE: 835 files as they come, or tables of paid lines (.csv, .xlsx, .parquet), one or several.

    Every service line is priced with the others of its claim and day; each difference gets its cause by trying the rules, and
    what can be done about it. Names of patients are neither read nor written.

    Exit code: 0 where every compared line matches, 1 where some do not, 2 where a file or the question cannot be understood.
    """
    from feecalc.analysis.variance import Settings, Where, check
    from feecalc.analysis.worklist import letter, worklist
    from feecalc.api import open_schedule
    from feecalc.errors import InputError

    on = _day(today)
    if national and (zip_code or locality or state):
        raise InputError("Give a place or --national, not both.")
    where = Where(zip=zip_code, locality="national" if national else locality, state=state)
    settings = Settings(
        qp=qp,
        participating=not nonpar,
        provider_type=provider_type.upper() if provider_type else None,
        practitioners=_kinds(kinds),
        setting=setting,
        deductible=deductible,
        payers="all" if all_payers else "medicare",
        tolerance=tolerance,
        unit_tolerance=unit_tolerance,
    )
    opened = open_schedule()
    held = _read(remittance, chosen)
    found = check(held.remittance, where, opened, settings)
    for said in [*held.refused, *_problems(held)]:
        click.echo(f"feecalc: {said}", err=True)
    if out is not None:
        _write(found, held, out, on, opened, listed)
        click.echo(f"{found.headline}\nWritten to {out}", err=True)
    if claim is not None:
        click.echo(letter(found, _number(found, claim), opened, on))
    elif as_json:
        print_json(_as_dict(found, by, on))
    elif out is None:
        table = worklist(found, on) if listed else found.by(by)
        click.echo("\n".join(_card(found, table, listed)))
    off = found.totals["lines"] - found.totals["matches"] - found.totals["not priceable"]
    sys.exit(1 if off else 0)


def _problems(held: "Held") -> list[str]:
    """What is wrong with the files, where, in sentences."""
    problems = held.remittance.errors
    said = [
        f"{file}{f', segment or row {segment:,}' if segment is not None else ''}: {what}"
        for file, segment, what in problems.select("file", "segment", "what").head(SHOWN).iter_rows()
    ]
    if problems.height > SHOWN:
        said.append(f"... and {problems.height - SHOWN:,} mistakes more; --out FILE.xlsx has all of them")
    return said


def _write(found: "Variance", held: "Held", target: Path, on: "dt.date", opened: "OpenSchedule", listed: bool) -> None:
    """Everything as a workbook; else the lines as a table, or the worklist where that is asked for."""
    from feecalc import export
    from feecalc.analysis.worklist import worklist, write

    if listed and target.suffix.lower() != ".xlsx":
        export.write(found.table_of(worklist(found, on)), target)
    else:
        write(found, target, on, opened, held.remittance)


def _read(files: tuple[Path, ...], chosen: tuple[str, ...]) -> "Held":
    """All files as one remittance. Raises InputError where none can be read, or a column has to be chosen."""
    from dataclasses import replace

    from feecalc.analysis import paid_files
    from feecalc.claims.files import File
    from feecalc.cli.practice import chosen_columns
    from feecalc.errors import InputError

    columns = chosen_columns(chosen, 'paid="Ins Pmt"')
    dropped = paid_files.sort([File.of(path) for path in files])
    held = paid_files.read(replace(dropped, tables=tuple(replace(table, chosen=columns) for table in dropped.tables)))
    if not held.names:
        raise InputError(" ".join(held.refused))
    return held


def _day(text: str | None) -> "dt.date":
    import datetime as dt

    from feecalc.errors import InputError

    try:
        return dt.date.fromisoformat(text.strip()) if text else dt.date.today()
    except ValueError:
        raise InputError(f"Date {text!r} is not a date such as 2026-11-23.") from None


def _kinds(given: tuple[str, ...]) -> dict[str, str]:
    """`1234567890=NP` as a pair."""
    from feecalc.errors import InputError

    pairs = {}
    for text in given:
        npi, sign, kind = text.partition("=")
        if not sign or not npi.strip().isdigit():
            raise InputError(f"--practitioner {text!r} is no NPI with a kind: write it as 1234567890=NP.")
        pairs[npi.strip()] = kind.strip().upper()
    return pairs


def _number(found: "Variance", claim: str) -> int:
    """The running number of a claim by the number that the practice gave it."""
    import polars as pl

    from feecalc.errors import InputError

    numbers = found.lines.filter(pl.col("claim_id") == claim.strip())["claim"].unique().sort()
    if numbers.is_empty():
        raise InputError(f"No claim of the remittance has the number {claim!r}.")
    return int(numbers[-1])  # of a claim that was decided on twice the later decision


def _as_dict(found: "Variance", by: str, on: "dt.date") -> dict[str, Any]:
    import polars as pl

    from feecalc.analysis.worklist import worklist

    odd = found.lines.filter(~pl.col("outcome").is_in(["matches", "not priceable"])).drop("row", "file")
    return {
        "headline": found.headline,
        "lines_by_outcome": {name: found.totals[name] for name in found.totals if name in _outcomes()},
        f"by_{by}": found.table_of(found.by(by)).to_dicts(),
        "differences": found.table_of(odd).to_dicts(),
        "worklist": found.table_of(worklist(found, on)).to_dicts(),
        "not_compared": found.table_of(found.unpriced).to_dicts(),
        "notes": list(found.notes),
    }


def _outcomes() -> tuple[str, ...]:
    from feecalc.analysis.variance import OUTCOMES

    return OUTCOMES


def _card(found: "Variance", table: Any, listed: bool) -> list[str]:
    """The answer as a person reads it."""
    shown = ["place", "dollars", "age", "limit", "standing", "action", "claim_id", "line", "hcpcs", "service_date", "causes"]
    columns = shown if listed else [name for name in table.columns if name not in ("sentence", "cause")]
    said = [found.headline, ""]
    if table.height:
        said += [text_table(found.table_of(table.select(columns).head(SHOWN)))]
    if table.height > SHOWN:
        said.append(f"... and {table.height - SHOWN:,} more; --out FILE.xlsx has all of them")
    said += [
        "",
        *found.notes,
        *(f"{row['lines']:,} lines not compared: {row['sentence']}" for row in found.unpriced.to_dicts()),
    ]
    return [*said, "An estimate from public files, no coverage decision."]
