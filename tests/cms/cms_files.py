"""Small files in CMS's layouts, written by the tests. Figures are CMS's; descriptions are placeholders."""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import xlsxwriter

Rows = Sequence[Sequence[str]]

# Headings from top to bottom, parted by "|", as the files print them over several rows.
HEADINGS = [
    "HCPCS",
    "MOD",
    "DESCRIPTION",
    "STATUS|CODE",
    "NOT USED|FOR|MEDICARE |PAYMENT",
    "WORK|RVU",
    "NON-FAC|PE RVU",
    "NON-FAC|NA|INDICATOR",
    "FACILITY|PE RVU",
    "FACILITY |NA|INDICATOR",
    "MP|RVU",
    "NON-FACILITY|TOTAL",
    "FACILITY|TOTAL",
    "PCTC|IND",
    "GLOB|DAYS",
    "PRE|OP",
    "INTRA|OP",
    "POST|OP",
    "MULT|PROC",
    "BILAT|SURG",
    "ASST|SURG",
    "CO-|SURG",
    "TEAM|SURG",
    "ENDO|BASE",
    "CONV|FACTOR",
    "PHYSICIAN|SUPERVISION OF|DIAGNOSTIC|PROCEDURES",
    "CALCULATION|FLAG",
    "DIAGNOSTIC|IMAGING|FAMILY|INDICATOR",
    "NON-FACILITY|PE USED|FOR OPPS|PAYMENT|AMOUNT",
    "FACILITY|PE USED|FOR OPPS|PAYMENT|AMOUNT",
    "MP USED|FOR OPPS|PAYMENT|AMOUNT",
]
VISIT = {
    "HCPCS": "99213",
    "DESCRIPTION": "description",
    "STATUS CODE": "A",
    "WORK RVU": "1.30",
    "NON-FAC PE RVU": "1.35",
    "FACILITY PE RVU": "0.57",
    "MP RVU": "0.10",
    "NON-FACILITY TOTAL": "2.75",
    "FACILITY TOTAL": "1.97",
    "PCTC IND": "0",
    "GLOB DAYS": "XXX",
    "PRE OP": "0.00",
    "INTRA OP": "0.00",
    "POST OP": "0.00",
    "MULT PROC": "0",
    "BILAT SURG": "0",
    "ASST SURG": "0",
    "CO- SURG": "0",
    "TEAM SURG": "0",
    "PRIC IND": "9",
    "CONV FACTOR": "32.3465",
    "PHYSICIAN SUPERVISION OF DIAGNOSTIC PROCEDURES": "09",
    "CALCULATION FLAG": "0",
    "DIAGNOSTIC IMAGING FAMILY INDICATOR": "99",
    "NON-FACILITY PE USED FOR OPPS PAYMENT AMOUNT": "0.00",
    "FACILITY PE USED FOR OPPS PAYMENT AMOUNT": "0.00",
    "MP USED FOR OPPS PAYMENT AMOUNT": "0.00",
}
# Of each column of the fixed-width file: first and last position.
POSITIONS = [
    (1, 5), (6, 7), (8, 57), (58, 58), (59, 59), (60, 65), (67, 72), (73, 74), (76, 81), (82, 83), (85, 89), (91, 96),
    (97, 102), (103, 103), (104, 106), (107, 109), (110, 112), (113, 115), (116, 116), (117, 117), (118, 118), (119, 119),
    (120, 120), (128, 132), (133, 140), (142, 143), (144, 144), (146, 147), (152, 157), (159, 164), (166, 171),
]  # fmt: skip

ALABAMA = ("10112", "AL", "00", "ALABAMA", "1", "0.869", "0.575")
ALASKA = ("02102", "AK", "01", "ALASKA*", "1.5", "1.081", "0.592")
ANGELES = ("01182", "CA", "18", "LOS ANGELES", "1.042", "1.194", "0.69")
OHIO = ("15202", "OH", "00", "OHIO", "1", "0.917", "0.957")
PLACES = (ALABAMA, ALASKA, ANGELES, OHIO)
GPCI_HEADINGS = (
    "Medicare Administrative Contractor (MAC)",
    "State",
    "Locality Number",
    "Locality Name",
    "2025 PW GPCI (with 1.0 Floor)",
    "2025 PE GPCI",
    "2025 MP GPCI",
)


def joined(heading: str) -> str:
    return " ".join(heading.replace("|", " ").split())


def pprrvu_row(year: int = 2025, **changes: str) -> list[str]:
    """One row: an office visit, with changes by heading in lower case with underscores (status_code="Z")."""
    values = VISIT | {_heading(name): value for name, value in changes.items()}
    return [values.get(joined(h), "") for h in headings(year)]


def _heading(name: str) -> str:
    wanted = name.upper().replace("_", " ")
    return next(joined(h) for h in headings(2026) if joined(h).replace("-", " ").replace("  ", " ") == wanted)


def headings(year: int) -> list[str]:
    if year < 2026:
        return HEADINGS
    return [*HEADINGS[:23], "PRIC|IND", *HEADINGS[23:]]


def pprrvu(
    rows: Rows = (), year: int = 2025, month: str = "October", names: Sequence[str] | None = None, released: str = "09/11/2025"
) -> list[list[str]]:
    """A whole PPRRVU sheet: captions, a heading over five rows, and rows."""
    columns = list(names or headings(year))
    blank = [""] * len(columns)

    def caption(text: str) -> list[str]:
        return ["", "", text, *blank[3:]]

    parts = [c.split("|") for c in columns]
    heading = [[p[n - 5 + len(p)] if n >= 5 - len(p) else "" for p in parts] for n in range(5)]
    return [
        caption(f"{year} National Physician Fee Schedule Relative Value File {month} Release"),
        caption("CPT codes and descriptions only are copyright 2024 American Medical Association."),
        caption("Dental codes (D codes) are copyright 2025/26 American Dental Association."),
        caption(" "),
        caption(f"RELEASED {released}"),
        *heading,
        *[list(row) for row in (rows or [pprrvu_row(year)])],
    ]


def pprrvu_txt(rows: Rows) -> str:
    lines = ["HDR CPT CODES AND DESCRIPTIONS ONLY ARE COPYRIGHT ", "HDR 2023 AMERICAN MEDICAL ASSOCIATION.  ALL RIGHTS"]
    for row in rows:
        line = [" "] * 171
        for (first, last), value in zip(POSITIONS, row, strict=True):
            width = last - first + 1
            # The fixed-width file prints percentages without the zero before the point.
            shown = value[1:] if width == 3 and value.startswith("0.") else value
            shown = shown.rjust(width) if "." in shown else shown.ljust(width)
            line[first - 1 : last] = list(shown)
        lines.append("".join(line))
    return "\r\n".join(lines) + "\r\n\x1a"


def gpci(rows: Rows = PLACES, names: Sequence[str] = GPCI_HEADINGS) -> list[list[str]]:
    blank = [""] * len(names)
    foot = ["MAC Assignments as of November 22, 2023", "", "*Work GPCI reflects a 1.5 floor in Alaska."]
    return [
        ["ADDENDUM E. FINAL CY 2025 GEOGRAPHIC PRACTICE COST INDICES (GPCIs) BY STATE AND MEDICARE LOCALITY", *blank[1:]],
        blank,
        list(names),
        *[list(row) for row in rows],
        *[[text, *blank[1:]] for text in foot],
    ]


def anesthesia(rows: Rows | None = None, names: Sequence[str] | None = None) -> list[list[str]]:
    names = names or ("Contractor", "Locality", "Locality Name", "National Anes CF of 20.3178")
    standing = [(f"{p[0]} ", f"{p[2]} ", p[3], "19.31 ") for p in PLACES]
    return [list(names), *[list(row) for row in (standing if rows is None else rows)], [""] * len(names)]


def counties(rows: Rows | None = None, year: int = 2025) -> list[list[str]]:
    title = f"COUNTIES INCLUDED IN {year} LOCALITIES. (ALPHABETICALLY BY STATE AND LOCALITY NAME WITHIN STATE)"
    names = ["Medicare Adminstrative Contractor", "Locality Number", "State ", "Fee Schedule Area ", "Counties"]
    states = ("ALABAMA ", "ALASKA", "CALIFORNIA", "OHIO")
    if rows is None:
        rows = [(p[0].lstrip("0"), p[2].lstrip("0") or "0", s, "AREA", "ALL") for p, s in zip(PLACES, states, strict=True)]
    blank = [""] * 5
    spaced = [line for row in rows for line in (list(row), blank)]
    return [[title, *blank[1:]], blank, names, blank, *spaced, ["*  Payment locality is serviced by two carriers.", *blank[1:]]]


def caps(rows: Rows) -> list[list[str]]:
    names = ["HCPCS", "MOD", "PROCSTAT", "CARRIER", "LOCALITY", "FACILITY PRICE", "NON-FACILTY PRICE"]
    return [names, *[list(row) for row in rows], [""] * 7]


def payment(
    code: str = "76145", modifier: str = "  ", fee: str = "0001339.81", locality: str = "05", year: str = "2025"
) -> str:
    fields = [year, "01112", locality, code, modifier, fee, fee, " ", "3", "A", "0", "0000000.00", "0000000.00", "9"]
    return ",".join(f'"{f}"' for f in [*fields, "0000000.00", "0000000.00"])


def zip5(code: str, place: str = "0210201", flag: str = "0", state: str = "AK", quarter: str = "20254") -> str:
    return f"{state}{code}{place} Z9   {flag} A".ljust(75) + quarter


def zip9(code: str, extension: str, place: str = "0210201", quarter: str = "20254") -> str:
    return f"AK{code}{place}".ljust(20) + f"1{extension}".ljust(11) + "A".ljust(44) + quarter


def as_csv(rows: Rows, ends: str = "\r\n") -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator=ends).writerows(rows)
    return text.getvalue()


def as_xlsx(rows: Rows, sheet: str = "Sheet", numbers: bool = True) -> bytes:
    """A workbook in which whatever looks like a number is one: codes lose their leading zeros, as CMS's do."""
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if numbers and value.replace(".", "", 1).isdigit():
                    page.write_number(r, c, float(value))
                elif value:
                    page.write_string(r, c, value)
    return data.getvalue()


def as_zip(path: Path, files: Iterable[tuple[str, bytes | str]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def release(**changes: str | bytes) -> dict[str, str | bytes]:
    """The files of a small release of October 2025 by name; changes by stem (PPRRVU2025_Oct="…")."""
    imaging = [("76145", "", "C", place[0], place[2], "131.30", "131.30") for place in PLACES]
    stray = [("76145", "", "C", "01112", "18", "131.30", "131.30")]
    files: dict[str, str | bytes] = {
        "PPRRVU2025_Oct.csv": as_csv(pprrvu([pprrvu_row(), pprrvu_row(hcpcs="76145")])),
        "GPCI2025.csv": as_csv(gpci()),
        "ANES2025.csv": as_csv(anesthesia()),
        "25LOCCO.csv": as_csv(counties()),
        "OPPSCAP_Oct.csv": as_csv(caps(imaging + stray)),
        "RVU25D.pdf": b"%PDF-1.7",
    }
    return {name: changes.get(name.split(".")[0], data) for name, data in files.items()}
