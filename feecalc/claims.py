"""Claims files: read with what spreadsheets did to them, priced in batches of whole claims, written in the order of the file.

A file is gone through twice. The survey reads only what tells claims and days apart, and settles what the whole file
decides: whether its dates are month/day/year, which lines belong together, which keys stand twice. Then batches that end
where a claim ends are cleaned, priced and written while the next is read. The lines of a claim that lies scattered over
several batches are collected and priced together first, and wait for their places in the output. So the size of a batch
changes no result.

Nothing is guessed and no row is lost: a value that cannot be read goes to the rejects file, and its line to the output.
"""

import codecs
import datetime as dt
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import polars as pl
from polars.io.plugins import register_io_source

from feecalc import export, paths
from feecalc.api import OpenSchedule
from feecalc.errors import InputError
from feecalc.pricing.lines import MOST_CENTS, MOST_UNITS
from feecalc.pricing.modifiers import MOST as MOST_MODIFIERS

BATCH = 500_000  # rows that are priced at once
WORKERS = 2
EXPLAINED_BATCH = 50_000  # the words of an explanation take far more room than its numbers
BLOCK = 1 << 25  # bytes of a csv file that are read at once
LONGEST_RECORD = 1 << 26  # bytes; a longer one is a quotation mark that is never closed
SHOWN_DUPLICATES = 10

# Other names that people give the columns of the contract; letter case, blanks and underscores never matter.
ALIASES = {
    "claim_id": ("claim", "claim number", "claim no"),
    "line": ("line number", "line no", "claim line"),
    "service_date": ("date of service", "dos"),
    "hcpcs": ("cpt", "cpt code", "hcpcs code", "cpt/hcpcs", "hcpcs/cpt", "procedure code"),
    "modifiers": ("modifier", "mods", "mod"),
    "units": ("unit", "service units"),
    "pos": ("place of service", "pos code"),
    "setting": (),
    "mac": (),
    "locality": (),
    "zip": ("zip code",),
    "charge": ("charges", "charge amount"),
    "provider_type": (),
    "participation": (),
    "qp": (),
    "minutes": (),
    "induction": (),
    "deductible_left": (),
}
NUMBERED_MODIFIER = re.compile(r"(?:modifier|modifiers|mod)([1-9])")
AS_WRITTEN = ("setting", "provider_type", "participation")  # pricing has a reason for each value that it cannot read

Progress = Callable[[int, int], None]


@dataclass
class Summary:
    """What became of a claims file: told to the person, never with a value of the file."""

    lines: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    allowed: Decimal = Decimal("0.00")
    repairs: Counter[str] = field(default_factory=Counter)
    rejected_lines: int = 0
    rejects: Path | None = None
    duplicates: int = 0
    duplicate_rows: list[tuple[int, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The summary as lines of text."""
        outcomes = ", ".join(f"{self.outcomes[name]:,} {name}" for name in ("priced", "zero", "cannot_price"))
        said = [f"{self.lines:,} lines: {outcomes}; allowed ${self.allowed:,} in all", *self.notes]
        said += [f"Repaired: {count:,} {kind}" for kind, count in sorted(self.repairs.items())]
        if self.duplicates:
            shown = "; ".join(" and ".join(f"{row:,}" for row in rows) for rows in self.duplicate_rows)
            more = " …" if self.duplicates > sum(map(len, self.duplicate_rows)) else ""
            said.append(f"Duplicates: {self.duplicates:,} lines share claim and line number, all priced: rows {shown}{more}")
        if self.rejects is not None:
            said.append(f"Rejected: {self.rejected_lines:,} lines with values that cannot be read, see {self.rejects}")
        return "\n".join(said)


def reprice(
    source: Path,
    target: Path,
    opened: OpenSchedule,
    *,
    group_by: Sequence[str] = (),
    explain: bool = False,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> Summary:
    """Price a claims file into `target`: every row and column of it in its order, with the answer beside it.

    `group_by` names the columns that, with the date, mean one patient's day with one practitioner, in place of claim_id.
    `progress` hears of the lines done and of all lines. Values that cannot be read go to `<target>.rejects.csv`. Raises
    InputError for a file that cannot be read; then nothing is written.
    """
    rejects = target.with_name(f"{target.stem}.rejects.csv")
    _check_paths(source, target, rejects)
    table = open_table(source)
    job = _Job(table, Columns.of(table.schema.names(), group_by), opened, explain, flat=target.suffix.lower() != ".parquet")
    with _damage(source):
        survey = job.survey()
    if target.suffix.lower() == ".xlsx" and survey.rows > export.XLSX_ROWS:
        raise InputError(
            f"{survey.rows:,} rows do not fit a worksheet of {export.XLSX_ROWS:,}. Write .csv or .parquet instead."
        )
    told = job.told
    with paths.new_file(target) as scratch:
        _write(job.priced(survey, min(batch, EXPLAINED_BATCH) if explain else batch, progress), job.output_schema, scratch)
        problems = told.problems_table(table.first_row)
        if problems.height:
            with paths.new_file(rejects) as other:
                other.write_bytes(export.csv_bytes(problems))
    if not problems.height:
        rejects.unlink(missing_ok=True)
    summary = told.summary
    summary.lines = survey.rows
    summary.repairs = told.repairs
    summary.rejected_lines = problems["row"].n_unique()
    summary.rejects = rejects if problems.height else None
    summary.duplicates = survey.duplicates
    summary.duplicate_rows = [tuple(row + table.first_row for row in rows) for rows in survey.duplicate_rows]
    summary.notes = [*table.notes, *job.columns.notes, *survey.notes]
    return summary


def _check_paths(source: Path, target: Path, rejects: Path) -> None:
    """Everything about the names that can be wrong, before any work is done."""
    if target.suffix.lower() not in (".csv", ".parquet", ".xlsx"):
        raise InputError(f"{target.name}: the name must end in .csv, .parquet or .xlsx.")
    if not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; nothing was written.")
    if not source.is_file():
        raise InputError(f"{source} is not a file.")
    for written in (target, rejects):
        if written.exists() and written.samefile(source):
            raise InputError(f"{written} is the claims file itself. Give the output another name.")


@contextmanager
def _damage(source: Path) -> Iterator[None]:
    """Name the file where polars cannot read it. The words of polars may hold values of the file, so they are left out."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{source.name} cannot be read as {source.suffix[1:]}: it is damaged, or something else.") from error


# The columns of a file --------------------------------------------------------------------------------------------------


def _plain(name: str) -> str:
    """A column's name without case, blanks, underscores and the like."""
    return re.sub(r"[\W_]+", "", name.lower())


@dataclass(frozen=True)
class Columns:
    """Which column of a file is which of the contract; `claim` are the columns that tell claims apart."""

    of_contract: dict[str, str]
    modifiers: tuple[str, ...]
    claim: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str], group_by: Sequence[str] = ()) -> "Columns":
        """Match a file's column names with the contract. Raises InputError where that is not possible without a guess."""
        numbered = _numbered_modifiers(names)
        left = [name for name in names if name not in numbered]
        found = {wanted: name for wanted in ALIASES if (name := _match(wanted, left)) is not None}
        if "hcpcs" not in found:
            raise InputError(f"The file has no column 'hcpcs'. It has: {', '.join(names) or 'none'}.")
        if numbered and "modifiers" in found:
            both = ", ".join([found["modifiers"], *numbered])
            raise InputError(f"Which columns hold the modifiers? The file has {both}. Rename what feecalc shall not read.")
        modifiers = numbered or ((found["modifiers"],) if "modifiers" in found else ())
        claim = tuple(_named(wanted, names, found) for wanted in group_by) or tuple(
            found[name] for name in ("claim_id",) if name in found
        )
        notes = [f"Column read as {wanted}: {name}" for wanted, name in found.items() if name != wanted]
        if numbered:
            notes.append(f"Columns read as modifiers: {', '.join(numbered)}")
        if not claim:
            notes.append("The file has no column 'claim_id': every line is priced as a day of its own.")
        if "service_date" not in found:
            notes.append("The file has no column 'service_date', so no line can be priced.")
        return cls(found, modifiers, claim, tuple(notes))

    @property
    def texts(self) -> list[str]:
        """The columns of the file that hold few different texts."""
        alone = self.modifiers if len(self.modifiers) == 1 else ()
        many = ("claim_id", "line", "charge", "deductible_left")
        return [*(column for name, column in self.of_contract.items() if name not in (*many, "modifiers")), *alone]

    @property
    def needed(self) -> list[str]:
        """The columns of the file that pricing reads."""
        return list(dict.fromkeys([*self.of_contract.values(), *self.modifiers, *self.claim]))


def _match(wanted: str, names: Sequence[str]) -> str | None:
    """The column of that name, else the one whose name means it, else None."""
    if wanted in names:
        return wanted
    for meanings in ((wanted,), ALIASES[wanted]):
        plain = {_plain(meaning) for meaning in meanings}
        alike = [name for name in names if _plain(name) in plain]
        if len(alike) > 1:
            raise InputError(f"Which column is {wanted}? The file has {', '.join(alike)}. Rename one of them to '{wanted}'.")
        if alike:
            return alike[0]
    return None


def _numbered_modifiers(names: Sequence[str]) -> tuple[str, ...]:
    """modifier1, modifier2, … in the order of their numbers; a plain `modifier` beside modifier2 is the first."""
    numbers: dict[int, str] = {}
    for name in names:
        if found := NUMBERED_MODIFIER.fullmatch(_plain(name)):
            number = int(found[1])
            if number in numbers:
                raise InputError(f"Which column is modifier {number}? The file has {numbers[number]}, {name}.")
            numbers[number] = name
    plain = [name for name in names if _plain(name) in ("modifier", "mod")]
    if numbers and 1 not in numbers and len(plain) == 1:
        numbers[1] = plain[0]
    return tuple(numbers[number] for number in sorted(numbers))


def _named(wanted: str, names: Sequence[str], found: dict[str, str]) -> str:
    """A column that the person named: as it is written, as the contract calls it, or but for case and blanks."""
    if wanted in names:
        return wanted
    if wanted in found:
        return found[wanted]
    alike = [name for name in names if _plain(name) == _plain(wanted)]
    if len(alike) != 1:
        raise InputError(f"The file has no column '{wanted}' to group by. It has: {', '.join(names)}.")
    return alike[0]


# Files as frames --------------------------------------------------------------------------------------------------------


class Table(Protocol):
    """A claims file: its columns, the number that a person gives its first row, and its rows in frames of any size."""

    schema: pl.Schema
    first_row: int
    notes: list[str]

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""


def open_table(path: Path) -> Table:
    """Open a claims file by its ending: .parquet, .xlsx, or .csv, .tsv, .txt. Raises InputError where it cannot be read."""
    kinds: dict[str, Callable[[Path], Table]] = {".parquet": ParquetTable, ".xlsx": ExcelTable}
    kinds |= dict.fromkeys((".csv", ".tsv", ".txt"), CsvTable)
    if path.suffix.lower() not in kinds:
        raise InputError(f"{path.name}: a claims file is .csv, .parquet or .xlsx.")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty: it has 0 bytes.")
    with _damage(path):
        return kinds[path.suffix.lower()](path)


class ParquetTable:
    """A parquet file, read by row groups."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema = pl.Schema(pl.read_parquet_schema(path))
        self.first_row = 1
        self.notes: list[str] = []

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""
        lazy = pl.scan_parquet(self.path, glob=False)
        with _damage(self.path):
            yield from (lazy if columns is None else lazy.select(columns)).collect_batches(chunk_size=1 << 18)


class ExcelTable:
    """The first sheet of a workbook, every cell as the text that it shows."""

    def __init__(self, path: Path) -> None:
        self.first_row = 2
        try:
            sheets = _sheet_names(path)
            cells = pl.read_excel(path, sheet_id=1, has_header=False, drop_empty_rows=False, infer_schema_length=0)
        except pl.exceptions.NoDataError:
            raise InputError(f"{path.name}: the first sheet is empty.") from None
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path.name} cannot be read as a workbook.") from error
        self.notes = [f"Read: the first of {len(sheets)} sheets, {sheets[0]}"] if len(sheets) > 1 else []
        names = _header(cells.row(0))
        # A date without a time is a cell that shows none.
        body = cells.slice(1).select(
            pl.col(old).cast(pl.String).str.replace(r" 00:00:00$", "").alias(new)
            for old, new in zip(cells.columns, names, strict=True)
        )
        self.frame = body.head(_filled_rows(body))
        self.schema = body.schema

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""
        yield self.frame if columns is None else self.frame.select(columns)


def _sheet_names(path: Path) -> list[str]:
    import fastexcel  # here and not above: most claims are no workbooks

    try:
        return list(fastexcel.read_excel(path).sheet_names)
    except fastexcel.FastExcelError as error:
        raise ValueError(path) from error


def _filled_rows(frame: pl.DataFrame) -> int:
    """Rows up to the last that holds anything: a sheet often ends in rows that were only formatted."""
    filled = frame.select(pl.any_horizontal((pl.all().fill_null("").str.strip_chars() != "").fill_null(value=False)))
    found = filled.to_series().arg_true()
    return 0 if found.is_empty() else int(found[-1]) + 1


def _header(cells: Sequence[str | None]) -> list[str]:
    """Column names; one without a name gets its number. Raises InputError where two are the same."""
    names = [cell if cell is not None and cell.strip() else f"column_{number}" for number, cell in enumerate(cells, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"Several columns have the same name: {', '.join(twice)}. Rename all but one.")
    return names


class CsvTable:
    """A delimited text file, every value as text, read in blocks that end where a record ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.encoding = _encoding(path)
        self.ends_in_cr = False
        first = self._start()
        if b"\n" not in first and b"\r" in first:  # line ends of old Macintosh programs
            self.ends_in_cr = True
            first = self._start()
        body = first.lstrip(b"\r\n")
        if not body.strip():
            raise InputError(f"{path.name} is empty: it holds nothing but blank lines.")
        end = _first_record(body) or len(body)
        self.skipped = len(first) - len(body) + end
        self.separator = _separator(body[:end])
        header = pl.read_csv(body[:end], has_header=False, infer_schema=False, separator=self.separator)
        self.schema = pl.Schema(dict.fromkeys(_header(header.row(0)), pl.String))
        self.blank = self.separator.encode() * (len(self.schema) - 1) or b'""'  # a record of nothing but blanks
        self.first_row = first[: self.skipped].rstrip(b"\r\n").count(b"\n") + 2
        self.notes = [] if self.encoding in ("utf-8", "utf-16") else [f"Letters read as {self.encoding}, written as UTF-8"]

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""
        wanted = None if columns is None else [self.schema.names().index(name) for name in columns]
        done = 0
        for body in self._bodies():
            frame = self._parse(body, wanted, done)
            yield frame if columns is None else frame.select(columns)
            done += frame.height

    def _start(self) -> bytes:
        """The file up to the end of its first record at least, as far as a record may go."""
        start = bytearray()
        for block in self._blocks():
            start += block
            blank = len(start) - len(start.lstrip(b"\r\n"))
            if _first_record(start[blank:]) or len(start) > LONGEST_RECORD:
                break
        return bytes(start)

    def _blocks(self) -> Iterator[bytes]:
        """The file in UTF-8, in blocks."""
        as_it_is = self.encoding == "utf-8"
        decode = codecs.getincrementaldecoder(self.encoding)("strict").decode
        with self.path.open("rb") as file:
            if as_it_is and file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
                file.seek(0)
            while raw := file.read(BLOCK):
                block = raw if as_it_is else decode(raw).encode("utf-8")
                yield block.replace(b"\r", b"\n") if self.ends_in_cr else block

    def _bodies(self) -> Iterator[bytes]:
        """Whole records without the header. Blank lines wait for the next record: those that end a file are no rows."""
        pending, skip = bytearray(), self.skipped
        for block in chain(self._blocks(), [b"\n"]):
            pending += block
            if skip:
                skipped = min(skip, len(pending))
                del pending[:skipped]
                skip -= skipped
            cut = _last_record(pending)
            body = bytes(pending[:cut]).rstrip(b"\r\n")
            if body:
                del pending[: _line_end(pending, len(body))]
                yield _visible_blanks(body, self.blank)
            elif len(pending) > LONGEST_RECORD and pending.strip():
                raise self._unreadable("has a quotation mark that is never closed")
        if pending.strip():
            raise self._unreadable("has a quotation mark that is never closed")

    def _parse(self, body: bytes, wanted: list[int] | None, done: int) -> pl.DataFrame:
        try:
            return self._read(body, wanted)
        except pl.exceptions.PolarsError:
            row = done + _shortest_bad(body.split(b"\n"), self._fails) + self.first_row - 1
        raise self._unreadable(
            f"cannot be read at or shortly before row {row:,}: it has more fields than the header, or a quotation mark inside "
            "a field that is not doubled"
        )

    def _read(self, body: bytes, wanted: list[int] | None) -> pl.DataFrame:
        # polars counts the columns in the first record, which may be a short one: a whole one goes before it.
        options: dict[str, Any] = {"schema": self.schema, "columns": wanted, "separator": self.separator}
        read = pl.read_csv(self.blank + b"\n" + body, has_header=False, infer_schema=False, **options).slice(1)
        return read if len(self.schema) > 1 else read.with_columns(pl.all().replace("", None))

    def _fails(self, body: bytes) -> bool:
        try:
            self._read(body, None)
        except pl.exceptions.PolarsError:
            return True
        return False

    def _unreadable(self, why: str) -> InputError:
        return InputError(f"{self.path.name} {why}. Nothing was written.")


def _encoding(path: Path) -> str:
    """The first of the encodings that reads the whole file. Windows-1252 is Latin-1 with letters in its unused places."""
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    for encoding in ("utf-8", "windows-1252"):
        decode = codecs.getincrementaldecoder(encoding)("strict").decode
        try:
            with path.open("rb") as file:
                while raw := file.read(BLOCK):
                    decode(raw)
                decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _separator(header: bytes) -> str:
    """The separator that the header has most of, outside quotation marks."""
    bare = re.sub(rb'"[^"]*"', b"", header)
    return max(",;\t", key=lambda mark: bare.count(mark.encode()))


def _first_record(data: bytes | bytearray) -> int:
    """Where the first record ends, its line end included; 0 where it goes on."""
    end = data.find(b"\n")
    while end >= 0 and data.count(b'"', 0, end) % 2:
        end = data.find(b"\n", end + 1)
    return end + 1


def _last_record(data: bytearray) -> int:
    """Where the last whole record ends: behind the last line end outside quotation marks; 0 where there is none."""
    end = data.rfind(b"\n")
    while end >= 0 and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, data.rfind(b'"', 0, end))
    return end + 1


def _visible_blanks(body: bytes, blank: bytes) -> bytes:
    """The records with each blank line as a record of blanks: polars passes over one at the start of what a core reads."""
    if body[:1] not in b"\r\n" and b"\n\n" not in body and b"\n\r\n" not in body:
        return body
    outside_and_inside = (b"\n" + body).split(b'"')
    outside_and_inside[::2] = [re.sub(rb"(?<=\n)(?=\r?\n)", blank, part) for part in outside_and_inside[::2]]
    return b'"'.join(outside_and_inside)[1:]


def _line_end(data: bytearray, at: int) -> int:
    """Behind the line end that begins at a place."""
    return at + (2 if data[at : at + 2] == b"\r\n" else 1)


def _shortest_bad(lines: list[bytes], fails: Callable[[bytes], bool]) -> int:
    """How many of the lines it takes until they cannot be read, by halving."""
    good, bad = 0, len(lines)
    while bad - good > 1:
        middle = (good + bad) // 2
        if fails(b"\n".join(lines[:middle])):
            bad = middle
        else:
            good = middle
    return bad


def batches(frames: Iterable[pl.DataFrame], ends: Sequence[int]) -> Iterator[pl.DataFrame]:
    """The rows of the frames in batches that end before the rows `ends`, the last of which is the end of all."""
    waiting: list[pl.DataFrame] = []
    have = done = 0
    cuts = iter(ends)
    end = next(cuts, None)
    for frame in frames:
        waiting.append(frame)
        have += frame.height
        if end is None or have < end - done:
            continue
        rows = pl.concat(waiting)
        at = 0
        while end is not None and end - done <= rows.height - at:
            yield rows.slice(at, end - done)
            at += end - done
            done = end
            end = next(cuts, None)
        waiting = [rows.slice(at)]
        have = rows.height - at


# Values -----------------------------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """A value as pricing takes it, with the kind of repair that it took, or why it cannot be read."""

    value: Any
    repair: str | None = None
    problem: str | None = None


def _tidy(text: str | None) -> str:
    return (text or "").replace("\u00a0", " ").strip()


@lru_cache(maxsize=1 << 16)
def read_code(text: str | None) -> Reading:
    """A code of five letters and digits; a spreadsheet's `.0` comes off, and its lost zeros come back."""
    value = _tidy(text).upper()
    if not value:
        return Reading(None, problem="no code")
    bare = re.sub(r"\.0+$", "", value)
    code = bare.zfill(5) if bare.isdigit() else bare
    if not re.fullmatch(r"[0-9A-Z]{5}", code) or not code.isascii():
        return Reading(None, problem="not a code of five letters and digits")
    if bare != value:
        return Reading(code, "codes that a spreadsheet had made numbers (99213.0)")
    return Reading(code, "codes that had lost leading zeros (100 for 00100)" if code != bare else None)


@lru_cache(maxsize=1 << 16)
def read_modifiers(text: str | None) -> Reading:
    """Modifiers separated by blanks, at most four different ones."""
    value = _tidy(text).upper()
    bare = re.sub(r"\b(\d+)\.0+\b", r"\1", value)
    found = "".join(c if c.isalnum() else " " for c in bare).split()
    if len(set(found)) > MOST_MODIFIERS:
        return Reading(" ".join(found), problem=f"more than {MOST_MODIFIERS} modifiers")
    return Reading(" ".join(found), "modifiers that a spreadsheet had made numbers (26.0)" if bare != value else None)


def _digits(width: int, what: str) -> Callable[[str | None], Reading]:
    """A rule for codes of so many digits. What is no such number stays: pricing says that it knows no such place."""

    def read(text: str | None) -> Reading:
        value = _tidy(text)
        found = re.fullmatch(rf"([0-9]{{1,{width}}})(?:\.0+)?", value)
        if not found:
            return Reading(value or None)
        padded = found[1].zfill(width)
        return Reading(padded, what if padded != value else None)

    return read


def read_locality(text: str | None) -> Reading:
    """`05`, or `01112-05` whole, or `national`."""
    value = _tidy(text)
    found = re.fullmatch(r"(?:([0-9]{1,5})[- ]\s*)?([0-9]{1,2})(?:\.0+)?", value)
    if not found:
        return Reading(value or None)
    mac, locality = found[1], found[2].zfill(2)
    whole = f"{mac.zfill(5)}-{locality}" if mac else locality
    repaired = whole != value.replace(" ", "-")
    return Reading(whole, "localities that had lost leading zeros (5 for 05)" if repaired else None)


def read_zip(text: str | None) -> Reading:
    """Five digits, or nine. Anything else is left for pricing to name as unknown: its first digits are no ZIP code."""
    value = _tidy(text)
    bare = re.sub(r"\.0+$", "", value)
    if not value:
        return Reading(None)
    if re.fullmatch(r"[0-9]{1,5}", bare):
        whole = bare.zfill(5)
    elif re.fullmatch(r"[0-9]{8,9}", bare):
        whole = bare.zfill(9)
    elif found := re.fullmatch(r"([0-9]{3,5})[- ]([0-9]{4})", bare):
        whole = f"{found[1].zfill(5)}-{found[2]}"
    else:
        return Reading("?")
    repaired = whole.replace("-", "") != value.replace("-", "").replace(" ", "")
    return Reading(whole, "ZIP codes that had lost leading zeros (2139 for 02139)" if repaired else None)


def read_units(text: str | None) -> Reading:
    """Whole units from 1; a blank means 1."""
    value = _tidy(text)
    if not value:
        return Reading(1)
    found = re.fullmatch(r"([0-9]{1,9})(?:\.0+)?", value)
    if found and 1 <= int(found[1]) <= MOST_UNITS:
        return Reading(int(found[1]))
    return Reading(0, problem=f"not a whole number of units from 1 to {MOST_UNITS:,}")


def read_minutes(text: str | None) -> Reading:
    """Whole minutes; a blank means that none are stated."""
    value = _tidy(text)
    if not value:
        return Reading(None)
    found = re.fullmatch(r"([0-9]{1,6})(?:\.0+)?", value)
    return Reading(int(found[1])) if found else Reading(None, problem="not a whole number of minutes")


def read_flag(text: str | None) -> Reading:
    """Yes or no; a blank means no."""
    value = _tidy(text).lower()
    if value in ("true", "1", "1.0", "y", "yes"):
        return Reading(True)
    known = value in ("", "false", "0", "0.0", "n", "no")
    return Reading(False, problem=None if known else "neither yes nor no; read as no")


TIME = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AP]M)?Z?)?"
ISO_DATE = re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){TIME}", re.ASCII)
DIGITS_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
SLASHED_DATE = re.compile(rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{4}}|\d{{2}}){TIME}", re.ASCII)


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _slashed(value: str) -> tuple[int, int, int] | None:
    """The parts of 1/2/2026 or 01/02/26 as they stand, the year in full."""
    found = SLASHED_DATE.fullmatch(value.upper())
    return (int(found[1]), int(found[2]), int(found[3]) + (2000 if len(found[3]) == 2 else 0)) if found else None


def is_day_first(text: str | None) -> bool:
    """Whether a date fits only day/month/year."""
    parts = _slashed(_tidy(text))
    return parts is not None and parts[0] > 12 and _day(parts[2], parts[1], parts[0]) is not None


def read_date(text: str | None, ambiguous: bool = False) -> Reading:
    """2025-10-15, 20251015, or 10/15/2025 unless the column is `ambiguous`: has a date that fits only day/month/year."""
    value = _tidy(text)
    if not value:
        return Reading(None, problem="no date of service")
    if parts := _slashed(value):
        if ambiguous:
            why = "month/day or day/month: the column has dates that fit only day/month/year; write them as 2025-10-15"
            return Reading(None, problem=why)
        read = _day(parts[2], parts[0], parts[1])
        kind: str | None = "dates read as month/day/year"
    else:
        found = ISO_DATE.fullmatch(value.upper()) or DIGITS_DATE.fullmatch(value)
        read = _day(int(found[1]), int(found[2]), int(found[3])) if found else None
        kind = None
    return Reading(read, kind) if read else Reading(None, problem="not a date such as 2025-10-15 or 10/15/2025")


RULES: dict[str, tuple[Callable[[str | None], Reading], Any]] = {
    "hcpcs": (read_code, pl.String),
    "modifiers": (read_modifiers, pl.String),
    "pos": (_digits(2, "places of service that had lost a leading zero (2 for 02)"), pl.String),
    "mac": (_digits(5, "MACs that had lost leading zeros (1112 for 01112)"), pl.String),
    "locality": (read_locality, pl.String),
    "zip": (read_zip, pl.String),
    "units": (read_units, pl.Int64),
    "minutes": (read_minutes, pl.Int64),
    "qp": (read_flag, pl.Boolean),
    "induction": (read_flag, pl.Boolean),
    "service_date": (read_date, pl.Date),  # of a column that is not ambiguous
}


@dataclass
class Told:
    """What is told of a file while it is read: repairs by kind, and every value that cannot be read."""

    repairs: Counter[str] = field(default_factory=Counter)
    problems: list[pl.DataFrame] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)

    def add(self, other: "Told") -> None:
        """What another part of the file told."""
        self.repairs.update(other.repairs)
        self.problems += other.problems

    def reject(self, rows: pl.Series, column: str, values: pl.Series, reasons: pl.Series) -> None:
        """Keep values that cannot be read; `rows` count from 0."""
        name = pl.Series([column], dtype=pl.String).new_from_index(0, rows.len())
        self.problems.append(
            pl.DataFrame([rows.alias("row"), name.alias("column"), values.alias("value"), reasons.alias("reason")])
        )

    def problems_table(self, first_row: int) -> pl.DataFrame:
        """The rejects in the order of the file, rows numbered as the person sees them."""
        schema = {"row": pl.Int64, "column": pl.String, "value": pl.String, "reason": pl.String}
        if not self.problems:
            return pl.DataFrame(schema=schema)
        return pl.concat(self.problems).sort("row", maintain_order=True).with_columns(pl.col("row") + first_row)


def clean(frame: pl.DataFrame, rows: pl.Series, columns: Columns, told: Told, ambiguous: bool = False) -> pl.DataFrame:
    """The columns of the contract as pricing reads them, one row a line; `rows` are the lines' places in the file.

    Values that cannot be read become what pricing has a reason for.
    """
    cleaner = _Cleaner(frame, rows, columns, told)
    made: list[pl.Series] = []
    if columns.claim:
        made.append(frame.select(claim_key(frame.schema, columns.claim).alias("claim_id")).to_series())
    for name in columns.of_contract:
        if name == "line":
            made.append(cleaner.line())
        elif name == "service_date":
            made.append(cleaner.date(ambiguous))
        elif name in ("charge", "deductible_left"):
            made.append(cleaner.money(name))
        elif name in AS_WRITTEN:
            made.append(cleaner.text(columns.of_contract[name]).alias(name))
        elif name in RULES and name != "modifiers":
            made.append(cleaner.column(name))
    if columns.modifiers:
        made.append(cleaner.column("modifiers"))
    return pl.DataFrame(made)


def compact(frame: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """The frame with its columns of few different texts as categories: they are cleaned, priced and written many times
    faster than texts.
    """
    few = [name for name in columns.texts if frame.schema[name] == pl.String]
    return frame.with_columns(pl.col(few).cast(pl.Categorical)) if few else frame


def claim_key(schema: pl.Schema, columns: Sequence[str]) -> pl.Expr:
    """One value for each claim; null where any of the columns is blank, as then nobody knows which claim it is."""
    if len(columns) == 1 and schema[columns[0]].is_integer():
        return pl.col(columns[0])
    parts = [pl.col(name).cast(pl.String).str.strip_chars().replace("", None) for name in columns]
    return parts[0] if len(parts) == 1 else pl.concat_str(parts, separator="\x1f")


class _Cleaner:
    """Cleans the columns of one frame."""

    def __init__(self, frame: pl.DataFrame, rows: pl.Series, columns: Columns, told: Told) -> None:
        self.frame, self.rows, self.columns, self.told = frame, rows, columns, told
        self.texts = {name: self.text(column) for name, column in columns.of_contract.items() if self._is_coded(name, column)}
        if columns.modifiers:
            self.texts["modifiers"] = self._modifiers()
        self.texts = dict(zip(self.texts, pl.DataFrame(self.texts).with_columns(pl.all().cast(pl.Categorical)), strict=True))
        self.distinct = {
            name: text.gather(text.to_physical().arg_unique()).cast(pl.String) for name, text in self.texts.items()
        }

    def _is_coded(self, name: str, column: str) -> bool:
        """Whether a column is read by its distinct values; one that its type already makes fit is not."""
        series = self.frame[column]
        if name == "service_date":
            return not series.dtype.is_temporal()
        if name in ("qp", "induction"):
            return series.dtype != pl.Boolean
        if name == "units" and series.dtype.is_integer():
            return not series.is_between(1, MOST_UNITS).all(ignore_nulls=False)
        return name in RULES and name != "modifiers"

    def text(self, column: str) -> pl.Series:
        """A column as text. Raises InputError where it holds lists or the like."""
        series = self.frame[column]
        if series.dtype.is_float():
            series = series.fill_nan(None)
        if series.dtype == pl.List(pl.String):
            return series.list.join(" ")
        if series.dtype.is_nested() or series.dtype == pl.Binary:
            raise InputError(f"Column {column} holds {series.dtype}, where feecalc reads text and numbers.")
        return series if series.dtype == pl.Categorical else series.cast(pl.String)

    def _modifiers(self) -> pl.Series:
        """The columns of modifiers as one text."""
        if len(self.columns.modifiers) == 1:
            return self.text(self.columns.modifiers[0])
        texts = [self.text(column).cast(pl.String) for column in self.columns.modifiers]
        return pl.select(pl.concat_str(texts, separator=" ", ignore_nulls=True)).to_series()

    def column(self, name: str) -> pl.Series:
        """A column of RULES as pricing takes it."""
        if name in self.texts:
            return self._by_value(name, *RULES[name])
        return self.frame[self.columns.of_contract[name]].alias(name)

    def _by_value(self, name: str, rule: Callable[[str | None], Reading], kind: Any) -> pl.Series:
        """Read each distinct value once: a file has millions of lines and few different codes."""
        text, values = self.texts[name], self.distinct[name]
        readings = [rule(value) for value in values]
        shown = ", ".join(self.columns.modifiers) if name == "modifiers" else self.columns.of_contract[name]
        self._tell(text, shown, values, readings)
        read = [reading.value for reading in readings]
        if kind == pl.String and read == values.to_list():
            return text.alias(name)
        new = pl.Series(read, dtype=kind)
        numbers = values.cast(pl.Categorical).to_physical()
        return text.to_physical().replace_strict(numbers, new, return_dtype=kind).alias(name)

    def _tell(self, text: pl.Series, column: str, values: pl.Series, readings: list[Reading]) -> None:
        repairs = {v: r.repair for v, r in zip(values, readings, strict=True) if r.repair}
        if repairs:
            for value, count in text.value_counts().iter_rows():
                if value in repairs:
                    self.told.repairs[repairs[value]] += count
        reasons = pl.Series([r.problem for r in readings], dtype=pl.String)
        bad = reasons.is_not_null()
        if bad.any():
            where = text.cast(pl.String).is_in(values.filter(bad).implode(), nulls_equal=True)
            found = text.filter(where).cast(pl.String)
            self.told.reject(
                self.rows.filter(where), column, found, found.replace_strict(values, reasons, return_dtype=pl.String)
            )

    def line(self) -> pl.Series:
        """The line's number, or its place in the file where it has none: what pricing would take were the file one frame."""
        series = self.frame[self.columns.of_contract["line"]]
        if not series.dtype.is_integer():
            series = _without_point(self.text(self.columns.of_contract["line"])).cast(pl.Int64, strict=False)
        return series.cast(pl.Int64).zip_with(series.is_not_null(), self.rows.cast(pl.Int64)).alias("line")

    def date(self, ambiguous: bool) -> pl.Series:
        if "service_date" in self.texts:
            return self._by_value("service_date", lambda text: read_date(text, ambiguous), pl.Date)
        column = self.columns.of_contract["service_date"]
        series = self.frame[column]
        dates = series if series.dtype == pl.Date else series.dt.date()
        if dates.has_nulls():
            none = dates.is_null()
            reasons = pl.Series(["no date of service"]).new_from_index(0, int(none.sum()))
            self.told.reject(self.rows.filter(none), column, reasons.replace(reasons, None), reasons)
        return dates.alias("service_date")

    def money(self, name: str) -> pl.Series:
        """Dollars as plain text; what is no amount becomes `?`. An open deductible that cannot be read counts as none."""
        column = self.columns.of_contract[name]
        text = self.text(column)
        tidy = text.str.replace_all("\u00a0", " ", literal=True).str.strip_chars().fill_null("")
        plain = tidy.str.replace_all(r"[$, ]", "").str.replace(r"^\.", "0.").str.replace(r"(\.\d\d)0+$", "$1")
        # A comma must part thousands: 12,50 is no 1,250 dollars.
        fits = tidy.str.contains(r"^\$? ?(?:(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?|\.\d+)$")
        fits &= plain.str.contains(r"^\d{1,10}(?:\.\d{0,2})?$")
        fits &= plain.cast(pl.Float64, strict=False).fill_null(0) <= MOST_CENTS / 100
        blank = tidy == ""
        marked = tidy.str.contains(r"[$,]") & fits
        if marked.any():
            self.told.repairs["amounts read without $ and the commas of thousands"] += int(marked.sum())
        bad = ~fits & ~blank
        if bad.any():
            taken = "; read as 0.00" if name == "deductible_left" else ""
            found = tidy.filter(bad)
            reasons = pl.DataFrame(found.alias("v")).select(
                pl.when(pl.col("v").str.contains(r"^\$?-|^\("))
                .then(pl.lit(f"a negative amount{taken}"))
                .otherwise(pl.lit(f"not an amount in dollars and whole cents{taken}"))
            )
            self.told.reject(self.rows.filter(bad), column, text.filter(bad), reasons.to_series())
        unreadable = pl.Series(["?" if name == "charge" else None], dtype=pl.String).new_from_index(0, text.len())
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, text.len())
        return plain.zip_with(fits, unreadable).zip_with(~blank, nothing).alias(name)


def _without_point(text: pl.Series) -> pl.Series:
    return text.str.strip_chars().str.replace(r"\.0+$", "")


# The survey -------------------------------------------------------------------------------------------------------------


@dataclass
class Runs:
    """Neighbouring lines of one claim (and day): where each run begins, and a number that stands for its claim.

    Files hold the lines of a claim together as a rule, so runs tell nearly all, and are few beside the lines.
    """

    starts: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.Int64))
    keys: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.UInt64))  # null where a line has no claim
    rows: int = 0

    @classmethod
    def of(cls, parts: Sequence["Runs"]) -> "Runs":
        """The runs of a file from those of its parts; one that two parts share is one."""
        offsets = list(accumulate((part.rows for part in parts), initial=0))
        if not parts:
            return cls()
        starts = pl.concat([part.starts + offset for part, offset in zip(parts, offsets, strict=False)])
        keys = pl.concat([part.keys for part in parts])
        begins = keys.is_null() | keys.ne_missing(keys.shift())
        return cls(starts.filter(begins), keys.filter(begins), offsets[-1])

    @property
    def unique(self) -> bool:
        """Whether no claim lies in two places."""
        return self.keys.drop_nulls().n_unique() == self.keys.len() - self.keys.null_count()

    def rows_of(self, which: pl.Series) -> pl.DataFrame:
        """`row` and `key` of every line of some runs."""
        ends = self.starts.shift(-1, fill_value=self.rows)
        runs = pl.DataFrame({"start": self.starts, "end": ends, "key": self.keys}).filter(which)
        return runs.select(row=pl.int_ranges("start", "end"), key="key").explode("row")


def runs_of(claims: pl.Series, days: pl.Series | None = None) -> Runs:
    """The runs of lines of one claim, or of one claim and day. The keys are hashes; a line without a claim is its own run."""
    begins = claims.ne_missing(claims.shift()) | claims.is_null()
    if days is not None:
        begins |= days.ne_missing(days.shift())
    first = begins.scatter(0, True).arg_true()
    of_claim = claims.gather(first)
    keys = of_claim.hash(seed=1)
    if days is not None:
        keys ^= days.gather(first).hash(seed=2)
    return Runs(first.cast(pl.Int64), _blank(keys, of_claim.is_null()), claims.len())


def _blank(series: pl.Series, where: pl.Series) -> pl.Series:
    return series.zip_with(~where, series.clear(1).new_from_index(0, series.len()))


@dataclass
class Survey:
    """What the whole file decides. `runs` are those of claims and days; None where no line has a claim."""

    rows: int
    runs: Runs | None
    ambiguous: bool
    duplicates: int
    duplicate_rows: list[tuple[int, ...]]
    notes: list[str]


def plan(runs: Runs | None, rows: int, size: int) -> tuple[list[int], pl.DataFrame]:
    """Batches of at least `size` rows that end where a claim ends, and the rows of claims that lie in several of them.

    Returns the ends of the batches, and `row`, `part` of the scattered lines: the lines of a claim are in one part, and a
    part has about `size` rows.
    """
    nothing = pl.DataFrame(schema={"row": pl.Int64, "part": pl.Int64})
    if runs is None:
        return [*range(size, rows, size), rows] if rows else [], nothing
    starts = runs.starts
    ends: list[int] = []
    while rows and (not ends or ends[-1] < rows):
        at = int(starts.search_sorted((ends[-1] if ends else 0) + size))
        ends.append(int(starts[at]) if at < starts.len() else rows)
    if runs.unique:
        return ends, nothing
    batch = pl.Series(ends).search_sorted(starts, side="right")
    spread = (
        pl.DataFrame({"key": runs.keys, "batch": batch})
        .drop_nulls()
        .group_by("key")
        .agg(pl.col("batch").n_unique())
        .filter(pl.col("batch") > 1)["key"]
    )
    # The key is a hash: two claims that share one are only collected together, never priced as one.
    scattered = runs.rows_of(runs.keys.is_in(spread.implode()).fill_null(value=False))
    sizes = scattered.group_by("key", maintain_order=True).len()
    parts = sizes.select("key", part=(pl.col("len").cast(pl.Int64).cum_sum() - pl.col("len")) // size)
    return ends, scattered.join(parts, on="key", how="left", maintain_order="left").select("row", "part")


# Pricing ----------------------------------------------------------------------------------------------------------------


class _Job:
    """One claims file on its way through: survey, then batches."""

    def __init__(self, table: Table, columns: Columns, opened: OpenSchedule, explain: bool, flat: bool) -> None:
        self.table, self.columns, self.opened, self.explain, self.flat = table, columns, opened, explain, flat
        self.told = Told()
        blank = table.schema.to_frame().clear(1)  # a line of nulls tells which columns pricing adds
        self.added = self._price(clean(blank, pl.Series([0]), columns, Told())).schema
        taken = {name.lower() for name in self.added}
        clash = [name for name in table.schema if name.strip().lower() in taken]
        if clash:
            raise InputError(f"Rename these columns first, feecalc writes them itself: {', '.join(clash)}.")
        nested = [name for name, kind in table.schema.items() if kind.is_nested()]
        if flat and nested:
            raise InputError(f"Only .parquet can hold the lists of {', '.join(nested)}.")
        words = {name: pl.String() for name, kind in self.added.items() if isinstance(kind, pl.Categorical | pl.Enum)}
        self.output_schema = pl.Schema({**table.schema, **self.added, **words})

    def survey(self) -> Survey:
        """Read what tells claims and days apart."""
        claim, of = self.columns.claim, self.columns.of_contract
        identity = (of["claim_id"],) if "claim_id" in of else claim
        numbered = "line" in of and bool(claim)

        def look(frame: pl.DataFrame) -> _Part:
            days, day_first = self._days(frame)
            of_days = runs_of(_claims(frame, claim), days) if claim else None
            if not numbered:
                return _Part(frame.height, day_first, of_days)
            claims, numbers = _claims(frame, identity), _line_numbers(frame[of["line"]])
            of_claims = runs_of(claims)
            ends = ((claims[0], numbers[0]), (claims[-1], numbers[-1]))
            return _Part(frame.height, day_first, of_days, of_claims, _counts_up(numbers, of_claims.starts), *ends)

        frames = (frame for frame in self.table.frames(self._identifying(identity)) if frame.height)
        parts = [part for _, part in _ahead(look, frames, WORKERS)]
        rows, ambiguous = sum(part.rows for part in parts), any(part.day_first for part in parts)
        of_days = [part.of_days for part in parts if part.of_days is not None]
        of_claims = [part.of_claims for part in parts if part.of_claims is not None]
        counts_up = all(part.counts_up for part in parts) and all(map(_follows, parts, parts[1:]))
        runs = Runs.of(of_days) if claim else None
        # Where no claim lies in two places and its lines count upwards, no two lines share claim and number.
        plain = not numbered or (counts_up and Runs.of(of_claims).unique)
        count, shown = (0, []) if plain else self._duplicates(identity)
        alone = runs.keys.null_count() if runs is not None else 0
        notes = [f"{alone:,} lines have no {' or no '.join(claim)}: each is priced as a day of its own."] if alone else []
        return Survey(rows, runs, ambiguous, count, shown, notes)

    def _identifying(self, identity: Sequence[str]) -> list[str]:
        """The columns of the file that tell claims and days apart."""
        of = self.columns.of_contract
        needed = [*self.columns.claim, *identity, *(of[name] for name in ("line", "service_date") if name in of)]
        return list(dict.fromkeys(needed)) or [of["hcpcs"]]

    def _duplicates(self, identity: Sequence[str]) -> tuple[int, list[tuple[int, ...]]]:
        """How many lines share claim and number with another, and the rows of the first such groups."""
        line = self.columns.of_contract["line"]
        keys = []
        for frame in self.table.frames(list(dict.fromkeys([*identity, line]))):
            claims, numbers = _claims(frame, identity), _line_numbers(frame[line])
            keys.append(_blank(claims.hash(seed=1) ^ numbers.hash(seed=2), claims.is_null()))
        lines = pl.DataFrame({"key": pl.concat(keys)}).with_row_index("row").drop_nulls()
        twice = lines.filter(pl.col("key").is_duplicated())
        groups = twice.group_by("key", maintain_order=True).agg("row").head(SHOWN_DUPLICATES)
        return twice.height, [tuple(rows) for rows in groups["row"].to_list()]

    def _days(self, frame: pl.DataFrame) -> tuple[pl.Series | None, bool]:
        """The dates as far as they can be read, and whether any fits only day/month/year."""
        if "service_date" not in self.columns.of_contract:
            return None, False
        only = replace(self.columns, of_contract={"service_date": self.columns.of_contract["service_date"]}, modifiers=())
        cleaner = _Cleaner(frame, pl.int_range(frame.height, eager=True), only, Told())
        return cleaner.date(ambiguous=False), any(is_day_first(value) for value in cleaner.distinct.get("service_date", []))

    def _price(self, cleaned: pl.DataFrame) -> pl.DataFrame:
        """Only what pricing adds, row by row."""
        added = self.opened.answers(cleaned, self.explain)
        if self.flat:
            added = added.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String))
            added = added.with_columns(_as_json(name) for name, kind in added.schema.items() if kind.is_nested())
        return added

    def priced(self, survey: Survey, size: int, progress: Progress | None) -> Iterator[pl.DataFrame]:
        """The file's rows with the answer beside them, batch after batch."""
        ends, scattered = plan(survey.runs, survey.rows, max(1, size))
        survey.runs = None  # nobody needs them any more
        done = 0

        def tell(rows: int) -> None:
            nonlocal done
            done += rows
            if progress is not None:
                progress(done, survey.rows)

        waiting = self._collect(scattered, survey.ambiguous, tell)

        def work(task: _Task) -> tuple[pl.DataFrame, pl.DataFrame, Told]:
            frame = task.frame if self.flat else compact(task.frame, self.columns)
            told = Told()
            return frame, self._answers(frame, task.rows, _widen(task.ready, self.added), survey.ambiguous, told), told

        def tasks() -> Iterator[_Task]:
            nonlocal waiting
            start = 0
            for frame in batches(self.table.frames(), ends):
                rows = pl.int_range(start, start + frame.height, dtype=pl.Int64, eager=True)
                start += frame.height
                ready, waiting = _split_at(waiting, start)
                yield _Task(frame, rows, ready)

        for task, (frame, answer, told) in _ahead(work, tasks(), WORKERS):
            self.told.add(told)
            self._count(answer)
            yield frame.hstack(answer)
            tell(frame.height - task.ready.height)

    def _answers(self, frame: pl.DataFrame, rows: pl.Series, ready: pl.DataFrame, ambiguous: bool, told: Told) -> pl.DataFrame:
        """The answers of a batch: those that are ready, and the others priced now, in the order of the rows."""
        if ready.is_empty():
            return self._price(self._clean(frame, rows, ambiguous, told))
        own = ~rows.is_in(ready["row"].implode())
        if not own.any():
            return ready.drop("row")
        priced = self._price(self._clean(frame.filter(own), rows.filter(own), ambiguous, told))
        return pl.concat([priced.insert_column(0, rows.filter(own).alias("row")), ready]).sort("row").drop("row")

    def _clean(self, frame: pl.DataFrame, rows: pl.Series, ambiguous: bool, told: Told) -> pl.DataFrame:
        return clean(frame, rows, self.columns, told, ambiguous)

    def _collect(self, scattered: pl.DataFrame, ambiguous: bool, tell: Callable[[int], None]) -> pl.DataFrame:
        """Price the lines of scattered claims, claims whole, and give the answers by row. Reads the file once for each part."""
        answers = [_narrow(pl.DataFrame(schema={"row": pl.Int64, **self.added}))]
        for part in scattered.partition_by("part", maintain_order=True) if scattered.height else []:
            rows = part["row"].cast(pl.Int64)
            found, start = [], 0
            for frame in self.table.frames(self.columns.needed):
                here = rows.slice(*_between(rows, start, start + frame.height))
                found.append(frame[here - start])
                start += frame.height
            priced = self._price(self._clean(pl.concat(found), rows, ambiguous, self.told))
            answers.append(_narrow(priced.insert_column(0, rows.alias("row"))))
            tell(rows.len())
        return pl.concat(answers).sort("row")

    def _count(self, answer: pl.DataFrame) -> None:
        summary = self.told.summary
        summary.outcomes.update(dict(answer["outcome"].value_counts().iter_rows()))
        summary.allowed += Decimal(answer["allowed"].sum() or 0)


class _Task(NamedTuple):
    """A batch of the file, the places of its rows, and those of its answers that are ready."""

    frame: pl.DataFrame
    rows: pl.Series
    ready: pl.DataFrame


T = TypeVar("T")
R = TypeVar("R")


def _ahead(work: Callable[[T], R], tasks: Iterable[T], workers: int) -> Iterator[tuple[T, R]]:
    """Tasks with their results, in order, a few worked on ahead of their turn."""
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[tuple[T, Future[R]]] = deque()
        for task in tasks:
            under_way.append((task, pool.submit(work, task)))
            if len(under_way) > workers:
                first, future = under_way.popleft()
                yield first, future.result()
        for first, future in under_way:
            yield first, future.result()


class _Part(NamedTuple):
    """What the survey sees in a part of the file. `first` and `last` are claim and number of its first and last line."""

    rows: int
    day_first: bool
    of_days: Runs | None
    of_claims: Runs | None = None
    counts_up: bool = True
    first: tuple[Any, Any] = (None, None)
    last: tuple[Any, Any] = (None, None)


def _follows(part: _Part, following: _Part) -> bool:
    """Whether the numbers of a claim that two parts share go on upwards."""
    (claim, number), (next_claim, next_number) = part.last, following.first
    return claim is None or claim != next_claim or bool(number and next_number and number < next_number)


def _claims(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    return frame.select(claim_key(frame.schema, columns)).to_series()


def _line_numbers(column: pl.Series) -> pl.Series:
    """The numbers of lines, or the texts that stand for them."""
    return column if column.dtype.is_numeric() else _without_point(column.cast(pl.String))


def _counts_up(numbers: pl.Series, starts: pl.Series) -> bool:
    """Whether each line's number is above that of the line before, but for the first lines of runs."""
    if not numbers.dtype.is_integer():
        numbers = numbers.cast(pl.Int64, strict=False)
    above = (numbers > numbers.shift()).fill_null(value=False)
    return bool(above.scatter(starts, True).all()) and not numbers.has_nulls()


def _between(rows: pl.Series, start: int, end: int) -> tuple[int, int]:
    """Offset and length of the rows from `start` to before `end` in a sorted series."""
    first, last = int(rows.search_sorted(start)), int(rows.search_sorted(end))
    return first, last - first


def _split_at(waiting: pl.DataFrame, end: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answers of rows before `end`, and the others."""
    at = int(waiting["row"].search_sorted(end))
    return waiting.head(at), waiting.slice(at)


def _narrow(answers: pl.DataFrame) -> pl.DataFrame:
    """Answers that wait, in half their room: amounts as whole numbers."""
    amounts = [name for name, kind in answers.schema.items() if isinstance(kind, pl.Decimal)]
    return answers.with_columns(pl.col(name).to_physical().cast(pl.Int64) for name in amounts)


def _widen(answers: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Narrow answers as pricing gave them."""
    amounts = {name: kind for name, kind in schema.items() if isinstance(kind, pl.Decimal)}
    return answers.with_columns(pl.col(name).cast(pl.Int128).reinterpret(dtype=kind) for name, kind in amounts.items())


def _as_json(column: str) -> pl.Expr:
    """A list of records as JSON text."""
    steps = pl.col(column).list.eval(pl.element().struct.json_encode()).list.join(",")
    return pl.concat_str(pl.lit("["), steps, pl.lit("]")).alias(column)


# Writing ----------------------------------------------------------------------------------------------------------------


def _write(frames: Iterator[pl.DataFrame], schema: pl.Schema, target: Path) -> None:
    """Write batches to a file by its ending; without any, a file with the header and no rows."""
    empty = schema.to_frame()
    if target.suffix.lower() == ".parquet":
        _write_parquet(frames, schema, target)
    elif target.suffix.lower() == ".csv":
        with target.open("wb") as file:
            file.write(export.csv_bytes(empty))
            for frame in frames:
                frame.with_columns(pl.col(pl.String).replace("", None)).write_csv(file, include_header=False)
    else:
        export.write(pl.concat([empty, *frames]), target)


def _write_parquet(frames: Iterator[pl.DataFrame], schema: pl.Schema, target: Path) -> None:
    """Feed the batches to polars' streaming writer, which compresses one while the next is priced.

    The file says of its columns what `schema` does: the categories of the frames are the texts that they stand for.
    """
    empty = io.BytesIO()
    schema.to_frame().write_parquet(empty)
    empty.seek(0)
    first = next(frames, schema.to_frame())

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        yield first
        yield from frames

    register_io_source(source, schema=first.schema).sink_parquet(
        target, compression="lz4", statistics=False, maintain_order=True, metadata=pl.read_parquet_metadata(empty)
    )
