"""`feecalc price`: one code, or the codes of one day together."""

import sys
from pathlib import Path

import click

from feecalc.cli.options import json_option, out_option, print_json, qp_option


@click.command("price")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@click.option("--zip", "zip_code", help="ZIP code of the place of service, five or nine digits.")
@click.option("--locality", help="MAC and locality, such as 10112-00.")
@click.option("--state", help="Two-letter state with a single locality.")
@click.option("--national", is_flag=True, help="The national amount (the default without a place).")
@click.option("--date", help="Date of service, such as 2025-10-15 (default: today).")
@click.option("--release", help="Price by a release, such as 2025D, in place of a date.")
@click.option("--units", type=int, help="Units of a single code (for several: 97110x2).")
@click.option("--modifier", "modifiers", multiple=True, help="A modifier of every line, such as GP; up to four times.")
@click.option("--charge", help="What was charged for a single code, in dollars.")
@click.option("--minutes", type=int, help="Anesthesia time.")
@click.option("--setting", type=click.Choice(["nonfacility", "facility"], case_sensitive=False))
@click.option("--pos", help="Two-digit place of service code, such as 11 or 22.")
@click.option("--provider", "provider_type", help="Who bills: NP, PA, CNS, CNM, CP, CSW, MFT, MHC, RD, CRNA, PT, OT, SLP, AUD.")
@click.option("--nonpar", is_flag=True, help="The practitioner does not participate with Medicare.")
@click.option("--deductible-left", default="0", help="What is still open of the patient's deductible, in dollars.")
@qp_option
@click.option("--explain", is_flag=True, help="Show every line's steps, with rule, source and standing.")
@json_option
@out_option
def price_command(
    codes: tuple[str, ...],
    zip_code: str | None,
    locality: str | None,
    state: str | None,
    national: bool,
    date: str | None,
    release: str | None,
    units: int | None,
    modifiers: tuple[str, ...],
    charge: str | None,
    minutes: int | None,
    setting: str | None,
    pos: str | None,
    provider_type: str | None,
    nonpar: bool,
    deductible_left: str,
    qp: bool,
    explain: bool,
    as_json: bool,
    out: Path | None,
) -> None:
    """Price one CODE, or the codes of one patient's day together (97530 97110x2 97140-GP), and say how.

    Exit code: 0 with an answer (also that Medicare pays nothing, or sets no public amount), 1 where a code, place or date is
    not one that feecalc knows, 2 where the question itself cannot be understood.
    """
    from dataclasses import replace

    from feecalc.api import Asked, open_schedule
    from feecalc.errors import InputError

    if national and (zip_code or locality or state):
        raise InputError("Give a place or --national, not both.")
    single = len(codes) == 1
    if not single and (units is not None or charge is not None or minutes is not None):
        raise InputError("With several codes give units with each, as 97110x2; --charge and --minutes are for a single code.")
    lines = [Asked.parse(code) for code in codes]
    lines = [replace(line, modifiers=(*line.modifiers, *(m.strip().upper() for m in modifiers))) for line in lines]
    if single:
        lines = [replace(lines[0], units=lines[0].units if units is None else units, charge=charge, minutes=minutes)]
    day = open_schedule().price_day(
        lines,
        zip=zip_code,
        locality=locality or ("national" if national else None),
        state=state,
        date=date,
        release=release,
        setting=setting,
        pos=pos,
        provider_type=provider_type,
        participating=not nonpar,
        qp=qp,
        deductible_left=deductible_left,
    )
    answer = day.quotes[0] if single else day
    if out is not None:
        from feecalc import export

        export.write(answer.as_table(), out)
    elif as_json:
        print_json(answer.as_dict())
    else:
        click.echo(day.card(steps=explain) if explain or not single else day.quotes[0].card())
    for quote in day.quotes:
        if quote.asks:
            click.echo(f"feecalc: {quote.hcpcs}: {quote.sentence}", err=True)
    if day.asks:
        sys.exit(1)
