"""A workbook that works the payments out itself: every amount is a formula over cells that the reader may change.

Its formulas (feecalc.analysis.workbook_sheets) count in whole numbers, as the engine does (feecalc.money): RVUs in hundredths,
GPCIs in thousandths, the conversion factor in ten-thousandths of a dollar, money in cents; the cells show natural units.

Why that gives the engine's cents, although a spreadsheet's numbers are binary floats: every amount below $1,000,000 (a therapy
unit after the first: below $10,000) is a whole number N below 10^15 over 10^7 (10^9). Floats hold N exactly, and no
spreadsheet looks at fewer than 15 digits. The division alone is rounded, by less than 10^-8 (10^-10), while N over 10^7 is
either an exact half cent, which is a float, or at least 10^-7 (10^-9) away from one. So ROUND of the quotient to a whole number
of cents is the exact quotient rounded half up. Percentages are whole hundredths of a percent of whole cents, and follow alike.
tests/analysis/test_workbook.py has LibreOffice work the file out anew.
"""

import io
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from feecalc import export, locality, policy
from feecalc.analysis import workbook_sheets
from feecalc.analysis.workbook_sheets import GPCIS, PARTS, PERCENT_SCALE, SETTINGS, UNIT_LIMIT, Content, Inputs, Where
from feecalc.api import OpenSchedule
from feecalc.errors import InputError
from feecalc.locality import Place
from feecalc.money import FACTOR_SCALE, scaled
from feecalc.pricing import fee
from feecalc.pricing.explain import decimal
from feecalc.schedule import Release

RVUS = ("work", "pe_nonfacility", "pe_facility", "mp")  # a row that prints none of them has no amount
ROW_MODIFIERS = ("26", "TC", "53")
MOST_ROWS = 5_000  # code x modifier x locality: beyond that a workbook of formulas opens too slowly to work with
VOLUME_COLUMNS = ("hcpcs", "modifier", "setting", "units")

Units = dict[tuple[str, str, str, str], tuple[int, int]]  # code, modifier, place, setting -> units, later therapy units
Unpriced = list[tuple[str, str, str, str]]  # code, modifier, status, why


def live(
    codes: Sequence[str],
    places: Sequence[str | Place],
    release: str,
    opened: OpenSchedule,
    *,
    qp: bool = False,
    factor: str | Decimal | None = None,
    percent: str | Decimal = "100",
    volumes: pl.DataFrame | None = None,
    title: str = "",
    notes: Sequence[tuple[str, str]] = (),
) -> bytes:
    """The workbook of some codes at some places, as the bytes of an xlsx file whose formulas hold their values already.

    codes     "71046" (all its rows: whole, 26, TC, 53) or "71046-26" (that row alone)
    places    a Place, "10112-00", "national", a state of one locality ("AL"), or a ZIP code
    release   its name, such as 2025D; percentages and ZIPs are those of its first day
    qp        the choice that the workbook opens with, where a release has two conversion factors
    factor    dollars, four decimals: a conversion factor in place of the release's
    percent   of Medicare's allowed amount that the payer pays, such as "112.5"
    volumes   units to begin with: `hcpcs`, `modifier` (26, TC, 53 or blank), `setting`, `units`, and where they are there
              `later_units` (therapy units after the day's first) and `mac` with `locality`; rows that are alike are added
              up. Without `mac` and `locality` the same units stand at every place, to compare the places.
    title     of the first sheet; `notes` (name, text) are added to the sheet of sources

    Rows without a public amount are listed on a sheet of their own with the reason. Raises InputError for codes, places,
    percentages or volumes that cannot be understood and where no code is priced; NotLoadedError for the release.
    """
    serving = opened.schedule.release(release)
    inputs = _inputs(serving, opened, qp, factor, percent)
    where = _places(places, serving, opened)
    rows, unpriced = _rows(codes, serving, opened, where[0].place)
    if rows.height * len(where) > MOST_ROWS:
        raise InputError(
            f"{rows.height:,} rows of codes at {len(where):,} places are more than the {MOST_ROWS:,} that a workbook of "
            "formulas can hold. Choose fewer, or write the amounts alone with: feecalc schedule"
        )
    grid = _grid(rows, where, inputs)
    units = _units(volumes, grid, where)
    payments = [_payment(row, inputs) for row in grid.iter_rows(named=True)]
    content = Content(
        inputs=inputs,
        where=where,
        rows=rows.to_dicts(),
        unpriced=unpriced,
        payments=payments,
        volumes=[_volume(payment, setting, units, inputs) for payment in payments for setting in SETTINGS],
        alternatives=volumes is not None and "mac" not in volumes.columns and len(where) > 1,
        title=title,
        sources=[*_sources(inputs, serving, where), *notes],
    )
    buffer = io.BytesIO()
    with export.new_book(buffer) as book:
        workbook_sheets.write(book, content)
    return buffer.getvalue()


# What goes in ----------------------------------------------------------------------------------------------------------


def _inputs(release: Release, opened: OpenSchedule, qp: bool, factor: str | Decimal | None, percent: str | Decimal) -> Inputs:
    law = policy.conversion_factor(release.effective)
    own, own_qp, source = opened.factor(release), None, f"Release {release.name}, printed in every row of its file"
    if factor is not None:
        try:
            own = scaled(str(factor), FACTOR_SCALE)
        except ValueError as error:
            raise InputError(f"The conversion factor: {error}.") from None
        if not 0 < own < 1000 * FACTOR_SCALE:
            raise InputError(f"The conversion factor {factor} is not between 0 and 1,000 dollars.")
        source = f"Chosen in place of the {decimal(opened.factor(release, qp), FACTOR_SCALE)} of release {release.name}"
    elif law is not None and law.qp is not None:
        own_qp = opened.factor(release, qp=True)
    elif qp:
        opened.factor(release, qp=True)  # says what is missing, where there should be a second factor
    cost = policy.load("cost_sharing")
    taken = [step["percent"] for step in cost["sequestration"] if step["from"] <= release.effective]
    return Inputs(
        factor=own,
        factor_qp=own_qp,
        qp=qp and own_qp is not None,
        factor_source=source,
        percent=_percent(percent, "percent of Medicare", 1000),
        coinsurance=_percent(cost["coinsurance"]["percent"], "coinsurance", 100),
        sequestration=_percent(taken[-1] if taken else "0", "sequestration", 100),
        later_pe=int(policy.percentage("therapy_practice_expense").percent),
        release=release.name,
        on=release.effective.isoformat(),
    )


def _percent(given: str | Decimal, what: str, most: int) -> int:
    try:
        value = scaled(str(given), PERCENT_SCALE // 100)
    except ValueError as error:
        raise InputError(f"The {what}: {error}.") from None
    if not 0 <= value <= most * 100:
        raise InputError(f"The {what} is a number from 0 to {most:,}, not {given}.")
    return value


def _places(asked: Sequence[str | Place], release: Release, opened: OpenSchedule) -> list[Where]:
    """The places in the order in which they were named, each once."""
    if not asked:
        raise InputError("No place was given. List them with: feecalc localities")
    found: dict[Place, dict[str, str]] = {}
    for one in asked:
        place, zips = _place(one, release, opened)
        found.setdefault(place, {}).update(zips)
    gpci = opened.schedule.tables([release.name], [], zips=False).gpci
    figures = {(row["mac"], row["locality"]): row for row in gpci.iter_rows(named=True)}
    where = []
    for place, zips in found.items():
        row = figures.get((place.mac, place.locality))
        if row is None:
            raise InputError(f"Release {release.name} has no locality {place.key}. List them with: feecalc localities")
        where.append(Where(place, {part: row[f"gpci_{part}"] for part in GPCIS}, zips))
    return where


def _place(asked: str | Place, release: Release, opened: OpenSchedule) -> tuple[Place, dict[str, str]]:
    """A place as the release has it; and the ZIP code by which it was named, with the place that it led to in words."""
    text = asked.key if isinstance(asked, Place) else asked.strip()
    zip_code = text if re.fullmatch(r"[0-9]{5}(-?[0-9]{4})?", text) else ""
    if zip_code:
        answer = locality.by_zip(opened.schedule, release.name, zip_code, release.effective)
    elif re.fullmatch(r"[A-Za-z]{2}", text):
        answer = locality.by_state(opened.schedule, release.name, text)
    else:
        answer = locality.named(opened.schedule, release.name, *locality.parse_key(text))
    if answer.place is None:
        detail = answer.detail or policy.reasons()[str(answer.reason)].sentence
        raise InputError(f"{detail} List the places with: feecalc localities")
    led = f"{answer.place}{', by the ZIP file of another date' if answer.substituted else ''}"
    return answer.place, {zip_code: led} if zip_code else {}


def _rows(codes: Sequence[str], release: Release, opened: OpenSchedule, place: Place) -> tuple[pl.DataFrame, Unpriced]:
    """The rows that are priced, in the order of the codes as given; and (code, modifier, status, why) of those that are not."""
    asked: dict[tuple[str, str | None], None] = {}
    for text in codes:
        found = re.fullmatch(r"([0-9A-Z]{5})(?:-([0-9A-Z]{2}))?", re.sub(r"\s", "", text.upper()))
        if found is None or found[2] not in (None, *ROW_MODIFIERS):
            raise InputError(f"{text!r} is no code such as 71046, nor one of its rows such as 71046-26, 71046-TC or 71046-53.")
        asked[found[1], found[2]] = None
    if not asked:
        raise InputError("No code was given.")
    table = opened.schedule.table(release.name, "pprrvu")
    known = table.filter(pl.col("hcpcs").is_in([code for code, _ in asked])).sort("hcpcs", "modifier")
    of_code: dict[str, list[dict[str, Any]]] = {}
    for row in known.iter_rows(named=True):
        of_code.setdefault(row["hcpcs"], []).append(row)
    wanted: dict[tuple[str, str], dict[str, Any] | None] = {}
    for code, modifier in asked:
        rows = [row for row in of_code.get(code, []) if modifier in (None, row["modifier"])]
        wanted |= {(code, row["modifier"]): row for row in rows} if rows else {(code, modifier or ""): None}
    priced = [
        {**row, "_place_of_row": number}
        for number, row in enumerate(wanted.values())
        if row is not None and row["status"] in fee.PRICED_STATUSES and any(row[name] > 0 for name in RVUS)
    ]
    taken = {(row["hcpcs"], row["modifier"]) for row in priced}
    unpriced = _reasons({key: row for key, row in wanted.items() if key not in taken}, release, opened, place)
    if not priced:
        why = "; ".join(f"{code}{f'-{modifier}' if modifier else ''}: {reason}" for code, modifier, _, reason in unpriced[:5])
        raise InputError(f"None of the codes has a public amount in release {release.name}. {why}")
    labels = opened.labels
    frame = pl.DataFrame(priced, schema={**table.schema, "_place_of_row": pl.Int64})
    named = pl.col("hcpcs").replace_strict(labels, default="", return_dtype=pl.String)
    return frame.with_columns(label=named), unpriced


def _reasons(
    rows: dict[tuple[str, str], dict[str, Any] | None], release: Release, opened: OpenSchedule, place: Place
) -> Unpriced:
    """Why the engine prices these rows at no amount."""
    if not rows:
        return []
    lines = pl.DataFrame([{"hcpcs": code, "modifiers": modifier} for code, modifier in rows]).with_columns(
        service_date=pl.lit(release.effective), mac=pl.lit(place.mac), locality=pl.lit(place.locality)
    )
    answers = opened.price_lines(lines)["reason"]
    return [
        (code, modifier, row["status"] if row else "", policy.reasons()[reason].sentence)
        for ((code, modifier), row), reason in zip(rows.items(), answers, strict=True)
    ]


def _grid(rows: pl.DataFrame, where: Sequence[Where], inputs: Inputs) -> pl.DataFrame:
    """Every row at every place, with the engine's amounts in cents: what the formulas come to before anything is changed."""
    places = pl.DataFrame(
        [(w.place.mac, w.place.locality, w.place.key, n, *(w.gpci[g] for g in GPCIS)) for n, w in enumerate(where)],
        schema={
            **dict.fromkeys(("mac", "locality", "key"), pl.String),
            **dict.fromkeys(("_place_of_place", *(f"gpci_{part}" for part in GPCIS)), pl.Int64),
        },
        orient="row",
    )
    release = pl.lit("").alias("release")  # which the schedule drops
    amounts = fee.schedule(rows.lazy().with_columns(release), places.lazy(), inputs.used).collect()
    return amounts.sort("_place_of_row", "_place_of_place")


def _units(volumes: pl.DataFrame | None, grid: pl.DataFrame, where: Sequence[Where]) -> Units:
    """Units and later therapy units by (code, modifier, place, setting). Raises InputError for what the workbook has not."""
    if volumes is None:
        return {}
    missing = [name for name in VOLUME_COLUMNS if name not in volumes.columns]
    if missing or ("mac" in volumes.columns) != ("locality" in volumes.columns):
        raise InputError(f"The volumes need the columns {', '.join(VOLUME_COLUMNS)}, and mac and locality both or neither.")
    therapy = {(row[0], row[1]): row[2] == "5" for row in grid.select("hcpcs", "modifier", "mult_proc").iter_rows()}
    keys = {(w.place.mac, w.place.locality): w.place.key for w in where}
    placed = "mac" in volumes.columns
    units: Units = {}
    for number, row in enumerate(volumes.iter_rows(named=True), 1):
        code, modifier, setting = row["hcpcs"], row["modifier"] or "", row["setting"]
        said = f"Row {number} of the volumes ({code}{f'-{modifier}' if modifier else ''})"
        if (code, modifier) not in therapy:
            raise InputError(f"{said}: the workbook has no priced row of this code and modifier.")
        if setting not in SETTINGS:
            raise InputError(f"{said}: the setting is nonfacility or facility, not {setting!r}.")
        if placed and (row["mac"] or "", row["locality"]) not in keys:
            raise InputError(f"{said}: {row['mac']}-{row['locality']} is none of the workbook's places.")
        first, later = row["units"], row.get("later_units") or 0
        if not isinstance(first, int) or not isinstance(later, int):
            raise InputError(f"{said}: units are whole numbers, not {first!r} and {later!r}.")
        if later and not therapy[code, modifier]:
            raise InputError(f"{said}: only therapy codes have units that are paid less after the day's first.")
        for key in [keys[row["mac"] or "", row["locality"]]] if placed else keys.values():
            before = units.get((code, modifier, key, setting), (0, 0))
            units[code, modifier, key, setting] = (before[0] + first, before[1] + later)
    if any(abs(count) > UNIT_LIMIT for pair in units.values() for count in pair):
        raise InputError(f"No volume may be more than {UNIT_LIMIT:,} units.")
    return units


def _payment(row: dict[str, Any], inputs: Inputs) -> dict[str, Any]:
    """A row at a place, with the lower of fee and cap, and what is paid of one unit in either setting."""
    paid = dict(row)
    for setting in SETTINGS:
        fee_cents, cap, later = row[setting], row[f"opps_{setting}"], row[f"therapy_{setting}"]
        paid[f"allowed_{setting}"] = fee_cents if cap is None else min(fee_cents, cap)
        paid[f"payment_{setting}"] = _part(paid[f"allowed_{setting}"], inputs.percent)
        paid[f"later_payment_{setting}"] = None if later is None else _part(later, inputs.percent)
    return paid


def _volume(payment: dict[str, Any], setting: str, units: Units, inputs: Inputs) -> dict[str, Any]:
    """The units of a row at a place in a setting, and what they come to."""
    of = (payment["hcpcs"], payment["modifier"], payment["key"], setting)
    first, later = units.get(of, (0, 0))
    told: dict[str, Any] = {"of": of, "units": first, "later_units": later}
    for before in ("", "later_"):
        cents = payment[f"{before}payment_{setting}"]
        coinsurance = None if cents is None else _part(cents, inputs.coinsurance)
        sequestration = None if cents is None else _part(cents - coinsurance, inputs.sequestration)
        received = None if cents is None else cents - sequestration
        told |= {
            f"{before}{name}": part for name, part in zip(PARTS, (cents, coinsurance, sequestration, received), strict=True)
        }
    return told | {f"total_{part}": first * told[part] + later * (told[f"later_{part}"] or 0) for part in PARTS}


def _part(cents: int, percent: int) -> int:
    """A percentage of an amount, rounded half up in exact integers."""
    return (2 * cents * percent + PERCENT_SCALE) // (2 * PERCENT_SCALE)


def _sources(inputs: Inputs, release: Release, where: Sequence[Where]) -> list[tuple[str, str]]:
    """What the workbook rests on, and what it leaves out."""
    law, cost = policy.conversion_factor(release.effective), policy.load("cost_sharing")
    therapy = policy.percentage("therapy_practice_expense")
    patient, cut = cost["coinsurance"], cost["sequestration_source"]
    return [
        ("Release", f"{release.name}, in force from {release.effective.isoformat()} ({release.origin})"),
        *((f"File: {source['file']}", f"sha256 {source['sha256']}") for source in release.sources),
        ("Conversion factor", inputs.factor_source),
        *([("Conversion factor of law", f"{law.source} ({law.standing})")] if law else []),
        ("Coinsurance", f"{patient['sentence']} {patient['source']} ({patient['standing']})"),
        ("Sequestration", f"{cut['sentence']} {cut['source']} ({cut['standing']})"),
        ("Therapy reduction", f"{therapy.sentence} {therapy.source} ({therapy.standing})"),
        *((f"ZIP {zip_code}", led) for one in where for zip_code, led in one.zips.items()),
        *ASSUMED,
    ]


ASSUMED = (
    (
        "How an amount is worked out",
        "(work RVU x work GPCI + PE RVU x PE GPCI + malpractice RVU x malpractice GPCI) x conversion factor, in whole numbers,"
        " rounded once to the cent, halves up.",
    ),
    ("OPPS cap", "Where CMS prints OPPS figures, the lower of fee and cap is allowed."),
    (
        "Assumed: practitioner",
        "Participating with Medicare, and paid in full as a physician or a therapist in private practice.",
    ),
    ("Assumed: patient", "The yearly deductible is met."),
    (
        "Assumed: units",
        "Each unit stands alone. Of the rules between the services of a day only the therapy reduction is worked out, for the"
        " units that stand in its column; those of surgery, endoscopy and imaging are not in the workbook.",
    ),
    ("Assumed: setting", "Both settings are worked out, also where CMS marks one as not usual for the code."),
    (
        "Assumed: technical parts",
        "Where a hospital furnishes the technical part, the hospital is paid, and not by this amount.",
    ),
)
