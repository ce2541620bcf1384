"""A visit's file, and rows pasted from a spreadsheet: every value checked, so that none means something else than it says.

from feecalc.visit_files import from_json
from_json(Path("visit.json").read_text())        # as the page *Price a visit* saves it

A visit file is JSON: the fields of `visit.Visit`, its items those of `visit.Item`. Text is written in quotes, ZIP codes and
places of service too; amounts of money may be written without.
"""

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from feecalc import pasted
from feecalc.errors import InputError
from feecalc.money import to_cents, to_dollars
from feecalc.visit import Item, Visit, to_dict

# A file --------------------------------------------------------------------------------------------------------------------


def to_json(visit: Visit) -> str:
    """A visit as the text of a file."""
    return json.dumps(to_dict(visit), indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Visit:
    """A visit from the text of a file. Raises InputError naming the first thing in it that cannot be read."""
    try:
        # Numbers with a point stay text, so that amounts are exact; NaN and Infinity are left as words that nothing reads.
        found = json.loads(text, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise InputError(f"This is no visit file: {error}.") from None
    if not isinstance(found, dict) or not isinstance(found.get("items"), list):
        raise InputError('This is no visit file: it has no list "items".')
    known = {f.name for f in fields(Visit)}
    if strangers := [name for name in found if name not in known]:
        raise InputError(f"A visit has no {', '.join(map(repr, strangers))}. It may have: {', '.join(sorted(known))}.")
    try:
        on = dt.date.fromisoformat(str(found.get("date")))
    except ValueError:
        raise InputError(f"The visit's date {found.get('date')!r} is not a date such as 2025-10-15.") from None
    items = [_item(number, row) for number, row in enumerate(found["items"], 1)]
    return Visit(**{**_values(found, VISIT, "The visit"), "date": on, "items": items})


def _item(number: int, row: Any) -> Item:
    known = {f.name for f in fields(Item)}
    if not isinstance(row, dict) or not isinstance(row.get("hcpcs"), str):
        raise InputError(f'Item {number} of the visit has no "hcpcs", which is a code in quotes.')
    where = f"Item {number} ({row['hcpcs']})"
    if strangers := [name for name in row if name not in known]:
        raise InputError(f"{where} has {', '.join(map(repr, strangers))}; it may have: {', '.join(known)}.")
    return Item(**_values(row, ITEM, where))


def _values(found: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]], where: str) -> dict[str, Any]:
    """The values as the fields hold them; one that is null is as good as left out. Raises InputError, saying where."""
    values = {}
    for name, value in found.items():
        if value is None:
            continue
        try:
            values[name] = readers[name](value) if name in readers else value
        except ValueError as error:
            raise InputError(f"{where}: {name} is {json.dumps(value)}, {error}.") from None
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("which is no text: write it in quotes")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not a whole number, such as 15, without quotes")
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false, without quotes")
    return value


def _money(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("not an amount in dollars, such as 60.00")
    cents = to_cents(str(value))
    if cents < 0:
        raise ValueError("which is below 0")
    return str(to_dollars(cents))


def _modifiers(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = re.split(r"[\s,;]+", value.strip())
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError('not a list of modifiers in quotes, such as ["59", "KX"]')
    return tuple(one for one in value if one)


def _each(read: Callable[[Any], Any], such: str) -> Callable[[Any], dict[str, Any]]:
    """A reader of values by name."""

    def mapping(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"not values by name, such as {such}")
        return {name: read(one) for name, one in value.items()}

    return mapping


ITEM: dict[str, Callable[[Any], Any]] = {
    "hcpcs": _text,
    "minutes": _whole,
    "units": _whole,
    "assistant_minutes": _whole,
    "modifiers": _modifiers,
    "charge": _money,
    "discipline": _text,
}
VISIT: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("discipline", "treated_by", "rule", "zip", "locality", "state", "pos", "setting", "provider_type"), _text),
    **dict.fromkeys(("participating", "qp"), _switch),
    "visit_minutes": _whole,
    "choice": _each(_whole, '{"97110": 2}'),
    "allowed_so_far": _each(_money, '{"PT": "1200.50"}'),
    "deductible_left": _money,
}


# Pasted rows ---------------------------------------------------------------------------------------------------------------

# What people call the columns of a pasted table.
COLUMNS = {
    "hcpcs": ("hcpcs", "cpt", "code", "procedure"),
    "minutes": ("minutes", "min", "mins", "time"),
    "units": ("units", "unit", "qty", "quantity"),
    "assistant_minutes": ("assistant", "assistantminutes", "ptaminutes", "otaminutes", "pta", "ota"),
    "modifiers": ("modifiers", "modifier", "mods", "mod"),
    "charge": ("charge", "charges", "price"),
}


def read_pasted(text: str) -> tuple[list[Item], list[str]]:
    """Rows pasted from a spreadsheet as items, and what could not be read, row by row.

    With a heading, columns go by their names; without one, the columns are code and minutes. Nothing is guessed: a row that
    cannot be read is told and left out.
    """
    rows = [pasted.cells(line, "\t;,") for line in text.splitlines() if line.strip()]
    places = pasted.columns(rows[0], COLUMNS) if rows else {}
    headed = "hcpcs" in places
    if not headed:
        places = {"hcpcs": 0, "minutes": 1}
    items: list[Item] = []
    problems: list[str] = []
    for number, row in enumerate(rows[1:] if headed else rows, 2 if headed else 1):
        cells = {column: row[place].strip() for column, place in places.items() if place < len(row) and row[place].strip()}
        try:
            items.append(_pasted(cells))
        except InputError as error:
            problems.append(f"Row {number}: {error}")
    return items, problems


def _pasted(cells: Mapping[str, str]) -> Item:
    code = re.sub(r"\.0+$", "", cells.get("hcpcs", "").upper())
    if not re.fullmatch(r"[0-9A-Z]{3,5}", code) or not re.search(r"[0-9]", code):
        raise InputError(f"{cells.get('hcpcs', '')!r} is no code.")
    numbers = {}
    for name in ("minutes", "units", "assistant_minutes"):
        if name in cells:
            whole = re.fullmatch(r"([0-9]{1,4})(?:\.0+)?(?: ?min(?:utes|s)?\.?)?", cells[name].lower())
            if whole is None:
                raise InputError(f"{cells[name]!r} is not a whole number of {name.replace('_', ' ')}.")
            numbers[name] = int(whole[1])
    return Item(
        hcpcs=code.zfill(5) if code.isdigit() else code,
        minutes=numbers.get("minutes"),
        units=numbers.get("units"),
        assistant_minutes=numbers.get("assistant_minutes", 0),
        modifiers=tuple(re.findall(r"[0-9A-Z]{2}", cells.get("modifiers", "").upper())),
        charge=cells.get("charge"),
    )
