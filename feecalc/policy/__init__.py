"""Medicare's dated parameters: every number of law stands in a TOML file beside this one, with its source and standing.

Code asks here for a value on a date; it never holds one. Standing is one of `verified` (reproduced from CMS's own data),
`sourced` (a named document), `secondary` (public secondary sources), `assumed` (general knowledge, not yet checked).
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from feecalc.errors import NotLoadedError
from feecalc.money import FACTOR_SCALE, scaled

FOLDER = Path(__file__).resolve().parent
STANDINGS = ("verified", "sourced", "secondary", "assumed")  # strongest first


@cache
def load(name: str) -> dict[str, Any]:
    """The content of `policy/<name>.toml`, read once."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def turning_points() -> tuple[date, ...]:
    """Every date on which a number of law may change, and the first days of the years between: no rule of this folder tells
    two days apart that lie between two of them.
    """
    named = {day for path in FOLDER.glob("*.toml") for day in _dates(load(path.stem))}
    # A date may be the last of a span as well as the first.
    around = {later for day in named for later in (day, day + timedelta(days=1) if day < date.max else day)}
    years = {date(year, 1, 1) for year in range(min(named).year, max(named).year + 2)}
    return tuple(sorted(around | years))


def _dates(value: Any) -> Iterator[date]:
    """Every date in a value of a TOML file, at any depth."""
    if isinstance(value, date):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _dates(inner)


def weakest(standings: list[str]) -> str:
    """The standing that an answer has which rests on all of these."""
    return max(standings, key=STANDINGS.index)


def in_force(percent: Fraction | str, start: date | None = None) -> str:
    """A percentage of law, and since when it holds, in words."""
    since = f" since {start}" if start else ""
    exact = Fraction(percent)
    return f"{(Decimal(exact.numerator) / exact.denominator).normalize():f} percent{since}"


@dataclass(frozen=True)
class Factor:
    """A conversion factor in ten-thousandths of a dollar, with the dates on which it is in force."""

    start: date
    end: date
    factor: int
    qp: int | None
    standing: str
    source: str


@cache
def conversion_factors() -> tuple[Factor, ...]:
    """Every conversion factor of law, by date of service."""
    return tuple(
        Factor(
            start=entry["from"],
            end=entry["to"],
            factor=scaled(entry["factor"], FACTOR_SCALE),
            qp=scaled(entry["qp"], FACTOR_SCALE) if "qp" in entry else None,
            standing=entry["standing"],
            source=entry["source"],
        )
        for entry in load("conversion_factors")["factor"]
    )


def conversion_factor(on: date) -> Factor | None:
    """The conversion factor of law on a date of service; None where the table does not reach."""
    return next((f for f in conversion_factors() if f.start <= on <= f.end), None)


@dataclass(frozen=True)
class Percentage:
    """A percentage of law with the sentence that states its rule; `carc` is the adjustment code that an EOB usually shows."""

    name: str
    start: date
    percent: Fraction
    standing: str
    source: str
    sentence: str
    carc: str

    @property
    def share(self) -> Fraction:
        """The percentage as a share of one."""
        return self.percent / 100


@cache
def percentage(name: str) -> Percentage:
    """The percentage of a rule by its name in `percentages.toml`. Raises NotLoadedError for an unknown name."""
    for entry in load("percentages")["rule"]:
        if entry["name"] == name:
            return Percentage(
                name=name,
                start=entry["from"],
                percent=Fraction(entry["percent"]),
                standing=entry["standing"],
                source=entry["source"],
                sentence=entry["sentence"],
                carc=entry.get("carc", ""),
            )
    raise NotLoadedError(f"policy/percentages.toml has no rule named {name!r}")


@dataclass(frozen=True)
class Reason:
    """Why a line is not priced. `asks`: another answer from the asker would mend it."""

    code: str
    outcome: str
    sentence: str
    source: str
    standing: str
    asks: bool


@cache
def reasons() -> dict[str, Reason]:
    """Every reason by its code, in the order in which the rules decide."""
    return {
        entry["code"]: Reason(
            code=entry["code"],
            outcome=entry["outcome"],
            sentence=entry["sentence"],
            source=entry["source"],
            standing=entry["standing"],
            asks=entry.get("asks", False),
        )
        for entry in load("reasons")["reason"]
    }


@cache
def quarters() -> dict[str, tuple[int, str]]:
    """Release letter -> (month in which it takes effect, the month's name in CMS's titles)."""
    return {q["letter"]: (q["month"], q["title"]) for q in load("releases")["quarter"]}


def known_releases(year: int) -> list[tuple[str, date]]:
    """The releases of a calendar year with their effective dates, in that order: 2024A, 2024AR, 2024B, 2024C, 2024D."""
    known = [(f"{year}{letter}", date(year, month, 1)) for letter, (month, _) in quarters().items()]
    known += [(b["release"], b["effective"]) for b in load("releases")["between"] if b["effective"].year == year]
    return sorted(known, key=lambda pair: pair[1])


def release_name(year: int, quarter: str, factor: int | None) -> str:
    """The name of a release from its title's quarter and its conversion factor, which tells one between quarters apart."""
    for between in load("releases")["between"]:
        if between["quarter"] == f"{year}{quarter}" and scaled(between["conversion_factor"], FACTOR_SCALE) == factor:
            return str(between["release"])
    return f"{year}{quarter}"
