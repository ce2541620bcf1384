"""`feecalc guide`: which codes serve a goal, how they differ, and what the note should show. No prices."""

import datetime as dt
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from feecalc.cli.options import json_option, print_json

if TYPE_CHECKING:  # what the guide needs is imported when the command runs
    from feecalc.guide import Difference, Entry, Note, Payable

WIDTH = 110
INDENT = " " * 7
CODE = re.compile(r"[A-Z]?[0-9]{3,}[A-Z]?")


@click.command("guide")
@click.argument("wanted", metavar="[GOAL_OR_CODE]...", nargs=-1)
@click.option("--discipline", help="Only the codes of PT, OT or SLP.")
@click.option("--group", is_flag=True, help="Several patients were treated at once.")
@click.option("--date", help="Date of service, such as 2025-10-15 (default: today).")
@json_option
def guide_command(wanted: tuple[str, ...], discipline: str | None, group: bool, date: str | None, as_json: bool) -> None:
    """Show the codes that serve a goal (balance gait, "home exercise"), or all that the guide knows of a code (97537).

    Candidates stand in the order of their codes; the guide knows no price. Without a goal or code it lists the goals. Exit
    code: 0 with an answer, 1 where a word or code is not known, 2 where the question cannot be understood.
    """
    from feecalc import guide
    from feecalc.api import open_schedule
    from feecalc.errors import InputError

    try:
        on = dt.date.fromisoformat(date.strip()) if date else dt.date.today()
    except ValueError:
        raise InputError(f"Date {date!r} is not a date such as 2025-10-15.") from None
    if not wanted:
        _list_goals(as_json)
        return
    opened = open_schedule()
    asked = list(dict.fromkeys(text.upper() for text in map(str.strip, wanted) if CODE.fullmatch(text.upper())))
    words = [text for text in wanted if text.strip().upper() not in asked]
    found = guide.candidates(words, discipline, one_on_one=not group)
    unknown = guide.understood(words).unknown
    entries = [entry for code in asked if (entry := guide.about(code)) is not None]
    without = [code for code in asked if guide.about(code) is None]
    paid = {code: guide.payable(opened.schedule, code, on) for code in [*asked, *(one.hcpcs for one in found)]}
    near = {code: opened.near(code, paid[code].release) for code in without if paid[code].release and not paid[code].status}

    if as_json:
        print_json(
            {
                "date": on,
                "codes": [{**entry.as_dict(), "payable": paid[entry.hcpcs]._asdict()} for entry in entries],
                "candidates": [
                    {**one.entry.as_dict(), "because": one.because, "payable": paid[one.hcpcs]._asdict()} for one in found
                ],
                "unknown": [*unknown, *without],
                "near": near,
                "general": [asdict(note) for note in guide.general()],
            }
        )
    elif entries or found:
        blocks = [_card(entry, paid[entry.hcpcs], [entry.label]) for entry in entries]
        shown = {one.hcpcs for one in found}
        blocks += [_card(one.entry, paid[one.hcpcs], [one.entry.label, f"[{', '.join(one.because)}]"], shown) for one in found]
        click.echo("\n\n".join([*blocks, _general(guide.general())]))
    _tell(unknown, without, near, paid)
    if words and not found and len(unknown) < len(words):
        click.echo("feecalc: No code of the guide serves that with this --discipline or --group.", err=True)
    if unknown or without or (words and not found):
        sys.exit(1)


def _list_goals(as_json: bool) -> None:
    from feecalc import guide

    if as_json:
        print_json([asdict(goal) for goal in guide.goals()])
        return
    width = max(len(goal.name) for goal in guide.goals())
    for goal in guide.goals():
        click.echo(f"{goal.name.ljust(width)}  {goal.label}")


def _card(entry: "Entry", payable: "Payable", title: Sequence[str], among: set[str] | None = None) -> str:
    """All about a code; `among` keeps the differences from the other candidates alone, and leaves out what backs the words."""
    from feecalc.guide import CONTACTS

    said = [entry.purpose]
    said.append(f"Unit: {entry.unit}. {CONTACTS[entry.contact].capitalize()}. {', '.join(entry.disciplines)}.")
    said.append(payable.sentence)
    said.append(f"The note should show: {'; '.join(entry.record)}.")
    said += [_difference(one, whole=among is None) for one in entry.differences if among is None or one.other in among]
    said += [_note(note) for note in entry.notes]
    if among is None:
        said.append(f"Purpose and record are {entry.standing}: {entry.source} ({entry.as_of}).")
    else:
        others = [one.other for one in entry.differences if one.other not in among]
        said += [f"Also confused with {', '.join(others)}: feecalc guide {entry.hcpcs}"] if others else []
    lines = [f"{entry.hcpcs}  {'  '.join(title)}"]
    return "\n".join([*lines, *(_wrapped(text) for text in said)])


def _difference(one: "Difference", whole: bool) -> str:
    backed = f" ({one.standing}: {one.source}, {one.as_of})" if whole else f" ({one.standing})"
    return f"Or {one.other}? {one.text}{backed}"


def _note(note: "Note") -> str:
    payers = f" {note.payers[0].upper()}{note.payers[1:]}." if note.payers else ""
    return f"Note: {note.text}{payers} ({note.standing}: {note.source}, {note.as_of})"


def _general(notes: Sequence["Note"]) -> str:
    return "\n".join(["In every case", *(_wrapped(_note(note).removeprefix("Note: ")) for note in notes)])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT + "  ")


def _tell(unknown: Sequence[str], without: Sequence[str], near: Mapping[str, Sequence[str]], paid: Mapping[str, Any]) -> None:
    """What was not understood, to stderr, with what to do."""
    for word in unknown:
        click.echo(f"feecalc: The guide does not know the word {word!r}. List its goals with: feecalc guide", err=True)
    for code in without:
        meant = f" Did you mean {', '.join(near[code])}?" if near.get(code) else ""
        click.echo(f"feecalc: The guide does not hold {code}. {paid[code].sentence}{meant}", err=True)
