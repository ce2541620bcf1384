"""`feecalc visit`: a visit's file priced."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feecalc.cli.options import json_option, print_json

if TYPE_CHECKING:  # what a visit needs is imported when the command runs
    from feecalc.visit import Priced


@click.command("visit")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def visit_command(file: Path, as_json: bool) -> None:
    """Price the visit in FILE (JSON, as the page *Price a visit* saves it): units from minutes, edits, modifiers, what it pays.

    Exit code: 0 with an answer, 1 where a code or place is not one that feecalc knows, 2 where the file cannot be understood.
    """
    from feecalc.api import open_schedule
    from feecalc.errors import InputError
    from feecalc.visit import price
    from feecalc.visit_files import from_json

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file.name} is no visit file: it is not text.") from None
    priced = price(from_json(text), open_schedule())
    if as_json:
        print_json(priced.as_dict())
    else:
        click.echo("\n".join(_card(priced)))
    for quote in priced.day.quotes:
        if quote.asks:
            click.echo(f"feecalc: {quote.hcpcs}: {quote.sentence}", err=True)
    if priced.day.asks:
        sys.exit(1)


def _card(priced: "Priced") -> Iterable[str]:
    """The visit as plain text."""
    for name, made in priced.units.items():
        yield f"{name}: {made.timed_units} timed units from {made.total_minutes} timed minutes"
        for reason in made.reasons:
            where = f"{reason.hcpcs} unit {reason.unit}: " if reason.unit else f"{reason.hcpcs}: " if reason.hcpcs else ""
            yield f"  {where}{reason.sentence} [{reason.standing}]"
        for way in made.alternatives:
            yield "  As right: " + ", ".join(f"{code} {count}" for code, count in way.items())
        yield ""
    yield priced.day.card()
    if len(priced.by_discipline) > 1:
        yield "  Allowed by discipline: " + ", ".join(f"{name or 'other'} ${a:,}" for name, a in priced.by_discipline.items())
    yield ""
    yield priced.edits.card()
    for stake in priced.stakes:
        if stake.dollars is not None:
            pair = stake.pair
            yield f"  {pair.column1} and {pair.column2}: ${stake.dollars:,} of the allowed amount are at stake."
    for finding in priced.findings:
        yield f"Line {finding.line}: {finding.sentence} {finding.remedy} [{finding.standing}]"
    for total in priced.totals.values():
        yield f"{total.pool.name}: {total.kx.sentence} {total.review.sentence}"
