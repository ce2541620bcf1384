"""`feecalc price`: one code, one answer."""

import sys
from pathlib import Path

import click

from feecalc.cli.options import json_option, out_option, print_json, qp_option


@click.command("price")
@click.argument("hcpcs", metavar="CODE")
@click.option("--zip", "zip_code", help="ZIP code of the place of service, five or nine digits.")
@click.option("--locality", help="MAC and locality, such as 10112-00.")
@click.option("--state", help="Two-letter state with a single locality.")
@click.option("--national", is_flag=True, help="The national amount (the default without a place).")
@click.option("--date", help="Date of service, such as 2025-10-15 (default: today).")
@click.option("--release", help="Price by a release, such as 2025D, in place of a date.")
@click.option("--units", type=int, default=1, show_default=True)
@click.option("--modifier", "modifiers", multiple=True, help="A modifier, such as 26; may be given up to four times.")
@click.option("--setting", type=click.Choice(["nonfacility", "facility"], case_sensitive=False))
@click.option("--pos", help="Two-digit place of service code, such as 11 or 22.")
@click.option("--nonpar", is_flag=True, help="The practitioner does not participate with Medicare.")
@qp_option
@json_option
@out_option
def price_command(
    hcpcs: str,
    zip_code: str | None,
    locality: str | None,
    state: str | None,
    national: bool,
    date: str | None,
    release: str | None,
    units: int,
    modifiers: tuple[str, ...],
    setting: str | None,
    pos: str | None,
    nonpar: bool,
    qp: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Price CODE and say how: the amount, the formula, the release, the source, and how sure it is.

    Exit code: 0 with an answer (also that Medicare pays nothing, or sets no public amount), 1 where the code, place or date
    is not one that feecalc knows, 2 where the question itself cannot be understood.
    """
    from feecalc.api import open_schedule
    from feecalc.errors import InputError

    if national and (zip_code or locality or state):
        raise InputError("Give a place or --national, not both.")
    quote = open_schedule().price(
        hcpcs,
        zip=zip_code,
        locality=locality or ("national" if national else None),
        state=state,
        date=date,
        release=release,
        units=units,
        modifiers=" ".join(modifiers),
        setting=setting,
        pos=pos,
        participating=not nonpar,
        qp=qp,
    )
    if out is not None:
        from feecalc import export

        export.write(quote.as_table(), out)
    elif as_json:
        print_json(quote.as_dict())
    else:
        click.echo(quote.card())
    if quote.asks:
        click.echo(f"feecalc: {quote.sentence}", err=True)
        sys.exit(1)
