"""Running totals of therapy: what a patient was allowed this year, and where KX and medical review begin.

from feecalc.thresholds import Line, Running, read_history
Running.of_amount(2026, "PT", "2400").visit([Line(1, "PT", "97.39")]).kx.first_line

Physical therapy and speech-language pathology share one total, occupational therapy has its own. Allowed amounts count in
full, in the calendar year of the service. Amounts stand in cents inside; they are dollars with two places where they come in
and go out. The thresholds stand in policy/thresholds.toml; a year without one is not known, never guessed.
"""

import csv
import datetime as dt
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from feecalc import policy
from feecalc.errors import InputError, Problem
from feecalc.money import show, to_cents, to_dollars

KX, REVIEW = "kx", "review"

# The columns of a history file, with other names that people give them; letter case, blanks and underscores never matter.
ALIASES = {
    "date": ("service date", "date of service", "dos"),
    "discipline": ("therapy", "therapy type"),
    "modifier": ("modifiers", "mod", "mods"),
    "allowed": ("allowed amount", "amount allowed", "allowable"),
}
NUMBERED_MODIFIER = re.compile(r"(?:modifier|modifiers|mod)[1-9]")
SEPARATORS = (",", ";", "\t", "|")
AMOUNT = re.compile(r"-?\$?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]+)?")


# Thresholds -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Note:
    """A sentence that goes with an answer, with its source and standing."""

    sentence: str
    source: str
    standing: str


@dataclass(frozen=True)
class Pool:
    """The disciplines whose amounts count together."""

    name: str
    words: str
    disciplines: tuple[str, ...]


@dataclass(frozen=True)
class Threshold:
    """A yearly amount in cents; `cents` is None where it is not known, and `sentence` then says why."""

    kind: str  # KX or REVIEW
    year: int
    cents: int | None
    standing: str
    source: str
    sentence: str

    @property
    def amount(self) -> Decimal | None:
        """The threshold in dollars; None where it is not known."""
        return None if self.cents is None else to_dollars(self.cents)


@cache
def pools() -> tuple[Pool, ...]:
    """The pools, PT with SLP first."""
    return tuple(
        Pool(entry["name"], entry["words"], tuple(entry["disciplines"])) for entry in policy.load("thresholds")["pool"]
    )


def pool_of(name: str) -> Pool:
    """The pool of a discipline (PT, OT, SLP, or another word for one of them) or of a pool's own name.

    Raises InputError for anything else.
    """
    discipline = discipline_of(name)
    found = next((pool for pool in pools() if discipline in pool.disciplines or name.strip().lower() == pool.name), None)
    if found is None:
        raise InputError(f"{name!r} is no therapy discipline: give PT, OT or SLP.")
    return found


def discipline_of(text: str) -> str | None:
    """PT, OT or SLP of a discipline's name, another word for it, or its modifier; None for anything else."""
    return _disciplines().get(text.strip().upper())


@cache
def _disciplines() -> dict[str, str]:
    names = {}
    for entry in policy.load("therapy_codes")["discipline"]:
        for word in (entry["name"], entry["modifier"], *entry["also"]):
            names[word] = entry["name"]
    return names


def kx(year: int) -> Threshold:
    """The amount of a calendar year above which therapy claims need KX, the same for each pool."""
    entry = next((entry for entry in policy.load("thresholds")["kx"] if entry["year"] == year), None)
    if entry is None:
        return Threshold(KX, year, None, "assumed", "", f"The KX threshold of {year} is not known.")
    cents = to_cents(entry["amount"])
    sentence = f"The KX threshold of {year} is {show(cents)} for each pool."
    return Threshold(KX, year, cents, entry["standing"], entry["source"], sentence)


def review(year: int) -> Threshold:
    """The amount of a calendar year above which therapy claims may be picked for medical review, the same for each pool."""
    for entry in policy.load("thresholds")["review"]:
        first, last, disputed, standing, source = (entry[key] for key in ("from", "to", "disputed", "standing", "source"))
        cents = to_cents(entry["amount"])
        if first <= year <= last:
            sentence = f"The medical-review threshold is {show(cents)} for each pool, through {entry['until']}."
            return Threshold(REVIEW, year, cents, standing, source, sentence)
        if last < year <= disputed:
            sentence = f"The medical-review threshold of {year} is not known: sources end {show(cents)} in {entry['until']}."
            return Threshold(REVIEW, year, None, standing, source, sentence)
    return Threshold(REVIEW, year, None, "assumed", "", f"The medical-review threshold of {year} is not known.")


@cache
def notes() -> tuple[Note, ...]:
    """What goes with every answer: what counts, what is not verified, and from which line KX is needed."""
    return tuple(Note(**entry) for entry in policy.load("thresholds")["note"].values())


# A visit --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of a visit: its number, its discipline (or GP, GO, GN) and what is allowed for it, in dollars."""

    number: int
    discipline: str
    allowed: str | Decimal


@dataclass(frozen=True)
class Crossing:
    """One threshold against a pool's total before and after a visit, in cents.

    `above_before` and `above` say whether the total is above it before and after the visit; None where the threshold is not
    known. `first_line` is the first line of the visit that lies above, `lines` are all that do. `left` is what may still be
    allowed after the visit without going above. `visits` counts visits like this one, this one the first, up to the one that
    goes above: 1 is this visit, 0 an earlier one, None where it is never reached or not known.
    """

    threshold: Threshold
    before: int
    after: int
    first_line: int | None
    lines: tuple[int, ...]
    visits: int | None

    @property
    def above_before(self) -> bool | None:
        """Whether the total was above the threshold before the visit; None where the threshold is not known."""
        return None if self.threshold.cents is None else self.before > self.threshold.cents

    @property
    def above(self) -> bool | None:
        """Whether the total is above the threshold after the visit; None where the threshold is not known."""
        return None if self.threshold.cents is None else self.after > self.threshold.cents

    @property
    def left(self) -> Decimal | None:
        """What may be allowed after the visit without going above, in dollars; None where the threshold is not known."""
        return None if self.threshold.cents is None else to_dollars(max(0, self.threshold.cents - self.after))

    @property
    def sentence(self) -> str:
        """The answer in words."""
        if self.threshold.cents is None:
            return self.threshold.sentence
        what = "KX" if self.threshold.kind == KX else "medical review"
        limit = f"{show(self.threshold.cents)} ({self.threshold.standing})"
        if self.above_before:
            return f"Above the {what} threshold of {limit} already before this visit."
        if self.above:
            return f"This visit goes above the {what} threshold of {limit}, from line {self.first_line} on."
        ahead = f"{show(self.threshold.cents - self.after)} left of the {what} threshold of {limit}"
        if self.visits is None:
            return f"{ahead}."
        return f"{ahead}. If the next visits are like this one, the {_ordinal(self.visits)} goes above, counting this one."

    def as_dict(self) -> dict[str, Any]:
        """For JSON: amounts in dollars."""
        return {
            "threshold": self.threshold.amount,
            "year": self.threshold.year,
            "standing": self.threshold.standing,
            "source": self.threshold.source,
            "above_before": self.above_before,
            "above": self.above,
            "first_line": self.first_line,
            "lines": list(self.lines),
            "left": self.left,
            "visits": self.visits,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class Total:
    """A pool's total before and after a visit, against both thresholds. Amounts are dollars; `needs_kx` are line numbers."""

    pool: Pool
    year: int
    before: Decimal
    visit: Decimal
    after: Decimal
    kx: Crossing
    review: Crossing

    @property
    def needs_kx(self) -> tuple[int, ...] | None:
        """The lines of the visit that need KX; None where the year's threshold is not known."""
        return None if self.kx.threshold.cents is None else self.kx.lines

    def as_dict(self) -> dict[str, Any]:
        """For JSON: amounts in dollars."""
        return {
            "pool": self.pool.name,
            "year": self.year,
            "before": self.before,
            "visit": self.visit,
            "after": self.after,
            "kx": self.kx.as_dict(),
            "review": self.review.as_dict(),
        }


@dataclass(frozen=True)
class Running:
    """What one patient was allowed in one pool since January 1 of a year, in cents.

    `pool` is a pool's name or one of its disciplines. Raises InputError where it is neither.
    """

    year: int
    pool: str
    cents: int = 0

    def __post_init__(self) -> None:
        pool_of(self.pool)

    @classmethod
    def of_amount(cls, year: int, discipline: str, allowed: str | Decimal = "0") -> "Running":
        """A typed total, in dollars. Raises InputError where it is no amount, below 0, or the discipline is not known."""
        cents = _cents(allowed, "The amount allowed so far")
        if cents < 0:
            raise InputError(f"The amount allowed so far is below 0: {allowed}.")
        return cls(year, pool_of(discipline).name, cents)

    @classmethod
    def of_history(cls, history: "History", discipline: str) -> "Running":
        """The total of a history file, for the pool of a discipline."""
        pool = pool_of(discipline).name
        return cls(history.year, pool, history.cents.get(pool, 0))

    @property
    def allowed(self) -> Decimal:
        """The total so far, in dollars."""
        return to_dollars(self.cents)

    def visit(self, lines: Sequence[Line]) -> Total:
        """The total after a visit: the lines of this pool's disciplines count, in the order given; others are passed over.

        Raises InputError for a discipline that is not known, and for an amount that is none or below 0.
        """
        pool = pool_of(self.pool)
        ours = [(line.number, _visit_cents(line)) for line in lines if pool_of(line.discipline) == pool]
        after = self.cents + sum(cents for _, cents in ours)
        return Total(
            pool=pool,
            year=self.year,
            before=to_dollars(self.cents),
            visit=to_dollars(after - self.cents),
            after=to_dollars(after),
            kx=self._crossing(kx(self.year), ours),
            review=self._crossing(review(self.year), ours),
        )

    def _crossing(self, threshold: Threshold, lines: Sequence[tuple[int, int]]) -> Crossing:
        total, above = self.cents, []
        for number, cents in lines:
            total += cents
            if threshold.cents is not None and total > threshold.cents:
                above.append(number)
        return Crossing(
            threshold=threshold,
            before=self.cents,
            after=total,
            first_line=above[0] if above else None,
            lines=tuple(above),
            visits=_visits(threshold, self.cents, total - self.cents),
        )


def totals(lines: Sequence[Line], running: Iterable[Running]) -> dict[str, Total]:
    """A visit of several disciplines against each pool's total, by the pool's name.

    Raises InputError where a line's pool has no total (give one of 0), or where the totals are of several years.
    """
    given = {pool_of(one.pool).name: one for one in running}
    if len({one.year for one in given.values()}) > 1:
        raise InputError("The totals are of several years; a visit counts in the year of its date alone.")
    without = sorted({pool_of(line.discipline).name for line in lines} - set(given))
    if without:
        raise InputError(f"No total was given for {', '.join(without)}; give 0 where nothing was allowed yet.")
    return {name: one.visit(lines) for name, one in given.items()}


def _visits(threshold: Threshold, before: int, visit: int) -> int | None:
    """Which visit alike goes above: before + n x visit > threshold for the smallest n; 0 where the total already is."""
    if threshold.cents is None:
        return None
    if before > threshold.cents:
        return 0
    return (threshold.cents - before) // visit + 1 if visit > 0 else None


def _visit_cents(line: Line) -> int:
    cents = _cents(line.allowed, f"The allowed amount of line {line.number}")
    if cents < 0:
        raise InputError(f"The allowed amount of line {line.number} is below 0: {line.allowed}.")
    return cents


def _cents(amount: str | Decimal, what: str) -> int:
    try:
        return _amount(str(amount))
    except ValueError as error:
        raise InputError(f"{what}: {error}.") from None


def _amount(text: str) -> int:
    """Dollars as printed in cents. A comma may part thousands alone: 97,39 is no amount here, and never 9739."""
    if not AMOUNT.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not an amount of money")
    return to_cents(text)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# A history file -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """What a file says that one patient was allowed in a year: cents by the pool's name, and what was not counted.

    `counted` is the number of rows in the totals, `other_years` the rows of each other year, `later` those of the year that
    are not before the day asked for, `problems` every row that could not be read, `notes` what else the reader should know.
    """

    year: int
    cents: dict[str, int]
    counted: int
    other_years: dict[int, int]
    later: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    def allowed(self, discipline: str) -> Decimal:
        """The total of a discipline's pool, in dollars."""
        return to_dollars(self.cents.get(pool_of(discipline).name, 0))

    @property
    def so_far(self) -> dict[str, str]:
        """The total of each pool in dollars, under its first discipline, as a visit takes them."""
        return {pool.disciplines[0]: str(to_dollars(self.cents[pool.name])) for pool in pools()}


@dataclass(frozen=True)
class _Cells:
    """A file as text: its column names, its rows, and the number that a person gives its first row."""

    names: list[str]
    rows: list[list[str]]
    first_row: int


def read_history(path: Path, year: int, before: dt.date | None = None, content: bytes | None = None) -> History:
    """Read one patient's past therapy lines: csv, xlsx or parquet with columns date, allowed, and discipline or modifier.

    Grain: one row a line. `allowed` is in dollars; a discipline is PT, OT or SLP, a modifier holds one of GP, GO and GN.
    Rows of other years, and of the day `before` and later, are counted and left out: they may be the visit itself. Rows that
    cannot be read are listed in `problems`, and the rest is kept. `content` are the file's bytes where they are in memory;
    `path` then only names it. Raises InputError where the file or its columns cannot be read.
    """
    cells = _open(path, content)
    columns = _columns(cells.names, path.name)
    totals = {pool.name: 0 for pool in pools()}
    counted, blank, taken_back, later = 0, 0, 0, 0
    other_years: Counter[int] = Counter()
    problems: list[Problem] = []
    for number, row in enumerate(cells.rows, cells.first_row):
        if not any(row):
            blank += 1
            continue
        try:
            on, discipline, cents = _read_row(row, len(cells.names), columns)
        except _UnreadableError as error:
            problems.append(Problem(path.name, error.message, number, error.column, error.value))
            continue
        if on.year != year:
            other_years[on.year] += 1
            continue
        if before is not None and on >= before:
            later += 1
            continue
        totals[pool_of(discipline).name] += cents
        counted += 1
        taken_back += cents < 0
    said = ["Every row is taken as the same patient's."]
    said += [f"{_rows(count)} of {other} left out: only {year} counts." for other, count in sorted(other_years.items())]
    if later:
        said.append(f"{_rows(later)} of {before} or later left out: only what came before that day counts.")
    if blank:
        said.append(f"{_rows(blank)} without anything in it passed over.")
    if taken_back:
        said.append(f"{_rows(taken_back)} with an amount below 0 taken off the total.")
    return History(year, totals, counted, dict(sorted(other_years.items())), later, tuple(problems), tuple(said))


class _UnreadableError(Exception):
    """One thing wrong in one row."""

    def __init__(self, message: str, column: str, value: str) -> None:
        super().__init__(message)
        self.message, self.column, self.value = message, column, value


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _read_row(row: list[str], width: int, columns: dict[str, list[int]]) -> tuple[dt.date, str, int]:
    """The date, the discipline and the cents of a row."""
    if len(row) > width:
        raise _UnreadableError("has more cells than there are columns", "beyond the last", " ".join(row[width:]))
    date_text, allowed = row[columns["date"][0]], row[columns["allowed"][0]]
    on = _date(date_text)
    if on is None:
        raise _UnreadableError("is not a date such as 2026-01-15", "date", date_text)
    try:
        cents = _amount(allowed)
    except ValueError:
        raise _UnreadableError("is not an amount of money such as 97.39", "allowed", allowed) from None
    return on, _discipline(row, columns), cents


def _discipline(row: list[str], columns: dict[str, list[int]]) -> str:
    """The discipline that a row names, or whose modifier it carries; both, where both stand there, must agree."""
    stated = [row[i] for i in columns.get("discipline", []) if row[i]]
    found = {discipline_of(text) for text in stated}
    if None in found:
        raise _UnreadableError("is none of PT, OT and SLP", "discipline", " ".join(stated))
    modifiers = [row[i] for i in columns.get("modifier", [])]
    by_modifier = {entry["modifier"]: entry["name"] for entry in policy.load("therapy_codes")["discipline"]}
    found |= {by_modifier[m] for m in re.findall(r"[A-Z0-9]+", " ".join(modifiers).upper()) if m in by_modifier}
    if not found:
        column = "modifier" if "modifier" in columns else "discipline"
        raise _UnreadableError("names no discipline: PT, OT or SLP, or GP, GO or GN", column, " ".join(modifiers).strip())
    if len(found) > 1:
        both = " ".join([*stated, *modifiers]).strip()
        raise _UnreadableError("names several disciplines", "discipline" if stated else "modifier", both)
    return str(found.pop())


def _date(text: str) -> dt.date | None:
    """A date written 2026-01-15, 20260115, 1/15/2026 or 1/15/26, with or without a time; None for anything else."""
    day = re.split(r"[T ]", text.strip(), maxsplit=1)[0]
    if found := re.fullmatch(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})", day):
        year, month, on = (int(part) for part in found.groups())
    elif found := re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})", day):
        month, on, year = (int(part) for part in found.groups())
        year += 2000 if year < 100 else 0
    else:
        return None
    try:
        return dt.date(year, month, on)
    except ValueError:
        return None


def _columns(names: Sequence[str], file: str) -> dict[str, list[int]]:
    """Which column is which. Raises InputError where one is missing or could be several."""
    plain = [re.sub(r"[\W_]+", "", name.lower()) for name in names]
    found: dict[str, list[int]] = {}
    for wanted, aliases in ALIASES.items():
        own = [i for i, name in enumerate(plain) if name == wanted]
        meant = own or [i for i, name in enumerate(plain) if name in {alias.replace(" ", "") for alias in aliases}]
        if wanted == "modifier":
            meant += [i for i, name in enumerate(plain) if NUMBERED_MODIFIER.fullmatch(name)]
        elif len(meant) > 1:
            several = ", ".join(names[i] for i in meant)
            raise InputError(f"{file}: which column is {wanted}? The file has {several}. Rename one of them to '{wanted}'.")
        if meant:
            found[wanted] = meant
    missing = [name for name in ("date", "allowed") if name not in found]
    if not found.keys() & {"discipline", "modifier"}:
        missing.append("discipline (or modifier)")
    if missing:
        raise InputError(f"{file} has no column {', '.join(missing)}. It has: {', '.join(names) or 'none'}.")
    return found


def _open(path: Path, content: bytes | None) -> _Cells:
    """A file's cells as trimmed text. Raises InputError where it cannot be read."""
    readers = {".csv": _csv, ".tsv": _csv, ".txt": _csv, ".xlsx": _xlsx, ".parquet": _parquet}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path.name}: a history file is .csv, .xlsx or .parquet.")
    if content is None and not path.is_file():
        raise InputError(f"{path} is not a file.")
    try:
        return readers[path.suffix.lower()](path.name, path.read_bytes() if content is None else content)
    except (pl.exceptions.PolarsError, csv.Error, zipfile.BadZipFile, ValueError, TypeError) as error:
        # The words of a reader may hold values of the file, so they are left out.
        raise InputError(f"{path.name} cannot be read as {path.suffix[1:]}: it is damaged, or something else.") from error


def _csv(name: str, content: bytes) -> _Cells:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # what spreadsheets on Windows write
        text = content.decode("cp1252", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(f"{name} is empty.")
    separator = max(SEPARATORS, key=lines[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=separator)]
    header = next(number for number, row in enumerate(rows) if any(row))
    return _cells(rows[header], rows[header + 1 :], header + 2)


def _xlsx(name: str, content: bytes) -> _Cells:
    import fastexcel  # here and not above: most histories are no workbooks

    try:
        cells = pl.read_excel(io.BytesIO(content), sheet_id=1, has_header=False, drop_empty_rows=False, infer_schema_length=0)
    except pl.exceptions.NoDataError:
        raise InputError(f"{name}: the first sheet is empty.") from None
    except fastexcel.FastExcelError as error:
        raise ValueError(name) from error
    rows = [[str(value).strip() if value is not None else "" for value in row] for row in cells.iter_rows()]
    return _cells(rows[0], rows[1:], 2)


def _parquet(name: str, content: bytes) -> _Cells:
    frame = pl.read_parquet(io.BytesIO(content))
    rows = [[str(value).strip() if value is not None else "" for value in row] for row in frame.iter_rows()]
    return _cells(frame.columns, rows, 1)


def _cells(names: list[str], rows: list[list[str]], first_row: int) -> _Cells:
    """Rows at least as wide as the header; the blank ones after the last that holds anything are no rows."""
    last = max((number for number, row in enumerate(rows, 1) if any(row)), default=0)
    return _Cells(names, [_fitted(row, len(names)) for row in rows[:last]], first_row)


def _fitted(row: list[str], width: int) -> list[str]:
    """A row of so many cells; only cells with something in them stay beyond."""
    return [*row, *[""] * (width - len(row))] if len(row) <= width or any(row[width:]) else row[:width]
