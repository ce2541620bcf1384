"""`feecalc visit`: a visit's file priced."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feecalc.cli.options import json_option, print_json

if TYPE_CHECKING:  # what a visit needs is imported when the command runs
    from feecalc.visit import Priced, Visit


@click.command("visit")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--history",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The patient's earlier therapy lines, csv, xlsx or parquet: date, allowed, discipline (or modifier). They make the "
    "year's totals for KX and medical review.",
)
@json_option
def visit_command(file: Path, history: Path | None, as_json: bool) -> None:
    """Price the visit in FILE (JSON, as the page *Price a visit* saves it): units from minutes, edits, modifiers, what it pays.

    Exit code: 0 with an answer, 1 where a code or place is not one that feecalc knows, 2 where a file cannot be understood.
    """
    from feecalc.api import open_schedule
    from feecalc.errors import InputError
    from feecalc.visit import price
    from feecalc.visit_files import from_json

    try:
        visit = from_json(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{file.name} is no visit file: it is not text.") from None
    if history is not None:
        visit = _with_history(visit, history)
    priced = price(visit, open_schedule())
    if as_json:
        print_json(priced.as_dict())
    else:
        click.echo("\n".join(_card(priced)))
    for quote in priced.day.quotes:
        if quote.asks:
            click.echo(f"feecalc: {quote.hcpcs}: {quote.sentence}", err=True)
    if priced.day.asks:
        sys.exit(1)


def _with_history(visit: "Visit", path: Path) -> "Visit":
    """The visit with the year's totals of a history file; what the reader should know of the file is told."""
    from feecalc.errors import InputError
    from feecalc.thresholds import read_history

    if visit.allowed_so_far:
        raise InputError("The visit's file says already what was allowed so far (allowed_so_far). Give that or --history.")
    found = read_history(path, visit.date.year, before=visit.date)
    for said in (*found.notes, *map(str, found.problems)):
        click.echo(f"feecalc: {said if said.startswith(path.name) else f'{path.name}: {said}'}", err=True)
    return replace(visit, allowed_so_far=found.so_far)


def _card(priced: "Priced") -> Iterable[str]:
    """The visit as plain text."""
    for name, made in priced.units.items():
        yield f"{name}: {made.timed_units} timed units from {made.total_minutes} timed minutes"
        for reason in made.reasons:
            where = f"{reason.hcpcs} unit {reason.unit}: " if reason.unit else f"{reason.hcpcs}: " if reason.hcpcs else ""
            yield f"  {where}{reason.sentence} [{reason.standing}]"
        for way in made.alternatives:
            yield "  Equally legal: " + ", ".join(f"{code} {count}" for code, count in way.items())
        yield ""
    yield priced.day.card()
    if len(priced.by_discipline) > 1:
        yield "  Allowed by discipline: " + ", ".join(f"{name or 'other'} ${a:,}" for name, a in priced.by_discipline.items())
    yield ""
    yield priced.edits.card()
    for stake in priced.stakes:
        if stake.dollars is not None:
            pair = stake.pair
            yield f"  {pair.column1} with {pair.column2}: ${stake.dollars:,} of the allowed amount is at stake."
    for finding in priced.findings:
        yield f"Line {finding.line}: {finding.sentence} {finding.remedy} [{finding.standing}]"
    for total in priced.totals.values():
        words = f"{total.pool.words[:1].upper()}{total.pool.words[1:]}"
        yield ""
        yield f"{words}: ${total.before:,} allowed in {total.year} before this visit, ${total.after:,} with it."
        yield f"  {total.kx.sentence}"
        yield f"  {total.review.sentence}"
