"""Which column of a practice's export is which of a mix: the names that practice systems give them, headers of two rows, and
files with one column a month.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from feecalc.claims.columns import NUMBERED_MODIFIER, plain_name
from feecalc.claims.headers import LOOKED_AT, Header
from feecalc.errors import InputError

# The columns of a mix and the names that practice systems give them; letter case, blanks and signs never matter.
ALIASES = {
    "hcpcs": (
        "cpt", "cpt code", "cpt4", "hcpcs code", "cpt/hcpcs", "hcpcs/cpt", "cpt/hcpcs code", "procedure", "procedure code",
        "proc", "proc code", "px code", "service code", "billing code", "charge code", "code",
    ),
    "modifiers": ("modifier", "mods", "mod"),
    "units": (
        "unit", "qty", "quantity", "count", "volume", "service units", "units billed", "billed units", "total units",
        "total qty", "number of units", "services", "times",
    ),
    "service_date": ("dos", "date of service", "service date", "from dos", "dos from", "date"),
    "month": ("period", "service month", "dos month", "month of service", "year month", "month year"),
    "visit": (
        "visit id", "visit number", "visit no", "encounter", "encounter id", "encounter number", "claim", "claim id",
        "claim number", "claim no",
    ),
    "provider": (
        "rendering", "rendering provider", "rendering provider name", "provider name", "treating provider", "clinician",
        "therapist", "doctor", "physician",
    ),
    "payer": (
        "payor", "payer name", "payor name", "insurance", "insurance name", "insurance plan", "plan", "plan name", "carrier",
        "primary payer", "primary insurance", "financial class",
    ),
    "site": ("location", "location name", "facility", "facility name", "clinic", "office", "service location", "department"),
    "pos": ("place of service", "pos code"),
    "setting": (),
    "zip": ("zip code", "service zip", "location zip", "facility zip"),
    "mac": (),
    "locality": (),
    "charge": (
        "charges", "charge amount", "charge amt", "billed", "billed amount", "billed charges", "amount billed", "gross charges",
        "total charge", "total charges",
    ),
    "paid": (
        "payment", "payments", "paid amount", "amount paid", "payment amount", "total paid", "total payments", "receipts",
        "collections",
    ),
}  # fmt: skip
MEASURES = ("units", "charge", "paid")  # what a column of a month may hold
MONTHS = "months"  # chosen for units: the columns of the months
NOT_TARGETS = {"year"}  # may be chosen too: the year of months that name none
TARGET = {plain_name(name): wanted for wanted, others in ALIASES.items() for name in (wanted, *others)}
_NAMES = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_NUMBER = {short: number for number, name in enumerate(_NAMES, 1) for short in (name, name[:3])} | {"sept": 9}
_MONTH_NAME = re.compile(rf"(?<![a-z])({'|'.join(sorted(_NUMBER, key=len, reverse=True))})(?![a-z])\.?", re.IGNORECASE)
_YEARS = range(2000, 2100)


class Month(NamedTuple):
    """A month, with its year where one is named, and what else the text says."""

    month: int
    year: int | None
    rest: str = ""

    def first_day(self, year: int | None) -> dt.date | None:
        """Its first day; None without a year."""
        of = self.year or year
        return dt.date(of, self.month, 1) if of else None


def read_month(text: str, words: bool = False) -> Month | None:
    """A month as people write it: Jan, January 2025, Jan-25, 2025-01, 01/2025, 202501, or a date; None where it is none.

    `words`: other words may stand around it (Jan Units).
    """
    value = re.sub(r"\s+", " ", text.replace("\u00a0", " ")).strip()
    for pattern, year, month in (
        (r"(\d{4})[-/.](\d{1,2})(?:[-/.]\d{1,2})?(?:[ T].*)?", 1, 2),
        (r"(\d{1,2})[-/.](\d{4})", 2, 1),
        (r"(\d{1,2})/\d{1,2}/(\d{4})", 2, 1),
        (r"(20\d{2})(0[1-9]|1[0-2])", 1, 2),
    ):
        if found := re.fullmatch(pattern, value):
            return _month(int(found[month]), int(found[year]))
    named = _MONTH_NAME.search(value)
    if not named:
        return None
    left = f"{value[: named.start()]} {value[named.end() :]}"
    years = re.findall(r"(?<!\d)(20\d{2})(?!\d)", left) or re.findall(r"(?<!\d)'?(\d{2})(?!\d)", left)
    if len(years) > 1:
        return None
    rest = re.sub(r"(?<!\d)'?(20)?\d{2}(?!\d)" if years else r"$^", " ", left)
    rest = " ".join(re.sub(r"[^\w#]+", " ", rest).split())
    if rest and not words:
        return None
    year_of = int(years[0]) + (2000 if len(years[0]) == 2 else 0) if years else None
    found_month = _month(_NUMBER[named[1].lower()], year_of)
    return found_month._replace(rest=rest) if found_month else None


def _month(month: int, year: int | None) -> Month | None:
    return Month(month, year) if 1 <= month <= 12 and (year is None or year in _YEARS) else None


class MonthColumn(NamedTuple):
    """A column that holds one month's units, charges or payments."""

    column: str
    month: Month
    measure: str


def month_columns(names: Sequence[str]) -> list[MonthColumn]:
    """The columns that each hold a month: of units where the name says no more than the month."""
    found = []
    for name in names:
        month = read_month(name, words=True) if plain_name(name) not in TARGET else None
        measure = "units" if month and not month.rest else TARGET.get(plain_name(month.rest)) if month else None
        if month and measure in MEASURES:
            found.append(MonthColumn(name, month, measure))
    return found


def targets(names: Iterable[str | None]) -> set[str]:
    """The columns of a mix that names may mean, doubtful ones too."""
    named = [name for name in names if name]
    found = {TARGET[plain_name(name)] for name in named if plain_name(name) in TARGET}
    if any(numbered_modifier(name) for name in named):
        found.add("modifiers")
    return found | {month.measure for month in month_columns(named)}


def numbered_modifier(name: str) -> int:
    """The number of a column of modifiers that has one, such as Modifier 2; else 0."""
    found = NUMBERED_MODIFIER.fullmatch(plain_name(name))
    return int(found[1]) if found else 0


# Headers -------------------------------------------------------------------------------------------------------------------


class TwoRows(Header):
    """A header of two rows, joined: `place` is that of the second."""

    @property
    def notes(self) -> list[str]:
        """What is told of it."""
        first = self.place  # rows count from 1
        above = (
            []
            if first == 1
            else ["row 1 above it was passed over" if first == 2 else f"rows 1-{first - 1} above it were passed over"]
        )
        return ["; ".join([f"Header of two rows found in rows {first} and {first + 1}", *above])]


def find_mix_header(rows: Iterable[Sequence[str | None]], alone: bool = True) -> Header | None:
    """As claims.headers.find_header, by the names of a mix; two rows of a header are joined.

    The upper of two rows holds groups whose cells are merged over the columns below (Jan over Units and Charges), or the
    names of columns that the lower leaves blank.
    """
    ahead: Iterator[Sequence[str | None]] = iter(rows)
    first: Header | None = None
    above: Sequence[str | None] = ()
    for place, cells in enumerate(ahead):
        if first is not None and place >= LOOKED_AT:
            break
        named = targets(cells)
        if "hcpcs" in named and (len(named) > 1 or (alone and first is None)):
            if _groups(above, cells):
                return TwoRows(place, _joined(above, cells), known=True)
            below = next(ahead, ())
            if _goes_on(cells, below):
                return TwoRows(place + 1, _joined(cells, below), known=True)
            return Header(place, cells, known=True)
        if first is None and any(_text(cell) for cell in cells):
            first = Header(place, cells, known=False)
        above = cells if any(_text(cell) for cell in cells) else ()
    return first


def _text(cell: str | None) -> str:
    return (cell or "").replace("\u00a0", " ").strip()


def _groups(above: Sequence[str | None], cells: Sequence[str | None]) -> bool:
    """Whether the row above holds the groups of a header: without them two of its columns had one name."""
    names = Counter(plain_name(cell) for cell in cells if cell and plain_name(cell))
    joined = Counter(plain_name(cell) for cell in _joined(above, cells) if cell and plain_name(cell))
    return max(names.values(), default=0) > 1 and max(joined.values(), default=0) == 1


def _goes_on(cells: Sequence[str | None], below: Sequence[str | None]) -> bool:
    """Whether the row below belongs to the header: it says nothing under the codes, no number anywhere, and names columns."""
    under = [_text(cell) for cell in below]
    code = next((place for place, cell in enumerate(cells) if cell and TARGET.get(plain_name(cell)) == "hcpcs"), None)
    said = [place for place, text in enumerate(under) if text]
    if code is None or not said or code in said:
        return False
    if any(re.fullmatch(r"[-(]?\$?[\d,.]+\)?%?", under[place]) for place in said):
        return False
    nameless = [place for place in said if place >= len(cells) or not _text(cells[place])]
    return bool(nameless) or bool(targets(under))


def _joined(above: Sequence[str | None], below: Sequence[str | None]) -> list[str | None]:
    """The names of two rows; a cell of the upper is merged over the blank ones that follow it.

    The lower alone is the name where it says what the column is and the two together do not (Volume over Units).
    """
    joined: list[str | None] = []
    lower = Counter(plain_name(cell) for cell in below if cell)
    group = ""
    for place in range(max(len(above), len(below))):
        own = _text(above[place]) if place < len(above) else ""
        name = _text(below[place]) if place < len(below) else ""
        group = own or group
        both = " ".join(filter(None, (group if name else own, name)))
        enough = plain_name(name) in TARGET and lower[plain_name(name)] == 1 and not targets([both])
        joined.append((name if enough else both) or None)
    return joined


# Columns -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proposal:
    """Which column of a file would be read as which of a mix, for a person to confirm.

    columns   column of a mix -> column of the file; several columns of modifiers are parted by ", "
    months    the columns that each hold one month, where the file is laid out so
    open      column of a mix -> the columns of the file of which a person must choose one
    unread    columns of the file that nothing reads
    problems  what keeps the file from being read until it is chosen, in sentences
    notes     what was found on the way
    first     column of the file -> its first values, by which a person tells what it holds
    """

    columns: dict[str, str]
    months: tuple[MonthColumn, ...]
    open: dict[str, tuple[str, ...]]
    unread: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    first: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def match(names: Sequence[str], chosen: Mapping[str, str], code_like: Iterable[str]) -> Proposal:
    """Match a file's columns with those of a mix, without a guess.

    `chosen`: column of a mix -> column of the file, "" for none; `units` may be "months". `code_like`: the columns of the file
    that hold codes, which settles which of several is the one of codes. Raises InputError where a chosen column is not there.
    """
    settled = {wanted: _chosen(wanted, name, names) for wanted, name in chosen.items() if wanted not in NOT_TARGETS}
    taken = {name for given in settled.values() for name in given}
    columns = {wanted: ", ".join(given) for wanted, given in settled.items() if given and given != [MONTHS]}
    left = [name for name in names if name not in taken]
    holding = set(code_like)
    found: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for wanted in ALIASES:
        if wanted in settled:
            continue
        alike = [name for name in left if TARGET.get(plain_name(name)) == wanted]
        if wanted == "modifiers":
            alike = _modifiers(alike, [name for name in left if numbered_modifier(name)])
        if wanted == "hcpcs" and len(alike) > 1:
            of_codes = [name for name in alike if name in holding]
            if len(of_codes) == 1:
                others = ", ".join(name for name in alike if name not in of_codes)
                notes.append(f"Codes read from {of_codes[0]}; {others} holds none")
                alike = of_codes
        if len(alike) == 1:
            columns[wanted] = alike[0]
        elif alike:
            found[wanted] = tuple(alike)
    months = _months(left, settled, columns, found)
    if months and "units" not in found:
        columns["units"] = MONTHS
    problems = [_which(wanted, several) for wanted, several in found.items()]
    if "hcpcs" not in columns and "hcpcs" not in found:
        problems.append(
            f"No column holds the codes: none is called CPT, HCPCS, Procedure code or the like. The file has {_listed(names)}. "
            "Say which it is, as in hcpcs=COLUMN."
        )
    used = {name for given in columns.values() for name in (given, *given.split(", "))} | {m.column for m in months}
    used |= {name for several in found.values() for name in several}
    return Proposal(columns, months, found, tuple(name for name in names if name not in used), tuple(problems), tuple(notes))


def _modifiers(plain_ones: list[str], numbered: list[str]) -> list[str]:
    """The columns of modifiers; those that are numbered count as one, in the order of their numbers."""
    if not numbered:
        return plain_ones
    ordered = sorted(numbered, key=numbered_modifier)
    numbers = [numbered_modifier(name) for name in ordered]
    if 1 not in numbers and len(plain_ones) == 1:  # a plain `modifier` beside modifier 2 is the first
        ordered, plain_ones = [*plain_ones, *ordered], []
    if len(set(numbers)) < len(numbers):
        return [*plain_ones, *ordered]
    return [*plain_ones, ", ".join(ordered)]


def _chosen(wanted: str, given: str, names: Sequence[str]) -> list[str]:
    """The columns that a person chose for one of a mix."""
    if wanted not in ALIASES:
        raise InputError(f"A mix has no column {wanted!r}. It may have: {', '.join([*ALIASES, *sorted(NOT_TARGETS)])}.")
    text = given.strip()
    if not text:
        return []
    if wanted == "units" and text == MONTHS and MONTHS not in names:
        return [MONTHS]
    several = [text] if wanted != "modifiers" or text in names else [part.strip() for part in text.split(",")]
    found = []
    for name in several:
        alike = [name] if name in names else [other for other in names if plain_name(other) == plain_name(name)]
        if len(alike) != 1:
            raise InputError(f"The file has no column {name!r} to read as {wanted}. It has {_listed(names)}.")
        found += alike
    return found


def _months(
    left: Sequence[str], chosen: Mapping[str, list[str]], columns: dict[str, str], found: dict[str, tuple[str, ...]]
) -> tuple[MonthColumn, ...]:
    """The columns of months, where the file is laid out so; a column of units beside them is left for a person to settle."""
    months = month_columns(left)
    of_units = [month.column for month in months if month.measure == "units"]
    asked = chosen.get("units") == [MONTHS]
    if asked and not of_units:
        raise InputError("The file has no columns of months (Jan, Feb, …) to read the units from.")
    if not of_units or ("units" in chosen and not asked):
        return ()
    beside = [name for name in (columns.get("units"), *found.get("units", ())) if name]
    if beside and not asked:
        columns.pop("units", None)
        found["units"] = (*beside, MONTHS)
        return tuple(months)
    return tuple(month for month in months if month.measure not in columns or month.measure == "units")


def _which(wanted: str, several: Sequence[str]) -> str:
    """The sentence for an ambiguous column."""
    shown = [f"the columns of the {name}" if name == MONTHS else repr(name) for name in several]
    ways = " or ".join(f'{wanted}="{name}"' for name in several)
    return f"Which column is {wanted}? It may be {' or '.join(shown)}. Choose one: {ways}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "no columns"
