"""What the commands on a practice's volumes share: their date, the columns that were chosen, and what is told of rows."""

from typing import TYPE_CHECKING

from feecalc.errors import InputError, NotLoadedError

if TYPE_CHECKING:  # what it needs is imported when a command runs
    import datetime as dt
    from collections.abc import Sequence

    import polars as pl

    from feecalc.analysis.mix import Mix
    from feecalc.api import OpenSchedule

SHOWN = 25  # rows of a table; a file holds all of them
MOST_ROWS = 8  # of the file that are named of one code


def pairs(given: "Sequence[str]", option: str, such_as: str) -> dict[str, str]:
    """`units="Qty"` as a pair, of an option that may be given several times. Raises InputError."""
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise InputError(f"{option} {text!r} has no two sides: write it as {such_as}.")
        found[name.strip()] = value.strip().strip('"')
    return found


def chosen_columns(given: "Sequence[str]", such_as: str) -> dict[str, str]:
    """Which column of the file is which, of --column. Raises InputError."""
    return {name.lower(): column for name, column in pairs(given, "--column", such_as).items()}


def fees_of(opened: "OpenSchedule", mix: "Mix", year: int | None, on: str | None) -> tuple["dt.date | None", str]:
    """The date of Medicare's fees for all rows (None: each row's own), and how it came about, as `of ...` or `as of ...`.

    Raises InputError for a date that is none, and where neither the question nor the file names one; NotLoadedError for a year
    without a release.
    """
    import datetime as dt

    if year is not None and on is not None:
        raise InputError("Give --year or --date, not both.")
    if year is not None:
        releases = [opened.schedule.releases[name] for name in opened.schedule.priceable()]
        of_year = [release for release in releases if release.year == year]
        if not of_year:
            years = ", ".join(map(str, sorted({release.year for release in releases})))
            raise NotLoadedError(f"No release of {year} is loaded. Loaded years: {years}.")
        release = of_year[-1]
        return release.effective, f"of {year}: release {release.name}, in force from {release.effective}"
    if on is not None:
        try:
            date = dt.date.fromisoformat(on.strip())
        except ValueError:
            raise InputError(f"Date {on!r} is not a date such as 2026-07-01.") from None
        return date, f"as of {date}"
    if mix.rows["month"].null_count() == mix.rows.height:
        raise InputError("The file names no dates or months: say which fees to price by, with --year or --date.")
    return None, "of each row's own date or month"


def unread(mix: "Mix") -> list[str]:
    """The values of the file that could not be read, a sentence each."""
    said = [
        f"row {row:,}, column {column}: {why}" + (f" ({value!r})" if value else "")
        for row, column, value, why in mix.rejects.head(SHOWN).iter_rows()
    ]
    more = mix.rejects.height - SHOWN
    return [*said, f"... and {more:,} more values that cannot be read"] if more > 0 else said


def in_rows(rows: "Sequence[int] | pl.Series") -> str:
    """The first rows of the file that something is about."""
    return ", ".join(f"{row:,}" for row in rows[:MOST_ROWS]) + (" ..." if len(rows) > MOST_ROWS else "")
