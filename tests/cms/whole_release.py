"""A release of full size in CMS's layout, written from a loaded one: what a refresh compares with its neighbours."""

import io
import zipfile
from collections.abc import Callable

import polars as pl
from cms_files import GPCI_HEADINGS, anesthesia, as_csv, counties, gpci, headings, joined, pprrvu

from feecalc.api import OpenSchedule

ANES_HEADINGS = ("Qualifying APM National Anes CF of 20.599835", "Non-Qualifying APM National Anes CF of 20.49754")
HUNDREDTHS = {
    "WORK RVU": "work",
    "NON-FAC PE RVU": "pe_nonfacility",
    "FACILITY PE RVU": "pe_facility",
    "MP RVU": "mp",
    "PRE OP": "pre_op",
    "INTRA OP": "intra_op",
    "POST OP": "post_op",
    "NON-FACILITY PE USED FOR OPPS PAYMENT AMOUNT": "opps_pe_nonfacility",
    "FACILITY PE USED FOR OPPS PAYMENT AMOUNT": "opps_pe_facility",
    "MP USED FOR OPPS PAYMENT AMOUNT": "opps_mp",
}
TEXTS = {
    "HCPCS": "hcpcs",
    "MOD": "modifier",
    "STATUS CODE": "status",
    "PCTC IND": "pctc",
    "GLOB DAYS": "global_days",
    "MULT PROC": "mult_proc",
    "BILAT SURG": "bilateral",
    "ASST SURG": "assistant_surgery",
    "CO- SURG": "co_surgery",
    "TEAM SURG": "team_surgery",
    "PRIC IND": "pricing_indicator",
    "ENDO BASE": "endo_base",
    "PHYSICIAN SUPERVISION OF DIAGNOSTIC PROCEDURES": "supervision",
    "CALCULATION FLAG": "calculation_flag",
    "DIAGNOSTIC IMAGING FAMILY INDICATOR": "imaging_family",
}


def october(opened: OpenSchedule, change: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows) -> bytes:
    """The zip of a release 2026D made from 2026C: its rows as `change` leaves them, its places as they are."""
    rows = change(opened.schedule.table("2026C", "pprrvu"))
    return _packed(opened, _rows(rows, "33.4009"), 2026, "October", "09/10/2026")


def january(opened: OpenSchedule) -> bytes:
    """The zip of a release 2027A with the rows and places of 2026C and a factor of its own."""
    return _packed(opened, _rows(opened.schedule.table("2026C", "pprrvu"), "33.0000"), 2027, "January", "12/28/2026")


def _packed(opened: OpenSchedule, rows: list[list[str]], year: int, month: str, released: str) -> bytes:
    files = {
        f"PPRRVU{year}_{month[:3]}_nonQPP.csv": as_csv(pprrvu(rows, year, month, headings(2026), released)),
        f"GPCI{year}.csv": as_csv(_gpci(opened, year)),
        f"ANES{year}.csv": as_csv(_anesthesia(opened)),
        f"{year % 100}LOCCO.csv": as_csv(_counties(opened, year)),
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def _rows(table: pl.DataFrame, factor: str) -> list[list[str]]:
    names = [joined(heading) for heading in headings(2026)]
    found = []
    for row in table.iter_rows(named=True):
        cells = {name: row[column] for name, column in TEXTS.items()}
        cells |= {name: f"{row[column] / 100:.2f}" for name, column in HUNDREDTHS.items()}
        cells |= {
            "NON-FACILITY TOTAL": f"{(row['work'] + row['pe_nonfacility'] + row['mp']) / 100:.2f}",
            "FACILITY TOTAL": f"{(row['work'] + row['pe_facility'] + row['mp']) / 100:.2f}",
            "NOT USED FOR MEDICARE PAYMENT": "+" if row["not_used_for_medicare"] else "",
            "NON-FAC NA INDICATOR": "NA" if row["na_nonfacility"] else "",
            "FACILITY NA INDICATOR": "NA" if row["na_facility"] else "",
            "CONV FACTOR": factor,
        }
        found.append([cells.get(name, "") for name in names])
    return found


def _gpci(opened: OpenSchedule, year: int) -> list[list[str]]:
    table = opened.schedule.table("2026C", "gpci")
    named = [heading.replace("2025", str(year)) for heading in GPCI_HEADINGS]
    rows = [
        (mac, state or "", locality, name, *(f"{index / 1000:.3f}" for index in indices))
        for mac, state, locality, name, *indices in table.select(
            "mac", "state", "locality", "name", "work", "pe", "mp"
        ).iter_rows()
    ]
    return [[cell.replace("CY 2025", f"CY {year}") for cell in row] for row in gpci(rows, named)]


def _anesthesia(opened: OpenSchedule) -> list[list[str]]:
    table = opened.schedule.table("2026C", "anesthesia")
    names = ("Contractor", "Locality", "Locality Name", *ANES_HEADINGS)
    rows = [
        (mac, locality, "PLACE", f"{qp / 100:.2f}", f"{factor / 100:.2f}")
        for mac, locality, factor, qp in table.select("mac", "locality", "factor", "factor_qp").iter_rows()
    ]
    return anesthesia(rows, names)


def _counties(opened: OpenSchedule, year: int) -> list[list[str]]:
    table = opened.schedule.table("2026C", "localities")
    rows = [
        (mac, locality, state, "AREA", "ALL")
        for mac, locality, state in table.select("mac", "locality", "state_name").iter_rows()
    ]
    return counties(rows, year)
