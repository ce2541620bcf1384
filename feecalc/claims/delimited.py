"""Delimited text: csv, tsv and the like, in any encoding, read in blocks so that a file never lies in memory whole."""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import polars as pl

from feecalc.claims.files import CONTAINER, ZIPPED, File
from feecalc.claims.headers import LOOKED_AT, Finder, find_header
from feecalc.errors import InputError

BLOCK = 1 << 25  # bytes of a csv file that are read at once
LONGEST_RECORD = 1 << 26  # bytes; a longer one is a quotation mark that is never closed
UNREADABLE = ("?",)  # the cells of a line that cannot be taken apart


class CsvTable:
    """A delimited text file, every value as text, read in blocks that end where a record ends."""

    def __init__(self, file: File, find: Finder = find_header) -> None:
        self.file = file
        _refuse_workbooks(file)
        self.encoding = _encoding(file)
        self.ends_in_cr = False
        start = self._start()
        if b"\n" not in start and b"\r" in start:  # line ends of old Macintosh programs
            self.ends_in_cr = True
            start = self._start()
        header = find(record.cells for record in _records(start))
        if header is None:
            raise InputError(f"{file.name} is empty: it holds nothing but blank lines.")
        record = next(islice(_records(start), header.place, None))
        if record.cells is UNREADABLE:
            row = header.place + 1
            raise self._unreadable(f"has no header: row {row:,} has a quotation mark that is not doubled or not closed")
        self.skipped = record.end
        self.separator = _separator(record.text)
        self.schema = pl.Schema(dict.fromkeys(header.names(), pl.String))
        self.blank = self.separator.encode() * (len(self.schema) - 1) or b'""'  # a record of nothing but blanks
        self.first_row = header.place + 2
        self.notes = list(header.notes)
        if self.encoding not in ("utf-8", "utf-16"):
            self.notes.append(f"Letters read as {self.encoding}, written as UTF-8")

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows in order, of some columns or all."""
        wanted = None if columns is None else [self.schema.names().index(name) for name in columns]
        done = 0
        for body in self._bodies():
            frame = self._parse(body, wanted, done)
            yield frame if columns is None else frame.select(columns)
            done += frame.height

    def _start(self) -> bytes:
        """The file up to the end of the records among which its header is looked for, as far as records may go."""
        start = bytearray()
        for block in self._blocks():
            start += block
            if _holds_records(start, LOOKED_AT) or len(start) > LONGEST_RECORD:
                break
        return bytes(start)

    def _blocks(self) -> Iterator[bytes]:
        """The file in UTF-8, in blocks."""
        as_it_is = self.encoding == "utf-8"
        decode = codecs.getincrementaldecoder(self.encoding)("strict").decode
        with self.file.open() as file:
            if as_it_is and file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
                file.seek(0)
            while raw := file.read(BLOCK):
                block = raw if as_it_is else decode(raw).encode("utf-8")
                yield block.replace(b"\r", b"\n") if self.ends_in_cr else block

    def _bodies(self) -> Iterator[bytes]:
        """Whole records below the header. Blank lines wait for the next record: those that end a file are no rows."""
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
        return InputError(f"{self.file.name} {why}. Nothing was written.")


def _refuse_workbooks(file: File) -> None:
    """Say what a file is that bears the name of a text and is a workbook."""
    with file.open() as opened:
        first = opened.read(len(CONTAINER))
    if first.startswith((CONTAINER, ZIPPED)):
        raise InputError(f"{file.name} is no text but a workbook or a zip file. If it is a workbook, name it .xlsx.")


def _encoding(file: File) -> str:
    """The first of the encodings that reads the whole file. Windows-1252 is Latin-1 with letters in its unused places."""
    with file.open() as opened:
        if opened.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    for encoding in ("utf-8", "windows-1252"):
        decode = codecs.getincrementaldecoder(encoding)("strict").decode
        try:
            with file.open() as opened:
                while raw := opened.read(BLOCK):
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


class _Record(NamedTuple):
    """A record at the start of a file: its text, where it ends, and its cells."""

    text: bytes
    end: int
    cells: Sequence[str | None]


def _records(start: bytes) -> Iterator[_Record]:
    """The first records of a file. A blank line is one too: it has a number in a spreadsheet.

    A title may hold quotation marks that are none of a csv file. What they make of it is no record, so its line is taken.
    """
    at = 0
    while at < len(start):
        line_end = start.find(b"\n", at) + 1 or len(start)
        for end in (_first_record(start, at), line_end):
            cells = _cells(start[at:end]) if end else None
            if cells is not None:
                break
        yield _Record(start[at:end], end, UNREADABLE if cells is None else cells)
        at = end


def _cells(record: bytes) -> Sequence[str | None] | None:
    """The cells of a record, each record with a separator of its own; None where it is not one."""
    if not record.strip(b' \t\r\n,;"'):
        return ()
    try:
        options: dict[str, Any] = {"has_header": False, "infer_schema": False, "n_rows": 2}
        rows = pl.read_csv(record, separator=_separator(record), **options)
    except pl.exceptions.PolarsError:
        return None
    return rows.row(0) if rows.height == 1 else None


def _holds_records(data: bytearray, count: int) -> bool:
    """Whether so many whole records stand in the data, blank lines at its start apart."""
    at = len(data) - len(data.lstrip(b"\r\n"))
    for _ in range(count):
        at = _first_record(data, at)
        if not at:
            return False
    return True


def _first_record(data: bytes | bytearray, at: int = 0) -> int:
    """Where the record that begins at a place ends, its line end included; 0 where it goes on."""
    end, marks = data.find(b"\n", at), 0
    while end >= 0:
        marks += data.count(b'"', at, end)
        if marks % 2 == 0:
            break
        at, end = end, data.find(b"\n", end + 1)
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
