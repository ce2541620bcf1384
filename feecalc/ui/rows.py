"""The rows of a visit as people type them: text in every cell, read by rule, every repair and every doubt told by row.

A row is a dictionary of texts under COLUMNS. Nothing here knows a widget: the grid's edits come in as plain values.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feecalc.errors import InputError
from feecalc.money import show, to_cents
from feecalc.therapy_codes import discipline, disciplines, kinds, units
from feecalc.ui import typed
from feecalc.visit import TIMED, Item

COLUMNS = ("code", "discipline", "minutes", "assistant", "units", "modifiers", "charge")
Row = dict[str, str]
MOST_MODIFIERS = 4
MODIFIER = re.compile(r"[0-9A-Z]{2}")
WHOLE = re.compile(r"([0-9]{1,4})(?:\.0+)? ?(?:M|MIN|MINS|MINUTES?|U|UNITS?)?\.?")
TOKEN = re.compile(
    r"(?P<code>[0-9A-Z]{5})(?P<modifiers>(?:-[0-9A-Z]{2})*)(?::(?P<minutes>[0-9]{1,4})m)?(?::(?P<assistant>[0-9]{1,4})a)?"
    r"(?::(?P<units>[0-9]{1,4})u)?(?::c(?P<charge>[0-9]+(?:\.[0-9]{1,2})?))?(?::(?P<discipline>PT|OT|SLP))?"
)
NONE = "none"  # a visit without rows, in an address


@dataclass(frozen=True)
class Preset:
    """A common visit to start from."""

    label: str
    discipline: str
    rows: tuple[Row, ...]


def row(code: str = "", minutes: str = "", modifiers: str = "") -> Row:
    """A row with the cells that most rows have."""
    return {**dict.fromkeys(COLUMNS, ""), "code": code, "minutes": minutes, "modifiers": modifiers}


PRESETS = {
    "therapy": Preset(
        "Therapy hour: activities, exercise, manual",
        "PT",
        (row("97530", "15"), row("97110", "30"), row("97140", "15")),
    ),
    "evaluation": Preset("First visit: evaluation and exercise", "PT", (row("97161"), row("97110", "15"))),
    "daily": Preset("Occupational therapy: daily living, activities", "OT", (row("97535", "30"), row("97530", "15"))),
    "group": Preset("Group session and exercise", "PT", (row("97150"), row("97110", "15"))),
    "office": Preset(
        "Office visit, joint injection, knee x-ray",
        "",
        (row("99213", modifiers="25"), row("20610"), row("73562")),
    ),
    "empty": Preset("Nothing: an empty visit", "PT", ()),
}


def for_code(code: str) -> Row:
    """A row for a code that was picked: a code billed by the minute begins with one full unit."""
    unit = units().get(code)
    if unit is not None and unit.words == TIMED:
        return row(code, "15")
    return row(code)


def filled(given: Sequence[Row]) -> list[tuple[int, Row]]:
    """The rows that hold anything, with the numbers that a person gives them."""
    return [(number, one) for number, one in enumerate(given, 1) if any(one.values())]


# The grid ------------------------------------------------------------------------------------------------------------------


def edited(base: Sequence[Row], edits: Mapping[str, Any]) -> list[Row]:
    """The rows of a grid after its edits: cells changed, rows deleted, rows added, in this order."""
    found = [dict(one) for one in base]
    for number, cells in edits.get("edited_rows", {}).items():
        if int(number) < len(found):
            found[int(number)].update(_texts(cells))
    gone = set(edits.get("deleted_rows", ()))
    found = [one for number, one in enumerate(found) if number not in gone]
    return found + [{**row(), **_texts(cells)} for cells in edits.get("added_rows", ())]


def _texts(cells: Mapping[str, Any]) -> Row:
    """Cells as text, whatever the browser made of them."""
    return {name: "" if value is None else str(value).strip() for name, value in cells.items() if name in COLUMNS}


# Reading -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """Rows as read: the items, with the rows' numbers; what was repaired or should be known; what cannot be read."""

    items: tuple[Item, ...]
    numbers: tuple[int, ...]
    told: tuple[str, ...]
    problems: tuple[str, ...]


def read(
    given: Sequence[Row],
    *,
    therapy: str,
    several: bool,
    assistants: bool,
    known: Mapping[str, str],
    near: Callable[[str], Sequence[str]],
) -> Read:
    """Read the rows of a visit.

    `therapy` is the visit's discipline ("" for none), `several` whether each row names its own, `assistants` whether the
    rows' assistant minutes count. `known` are the codes of the release, `near` finds those that look like a mistyped one.
    A row that cannot be read makes no item and one or more problems.
    """
    items, numbers, told, problems = [], [], [], []
    for number, one in filled(given):
        reader = _Reader(one, therapy, several, assistants, known, near)
        item = reader.item()
        told += [f"Row {number}: {said}" for said in reader.told]
        problems += [f"Row {number}: {said}" for said in reader.problems]
        if item is not None and not reader.problems:
            items.append(item)
            numbers.append(number)
    return Read(tuple(items), tuple(numbers), (*told, *_repeated(items, numbers)), tuple(problems))


def _repeated(items: Sequence[Item], numbers: Sequence[int]) -> list[str]:
    """Codes whose minutes stand in several rows: they are one service of the day, and make their units together."""
    at: dict[tuple[str, str | None], list[int]] = {}
    for item, number in zip(items, numbers, strict=True):
        if item.minutes:
            at.setdefault((item.hcpcs, item.discipline), []).append(number)
    return [
        f"{code} stands in rows {' and '.join(map(str, rows))}: their minutes are added together."
        for (code, _), rows in at.items()
        if len(rows) > 1 and code in kinds()
    ]


class _Reader:
    """One row, read cell by cell."""

    def __init__(
        self,
        cells: Row,
        therapy: str,
        several: bool,
        assistants: bool,
        known: Mapping[str, str],
        near: Callable[[str], Sequence[str]],
    ) -> None:
        self.cells = cells
        self.therapy, self.several, self.assistants, self.known, self.near = therapy, several, assistants, known, near
        self.told: list[str] = []
        self.problems: list[str] = []

    def item(self) -> Item | None:
        """The row's item; None without a code."""
        code, of_code = self._code()
        if not code:
            return None
        minutes, count, assistant = (self._whole(name, code) for name in ("minutes", "units", "assistant"))
        item = Item(
            hcpcs=code,
            minutes=minutes,
            units=count,
            assistant_minutes=(assistant or 0) if self.assistants else 0,
            modifiers=self._modifiers(of_code),
            charge=self._charge(code),
            discipline=self._discipline() if self.several else None,
        )
        if assistant and not self.assistants:
            self.told.append("the assistant's minutes are set aside: choose “Both” under “Who treated” to count them.")
        self._time(item)
        return item

    def _code(self) -> tuple[str, tuple[str, ...]]:
        text = self.cells["code"]
        if not text:
            self.problems.append("it has no code. Give one, such as 97110, or empty the row.")
            return "", ()
        found = typed.code(text)
        if found.others:
            self.problems.append(f"“{text}” holds several codes. Give each a row, or paste the list below.")
            return "", ()
        if found.value:
            if found.told:
                self.told.append(found.told)
            return found.value, found.modifiers
        whole = typed.tidy(text).removesuffix(".0").zfill(5)
        if whole.isdigit() and whole in self.known and len(whole) == 5:  # a spreadsheet dropped the leading zeros
            self.told.append(f"Read “{text}” as {whole}.")
            return whole, ()
        near = list(self.near(typed.tidy(text)))
        meant = f" Did you mean {', '.join(near)}?" if near else ""
        self.problems.append(f"“{text}” is no code of five letters or digits, such as 97110.{meant}")
        return "", ()

    def _whole(self, name: str, code: str) -> int | None:
        text = self.cells[name]
        if not text:
            return None
        found = WHOLE.fullmatch(typed.tidy(text))
        what = {"minutes": "minutes", "units": "units", "assistant": "assistant minutes"}[name]
        if found is None:
            self.problems.append(f"{code}: “{text}” is not a whole number of {what}, such as 15.")
            return None
        if found[1] != text:
            self.told.append(f"Read “{text}” as {int(found[1])} {what}.")
        return int(found[1])

    def _modifiers(self, of_code: Sequence[str]) -> tuple[str, ...]:
        found = typed.modifiers([*of_code, self.cells["modifiers"]])
        for name in found:
            if not MODIFIER.fullmatch(name):
                self.problems.append(f"“{name}” is no modifier of two letters or digits, such as 59. Part several with blanks.")
        if len(found) > MOST_MODIFIERS:
            self.problems.append(f"{len(found)} modifiers; a line takes {MOST_MODIFIERS}.")
        return tuple(found)

    def _charge(self, code: str) -> str | None:
        text = self.cells["charge"]
        if not text:
            return None
        try:
            cents = to_cents(typed.tidy(text))
        except ValueError as error:
            self.problems.append(f"{code}, charge: {error}. Give dollars, such as 60.00.")
            return None
        if cents < 0:
            self.problems.append(f"{code}: a charge cannot be below 0.")
            return None
        plain = show(cents).replace("$", "").replace(",", "")
        if text.replace("$", "") not in (plain, plain.removesuffix(".00")):
            self.told.append(f"Read “{text}” as a charge of {show(cents)}.")
        return plain

    def _discipline(self) -> str | None:
        text = self.cells["discipline"]
        if not text:
            return None
        try:
            return discipline(text).name
        except InputError as error:
            self.problems.append(str(error))
            return None

    def _time(self, item: Item) -> None:
        """Minutes that are missing, or that make no units."""
        code, unit = item.hcpcs, units().get(item.hcpcs)
        always = kinds().get(code) == "always"
        own = item.discipline or (self.therapy if always else "")
        by_minutes = unit is not None and unit.words == TIMED
        if always and not own and self.several:
            self.problems.append(f"{code} is therapy: say of which discipline, {', '.join(disciplines())}.")
        elif always and by_minutes and item.minutes is not None and not own:
            self.problems.append(f"{code} is therapy, billed by the minute: choose its discipline above, or give units.")
        elif own and by_minutes and item.minutes is None and item.units is None:
            self.problems.append(f"{code} is billed by the minute: give its minutes, such as 15, or its units.")
        elif item.minutes is not None and not own and code in self.known:
            said = "1 unit is priced" if item.units is None else "its units are priced"
            self.told.append(f"minutes make no units of {code}; {said}.")


# An address ----------------------------------------------------------------------------------------------------------------


def to_address(given: Sequence[Row]) -> str:
    """The rows as one short text without blanks: 97110-KX:30m,97140:15m. What cannot be read is left out."""
    written = [text for _, one in filled(given) if (text := _token(one))]
    return ",".join(written) or NONE


def _token(one: Row) -> str:
    found = typed.code(one["code"])
    if not found.value or found.others:
        return ""
    marks = [name for name in typed.modifiers([*found.modifiers, one["modifiers"]]) if MODIFIER.fullmatch(name)]
    parts = ["-".join((found.value, *marks))]
    for name, letter in (("minutes", "m"), ("assistant", "a"), ("units", "u")):
        if number := WHOLE.fullmatch(typed.tidy(one[name])):
            parts.append(f"{int(number[1])}{letter}")
    charge = one["charge"].replace("$", "").replace(",", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]{1,2})?", charge):
        parts.append(f"c{charge}")
    if one["discipline"].upper() in disciplines():
        parts.append(one["discipline"].upper())
    return ":".join(parts)


def of_address(text: str) -> list[Row]:
    """The rows of an address. Raises ValueError where one cannot be read."""
    if text == NONE:
        return []
    found = []
    for token in text.split(","):
        cells = TOKEN.fullmatch(token)
        if cells is None:
            raise ValueError(token)
        values = {name: value or "" for name, value in cells.groupdict().items()}
        found.append({**values, "modifiers": " ".join(values["modifiers"].split("-")[1:])})
    return found


def of_item(item: Item) -> Row:
    """The row of an item that was pasted or loaded."""
    return {
        "code": item.hcpcs,
        "minutes": "" if item.minutes is None else str(item.minutes),
        "assistant": str(item.assistant_minutes) if item.assistant_minutes else "",
        "units": "" if item.units is None else str(item.units),
        "modifiers": " ".join(item.modifiers),
        "charge": item.charge or "",
        "discipline": item.discipline or "",
    }
