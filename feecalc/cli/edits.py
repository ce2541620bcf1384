"""`feecalc edits`: what NCCI's tables say of the codes of one visit."""

import datetime as dt

import click

from feecalc.cli.options import json_option, print_json

KEYS = ("column1", "column2", "indicator", "rationale", "quarter")


@click.command("edits")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@click.option("--date", help="Date of service, such as 2024-08-01 (default: today).")
@click.option("--all", "everything", is_flag=True, help="With --json: units, add-on codes and what was not checked, too.")
@json_option
def edits_command(codes: tuple[str, ...], date: str | None, everything: bool, as_json: bool) -> None:
    """Say which of the CODEs of one patient's day Medicare does not pay together (97530-GP 97537-GP-59 98940x1).

    Pairs of codes (NCCI PTP), units over their limits (MUE), and add-on codes without a primary code. --json lists the pairs.
    Exit code: 0 with an answer, 2 where the question cannot be understood.
    """
    from feecalc.api import Asked
    from feecalc.edits import Edits
    from feecalc.errors import InputError

    try:
        on = dt.date.fromisoformat(date.strip()) if date else dt.date.today()
    except ValueError:
        raise InputError(f"Date {date!r} is not a date such as 2024-08-01.") from None
    if everything and not as_json:
        raise InputError("--all goes with --json: the text shows everything anyway.")
    asked = [Asked.parse(code) for code in codes]
    answer = Edits.open().check([(one.code, one.units, one.modifiers) for one in asked], on)
    found = answer.as_dicts()
    if everything:
        print_json(found)
    elif as_json:
        print_json([{key: pair[key] for key in KEYS} for pair in found["ptp"]])
        for pair in answer.ptp:
            if not pair.certain:
                click.echo(f"feecalc: {pair.column1} with {pair.column2}: {pair.in_force}", err=True)
        for one in answer.not_checked:
            if one.table == "ptp":
                click.echo(f"feecalc: {one.sentence}", err=True)
    else:
        click.echo(answer.card())
    _name_unknown(answer.codes, on)


def _name_unknown(codes: tuple[str, ...], on: dt.date) -> None:
    """Tell of codes that the fee schedule of the date does not have: a mistyped code has no edits either."""
    from feecalc.api import open_schedule

    opened = open_schedule()
    release, _ = opened.schedule.serving(on)
    if release is None:
        return
    known = set(opened.schedule.table(release.name, "pprrvu")["hcpcs"])
    for code in codes:
        if code not in known:
            near = ", ".join(opened.near(code, release.name))
            alike = f"; codes like it: {near}" if near else ""
            click.echo(f"feecalc: {code} is not in the fee schedule of {release.name}, so check the code{alike}.", err=True)
