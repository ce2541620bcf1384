"""A second pricer of Medicare claims, slow and plain, against which the engine is held.

It is written from the pricing conventions (the letters and numbers below) and from Medicare's payment rules alone. It shares no
code with the engine and takes nothing from `feecalc.policy`: only the tables of the built-in schedule are common to both.
Every figure is a whole number or a fraction; nothing here is a float.
"""

import os
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path

CMS_DIR = Path(os.environ.get("FEECALC_CMS_DIR", Path(__file__).resolve().parents[3] / "shared" / "cms"))

PRICED, ZERO, CANNOT = "priced", "zero", "cannot_price"
ONE, HALF = Fraction(1), Fraction(1, 2)

# Literal tables, from the payment rules ------------------------------------------------------------------------------------

# Section 8: conversion factors by date of service, in ten-thousandths of a dollar: first date, factor, factor of a QP.
CONVERSION_FACTORS = (
    (date(2020, 1, 1), 360896, None),
    (date(2021, 1, 1), 348931, None),
    (date(2022, 1, 1), 346062, None),
    (date(2023, 1, 1), 338872, None),
    (date(2024, 1, 1), 327442, None),
    (date(2024, 3, 9), 332875, None),
    (date(2025, 1, 1), 323465, None),
    (date(2026, 1, 1), 334009, 335675),
)

# Convention B3: the first date of each release of a year.
QUARTERS = (("A", 1, 1), ("B", 4, 1), ("C", 7, 1), ("D", 10, 1))

# Section 4: the rate of each place of service.
POS_FACILITY = frozenset("02 19 21 22 23 24 26 31 34 41 42 51 52 53 56 61".split())
POS_NONFACILITY = frozenset("01 03 04 09 10 11 12 13 14 15 16 17 20 25 27 32 33 49 50 54 55 57 58 60 62 65 71 72 81 99".split())
POS_FROM = {"10": date(2022, 1, 1), "27": date(2023, 10, 1), "58": date(2020, 1, 1)}

# Section 6: statuses.
STATUS_PRICED = frozenset("ART")
STATUS_ZERO = frozenset("BEIMNPX")

# Section 14: modifiers.
ROW_MODIFIERS = frozenset({"26", "TC", "53"})
ASSISTANTS = frozenset({"80", "81", "82", "AS"})
SIDES = frozenset({"LT", "RT"})
ANESTHESIA_ROLES = {
    "AA": Fraction(1),
    "QZ": Fraction(1),
    "AD": Fraction(1),
    "QK": Fraction(1, 2),
    "QX": Fraction(1, 2),
    "QY": Fraction(1, 2),
}
PAYMENT_MODIFIERS = ROW_MODIFIERS | ASSISTANTS | SIDES | frozenset("22 50 52 54 55 56 62 66 73 74 78 FX FY CT GY GZ".split())
INFORMATIONAL = frozenset(
    (
        "51 59 XE XP XS XU 24 25 27 57 58 76 77 79 91 GA GX GC GE GP GO GN KX 95 93 GT GQ FQ SA Q5 Q6 AQ AH AJ JW JZ "
        "FA F1 F2 F3 F4 F5 F6 F7 F8 F9 TA T1 T2 T3 T4 T5 T6 T7 T8 T9 E1 E2 E3 E4 LC LD LM RC RI "
        "QS G8 G9 23 33 PT CQ CO"
    ).split()
)

# Convention E1: percentages by place; later places are by report.
PLACES = (ONE, HALF, HALF, HALF, HALF)

# Conventions F1 and F2: types of practitioner.
TYPE_PERCENT = {
    "physician": Fraction(1),
    "NP": Fraction(85, 100),
    "PA": Fraction(85, 100),
    "CNS": Fraction(85, 100),
    "CSW": Fraction(75, 100),
    "MFT": Fraction(75, 100),
    "MHC": Fraction(75, 100),
    "RD": Fraction(85, 100),
    "CNM": Fraction(1),
    "CP": Fraction(1),
    "CRNA": Fraction(1),
    "PT": Fraction(1),
    "OT": Fraction(1),
    "SLP": Fraction(1),
    "AUD": Fraction(1),
}
TYPE_FROM = {"MFT": date(2024, 1, 1), "MHC": date(2024, 1, 1)}
MUST_ACCEPT = frozenset("NP PA CNS CNM CP CSW MFT MHC RD CRNA".split())

# Section 17.4: sequestration by first date of service.
SEQUESTRATION = (
    (date(2013, 4, 1), Fraction(2, 100)),
    (date(2020, 5, 1), Fraction(0)),
    (date(2022, 4, 1), Fraction(1, 100)),
    (date(2022, 7, 1), Fraction(2, 100)),
)


# The working record of a line ----------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Item:
    """One unit of one line. `base` is cents before the line's percentages; the rest are what the rules leave of it."""

    line: "Line"
    unit: int
    base: Fraction
    place: Fraction = ONE  # E1
    keep_tc: Fraction = ONE  # E3, E4
    keep_pc: Fraction = ONE  # E3
    zeroed: bool = False  # E2 left nothing of it

    @property
    def exact(self) -> Fraction:
        """The exact product by which it ranks: after D1, D2, D3, D4 and D5."""
        return self.base * self.line.share

    @property
    def order(self) -> tuple[int, int, int]:
        """Ties: by line, then unit."""
        return (*self.line.order, self.unit)


@dataclass(eq=False)
class Line:
    """One claim line while it is being priced."""

    raw: dict
    index: int
    hcpcs: str = ""
    modifiers: frozenset = frozenset()
    units: int = 1
    setting: str = ""
    release: str = ""
    row: dict | None = None
    gpci: tuple[int, int, int] | None = None
    outcome: str = PRICED
    why: str = ""
    rule: str = ""  # the convention that decided the outcome
    flags: set = field(default_factory=set)
    rules: list = field(default_factory=list)  # every rule that acted on it, for counting and for finding differences
    ghost: bool = False  # only modifier 22 keeps it from being priced
    pair: tuple["Line", "Line"] | None = None  # first and second of an LT/RT pair
    share: Fraction = ONE  # the product of D1, D2, D3, D4 and D5 for each of its items
    items: list = field(default_factory=list)
    allowed: int = 0
    applied_deductible: int = 0
    coinsurance: int = 0
    medicare: int = 0
    sequestration: int = 0

    @property
    def on(self) -> date:
        return self.raw["service_date"]

    @property
    def order(self) -> tuple[int, int]:
        number = self.raw.get("line")
        return (self.index + 1 if number is None else number, self.index)

    @property
    def pos(self) -> str:
        """The POS that counts: none where the caller set the setting."""
        return "" if self.raw.get("setting") else (self.raw.get("pos") or "")

    @property
    def member(self) -> bool:
        """Whether it takes part in sections E1 and E2: priced so far, or kept from it by modifier 22 alone."""
        return bool(self.items) and (self.outcome == PRICED or self.ghost)

    @property
    def second_of_one(self) -> bool:
        """The second line of an LT/RT pair of indicator 0 or 2: nothing of its own."""
        return self.pair is not None and self.pair[1] is self and self.row["bilateral"] in "02"

    def has(self, *modifiers: str) -> bool:
        return any(m in self.modifiers for m in modifiers)

    def hit(self, rule: str) -> None:
        self.rules.append(rule)

    def decide(self, verdict: "Verdict") -> None:
        self.outcome, self.rule, self.why = verdict
        self.hit(f"{self.rule} {self.outcome}: {self.why}")


Verdict = tuple[str, str, str]  # outcome, convention, why


def zero(rule: str, why: str) -> Verdict:
    return (ZERO, rule, why)


def cannot(rule: str, why: str) -> Verdict:
    return (CANNOT, rule, why)


# A. Arithmetic -------------------------------------------------------------------------------------------------------------


def half_up(amount: Fraction) -> int:
    """Whole cents, half a cent upwards. No amount here is negative."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def a1_amount(work: int, pe: Fraction | int, mp: int, gpci: tuple[int, int, int], factor: int) -> int:
    """A1: round_half_up((work*Gw + PE*Gpe + MP*Gmp) * CF, 2), exact, rounded once; the result is in cents."""
    dollars = (
        Fraction(work, 100) * Fraction(gpci[0], 1000)
        + Fraction(pe) / 100 * Fraction(gpci[1], 1000)
        + Fraction(mp, 100) * Fraction(gpci[2], 1000)
    ) * Fraction(factor, 10000)
    return half_up(dollars * 100)


def a2_item(*factors: Fraction | int) -> int:
    """A2: percentages multiply as exact fractions on the cents; the product is rounded once for each priced item."""
    product = ONE
    for f in factors:
        product *= f
    return half_up(product)


def a3_national(mac: str, locality: str) -> tuple[int, int, int] | None:
    """A3: national amounts use GPCI 1.000 for all three components."""
    return (1000, 1000, 1000) if not mac and locality == "national" else None


# B. Row, setting, release, factor ------------------------------------------------------------------------------------------


def b1_row(line: Line, rows: dict) -> Verdict | None:
    """B1: HCPCS + the one of 26, TC, 53, else the blank row; 26 and TC together = the blank row; 53 with either: no."""
    chosen = line.modifiers & ROW_MODIFIERS
    if (line.hcpcs, "") not in rows and not any((line.hcpcs, m) in rows for m in ROW_MODIFIERS):
        return cannot("B1", "unknown code")
    if "53" in chosen and len(chosen) > 1:
        return cannot("B1", "53 with 26 or TC")
    if chosen == {"26", "TC"}:
        if (line.hcpcs, "26") not in rows or (line.hcpcs, "TC") not in rows:
            return cannot("B1", "26 and TC on a code without those rows")
        line.hit("B1 26 and TC: blank row")
        modifier = ""
    else:
        modifier = next(iter(chosen), "")
    line.row = rows.get((line.hcpcs, modifier))
    if line.row is None:
        return cannot("B1", f"no {modifier or 'blank'} row")
    if modifier:
        line.hit(f"B1 {modifier} row")
    return None


def b2_setting(line: Line) -> Verdict | None:
    """B2: POS decides by the table; unknown, unsettled or not yet in force: cannot_price. An explicit setting wins."""
    explicit = line.raw.get("setting")
    if explicit:
        if explicit not in ("facility", "nonfacility"):
            return cannot("B2", "unknown setting")
        line.setting = explicit
        return None
    pos = line.raw.get("pos")
    if not pos:
        line.setting = "nonfacility"
        return None
    if pos in POS_FROM and line.on < POS_FROM[pos]:
        return cannot("B2", "POS not yet in force")
    if pos in POS_FACILITY:
        line.setting = "facility"
    elif pos in POS_NONFACILITY:
        line.setting = "nonfacility"
    else:
        return cannot("B2", "POS without a settled rate")
    return None


def b3_release(on: date | None, loaded: list[str]) -> tuple[str, bool] | None:
    """B3: the release in force on the date; else the newest earlier one of its year, else the oldest later one, flagged."""
    if on is None:
        return None
    starts = {f"{on.year}{letter}": date(on.year, month, day) for letter, month, day in QUARTERS}
    if on.year == 2024:
        starts["2024AR"] = date(2024, 3, 9)
    in_force = max((start, name) for name, start in starts.items() if start <= on)[1]
    if in_force in loaded:
        return in_force, False
    same_year = sorted((start, name) for name, start in starts.items() if name in loaded)
    earlier = [name for start, name in same_year if start < starts[in_force]]
    later = [name for start, name in same_year if start > starts[in_force]]
    if earlier:
        return earlier[-1], True
    if later:
        return later[0], True
    return None


def b4_factor(on: date, qp: bool) -> int:
    """B4 and section 8: the conversion factor of the date of service; from 2026 a QP has a factor of their own."""
    factor, factor_qp = next((f, q) for start, f, q in reversed(CONVERSION_FACTORS) if start <= on)
    return factor_qp if qp and factor_qp else factor


# C. Gates ------------------------------------------------------------------------------------------------------------------


def has_rvus(row: dict) -> bool:
    return any(row[c] for c in ("work", "pe_nonfacility", "pe_facility", "mp"))


def payable(row: dict | None) -> bool:
    """A row whose status prices by RVUs: A, T, and R with RVUs."""
    return row is not None and (row["status"] in "AT" or (row["status"] == "R" and has_rvus(row)))


def c1_status(line: Line) -> Verdict | None:
    """C1: A, R (with RVUs) and T price; B, E, I, M, N, P, X are zero; C, and R without RVUs, cannot; J: anesthesia."""
    status = line.row["status"]
    if status in STATUS_ZERO:
        return zero("C1", f"status {status}")
    if status == "J":
        return None
    if status == "R":
        line.flags.add("restricted")
        if not has_rvus(line.row):
            return cannot("C1", "status R without RVUs")
        line.hit("C1 status R priced")
        return None
    return None if status in "AT" else cannot("C1", f"status {status}")


def c2_status_t(day: list[Line]) -> None:
    """C2: T is zero beside a priced line of status A or R; cannot_price beside none of those but a cannot_price line."""
    others = [m for m in day if m.row is None or m.row["status"] != "T"]
    beside_priced = any(m.row is not None and m.row["status"] in "AR" and m.outcome == PRICED for m in others)
    for line in [m for m in day if m.row is not None and m.row["status"] == "T"]:
        line.flags.add("alone_only")
        if line.outcome != PRICED and line.rule != "F1":
            continue
        beside_cannot = any(m.outcome == CANNOT and m.rule != "C2" for m in day if m is not line)
        if beside_priced:
            line.decide(zero("C2", "status T beside a priced line"))
        elif beside_cannot and line.outcome == PRICED:
            line.decide(cannot("C2", "status T beside a line without a price"))
        elif line.outcome == PRICED:
            line.hit("C2 status T priced")


def c3_technical(line: Line) -> Verdict | None:
    """C3: technical parts in POS 19, 21-24, PC/TC 5 and 7 in POS 19, 21-23, PC/TC 8 outside POS 21: zero."""
    pctc, modifier = line.row["pctc"], line.row["modifier"]
    technical = modifier == "TC" or (modifier == "" and pctc in ("1", "3", "4"))
    if technical and line.pos in ("19", "21", "22", "23", "24"):
        return zero("C3", "technical part in a hospital or ASC")
    if technical and line.setting == "facility":
        line.flags.add("technical_in_facility")
        line.hit("C3 technical_in_facility")
    if pctc in ("5", "7") and line.pos in ("19", "21", "22", "23"):
        return zero("C3", f"PC/TC {pctc} in a hospital")
    if pctc == "8" and line.pos != "21":
        return zero("C3", "PC/TC 8 outside POS 21")
    return None


def c4_na(line: Line) -> None:
    """C4: NA in the billed setting: priced from the file's number, with the flag."""
    if line.row["status"] in STATUS_PRICED and line.row[f"na_{line.setting}"]:
        line.flags.add("na_setting")
        line.hit("C4 na_setting")


# D. Line modifiers ---------------------------------------------------------------------------------------------------------


def d1_gate(line: Line) -> Verdict | None:
    """D1: 50 takes one unit and an indicator other than 9; LT with RT, or 50 with either: cannot_price."""
    if line.has("50"):
        if line.units != 1:
            return cannot("D1", "50 with units other than 1")
        if line.row["bilateral"] == "9":
            return cannot("D1", "50 on indicator 9")
        if line.has("LT", "RT"):
            return cannot("D1", "50 with LT or RT")
    if line.modifiers >= SIDES:
        return cannot("D1", "LT and RT on one line")
    return None


def d1_pairs(day: list[Line]) -> None:
    """D1: LT/RT pair: the same code on exactly two lines, one LT and one RT, otherwise alike, one unit each; not for 9."""
    by_code: dict[str, list[Line]] = {}
    for line in day:
        by_code.setdefault(line.hcpcs, []).append(line)
    for lines in by_code.values():
        if len(lines) != 2 or any(m.row is None for m in lines):
            continue
        first, second = sorted(lines, key=lambda m: m.order)
        sides = [m.modifiers & SIDES for m in (first, second)]
        if sorted(map(sorted, sides)) != [["LT"], ["RT"]]:
            continue
        alike = all(
            one == other
            for one, other in (
                (first.modifiers - SIDES, second.modifiers - SIDES),
                (first.raw.get("pos") or "", second.raw.get("pos") or ""),
                (first.raw.get("setting") or "", second.raw.get("setting") or ""),
                (place(first), place(second)),
                (first.units, 1),
                (second.units, 1),
            )
        )
        if alike and first.row["bilateral"] in "0123" and not first.has("50"):
            first.pair = second.pair = (first, second)
            first.hit(f"D1 pair, indicator {first.row['bilateral']}")


def as_bilateral(line: Line) -> bool:
    """Whether D1 treats the line as bilateral: 50, or two units without 50, LT or RT on indicator 1 or 2."""
    return line.has("50") or (line.units == 2 and not line.has("LT", "RT") and line.row["bilateral"] in "12")


def d1_bilateral(line: Line) -> tuple[int, Fraction]:
    """D1: how many items the line is, and the share of the amount that each has.

    50, or two units of indicator 1 or 2: one item of 150 % (1) or 100 % (0, 2); 3: two items. A pair of indicator 1: 100 and
    50 %; of 0 and 2: the first alone.
    """
    indicator = line.row["bilateral"]
    if line.pair:
        if line.second_of_one:
            return 0, ONE
        return 1, HALF if indicator == "1" and line.pair[1] is line else ONE
    if as_bilateral(line):
        line.hit(f"D1 {'50' if line.has('50') else 'two units'}, indicator {indicator}")
        if indicator == "3":
            return 2, ONE
        return 1, Fraction(3, 2) if indicator == "1" else ONE
    return line.units, ONE


def all_zero_splits(row: dict) -> bool:
    return not (row["pre_op"] or row["intra_op"] or row["post_op"])


def d2_gate(line: Line) -> Verdict | None:
    """D2: 56: cannot_price; 54 or 55 where the splits are all zero: cannot_price."""
    if line.has("56"):
        return cannot("D2", "56")
    if line.has("54", "55") and all_zero_splits(line.row):
        return cannot("D2", "54 or 55 without splits")
    return None


def d2_split(line: Line) -> Fraction:
    """D2: 54: PRE + INTRA %. 55: POST %. Both: the sum."""
    share = 0
    if line.has("54"):
        share += line.row["pre_op"] + line.row["intra_op"]
    if line.has("55"):
        share += line.row["post_op"]
    if not line.has("54", "55"):
        return ONE
    line.hit("D2 " + " and ".join(m for m in ("54", "55") if line.has(m)))
    return Fraction(share, 100)


def d3_gate(line: Line) -> Verdict | None:
    """D3: 78 on globals 010 and 090 without splits, or on any other global but 000: cannot_price."""
    if not line.has("78") or line.row["global_days"] == "000":
        return None
    if line.row["global_days"] not in ("010", "090"):
        return cannot("D3", "78 on another global")
    return cannot("D3", "78 without splits") if all_zero_splits(line.row) else None


def d3_return(line: Line) -> Fraction:
    """D3: 78: INTRA % for globals 010 and 090, 100 % for 000."""
    if not line.has("78"):
        return ONE
    line.hit(f"D3 78 on global {line.row['global_days']}")
    return ONE if line.row["global_days"] == "000" else Fraction(line.row["intra_op"], 100)


def d4_gate(line: Line) -> Verdict | None:
    """D4: 62: CO-SURG 0 is zero, 1 and 9 cannot_price. 66: cannot_price (TEAM 0: zero)."""
    if line.has("62"):
        if line.row["co_surgery"] == "0":
            return zero("D4", "62 on CO-SURG 0")
        if line.row["co_surgery"] != "2":
            return cannot("D4", "62 on CO-SURG 1 or 9")
    if line.has("66"):
        return zero("D4", "66 on TEAM 0") if line.row["team_surgery"] == "0" else cannot("D4", "66")
    return None


def d4_cosurgeon(line: Line) -> Fraction:
    """D4: 62: CO-SURG 2 pays 62.5 %."""
    if not line.has("62"):
        return ONE
    line.hit("D4 62")
    return Fraction(625, 1000)


def d5_gate(line: Line) -> Verdict | None:
    """D5: 80, 81, 82, AS: ASST 1 is zero, 0 and 9 cannot_price. Two roles on one line: cannot_price."""
    if line.modifiers & ASSISTANTS:
        if line.row["assistant_surgery"] == "1":
            return zero("D5", "assistant on ASST 1")
        if line.row["assistant_surgery"] != "2":
            return cannot("D5", "assistant on ASST 0 or 9")
    roles = len(line.modifiers & (ASSISTANTS | {"62", "66", "78"})) + line.has("54", "55")
    return cannot("D5", "two roles on one line") if roles > 1 else None


def d5_assistant(line: Line) -> Fraction:
    """D5: 80, 81, 82: 16 %. AS: 16 % x 85 %."""
    if not line.modifiers & ASSISTANTS:
        return ONE
    line.hit("D5 AS" if line.has("AS") else "D5 80, 81, 82")
    return Fraction(16, 100) * (Fraction(85, 100) if line.has("AS") else ONE)


def d6_by_report(line: Line, but_22: bool) -> Verdict | None:
    """D6: 22, 52, 73, 74: cannot_price. (53 on a code without a 53 row has no row: B1.)"""
    if line.has("52", "73", "74"):
        return cannot("D6", "52, 73 or 74")
    return cannot("D6", "22") if line.has("22") and not but_22 else None


def d7_gate(line: Line, rows: dict) -> Verdict | None:
    """D7: FX, FY or CT on a blank row of PC/TC 1 whose TC or 26 row is missing or not payable: cannot_price."""
    if line.has("FX", "FY", "CT") and is_global(line) and not splits(line, rows):
        return cannot("D7", "FX, FY or CT without component rows")
    return None


def d7_cut(line: Line) -> Fraction:
    """D7: what FX (20 %), FY (7 % to 2022, 10 % from 2023) and CT (15 %) leave of a technical part; several multiply."""
    if not (is_global(line) or line.row["modifier"] == "TC"):
        return ONE
    left = ONE
    if line.has("FX"):
        left *= Fraction(80, 100)
    if line.has("FY"):
        left *= Fraction(93 if line.on.year <= 2022 else 90, 100)
    if line.has("CT"):
        left *= Fraction(95 if line.on.year <= 2016 else 85, 100)
    return left


def d8_others(line: Line) -> Verdict | None:
    """D8: GY, GZ: zero, before an unlisted modifier: cannot_price. An anesthesia role where there is none: cannot_price."""
    if line.modifiers & INFORMATIONAL:
        line.hit("D8 informational")
    if line.has("GY", "GZ"):
        return zero("D8", "GY or GZ")
    known = PAYMENT_MODIFIERS | INFORMATIONAL
    if line.modifiers - known - set(ANESTHESIA_ROLES):
        return cannot("D8", "modifier that is not in the registry")
    if line.row["status"] != "J" and line.modifiers & set(ANESTHESIA_ROLES):
        return cannot("D8", "anesthesia role on another code")
    return None


# Anesthesia ----------------------------------------------------------------------------------------------------------------


def anesthesia(line: Line, reference: "Reference") -> Verdict | None:
    """Section 15: (base units + minutes / 15 to one decimal) x the locality's factor; AD: 3 base units, 4 with induction."""
    roles = sorted(line.modifiers & set(ANESTHESIA_ROLES))
    if len(roles) != 1:
        return cannot("J", "not exactly one of AA AD QK QX QY QZ")
    role = roles[0]
    minutes = line.raw.get("minutes")
    if role != "AD" and (minutes is None or not 1 <= minutes <= 1440):
        return cannot("J", "minutes missing or out of range")
    base = reference.base_units.get(line.hcpcs, 0)
    if not base:
        return cannot("J", "no base units")
    factors = reference.anesthesia_factors(line.release).get(place(line))
    if factors is None:
        return cannot("J", "no anesthesia factor for the place")
    factor = factors[1] if line.raw.get("qp") and factors[1] is not None else factors[0]
    if role == "AD":
        units = Fraction(4 if line.raw.get("induction") else 3)
    else:
        units = base + Fraction(half_up(Fraction(minutes, 15) * 10), 10)
    line.items = [Item(line, 1, Fraction(half_up(units * factor)))]
    line.share = ANESTHESIA_ROLES[role]
    line.hit(f"J {role}")
    if factor == factors[1]:
        line.hit("J factor of a QP")
    return None


# E. Same claim, same date --------------------------------------------------------------------------------------------------


def is_global(line: Line) -> bool:
    """A blank row that has a professional and a technical part."""
    return line.row["modifier"] == "" and line.row["pctc"] == "1"


def splits(line: Line, rows: dict) -> bool:
    """Whether both component rows of a blank row are there and payable."""
    return payable(rows.get((line.hcpcs, "TC"))) and payable(rows.get((line.hcpcs, "26")))


def leaves_uncertain(line: Line) -> bool:
    """Whether a line that is in none of the lists leaves their order open: its amount is unknown, not nothing."""
    return line.outcome == CANNOT


def role_list(line: Line) -> str:
    """E1: separate rankings for surgeon, assistant (80, 81, 82, AS), co-surgeon (62)."""
    if line.modifiers & ASSISTANTS:
        return "assistant"
    return "co-surgeon" if line.has("62") else "surgeon"


def in_surgery(line: Line) -> bool:
    return line.row is not None and line.row["mult_proc"] in ("2", "3") and not line.has("58", "78", "79")


def e2_family(line: Line, reference: "Reference") -> str:
    """E2: a family is the codes with one ENDO BASE, and the base itself. Lines with 58 or 79 are outside."""
    if line.row is None or line.row["mult_proc"] not in ("2", "3") or line.has("58", "79"):
        return ""
    if line.row["endo_base"]:
        return line.row["endo_base"]
    return line.hcpcs if line.hcpcs in reference.endo_bases(line.release) else ""


def e2_gate(day: list[Line], reference: "Reference") -> None:
    """E2: a family of two codes or more, whatever their list, with a 50, units as 50, a pair, 53, 54, 55 or 78: cannot."""
    families: dict[str, list[Line]] = {}
    for line in day:
        if (line.member or (line.second_of_one and (line.outcome == PRICED or line.ghost))) and e2_family(line, reference):
            families.setdefault(e2_family(line, reference), []).append(line)
    for lines in families.values():
        mixed = any(as_bilateral(m) or m.pair or m.has("53", "54", "55", "78") for m in lines)
        if len({m.hcpcs for m in lines}) > 1 and mixed:
            for m in lines:
                refuse(m, cannot("E2", "a family with a bilateral, split or discontinued member"))


def refuse(line: Line, verdict: Verdict) -> None:
    """A same-day rule takes the price of a line; one that 22 had kept from it keeps that reason, and leaves the lists."""
    if line.outcome == PRICED:
        line.decide(verdict)
    line.ghost = False


def e2_endoscopy(members: list[Line], reference: "Reference") -> list[list[Item]]:
    """E2, within one list: the highest item that is not the base in full, others less the base's amount, the base 0.

    Returns the items of each family of two codes or more, which ranks as one.
    """
    families: dict[str, list[Line]] = {}
    for line in members:
        base = e2_family(line, reference)
        if base:
            families.setdefault(base, []).append(line)
    ranked_as_one = []
    for base, lines in families.items():
        if len({m.hcpcs for m in lines}) < 2:
            continue
        base_row = reference.rows(lines[0].release).get((base, ""))
        if not payable(base_row):
            for m in lines:
                refuse(m, cannot("E2", "a family whose base is not payable"))
            continue
        items = [i for m in lines for i in m.items]
        leader = min((i for i in items if i.line.hcpcs != base), key=lambda i: (-i.exact, i.order))
        for item in items:
            if item.line.ghost:
                item.line.hit("E2 22 counts as a member")
            if item is leader:
                item.line.hit("E2 leader")
            elif item.line.hcpcs == base:
                item.base = Fraction(0)
                item.line.hit("E2 base")
            else:
                item.base = max(Fraction(0), item.base - reference.fee(item.line, base_row))
                item.line.hit("E2 member less the base")
            item.zeroed = item.base == 0
        ranked_as_one.append(items)
    return ranked_as_one


def e1_surgery(day: list[Line], reference: "Reference") -> None:
    """E1: by amount, highest first, ties by line then unit: 100, 50, 50, 50, 50 %; the sixth and later cannot_price.

    An LT/RT pair of indicator 1, and an endoscopy family, is one item by its total. A line that only 22 keeps from being
    priced keeps its place. Any other line of the list without a price leaves it, and flags the rest.
    """
    for role in ("surgeon", "assistant", "co-surgeon"):
        lines = [m for m in day if in_surgery(m) and role_list(m) == role]
        entries = e2_endoscopy([m for m in lines if m.member], reference)
        in_families = {id(i) for items in entries for i in items}
        families = {id(items) for items in entries}
        pairs: dict[int, list[Item]] = {}
        for item in (i for m in lines if m.member for i in m.items):
            if id(item) in in_families:
                continue
            if item.line.pair and item.line.row["bilateral"] == "1":
                pairs.setdefault(id(item.line.pair[0]), []).append(item)
            else:
                entries.append([item])
        entries.extend(pairs.values())
        entries.sort(key=lambda items: (-sum(i.exact for i in items), min(i.order for i in items)))
        if any(leaves_uncertain(m) and not m.ghost and not m.second_of_one for m in lines):
            for item in (i for items in entries for i in items):
                item.line.flags.add("rank_uncertain")
                item.line.hit("E1 rank_uncertain")
        beyond: list[Line] = []
        for position, items in enumerate(entries):
            for item in items:
                if position < len(PLACES):
                    item.place = PLACES[position]
                    if position and item.line.outcome == PRICED:
                        item.line.hit(f"E1 {role} at 50 %")
                    if position and id(items) in families:
                        item.line.hit("E1 family at 50 %")
                else:
                    beyond.append(item.line)
                    if id(items) in families:
                        item.line.hit("E2 family in the sixth place or later")
                if item.line.ghost and len(entries) > 1:
                    item.line.hit("E1 22 keeps its place")
        for m in beyond:
            if m.outcome == PRICED:
                m.decide(cannot("E1", f"{role}, sixth or later"))


def technical_fee(line: Line, reference: "Reference") -> int:
    """The amount of the line's technical part, uncapped: of its TC row, or of the row itself (TC, PC/TC 3)."""
    row = reference.rows(line.release)[(line.hcpcs, "TC")] if is_global(line) else line.row
    return reference.fee(line, row)


def professional_fee(line: Line, reference: "Reference") -> int:
    row = reference.rows(line.release)[(line.hcpcs, "26")] if is_global(line) else line.row
    return reference.fee(line, row)


def reduce_after_first(items: list[tuple[Item, int]], attribute: str, keep: Fraction, rule: str) -> None:
    """Items with their amounts: the highest in full (ties by line, then unit), the others at `keep`."""
    ranked = sorted(items, key=lambda pair: (-pair[1] * pair[0].line.share, pair[0].order))
    for item, _ in ranked[1:]:
        setattr(item, attribute, keep)
        item.line.hit(rule)


def e3_imaging(day: list[Line], reference: "Reference") -> None:
    """E3: MULT 4. TC items: first 100 %, others 50 %. PC items: first 100 %, others 95 %. 59 and XE stay out."""
    lines = [m for m in day if m.row is not None and m.row["mult_proc"] == "4" and not m.has("59", "XE")]
    for part, modifiers, attribute, keep, amount in (
        ("TC", ("", "TC"), "keep_tc", HALF, technical_fee),
        ("PC", ("", "26"), "keep_pc", Fraction(95, 100), professional_fee),
    ):
        of_list = [m for m in lines if m.row["modifier"] in modifiers]
        members = [
            m for m in of_list if m.outcome == PRICED and m.items and (not is_global(m) or splits(m, reference.rows(m.release)))
        ]
        reduce_after_first([(i, amount(m, reference)) for m in members for i in m.items], attribute, keep, f"E3 {part}")
        if any(leaves_uncertain(m) for m in of_list):
            for m in members:
                m.flags.add("rank_uncertain")
                m.hit("E3 rank_uncertain")


def e4_diagnostic(day: list[Line], reference: "Reference") -> None:
    """E4: MULT 6: TC items after the first 75 %. MULT 7: 80 %. PC untouched. PC/TC 3 codes are TC items. By day."""
    for indicator, keep in (("6", Fraction(75, 100)), ("7", Fraction(80, 100))):
        lines = [m for m in day if m.row is not None and m.row["mult_proc"] == indicator and m.row["modifier"] != "26"]
        if indicator == "6":
            e4_global_only([m for m in lines if m.outcome == PRICED and m.items])
        members = [
            m
            for m in lines
            if m.outcome == PRICED
            and m.items
            and m.row["pctc"] != "4"
            and (not is_global(m) or splits(m, reference.rows(m.release)))
        ]
        items = [(i, technical_fee(m, reference)) for m in members for i in m.items]
        reduce_after_first(items, "keep_tc", keep, f"E4 indicator {indicator}")
        if any(leaves_uncertain(m) for m in lines):
            for m in lines:
                if m.outcome == PRICED and m.items:
                    m.flags.add("rank_uncertain")
                    m.hit(f"E4 rank_uncertain, indicator {indicator}")


def e4_global_only(priced: list[Line]) -> None:
    """E4: a PC/TC 4 code of more than one unit, or with another priced indicator-6 technical part: cannot_price."""
    refused = [m for m in priced if m.row["pctc"] == "4" and (m.units > 1 or len(priced) > 1)]
    for m in refused:
        m.decide(cannot("E4", "PC/TC 4 whose technical share would be reduced"))


def e6_cap(line: Line, row: dict, reference: "Reference") -> int | None:
    """E6: the OPPS cap of a blank or TC row that has one."""
    if row["modifier"] not in ("", "TC") or not (row["opps_pe_nonfacility"] or row["opps_pe_facility"] or row["opps_mp"]):
        return None
    factor = b4_factor(line.on, bool(line.raw.get("qp")))
    return a1_amount(row["work"], row[f"opps_pe_{line.setting}"], row["opps_mp"], line.gpci, factor)


def e6_lower(line: Line, row: dict, amount: Fraction, reference: "Reference") -> Fraction:
    """E6: the lower of an amount and the row's own cap."""
    cap = e6_cap(line, row, reference)
    if cap is not None and cap < amount:
        line.hit("E6 cap binds")
        return Fraction(cap)
    return amount


def e7_therapy(day: list[Line], reference: "Reference") -> None:
    """E7: MULT 5: the unit with the highest non-facility PE RVU in full, every other with half its PE (its own cents)."""
    items = [i for m in day if m.outcome == PRICED and m.row["mult_proc"] == "5" for i in m.items]
    items.sort(key=lambda i: (-i.line.row["pe_nonfacility"], -i.base, i.order))
    for item in items[1:]:
        item.base = Fraction(reference.fee(item.line, item.line.row, half_pe=True))
        item.line.hit("E7 half PE")


# F. After the fee ----------------------------------------------------------------------------------------------------------


def f1_gate(line: Line) -> Verdict | None:
    """F1: MFT and MHC before 2024-01-01: cannot_price."""
    kind = line.raw.get("provider_type") or "physician"
    if kind not in TYPE_PERCENT:
        return cannot("F1", "unknown type of practitioner")
    if kind in TYPE_FROM and line.on < TYPE_FROM[kind]:
        return cannot("F1", "MFT or MHC before 2024")
    return None


def f1_practitioner(line: Line) -> Fraction:
    """F1: NP, PA, CNS, RD 85 %; CSW, MFT, MHC 75 %; others 100 %. Not on AS lines (D5), nor on anesthesia."""
    if line.has("AS") or line.row["status"] == "J":
        return ONE
    percent = TYPE_PERCENT[line.raw.get("provider_type") or "physician"]
    if percent != 1:
        line.hit(f"F1 {line.raw['provider_type']}")
    return percent


def f2_participation(line: Line) -> Fraction:
    """F2: non-participating 95 %, except for those who must accept assignment, and AS lines."""
    if line.raw.get("participation") != "nonparticipating":
        return ONE
    if (line.raw.get("provider_type") or "physician") in MUST_ACCEPT or line.has("AS"):
        line.hit("F2 must accept assignment")
        return ONE
    line.hit("F2 95 %")
    return Fraction(95, 100)


def f2_limiting_charge(fee: int) -> int:
    """F2: limiting charge = round(1.15 x round(0.95 x fee)), unassigned claims only."""
    return half_up(Fraction(115, 100) * half_up(Fraction(95, 100) * fee))


def f3_charge(day: list[Line]) -> None:
    """F3: the lower of charge and allowed, by line; an LT/RT pair of indicator 0, 1 or 2 by the two totals, second first."""
    for line in day:
        if line.pair and line.row["bilateral"] in "012":
            first, second = line.pair
            if line is second or first.outcome != PRICED or (second.outcome == CANNOT):
                continue
            charges = [m.raw.get("charge") for m in line.pair]
            if None in charges:
                continue
            cut = max(0, first.allowed + second.allowed - sum(charges))
            if cut:
                first.hit("F3 pair cut")
            of_second = min(cut, second.allowed)
            second.allowed -= of_second
            first.allowed -= cut - of_second
        elif line.outcome == PRICED and line.raw.get("charge") is not None and line.raw["charge"] < line.allowed:
            line.allowed = line.raw["charge"]
            line.hit("F3 charge")


def f4_patient(day: list[Line]) -> None:
    """F4: the deductible, line by line; coinsurance 20 % of the rest; 33: neither; PT: no deductible, 15 % from 2023."""
    used = 0
    for line in sorted(day, key=lambda m: m.order):
        if line.outcome != PRICED:
            continue
        percent = Fraction(20, 100)
        if line.has("33"):
            percent = Fraction(0)
            line.hit("F4 33")
        elif line.has("PT"):
            percent = Fraction(20 if line.on.year <= 2022 else 15, 100)
            line.hit("F4 PT")
        else:
            line.applied_deductible = min(line.allowed, max(0, (line.raw.get("deductible_left") or 0) - used))
            used += line.applied_deductible
            if line.applied_deductible:
                line.hit("F4 deductible")
        rest = line.allowed - line.applied_deductible
        line.coinsurance = half_up(percent * rest)
        line.medicare = rest - line.coinsurance


def f5_assistants(line: Line) -> None:
    """F5: CQ, CO from 2022-01-01: Medicare's share x 85 %; allowed and coinsurance unchanged."""
    if line.has("CQ", "CO") and line.on >= date(2022, 1, 1):
        line.medicare = half_up(Fraction(85, 100) * line.medicare)
        line.hit("F5 CQ, CO")


def f6_sequestration(line: Line) -> None:
    """F6: the rate in force x Medicare's share after F5, rounded."""
    rate = next((r for start, r in reversed(SEQUESTRATION) if start <= line.on), Fraction(0))
    line.sequestration = half_up(rate * line.medicare)
    line.hit(f"F6 {rate}")


# The whole chain -----------------------------------------------------------------------------------------------------------


def place(line: Line) -> tuple[str, str]:
    return (line.raw.get("mac") or "", line.raw.get("locality") or "national")


def line_gates(line: Line, reference: "Reference", but_22: bool = False) -> Verdict | None:
    """The gates of one line, in the order of the conventions: B and the locality, C1, C3, D6, D1-D5, D8, F1."""
    return (
        b1_row(line, reference.rows(line.release))
        or b2_setting(line)
        or reference.locality(line)
        or c1_status(line)
        or c3_technical(line)
        or d6_by_report(line, but_22)
        or d1_gate(line)
        or d2_gate(line)
        or d3_gate(line)
        or d4_gate(line)
        or d5_gate(line)
        or d8_others(line)
        or (anesthesia(line, reference) if line.row["status"] == "J" else None)
        or d7_gate(line, reference.rows(line.release))
        or f1_gate(line)
    )


def open_line(line: Line, reference: "Reference") -> None:
    """Everything that concerns the line alone: its row, its setting, its gates."""
    modifiers = (line.raw.get("modifiers") or "").split()
    line.hcpcs = line.raw["hcpcs"]
    line.modifiers = frozenset(modifiers)
    line.units = 1 if line.raw.get("units") is None else line.raw["units"]
    found = b3_release(line.raw.get("service_date"), reference.loaded)
    if found is None:
        line.decide(cannot("B3", "no release for the date"))
        return
    line.release, substituted = found
    if substituted:
        line.flags.add("release_substituted")
        line.hit("B3 release_substituted")
    if len(line.modifiers) > 4:
        b1_row(line, reference.rows(line.release))
        line.decide(cannot("B1", "more than four modifiers"))
        return
    if line.units < 1:
        line.decide(cannot("B1", "no units"))
        return
    verdict = line_gates(line, reference)
    if line.row is not None and line.setting:
        c4_na(line)
    if verdict:
        line.decide(verdict)
        if verdict[1:] == ("D6", "22") and line.row["status"] not in "JT":
            line.ghost = line_gates(line, reference, but_22=True) is None


def make_items(line: Line, reference: "Reference") -> None:
    """The items of a line that is priced so far (or that only 22 keeps from it), each with its amount, capped."""
    if line.items or line.second_of_one or not (line.outcome == PRICED or line.ghost):
        return
    count, share = d1_bilateral(line)
    line.share = share * d2_split(line) * d3_return(line) * d4_cosurgeon(line) * d5_assistant(line)
    base = e6_lower(line, line.row, Fraction(reference.fee(line, line.row)), reference)
    line.items = [Item(line, unit, base) for unit in range(1, count + 1)]


def pay_item(item: Item, reference: "Reference") -> int:
    """E5, E6, D7, A2: what one item comes to, rounded once, or once for each component where they are priced apart."""
    line = item.line
    percent = line.share * item.place * f1_practitioner(line) * f2_participation(line)
    cut = d7_cut(line)
    if is_global(line) and (item.keep_tc != 1 or item.keep_pc != 1 or cut != 1):
        line.hit("E5 components")
        rows = reference.rows(line.release)
        technical = e6_lower(line, rows[(line.hcpcs, "TC")], item.keep_tc * technical_fee(line, reference), reference)
        professional = item.keep_pc * professional_fee(line, reference)
        if cut != 1:
            line.hit("D7 technical part of a blank row")
        return a2_item(technical, cut, percent) + a2_item(professional, percent)
    if item.keep_tc != 1:  # a TC row, or a PC/TC 3 code
        line.hit("E5 technical part alone, reduced")
        technical = e6_lower(line, line.row, item.keep_tc * technical_fee(line, reference), reference)
        return a2_item(technical, cut, percent)
    if item.keep_pc != 1:  # a 26 row
        return a2_item(item.keep_pc * professional_fee(line, reference), percent)
    if cut != 1:
        line.hit("D7 TC row")
    return a2_item(item.base, cut, percent)


def pay_line(line: Line, reference: "Reference") -> None:
    """The sum of the items; a line all of whose items E2 left at nothing is zero."""
    if line.outcome != PRICED:
        return
    if line.items and all(i.zeroed for i in line.items):
        line.decide(zero("E2", "nothing left of the base"))
        return
    line.allowed = sum(pay_item(i, reference) for i in line.items)


def close_pair(line: Line) -> None:
    """D1: the second line of a pair of indicator 0 or 2 is zero; where the first is not priced, it has its outcome."""
    if line.second_of_one:
        first = line.pair[0]
        line.ghost = False
        if first.outcome == PRICED:
            line.decide(zero("D1", "second side, indicator 0 or 2"))
        else:
            line.outcome, line.rule, line.why = first.outcome, first.rule, first.why


def settle(lines: list[Line], reference: "Reference") -> None:
    """The amounts of lines whose ranks are known."""
    for line in lines:
        if not line.second_of_one:
            pay_line(line, reference)
    for line in lines:
        close_pair(line)


def price_day(day: list[Line], reference: "Reference") -> None:
    """Every line of one claim and date."""
    for line in day:
        open_line(line, reference)
    d1_pairs(day)
    for line in day:
        make_items(line, reference)
    # Lines of status T first wait: whether they are paid at all hangs on the others (C2).
    waiting = [m for m in day if m.row is not None and m.row["status"] == "T" and m.outcome == PRICED]
    others = [m for m in day if m not in waiting]
    e2_gate(others, reference)
    e1_surgery(others, reference)
    e3_imaging(others, reference)
    e4_diagnostic(others, reference)
    e7_therapy(others, reference)
    settle(others, reference)
    c2_status_t(day)
    e1_surgery(waiting, reference)
    settle(waiting, reference)
    f3_charge(day)
    f4_patient(day)
    for line in day:
        if line.outcome == PRICED:
            if line.raw.get("qp") and line.on.year >= 2026:
                line.hit("B4 factor of a QP")
            if in_surgery(line) is False and line.row["mult_proc"] in ("2", "3"):
                line.hit("E1 58, 78, 79 stay out")
            if line.row["mult_proc"] == "4" and line.has("59", "XE"):
                line.hit("E3 59, XE stay out")
            f5_assistants(line)
            f6_sequestration(line)


class Reference:
    """Prices claim lines by the conventions, from a schedule's tables."""

    def __init__(self, schedule):
        self.schedule = schedule
        self.loaded = list(schedule.priceable())
        self.base_units = read_base_units(CMS_DIR / "anesthesia-base-units-2022.zip")
        self.hits: Counter = Counter()  # how many lines each rule has acted on
        self._tables: dict = {}

    def rows(self, release: str) -> dict:
        """(HCPCS, modifier) -> row of the release."""
        if ("rows", release) not in self._tables:
            rows = {(r["hcpcs"], r["modifier"]): r for r in self.schedule.table(release, "pprrvu").to_dicts()}
            self._tables["rows", release] = rows
            self._tables["bases", release] = {r["endo_base"] for r in rows.values() if r["endo_base"]}
        return self._tables["rows", release]

    def endo_bases(self, release: str) -> set[str]:
        self.rows(release)
        return self._tables["bases", release]

    def places(self, release: str) -> dict:
        """(MAC, locality) -> the three GPCIs in thousandths."""
        if ("gpci", release) not in self._tables:
            table = self.schedule.table(release, "gpci").to_dicts()
            self._tables["gpci", release] = {(r["mac"], r["locality"]): (r["work"], r["pe"], r["mp"]) for r in table}
        return self._tables["gpci", release]

    def anesthesia_factors(self, release: str) -> dict:
        """(MAC, locality) -> the factor in cents, and a QP's or None."""
        if ("anesthesia", release) not in self._tables:
            table = []
            if self.schedule.releases[release].has("anesthesia"):
                table = self.schedule.table(release, "anesthesia").to_dicts()
            factors = {(r["mac"], r["locality"]): (r["factor"], r["factor_qp"]) for r in table}
            self._tables["anesthesia", release] = factors
        return self._tables["anesthesia", release]

    def locality(self, line: Line) -> Verdict | None:
        """The place: one of the release's localities, or the nation (A3)."""
        if a3_national(*place(line)):
            line.hit("A3 national")
        line.gpci = a3_national(*place(line)) or self.places(line.release).get(place(line))
        return None if line.gpci else cannot("B", "unknown locality")

    def fee(self, line: Line, row: dict, half_pe: bool = False) -> int:
        """A1 for a row at the line's place, setting, date and QP status, in cents."""
        pe = Fraction(row[f"pe_{line.setting}"]) * (HALF if half_pe else ONE)
        return a1_amount(row["work"], pe, row["mp"], line.gpci, b4_factor(line.on, bool(line.raw.get("qp"))))

    def price(self, lines: list[dict]) -> list[dict]:
        """One result for each line, in the order of the lines."""
        days: dict[tuple, list[Line]] = {}
        work = [Line(raw, index) for index, raw in enumerate(lines)]
        for line in work:
            claim = line.raw.get("claim_id")
            key = (0, line.index) if claim is None else (1, claim, line.raw.get("service_date"))
            days.setdefault(key, []).append(line)
        for day in days.values():
            price_day(day, self)
        return [self.result(line) for line in work]

    def result(self, line: Line) -> dict:
        rules = tuple(dict.fromkeys(line.rules))
        self.hits.update(rules)
        result = {
            "outcome": line.outcome,
            "allowed": None,
            "fee": None,
            "deductible": None,
            "coinsurance": None,
            "medicare_share": None,
            "sequestration": None,
            "received": None,
            "flags": line.flags,
            "rule": line.rule,
            "why": line.why,
            "rules": rules,
        }
        if line.outcome == CANNOT:
            return result
        if line.outcome == ZERO:
            nothing = ("allowed", "deductible", "coinsurance", "medicare_share", "sequestration", "received")
            return result | dict.fromkeys(nothing, 0)
        is_anesthesia = line.row["status"] == "J"
        fee = int(line.items[0].base) if is_anesthesia else self.fee(line, line.row)
        received = line.coinsurance + line.applied_deductible + line.medicare - line.sequestration
        return result | {
            "allowed": line.allowed,
            "fee": fee,
            "deductible": line.applied_deductible,
            "coinsurance": line.coinsurance,
            "medicare_share": line.medicare,
            "sequestration": line.sequestration,
            "received": received,
        }


def read_base_units(path: Path) -> dict[str, int]:
    """Code -> base units, from the text of CMS's list; empty where the file is not there."""
    if not path.is_file():
        return {}
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".txt"))
        text = archive.read(name).decode("ascii", errors="replace")
    return {code: int(units) for code, units in re.findall(r"^(\d{5})\s+(\d+)\s*$", text, flags=re.MULTILINE)}
