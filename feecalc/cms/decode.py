"""From text to types: every cell of a file becomes what its layout says, or is listed as a problem."""

from dataclasses import dataclass

import polars as pl

from feecalc.cms.checks import many
from feecalc.cms.layout import Column
from feecalc.cms.numbers import scaled
from feecalc.cms.raw import Raw
from feecalc.cms.tabular import ROW
from feecalc.errors import LayoutError, Problem

SHOWN_VALUES = 5


@dataclass(frozen=True)
class Decoded:
    """Typed columns: `row`, then each column of the file as its layout says; what was wrong; what was mended."""

    frame: pl.DataFrame
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def decode(raw: Raw, frame: pl.DataFrame | None = None) -> Decoded:
    """Turn the text of every column into its type and list every cell that cannot be one.

    Codes are upper-cased and, where a spreadsheet dropped leading zeros, padded; flags become true or false; numbers
    become integers of the layout's decimals. Raises LayoutError for an indicator that the layout does not know.
    """
    text = raw.frame if frame is None else frame
    columns = [c for c in raw.layout.columns if c.name in text.columns and c.type != "ignored"]
    typed = text.select(ROW, *(_typed(c, raw.form).alias(c.name) for c in columns))
    problems: list[Problem] = []
    notes: list[str] = []
    for c in columns:
        wrong = _wrong(c)
        if wrong is None:
            continue
        condition, message = wrong
        mask = typed.select(condition).to_series()
        if not mask.any():
            continue
        cells = text.filter(mask).select(ROW, c.name).rows()
        if c.type in {"indicator", "flag"} and (unknown := [cell for cell in cells if cell[1]]):
            _refuse_values(unknown, c, raw)
        problems += [Problem(raw.file, message, row, _shown(c, raw), value) for row, value in cells]
    for c in columns:
        if c.type in {"code", "base_code", "mac", "locality"}:
            padded = int((text[c.name].str.len_chars() < typed[c.name].str.len_chars()).sum())
            if padded:
                whose = "its" if padded == 1 else "their"
                notes.append(f"{raw.file}: {many(padded, 'value')} of {_shown(c, raw)!r} had lost {whose} leading zeros")
    return Decoded(typed, tuple(problems), tuple(notes))


def _shown(c: Column, raw: Raw) -> str:
    """The heading as this very file prints it, so that a person finds the column."""
    return raw.headings.get(c.name, c.shown)


def _typed(c: Column, form: str) -> pl.Expr:
    cell = pl.col(c.name)
    upper = cell.str.to_uppercase()
    match c.type:
        case "number" if c.implied and form == "txt":
            return scaled(cell, 0)
        case "number":
            return scaled(cell, c.decimals)
        case "flag":
            return pl.when(upper == "").then(False).when(upper.is_in(c.allowed)).then(True)
        case "text":
            return cell
        case "code" | "base_code" | "mac":
            return _padded(upper, 5)
        case "locality":
            return _padded(upper, 2)
        case "digits" | "indicator":
            return _padded(upper, c.width)
        case "modifier" | "state":
            return upper
    raise AssertionError(f"layout() lets no type {c.type!r} pass")


def _padded(text: pl.Expr, width: int) -> pl.Expr:
    """Zeros before what is all digits; "" and letters stay."""
    return pl.when(text.str.contains(r"^\d+$")).then(text.str.pad_start(width, "0")).otherwise(text) if width else text


def _wrong(c: Column) -> tuple[pl.Expr, str] | None:
    """When the typed value of a column is wrong, and what to say then."""
    cell = pl.col(c.name)
    match c.type:
        case "number":
            message = f"not a number with {c.decimals} decimals at most"
            outside = pl.lit(False)
            if c.least is not None and c.most is not None:
                unit = 10**c.decimals
                message += f" between {c.least / unit:g} and {c.most / unit:g}"
                outside = ~cell.is_between(c.least, c.most)
            return cell.is_null() | outside, message
        case "flag":
            return cell.is_null(), ""
        case "indicator":
            return ~cell.is_in(c.allowed), "empty"
        case "code":
            return ~cell.str.contains(r"^[0-9A-Z]{5}$"), "not a code of five letters or digits"
        case "base_code":
            return ~cell.str.contains(r"^([0-9A-Z]{5})?$"), "not a code of five letters or digits"
        case "mac":
            return ~cell.str.contains(r"^\d{5}$"), "not a MAC of five digits"
        case "locality":
            return ~cell.str.contains(r"^\d{2}$"), "not a locality of two digits"
        case "modifier":
            return ~cell.is_in(["", "26", "TC", "53"]), "not a modifier that this file may have (none, 26, TC or 53)"
        case "digits":
            return ~cell.str.contains(rf"^\d{{{c.width}}}$"), f"not {c.width} digits"
        case "state":
            return ~cell.str.contains(r"^[A-Z]{2}$"), "not a state of two letters"
    return None


def _refuse_values(cells: list[tuple[int, str]], c: Column, raw: Raw) -> None:
    values = sorted({value for _, value in cells})
    shown = ", ".join(repr(v) for v in values[:SHOWN_VALUES])
    more = f" and {len(values) - SHOWN_VALUES} more" if len(values) > SHOWN_VALUES else ""
    raise LayoutError(
        f"{raw.file}, row {cells[0][0]}, column {_shown(c, raw)}: {shown}{more} is a value that no known layout has "
        f"({many(len(cells), 'row')}; known: {', '.join(c.allowed)}). Nothing was read. If CMS introduced it, add it to "
        f"{raw.layout.file}."
    )
