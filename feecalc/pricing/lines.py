"""Claim lines as they come in, read into the columns that the rules work on.

The line contract (names are the same in Python, CSV, parquet and JSON); only `hcpcs` is required:

    claim_id, line       text or number: lines with one claim_id and service_date are one patient's day with one practitioner
    service_date         date, or text as 2025-10-15
    hcpcs                code
    modifiers            up to four, separated by spaces
    units                whole number, default 1
    pos or setting       two-digit place of service, or `facility` / `nonfacility` (default; wins over pos)
    mac, locality        `10112`, `00`; or `10112-00` in locality alone; or `national`
    zip                  five digits, used where no locality is given
    charge               dollars for the line; the lower of charge and fee is allowed
    provider_type        physician (default), NP, PA, CNS, CNM, CP, CSW, MFT, MHC, RD, CRNA, PT, OT, SLP, AUD
    participation        `participating` (default) or `nonparticipating`
    qp                   whether the clinician is a Qualifying APM Participant, default false
    minutes              anesthesia time
    induction            AD only: whether the anesthesiologist was present at induction, default false
    deductible_left      dollars of the patient's deductible still open on that day, default 0

Columns that feecalc does not know pass through untouched.
"""

from collections.abc import Callable

import polars as pl

from feecalc.errors import InputError
from feecalc.schedule import NATIONAL

MOST_UNITS = 9_999  # keeps every product inside its integers, and no claim line holds more
MOST_CENTS = 100_000_000_00  # of a charge

# What pricing adds to every line, in this order.
ADDED = {
    "outcome": "`priced`, `zero` or `cannot_price`",
    "reason": "why it is not priced (a code of policy/reasons.toml); null where it is",
    "release": "the release whose figures served",
    "conversion_factor": "dollars per RVU (or per anesthesia unit), four places",
    "fee": "one unit in the line's setting, before caps and claim rules",
    "allowed": "what Medicare allows for the line; 0.00 for `zero`, null for `cannot_price`",
    "deductible": "what of it the open deductible takes",
    "coinsurance": "the patient's part of the rest",
    "medicare_share": "Medicare's part, before sequestration",
    "sequestration": "what sequestration takes off it",
    "received": "what the practice receives in all",
    "flags": "what the answer rests on, separated by spaces (codes of policy/flags.toml)",
}


# What tells lines apart beside their day, and what tells their places apart.
OF_KIND = (
    "hcpcs",
    "modifiers",
    "units",
    "pos",
    "setting",
    "provider_type",
    "participation",
    "qp",
    "minutes",
    "induction",
)
OF_PLACE = ("mac", "locality", "zip")


def check(lines: pl.DataFrame) -> None:
    """Raise InputError where `hcpcs` is missing or a column's name is one that feecalc writes."""
    if "hcpcs" not in lines.columns:
        raise InputError(f"The lines have no column 'hcpcs'. They have: {', '.join(lines.columns) or 'none'}.")
    clash = [name for name in lines.columns if name in ADDED]
    if clash:
        raise InputError(f"Rename these columns first, feecalc writes them itself: {', '.join(clash)}.")


def own(lines: pl.DataFrame) -> pl.DataFrame:
    """What is each line's own: its place in the frame (`_row`), its claim, number, date and amounts of money, typed.

    A value that cannot be read becomes null here and in `common`, and the gates turn it into a reason.
    """
    schema = lines.schema
    stated = pl.col("charge").cast(pl.String).fill_null("") != "" if "charge" in schema else pl.lit(value=False)
    columns = {
        "_row": pl.int_range(pl.len(), dtype=pl.UInt32),
        "_claim": pl.col("claim_id") if "claim_id" in schema else pl.lit(None, dtype=pl.Int64),
        "_order": _order(schema),
        "_date": _date(schema),
        "_charge": _money(schema, "charge"),
        "_bad_charge": stated & _money(schema, "charge").is_null(),
        "_open_deductible": _money(schema, "deductible_left").fill_null(0),
    }
    return lines.select(**columns)


def common(lines: pl.DataFrame) -> pl.DataFrame:
    """What lines may have in common: code, modifiers, units, setting, practitioner. One row a line, typed and cleaned."""
    schema, distinct = lines.schema, _Distinct(lines)
    figures = {
        "_units": _units(schema),
        "_qp": _flag(schema, "qp"),
        "_minutes": _whole(schema, "minutes"),
        "_induction": _flag(schema, "induction"),
    }
    return (
        lines.with_columns(**figures)
        .select(*figures)
        .hstack(
            [
                distinct.clean("hcpcs", _code).rename("_code"),
                distinct.clean("modifiers", _modifiers).fill_null("").rename("mods"),
                distinct.clean("pos", lambda value: value.zfill(2)).rename("_pos"),
                distinct.clean("setting", _setting).rename("_setting"),
                distinct.clean("provider_type", lambda value: value).fill_null("PHYSICIAN").rename("_type"),
                distinct.clean("participation", _participation).fill_null("PAR").rename("_participation"),
            ]
        )
    )


def place(lines: pl.DataFrame) -> pl.DataFrame:
    """Where the lines' services were furnished, as stated. One row a line, cleaned."""
    distinct = _Distinct(lines)
    return pl.DataFrame(
        [
            distinct.clean("mac", lambda value: value.zfill(5)).rename("_mac"),
            distinct.clean("locality", _locality).rename("_locality"),
            distinct.clean("locality", _mac_of).rename("_mac_of_locality"),
            distinct.clean("zip", lambda value: value[:5].zfill(5)).rename("_zip"),
        ]
    )


class _Distinct:
    """Cleans text columns by their distinct values: a claims file has millions of lines and few different codes."""

    def __init__(self, lines: pl.DataFrame) -> None:
        self.height = lines.height
        self.lines = lines.select(pl.col(name).cast(pl.String) for name in CLEANED if name in lines.columns)
        found = self.lines.select(pl.all().unique().implode())  # all columns at once, on every core
        self.values = {name: found[name][0] if lines.height else pl.Series(dtype=pl.String) for name in self.lines.columns}

    def clean(self, name: str, rule: Callable[[str], str | None]) -> pl.Series:
        """The column as upper-case, trimmed text, each distinct value passed through `rule`; null where blank or absent."""
        if name not in self.values:
            return pl.Series(name, [None], dtype=pl.String).new_from_index(0, self.height)
        column, values = self.lines[name], self.values[name]
        cleaned = [
            rule(stripped) if value is not None and (stripped := value.replace("\u00a0", " ").strip().upper()) else None
            for value in values
        ]
        if cleaned == values.to_list():
            return column
        return column.replace_strict(values, pl.Series(cleaned, dtype=pl.String), return_dtype=pl.String)


CLEANED = ("hcpcs", "modifiers", "pos", "setting", "mac", "locality", "zip", "provider_type", "participation")


def codes_of(lines: pl.DataFrame) -> set[str]:
    """The distinct codes of a frame, as `read` reads them."""
    found = _Distinct(lines.select("hcpcs")).clean("hcpcs", _code)
    return set(found.drop_nulls().unique())


def _code(value: str) -> str:
    """A code; one that a spreadsheet made a number gets its zeros back."""
    return value.zfill(5) if value.isdigit() else value


def _modifiers(value: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in value).split())


def _setting(value: str) -> str:
    return "".join(c for c in value.lower() if c.isalpha())


def _locality(value: str) -> str:
    """`00`, or `10112-00` whole, or `national`."""
    if value.lower() == NATIONAL:
        return NATIONAL
    return _parted(value)[1].zfill(2)


def _mac_of(value: str) -> str | None:
    """The MAC in a locality of the form `10112-00`; blank for the national place; None where the locality names none."""
    if value.lower() == NATIONAL:
        return ""
    mac = _parted(value)[0]
    return mac.zfill(5) if mac else None


def _parted(value: str) -> tuple[str, str]:
    mac, dash, locality = value.replace(" ", "-").partition("-")
    return (mac, locality) if dash else ("", value)


def _participation(value: str) -> str:
    known = {"PAR": "PAR", "PARTICIPATING": "PAR", "NONPAR": "NONPAR", "NONPARTICIPATING": "NONPAR"}
    return known.get(value.replace("-", ""), "unknown")


def _order(schema: pl.Schema) -> pl.Expr:
    """Lines of a claim by their number, where it is one; ties of the rules go by it."""
    in_order = pl.int_range(pl.len(), dtype=pl.Int64)
    if "line" not in schema:
        return in_order
    return pl.coalesce(pl.col("line").cast(pl.Int64, strict=False), in_order)


def _date(schema: pl.Schema) -> pl.Expr:
    if "service_date" not in schema:
        return pl.lit(None, dtype=pl.Date)
    kind = schema["service_date"]
    if kind == pl.Date:
        return pl.col("service_date")
    if isinstance(kind, pl.Datetime):
        return pl.col("service_date").dt.date()
    return pl.col("service_date").cast(pl.String).str.strip_chars().str.to_date("%Y-%m-%d", strict=False)


def _units(schema: pl.Schema) -> pl.Expr:
    """Whole units from 1; an absent column or a blank means 1, anything else that is no such number becomes null."""
    if "units" not in schema:
        return pl.lit(1, dtype=pl.Int64)
    number = _whole(schema, "units")
    blank = pl.col("units").is_null() if schema["units"].is_numeric() else _trimmed("units").fill_null("") == ""
    number = pl.when(blank).then(pl.lit(1, dtype=pl.Int64)).otherwise(number)
    return pl.when(number.is_between(1, MOST_UNITS)).then(number)


def _trimmed(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).str.strip_chars()


def _whole(schema: pl.Schema, name: str) -> pl.Expr:
    """A whole number, also as `3.0`; null where it is none."""
    if name not in schema:
        return pl.lit(None, dtype=pl.Int64)
    if schema[name].is_integer():
        return pl.col(name).cast(pl.Int64, strict=False)
    return _trimmed(name).str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)


def _money(schema: pl.Schema, name: str) -> pl.Expr:
    """Dollars in cents; null where it is absent, no amount, negative, or has parts of a cent."""
    if name not in schema:
        return pl.lit(None, dtype=pl.Int64)
    kind = schema[name]
    if kind.is_integer():
        cents = pl.col(name).cast(pl.Int64) * 100
    elif isinstance(kind, pl.Decimal) and kind.scale <= 2:
        cents = pl.col(name).cast(pl.Decimal(38, 2)).to_physical().cast(pl.Int64, strict=False)
    else:
        # A comma parts thousands: 12,50 is no 1,250 dollars.
        thousands = _trimmed(name).str.contains(r"^\$?\d{1,3}(,\d{3})+(\.|$)")
        bare = _trimmed(name).str.strip_prefix("$")
        written = pl.when(thousands).then(bare.str.replace_all(",", "", literal=True)).otherwise(bare)
        whole = written.str.extract(r"^(\d+)(?:\.\d*)?$").cast(pl.Int64, strict=False)
        part = written.str.extract(r"^\d*\.(\d{1,2})0*$").str.pad_end(2, "0").cast(pl.Int64, strict=False)
        exact = written.str.contains(r"^\d+(\.\d{0,2}0*)?$")
        cents = pl.when(exact).then(whole * 100 + part.fill_null(0))
    return pl.when(cents.is_between(0, MOST_CENTS)).then(cents)


def _flag(schema: pl.Schema, name: str) -> pl.Expr:
    if name not in schema:
        return pl.lit(value=False)
    if schema[name] == pl.Boolean:
        return pl.col(name).fill_null(value=False)
    return _trimmed(name).str.to_lowercase().is_in(["true", "1", "y", "yes"]).fill_null(value=False)
