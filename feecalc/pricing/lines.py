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
    participation        `participating` (default) or `nonparticipating`
    qp                   whether the clinician is a Qualifying APM Participant, default false

Columns that feecalc does not know pass through untouched.
"""

import polars as pl

from feecalc.errors import InputError
from feecalc.schedule import NATIONAL

KNOWN = (
    "claim_id",
    "line",
    "service_date",
    "hcpcs",
    "modifiers",
    "units",
    "pos",
    "setting",
    "mac",
    "locality",
    "zip",
    "participation",
    "qp",
)
GIVEN = "given: "  # prefix of the caller's own columns while the rules work, so that no name of theirs meets one of ours
MOST_UNITS = 9_999  # keeps every product inside int64, and no claim line holds more
MOST_MODIFIERS = 4


def read(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Add `_row` (input order) and the typed, cleaned columns `_code`, `_modifiers` …; GIVEN sets the input's own apart.

    A value that cannot be read becomes null here, and the gates turn it into a reason. Raises InputError where `hcpcs` is
    missing or a column's name is one that feecalc writes.
    """
    schema = lines.collect_schema()
    if "hcpcs" not in schema:
        raise InputError(f"The lines have no column 'hcpcs'. They have: {', '.join(schema) or 'none'}.")
    clash = [name for name in schema if name in ADDED]
    if clash:
        raise InputError(f"Rename these columns first, feecalc writes them itself: {', '.join(clash)}.")

    def text(name: str) -> pl.Expr:
        """A column as trimmed, upper-case text; null where it is absent or blank."""
        if name not in schema:
            return pl.lit(None, dtype=pl.String)
        cleaned = pl.col(GIVEN + name).cast(pl.String).str.replace_all("\u00a0", " ").str.strip_chars().str.to_uppercase()
        return pl.when(cleaned != "").then(cleaned)

    code = text("hcpcs")
    if schema["hcpcs"].is_integer():
        code = code.str.zfill(5)
    locality = text("locality")
    joined = locality.str.extract_groups(r"^([0-9]{4,5})[- ]([0-9]{1,2})$")
    national = locality.str.to_lowercase() == NATIONAL
    return (
        lines.rename(lambda name: GIVEN + name)
        .with_row_index("_row")
        .with_columns(
            _claim=text("claim_id"),
            _date=_date(schema),
            _code=code,
            _modifiers=text("modifiers").str.extract_all("[0-9A-Z]+").fill_null([]),
            _units=_units(schema),
            _pos=text("pos").str.zfill(2),
            _setting=text("setting").str.to_lowercase().str.replace_all("[^a-z]", ""),
            _mac=pl.when(national).then(pl.lit("")).otherwise(pl.coalesce(joined.struct.field("1"), text("mac")).str.zfill(5)),
            _locality=pl.when(national)
            .then(pl.lit(NATIONAL))
            .otherwise(pl.coalesce(joined.struct.field("2"), locality).str.zfill(2)),
            _zip=text("zip").str.slice(0, 5).str.zfill(5),
            _nonpar=text("participation").replace_strict(
                {"PARTICIPATING": False, "PAR": False, "NONPARTICIPATING": True, "NONPAR": True, "NON-PARTICIPATING": True},
                default=None,
                return_dtype=pl.Boolean,
            ),
            _participation_stated=text("participation").is_not_null(),
            _qp=_flag(schema, "qp"),
        )
    )


def _date(schema: pl.Schema) -> pl.Expr:
    if "service_date" not in schema:
        return pl.lit(None, dtype=pl.Date)
    kind = schema["service_date"]
    if kind == pl.Date:
        return pl.col(GIVEN + "service_date")
    if isinstance(kind, pl.Datetime):
        return pl.col(GIVEN + "service_date").dt.date()
    return pl.col(GIVEN + "service_date").cast(pl.String).str.strip_chars().str.to_date("%Y-%m-%d", strict=False)


def _units(schema: pl.Schema) -> pl.Expr:
    """Whole units from 1; an absent column or a blank means 1, anything else that is no such number becomes null."""
    if "units" not in schema:
        return pl.lit(1, dtype=pl.Int64)
    as_text = pl.col(GIVEN + "units").cast(pl.String).str.strip_chars().fill_null("").str.replace(r"\.0+$", "")
    number = pl.when(as_text == "").then(pl.lit(1)).otherwise(as_text.cast(pl.Int64, strict=False))
    return pl.when(number.is_between(1, MOST_UNITS)).then(number)


def _flag(schema: pl.Schema, name: str) -> pl.Expr:
    if name not in schema:
        return pl.lit(value=False)
    if schema[name] == pl.Boolean:
        return pl.col(GIVEN + name).fill_null(value=False)
    return pl.col(GIVEN + name).cast(pl.String).str.to_lowercase().is_in(["true", "1", "y", "yes"]).fill_null(value=False)


# What pricing adds to every line, in this order.
ADDED = {
    "outcome": "`priced`, `zero` or `cannot_price`",
    "reason": "why it is not priced (a code of policy/reasons.toml); null where it is",
    "release": "the release whose figures served",
    "conversion_factor": "dollars per RVU, four places",
    "fee": "one unit in the line's setting, before caps and claim rules",
    "allowed": "what Medicare allows for the line; 0.00 for `zero`, null for `cannot_price`",
    "flags": "what the answer rests on, separated by spaces (codes of policy/flags.toml)",
}
