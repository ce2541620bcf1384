"""`feecalc reprice`: a claims file, priced."""

import sys
from pathlib import Path

import click

from feecalc.cli.options import LinesBar


@click.command("reprice")
@click.argument("claims", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help=".csv, .parquet or .xlsx")
@click.option(
    "--group-by",
    metavar="COLUMNS",
    help="Columns that, with the date, mean one patient's day with one practitioner, in place of claim_id: "
    "patient_id,billing_npi",
)
@click.option("--explain", is_flag=True, help="Add every line's steps.")
@click.option("--batch", type=click.IntRange(1), hidden=True)
def reprice_command(claims: Path, out: Path, group_by: str | None, explain: bool, batch: int | None) -> None:
    """Price every line of CLAIMS (.csv, .parquet or .xlsx): its rows and columns in their order, the answer beside them.

    Only a column of codes (hcpcs) and the date (service_date) are needed. Values that cannot be read are listed in
    OUT.rejects.csv beside the output. A summary goes to stderr.

    Exit code: 0, 1 where values could not be read, 2 where the file itself cannot be.
    """
    from feecalc.api import open_schedule
    from feecalc.claims import BATCH, reprice

    groups = [name.strip() for name in group_by.split(",") if name.strip()] if group_by else []
    with LinesBar() as bar:
        summary = reprice(
            claims, out, open_schedule(), group_by=groups, explain=explain, batch=batch or BATCH, progress=bar.tell
        )
    click.echo(f"{summary.text()}\nWritten to {out}", err=True)
    sys.exit(1 if summary.rejects else 0)
