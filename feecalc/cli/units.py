"""`feecalc units`: therapy minutes to units, why, and what else would be as legal."""

import datetime as dt
import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from feecalc.cli.options import json_option, print_json
from feecalc.errors import InputError

if TYPE_CHECKING:  # the rules are imported when the command runs
    from feecalc.units import Reason, Treated, Units

WIDTH = 110
TYPED = re.compile(r"([0-9A-Z]+)(?:=(-?[0-9]{1,5}))?")


@click.command("units")
@click.argument("treated", metavar="CODE=MINUTES...", nargs=-1, required=True)
@click.option(
    "--rule",
    type=click.Choice(["cms", "midpoint", "ama"]),
    default="cms",
    show_default=True,
    help="Medicare's total of timed minutes, or each code by itself as other payers count (ama is the same).",
)
@click.option("--assistant", multiple=True, metavar="CODE=MINUTES", help="Minutes of a code that an assistant furnished alone.")
@click.option("--discipline", default="PT", show_default=True, help="PT, OT or SLP.")
@click.option("--visit-minutes", type=int, help="How long the visit lasted, to check the minutes against.")
@click.option("--date", help="Date of service, such as 2025-10-15 (default: today).")
@click.option("--timed", multiple=True, metavar="CODE", help="A code that feecalc does not know, and that is a 15-minute code.")
@json_option
def units_command(
    treated: tuple[str, ...],
    rule: str,
    assistant: tuple[str, ...],
    discipline: str,
    visit_minutes: int | None,
    date: str | None,
    timed: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say how many units the minutes of one visit make, why, and what else would be as legal (97110=33 97140=7 97150).

    A code's minutes are all of its one-on-one minutes, the assistant's included; an untimed code may stand without. Exit code:
    0 with an answer, 2 where the question cannot be understood or the times cannot be.
    """
    from feecalc.units import Treated, allocate

    try:
        on = dt.date.fromisoformat(date.strip()) if date else dt.date.today()
    except ValueError:
        raise InputError(f"Date {date!r} is not a date such as 2025-10-15.") from None
    asked = [Treated(code, minutes, 0, discipline) for code, minutes in _read(treated)]
    answer = allocate(_with_assistant(asked, assistant), rule, visit_minutes, on, timed)
    if as_json:
        print_json(answer.as_dict())
    else:
        click.echo(_card(answer))


def _read(texts: Sequence[str]) -> list[tuple[str, int | None]]:
    """97110=33 as code and minutes. Raises InputError for anything else."""
    found = []
    for text in texts:
        read = TYPED.fullmatch(text.strip().upper())
        if read is None:
            raise InputError(f"{text!r} is no code with whole minutes, such as 97110=33.")
        found.append((read[1], int(read[2]) if read[2] else None))
    return found


def _with_assistant(asked: "list[Treated]", texts: Sequence[str]) -> "list[Treated]":
    """The codes with the assistant's minutes; of a code that stands twice, the first has them: its minutes are added anyway."""
    asked = list(asked)
    for code, minutes in _read(texts):
        if minutes is None:
            raise InputError(f"--assistant {code}: give the minutes too, such as {code}=10.")
        place = next((n for n, one in enumerate(asked) if one.hcpcs == code), None)
        if place is None:
            raise InputError(f"--assistant {code}={minutes}: {code} is not among the codes. Give all of its minutes as well.")
        if minutes < 0:
            raise InputError(f"--assistant {code}={minutes}: minutes below 0.")
        asked[place] = replace(asked[place], assistant_minutes=asked[place].assistant_minutes + minutes)
    return asked


def _card(answer: "Units") -> str:
    """The units, the claim lines, the reasons code by code, and the other ways."""
    title = {"cms": "Medicare's total-time rule", "midpoint": "CPT's midpoint rule, of other payers"}[answer.rule]
    total = f"{answer.total_minutes} timed minutes, {_counted(answer.timed_units, 'timed unit')} ({title})"
    blocks = [total, *(_code(hcpcs, answer) for hcpcs in answer.units)]
    if answer.alternatives:
        blocks.append("\n".join(["Equally legal", *(f"  {_way(way)}" for way in answer.alternatives)]))
    if answer.assisted:
        lines = [f"  {'-'.join((line.hcpcs, *line.modifiers)):<14} {_counted(line.units, 'unit')}" for line in answer.lines]
        blocks.append("\n".join(["Claim lines", *lines]))
    general = [reason for reason in answer.reasons if not reason.hcpcs]
    blocks.append("\n".join(["Of the whole visit", *(_said(reason, "  ") for reason in general)]))
    return "\n\n".join(blocks)


def _code(hcpcs: str, answer: "Units") -> str:
    rows = [f"{hcpcs}  {_counted(answer.units[hcpcs], 'unit')}"]
    for reason in answer.reasons:
        if reason.hcpcs == hcpcs:
            rows.append(_said(reason, "  " if reason.unit is None else f"  unit {reason.unit}: "))
    return "\n".join(rows)


def _way(way: dict[str, int]) -> str:
    return ", ".join(f"{hcpcs} {units}" for hcpcs, units in way.items())


def _said(reason: "Reason", lead: str) -> str:
    text = f"{lead}{reason.sentence} ({reason.standing})"
    return textwrap.fill(text, WIDTH, subsequent_indent="    ", drop_whitespace=True)


def _counted(number: int, word: str) -> str:
    return f"1 {word}" if number == 1 else f"{number} {word}s"
