"""Frames of a claims file as pricing reads them: the columns of the contract, each value read by the rules of `values`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from feecalc.claims.columns import Columns
from feecalc.claims.told import Told
from feecalc.claims.values import RULES, Reading, is_day_first, read_date
from feecalc.errors import InputError
from feecalc.pricing.lines import MOST_CENTS, MOST_UNITS

AS_WRITTEN = ("setting", "provider_type", "participation")  # pricing has a reason for each value that it cannot read


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


def dates(frame: pl.DataFrame, columns: Columns) -> tuple[pl.Series | None, bool]:
    """The dates of service as far as they can be read, and whether any fits only day/month/year. Tells of nothing."""
    if "service_date" not in columns.of_contract:
        return None, False
    only = replace(columns, of_contract={"service_date": columns.of_contract["service_date"]}, modifiers=())
    cleaner = _Cleaner(frame, pl.int_range(frame.height, eager=True), only, Told())
    return cleaner.date(ambiguous=False), any(is_day_first(value) for value in cleaner.distinct.get("service_date", []))


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
            series = without_point(self.text(self.columns.of_contract["line"])).cast(pl.Int64, strict=False)
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


def without_point(text: pl.Series) -> pl.Series:
    """Whole numbers as text, without the `.0` that a spreadsheet gave them."""
    return text.str.strip_chars().str.replace(r"\.0+$", "")
