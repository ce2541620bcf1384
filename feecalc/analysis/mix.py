"""A practice's volumes: what a spreadsheet of codes and counts says, read without a guess and without a row lost.

from feecalc.analysis.mix import propose, read_mix
propose("volumes.xlsx").columns                     # {"hcpcs": "CPT", "units": "Qty", ...}, for a person to confirm
read_mix("volumes.xlsx", chosen={"units": "Qty"})   # a Mix

Totals in the file are never counted. What cannot be read is listed by row, and what was passed over is told.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from feecalc.analysis.alike import Alike, find
from feecalc.analysis.mix_columns import MONTHS, Proposal, find_mix_header, match, read_month
from feecalc.claims.files import File
from feecalc.claims.tables import Table, open_table, whole
from feecalc.claims.values import RULES, Reading, is_day_first, read_code, read_date, read_modifiers
from feecalc.errors import InputError
from feecalc.pricing.lines import MOST_CENTS

SHOWN = 3  # first values of a column, for a person to tell what it holds
MOST_UNITS = 100_000_000  # of a row; keeps its money inside 64 bits

SCHEMA = {
    "row": pl.Int64,  # as a person counts rows in the file
    "hcpcs": pl.String,
    "modifiers": pl.String,  # "" none; separated by blanks
    "units": pl.Int64,  # negative where they are taken back
    "service_date": pl.Date,
    "month": pl.Date,  # its first day
    "visit": pl.String,  # visit or claim
    "provider": pl.String,
    "payer": pl.String,
    "site": pl.String,
    "pos": pl.String,
    "setting": pl.String,
    "zip": pl.String,
    "mac": pl.String,
    "locality": pl.String,
    "charge": pl.Int64,  # cents, of the whole row
    "paid": pl.Int64,
}
REJECTS = {"row": pl.Int64, "column": pl.String, "value": pl.String, "why": pl.String}


@dataclass(frozen=True)
class Mix:
    """A practice's volumes. `rows`: one row a row of the file that holds volume (SCHEMA), a row of months one a month.

    `columns`: column of the mix -> column of the file that it was read from. `notes`: what was recognised, repaired and passed
    over. `rejects`: values that cannot be read, by row (REJECTS).
    """

    rows: pl.DataFrame
    columns: dict[str, str]
    notes: tuple[str, ...] = ()
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTS))

    @cached_property
    def alike(self) -> Alike:
        """What the rows have in common, found once."""
        return find(self.rows)


Source = str | Path | bytes


def samples() -> dict[str, Path]:
    """The sample mixes that come with feecalc, by name: invented figures."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "samples").glob("*.csv"))}


def propose(source: Source, name: str | None = None, chosen: Mapping[str, str] | None = None) -> Proposal:
    """Which column of a file would be read as which. `source` is a path, or the bytes of a file with its `name`.

    Raises InputError where the file cannot be read at all; what a person has to choose stands in the proposal.
    """
    table = _opened(source, name)
    frame = whole(table)
    first = {column.name: tuple(column.filter(column != "").head(SHOWN)) for column in frame.iter_columns()}
    return replace(_match(table, frame, chosen or {}), first=first)


def read_mix(source: Source, name: str | None = None, chosen: Mapping[str, str] | None = None) -> Mix:
    """Read a practice's volumes from a csv, xlsx or parquet file: its path, or its bytes with its `name`.

    `chosen` says which column of the file is which of the mix ("" for none), where names do not settle it or a person knows
    better; `units` may be "months", and `year` is the year of months that name none. Raises InputError where the file cannot
    be read, where something must be chosen, and where no row has a code and a volume.
    """
    table = _opened(source, name)
    frame = whole(table)
    proposal = _match(table, frame, chosen or {})
    if proposal.problems:
        raise InputError(" ".join(proposal.problems))
    return _Reader(frame, table.first_row, proposal, _year(chosen or {}), list(table.notes)).read()


# The file ------------------------------------------------------------------------------------------------------------------


def _opened(source: Source, name: str | None) -> Table:
    """The file as a table of the claims reader, its header found by the names of a mix."""
    return open_table(File.of(source, name, "volumes.xlsx"), find_mix_header, "volumes")


def _match(table: Table, frame: pl.DataFrame, chosen: Mapping[str, str]) -> Proposal:
    return match(table.schema.names(), chosen, (name for name in frame.columns if _holds_codes(frame[name])))


def _holds_codes(column: pl.Series) -> bool:
    """Whether most of the values of a column are codes."""
    values = column.filter(column != "").head(200)
    codes = sum(_split(value).code.problem is None and any(c.isdigit() for c in value) for value in values)
    return values.len() > 0 and 2 * codes > values.len()


def _year(chosen: Mapping[str, str]) -> int | None:
    text = chosen.get("year", "").strip()
    if not text:
        return None
    if not re.fullmatch(r"20\d{2}", text):
        raise InputError(f"The year of the months must be one such as 2025, not {text!r}.")
    return int(text)


# Values --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Code:
    """A cell of codes: the code, and the modifiers that stand in the same cell."""

    code: Reading
    modifiers: str = ""
    repair: str | None = None


WITH_MODIFIERS = re.compile(r"([0-9A-Z]{5})(?:\.0+)?[-\s,:/.]+((?:[0-9A-Z]{2}[-\s,:/.]*){1,4})")
GLUED = re.compile(r"(\d{5}|[A-Z]\d{4}|\d{4}[A-Z])((?:[A-Z][0-9A-Z]){1,4})")
WITH_WORDS = re.compile(r"([0-9A-Z]{5})\s*(?:[-:,;|]\s*|\s)[^0-9]*[A-Z]{3}.*")


def _split(text: str) -> _Code:
    """A code, also with modifiers (97110-GP, 97110 59) or words (97110 - exercise) in its cell."""
    value = text.upper().replace("\u2013", "-").replace("\u2014", "-")
    whole = read_code(value)
    if whole.problem is None:
        return _Code(whole)
    if found := WITH_MODIFIERS.fullmatch(value) or GLUED.fullmatch(value):
        modifiers = " ".join(re.findall(r"[0-9A-Z]{2}", found[2]))
        return _Code(read_code(found[1]), modifiers, "codes with modifiers in one cell (97110-GP)")
    if (found := WITH_WORDS.fullmatch(value)) and any(c.isdigit() for c in found[1]):
        return _Code(read_code(found[1]), repair="codes with words in one cell (97110 - exercise)")
    return _Code(whole)


# Total, Grand total, Subtotal:, Total for Smith, Smith Total; not the name of a clinic that begins so (Total Rehab).
TOTAL = (
    r"(?i)^(?:(?:grand|sub|report|overall)[\s-]*)?totals?(?:\s*:.*|\s+(?:for|of)\s.*)?$"
    r"|^.*\S\s+(?:(?:grand|sub)[\s-]*)?totals?:?$"
)


# What stands for all the others where a column says something else too: all providers, all, sum, year to date.
ALL_OF_THEM = (
    r"(?i)^(?:all|sum|ytd|year to date|all\s+(?:providers|clinicians|physicians|doctors|therapists|payers|payors|plans"
    r"|insurances|insurers|sites|locations|clinics|offices|departments|months|codes|procedures|services|modifiers))$"
)


def _units(text: str) -> Reading:
    """A whole volume; a minus, before or behind, or brackets take units back."""
    if not text:
        return Reading(None, problem="no volume")
    text = text.replace("\u2212", "-")  # the minus of typography
    text = f"-{text[:-1].rstrip()}" if re.fullmatch(r"[\d,]+(\.0*)?\s?-", text) else text
    bare = text.replace(",", "") if re.fullmatch(r"[-(]?\d{1,3}(,\d{3})+(\.0+)?\)?", text) else text
    found = re.fullmatch(r"(-?)\s?(\d+)(?:\.0*)?|\((\d+)(?:\.0*)?\)", bare)
    if found:
        number = int(found[2] or found[3]) * (-1 if found[1] or found[3] else 1)
        if abs(number) <= MOST_UNITS:
            return Reading(number)
        return Reading(None, problem=f"more than {MOST_UNITS:,} units")
    if re.fullmatch(r"-?\d*\.\d+|\(\d*\.\d+\)", bare):
        return Reading(None, problem="not a whole number of units")
    return Reading(None, problem="not a number of units")


def _place_of_service(text: str) -> Reading:
    """Two digits, also where words follow them (11 - Office)."""
    found = re.fullmatch(r"(\d{1,2})(?:\.0+)?(?:\s*[-:]\s*\D.*)?", text)
    return RULES["pos"][0](found[1]) if found else Reading(text or None)


def _setting(text: str) -> Reading:
    letters = re.sub(r"[^a-z]", "", text.lower())
    known = {"facility": "facility", "f": "facility", "fac": "facility"}
    known |= dict.fromkeys(("nonfacility", "nf", "nonfac", "n", "office"), "nonfacility")
    return Reading(known.get(letters, text or None))


def _plain_text(text: str) -> Reading:
    return Reading(text or None)


TEXTS = ("visit", "provider", "payer", "site")
BY_VALUE: dict[str, Callable[[str], Reading]] = {
    "pos": _place_of_service,
    "setting": _setting,
    "zip": RULES["zip"][0],
    "mac": RULES["mac"][0],
    "locality": RULES["locality"][0],
}


# Columns that are laid beside those of the file while it is read, by names that no file has.
OWN = "feecalc:"
ROW, MONTH, ORDER = f"{OWN}row", f"{OWN}month", f"{OWN}order"


class _Reader:
    """One file on its way to a Mix."""

    def __init__(self, frame: pl.DataFrame, first_row: int, proposal: Proposal, year: int | None, notes: list[str]) -> None:
        self.frame = frame.insert_column(0, pl.int_range(first_row, first_row + frame.height, eager=True).alias(ROW))
        self.proposal, self.columns, self.year = proposal, proposal.columns, year
        self.notes = [*notes, *proposal.notes]
        self.rejects: list[pl.DataFrame] = []
        self.measures: dict[str, str] = {}

    def read(self) -> Mix:
        """The mix of the file."""
        self.tell_columns()
        self.leave_out_blanks_and_totals()
        if self.proposal.months:
            self.unpivot()
        read = pl.DataFrame({"row": self.frame[ROW]})
        read = read.hstack(self.codes())
        read = read.with_columns(self.units())
        read = read.with_columns(self.date())
        read = read.with_columns(self.month(read["service_date"]))
        read = read.with_columns(self.column(name) for name in SCHEMA if name not in read.columns)
        kept = read.filter(pl.col("hcpcs").is_not_null() & pl.col("units").is_not_null())
        nothing = int((kept["units"] == 0).sum())
        if nothing:
            self.notes.append(f"A volume of 0 in {counted(nothing)}")
        rows = kept.filter(pl.col("units") != 0).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        if rows.is_empty():
            raise InputError(self.why_nothing())
        back = rows.filter(pl.col("units") < 0)
        if back.height:
            self.notes.append(
                f"Units are taken back in {counted(back.height)} ({-int(back['units'].sum()):,} in all): "
                f"{_rows(back['row'])}; they are counted against the others"
            )
        return Mix(rows, dict(self.columns), tuple(self.notes), self.rejected())

    # What is told --------------------------------------------------------------------------------------------------------

    def tell_columns(self) -> None:
        """Which column was read as which, and which by none."""
        named = {wanted: name for wanted, name in self.columns.items() if not (self.proposal.months and name == MONTHS)}
        self.notes += [f"Column read as {wanted}: {name}" for wanted, name in named.items()]
        if self.proposal.months:
            self.notes.append(f"Columns read as months: {', '.join(month.column for month in self.proposal.months)}")
        elif "units" not in self.columns:
            self.notes.append("No column holds units: every row counts as one")
        if self.proposal.unread:
            self.notes.append(f"Columns not read: {', '.join(self.proposal.unread)}")

    def why_nothing(self) -> str:
        """Why no row could be read."""
        rejected = self.rejected()
        if rejected.is_empty():
            return "The file holds no row with a code and a volume."
        row, column, _, why = rejected.row(0)
        return f"No row of the file can be read. The first, row {row:,}: column {column}: {why}."

    def reject(self, column: str, where: pl.Series, why: pl.Series) -> None:
        """List values of a column of the file that cannot be read."""
        if where.any():
            found = self.frame.filter(where)
            named = found.get_column(f"{OWN}column of {column}", default=pl.Series([column]).new_from_index(0, found.height))
            value = (
                found[column] if column in found.columns else pl.Series([None], dtype=pl.String).new_from_index(0, found.height)
            )
            self.rejects.append(
                pl.DataFrame(
                    {
                        "row": found[ROW],
                        "column": named,
                        "value": value,
                        "why": why.filter(where),
                    },
                    schema=REJECTS,
                )
            )

    def rejected(self) -> pl.DataFrame:
        """All of them in the order of the file."""
        return pl.concat([pl.DataFrame(schema=REJECTS), *self.rejects]).sort("row", maintain_order=True)

    # Rows ----------------------------------------------------------------------------------------------------------------

    def leave_out_blanks_and_totals(self) -> None:
        """Leave out rows that hold nothing, totals, headers that come again, and rows without a code."""
        frame, code = self.frame, self.columns["hcpcs"]
        names = [name for name in frame.columns if name != ROW]
        blank = frame.select(pl.all_horizontal(pl.col(names) == ""))[names[0]]
        self.notes += [f"Blank: {counted(int(blank.sum()))} passed over"] if blank.any() else []
        frame = frame.filter(~blank)
        labels = [name for name in names if name not in self.of_numbers()]
        total = pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height)
        for name in labels:
            values = frame[name].unique()
            all_of_them = values.str.contains(ALL_OF_THEM)
            said = values.filter(values.str.contains(TOTAL) | (all_of_them & bool((~all_of_them & (values != "")).any())))
            if said.len() and (
                name in self.columns.values() or frame.filter(frame[name].is_in(said.implode()))[code].eq("").all()
            ):
                total |= frame[name].is_in(said.implode())
        self.notes += [f"Totals not counted: {_rows(frame[ROW].filter(total))}"] if total.any() else []
        frame = frame.filter(~total)
        again = frame[code].str.to_lowercase() == code.lower()
        self.notes += [f"The header comes again: {_rows(frame[ROW].filter(again))}"] if again.any() else []
        frame = frame.filter(~again)
        without = frame[code] == ""
        if without.any():
            self.notes.append(f"Rows without a code are not counted: {_rows(frame[ROW].filter(without))}")
        self.frame = frame.filter(~without)

    def of_numbers(self) -> set[str]:
        """The columns of the file that hold volumes or money."""
        return {month.column for month in self.proposal.months} | {
            self.columns[name] for name in ("units", "charge", "paid", "service_date") if name in self.columns
        }

    def unpivot(self) -> None:
        """A row a month that holds anything, from a file with one column a month."""
        months = self.proposal.months
        if self.year is None and any(month.month.year is None for month in months):
            raise InputError(
                f"The columns of the months ({months[0].column}, …) do not say of which year. Say it: year=2025, or "
                "the year that they are of."
            )
        by_day: dict[dt.date, dict[str, str]] = {}
        for column, month, measure in months:
            of_day = by_day.setdefault(month.first_day(self.year) or dt.date.min, {})
            if measure in of_day:
                raise InputError(f"Which column holds the {measure} of the month? The file has {of_day[measure]}, {column}.")
            of_day[measure] = column
        self.measures = {measure: f"{OWN}{measure}" for _, _, measure in months}
        kept = [name for name in self.frame.columns if name not in {month.column for month in months}]
        blank = pl.lit("")
        parts = [
            self.frame.with_row_index(ORDER).select(
                ORDER,
                *kept,
                pl.lit(day).alias(MONTH),
                *(
                    (pl.col(of_day[measure]) if measure in of_day else blank).alias(own)
                    for measure, own in self.measures.items()
                ),
                *(
                    pl.lit(of_day.get(measure, measure)).alias(f"{OWN}column of {own}")
                    for measure, own in self.measures.items()
                ),
            )
            for day, of_day in sorted(by_day.items())
        ]
        long = pl.concat(parts).filter(~pl.col(f"{OWN}units").is_in(["", "-", "0"]))
        self.frame = long.sort(ORDER, MONTH).drop(ORDER)

    # Values --------------------------------------------------------------------------------------------------------------

    def by_value(self, column: pl.Series, rule: Callable[[str], Any]) -> tuple[list[Any], pl.Series]:
        """What a rule makes of each distinct value, and the number of each row's."""
        values = column.cast(pl.Categorical)
        numbers = values.to_physical()
        distinct = numbers.unique()
        texts = values.gather(numbers.arg_unique()).cast(pl.String)
        first = numbers.gather(numbers.arg_unique())
        place = pl.Series([0], dtype=pl.UInt32).new_from_index(0, int(distinct.max() or 0) + 1)  # type: ignore[arg-type]
        place = place.scatter(first, pl.int_range(first.len(), dtype=pl.UInt32, eager=True))
        return [rule(text) for text in texts], place.gather(numbers)

    def taken(self, column: str, readings: Sequence[Reading], number: pl.Series, kind: Any, counts: bool = True) -> pl.Series:
        """The values of readings, row by row; those with a problem are listed. `counts`: the row counts without it."""
        after = "; the row counts without it" if counts else ""
        why = pl.Series([r.problem and f"{r.problem}{after}" for r in readings], dtype=pl.String).gather(number)
        self.reject(column, why.is_not_null(), why)
        self.tell_repairs([r.repair for r in readings], number)
        return pl.Series([None if r.problem else r.value for r in readings], dtype=kind).gather(number)

    def tell_repairs(self, repairs: Sequence[str | None], number: pl.Series) -> None:
        """Count what was repaired, by kind."""
        if any(repairs):
            kinds = pl.Series(repairs, dtype=pl.String).gather(number).drop_nulls().value_counts(sort=True)
            self.notes += [f"Repaired: {count:,} {kind}" for kind, count in kinds.iter_rows()]

    def codes(self) -> pl.DataFrame:
        """`hcpcs` and `modifiers`: those of their own columns, and those of the code's cell."""
        column = self.columns["hcpcs"]
        split, number = self.by_value(self.frame[column], _split)
        code = self.taken(column, [one.code for one in split], number, pl.String, counts=False)
        self.tell_repairs([one.repair for one in split], number)
        in_cell = pl.Series([one.modifiers for one in split], dtype=pl.String).gather(number)
        own = self.columns.get("modifiers")
        names = [] if own is None else [own] if own in self.frame.columns else own.split(", ")
        texts = pl.select(pl.concat_str([in_cell, *(self.frame[name] for name in names)], separator=" ")).to_series()
        readings, number = self.by_value(texts, read_modifiers)
        once = [Reading(" ".join(dict.fromkeys(r.value.split())), r.repair, r.problem) for r in readings]
        why = pl.Series([r.problem for r in once], dtype=pl.String).gather(number)
        self.reject(own or column, why.is_not_null(), why)
        self.tell_repairs([r.repair for r in once], number)
        modifiers = pl.Series([r.value for r in once], dtype=pl.String).gather(number)
        unread = why.is_not_null()
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, code.len())
        return pl.DataFrame({"hcpcs": nothing.zip_with(unread, code), "modifiers": modifiers})

    def units(self) -> pl.Series:
        """`units`, whole numbers; 1 where no column holds them."""
        column = self.measures.get("units") or self.columns.get("units")
        if column is None:
            return pl.Series("units", [1], dtype=pl.Int64).new_from_index(0, self.frame.height)
        readings, number = self.by_value(self.frame[column], _units)
        return self.taken(column, readings, number, pl.Int64, counts=False).alias("units")

    def column(self, name: str) -> pl.Series:
        """Another column of the mix, null where the file has none."""
        kind = SCHEMA[name]
        column = self.measures.get(name) or self.columns.get(name)
        if column is None:
            return pl.Series(name, [None], dtype=kind).new_from_index(0, self.frame.height)
        if name in ("charge", "paid"):
            return self.money(column).alias(name)
        if name in TEXTS:
            return self.frame[column].replace("", None).alias(name)
        readings, number = self.by_value(self.frame[column], BY_VALUE[name])
        return self.taken(column, readings, number, kind).alias(name)

    def date(self) -> pl.Series:
        """Dates of service; a blank one is none."""
        column = self.columns.get("service_date")
        if column is None:
            return pl.Series("service_date", [None], dtype=pl.Date).new_from_index(0, self.frame.height)
        texts = self.frame[column]
        ambiguous = any(is_day_first(text) for text in texts.unique())
        readings, number = self.by_value(texts, lambda text: read_date(text, ambiguous) if text else Reading(None))
        return self.taken(column, readings, number, pl.Date).alias("service_date")

    def month(self, dates: pl.Series) -> pl.Series:
        """The first day of each row's month: of its column of months, its month, or its date of service."""
        if MONTH in self.frame.columns:
            return self.frame[MONTH].alias("month")
        if "month" not in self.columns:
            return dates.dt.truncate("1mo").alias("month")
        column = self.columns["month"]
        readings, number = self.by_value(self.frame[column], self.read_month)
        if any(reading.problem == NO_YEAR for reading in readings):
            raise InputError(
                f"The months of column {column} do not say of which year. Say it: year=2025, or the year they are of."
            )
        return self.taken(column, readings, number, pl.Date).alias("month")

    def read_month(self, text: str) -> Reading:
        """A month as a date, its first day."""
        if not text:
            return Reading(None)
        bare = re.sub(r"\.0+$", "", text)
        found = read_month(f"{int(bare):02}/2000" if re.fullmatch(r"[1-9]|1[0-2]", bare) else text)
        if found is None:
            return Reading(None, problem="not a month such as 2025-01 or Jan 2025")
        year = self.year if re.fullmatch(r"[1-9]|1[0-2]", bare) else found.year or self.year
        return Reading(dt.date(year, found.month, 1)) if year else Reading(None, problem=NO_YEAR)

    def money(self, column: str) -> pl.Series:
        """Dollars in cents; a minus or brackets take money back."""
        text = pl.col("text")
        plain_number = r"\$?\s?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d{0,2}0*)?"
        number = text.str.replace_all(r"[^\d.]", "")
        whole = number.str.extract(r"^(\d*)").replace("", "0").cast(pl.Int64, strict=False)
        part = number.str.extract(r"\.(\d{1,2})").fill_null("0").str.pad_end(2, "0").cast(pl.Int64, strict=False)
        back = text.str.contains(r"^[-(]|^\$\s?-|-$")
        fits = text.str.contains(rf"^(?:-?\s?{plain_number}|\$\s?-\s?{plain_number}|\({plain_number}\)|{plain_number}-)$")
        read = (
            pl.DataFrame({"text": self.frame[column]})
            .with_columns(blank=text.is_in(["", "-"]), fits=fits & text.str.contains(r"\d"), cents=whole * 100 + part)
            .with_columns(fits=pl.col("fits") & (pl.col("cents") <= MOST_CENTS).fill_null(value=False))
            .with_columns(
                cents=pl.when(pl.col("fits") & ~pl.col("blank")).then(pl.col("cents") * pl.when(back).then(-1).otherwise(1))
            )
        )
        bad = read.select(~pl.col("fits") & ~pl.col("blank")).to_series()
        words = "not an amount in dollars and whole cents; the row counts without it"
        self.reject(column, bad, pl.Series([words]).new_from_index(0, bad.len()))
        return read["cents"]


NO_YEAR = "no year"


def counted(rows: int) -> str:
    """1 row, 1,200 rows."""
    return "1 row" if rows == 1 else f"{rows:,} rows"


def _rows(rows: pl.Series, most: int = 12) -> str:
    """Rows by their numbers: row 7; rows 7, 9 and 11; rows 7, 9, … and 40 more."""
    numbers = [f"{row:,}" for row in rows.unique(maintain_order=True)]
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    if len(numbers) > most:
        return f"rows {', '.join(numbers[:most])} and {len(numbers) - most:,} more"
    return f"rows {', '.join(numbers[:-1])} and {numbers[-1]}"
