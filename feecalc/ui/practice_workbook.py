"""The workbook that calculates, of a priced mix: its codes, its places and its units, for feecalc.analysis.workbook."""

import polars as pl

from feecalc import locality, policy
from feecalc.analysis import workbook
from feecalc.analysis.revenue import Priced
from feecalc.analysis.workbook import MOST_ROWS, ROW_MODIFIERS, RVUS
from feecalc.errors import FeecalcError
from feecalc.locality import NATIONWIDE, Place
from feecalc.money import show
from feecalc.pricing import fee
from feecalc.schedule import Release
from feecalc.ui import asked
from feecalc.ui.practice import Loaded

NOTES = [
    (
        "Units",
        "Those of the practice's file. Therapy units after the first of a day stand apart, by the page's estimate; the exact"
        " same-day rules of rows with visits, and modifiers other than 26, TC and 53, are on the page and not in the workbook.",
    ),
]
ROW = ["hcpcs", "modifier", "setting", "mac", "locality"]


def too_large(priced: Priced) -> str:
    """Why a workbook of formulas cannot hold this mix; blank where it can."""
    rows = priced.rows["hcpcs"].n_unique() * max(_spots(priced).height, 1)
    if rows <= MOST_ROWS:
        return ""
    return f"A workbook of formulas holds {MOST_ROWS:,} rows of codes and places; these volumes have {rows:,}."


def build(of: Loaded, priced: Priced) -> bytes:
    """The workbook, at the release that the volumes are priced by; of several the newest, and its notes say so."""
    release = _release(priced)
    units = volumes(priced)
    rows = units.select("hcpcs", "modifier").unique(maintain_order=True).iter_rows()
    codes = [f"{code}-{modifier}" if modifier else code for code, modifier in rows]
    keys = units.select("mac", "locality").unique(maintain_order=True).iter_rows()
    on_page = f"{show(priced.totals['allowed'])} allowed, {show(priced.totals['received'])} received in all."
    notes = [*NOTES, ("On the page", on_page), ("Volumes", of.name)]
    if priced.rows["release"].drop_nulls().n_unique() > 1:
        notes.append(
            ("Release", f"The page prices each row by its own date; the workbook prices all of them by {release.name}.")
        )
    return workbook.live(
        codes,
        [Place(mac, local).key for mac, local in keys],
        release.name,
        asked.schedule(),
        qp=priced.basis.qp,
        volumes=units,
        title="Medicare's payments for the practice",
        notes=notes,
    )


def _release(priced: Priced) -> Release:
    schedule = asked.schedule().schedule
    used = priced.rows["release"].drop_nulls().unique()
    return max((schedule.release(name) for name in used), key=lambda release: release.effective)


def volumes(priced: Priced) -> pl.DataFrame:
    """Units of the priced rows by code, row modifier, setting and place, as the workbook takes them."""
    table = asked.schedule().schedule.table(_release(priced).name, "pprrvu")
    known = table.filter(pl.col("status").is_in(fee.PRICED_STATUSES), pl.any_horizontal(pl.col(name) > 0 for name in RVUS))
    therapy = known.filter(pl.col("mult_proc") == "5").select("hcpcs", "modifier", reduced=pl.lit(value=True))
    settings = {code: entry["setting"] for code, entry in policy.load("places_of_service")["pos"].items()}
    of_modifiers = {
        text: next((part for part in (text or "").split() if part in ROW_MODIFIERS), "")
        for text in priced.rows["modifiers"].unique()
    }
    by_pos = pl.col("pos").replace_strict(settings, default=None, return_dtype=pl.String)
    frame = priced.rows.with_columns(
        modifier=pl.col("modifiers").replace_strict(of_modifiers, return_dtype=pl.String),
        setting=pl.coalesce("setting", by_pos, pl.lit(priced.basis.setting)),
        later_units=pl.col("units") - priced.therapy.in_full,
    ).filter(pl.col("outcome") == "priced")
    spots = _spots(priced)
    placed = frame.drop("mac", "locality").with_row_index("_row") if priced.basis.placed or spots.height == 1 else frame
    if placed is frame:
        on = ["zip", "mac", "locality"]
        placed = frame.join(spots, on=on, nulls_equal=True, maintain_order="left").drop("mac", "locality")
        placed = placed.rename({"at_mac": "mac", "at_locality": "locality"})
    else:
        placed = placed.with_columns(mac=pl.lit(spots["at_mac"][0]), locality=pl.lit(spots["at_locality"][0]))
    return (
        placed.join(known.select("hcpcs", "modifier"), on=["hcpcs", "modifier"], how="semi", maintain_order="left")
        .join(therapy, on=["hcpcs", "modifier"], how="left", maintain_order="left")
        .with_columns(later_units=pl.when("reduced").then("later_units").otherwise(0))
        .group_by(ROW, maintain_order=True)
        .agg(units=pl.col("units").sum() - pl.col("later_units").sum(), later_units=pl.col("later_units").sum())
        .filter((pl.col("units") != 0) | (pl.col("later_units") != 0))
        .sort("hcpcs", "modifier", "setting")
    )


def _spots(priced: Priced) -> pl.DataFrame:
    """The places that rows name, each with the locality that it is: `zip`, `mac`, `locality`, `at_mac`, `at_locality`."""
    basis, release = priced.basis, _release(priced)
    if basis.placed:
        named = pl.DataFrame([(basis.zip, None, None)], schema=_SPOT, orient="row")
        answers = [_at(release, basis.zip, *(locality.parse_key(basis.locality) if basis.locality else (None, None)))]
    else:
        named = priced.rows.select("zip", "mac", "locality").unique(maintain_order=True)
        answers = [_at(release, *row) for row in named.iter_rows()]
    found = pl.DataFrame([(p.mac, p.locality) for p in answers], schema=["at_mac", "at_locality"], orient="row")
    return named.hstack(found)


_SPOT = {"zip": pl.String, "mac": pl.String, "locality": pl.String}


def _at(release: Release, zip_code: str | None, mac: str | None, local: str | None) -> Place:
    """The locality of a row's place; the nationwide one where it names none, or none that there is."""
    schedule = asked.schedule().schedule
    try:
        if local:
            found = locality.named(schedule, release.name, mac or "", local)
        elif zip_code:
            found = locality.by_zip(schedule, release.name, zip_code, release.effective)
        else:
            return NATIONWIDE
    except FeecalcError:
        return NATIONWIDE
    return found.place or NATIONWIDE
