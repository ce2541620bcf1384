"""A fee schedule to take away: releases, places, amounts, a percentage and a rounding, in the layout that another system wants.

The amounts are those of `OpenSchedule.fee_schedule_cents`. A percentage is taken of the amount in cents and rounded
once, halves up.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import polars as pl

from feecalc import paths, policy
from feecalc.api import OpenSchedule
from feecalc.errors import InputError
from feecalc.locality import NATIONWIDE
from feecalc.money import dollars
from feecalc.pricing import fee

ALL_PLACES = "all"
KEY = ("release", "locality", "hcpcs", "modifier")

# The amounts that may be asked for: our words, and the columns of a fee schedule whose lower one it is.
AMOUNTS = {
    "allowed": ("What Medicare allows (lower of fee and OPPS cap)", ("{setting}", "opps_{setting}")),
    "fee": ("Fee as CMS prints it, before the OPPS cap", ("{setting}",)),
    "therapy": ("Second and later therapy unit of a day", ("therapy_{setting}",)),
    "nonpar": ("Non-participating amount", ("nonpar_{setting}",)),
    "limiting": ("Limiting charge", ("limiting_{setting}",)),
}
# What an amount is rounded to: our words, cents of a step, and whether always up.
ROUNDINGS = {
    "cent": ("to the cent", 1, False),
    "nickel": ("to 5 cents", 5, False),
    "dollar": ("to the dollar", 100, False),
    "dollar_up": ("up to the dollar", 100, True),
    "five_up": ("up to 5 dollars", 500, True),
}
LAYOUTS = {
    "long": "One row a code, place and release",
    "places": "A column a place",
    "releases": "A column a release",
    "settings": "A row a setting",
    "import": "For billing software: CPT, Modifier, Fee",
    "import-dated": "For billing software: with effective and end date",
    "import-settings": "For billing software: a fee a setting, dated",
}
# The layouts that billing software imports: one place, one amount, and names that it knows.
IMPORTS = ("import", "import-dated", "import-settings")
FEE_NAMES = {"nonfacility": "Non-Facility Fee", "facility": "Facility Fee"}
MOST_CELLS = 20_000_000
FEW = 8  # codes that a sentence names


@dataclass(frozen=True)
class Wanted:
    """What is exported. `places` are MAC-localities, "national", or ALL_PLACES alone; `percent` in hundredths of a percent."""

    releases: tuple[str, ...]
    places: tuple[str, ...]
    settings: tuple[str, ...]
    amounts: tuple[str, ...]
    codes: tuple[str, ...] | None = None
    percent: int = 10_000
    rounding: str = "cent"
    layout: str = "long"
    qp: bool = False

    def __post_init__(self) -> None:
        for name, what in (("releases", "release"), ("places", "place"), ("settings", "setting"), ("amounts", "amount")):
            if not getattr(self, name):
                raise InputError(f"Choose at least one {what}.")
        if not 1 <= self.percent <= 1_000_000:
            raise InputError("The percentage must lie between 0.01 and 10,000.")
        if self.layout in IMPORTS:
            self._check_import()

    def _check_import(self) -> None:
        """What billing software imports has one fee a code, or one a setting, and nothing that would tell two apart."""
        if len(self.places) > 1 or ALL_PLACES in self.places:
            raise InputError("A file for billing software is of one place: choose one, and write a file for each.")
        if len(self.amounts) > 1:
            raise InputError("A file for billing software has one amount: choose one.")
        if self.layout != "import-settings" and len(self.settings) > 1:
            raise InputError("This layout has one fee a code: choose one setting, or the layout with a fee a setting.")
        if self.layout == "import" and len(self.releases) > 1:
            raise InputError("This layout has no dates: choose one release, or a layout with dates.")


def build(opened: OpenSchedule, wanted: Wanted, first: int | None = None) -> pl.DataFrame:
    """The table; money in dollars, codes and places as text. `first` limits it to the first codes, for a preview.

    Raises InputError where it would be too large for this computer, NotLoadedError for a release or place that is not there.
    """
    codes = wanted.codes
    if first is not None:
        codes = _first(opened, wanted, first)
    frames = [_one(opened, wanted, release, place, codes) for release in wanted.releases for place in wanted.places]
    long = pl.concat(frames).sort("release", "mac", "locality", "hcpcs", "modifier")
    return _for_import(opened, long, wanted) if wanted.layout in IMPORTS else _laid_out(long, wanted)


def rows(opened: OpenSchedule, wanted: Wanted) -> int:
    """How many rows the long layout has, from the counts of one place: cheap enough for every rerun."""
    counted = 0
    for release in wanted.releases:
        places = opened.schedule.table(release, "gpci").height if ALL_PLACES in wanted.places else len(wanted.places)
        counted += places * _payable(opened, release, wanted.codes).height
    return counted


def _payable(opened: OpenSchedule, release: str, codes: Sequence[str] | None) -> pl.DataFrame:
    frame = opened.fee_schedule_cents(release)
    return frame if codes is None else frame.filter(pl.col("hcpcs").cast(pl.String).is_in(list(codes)))


def without_amount(opened: OpenSchedule, wanted: Wanted) -> list[str]:
    """The codes of the list that the file has no row for, a sentence a release with each code's reason."""
    said = []
    statuses = policy.load("statuses")["status"]
    for release in wanted.releases if wanted.codes is not None else ():
        paid = set(_payable(opened, release, wanted.codes)["hcpcs"].cast(pl.String))
        missing = [code for code in wanted.codes or () if code not in paid]
        if not missing:
            continue
        printed = opened.schedule.table(release, "pprrvu").filter(pl.col("hcpcs").is_in(missing[:FEW]))
        status = dict(printed.select("hcpcs", pl.col("status").cast(pl.String)).iter_rows())
        named = [f"{code} ({_why(status.get(code), statuses)})" for code in missing[:FEW]]
        more = f" and {len(missing) - FEW:,} more" if len(missing) > FEW else ""
        said.append(f"No row, because {release} has no fee schedule amount for it: {', '.join(named)}{more}.")
    return said


def _why(status: str | None, statuses: Mapping[str, Mapping[str, str]]) -> str:
    """Why a code has no amount, in a few words."""
    if status is None:
        return "not in this release"
    if status in fee.PRICED_STATUSES:
        return "no RVUs"
    name = statuses.get(status, {}).get("name", f"Status {status}")
    return f"{name[0].lower()}{name[1:]}"


def _first(opened: OpenSchedule, wanted: Wanted, count: int) -> tuple[str, ...]:
    """The first codes that the table will hold."""
    found = _payable(opened, wanted.releases[0], wanted.codes)["hcpcs"].cast(pl.String).unique().sort()
    return tuple(found.head(count))


def _one(opened: OpenSchedule, wanted: Wanted, release: str, place: str, codes: Sequence[str] | None) -> pl.DataFrame:
    """One release in one place, or in all, with the amounts in cents, named setting_amount."""
    frame = opened.fee_schedule_cents(release, place, wanted.qp)
    columns = {}
    for setting in wanted.settings:
        for name in wanted.amounts:
            lower = pl.min_horizontal(*(pattern.format(setting=setting) for pattern in AMOUNTS[name][1]))
            columns[f"{setting}_{name}"] = _rounded(lower * wanted.percent, wanted.rounding)
    named = frame.with_columns(pl.col("release", "mac", "locality", "hcpcs", "modifier", "status").cast(pl.String))
    kept = named if codes is None else named.filter(pl.col("hcpcs").is_in(list(codes)))
    if kept.height * len(columns) > MOST_CELLS:
        raise InputError(f"{kept.height:,} rows of {len(columns)} amounts are too many at once: choose fewer places or codes.")
    return kept.select("release", "mac", "locality", "hcpcs", "modifier", "status", **columns)


def _rounded(ten_thousandths: pl.Expr, rounding: str) -> pl.Expr:
    """Cents times hundredths of a percent, rounded once to a step of cents, halves up or always up."""
    _, step, up = ROUNDINGS[rounding]
    whole = 10_000 * step
    add = whole - 1 if up else whole // 2
    return (ten_thousandths + add) // whole * step


def _laid_out(long: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """The rows in the layout asked for, with dollars."""
    key = pl.when(pl.col("mac") == "").then(pl.lit(NATIONWIDE.key)).otherwise(pl.col("mac") + "-" + pl.col("locality"))
    amounts = [f"{setting}_{name}" for setting in wanted.settings for name in wanted.amounts]
    frame = long.select(
        "release", key.alias("locality"), "hcpcs", "modifier", "status", *(dollars(pl.col(a)).alias(a) for a in amounts)
    )
    if wanted.layout == "settings":
        parts = [
            frame.select(
                *KEY, "status", pl.lit(setting).alias("setting"), *(pl.col(f"{setting}_{a}").alias(a) for a in wanted.amounts)
            )
            for setting in wanted.settings
        ]
        return pl.concat(parts).sort(*KEY, "setting")
    across = {"places": "locality", "releases": "release"}.get(wanted.layout)
    if across is None:
        return frame
    index = [name for name in KEY if name != across]
    columns = list(dict.fromkeys(frame[across]))
    wide = frame.pivot(on=across, on_columns=columns, index=index, values=amounts, maintain_order=True)
    if len(amounts) == 1:  # polars then names the columns by the place or the release alone
        wide = wide.rename({name: f"{amounts[0]}_{name}" for name in columns if name in wide.columns})
    return wide.sort(*index)


def _for_import(opened: OpenSchedule, long: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """The rows under the names that billing software knows; dates as text, year first, which none reads in another way."""
    fees = [(f"{setting}_{wanted.amounts[0]}", FEE_NAMES[setting]) for setting in wanted.settings]
    if wanted.layout != "import-settings":
        fees = [(fees[0][0], "Fee")]
    spans = pl.DataFrame(
        [(name, *in_force(opened, name)) for name in wanted.releases],
        schema={"release": pl.String, "Effective Date": pl.Date, "End Date": pl.Date},
        orient="row",
    )
    dates = [] if wanted.layout == "import" else [pl.col("Effective Date", "End Date").cast(pl.String)]
    return long.join(spans, on="release", maintain_order="left").select(
        pl.col("hcpcs").alias("CPT"),
        pl.col("modifier").alias("Modifier"),
        *(dollars(pl.col(column)).alias(name) for column, name in fees),
        *dates,
    )


def in_force(opened: OpenSchedule, release: str) -> tuple[dt.date, dt.date | None]:
    """The first and the last day on which a release is in force; None where no later release is known."""
    first = opened.schedule.release(release).effective
    starts = opened.schedule.calendar["from_date"]
    later = starts.filter(starts > first).min()
    return first, later - dt.timedelta(days=1) if isinstance(later, dt.date) else None


def write_parts(opened: OpenSchedule, wanted: Wanted | None, releases: Sequence[str], target: Path, qp: bool = False) -> int:
    """A folder of Parquet files, one a release and locality: `release=2026C/locality=10112-00/fees.parquet`.

    Without `wanted` the whole fee schedule of every locality, as OpenSchedule.fee_schedule has it. Returns the rows written.
    Raises InputError where the folder is there already.
    """
    if target.exists():
        raise InputError(f"{target} is there already. Give a new folder: nothing of it is overwritten.")
    if not target.absolute().parent.is_dir():
        raise InputError(f"{target.absolute().parent} is not a folder; nothing was written.")
    written = 0
    with paths.new_folder(target) as scratch:
        for release in releases:
            if wanted is None:
                keyed = opened.fee_schedule(release, ALL_PLACES, qp).with_columns(
                    _place=pl.concat_str("mac", "locality", separator="-")
                )
                drop = ["release", "mac", "locality"]
            else:
                keyed = build(opened, replace(wanted, releases=(release,))).with_columns(_place="locality")
                drop = ["release", "locality"]
            for (place,), frame in keyed.partition_by("_place", as_dict=True, maintain_order=True).items():
                folder = scratch / f"release={release}" / f"locality={place}"
                folder.mkdir(parents=True)
                frame.drop("_place", *drop).write_parquet(folder / "fees.parquet")
                written += frame.height
    return written


def notes(opened: OpenSchedule, wanted: Wanted, codes: str) -> list[tuple[str, str]]:
    """What a file rests on, in words: its rows, amounts, places, percentage and rounding, factor and source files."""
    said = [
        ("Codes", codes),
        *(("Codes", text) for text in without_amount(opened, wanted)),
        ("Rows", "codes of status A, R or T with RVUs, each modifier (26, TC, 53) for itself"),
        ("Amounts", "; ".join(AMOUNTS[name][0] for name in wanted.amounts) + "; dollars for one unit"),
        ("Places", ", ".join(wanted.places)),
        ("Percent of Medicare", f"{wanted.percent / 100:g}, {ROUNDINGS[wanted.rounding][0]}, rounded once"),
        ("Conversion factor", "for Qualifying APM Participants, where there is one" if wanted.qp else "the ordinary one"),
    ]
    for name in wanted.releases:
        release = opened.schedule.release(name)
        said.append(("Release", f"{name}, in force from {release.effective}"))
        said += [item for one in release.sources for item in (("Source file", one["file"]), ("sha256", one["sha256"]))]
    return said


def percent(text: str) -> int:
    """A percentage as typed ("120", "112.5 %") in hundredths of a percent. Raises InputError."""
    cleaned = text.replace("%", "").replace(",", "").strip()
    try:
        number = Decimal(cleaned)
    except ArithmeticError:
        raise InputError(f"“{text}” is no percentage. Give one such as 120 or 112.5.") from None
    if not number.is_finite() or not Decimal("0.01") <= number <= 10_000:
        raise InputError(f"The percentage must lie between 0.01 and 10,000, not {text}.")
    scaled = number.scaleb(2)
    if scaled != int(scaled):
        raise InputError(f"{text} has more than two decimals.")
    return int(scaled)
