"""`feecalc verify`: feecalc against CMS's own payment amounts."""

import sys
from pathlib import Path

import click

from feecalc.cli.options import json_option, print_json, qp_option, text_table


@click.command("verify")
@click.argument("payment_file", type=click.Path(exists=True, path_type=Path))
@click.option("--release", help="The release to compare with (default: the newest of the file's year).")
@qp_option
@json_option
def verify_command(payment_file: Path, release: str | None, qp: bool, as_json: bool) -> None:
    """Compare every amount of PAYMENT_FILE (PFALL, PFREV; txt or zip) with feecalc's. Exit code 0 only when all agree."""
    from feecalc.analysis.verify import verify
    from feecalc.api import open_schedule

    result = verify(open_schedule(), payment_file, release, qp)
    if as_json:
        print_json(result.as_dict())
    else:
        click.echo(result.summary())
        if result.differences.height:
            click.echo("\nFirst differences (dollars):\n" + text_table(result.differences.head(20)))
    sys.exit(0 if result.agrees else 1)
