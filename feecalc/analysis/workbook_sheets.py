"""The sheets of the live workbook and their formulas. Why they come to the engine's cents: feecalc.analysis.workbook.

The sheets find each other's rows by what stands in them (MATCH of code, modifier and locality), never by their place, so that
each may be sorted and filtered by itself. Ranges bear names: rvu_work, gpci_pe, factor, vol_payment …
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xlsxwriter.utility import xl_range

from feecalc import export
from feecalc.analysis.workbook_page import LOOKS, TEXT, Column, Table, allow
from feecalc.locality import Place
from feecalc.money import FACTOR_SCALE, GPCI_SCALE, PER_CENT, RVU_SCALE

SETTINGS = {"nonfacility": "Non-facility", "facility": "Facility"}
RVUS = ("work", "pe_nonfacility", "pe_facility", "mp", "opps_pe_nonfacility", "opps_pe_facility", "opps_mp")
GPCIS = ("work", "pe", "mp")
PARTS = ("payment", "coinsurance", "sequestration", "received")
PERCENT_SCALE = 10_000  # percentages are whole hundredths of a percent
PE_SCALE = 100  # but the therapy share of practice expense, whole percents, so that the product keeps 15 digits
UNIT_LIMIT = 9_999_999


@dataclass(frozen=True)
class Inputs:
    """The figures of the first sheet. Factors in ten-thousandths of a dollar, percentages in hundredths of a percent."""

    factor: int
    factor_qp: int | None  # None: there is one factor only
    qp: bool
    factor_source: str
    percent: int
    coinsurance: int
    sequestration: int
    later_pe: int  # whole percents
    release: str
    on: str

    @property
    def used(self) -> int:
        """The factor that the workbook opens with."""
        return self.factor_qp if self.qp and self.factor_qp is not None else self.factor


@dataclass(frozen=True)
class Where:
    """A place with its GPCIs in thousandths, and the ZIP codes by which it was chosen, with where they led."""

    place: Place
    gpci: Mapping[str, int]
    zips: Mapping[str, str]

    @property
    def name(self) -> str:
        """Its name with its state."""
        return ", ".join(part for part in (self.place.name, self.place.state) if part) or self.place.key


@dataclass(frozen=True)
class Content:
    """All that the workbook shows before anything is changed, amounts in cents.

    rows       the rows of the relative value file, with `label`
    unpriced   code, modifier, status and reason of those without an amount
    payments   one a row and place, in that order: its figures, and by setting the amounts of one unit
    volumes    one a payment and setting, in that order: `of` (code, modifier, locality, setting), units and amounts
    """

    inputs: Inputs
    where: Sequence[Where]
    rows: Sequence[dict[str, Any]]
    unpriced: Sequence[tuple[str, str, str, str]]
    payments: Sequence[dict[str, Any]]
    volumes: Sequence[dict[str, Any]]
    alternatives: bool  # the same volumes stand at every place
    title: str
    sources: Sequence[tuple[str, str]]


def write(book: Any, content: Content) -> None:
    """Every sheet in its order."""
    looks = {name: book.add_format(look) for name, look in LOOKS.items()}
    _inputs(book, looks, content)
    _volumes(book, looks, content)
    _rvus(book, looks, content)
    _gpcis(book, looks, content)
    _payments(book, looks, content)
    _totals(book, looks, content)
    if content.unpriced:
        _listed(book, looks, "Not priced", _UNPRICED_COLUMNS, content.unpriced)
    _listed(book, looks, "Sources", _SOURCE_COLUMNS, content.sources)


# Pieces of formulas ------------------------------------------------------------------------------------------------------

_FACTOR = f"ROUND(factor*{FACTOR_SCALE},0)"


def _cents(cell: str) -> str:
    return f"ROUND({cell}*100,0)"


def _dollars(cents: str) -> str:
    return f"ROUND({cents},0)/100"


def _share(cents: str, name: str) -> str:
    """A percentage of whole cents, rounded half up, in dollars."""
    return _dollars(f"{cents}*ROUND({name}*{PERCENT_SCALE},0)/{PERCENT_SCALE}")


def _product(rvu: str, part: str, of: Mapping[str, str]) -> str:
    """An RVU times its GPCI in whole numbers, for a row of Payments."""
    figure = f"ROUND(INDEX(rvu_{rvu},{of['row']})*{RVU_SCALE},0)"
    return f"{figure}*ROUND(INDEX(gpci_{part},{of['place_row']})*{GPCI_SCALE},0)"


def _unless_blank(cell: str, formula: str) -> str:
    return f'IF({cell}="","",{formula})'


def _figure(decimals: int, most: int) -> tuple[str, str]:
    """The rule of a figure. More decimals than the formulas count with would be dropped without a word."""
    condition = f"=AND(ISNUMBER({{cell}}),{{cell}}>=0,{{cell}}<={most},ROUND({{cell}},{decimals})={{cell}})"
    return condition, f"A number from 0 to {most:,} with at most {decimals} decimals."


_WHOLE = f"ISNUMBER({{cell}}),ABS({{cell}})<={UNIT_LIMIT},INT({{cell}})={{cell}}"
_UNITS = (f"=AND({_WHOLE})", "A whole number of units.")
_LATER_UNITS = (
    f'=AND({_WHOLE},OR({{cell}}=0,{{of[later_payment]}}<>""))',
    "A whole number of units. Only therapy codes have units that are paid less after the day's first.",
)


# Inputs ------------------------------------------------------------------------------------------------------------------

_HEAD = 4  # the header's row, below title and explanation
_ABOUT = (
    "Volumes: the units of each code by place and setting, and what they come to. Therapy units after a patient's first of",
    "the day stand in a column of their own. RVUs, GPCIs: the figures of CMS's files. Payments: one unit of each code in",
    "both settings, and volume x payment. Totals: the volumes of each place in dollars.",
)


@dataclass(frozen=True)
class _Input:
    """A row of the first sheet: a value of the reader's, or (without a rule) one that follows from others."""

    label: str
    name: str
    value: float | str
    look: str
    about: str
    rule: tuple[str, str] | None = None
    formula: str = ""


def _factor_rows(given: Inputs) -> list[_Input]:
    rule, value = _figure(4, 1000), given.factor / FACTOR_SCALE
    if given.factor_qp is None:
        return [_Input("Conversion factor", "factor", value, "your_factor", given.factor_source, rule)]
    for_qp = f"For Qualifying APM Participants (QP), in force on {given.on}"
    chosen = "yes" if given.qp else "no"
    return [
        _Input("Conversion factor, not a QP", "factor_not_qp", value, "your_factor", given.factor_source, rule),
        _Input("Conversion factor, QP", "factor_of_qp", given.factor_qp / FACTOR_SCALE, "your_factor", for_qp, rule),
        _Input("Clinician is a QP", "is_qp", chosen, "your_choice", "yes or no"),
        _Input(
            "Conversion factor in use",
            "factor",
            given.used / FACTOR_SCALE,
            "factor",
            "Follows from the three cells above",
            formula='IF(is_qp="yes",factor_of_qp,factor_not_qp)',
        ),
    ]


def _percent_rows(given: Inputs) -> list[_Input]:
    def row(label: str, name: str, value: int, most: int, about: str) -> _Input:
        condition, _ = _figure(4, most)
        said = f"A percentage from 0% to {most * 100:,}% with at most 2 decimals."
        return _Input(label, name, value / PERCENT_SCALE, "your_percent", about, (condition, said))

    contract = "100% is Medicare itself; 112.5% a contract at 112.5% of Medicare. Rounded to the cent for each unit."
    patient = "The patient's part of the payment, the yearly deductible being met. Rounded to the cent for each unit."
    cut = f"Taken off Medicare's part, as in force on {given.on}. For another payer than Medicare set it to 0%."
    later = "What is paid of the practice expense of every therapy unit after a patient's first of the day."
    return [
        row("Percent of Medicare that the payer pays", "percent_of_medicare", given.percent, 10, contract),
        row("Coinsurance", "coinsurance", given.coinsurance, 1, patient),
        row("Sequestration", "sequestration", given.sequestration, 1, cut),
        _Input(
            "Therapy: practice expense of later units",
            "later_pe",
            given.later_pe / PE_SCALE,
            "your_whole_percent",
            later,
            (_figure(2, 1)[0], "A whole percentage from 0% to 100%."),
        ),
    ]


def _inputs(book: Any, looks: dict[str, Any], content: Content) -> None:
    page, given = book.add_worksheet("Inputs"), content.inputs
    for column, width in enumerate((44, 13, 100)):
        page.set_column(column, column, width)
    page.write_string(0, 0, content.title or f"Medicare payments of release {given.release}", looks["title"])
    page.write_string(1, 0, f"Release {given.release}, in force from {given.on}. US dollars.")
    page.write_string(2, 0, "Blue on yellow is yours to change, here and on the other sheets; all amounts follow.")
    for column, heading in enumerate(("Input", "Value", "What it is")):
        page.write_string(_HEAD, column, heading, looks["header_of_figures" if column == 1 else "header"])
    rows = [*_factor_rows(given), *_percent_rows(given)]
    for number, row in enumerate(rows, _HEAD + 1):
        page.write_string(number, 0, row.label)
        page.write_string(number, 2, row.about, looks["indented"])
        look, cell, area = looks[row.look], f"$B${number + 1}", (number, 1, number, 1)
        book.define_name(row.name, f"=Inputs!{cell}")
        if row.formula:
            page.write_formula(number, 1, f"={row.formula}", look, row.value)
        elif isinstance(row.value, str):
            page.write_string(number, 1, row.value, look)
            page.data_validation(*area, {"validate": "list", "source": ["yes", "no"]})
        else:
            page.write_number(number, 1, row.value, look)
        if row.rule:
            allow(page, area, row.rule[0].format(cell=cell), row.rule[1])
    for number, about in enumerate(_ABOUT, _HEAD + len(rows) + 2):
        page.write_string(number, 0, about)
    page.freeze_panes(_HEAD + 1, 0)
    export.print_setup(page, _HEAD)


# RVUs and GPCIs ----------------------------------------------------------------------------------------------------------

_KEYS = (Column("hcpcs", "Code", 8, TEXT), Column("modifier", "Modifier", 9, TEXT))
_RVU = _figure(2, 100_000)
_GPCI = _figure(3, 100)
_RVU_COLUMNS = (
    *_KEYS,
    Column("status", "Status", 7, TEXT),
    Column("label", "What it is", 44, TEXT),
    Column("work", "Work RVU", 9, "your_rvu", "rvu_work", _RVU),
    Column("pe_nonfacility", "PE RVU, non-facility", 12, "your_rvu", "rvu_pe_nonfacility", _RVU),
    Column("pe_facility", "PE RVU, facility", 12, "your_rvu", "rvu_pe_facility", _RVU),
    Column("mp", "Malpractice RVU", 12, "your_rvu", "rvu_mp", _RVU),
    Column("opps_pe_nonfacility", "OPPS cap: PE, non-facility", 13, "your_rvu", "rvu_opps_pe_nonfacility", _RVU),
    Column("opps_pe_facility", "OPPS cap: PE, facility", 13, "your_rvu", "rvu_opps_pe_facility", _RVU),
    Column("opps_mp", "OPPS cap: malpractice", 13, "your_rvu", "rvu_opps_mp", _RVU),
    Column("therapy", "Therapy reduction", 10, TEXT, "rvu_therapy"),
    Column("unusual", "CMS marks as not usual in", 22, TEXT),
    Column("key", "Key", 12, "aside", "rvu_key"),
)
_GPCI_COLUMNS = (
    Column("key", "Locality", 11, TEXT, "gpci_key"),
    Column("mac", "MAC", 8, TEXT),
    Column("locality", "Number", 9, TEXT),
    Column("place", "Place", 44, TEXT),
    Column("zips", "Chosen by ZIP", 16, TEXT),
    Column("work", "Work GPCI", 9, "your_gpci", "gpci_work", _GPCI),
    Column("pe", "PE GPCI", 9, "your_gpci", "gpci_pe", _GPCI),
    Column("mp", "Malpractice GPCI", 12, "your_gpci", "gpci_mp", _GPCI),
)


def _rvus(book: Any, looks: dict[str, Any], content: Content) -> None:
    table = Table(book, looks, "RVUs", _RVU_COLUMNS, len(content.rows), keys=2)
    for number, row in enumerate(content.rows):
        of = table.cells(number)
        for key in ("hcpcs", "modifier", "status", "label"):
            table.text(number, key, row[key])
        for key in RVUS:
            table.number(number, key, row[key], RVU_SCALE)
        table.text(number, "therapy", "yes" if row["mult_proc"] == "5" else "")
        table.text(number, "unusual", ", ".join(word.lower() for name, word in SETTINGS.items() if row[f"na_{name}"]))
        table.formula(number, "key", f'{of["hcpcs"]}&"-"&{of["modifier"]}', f"{row['hcpcs']}-{row['modifier']}")


def _gpcis(book: Any, looks: dict[str, Any], content: Content) -> None:
    table = Table(book, looks, "GPCIs", _GPCI_COLUMNS, len(content.where), keys=1)
    for number, where in enumerate(content.where):
        table.text(number, "key", where.place.key)
        table.text(number, "mac", where.place.mac)
        table.text(number, "locality", where.place.locality)
        table.text(number, "place", where.name)
        table.text(number, "zips", ", ".join(where.zips))
        for part in GPCIS:
            table.number(number, part, where.gpci[part], GPCI_SCALE)


# Payments ----------------------------------------------------------------------------------------------------------------

_PAYMENT_COLUMNS = (
    *_KEYS,
    Column("place_key", "Locality", 11, TEXT),
    Column("place", "Place", 30, TEXT),
    *(
        Column(f"{key}_{setting}", f"{word}: {heading}", width, "money", name and f"{name}_{setting}")
        for setting, word in SETTINGS.items()
        for key, heading, width, name in (
            ("fee", "fee", 13, ""),
            ("cap", "OPPS cap", 13, ""),
            ("allowed", "lower of fee and cap", 13, ""),
            ("payment", "payment of a unit", 13, "pay_unit"),
            ("later", "later therapy unit", 13, ""),
            ("later_payment", "payment of a later unit", 13, "pay_later"),
            ("total", "volume x payment", 14, ""),
        )
    ),
    Column("row", "Row of RVUs", 8, "aside"),
    Column("place_row", "Row of GPCIs", 8, "aside"),
    Column("work_mp", "Work and malpractice x GPCI, in 0.00001", 14, "aside"),
    *(Column(f"pe_{setting}", f"PE x GPCI, {word.lower()}, in 0.00001", 14, "aside") for setting, word in SETTINGS.items()),
    *(Column(f"capped_{setting}", f"OPPS, {word.lower()}, in 0.00001", 14, "aside") for setting, word in SETTINGS.items()),
    Column("key", "Key", 18, "aside", "pay_key"),
)


def _payments(book: Any, looks: dict[str, Any], content: Content) -> None:
    table = Table(book, looks, "Payments", _PAYMENT_COLUMNS, len(content.payments), keys=4)
    names = {where.place.key: where.name for where in content.where}
    row_of = {(row["hcpcs"], row["modifier"]): number for number, row in enumerate(content.rows, 1)}
    place_of = {where.place.key: number for number, where in enumerate(content.where, 1)}
    totals = iter(content.volumes)
    for number, row in enumerate(content.payments):
        of = table.cells(number)
        table.text(number, "hcpcs", row["hcpcs"])
        table.text(number, "modifier", row["modifier"])
        table.text(number, "place_key", row["key"])
        table.text(number, "place", names[row["key"]])
        own = f'{of["hcpcs"]}&"-"&{of["modifier"]}'
        table.formula(number, "key", f'{own}&"-"&{of["place_key"]}', f"{row['hcpcs']}-{row['modifier']}-{row['key']}")
        table.formula(number, "row", f"MATCH({own},rvu_key,0)", row_of[row["hcpcs"], row["modifier"]])
        table.formula(number, "place_row", f"MATCH({of['place_key']},gpci_key,0)", place_of[row["key"]])
        work_mp = row["work"] * row["gpci_work"] + row["mp"] * row["gpci_mp"]
        table.formula(number, "work_mp", f"{_product('work', 'work', of)}+{_product('mp', 'mp', of)}", work_mp)
        for setting in SETTINGS:
            _payments_in(table, number, row, setting, next(totals)["total_payment"])


def _payments_in(table: Table, number: int, row: dict[str, Any], setting: str, total: int) -> None:
    """The formulas of a row of payments in one setting."""
    of = table.cells(number)
    own = {key.removesuffix(f"_{setting}"): cell for key, cell in of.items() if key.endswith(f"_{setting}")}

    def put(key: str, formula: str, cents: int | None) -> None:
        table.formula(number, f"{key}_{setting}", formula, cents, 100)

    pe, cap_pe = row[f"pe_{setting}"] * row["gpci_pe"], row[f"opps_pe_{setting}"] * row["gpci_pe"]
    table.formula(number, f"pe_{setting}", _product(f"pe_{setting}", "pe", of), pe)
    has_cap = "+".join(f"INDEX(rvu_opps_{part},{of['row']})" for part in ("pe_nonfacility", "pe_facility", "mp"))
    parts = (("work", "work"), (f"opps_pe_{setting}", "pe"), ("opps_mp", "mp"))
    summed = "+".join(_product(rvu, part, of) for rvu, part in parts)
    capped = None
    if row[f"opps_{setting}"] is not None:
        capped = row["work"] * row["gpci_work"] + cap_pe + row["opps_mp"] * row["gpci_mp"]
    table.formula(number, f"capped_{setting}", f'IF({has_cap}>0,{summed},"")', capped)

    put("fee", _dollars(f"({of['work_mp']}+{own['pe']})*{_FACTOR}/{PER_CENT}"), row[setting])
    put("cap", _unless_blank(own["capped"], _dollars(f"{own['capped']}*{_FACTOR}/{PER_CENT}")), row[f"opps_{setting}"])
    put("allowed", f'IF({own["cap"]}="",{own["fee"]},MIN({own["fee"]},{own["cap"]}))', row[f"allowed_{setting}"])
    put("payment", _share(_cents(own["allowed"]), "percent_of_medicare"), row[f"payment_{setting}"])
    reduced = f"({of['work_mp']}*{PE_SCALE}+{own['pe']}*ROUND(later_pe*{PE_SCALE},0))*{_FACTOR}/{PER_CENT * PE_SCALE}"
    later = f'IF(INDEX(rvu_therapy,{of["row"]})="yes",{_dollars(reduced)},"")'
    put("later", later, row[f"therapy_{setting}"])
    paid = _unless_blank(own["later"], _share(_cents(own["later"]), "percent_of_medicare"))
    put("later_payment", paid, row[f"later_payment_{setting}"])
    put("total", f'INDEX(vol_payment,MATCH({of["key"]}&"-{setting}",vol_key,0))', total)


# Volumes -----------------------------------------------------------------------------------------------------------------

_VOLUME_COLUMNS = (
    *_KEYS,
    Column("place_key", "Locality", 11, TEXT, "vol_place"),
    Column("setting", "Setting", 12, TEXT, "vol_setting"),
    Column("units", "Units", 10, "your_units", "", _UNITS),
    Column("later_units", "Later therapy units", 10, "your_units", "", _LATER_UNITS),
    *(Column(part, f"A unit: {part}", 14, "money") for part in PARTS),
    *(Column(f"later_{part}", f"A later unit: {part}", 14, "money") for part in PARTS),
    *(Column(f"total_{part}", f"Volume: {part}", 17, "money", f"vol_{part}") for part in PARTS),
    Column("key", "Key", 24, "aside", "vol_key"),
    Column("row", "Row of Payments", 9, "aside"),
)


def _volumes(book: Any, looks: dict[str, Any], content: Content) -> None:
    table = Table(book, looks, "Volumes", _VOLUME_COLUMNS, len(content.volumes), keys=4)
    for number, row in enumerate(content.volumes):
        of = table.cells(number)
        for key, text in zip(("hcpcs", "modifier", "place_key", "setting"), row["of"], strict=True):
            table.text(number, key, text)
        table.number(number, "units", row["units"])
        if row["later_payment"] is None:
            table.closed(number, "later_units")
        else:
            table.number(number, "later_units", row["later_units"])
        own = '&"-"&'.join(of[key] for key in ("hcpcs", "modifier", "place_key"))
        table.formula(number, "key", f'{own}&"-"&{of["setting"]}', "-".join(row["of"]))
        table.formula(number, "row", f"MATCH({own},pay_key,0)", number // len(SETTINGS) + 1)
        for before, name in (("", "pay_unit"), ("later_", "pay_later")):
            by_setting = ",".join(f"INDEX({name}_{setting},{of['row']})" for setting in ("facility", "nonfacility"))
            payment = f'IF({of["setting"]}="facility",{by_setting})'
            table.formula(number, f"{before}payment", payment, row[f"{before}payment"], 100)
            for part, formula in _parts_of(*(of[f"{before}{part}"] for part in PARTS[:3])).items():
                shown = _unless_blank(of[f"{before}payment"], formula)
                table.formula(number, f"{before}{part}", shown, row[f"{before}{part}"], 100)
        for part in PARTS:
            later = f"N({of[f'later_{part}']})"
            summed = f"{of['units']}*{_cents(of[part])}+{of['later_units']}*{_cents(later)}"
            table.formula(number, f"total_{part}", _dollars(summed), row[f"total_{part}"], 100)


def _parts_of(payment: str, coinsurance: str, sequestration: str) -> dict[str, str]:
    """What the patient pays of a payment, what sequestration takes, and what the practice receives, each for one unit."""
    return {
        "coinsurance": _share(_cents(payment), "coinsurance"),
        "sequestration": _share(f"({_cents(payment)}-{_cents(coinsurance)})", "sequestration"),
        "received": f"({_cents(payment)}-{_cents(sequestration)})/100",
    }


# Totals, and lists -------------------------------------------------------------------------------------------------------

_TOTAL_COLUMNS = (
    Column("key", "Locality", 11, TEXT),
    Column("place", "Place", 44, TEXT),
    *(Column(setting, f"{word}: payment", 16, "money") for setting, word in SETTINGS.items()),
    *(Column(part, f"Both: {part}", 16, "money") for part in PARTS),
)
_UNPRICED_COLUMNS = (*_RVU_COLUMNS[:3], Column("why", "Why it has no amount", 120, "wrapped"))
_SOURCE_COLUMNS = (Column("item", "Item", 36, "wrapped"), Column("value", "Value", 110, "wrapped"))


def _totals(book: Any, looks: dict[str, Any], content: Content) -> None:
    table = Table(book, looks, "Totals", _TOTAL_COLUMNS, len(content.where), keys=1)
    sums = {column.key: 0 for column in _TOTAL_COLUMNS[2:]}
    for number, where in enumerate(content.where):
        table.text(number, "key", where.place.key)
        table.text(number, "place", where.name)
        here = [volume for volume in content.volumes if volume["of"][2] == where.place.key]
        for name in sums:
            part, chosen = ("payment", f'(vol_setting="{name}")*') if name in SETTINGS else (name, "")
            cents = sum(volume[f"total_{part}"] for volume in here if name not in SETTINGS or volume["of"][3] == name)
            summed = f"SUMPRODUCT((vol_place={table.cell('key', number)})*{chosen}vol_{part})"
            table.formula(number, name, f"ROUND({summed},2)", cents, 100)
            sums[name] += cents
    below = len(content.where) + 1
    if content.alternatives:
        said = "Each place as if all units were furnished there: its total is an alternative to the others."
        table.page.write_string(below, 0, said)
        return
    table.page.write_string(below, 0, "All places", looks["bold"])
    for column, cents in enumerate(sums.values(), 2):
        span = xl_range(1, column, below - 1, column)
        table.page.write_formula(below, column, f"=ROUND(SUM({span}),2)", looks["sum"], cents / 100)


def _listed(book: Any, looks: dict[str, Any], name: str, columns: Sequence[Column], rows: Sequence[tuple[str, ...]]) -> None:
    """A sheet of texts."""
    table = Table(book, looks, name, columns, len(rows), keys=1)
    for number, row in enumerate(rows):
        for column, text in zip(columns, row, strict=True):
            table.text(number, column.key, text)
