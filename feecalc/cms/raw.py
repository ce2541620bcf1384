"""The cells of a CMS file by column name, still text. Columns are found by their heading, never by their place.

A column that no layout knows, or that is missing, raises LayoutError with the name of the layout file to edit.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from feecalc.cms.archive import Member
from feecalc.cms.layout import Layout, layout
from feecalc.cms.tabular import ROW, Grid, read_csv, read_lines, read_xlsx
from feecalc.errors import LayoutError, Problem, RejectedError

TITLE_ROWS = 60  # the heading is within the first rows; CMS prints nine captions above it at most


@dataclass(frozen=True)
class Raw:
    """The cells of one file by column name, still text: `row` and the columns that the file has.

    `titles` are the texts above the heading, `headings` what stands above each column, `year` the year that the titles,
    else the headings, else the file's name tell.
    """

    frame: pl.DataFrame
    layout: Layout
    form: str
    file: str
    titles: tuple[str, ...]
    headings: dict[str, str]
    sheet: str
    year: int | None

    @property
    def id(self) -> str:
        """A name for the shape that was read: "pprrvu, csv, 31 columns"."""
        return f"{self.layout.kind}, {self.form}, {self.frame.width - 1} columns"


def read_raw(member: Member, kind: str) -> Raw:
    """Read a member as `kind` in whatever form it comes, its columns named.

    The year limits the columns that may and must appear. Raises LayoutError for an unknown or missing column,
    RejectedError for rows that do not fit the columns.
    """
    known = layout(kind)
    data = member.read()
    if data[:2] == b"PK":
        return _from_grid(read_xlsx(data, member.name), known, "xlsx", member.name)
    if member.ending == "txt":
        return _from_lines(data, known, member.name)
    return _from_grid(read_csv(data, member.name), known, "csv", member.name)


def _from_grid(grid: Grid, known: Layout, form: str, file: str) -> Raw:
    cells = [f"c{i}" for i in range(grid.width)]
    top = grid.frame.head(TITLE_ROWS).rows()
    at = heading_row(top, known, file)
    # A heading may be spread over several rows. Captions above it fill one cell only, headings several.
    first = at
    while first > 0 and top[first - 1][0] == top[first][0] - 1 and sum(c != "" for c in top[first - 1][1:]) > 1:
        first -= 1
    headings = [" ".join(" ".join(row[i + 1] for row in top[first : at + 1]).split()) for i in range(grid.width)]
    titles = tuple(c for row in top[:first] for c in row[1:] if c)
    year = year_in([*titles, *headings]) or year_of_name(file)
    columns = match_headings(headings, known, file, year)
    body = grid.frame.filter(pl.col(ROW) > top[at][0])
    _refuse_overflow(body, [c for i, c in enumerate(cells) if not headings[i]], file, known)
    frame = body.select(ROW, *(pl.col(cells[i]).alias(name) for name, i in columns.items()))
    frame = frame.filter(pl.any_horizontal(pl.exclude(ROW) != ""))
    return Raw(frame, known, form, file, titles, {name: headings[i] for name, i in columns.items()}, grid.sheet, year)


def heading_row(top: Sequence[Sequence[Any]], known: Layout, file: str) -> int:
    """Which of the first rows names the layout's first column. Raises LayoutError where none does."""
    anchor = known.columns[0]
    at = next((n for n, row in enumerate(top) if any(cell and anchor.matches(cell) for cell in row[1:])), None)
    if at is None:
        raise LayoutError(
            f"{file}: no heading row. None of the first rows has the column {anchor.shown!r}. If CMS renamed the column, "
            f"add the new heading to {known.file}."
        )
    return at


def match_headings(headings: Sequence[str], known: Layout, file: str, year: int | None) -> dict[str, int]:
    """Position of every column by name, in the layout's order. Raises LayoutError for an unknown or missing column."""
    found: dict[str, int] = {}
    for i, heading in enumerate(headings):
        if not heading:
            continue
        fitting = [c for c in known.columns if c.matches(heading) and (year is None or c.since <= year <= c.until)]
        if not fitting:
            when = f" of {year}" if year else ""
            raise LayoutError(
                f"{file}: column {i + 1}, {heading!r}, is in no known layout{when}. Nothing was read. Once its meaning is "
                f"known, add it to {known.file}."
            )
        if fitting[0].name in found:
            raise LayoutError(f"{file}: two columns are headed {heading!r}. Nothing was read; see {known.file}.")
        found[fitting[0].name] = i
    # Without a year the columns that only some years have may be missing.
    for c in known.columns:
        always = c.since == 0 and c.until == 9999
        required = not c.optional and (always if year is None else c.since <= year <= c.until)
        if required and c.name not in found:
            raise LayoutError(
                f"{file}: the column {c.shown!r} is missing. Nothing was read. If CMS renamed it, add the new heading to "
                f"{known.file}."
            )
    return {c.name: found[c.name] for c in known.columns if c.name in found}


def _refuse_overflow(body: pl.DataFrame, unnamed: Sequence[str], file: str, known: Layout) -> None:
    """Cells without a heading must be empty: a value there means a stray comma, or a column that lost its heading."""
    if not unnamed:
        return
    over = body.filter(pl.any_horizontal(pl.col(c) != "" for c in unnamed) & ~_footnote(body))
    if over.is_empty():
        return
    shown = pl.concat_str(unnamed, separator=" ").str.strip_chars()
    message = f"a value outside the columns of {known.file}: a comma too many, or a column without a heading"
    found = over.select(ROW, shown.alias("v")).rows()
    raise RejectedError(f"{file} does not fit its columns", [Problem(file, message, row, None, v) for row, v in found])


def _footnote(body: pl.DataFrame) -> pl.Expr:
    """Sentences below a table start in the first cell. No code, MAC or state is as long as that."""
    return pl.col(body.columns[1]).str.len_chars() > 12


def _from_lines(data: bytes, known: Layout, file: str) -> Raw:
    """Slice a fixed-width file. Its shape is trusted only for the years that were seen, and only at its known length."""
    lines = read_lines(data)
    skipped = lines.head(TITLE_ROWS)["line"].to_list()
    titles = tuple(line.strip() for line in skipped if known.txt_skip and known.txt_skip.search(line))
    year = year_in(titles) or year_of_name(file)
    oldest, newest = known.txt_years
    if year is not None and not oldest <= year <= newest:
        raise LayoutError(
            f"{file}: where the columns of the fixed-width {known.kind} file of {year} stand is not known (only "
            f"{oldest} to {newest}). Read the csv or xlsx of the same zip, or add the positions to {known.file}."
        )
    if known.txt_skip:
        lines = lines.filter(~pl.col("line").str.contains(known.txt_skip.pattern))
    if known.txt_length is not None:
        _refuse_length(lines, known.txt_length, file, known)
    else:
        lines = lines.filter(~_sentence(pl.col("line")))
    columns = {c.name: c.txt for c in known.columns if c.txt}
    cut = [
        pl.col("line").str.slice(first - 1, last - first + 1).str.strip_chars().alias(name)
        for name, (first, last) in columns.items()
    ]
    return Raw(lines.select(ROW, *cut), known, "txt", file, titles, {}, "", year)


def _sentence(line: pl.Expr) -> pl.Expr:
    """Footnotes run on; the rows of a fixed-width table have gaps of several blanks between their columns."""
    words = line.str.strip_chars().str.replace(r"^\*+\s*", "")
    return words.str.contains(r"[A-Za-z] [A-Za-z]") & ~words.str.contains("  ", literal=True)


def _refuse_length(lines: pl.DataFrame, length: int, file: str, known: Layout) -> None:
    wrong = lines.filter(pl.col("line").str.strip_chars_end("\n").str.len_chars() != length)
    if wrong.is_empty():
        return
    if wrong.height > lines.height // 2:
        seen = wrong["line"].str.len_chars()[0]
        raise LayoutError(
            f"{file}: lines of {seen} characters where {known.file} knows {length}. Read the csv or xlsx of the same zip, "
            f"or add the new positions to that file."
        )
    problems = [
        Problem(file, f"a line of {len(line)} characters, not {length}", row, None, line[:40]) for row, line in wrong.rows()
    ]
    raise RejectedError(f"{file} has lines of the wrong length", problems)


def year_in(texts: Sequence[str]) -> int | None:
    """The first year between 2000 and 2099 that any of the texts names, copyright captions apart."""
    for text in texts:
        if not re.search(r"copyright|american", text, re.IGNORECASE) and (found := re.search(r"(?<!\d)(20\d\d)(?!\d)", text)):
            return int(found.group(1))
    return None


def year_of_name(name: str) -> int | None:
    """The year in a member's name: PPRRVU2025_Oct, PPRRVU25_JAN, GPCI2025, 25LOCCO, PFREV25C."""
    base = name.rsplit("/", 1)[-1]
    if found := re.search(r"(?<!\d)20\d\d(?!\d)", base):
        return int(found.group())
    if found := re.search(r"(?<!\d)\d\d(?!\d)", base):
        return 2000 + int(found.group())
    return None
